"""The project as a whole: short files, plain settings, nothing that only one machine has."""

import ast
import re
import sys

import made
import pytest

from shared import export

LONGEST = 250                                       # lines of a hand-written file; a part is split where it holds two ideas
WIDEST = {True: 92, False: 120}                     # columns of generated and of other modules of shared/transformer
CELL = 40                                           # lines of an exported cell that are not blank
TRANSFORMER = made.ROOT / "shared" / "transformer"
SOURCES = [path for folder in ("shared", "tests") for path in sorted((made.ROOT / folder).rglob("*.py"))
           if TRANSFORMER not in path.parents]
PARTS = [path for path in sorted(TRANSFORMER.glob("*.py")) if path.stem != "__init__"]
MARKER = re.compile(r"^# %% \.\./\.\./notebooks/(\d\d)\w*\.ipynb #(\S+)\n", flags=re.MULTILINE)


each_part = pytest.mark.parametrize("path", PARTS, ids=lambda path: path.stem)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(made.ROOT).as_posix())
def test_hand_written_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_the_sanitiser_is_ascii_and_one_rule():
    text = (made.ROOT / "tests" / "nbval_sanitiser.cfg").read_text(encoding="ascii")
    assert text.count("regex:") == text.count("replace:") == 1


def test_requirements_are_exact():
    lines = [line for line in (made.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    assert lines[0] == "-e ."
    assert all(line.count("==") == 1 for line in lines[1:])


def test_data_holds_what_the_readme_says():
    known = {"languages", "texts", "results", "datasets.json", "cache"}
    assert {path.name for path in (made.ROOT / "data").iterdir() if not path.name.startswith(".")} <= known
    assert "data/cache/" in (made.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def text_of(path):
    return path.read_text(encoding="utf-8")


def needed(path):
    """The modules of shared/transformer that one imports, in whatever way."""
    relative = [node for node in ast.walk(ast.parse(text_of(path))) if isinstance(node, ast.ImportFrom) and node.level]
    return {name for node in relative for name in ([node.module] if node.module else [alias.name for alias in node.names])}


def test_the_files_to_copy_are_named_with_all_that_they_need():
    """README's table: each row's files import each other alone; "these" are those of the row before."""
    readme = (made.ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \| (.*) \|$", readme.split("| you want | files |")[1].split("```")[0], flags=re.MULTILINE)
    before, seen = set(), set()
    for row in rows:
        files = set(re.findall(r"`(\w+)`", row)) | (before if row.startswith("these") else set())
        for name in files:
            missing = needed(TRANSFORMER / f"{name}.py") - files
            assert not missing, f"{name} needs {missing}"
        before, seen = files, seen | files
    assert seen == {path.stem for path in PARTS}


# --- the modules of shared/transformer

@each_part
def test_lines_are_narrow(path):
    source, generated = text_of(path), export.is_generated(path)
    tree = ast.parse(source)
    spared = [node for node in tree.body[:2] if isinstance(node, ast.Expr)] + [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    free = {number for node in spared if generated for number in range(node.lineno, node.end_lineno + 1)}
    wide = [line for number, line in enumerate(source.splitlines(), 1)
            if len(line) > WIDEST[generated] and number not in free and not (generated and line.startswith("# "))]
    assert wide == []


@each_part
def test_exported_cells_are_short(path):
    if not export.is_generated(path):
        pytest.skip("written by hand")
    _, *sections = MARKER.split(text_of(path))
    lengths = {cell: 1 + sum(bool(line.strip()) for line in body.splitlines()) for _, cell, body in zip(*[iter(sections)] * 3)}
    assert {cell: lines for cell, lines in lengths.items() if lines > CELL} == {}


@each_part
def test_what_is_refused_is_refused_in_refuse(path):
    raised = [ast.unparse(node) for node in ast.walk(ast.parse(text_of(path))) if isinstance(node, ast.Raise) and node.exc is not None]
    assert path.stem == "refuse" or not [line for line in raised if re.match(r"raise (Type|Value)Error\b", line)]


@each_part
def test_no_private_name_of_another_module_is_used(path):
    tree, modules = ast.parse(text_of(path)), {other.stem for other in PARTS}
    relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    named = [alias.name for node in relative for alias in node.names if alias.name.startswith("_")]
    known = {alias.asname or alias.name for node in relative if not node.module for alias in node.names if alias.name in modules}
    reached = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
               and node.value.id in known and node.attr.startswith("_")]
    assert named + reached == []


@each_part
def test_only_pytorch_is_imported(path):
    allowed = {"torch", {"pretrained": "safetensors", "randomness": "numpy"}.get(path.stem)}        # within functions that need them
    nodes = list(ast.walk(ast.parse(text_of(path))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) <= allowed


@each_part
def test_refuse_and_the_decoder_import_what_they_may(path):
    if path.stem == "refuse":
        assert needed(path) == set()
    if path.stem in ("decoder", "sampling", "embedding"):
        assert not {"encoder", "tagging"} & needed(path)


def test_refusals_are_named_after_what_they_protect_and_return_nothing():
    functions = [node for node in ast.parse(text_of(TRANSFORMER / "refuse.py")).body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if any(isinstance(node, ast.Raise) for node in ast.walk(function)):
            assert not function.name.startswith("_")
            assert not [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None], function.name
