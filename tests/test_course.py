"""The way in: the glossary collected from the lessons, the links among them, and the check of an installation."""

import importlib.metadata
import re

import hygiene
import made
import pytest

from shared import course, installation

GLOSSARY = ("md: # 01 A\n\ntext", "md: text\n\n**Glossary.** (*Word* is a token here.) *Score*: a dot product, not scaled; *key, value*: what is "
            "compared, and what is handed over ([1](#1-A)). *BLEU, n-gram* ([lab](#How-good?), [2](#2-B)).\n\n**Next:** *nothing*.")
PLACE = re.compile(r"(\d\d)(?:, section (\d+)|, .+)$")


def written(folder, *cells, name="01_a.ipynb"):
    made.write(made.notebook(*cells), folder / name)
    return folder


def test_terms_come_with_meaning_place_and_link(tmp_path):
    assert course.glossary(written(tmp_path, *GLOSSARY)) == {
        "BLEU": [("", "01, lab", "01_a.ipynb#How-good?")],
        "key": [("what is compared", "01, section 1", "01_a.ipynb#1-A")],
        "n-gram": [("", "01, lab", "01_a.ipynb#How-good?")],
        "score": [("a dot product, not scaled", "01, section 1", "01_a.ipynb#1-A")],
        "value": [("what is handed over", "01, section 1", "01_a.ipynb#1-A")]}


def test_a_glossary_may_be_a_list(tmp_path):
    listed = "md: text\n\n**Glossary.**\n\n- *Score*: a dot product ([1](#1-A))\n- *key, value*: what is compared, what is handed over ([2](#2-B))\n\nNext"
    assert course.glossary(written(tmp_path, "md: # 01 A", listed)) == {
        "key": [("what is compared", "01, section 2", "01_a.ipynb#2-B")],
        "score": [("a dot product", "01, section 1", "01_a.ipynb#1-A")],
        "value": [("what is handed over", "01, section 2", "01_a.ipynb#2-B")]}


def test_a_term_of_two_lessons_has_one_row_with_both_places(tmp_path):
    written(tmp_path, "md: # 02 B", "md: **Glossary.** *Key*: the other side ([3](#3-C)).", name="02_b.ipynb")
    table = course.glossary_table(written(tmp_path, *GLOSSARY))
    assert "| key | what is compared (01) · the other side (02) | [01, section 1](01_a.ipynb#1-A) · [02, section 3](02_b.ipynb#3-C) |" in table.splitlines()


def test_a_term_without_a_section_is_refused(tmp_path):
    with pytest.raises(ValueError, match="01_a.ipynb: after the glossary's 'mask' no section is named"):
        course.glossary(written(tmp_path, "md: # 01 A", "md: **Glossary.** *Key* ([1](#1-A)). *Mask*: closes."))


@pytest.mark.parametrize("term, entries", course.glossary().items())
def test_every_term_has_a_meaning_somewhere_and_leads_to_a_heading(term, entries):
    assert any(meaning for meaning, _, _ in entries)
    for _, place, link in entries:
        name, anchor = link.split("#")
        assert PLACE.match(place)
        assert anchor in headings(made.ROOT / "notebooks" / name)


def headings(path):
    """The anchors of a notebook, as Jupyter makes them."""
    texts = (cell["source"] for cell in hygiene.load(path)["cells"] if cell["cell_type"] == "markdown")
    return {heading.replace(" ", "-") for text in texts for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("path", made.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_map_names_every_lesson_and_all_links_lead_somewhere(path):
    texts = [cell["source"] for cell in hygiene.load(path)["cells"] if cell["cell_type"] == "markdown"]
    (line,) = (line for line in texts[0].splitlines() if line.endswith("→ 09 to 15 (planned)"))
    titles = {other.name: hygiene.load(other)["cells"][0]["source"].splitlines()[0].removeprefix("# ") for other in made.NOTEBOOKS}
    assert line.split(" → ")[:-1] == [f"**{title}**" if name == path.name else f"[{title}]({name})" for name, title in titles.items()]
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", "\n".join(texts)):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("place, path", list(enumerate(made.NOTEBOOKS))[1:], ids=lambda value: getattr(value, "stem", None))
def test_a_lesson_s_core_ends_with_links_to_its_neighbours(place, path):
    texts = "\n".join(cell["source"] for cell in hygiene.load(path)["cells"] if cell["cell_type"] == "markdown")
    (line,) = re.findall(r"^← .*$", texts, flags=re.MULTILINE)
    neighbours = [made.NOTEBOOKS[place - 1], made.NOTEBOOKS[(place + 1) % len(made.NOTEBOOKS)]]
    assert re.findall(r"\(([^)]+)\)", line) == [neighbour.name for neighbour in neighbours]


def test_what_is_installed_here_will_do(capsys):
    installation.check()
    assert capsys.readouterr().out == f"✓ installed: Python, {', '.join(package.name for package in installation.needed())}\n"


def test_what_is_missing_or_old_is_named_with_the_command(monkeypatch):
    versions = {"torch": "2.4.1+cpu", "numpy": "2.10.0"}

    def version(name):
        if name == "seaborn":
            raise importlib.metadata.PackageNotFoundError(name)
        return versions.get(name, "999")

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(RuntimeError, match="^torch is 2.4.1\\+cpu, >=2.5 is needed; seaborn is missing. In the project's folder run: make lab"):
        installation.check()
    monkeypatch.setattr("sys.version_info", type("Version", (tuple,), {"major": 3, "minor": 10})((3, 10, 1)))
    with pytest.raises(RuntimeError, match="^Python is 3.10, 3.11 is needed; torch is 2.4.1"):
        installation.check()
