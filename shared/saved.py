"""How an executed notebook is stored: what a reader needs, and nothing that differs from run to run."""

import nbformat

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"
LEFTOVERS = ("execution", "lines_to_next_cell", "lines_to_end_of_cell_marker")      # of nbclient and of jupytext


def prepare(notebook):
    """Change an executed `notebook` into what is committed, and return it. Cells and their ids stay as they are.

    Execution counts become 1, 2, …; pieces of one stream are joined; times, the state of widgets, and views of
    widgets (which only a running kernel could show: a text stands beside them) are removed.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        for name in LEFTOVERS:
            cell.metadata.pop(name, None)
    for number, cell in enumerate(codes, start=1):
        cell.execution_count = number
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
            output.get("data", {}).pop(WIDGET, None)
            output.get("metadata", {}).pop(WIDGET, None)
    return notebook


def _joined(outputs):
    joined = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def write(notebook, path):
    """Write `notebook` at `path`, whole or not at all, the same bytes on every system."""
    half = path.with_name(f".{path.name}.half")
    half.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    half.replace(path)
