"""Pictures of texts and their readers: words with labels, guesses for a hidden word, scores. Every function returns a matplotlib `Figure`."""

import numpy
import seaborn
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .figures import ATTENTION, FAINT, INK, KEY, OTHER, QUERY, VALUE, WEIGHT, WRONG, array, new

KINDS = {"person": QUERY, "company": KEY, "date": VALUE, "artist": OTHER, "place": WEIGHT, "food": "#56B4E9", "item": "#8C6D1F"}


def labelled(texts, title=None, notes=None):
    """Texts as rows of words, each with its label below it, in the colour of its kind: KINDS for "B-date", "I-date" and so on.

    texts: list of [(word, label), …]; words with the label "O" stay plain. A third entry of a word is drawn in vermilion above
    it: what a model said. notes: a text for the end of each row.
    """
    twice = any(len(entry) > 2 for row in texts for entry in row)               # rows need room for a label above, too
    figure, (ax,) = new(8.4, 0.55 + (0.8 if twice else 0.6) * len(texts), title=title)
    ax.axis("off")
    away = 0.32 if twice else 0.4
    ends = []
    for line, row in enumerate(texts):
        left = 0.0
        for word, label, *wrong in row:
            colour = KINDS.get(label[2:], FAINT) if label != "O" else None
            below = [label if label != "O" else ""] + wrong
            ax.text(left, line, word, va="center", fontsize=10,
                    bbox={"boxstyle": "round,pad=0.25", "fc": colour, "ec": "none", "alpha": 0.3} if colour else None)
            ax.text(left, line + away, below[0], va="center", fontsize=7.5, color=INK)
            if wrong:
                ax.text(left, line - away, wrong[0], va="center", fontsize=7.5, color=WRONG)
            left += max(len(word), *(0.8 * len(text) for text in below)) + 2.0
        if notes:
            ax.text(left + 1.5, line, notes[line], va="center", fontsize=9, color=INK, style="italic")
            left += 1.5 + len(notes[line])
        ends.append(left)
    ax.set(xlim=(-0.5, max(85.0, *ends)), ylim=(len(texts) - 0.4, -0.6))
    return figure


def guesses(words, model, exact, title=None, most=8):
    """What may stand at a hidden place: the likeliest words, a bar for the model's probability and one for the exact one.

    words: names of the entries of `model` and `exact`, two rows of probabilities.
    """
    model, exact = array(model), array(exact)
    order = numpy.maximum(model, exact).argsort(kind="stable")[::-1][:most]
    figure, (ax,) = new(6.4, 0.9 + 0.32 * most, title=title)
    places = numpy.arange(len(order))
    ax.barh(places - 0.19, model[order], height=0.36, color=WEIGHT, label="the model")
    ax.barh(places + 0.19, exact[order], height=0.36, color=FAINT, label="exact")
    ax.set_yticks(places, [words[k] for k in order])
    ax.set(xlim=(0, 1), ylim=(len(order) - 0.4, -0.6), xlabel="probability")
    ax.legend(frameon=False, loc="lower right", fontsize=9)
    return figure


def against_ceilings(words, ceilings, reached, title=None, names=("the best from the word alone", "the model"), xlabel="share of right labels"):
    """For each word two points on a line: how often its label can be guessed from the word alone, and how often it was."""
    ceilings, reached = array(ceilings), array(reached)
    half = -(-len(words) // 2)
    figure, axes = new(8.4, 1.2 + 0.235 * half, 1, 2, title, sharex=True)
    for ax, part in zip(axes, (slice(0, half), slice(half, None))):
        places = numpy.arange(len(words[part]))
        ax.hlines(places, ceilings[part], reached[part], color=FAINT, lw=2)
        ax.plot(ceilings[part], places, "o", color=INK, mfc="white", ms=5, label=names[0])
        ax.plot(reached[part], places, "o", color=QUERY, ms=5, label=names[1])
        ax.set_yticks(places, words[part], fontsize=8.5)
        ax.set(xlim=(0, 1.03), ylim=(half - 0.5, -0.5), xlabel=xlabel)
        ax.grid(axis="x", color="#EEEEEE")
        ax.set_axisbelow(True)
    axes[0].legend(frameon=False, loc="upper left", fontsize=8.5, bbox_to_anchor=(0, 1.0 + 1.9 / half), ncols=2)
    return figure


def influence_maps(maps, words, title=None):
    """Maps of how strongly each word's input moves each word's output, (T, T): name → strengths; the diagonal is left out.

    All share one colour scale, from 0 to the largest strength beside the diagonals.
    """
    own = numpy.eye(len(words), dtype=bool)
    maps = {name: array(strengths) for name, strengths in maps.items()}
    largest = max(strengths[~own].max() for strengths in maps.values())
    figure, axes = new(3.4 * len(maps), 3.1, 1, len(maps), title)
    for k, (ax, (name, strengths)) in enumerate(zip(axes, maps.items())):
        numbers = numpy.array([[f"{value:.2f}" if value else "0" for value in row] for row in strengths / largest])
        ax.set_facecolor("#EEEEEE")
        seaborn.heatmap(strengths / largest, mask=own, ax=ax, vmin=0, vmax=1, cmap=ATTENTION, cbar=False, linewidths=0.5, linecolor="#DDDDDD",
                        annot=numbers, fmt="", annot_kws={"size": 8}, xticklabels=words, yticklabels=words if k == 0 else False)
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.set(xlabel="moved by", ylabel="output at" if k == 0 else "")
        ax.tick_params(left=False, bottom=False, labelrotation=0)
    return figure


def with_key(figure):
    """A figure of `figures.dots` with bars and live points, and below it what bars and points are."""
    marks = [Patch(color=WEIGHT, alpha=0.35), Line2D([], [], marker="o", ls="", color=QUERY, mfc="white", ms=5),
             Line2D([], [], marker="o", ls="", color=QUERY, ms=5)]
    figure.legend(marks, ["mean of the seeds", "a recorded seed", "this run"], loc="outside lower right", ncols=3, frameon=False, fontsize=8.5)
    return figure


def shares(panels, title=None):
    """Bars on one axis from 0 to 1, the value at each: name of a group → {name of a bar: number, or one a seed}."""
    rows = [(group, name, numpy.atleast_1d(array(values))) for group, bars in panels.items() for name, values in bars.items()]
    names = list(dict.fromkeys(name for _, name, _ in rows))
    starts = [k for k, (group, *_) in enumerate(rows) if k == 0 or rows[k - 1][0] != group]
    places = [k + 1.2 * sum(start <= k for start in starts) for k in range(len(rows))]
    figure, (ax,) = new(7.2, 0.7 + 0.26 * places[-1], title=title)
    for place, (_, name, values) in zip(places, rows):
        ax.barh(place, values.mean(), color=(QUERY, KEY, FAINT)[names.index(name)], height=0.85)
        if len(values) > 1:
            ax.plot(values, [place] * len(values), "o", color=INK, ms=3)
        ax.annotate(f"{values.mean():.3f}", (values.max(), place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5)
    for start in starts:
        ax.annotate(rows[start][0], (0, places[start] - 0.85), va="center", fontsize=9.5)
    ax.set_yticks(places, [name for _, name, _ in rows], fontsize=8.5)
    ax.set(xlim=(0, 1), ylim=(places[-1] + 0.7, -0.2))
    ax.tick_params(left=False)
    return figure


def losses(reported, hidden, floor, title=None):
    """For each of some models two bars: the loss it reports, and its loss at hidden words; their floor is a dashed line."""
    figure, (ax,) = new(6.4, 2.4, title=title)
    places = numpy.arange(len(reported))
    ax.barh(places - 0.19, list(reported.values()), height=0.36, color=KEY, label="the loss it reports")
    ax.barh(places + 0.19, list(hidden.values()), height=0.36, color=WEIGHT, label="at hidden words")
    ax.axvline(floor, color=INK, lw=0.8, ls="--")
    ax.annotate("exact floor of hidden words", (floor, 1), xycoords=("data", "axes fraction"), xytext=(3, 2), textcoords="offset points", fontsize=8)
    ax.set_yticks(places, list(reported))
    ax.set(ylim=(len(reported) - 0.5, -0.6), xlabel="loss")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower right", ncols=2, frameon=False, fontsize=8.5)
    return figure
