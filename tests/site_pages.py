"""What is wrong with the pages of a web site in a folder: each check yields one line a problem, read without a browser."""

import json
import re
import urllib.parse

from bs4 import BeautifulSoup

FETCHING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
            "object": "data", "embed": "src"}
ELSEWHERE = re.compile(r"\s*(?:[a-z]+:)?//", flags=re.IGNORECASE)
STYLE_FETCHES = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


def read(folder):
    """Page's name → its parsed text, of every page of the folder."""
    return {path.relative_to(folder).as_posix(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            for path in sorted(folder.rglob("*.html"))}


def dead_links(folder, pages):
    """Links within the site that lead to no file, or to no element of it."""
    anchors = {name: {element["id"] for element in page.find_all(id=True)} | {"", "top"} for name, page in pages.items()}
    for name, page in pages.items():
        for link in page.find_all("a", href=True):
            target = urllib.parse.urlsplit(link["href"])
            if target.scheme or target.netloc:
                continue
            path = (folder / name).parent / urllib.parse.unquote(target.path) if target.path else folder / name
            if not path.is_file():
                yield f"{name}: {link['href']} leads to no file"
            elif path.suffix == ".html":
                reached = path.resolve().relative_to(folder.resolve()).as_posix()
                if urllib.parse.unquote(target.fragment) not in anchors[reached]:
                    yield f"{name}: {link['href']} leads to no element"


def fetches(folder, pages):
    """What a browser would get from elsewhere: scripts, styles, fonts, pictures."""
    for name, page in pages.items():
        for tag, attribute in FETCHING.items():
            for element in page.find_all(tag):
                if ELSEWHERE.match(element.get(attribute) or ""):
                    yield f"{name}: <{tag}> gets {element[attribute]}"
        for style in page.find_all("style"):
            yield from (f"{name}: a style gets {address}" for address in STYLE_FETCHES.findall(style.get_text()))
    for path in sorted(folder.rglob("*.css")):
        for address in STYLE_FETCHES.findall(path.read_text(encoding="utf-8")):
            yield f"{path.name}: a style gets {address}"


def missing_files(folder, pages):
    """Files that a page needs and that are not there."""
    for name, page in pages.items():
        for tag, attribute in FETCHING.items():
            for element in page.find_all(tag):
                needed = urllib.parse.urlsplit(element.get(attribute) or "")
                local = needed.path and not needed.scheme and not needed.netloc
                if local and not ((folder / name).parent / urllib.parse.unquote(needed.path)).is_file():
                    yield f"{name}: <{tag}> needs {needed.path}, which is not there"


def without_alt(pages):
    """Pictures of the pages' text that a person who cannot see them is told nothing of."""
    for name, page in pages.items():
        for picture in page.select("article img"):
            if not picture.get("alt", "").strip():
                yield f"{name}: {picture['src']} has no alt text"


def codes(page):
    """The code cells of a page, as a reader sees and copies them."""
    return [pre.get_text().strip("\n") for pre in page.select("div.cell_input pre")]


def pictures(page):
    """The alt texts of the pictures that cells have put out."""
    return [picture.get("alt") for picture in page.select("div.cell_output img")]


def found(folder, term):
    """The names of the pages that the search index has for a stemmed term, in the text or in a heading."""
    text = (folder / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1:text.rindex(")")])
    lists = [index[kind].get(term, []) for kind in ("terms", "titleterms")]
    numbers = {number for found in lists for number in ([found] if isinstance(found, int) else found)}
    return [index["docnames"][number] for number in sorted(numbers)]
