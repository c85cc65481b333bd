"""The glossary of the course, collected from its notebooks."""

import json
import pathlib
import re

NOTEBOOKS = pathlib.Path(__file__).resolve().parent.parent / "notebooks"
PARAGRAPH = re.compile(r"^\*\*Glossary\.\*\* (?:\(\*.*?\) )?(.*)$", flags=re.MULTILINE)     # without a remark in brackets
ITEMS = re.compile(r"^\*\*Glossary\.\*\*\n\n((?:- .+\n?)+)", flags=re.MULTILINE)             # or a list, one entry an item
LINK = r"\[([^\]]+)\]\((#[^\s)]+)\)"
PART = re.compile(rf"\*(?P<terms>[^*]+)\*(?:: (?P<meaning>.*?))?(?=; \*|\. \*|\.$| \(\[)|\((?P<links>{LINK}(?:, {LINK})*)\)")


def glossary(notebooks=NOTEBOOKS):
    """{term: [(meaning, place, link), ...]} of all terms, in the order of the alphabet; a place is such as "01, section 4".

    They are collected from the paragraphs, or lists, that begin with **Glossary.**: terms in italics, what they mean, and after one
    or several of them the section where they appear.   Raises ValueError for a term after which no section is named.
    """
    found = {}
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        text = "\n".join(_texts(path))
        items = [item.removeprefix("- ") for block in ITEMS.findall(text) for item in block.splitlines()]
        for part in items + PARAGRAPH.findall(text):
            for term, meaning, section, anchor in _entries(part, path.name):
                place = f"{path.name[:2]}, section {section}" if section.isdecimal() else f"{path.name[:2]}, {section}"
                found.setdefault(term, []).append((meaning, place, path.name + anchor))
    return {term: found[term] for term in sorted(found, key=str.casefold)}


def glossary_table(notebooks=NOTEBOOKS):
    """The glossary as a table in Markdown: each term, what it means, and links to where it appears."""
    rows = ["| term | means | where |", "|---|---|---|"]
    for term, entries in glossary(notebooks).items():
        meanings = {place[:2]: meaning for meaning, place, _ in entries if meaning}
        told = " · ".join(meanings.values() if len(meanings) == 1 else (f"{meaning} ({lesson})" for lesson, meaning in meanings.items()))
        rows.append(f"| {term} | {told} | {' · '.join(f'[{place}]({link})' for _, place, link in entries)} |")
    return "\n".join(rows)


def _entries(paragraph, name):
    waiting = []
    for part in PART.finditer(paragraph):
        if part["terms"]:
            terms = part["terms"].split(", ")
            meanings = (part["meaning"] or "").split(", ")
            each = [one.removeprefix("and ") for one in meanings] if len(meanings) == len(terms) else [part["meaning"] or ""] * len(terms)
            waiting += [(_small(term), meaning) for term, meaning in zip(terms, each)]
        else:
            section, anchor = re.match(LINK, part["links"]).groups()
            yield from ((term, meaning, section, anchor) for term, meaning in waiting)
            waiting = []
    if waiting:
        raise ValueError(f"{name}: after the glossary's {waiting[0][0]!r} no section is named")


def _small(term):
    """Within a sentence a term begins small, unless it is a name or an abbreviation such as BLEU."""
    return term[0].lower() + term[1:] if term[1:].islower() else term


def _texts(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
