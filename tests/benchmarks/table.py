"""One table of all comparisons: its rows, as text and as README's Markdown, and its picture."""

import pathlib
import statistics

from shared import figures

from . import timing

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- make bench writes this table -->", "<!-- up to here -->"


def row(task, setting, turns, ours, others=(), amount=lambda measured: measured, unit="", limit=None, work=None):
    """One line of the table: the fastest of ours beside the fastest other, from what was measured turn by turn.

    turns: name → numbers, smaller is better, one a turn.   ours, others: names among them; without others, there is no ratio.
    amount: from a measured number to the one that is shown, in `unit`.   limit: the name of the machine's that bounds it, and
    work: of that, what is done in what is measured, such as operations in a step.
    """
    medians = {name: statistics.median(numbers) for name, numbers in turns.items() if name in (*ours, *others)}
    mine = min(ours, key=medians.get)
    entry = {"task": task, "setting": setting, "unit": unit, "ours": amount(medians[mine]), "as": mine, "turns": len(turns[mine]),
             "measured": {name: amount(number) for name, number in medians.items()}}
    if limit:
        entry |= {"limit": limit, "speed": work / medians[mine]}
    if not others:
        return entry
    best = min(others, key=medians.get)
    ratio, low, high = timing.ratios(turns[best], turns[mine])
    return entry | {"other": amount(medians[best]), "name": best, "ratio": ratio, "low": low, "high": high}


def cells(entry, limits):
    """What the table shows of a row: head → text.   limits: of the machine, by name."""
    unit, compared = entry["unit"], "ratio" in entry
    slower = ", slower" if compared and round(entry["ratio"], 2) < 1 else ""
    return {
        "task": entry["task"], "setting": entry["setting"], "ours": f"{number(entry['ours'])} {unit}",
        "fastest other": f"{number(entry['other'])} {unit} ({entry['name']})" if compared else "",
        "other / ours": f"{entry['ratio']:.2f} ({entry['low']:.2f} – {entry['high']:.2f}){slower}" if compared else "",
        "of the limit": f"{100 * entry['speed'] / limits[entry['limit']]:.0f} %" if "limit" in entry else ""}


def number(x):
    """With three digits that say something."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def about(record):
    """The lines above the table: on what and when it was measured, and what that machine can do at most."""
    limits = " · ".join(f"{name} {number(limit / 1e9)} {'GB/s' if name == 'memory' else 'GFLOP/s'}" for name, limit in record["limits"].items())
    lines = ["{machine} · torch {torch} · {date} · commit {commit}".format(**record), f"The machine's own limits: {limits}"]
    return lines + ["Skipped: " + "; ".join(record["missing"])] * bool(record["missing"])


def text(record):
    """The record as lines for a terminal."""
    return "\n".join([*about(record), "", timing.table([cells(entry, record["limits"]) for entry in record["rows"]])])


def markdown(record):
    """The record as a table for README."""
    rows = [cells(entry, record["limits"]) for entry in record["rows"]]
    heads = [list(rows[0]), ["---", "---", "---:", "---:", "---:", "---:"]]
    lines = ["| " + " | ".join(line) + " |" for line in heads + [list(line.values()) for line in rows]]
    return "\n".join([*(line + "  " for line in about(record)), "", *lines])


def in_readme(readme):
    """The text of README.md → before the table, the table, after it. ValueError where its two marks are missing."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"README.md must have {BEGIN} and after it {END}, each once")
    before, rest = readme.split(BEGIN)
    table, after = rest.split(END)
    return before + BEGIN, table.strip("\n"), END + after


def write_readme(record):
    """Put the record's table between the marks in README.md."""
    before, _, after = in_readme(README.read_text(encoding="utf-8"))
    README.write_text(f"{before}\n{markdown(record)}\n{after}", encoding="utf-8")


def draw(record):
    """Every ratio of the table with its quartiles, on one axis."""
    compared = [entry for entry in record["rows"] if "ratio" in entry]
    if not compared:
        raise ValueError("a picture needs at least one row with a ratio")
    labels = [f"{entry['task']}: {entry['setting']}" for entry in compared]
    figure = figures.dots({"": {label: [entry["low"], entry["high"]] for label, entry in zip(labels, compared, strict=True)}},
                          live={"": {label: entry["ratio"] for label, entry in zip(labels, compared, strict=True)}},
                          floors={"as fast as ours": 1}, title=f"How many times as long the fastest other takes\n{about(record)[0]}",
                          xlabel="other / ours: median, and quartiles", log=True)
    figure.set_size_inches(9, 1.2 + 0.3 * len(labels))
    figure.axes[0].set_xscale("log", base=2)
    figure.axes[0].xaxis.set_major_formatter("{x:g}")
    return figure
