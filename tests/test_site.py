"""`make site`: the web site says what the notebooks say, needs nothing from elsewhere, and works in a browser from a folder."""

import functools
import re

import hygiene
import jupyter
import made
import pytest
import site_browser
import site_pages

from shared import site

LEAST_CONTRAST = 4.5                                    # WCAG 2.2, level AA, for text of any size
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
NAMES = [path.stem for path in made.NOTEBOOKS]
KEPT = made.ROOT / "build" / "browser"
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", flags=re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`]+`", flags=re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.filterwarnings("ignore:'myst_parser:PendingDeprecationWarning")       # its own affair with Sphinx
in_browser = pytest.mark.skipif(jupyter.browser() is None, reason=f"no browser: none of {', '.join(jupyter.BROWSERS)} is installed")
each_lesson = pytest.mark.parametrize("name", NAMES)


def page_name(name):
    return "index.html" if name.startswith("00_") else f"{name}.html"


@functools.cache
def lesson(name):
    return hygiene.load(made.ROOT / "notebooks" / f"{name}.ipynb")


def codes(name):
    """The code cells of a lesson."""
    return [cell for cell in lesson(name)["cells"] if cell["cell_type"] == "code"]


def without_marks(cell):
    """A cell's code without the lines that `make export` reads."""
    return re.sub(r"^#\|.*\n", "", cell["source"], flags=re.MULTILINE).strip("\n")


def formulas(name):
    """The number of formulas in what a lesson says, and in the markdown that it puts out."""
    texts = [cell["source"] for cell in lesson(name)["cells"] if cell["cell_type"] == "markdown"]
    texts += [output.get("data", {}).get("text/markdown", "") for cell in codes(name) for output in cell["outputs"]]
    return sum(len(FORMULA.findall(CODE.sub("", text))) for text in texts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The site of this project."""
    target = tmp_path_factory.mktemp("site") / "site"
    site.build(target)
    return target


@pytest.fixture(scope="module")
def pages(folder):
    return site_pages.read(folder)


@pytest.fixture(scope="module")
def browse():
    with site_browser.opener() as go:
        yield go


# ---- what the pages say

def test_all_lessons_are_listed_in_order(pages):
    listed = [link["href"] for link in pages["search.html"].select(".sidebar-tree a")]
    names = [page_name(name) for name in NAMES]
    assert [name for name in listed if name in names] == names
    assert set(names) | {"index.html"} <= set(pages)


@each_lesson
def test_code_outputs_and_pictures_are_those_of_the_notebook(name, pages):
    page = pages[page_name(name)]
    assert site_pages.codes(page) == list(map(without_marks, codes(name)))
    outputs = [output for cell in codes(name) for output in cell["outputs"]]
    alts = [output["metadata"]["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    assert site_pages.pictures(page) == alts
    text = page.get_text()
    assert [output["text"] for output in outputs if "text" in output and output["text"].strip("\n") not in text] == []


@each_lesson
def test_the_page_has_one_title_and_folds_what_the_notebook_folds_and_the_set_up(name, pages):
    page = pages[page_name(name)]
    assert len(page.select("article h1")) == 1
    set_up, *others = codes(name)
    folded = [set_up, *(cell for cell in others if cell["metadata"].get("jupyter", {}).get("source_hidden"))]
    assert [details.select("pre")[0].get_text().strip("\n") for details in page.select("details.hide")] == list(map(without_marks, folded))


@each_lesson
def test_what_needs_the_notebook_is_said(name, pages):
    page = pages[page_name(name)]
    live = any(re.search(r"\b(check|explore)\(", cell["source"]) for cell in codes(name))
    assert [f"{name}.ipynb" in note.get_text() for note in page.select(".site-note")] == [True] * live
    assert "run this cell to use them" not in page.get_text()


def test_nothing_is_missing_and_nothing_comes_from_elsewhere(folder, pages):
    assert list(site_pages.dead_links(folder, pages)) == []
    assert list(site_pages.missing_files(folder, pages)) == []
    assert list(site_pages.fetches(folder, pages)) == []
    assert list(site_pages.without_alt(pages)) == []


def test_the_index_finds_words(folder):
    assert "03_positional_encoding" in site_pages.found(folder, "rotari")
    assert site_pages.found(folder, "zzz") == []


# ---- what a browser shows

@in_browser
@pytest.mark.parametrize("name", sorted({*map(page_name, NAMES), "index.html", "search.html"}))
def test_page_in_a_browser(name, folder, browse):
    page, problems = browse(folder / name)
    KEPT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=KEPT / f"site-{name}.png")
    page.evaluate(site_browser.OPEN_ALL)
    assert page.evaluate(site_browser.FORMULAS) == sum(formulas(lesson) for lesson in NAMES if page_name(lesson) == name)
    assert page.evaluate(site_browser.RAW_FORMULAS) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(site_browser.FAINT, LEAST_CONTRAST) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate(site_browser.TOO_WIDE) == []
    page.screenshot(path=KEPT / f"site-{name}-phone.png")
    assert problems == []
    page.close()


@in_browser
def test_search_finds_the_lesson(folder, browse):
    page, problems = browse(folder / "index.html")
    page.fill(".sidebar-search", "rotary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    found = page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.getAttribute('href'))")
    assert any(link.startswith("03_positional_encoding.html") for link in found)
    page.click("#search-results li a")
    page.wait_for_function("() => scrollY > innerHeight")       # it begins where the word stands
    assert problems == []
    page.close()


@in_browser
def test_the_copy_button_copies_its_cell(folder, pages, browse):
    name = "01_attention"
    page, problems = browse(folder / page_name(name))
    copied = site_pages.codes(pages[page_name(name)])[1]
    cell = page.locator("div.cell_input").nth(1)
    cell.hover()
    cell.locator("button.copybtn").click()
    page.evaluate("() => document.body.prepend(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
    page.locator("#pasted").focus()
    page.keyboard.press("Control+V")
    assert page.locator("#pasted").input_value().strip("\n") == copied
    assert problems == []
    page.close()


# ---- the checks themselves, on planted faults

@pytest.mark.parametrize("text, said", [
    ("[no such lesson](09_none.ipynb)", "09_none"),
    ("[no such heading](#Nowhere)", "Nowhere"),
    (r"$\nosuchcommand{x}$", "nosuchcommand"),
    (r"$\frac{1$", "a part is missing"),
])
def test_a_fault_of_a_lesson_leaves_the_old_site(text, said, tmp_path, capsys):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").write_text("# Made\n", encoding="utf-8")
    made.write(made.executed(f"md: # A lesson\n\n{text}", ("1", "")), tmp_path / "notebooks" / "01_made.ipynb")
    target = tmp_path / "site"
    target.mkdir()
    (target / "index.html").write_text("the old one", encoding="utf-8")
    with pytest.raises(RuntimeError, match="not written"):
        site.build(target, tmp_path)
    assert said in capsys.readouterr().err
    assert (target / "index.html").read_text(encoding="utf-8") == "the old one"


FAULTY = """<html><head><script src="https://example.org/a.js"></script><style>@import "//example.org/b.css";</style></head>
<body><article id="top"><h1>Faulty</h1><a href="#none">a</a><a href="none.html">b</a><img src="none.png">
<p style="color: #999; background: white">faint</p><p>a formula: $x$</p><pre style="width: 900px">wide</pre>
<script>noSuchFunction()</script></article></body></html>"""


@pytest.fixture
def faulty(tmp_path):
    (tmp_path / "faulty.html").write_text(FAULTY, encoding="utf-8")
    return tmp_path


def test_planted_faults_are_found(faulty):
    pages = site_pages.read(faulty)
    assert [line.split()[1] for line in site_pages.dead_links(faulty, pages)] == ["#none", "none.html"]
    assert len(list(site_pages.fetches(faulty, pages))) == 2
    assert list(site_pages.without_alt(pages)) == ["faulty.html: none.png has no alt text"]
    assert list(site_pages.missing_files(faulty, pages)) == ["faulty.html: <img> needs none.png, which is not there"]


@in_browser
def test_planted_faults_are_seen(faulty, browse):
    page, problems = browse(faulty / "faulty.html")
    assert page.evaluate(site_browser.FORMULAS) == 0
    assert len(page.evaluate(site_browser.RAW_FORMULAS)) == 1
    assert any("faint" in line for line in page.evaluate(site_browser.FAINT, LEAST_CONTRAST))
    page.set_viewport_size(PHONE)
    assert page.evaluate(site_browser.TOO_WIDE)
    for part in ("asked for https://example.org/a.js", "none.png", "noSuchFunction"):
        assert any(part in line for line in problems), part
    page.close()
