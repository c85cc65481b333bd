"""The course's visual language. Every function takes tensors and names, and returns a matplotlib `Figure`.

Colours are of the Okabe–Ito palette, which colour-blind people can tell apart: queries, keys and values always have the
same three, what is wrong on purpose is vermilion. Attention maps share one scale from 0 to 1, targets down, sources across.
"""

import math

import matplotlib
import numpy
import seaborn
from matplotlib.figure import Figure

QUERY, KEY, VALUE, WRONG, OTHER, INK, FAINT = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#333333", "#BBBBBB"
ROLES = {"query": QUERY, "key": KEY, "value": VALUE, "score": OTHER}
ATTENTION = seaborn.blend_palette(["#FFFFFF", "#4B2E83"], as_cmap=True)      # white: no weight, violet: all of it
WEIGHT = "#6B54A3"                                              # bars of weights, and squares of a mask
STYLE = {"figure.dpi": 110, "savefig.dpi": 110, "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
         "axes.titlelocation": "left", "axes.labelsize": 10, "axes.spines.right": False, "axes.spines.top": False,
         "axes.edgecolor": INK, "text.color": INK, "xtick.labelsize": 9, "ytick.labelsize": 9}


def set_style():
    """Make every figure that follows look like the course's, a learner's own included."""
    seaborn.set_theme(style="ticks", rc=STYLE)


def array(tensor):
    """A tensor of any device, or a list, as a numpy array."""
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    tensor = tensor.float() if getattr(tensor, "dtype", None) is not None and hasattr(tensor, "float") else tensor
    return numpy.asarray(tensor)


def new(width=6.4, height=3.2, rows=1, columns=1, title=None, **options):
    """A figure, and the flat list of its axes. The title states the finding."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, list(axes.flat)


def attention_map(weights, targets, sources=None, title=None, ax=None, labels=("query of", "attends to")):
    """One map of attention weights (T, S): targets down, sources across, the colour scale always from 0 to 1."""
    weights, sources = array(weights), targets if sources is None else sources
    if weights.shape != (len(targets), len(sources)):
        raise ValueError(f"weights of shape {weights.shape} do not fit {len(targets)} targets and {len(sources)} sources")
    figure = ax.figure if ax else None
    if ax is None:
        size = 0.52 if len(sources) <= 8 else 0.32
        figure, (ax,) = new(1.6 + size * len(sources), 1.1 + 0.7 * size * len(targets))
    numbers = numpy.array([[f"{weight:.2f}" if weight else "" for weight in row] for row in weights])     # exact 0: blank
    seaborn.heatmap(weights, ax=ax, vmin=0, vmax=1, cmap=ATTENTION, cbar=False, linewidths=0.5,
                    annot=numbers if len(sources) <= 8 else None, fmt="",
                    linecolor="#DDDDDD", annot_kws={"size": 8}, xticklabels=sources, yticklabels=targets)
    for text, weight in zip(ax.texts, weights.flat):
        text.set_color("white" if weight > 0.6 else INK)
    ax.set(title=title or "", ylabel=labels[0], xlabel=labels[1])
    _turn_labels(ax)
    return figure


def _turn_labels(ax):
    """No ticks; names of rows lie flat, names of columns slant and end below the middle of their column."""
    ax.tick_params(left=False, bottom=False)
    ax.tick_params(axis="y", labelrotation=0)
    for label in ax.get_xticklabels():
        label.set(rotation=45, ha="right", rotation_mode="anchor")


def attention_maps(maps, targets, sources=None, title=None, labels=("query of", "attends to"), columns=None):
    """Several maps side by side, or in so many columns: name → weights (T, S)."""
    sources, columns = targets if sources is None else sources, columns or len(maps)
    lines = -(-len(maps) // columns)
    figure, axes = new((1.0 + 0.42 * len(sources)) * columns, 0.6 + (0.9 + 0.34 * len(targets)) * lines, lines, columns, title)
    for k, (ax, (name, weights)) in enumerate(zip(axes, maps.items())):
        attention_map(weights, targets, sources, ax=ax, labels=labels)
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        if k % columns:
            ax.set(ylabel="", yticks=[])
        if k + columns < len(maps):
            ax.set(xlabel="", xticks=[])
    return figure


def matrices(parts, title=None):
    """A calculation as a row of matrices with their numbers: a list of (name, tensor, role) and of signs such as "=".

    role: "query", "key", "value" or "score"; it gives the colour, grey for negative numbers. A fourth entry names the
    rows, a fifth the columns.
    """
    shown = [part if isinstance(part, str) else (part[0], numpy.atleast_2d(array(part[1])), *part[2:]) for part in parts]
    widths = [0.6 if isinstance(part, str) else part[1].shape[1] + 0.4 for part in shown]
    tallest = max(part[1].shape[0] for part in shown if not isinstance(part, str))
    figure, axes = new(1.3 + 0.5 * sum(widths), 1.3 + 0.3 * tallest, 1, len(shown), title, width_ratios=widths)
    for ax, part in zip(axes, shown):
        ax.axis("off")
        ax.set(xlim=(0, 1), ylim=(tallest + 0.9, 0))
        if isinstance(part, str):
            ax.text(0.5, tallest / 2, part, ha="center", va="center", fontsize=14)
        else:
            _matrix(ax, tallest, *part)
    return figure


def _matrix(ax, tallest, name, numbers, role, rows=None, columns=None):
    top = (tallest - len(numbers)) / 2
    largest = max(abs(numbers).max(), 1e-9)
    ax.set_xlim(0, numbers.shape[1])
    for (i, j), number in numpy.ndenumerate(numbers):
        colour, strength = ROLES[role] if number >= 0 else INK, 0.06 + 0.6 * abs(number) / largest
        ax.add_patch(matplotlib.patches.Rectangle((j, top + i), 1, 1, fc=colour, alpha=strength, ec="white"))
        ink = "white" if number < 0 and strength > 0.45 else INK
        ax.text(j + 0.5, top + i + 0.5, f"{number:.3g}", ha="center", va="center", fontsize=8, color=ink)
    for i, row in enumerate(rows or []):
        ax.text(-0.15, top + i + 0.5, row, ha="right", va="center", fontsize=8.5)
    for j, column in enumerate(columns or []):
        ax.text(j + 0.5, top + len(numbers) + 0.45, column, ha="center", va="center", fontsize=7)
    ax.set_title(name, fontsize=9.5, fontweight="normal", loc="center")


def bars(rows, labels, title=None, colours=None, ylim=(0, 1), xlabel="", ylabel="weight", even=None, columns=None):
    """Rows of numbers as bar charts with one scale: name → row. `even` draws a dashed line at that height."""
    columns = columns or len(rows)
    lines = -(-len(rows) // columns)
    figure, axes = new(max(4.2, 3.0 * columns), 0.9 + 1.5 * lines, lines, columns, title, sharex=True, sharey=True)
    for k, (ax, (name, row)) in enumerate(zip(axes, rows.items())):
        ax.bar(range(len(labels)), array(row), color=colours[k] if colours else WEIGHT, width=0.75)
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.set_xticks(range(len(labels)), labels)
        if even is not None:
            ax.axhline(even, color=INK, lw=0.8, ls="--")
        if k % columns == 0:
            ax.set(ylim=ylim, ylabel=ylabel)
        if k >= len(rows) - columns:
            ax.set_xlabel(xlabel)
    return figure


def curves(x, lines, title=None, xlabel="", ylabel="", floors=None, marks=None, log="", colours=None, live=None):
    """Curves with their names at their ends. lines: name → y, or (y, low, high) with a band from low to high.

    floors: name → height of a dashed line across.   marks: name → place of a dashed line up.   log: "x", "y" or "xy".
    live: name → y, drawn as points (one run's own measurement over the recorded band).
    """
    figure, (ax,) = new(6.8, 3.3, title=title)
    ends = {}
    for colour, (name, y) in zip(colours or (WRONG, INK, VALUE, OTHER, KEY, QUERY), lines.items()):
        middle, *band = y if isinstance(y, tuple) else (y,)
        ax.plot(x, array(middle), color=colour, lw=2 if not band else 1.5)
        if band:
            ax.fill_between(x, array(band[0]), array(band[1]), color=colour, alpha=0.25, lw=0)
        if live:
            ax.plot(x, array(live[name]), color=colour, ls="", marker="o", ms=4)
        ends[name] = (array(middle)[-1], colour)
    for name, height in (floors or {}).items():
        ax.axhline(height, color=INK, lw=0.8, ls="--")
        ax.annotate(name, (0.3, height), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
                    fontsize=8.5)
    for name, place in (marks or {}).items():
        ax.axvline(place, color=INK, lw=0.8, ls="--")
        ax.annotate(name, (place, 0.95), xycoords=("data", "axes fraction"), xytext=(-5, 0), textcoords="offset points",
                    ha="right", fontsize=8.5)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    for axis in log:
        getattr(ax, f"set_{axis}scale")("log", base=2 if axis == "x" else 10)
    if "x" in log:
        ticks = x if len(x) <= 6 else x[::2]
        ax.set_xticks(ticks, [f"{number:g}" for number in ticks])
        ax.minorticks_off()
    _name_ends(ax, x[-1], ends)
    return figure


def _name_ends(ax, x, ends):
    """Write each curve's name beside its end, names at least 13 points apart."""
    ax.autoscale_view()         # or the transform below would still be that of empty axes
    lowest = -math.inf
    for name, (y, colour) in sorted(ends.items(), key=lambda end: end[1][0]):
        height = ax.transData.transform((x, y))[1] * 72 / ax.figure.dpi
        place = max(height, lowest)
        lowest = place + 13
        ax.annotate(name, (x, y), xytext=(8, place - height), textcoords="offset points", color=colour, va="center", fontsize=9.5)


def dots(panels, live=None, floors=None, title=None, xlabel="", log=False, bars=False, sharex=True):
    """One point a seed on a line from lowest to highest: name of a panel → {name of a row: values}, side by side.

    A row may miss in a panel.   live: panel → {row: value}, this run's own measurement, drawn filled.
    floors: name → place of a dashed line up, in every panel.   log: whether the x axis is logarithmic.
    bars: whether a bar from 0 to the mean lies below the points.   sharex: whether all panels have the same x axis.
    """
    rows = list(dict.fromkeys(row for panel in panels.values() for row in panel))
    width = max(5.2, 1.6 + 2.3 * len(panels))
    figure, axes = new(width, 1.0 + 0.3 * len(rows), 1, len(panels), title, sharex=sharex, sharey=True)
    for ax, (name, panel) in zip(axes, panels.items()):
        for row, values in panel.items():
            place = rows.index(row)
            values = numpy.atleast_1d(array(values))
            if bars:
                ax.barh(place, values.mean(), color=WEIGHT, alpha=0.35, height=0.6)
            ax.plot([values.min(), values.max()], [place, place], color=FAINT, lw=3, solid_capstyle="round")
            ax.plot(values, [place] * len(values), "o", color=QUERY, mfc="white", ms=5)
        for row, value in (live or {}).get(name, {}).items():
            ax.plot(value, rows.index(row), "o", color=QUERY, ms=5)
        for text, floor in (floors or {}).items():
            ax.axvline(floor, color=INK, lw=0.8, ls="--")
            if ax is axes[0]:
                ax.annotate(text, (floor, 1), xycoords=("data", "axes fraction"), xytext=(3, 2), textcoords="offset points", fontsize=8)
        ax.set_title(name, fontweight="normal", fontsize=9.5, pad=14 if floors else 6)
        ax.set_xscale("log" if log else "linear")
        ax.set(xlabel=xlabel, yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))
        ax.minorticks_off()
        ax.grid(axis="x", color="#EEEEEE")
        ax.set_axisbelow(True)
    return figure


def masks(pictures, targets, sources=None, title=None):
    """Boolean masks side by side: name → (T, S); a filled square may be attended to."""
    sources = targets if sources is None else sources
    size = 0.34 if len(sources) <= 10 else 3.2 / len(sources)
    figure, axes = new((1.3 + size * len(sources)) * len(pictures), 1.6 + size * len(targets), 1, len(pictures), title)
    for k, (ax, (name, mask)) in enumerate(zip(axes, pictures.items())):
        mask = numpy.broadcast_to(array(mask).squeeze(), (len(targets), len(sources)))
        seaborn.heatmap(mask, ax=ax, vmin=0, vmax=1, cmap=seaborn.blend_palette(["#FFFFFF", WEIGHT], as_cmap=True), cbar=False,
                        linewidths=0.8, linecolor="#DDDDDD", square=True, xticklabels=sources,
                        yticklabels=targets if k == 0 else False)
        ax.set(xlabel="keys", ylabel="queries" if k == 0 else "")
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        _turn_labels(ax)
    return figure
