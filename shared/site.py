"""`make site`: the lessons as a web site in build/site, which is read and searched from its folder, without a network."""

import pathlib
import re
import shutil
import sys
import tempfile

import nbformat
from docutils import nodes
from nbformat import v4
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx.util.logging import getLogger

from .mathml import mathml

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "site"
STYLE = pathlib.Path(__file__).with_suffix(".css")
SCRIPT = STYLE.with_suffix(".js")
SETTINGS = {
    "project": "The Transformer from nothing but tensors",
    "html_title": "The Transformer from nothing but tensors",
    "extensions": ["myst_nb", "sphinx_copybutton", "shared.site"],
    "include_patterns": ["*.ipynb", "*.md"],
    "nb_execution_mode": "off",                         # the committed outputs are shown
    "nb_code_prompt_show": "Show the code",
    "nb_code_prompt_hide": "Hide the code",
    "myst_enable_extensions": ["dollarmath"],
    "myst_heading_anchors": 6,
    "myst_heading_slug_func": "shared.site.heading_anchor",
    "smartquotes": False,
    "highlight_language": "none",
    "copybutton_selector": "div:not(.output) > div.highlight > pre",
    "html_theme": "furo",
    "html_math_renderer": "mathml",
    "html_static_path": [str(STYLE), str(SCRIPT)],
    "html_css_files": [STYLE.name],
    "html_js_files": [SCRIPT.name],
    "html_copy_source": False,
    "html_use_index": False,
    "html_show_copyright": False,
    "html_show_search_summary": False,                  # it reads pages anew, which a browser forbids in a folder
}
WIDEST = 30                                             # characters of TeX
MARK = re.compile(r"^#\| *(?:export|default_exp)\b.*\n", flags=re.MULTILINE)
LINK = re.compile(r"\]\((?:\.\./|notebooks/)*([^)#:\s]+)")        # of one file of the project to another
NOTE = """<p class="site-note">This page shows the lesson as it was executed. Controls of pictures and checks of exercises work in
the notebook <code>{name}</code>, which <code>make lab LESSON={number}</code> opens.</p>"""
LIVE = re.compile(r"\b(?:check|explore)\(")
OUTLINE = "\n\n```{{toctree}}\n:hidden:\n\nself\n{pages}\n```\n"


def build(target=TARGET, root=ROOT):
    """Write the site of the project in the folder `root` into the folder `target`, which it replaces.

    Raises RuntimeError, and leaves `target` as it was, where Sphinx warns: of a link to nowhere, for example.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, made = pathlib.Path(folder, "source"), pathlib.Path(folder, "made")
        source.mkdir()
        _write_sources(source, root)
        with patch_docutils(), docutils_namespace():
            app = Sphinx(source, None, made, pathlib.Path(folder, "doctrees"), "html", SETTINGS,
                         status=None, warning=sys.stderr, warningiserror=True)
            app.build()
        if app.statuscode:
            raise RuntimeError("the site was not written, because of the warnings above")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target, ignore=shutil.ignore_patterns(".buildinfo*", "objects.inv", "_sources"))


def heading_anchor(text):
    """The anchor that Jupyter gives to a heading."""
    return text.replace(" ", "-")


def _write_sources(source, root):
    """The pages before Sphinx reads them, in one folder: the notebooks in order, and the README, the first of them as the index."""
    pages = [*sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")), root / "README.md"]
    home = next((page for page in pages if page.name.startswith("00_")), pages[-1])
    names = {page.name: ("index" + page.suffix if page == home else page.name) for page in pages}
    others = ["About the project <README>" if page.suffix == ".md" else page.stem for page in pages if page != home]
    outline = OUTLINE.format(pages="\n".join(others))
    for page in pages:
        end = outline if page == home else ""
        if page.suffix == ".md":
            text = _linked(page.read_text(encoding="utf-8"), names, root, source) + end
            (source / names[page.name]).write_text(text, encoding="utf-8")
            continue
        notebook = _prepared(nbformat.read(page, as_version=4), page.name)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = _linked(cell.source, names, root, source)
        if end:
            notebook.cells.append(v4.new_markdown_cell(end))
        nbformat.write(notebook, source / names[page.name])


def _linked(text, names, root, source):
    """A text whose links lead to pages of the site; any other file that it links is copied to where the link then leads."""
    for name in LINK.findall(text):
        if name not in names and (root / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, source / name)
    return LINK.sub(lambda link: f"]({names.get(link[1], link[1])}", text)


def _prepared(notebook, name):
    """The notebook as its page shows it: without the marks of `make export`, set-up folded, each picture with its alt text."""
    title, _, rest = notebook.cells[0].source.partition("\n")
    if any(LIVE.search(cell.source) for cell in notebook.cells):
        notebook.cells[0].source = f"{title}\n\n{NOTE.format(name=name, number=name[:2])}\n{rest}"
    notebook.metadata["language_info"] = {"name": "python"}
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in codes:
        cell.source = MARK.sub("", cell.source)
        if cell is codes[0] or cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    notebook.cells = [part for cell in notebook.cells for part in (_parts(cell) if cell.cell_type == "code" else [cell])]
    return notebook


def _parts(cell):
    """The cell with its outputs up to the second picture, then cells that show only outputs: an alt text belongs to a cell.

    Markdown that was put out becomes a markdown cell, so that its links and formulas are those of a page.
    """
    parts = [cell]
    outputs, cell.outputs = cell.outputs, []
    for output in outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            parts.append(v4.new_markdown_cell(data["text/markdown"]))
            continue
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if parts[-1].cell_type == "markdown" or alt and "mystnb" in parts[-1].metadata:
            parts.append(v4.new_code_cell(cell.source, metadata={"tags": ["remove-input"]}))
        if alt:
            parts[-1].metadata["mystnb"] = {"image": {"alt": alt}}
        if data.get("text/plain", "").startswith("[controls"):
            data["text/plain"] = data["text/plain"].replace("run this cell to use them", "they work in the notebook")
        parts[-1].outputs.append(output)
    return parts


# ---- This module is an extension of Sphinx, too.

def setup(app):
    """Called by Sphinx: formulas become MathML, which browsers show without a script; a page has one title, the lab is a part."""
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_block_formula, None))
    app.connect("doctree-read", _one_title, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline_formula(translator, node):
    wide = len(node.astext()) > WIDEST                  # on a telephone it gets a line of its own, which scrolls
    translator.body.append(f'<span class="{"wide formula" if wide else "formula"}">{_mathml(node, "inline")}</span>')
    raise nodes.SkipNode


def _block_formula(translator, node):
    translator.body.append(f'<div class="formula">{_mathml(node, "block")}</div>\n')
    raise nodes.SkipNode


def _mathml(node, display):
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        getLogger(__name__).warning(str(error), location=node)
        return ""


def _one_title(app, doctree):
    first, *others = [child for child in doctree.children if isinstance(child, nodes.section)]
    for section in others:
        doctree.remove(section)
        first.append(section)


if __name__ == "__main__":
    try:
        build()
    except RuntimeError as error:
        sys.exit(str(error))
    print((TARGET / "index.html").relative_to(ROOT))
