"""Pictures of a model that writes (lesson 06). As in `shared.figures`, every function returns a matplotlib `Figure`."""

import numpy
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .figures import ATTENTION, FAINT, INK, KEY, QUERY, VALUE, WEIGHT, WRONG, array, new

CHARACTER = 0.0845          # inches, of DejaVu Sans Mono at 10 points
LINE = 0.235


def next_words(panels, words, title=None, top=6, model=None, names=("exact", "model"), colour=WEIGHT):
    """What may come next: name of a panel → probabilities (V,), as bars side by side; the `top` words of each panel.

    model: name of a panel → probabilities (V,), drawn as a second bar below the first. The order is that of the panels, of
    equal ones that of the vocabulary.   colour: of the bars, where there is no model.
    """
    figure, axes = new(max(4.4, 2.75 * len(panels)), 1.0 + 0.29 * top, 1, len(panels), title)
    for k, (ax, (name, probs)) in enumerate(zip(axes, panels.items())):
        probs = array(probs)
        largest = probs if model is None else numpy.maximum(probs, array(model[name]))
        ranks = numpy.lexsort((-largest, -probs.round(3))) if model else numpy.argsort(-probs.round(3), kind="stable")
        order = [number for number in ranks if largest[number] >= 0.005][:top]
        places, height = numpy.arange(len(order)), 0.7 if model is None else 0.38
        ax.barh(places - (0 if model is None else 0.2), probs[order], height, color=INK if model else colour, label=names[0])
        if model is not None:
            ax.barh(places + 0.2, array(model[name])[order], height, color=QUERY, label=names[1])
        ax.set_yticks(places, [words[number] for number in order], fontsize=9.5)
        ax.set(xlim=(0, 1), ylim=(top - 0.4, -0.6), xlabel="probability")
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.tick_params(left=False)
        if k == 0 and model is not None:
            ax.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def lines(texts, title=None, columns=96, impossible=None, shade=None):
    """Texts as they are read, a paragraph each: name → words. Long ones go on in the next line.

    impossible: name → booleans, one a word; those are vermilion and underlined.   shade: name → weights 0 to 1,
    one a word: how dark the ground behind it is.
    """
    rows, indent = [], max(len(name) for name in texts) + 2
    for name, words in texts.items():
        rows.append([(0, name, FAINT, 0)])
        column = indent
        for place, word in enumerate(words):
            if column + len(word) > columns:
                rows.append([])
                column = indent
            wrong = impossible is not None and bool(impossible[name][place])
            rows[-1].append((column, word, WRONG if wrong else INK, float(shade[name][place]) if shade else 0))
            column += len(word) + 1
    tall = LINE * len(rows) + 0.1
    figure = Figure(figsize=(columns * CHARACTER, tall + (0.35 if title else 0)))
    ax = figure.add_axes((0, 0, 1, tall / figure.get_figheight()))
    ax.axis("off")
    ax.set(xlim=(0, columns), ylim=(len(rows), -0.3))
    for line, row in enumerate(rows):
        for column, word, colour, weight in row:
            if weight > 0.005:
                ax.add_patch(Rectangle((column - 0.3, line - 0.02), len(word) + 0.6, 0.86, fc=ATTENTION(weight), lw=0))
            ink = "white" if weight > 0.6 else "#777777" if colour == FAINT else colour
            ax.text(column, line + 0.4, word, family="monospace", fontsize=10, va="center", color=ink, parse_math=False)
            if colour == WRONG:
                ax.plot([column, column + len(word)], [line + 0.86] * 2, color=WRONG, lw=1.2)
    if title:
        figure.suptitle(title, x=0, y=1, ha="left", va="top", fontsize=11, fontweight="bold")
    return figure


def cache(words, new_token, num_layers, title=None):
    """What is computed and what is read when word number `new_token` is the input: layers up, words across."""
    figure, axes = new(8.4, 0.95 + 0.42 * num_layers, 1, 2, title, sharey=True)
    for ax, kept, name in zip(axes, (False, True), ("without a cache", "with a cache")):
        ax.axis("off")
        ax.set(xlim=(-2.2, len(words)), ylim=(-1.9, num_layers + 0.1))
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        for layer in range(num_layers):
            ax.text(-0.25, layer + 0.45, f"layer {layer + 1}", ha="right", va="center", fontsize=8.5)
            for place in range(len(words)):
                computed = place == new_token or not kept and place < new_token
                for half, colour in ((0, KEY), (0.44, VALUE)):
                    ax.add_patch(Rectangle((place + half, layer + 0.08), 0.4, 0.76, lw=0.6, ec=colour if place <= new_token else "#DDDDDD",
                                           fc=colour if place <= new_token else "white",
                                           alpha=1 if computed or place > new_token else 0.28))
        for place, word in enumerate(words):
            ax.text(place + 0.42, -0.2, word, rotation=45, ha="right", va="top", rotation_mode="anchor", fontsize=8.5,
                    color=INK if place <= new_token else FAINT, fontweight="bold" if place == new_token else "normal")
    return figure


def reading(words, weights, probs, vocabulary, title=None, columns=54, top=6):
    """A text so far, (T,) words shaded by the attention of the last one, beside what may come next, (V,)."""
    figure, (text, chart) = new(8.4, 2.6, 1, 2, title, width_ratios=(1.9, 1))
    text.axis("off")
    column, line, weights, probs = 0, 0, array(weights), array(probs)
    for word, weight in zip(words, weights):
        if column + len(word) > columns:
            column, line = 0, line + 1
        text.add_patch(Rectangle((column - 0.3, line), len(word) + 0.6, 0.8, fc=ATTENTION(float(weight)), lw=0))
        text.text(column, line + 0.4, word, family="monospace", fontsize=9, va="center", color="white" if weight > 0.6 else INK)
        column += len(word) + 1
    text.set(xlim=(-0.5, columns + 1), ylim=(max(6.0, line + 1), -0.3))
    order = numpy.argsort(-probs, kind="stable")[:top]
    chart.barh(range(len(order)), probs[order], 0.7, color=QUERY)
    chart.set_yticks(range(len(order)), [vocabulary[number] for number in order], fontsize=9)
    chart.set(xlim=(0, 1), ylim=(top - 0.4, -0.6), xlabel="the model's probability")
    chart.tick_params(left=False)
    return figure


def exchange(families, truth, title=None):
    """Correctness against variety: name of a family → {setting: (share of correct texts, nats a word)}, a line each."""
    figure, (ax,) = new(6.8, 3.5, title=title)
    ax.axvline(truth, color=INK, lw=0.8, ls="--")
    ax.annotate("the language itself", (truth, 0.03), xycoords=("data", "axes fraction"), xytext=(-5, 0), textcoords="offset points",
                ha="right", fontsize=8.5)
    for (name, settings), colour, below in zip(families.items(), (QUERY, WRONG), (False, True)):
        correct, variety = numpy.array(list(settings.values())).T
        ax.plot(variety, correct, "o-", color=colour, lw=1.2, ms=5, label=name)
        for setting, x, y in zip(settings, variety, correct):
            ax.annotate(setting, (x, y), xytext=(-5, -14) if below else (6, 5), textcoords="offset points", fontsize=8.5, color=colour,
                        ha="right" if below else "left")
    ax.set(xlabel="variety: entropy of what is drawn from (nats a word)", ylabel="share of correct texts", ylim=(-0.05, 1.15))
    ax.legend(frameon=False, fontsize=9, loc="lower left")
    return figure
