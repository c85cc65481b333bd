"""A lesson in JupyterLab, in a real browser, as a learner uses it: it runs, and its controls answer.

The start page and lesson 01 run whole, the others up to their first control: what follows, nbval executes. Screenshots and the
measured times are kept in build/browser.
"""

import contextlib
import time

import jupyter
import made
import nbformat
import pytest
from playwright.sync_api import TimeoutError, sync_playwright

KEPT = made.ROOT / "build" / "browser"
WHOLE = ("00", "01")
EXPLORER = """
from matplotlib.figure import Figure
from shared.lesson import explore

def draw(height, colour):
    figure = Figure(figsize=(4, 2))
    figure.add_subplot().bar([0, 1], [height, 2], color=colour)
    return figure

explore(draw, "two bars, the first as high as the slider says", height=(0, 10, 3), colour=["black", "grey"])
"""
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
ERRORS = "[data-mime-type$='jupyter.error'], [data-mime-type$='jupyter.stderr']"
PROMPTS = """[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')]
    .map(prompt => prompt.textContent.trim()).filter(text => text)"""       # the prompt of a folded cell is empty
BEGUN = f"() => {PROMPTS}.some(text => text != '[ ]:')"
DONE = f"""errors => {PROMPTS}.every(text => /^\\[\\d+\\]:$/.test(text))
    || (document.querySelector(errors) && !{PROMPTS}.includes('[*]:'))"""   # one raised, and nothing runs any more

pytestmark = pytest.mark.skipif(jupyter.browser() is None, reason=f"no browser: none of {', '.join(jupyter.BROWSERS)} is installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A function that opens a notebook of the served folder in a browser, and returns its page."""
    workplace = tmp_path_factory.mktemp("lab")
    folder = workplace / "notebooks"
    folder.mkdir()
    for path in made.NOTEBOOKS:
        made.write(up_to_a_control(nbformat.read(path, as_version=4), whole=path.name[:2] in WHOLE), folder / path.name)
    made.write(made.notebook("md: # Made", EXPLORER), folder / "made_explorer.ipynb")
    made.write(made.notebook("1", "import sys\nprint('oh', file=sys.stderr)", "1 / 0", "2"), folder / "made_error.ipynb")
    KEPT.mkdir(parents=True, exist_ok=True)
    with jupyter.lab(folder, workplace) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=jupyter.browser(), args=list(jupyter.FLAGS))
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.set_default_timeout(20_000)

        def go(name):
            opened.goto(address(name))
            cells = len(nbformat.read(folder / name, as_version=4).cells)
            opened.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook .jp-Cell').length == {cells}", timeout=60_000)
            opened.wait_for_selector(IDLE, timeout=60_000)
            return opened

        yield go
        browser.close()


def up_to_a_control(notebook, whole):
    """Without the cells after the first one with a control."""
    first = next(place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code" and "\nexplore(" in f"\n{cell.source}")
    if not whole:
        del notebook.cells[first + 1:]
    return notebook


def command(page, menu, name):
    """Choose an entry of JupyterLab's menus."""
    page.locator(".lm-MenuBar-itemLabel").get_by_text(menu, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()


def run_all(page, seconds=300):
    """Forget all outputs, run all cells, wait until that is done; return what was written as errors."""
    command(page, "Edit", "Clear Outputs of All Cells")
    for _ in range(5):                      # JupyterLab forgets what is asked of it before its kernel is connected
        command(page, "Run", "Run All Cells")
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(BEGUN, timeout=4_000)
            break
    page.wait_for_function(DONE, arg=ERRORS, timeout=1000 * seconds)
    page.wait_for_selector(IDLE)
    return page.locator(ERRORS).all_inner_texts()


def move_control(page):
    """Move the first slider or choice by one; return the seconds until the picture above it was another one."""
    cell = page.locator(".jp-CodeCell:has(.widget-slider, .widget-dropdown)").first
    control = cell.locator(".widget-slider [role=slider], .widget-dropdown select").first
    control.scroll_into_view_if_needed()
    before = cell.locator("img").first.get_attribute("src")
    control.focus()
    start = time.perf_counter()
    if control.get_attribute("role") == "slider":
        page.keyboard.press("ArrowRight")
    else:
        control.select_option(index=control.evaluate("select => (select.selectedIndex + 1) % select.options.length"))
    while time.perf_counter() < start + 5:
        if cell.locator("img").first.get_attribute("src") != before:
            return time.perf_counter() - start
    raise AssertionError("the picture did not change within 5 seconds")


@pytest.mark.parametrize("name", [path.name for path in made.NOTEBOOKS] + ["made_explorer.ipynb"])
def test_a_learner_runs_all_cells_and_moves_a_control(name, page):
    opened = page(name)
    stem = name.partition(".")[0]
    opened.screenshot(path=KEPT / f"{stem}-first-screen.png")
    assert run_all(opened) == []
    answers = [move_control(opened) for _ in range(3)]
    opened.screenshot(path=KEPT / f"{stem}-control-moved.png")
    report = f"{stem}: the picture changed {', '.join(f'{seconds:.2f}' for seconds in answers)} s after a control moved"
    (KEPT / f"{stem}.txt").write_text(report + "\n", encoding="utf-8")
    print(report)
    assert min(answers) < 1, report


def test_errors_are_seen(page):
    written = run_all(page("made_error.ipynb"))
    assert len(written) == 2
    assert written[0].strip() == "oh"
    assert "ZeroDivisionError" in written[1]
