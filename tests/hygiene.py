"""What a committed lesson must look like: each check yields one line a problem of a notebook, read as plain JSON."""

import json
import math
import re
import statistics

LARGEST = 1_500_000                             # bytes of a file
CORE_CELLS, CORE_WORDS = 60, 5_000
MEDIAN_LINES, MOST_LINES = 10, 30               # of a code cell: the median, and nine cells in ten
CLAIMS = range(5, 13)                           # of the core
WIDGET = "application/vnd.jupyter.widget"
MACHINE_PATH = re.compile(r"/home/|/root/|/Users/|/tmp/|/work/|[A-Z]:\\+Users")
NBVAL_MARK = re.compile(r"^\s*#\s*(NBVAL_\w+|PYTEST_VALIDATE_\w+)", flags=re.MULTILINE)
LAB = re.compile(r"^#{1,2} Lab\b", flags=re.MULTILINE)
REFERENCE = re.compile(r"^## \d+ What we built\b", flags=re.MULTILINE)


def load(path):
    """A notebook as it lies on the disk, nothing repaired; multi-line texts joined."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    for _, output in _outputs(notebook):
        for holder in (output, output.get("data", {})):
            holder.update({key: "".join(value) for key, value in holder.items() if key != "traceback" and isinstance(value, list)})
    return notebook


def _codes(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _outputs(notebook):
    """(cell's name, output) for every output."""
    return [(f"code cell {number}", output) for number, cell in enumerate(_codes(notebook), start=1) for output in cell["outputs"]]


def _calls(name, cell):
    return len(re.findall(rf"(?<![\w.]){name}\(", cell["source"]))


def never_ran(notebook):
    """nbval passes silently over cells that were never run."""
    for number, cell in enumerate(_codes(notebook), start=1):
        if cell["execution_count"] != number:
            yield f"code cell {number} has execution count {cell['execution_count']}: `make run SAVE=1`"


def error_outputs(notebook):
    """Errors, and whatever was written on stderr."""
    for where, output in _outputs(notebook):
        if output["output_type"] == "error" or output.get("name") == "stderr":
            yield f"{where} shows an error or stderr output: {output.get('evalue') or output.get('text')}"


def widget_state(notebook):
    """A widget without its kernel is a broken picture."""
    if "widgets" in notebook["metadata"]:
        yield "the notebook's metadata hold the state of widgets"
    for where, output in _outputs(notebook):
        if any(mime.startswith(WIDGET) for mime in output.get("data", {})):
            yield f"{where} shows a widget: `make run SAVE=1` leaves its text only"


def pictures(notebook):
    """PNG with a text alternative, displayed: nbval compares SVG, and a reader may not see."""
    for where, output in _outputs(notebook):
        images = [mime for mime in output.get("data", {}) if mime.startswith("image/")]
        if images and images != ["image/png"] or "<svg" in output.get("data", {}).get("text/html", ""):
            yield f"{where} shows {', '.join(images) or 'an SVG in HTML'}: only image/png is allowed"
        if images and output["output_type"] != "display_data":
            yield f"{where} returns its picture: use show(figure, alt)"
        if images and not output["metadata"].get("image/png", {}).get("alt", "").strip():
            yield f"{where} has a picture without alt text"


def core_length(notebook):
    """The core is what comes before the heading of the lab; what is looked up (What we built, the glossary) is not read in a row."""
    codes, words, reading = 0, 0, True
    for cell in notebook["cells"]:
        text = cell["source"] if cell["cell_type"] == "markdown" else ""
        lab, reference = LAB.search(text), REFERENCE.search(text)
        codes += cell["cell_type"] == "code"
        words += len(text[:min(found.start() for found in (lab, reference) if found) if lab or reference else None].split()) * reading
        reading = reading and not reference
        if lab:
            break
    else:
        yield "no line of a markdown cell is the heading `# Lab` or `## Lab`"
    if codes > CORE_CELLS:
        yield f"the core has {codes} code cells, at most {CORE_CELLS} are allowed"
    if words > CORE_WORDS:
        yield f"the core has {words} words, at most {CORE_WORDS} are allowed"


def cell_lengths(notebook):
    """Short cells: the median, and nine in ten."""
    lengths = sorted(len(cell["source"].splitlines()) for cell in _codes(notebook))
    median, long = statistics.median(lengths), lengths[math.ceil(0.9 * len(lengths)) - 1]
    if median > MEDIAN_LINES:
        yield f"the median code cell has {median:g} lines, at most {MEDIAN_LINES} are allowed"
    if long > MOST_LINES:
        yield f"one code cell in ten has {long} lines or more, at most {MOST_LINES} are allowed"


def machine_paths(notebook):
    """Neither in sources nor in what was printed; the bytes of pictures may hold anything."""
    for number, cell in enumerate(notebook["cells"], start=1):
        shown = [{mime: data for mime, data in output.get("data", output).items() if not mime.startswith("image/")}
                 for output in cell.get("outputs", [])]
        for found in MACHINE_PATH.finditer(cell["source"] + json.dumps(shown)):
            yield f"cell {number} names a path of one machine: {found.group()}"


def cell_ids(notebook):
    """Each cell keeps an id of its own, so that changes can be followed."""
    ids = [cell.get("id") for cell in notebook["cells"]]
    for number, name in enumerate(ids, start=1):
        if not name or ids.count(name) > 1:
            yield f"cell {number} has id {name!r}, which is empty or not its own"


def ignored_cells(notebook):
    """Ids of the cells whose output nbval does not compare: the test has the list of those that are allowed."""
    return [cell.get("id") for cell in _codes(notebook) if "nbval-ignore-output" in cell["metadata"].get("tags", [])]


def nbval_marks(notebook):
    """No other way around nbval than the tag that a test lists."""
    for number, cell in enumerate(_codes(notebook), start=1):
        tags = [tag for tag in cell["metadata"].get("tags", []) if tag.startswith("nbval-") and tag != "nbval-ignore-output"]
        tags += [tag for tag in cell["metadata"].get("tags", []) if tag == "raises-exception"]
        for mark in tags + NBVAL_MARK.findall(cell["source"]):
            yield f"code cell {number} is marked {mark}: only the tag nbval-ignore-output is allowed"


def exercises_attempted(notebook):
    """A committed exercise is a stub, and its solution is not in sight."""
    for number, cell in enumerate(_codes(notebook), start=1):
        printed = "".join(output.get("text", "") for output in cell["outputs"])
        if printed.count("not attempted yet") != _calls("check", cell):
            yield f"code cell {number} checks an exercise, and does not print 'not attempted yet'"
        if _calls("hint", cell) or _calls("solution", cell):
            yield f"code cell {number} calls hint or solution: name them in the text"


def number_of_claims(notebook):
    """One for each finding of the core, and not more than a reader can hold."""
    lab = next((k for k, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "markdown" and LAB.search(cell["source"])), None)
    count = sum(_calls("claim", cell) for cell in notebook["cells"][:lab] if cell["cell_type"] == "code")
    if count not in CLAIMS:
        yield f"the core makes {count} claims, {CLAIMS.start} to {CLAIMS.stop - 1} are allowed"


CHECKS = (never_ran, error_outputs, widget_state, pictures, core_length, cell_lengths, machine_paths, cell_ids, nbval_marks,
          exercises_attempted, number_of_claims)
OF_LESSONS_ONLY = (core_length, number_of_claims)        # not of 00, which shows the way in
