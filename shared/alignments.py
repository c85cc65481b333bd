"""Pictures of two texts and of a search (lesson 07). As in `shared.figures`, every function returns a matplotlib `Figure`."""

import numpy
from matplotlib.patches import FancyBboxPatch, Rectangle

from .figures import FAINT, INK, KEY, OTHER, QUERY, VALUE, WEIGHT, WRONG, array, attention_map, new

COLOURS = (QUERY, KEY, VALUE, OTHER, WRONG, WEIGHT)


def links(pairs, title=None):
    """Which part of one text says which part of another, one picture a pair: a list of (source, target, links).

    source, target: lists of parts.   links: pairs of places (in source, in target). What has no link stays grey.
    """
    figure, axes = new(4.1 * len(pairs), 1.75, 1, len(pairs), title)
    for ax, (source, target, lines) in zip(axes, pairs):
        ax.axis("off")
        ax.set(xlim=(-0.6, 5.4), ylim=(-0.45, 1.45))
        top, bottom = (_spread(ax, parts, y, {line[k]: COLOURS[line[0]] for line in lines})
                       for parts, y, k in ((source, 1, 0), (target, 0, 1)))
        for upper, lower in lines:
            ax.plot([top[upper], bottom[lower]], [0.84, 0.16], color=COLOURS[upper], lw=1.8)
    return figure


def _spread(ax, parts, y, colours):
    """Write the parts of a text in a row, and return the middle of each."""
    widths = [0.17 * len(part) + 0.3 for part in parts]
    middles = numpy.cumsum(widths) - numpy.array(widths) / 2 + (4.8 - sum(widths)) / 2
    for k, (part, middle) in enumerate(zip(parts, middles)):
        ax.text(middle, y, part, ha="center", va="center", fontsize=11.5, family="monospace", color=colours.get(k, "#888888"))
    return middles


def whole(title=None, lessons=False):
    """The encoder–decoder: what goes in, what comes out, and the one way between the two stacks.

    lessons: with the number of the lesson that builds it at each part.
    """
    figure, (ax,) = new(7.6, 3.5, title=title)
    ax.axis("off")
    ax.set(xlim=(0, 10), ylim=(-0.15, 5.1))

    def write(x, y, text, lesson, colour=INK, size=9.5):
        ax.text(x, y, f"{text}  ({lesson})" if lessons else text, ha="center", va="center", fontsize=size, color=colour)

    for left, name, lesson in ((0.5, "encoder, N blocks", "04, 05"), (5.5, "decoder, N blocks", "04, 06")):
        write(left + 2, 3.95, name, lesson, size=10)
        ax.add_patch(FancyBboxPatch((left, 0.95), 4, 2.7, boxstyle="round,pad=0.05", fc="#F7F7F7", ec=FAINT))
    for left, low, text, lesson, colour in (
            (0.8, 2.5, "feed-forward", "04", INK), (0.8, 1.3, "self-attention, both ways", "01, 02", QUERY),
            (5.8, 2.9, "feed-forward", "04", INK), (5.8, 2.0, "cross-attention", "07", WRONG),
            (5.8, 1.1, "self-attention, causal", "01, 02", QUERY)):
        ax.add_patch(FancyBboxPatch((left, low), 3.4, 0.55, boxstyle="round,pad=0.05", fc="white", ec=colour))
        write(left + 1.7, low + 0.28, text, lesson, colour)
    ax.plot([3.95 if lessons else 3.75, 5, 5], [4.7, 4.7, 2.27], color=WRONG, lw=1.8)            # down between the stacks
    ax.annotate("", (5.76, 2.27), (5, 2.27), arrowprops={"arrowstyle": "-|>", "color": WRONG, "lw": 1.8, "shrinkA": 0, "shrinkB": 0})
    for x, below, above, lesson in ((2.5, "source: forty two", "memory (B, S, d_model)", "05"),
                                    (7.5, "target so far: <bos> z w e", "what follows each: z w e i", "matrix, softmax: 06")):
        ax.annotate("", (x, 0.85), (x, 0.35), arrowprops={"arrowstyle": "-|>", "color": INK})
        write(x, 0.12, below, "embedding, places: 03")
        ax.annotate("", (x, 4.45), (x, 4.15), arrowprops={"arrowstyle": "-|>", "color": INK})
        write(x, 4.7, above, lesson)
    return figure


def three_masks(panels, title=None):
    """Who may attend to what, in three places of the model: name → (mask (T, S), queries, keys)."""
    widths = [len(keys) + 1.5 for _, _, keys in panels.values()]
    rows = max(len(queries) for _, queries, _ in panels.values())
    figure, axes = new(1.2 + 0.33 * sum(widths), 1.5 + 0.3 * rows, 1, len(panels), title, width_ratios=widths)
    for ax, (name, (mask, queries, keys)) in zip(axes, panels.items()):
        mask = numpy.broadcast_to(array(mask).squeeze(), (len(queries), len(keys)))
        for (row, column), may in numpy.ndenumerate(mask):
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc=WEIGHT if may else "white", ec="#DDDDDD"))
        ax.set(xlim=(-0.5, len(keys) - 0.5), ylim=(len(queries) - 0.5, -0.5), xticks=range(len(keys)),
               yticks=range(len(queries)), yticklabels=queries, aspect="equal", anchor="N")
        ax.set_xticks(range(len(keys)), keys, rotation=45, ha="right", rotation_mode="anchor")
        ax.tick_params(left=False, bottom=False)
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        for spine in ax.spines.values():
            spine.set(visible=True, color="#DDDDDD")
    return figure


def written(panels, title=None, labels=("is written", "looks at")):
    """Cross-attention maps side by side: name → (weights (T, S), letters written, source)."""
    widest, tallest = (max(len(panel[k]) for panel in panels.values()) for k in (2, 1))
    figure, axes = new((1.4 + 0.36 * widest) * len(panels), 1.3 + 0.21 * tallest, 1, len(panels), title)
    for k, (ax, (name, (weights, letters, source))) in enumerate(zip(axes, panels.items())):
        attention_map(weights, letters, source, ax=ax, labels=labels)
        for number in list(ax.texts):
            number.remove()
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.set_ylabel(labels[0] if k == 0 else "")
    return figure


def paired(source, letters, weights, title=None):
    """Two texts below each other, joined by lines as dark as the weights (T, S): letters written, words looked at."""
    weights = array(weights)
    figure, (ax,) = new(8.4, 2.6, title=title)
    ax.axis("off")
    T, S = weights.shape
    ax.set(xlim=(-0.8, max(T, 24) - 0.2), ylim=(-0.5, 2.4))
    starts = (numpy.arange(S) + 0.5) * max(T, 12) / S - 0.5
    for t in range(T):
        ax.text(t, 0, letters[t], ha="center", va="center", fontsize=11, family="monospace")
        for s in range(S):
            if weights[t, s] > 0.03:
                ax.plot([t, starts[s]], [0.28, 1.72], color=COLOURS[s % 6], alpha=float(min(1, weights[t, s])), lw=2.2)
    for s in range(S):
        ax.text(starts[s], 2, source[s], ha="center", va="center", fontsize=11, family="monospace", color=COLOURS[s % 6])
    return figure


def steps_of(watched, letters, sentence=0):
    """What a search has looked at, for `tree`: a list of `BeamStep` → for each step a list of (text, log-probability, kind)."""
    steps = []
    for step in watched:
        entries = zip(step.ids[sentence].tolist(), step.log_probs[sentence].tolist(), step.ended[sentence].tolist(),
                      step.open[sentence].tolist())
        steps.append([(tuple(letters[number] for number in ids), log_prob, "ended" if ended else "open" if is_open else "dropped")
                      for ids, log_prob, ended, is_open in entries])
    return steps


def marked(steps):
    """The same from (what is looked at, what has ended, what stays open), entries (text, log-probability) each."""
    return [[(text, log_prob, "ended" if (text, log_prob) in ended else "open" if (text, log_prob) in still_open else "dropped")
             for text, log_prob in looked_at] for looked_at, ended, still_open in steps]


def tree(steps, title=None, until=None, most=9):
    """A beam search as a tree: for each step a list of (text, log-probability, kind), kind "open", "ended" or "dropped".

    One token more a step; below it the probability of the text so far.   until: the last step drawn, by default the
    last of all.   most: how many steps are drawn, up to that one.
    """
    until = len(steps) if until is None else until
    first = max(0, until - most)
    shown, total = steps[first:until], min(max(len(steps), 2), most)
    tallest = max(len(step) for step in steps)
    figure, (ax,) = new(max(5.0, 1.2 + 0.86 * (total + 1)), 0.9 + 0.52 * tallest, title=title)
    inch = (total + 1) / figure.get_figwidth()                      # in units of the x axis
    ax.axis("off")
    ax.set(xlim=(-0.45, total + 0.55), ylim=(-tallest + 0.35, 0.6))
    ax.text(0, -(tallest - 1) / 2, "start" if first == 0 else "…", ha="center", va="center", fontsize=9.5)
    before = [text for text, _, kind in steps[first - 1] if kind == "open"] if first else [()]
    places = {text: (0.28 * inch, -(tallest - 1) / 2) for text in before}
    for number, step in enumerate(shown, start=1):
        shift = (tallest - len(step)) / 2
        for rank, (text, log_prob, kind) in enumerate(step):
            x, y = number, -(rank + shift)
            colour = {"open": QUERY, "ended": VALUE, "dropped": "#AAAAAA"}[kind]
            token = "end" if text[-1] in (".", "<eos>") else text[-1]
            half = inch * (0.045 * max(len(token), 4) + 0.05)
            if text[:-1] in places:
                left, height = places[text[:-1]]
                ax.plot([left, x - half], [height, y], color=colour, lw=0.8 if kind == "dropped" else 1.6, zorder=0)
            if kind == "open":
                places[text] = (x + half, y)
            ax.text(x, y, f"{token}\n{numpy.exp(log_prob):.2f}", ha="center", va="center", fontsize=8.5, color=colour,
                    family="monospace", linespacing=1.3, fontweight="bold" if kind == "ended" else "normal")
    return figure


def overlap(hypothesis, reference, title=None, most=4):
    """Which n tokens in a row of a hypothesis count for BLEU: filled boxes do, a cross is one more than the reference has."""
    width = max(len(word) for word in hypothesis) * 0.1 + 0.15
    figure, (ax,) = new(2.2 + width * 1.15 * max(len(hypothesis), len(reference)), 0.7 + 0.36 * (most + 2), title=title)
    ax.axis("off")
    ax.set(xlim=(-1.9, max(len(hypothesis), len(reference)) + 0.9), ylim=(most + 1.6, -0.6))
    for y, name, words, colour in ((0, "reference", reference, INK), (1, "hypothesis", hypothesis, INK)):
        ax.text(-1.85, y, name, va="center", fontsize=9)
        for place, word in enumerate(words):
            ax.text(place + 0.1, y, word, ha="center", va="center", fontsize=9.5, family="monospace", color=colour)
    for n in range(1, most + 1):
        left = {}
        for start in range(len(reference) - n + 1):
            gram = tuple(reference[start:start + n])
            left[gram] = left.get(gram, 0) + 1
        there, counted, total = dict(left), 0, max(len(hypothesis) - n + 1, 0)
        for start in range(total):
            gram = tuple(hypothesis[start:start + n])
            counts = left.get(gram, 0) > 0
            counted += counts
            left[gram] = left.get(gram, 0) - 1
            middle = start + (n - 1) / 2 + 0.1
            ax.add_patch(Rectangle((middle - 0.4, n + 0.7), 0.8, 0.55, fc=VALUE if counts else "white", ec=VALUE if counts else FAINT))
            if not counts and gram in there:
                ax.text(middle, n + 0.98, "×", ha="center", va="center", color=WRONG, fontsize=11)
        ax.text(-1.85, n + 0.98, f"{n} in a row", va="center", fontsize=9)
        ax.text(len(hypothesis) + 0.1, n + 0.98, f"{counted} of {total}", va="center", fontsize=9)
    return figure


def kinds(shares, title=None, xlabel="share of the numbers"):
    """Stacked bars, one a row: name of a row → {name of a part: share}."""
    figure, (ax,) = new(7.4, 1.1 + 0.42 * len(shares), title=title)
    parts = list(dict.fromkeys(part for row in shares.values() for part in row))
    colours = dict(zip(parts, (VALUE, KEY, WRONG, OTHER, QUERY, FAINT)))
    for place, row in enumerate(shares.values()):
        left = 0.0
        for part in parts:
            ax.barh(place, row.get(part, 0.0), left=left, color=colours[part], height=0.62, label=part if place == 0 else None)
            left += row.get(part, 0.0)
    ax.set(yticks=range(len(shares)), yticklabels=list(shares), ylim=(len(shares) - 0.5, -0.5), xlim=(0, 1), xlabel=xlabel)
    ax.tick_params(left=False)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=9)
    return figure
