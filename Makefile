# The commands of the course; `make` alone lists them. GNU make 3.81 (macOS) and /bin/sh are enough.

PYTHON ?= python3
VENV := $(if $(TORCH),.venv-keep,.venv)
RUN := $(VENV)/bin/python
READY := $(VENV)/installed
FIRST := $(firstword $(wildcard notebooks/$(or $(LESSON),00)_*.ipynb))

.DEFAULT_GOAL := help
.PHONY: help lab test run export evidence full mutants data bench site grade clean

help:      ## this list
	@sed -n 's/^\([a-z][a-z]*\):[^#]*## */\1 /p' Makefile | while read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

lab: $(READY)      ## open JupyterLab on the start page, or on LESSON=02
	$(if $(FIRST),,$(error There is no lesson $(LESSON) in notebooks))
	@$(RUN) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) $(FIRST) $(ARGS)

test: $(READY)     ## every check, two at a time; ARGS="-k parity" goes to pytest; TORCH=keep tests the PyTorch of PYTHON
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

run: $(READY)      ## execute the lessons: seconds, memory, claims; LESSON=01, SEEDS=10; SAVE=1 keeps the outputs
	@$(RUN) -m shared.run $(if $(LESSON),--lesson $(LESSON)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SAVE),--save)

export: $(READY)   ## write shared/transformer from the cells of the notebooks that begin with `#| export`
	@$(RUN) -m shared.export

evidence: $(READY) ## run every seed of every experiment, and write data/results; LESSON=01 for one lesson's
	@LESSON_EVIDENCE=all $(RUN) -m shared.run $(if $(LESSON),--lesson $(LESSON))

full: $(READY)     ## run the lessons on the real data (make data), for many minutes, and write data/results; LESSON=06
	@LESSON_SCALE=full $(RUN) -m shared.run $(if $(LESSON),--lesson $(LESSON))

mutants: $(READY)  ## plant every known mistake, and name the tests that catch it; ARGS=attention for one part
	@$(RUN) -m tests.mutants $(ARGS)

data: $(READY)     ## download the real data sets (24 MB) into data/cache; DATA=wnut17 for one of them
	@$(RUN) -m shared.datasets $(DATA)

bench: $(READY)    ## measure our models beside others, and print one table of ratios; ARGS=training for one section
	@$(RUN) -m tests.benchmarks $(ARGS)

site: $(READY)     ## write the lessons as a searchable web site that needs no network: build/site/index.html
	@$(RUN) -m shared.site

grade: $(READY)    ## execute notebooks that were handed in, and say which exercises are right; FILES="handed_in/*.ipynb"
	@$(RUN) -m shared.grade $(FILES)

clean:             ## remove what the commands left behind; .venv and data stay
	@rm -rf build .pytest_cache .hypothesis .coverage .coverage.* *.egg-info notebooks/.ipynb_checkpoints
	@find shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- Setting up. $(READY) holds what it was made for: a moved tree, or another PYTHON to keep the PyTorch of, installs anew.

ifneq ($(filter-out keep,$(TORCH)),)
$(error TORCH must be keep, or not be set; got $(TORCH))
endif

MADE_FOR := $(CURDIR)$(if $(TORCH), $(shell $(PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null))
ifneq ($(shell test -x $(RUN) && cat $(READY) 2>/dev/null),$(MADE_FOR))
$(READY): FORCE
FORCE:
endif

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
# seqeval has no wheel: by pip's older way its build fails where setuptools and wheel are installed already.
PIP := PIP_USE_PEP517=1 $(RUN) -m pip --disable-pip-version-check --no-input

$(READY): requirements.txt pyproject.toml
	@found=$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null); $(PYTHON) $(NEW_ENOUGH) || { \
	echo "Python 3.11 or newer is needed; $(PYTHON) is $${found:-not there}. Name another one: make lab PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	echo "$(PYTHON) has no module venv to make .venv with. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(if $(TORCH),$(PYTHON) -c 'import torch' 2>/dev/null,true) || { \
	echo "TORCH=keep tests the PyTorch of $(PYTHON), and there is none. Name another one: make test TORCH=keep PYTHON=…" >&2; exit 1; }
	@echo "Installing into $(VENV) (some minutes the first time)"
	@$(if $(TORCH),false,$(RUN) $(NEW_ENOUGH)) || rm -rf $(VENV)
	@mkdir -p $(VENV)
	@{ $(PYTHON) -m venv $(VENV) && $(if $(TORCH),$(KEEP_TORCH) &&) \
	$(PIP) install -r $(if $(TORCH),$(VENV)/requirements.txt && $(KEPT),requirements.txt); } >$(VENV)/install.log 2>&1 || { \
	echo "Installation failed; is there a network? The reason is at the end of $(VENV)/install.log" >&2; exit 1; }
	@echo "$(MADE_FOR)" >$(READY)

# A .pth file shows .venv-keep the packages of PYTHON: the system's, the user's, a venv's or conda's, and editable ones.
KEEP_TORCH = $(PYTHON) -c 'import site; folders = site.getsitepackages() + [site.getusersitepackages()] * bool(site.ENABLE_USER_SITE); \
	print(*(f"import site; site.addsitedir({folder!r})" for folder in folders), sep="\n")' >$(VENV)/kept.pth && \
	mv $(VENV)/kept.pth $(VENV)/lib/python3.*/site-packages && grep -v '^torch==' requirements.txt >$(VENV)/requirements.txt && \
	$(RUN) -c 'import torch; print(f"torch=={torch.__version__}")' >>$(VENV)/requirements.txt
KEPT = $(RUN) -c 'import sys, torch; sys.exit(torch.__file__.startswith(sys.prefix) and "pip replaced the PyTorch of $(PYTHON)")'
