"""Pictures of lesson 08: tokens, batches, number formats, where time goes. As in `shared.figures`, all return a matplotlib `Figure`."""

import math

import numpy
from matplotlib.patches import Rectangle

from .figures import FAINT, INK, KEY, OTHER, QUERY, VALUE, WEIGHT, WRONG, array, new

CHARACTER = 0.088           # inches, of DejaVu Sans Mono at 10 points
TINTS = (QUERY, KEY, VALUE, OTHER)


def pieces(rows, title=None):
    """Texts cut into tokens, a box each: name of a row → list of tokens; a blank is shown as ␣."""
    longest = max(sum(len(token) for token in tokens) + 0.7 * len(tokens) for tokens in rows.values())
    indent = max(len(name) for name in rows) + 2
    figure, (ax,) = new((indent + longest) * CHARACTER + 0.4, 0.5 + 0.36 * len(rows), title=title)
    ax.axis("off")
    ax.set(xlim=(-indent, longest), ylim=(len(rows) - 0.4, -0.6))
    for line, (name, tokens) in enumerate(rows.items()):
        left = 0.0
        ax.text(-indent, line, name, fontsize=9.5, va="center", color="#777777")
        for place, token in enumerate(tokens):
            colour = TINTS[place % len(TINTS)]
            ax.add_patch(Rectangle((left, line - 0.38), len(token) + 0.3, 0.76, fc=colour, alpha=0.22, lw=0))
            ax.text(left + 0.15 + len(token) / 2, line, token.replace(" ", "␣"), family="monospace", fontsize=10, ha="center",
                    va="center", parse_math=False)
            left += len(token) + 0.7
    return figure


def batches(panels, names, title=None, most=6):
    """The first batches of each panel as rows of tokens, real and padded: name → batches, each a list of pairs of lengths, of texts
    in the two languages `names`.
    """
    shown = {name: list(lengths)[:most] for name, lengths in panels.items()}
    tallest = max(sum(len(batch) for batch in some) + 3 * len(some) for some in shown.values())
    longest = [max(pair[side] for some in shown.values() for batch in some for pair in batch) for side in (0, 1)]
    figure, axes = new(8.0, 3.1, 1, len(panels), title)
    for ax, (name, some) in zip(axes, shown.items()):
        top = 0
        for batch in some:
            places = numpy.arange(len(batch)) + top
            for lengths, left in zip(zip(*batch), (0, longest[0] + 2)):
                ax.barh(places, [max(lengths)] * len(batch), left=left, color=WRONG, alpha=0.45, height=1.0, lw=0)
                ax.barh(places, lengths, left=left, color=QUERY, height=1.0, lw=0)
            top += len(batch) + 3
        ax.set(xlim=(0, sum(longest) + 2), ylim=(tallest, -1), xlabel="tokens (blue), padding (orange)", yticks=[],
               xticks=(longest[0] / 2, longest[0] + 2 + longest[1] / 2), xticklabels=names)
        ax.tick_params(left=False, bottom=False)
        ax.set_ylabel("batches")
        ax.set_title(name, fontweight="normal", fontsize=9.5)
    return figure


def formats(kinds, title=None, marks=None):
    """How far number formats reach: name → (smallest, largest, gap after 1), on a scale of powers of ten.

    marks: name → number, a dashed line up.
    """
    figure, (ax,) = new(8.2, 0.9 + 0.42 * len(kinds), title=title)
    for line, (name, (smallest, largest, gap)) in enumerate(kinds.items()):
        low, high = math.log10(smallest), math.log10(largest)
        ax.barh(line, high - low, left=low, height=0.5, color=WEIGHT, alpha=0.5)
        ax.text(43, line, f"after 1 comes 1 + {gap:.2g}", ha="left", va="center", fontsize=9)
    for name, number in (marks or {}).items():
        ax.axvline(math.log10(number), color=WRONG, lw=1, ls="--")
        ax.annotate(name, (math.log10(number), 1), xycoords=("data", "axes fraction"), xytext=(3, 2), textcoords="offset points",
                    fontsize=8.5, color=WRONG)
    ticks = range(-40, 41, 10)
    ax.set(xlim=(-47, 41), ylim=(len(kinds) - 0.4, -0.6), yticks=range(len(kinds)), yticklabels=list(kinds), xticks=ticks,
           xticklabels=[f"$10^{{{tick}}}$" for tick in ticks], xlabel="size of a number")
    ax.tick_params(left=False)
    return figure


def runs(x, lines, title=None, ylabel="loss (nats a word)", floors=None, colours=(WRONG, QUERY, VALUE, KEY, OTHER), ylim=(0, None), dashed=()):
    """Curves of several runs, with a legend: name → y, as long as it goes.   floors: name → height of a dashed line; dashed: names of curves."""
    figure, (ax,) = new(6.8, 3.2, title=title)
    for (name, y), colour in zip(lines.items(), colours):
        y = array(y)
        ax.plot(x[:len(y)], y, color=colour, lw=1.8, ls="--" if name in dashed else "-", label=name)
    for name, height in (floors or {}).items():
        ax.axhline(height, color=INK, lw=0.8, ls="--")
        ax.annotate(name, (0.02, height), xycoords=("axes fraction", "data"), xytext=(0, -4), va="top", textcoords="offset points", fontsize=8.5)
    ax.set(xlabel="step", ylabel=ylabel, xlim=(0, x[-1]), ylim=ylim)
    ax.legend(frameon=False, fontsize=9)
    return figure


def stacked(rows, title=None, xlabel="milliseconds"):
    """Bars made of parts: name of a row → {part: length}; the parts' names in a legend, the sum at the end."""
    figure, (ax,) = new(7.8, 1.2 + 0.42 * len(rows), title=title)
    names = list(dict.fromkeys(part for parts in rows.values() for part in parts))
    colours = (QUERY, KEY, VALUE, OTHER, WRONG, FAINT, WEIGHT)
    for line, parts in enumerate(rows.values()):
        left = 0.0
        for name, length in parts.items():
            ax.barh(line, length, left=left, height=0.62, color=colours[names.index(name)], label=name if line == 0 else None)
            left += length
        ax.text(left, line, f" {left:.3g}", va="center", fontsize=9)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.4, -0.6), xlabel=xlabel)
    ax.tick_params(left=False)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    return figure
