"""Pictures of a model that learns to write (lesson 06). Each figure brings its text alternative: `show(figure)`."""

import math

import numpy
import torch

from .. import settings, writing
from . import FAINT, INK, OTHER, VALUE, WEIGHT, WRONG, array, new
from .diagrams import GREY, Diagram

NAMES, THINGS = "ann eve kim bob tom max joy liz zoe dan jim sam", "kite hat ring cake"


def may_follow(language, story, stops, top=4):
    """What the grammar lets follow at some positions of a story: one panel for each number of words in `stops`."""
    words, panels = story.split(), {}
    for stop in stops:
        probs = language.next_probs(language.encode(" ".join(words[:stop + 1])))[-1]    # after `stop` words
        panels[f"… {' '.join(words[max(0, stop - 3):stop])} …"] = probs
    figure = writing.next_words(panels, language.words, "Sometimes four words can follow, sometimes only one", top)
    figure.set_size_inches(8.6, 2.15)
    figure.alt = "What can follow, by the grammar. " + " ".join(
        f"After {name} {', '.join(language.words[k] for k in probs.argsort(descending=True)[:top] if probs[k] > 0)}."
        for name, probs in panels.items())
    return figure


def first_stories(texts, language, title):
    """Texts that a model has written, name → text, each up to the end of its first story.

    The first word that is impossible in its story is underlined.
    """
    cut, impossible = {}, {}
    for name, text in texts.items():
        cut[name] = text.replace(" . end ", " . end\n").split("\n")[0].split()
        wrong = language.log_prob(language.encode(" ".join(cut[name]))).isneginf()
        impossible[name] = wrong & (wrong.cumsum(0) == 1)
    figure = writing.lines(cut, title, 100, impossible)
    figure.alt = f"{title}. Stories, with the first impossible word underlined: {', '.join(cut)}."
    figure.seen = " ".join(f"{name}: {' '.join(words)}" for name, words in cut.items())
    return figure


def shifted(text, right):
    """Inputs, what each position sees, targets, and what each prediction costs. right: the targets' probabilities."""
    words, costs = text.split(), [-math.log(p) for p in right]
    T, mean = len(right), sum(costs) / len(right)
    d = Diagram(9.6, 3.5, "Each position answers one question; the loss is the mean of −ln p", scale=0.82)
    rows = {"input": 0.3, "position sees": 1.05, "target": 1.95, "p(target)": 2.6, "−ln p": 3.25}
    for name, y in rows.items():
        d.text(0.1, y, name, align="left", colour=VALUE if name == "target" else INK)
    for t, x in enumerate(2.9 + 1.75 * numpy.arange(T)):
        d.chips(x, rows["input"], [words[t]], width=0.9)
        for k in range(T):
            d.square(x - 0.14 * T + 0.28 * k, rows["position sees"] - 0.14, 0.28, seen=k <= t)
        d.arrow((x, 0.5), (x, 0.86), width=1.1)
        d.arrow((x, 1.24), (x, 1.75), width=1.1)
        d.chips(x, rows["target"], [words[t + 1]], colour=VALUE, width=0.9)
        d.text(x, rows["p(target)"], f"{right[t]:.2f}")
        d.text(x, rows["−ln p"], f"{costs[t]:.2f}")
    d.text(3.0 + 1.75 * T, rows["−ln p"], f"mean  {mean:.2f}", weight="bold")
    d.text(3.0 + 1.75 * T, rows["p(target)"], f"perplexity  {math.exp(mean):.2f}", colour=GREY)
    d.figure.alt = (f"The words {' '.join(words[:-1])} as inputs, {' '.join(words[1:])} as targets. Each position sees itself "
                    "and what came before. Above each target, its probability p and its cost −ln p; the loss is their mean.")
    d.figure.seen = f"Here it is {mean:.2f}."
    return d.figure


def smoothed(losses):
    """Each loss averaged with its neighbours, over a window that grows with the step."""
    sums = numpy.cumsum([0.0, *losses])
    spans = [(max(0, step - step // 6), min(len(losses), step + step // 6 + 1)) for step in range(len(losses))]
    return numpy.array([(sums[high] - sums[low]) / (high - low) for low, high in spans])


def _shannon(language, words=10):
    """Texts drawn from word frequencies, from bigrams, and from the language itself (Shannon 1948, §3)."""
    ids = language.sample(settings.generator(7), 300, 120).cpu()
    V, draw = language.vocab_size, torch.Generator("cpu").manual_seed(3)
    single = torch.bincount(ids.flatten(), minlength=V).float()
    pairs = torch.bincount((ids[:, :-1] * V + ids[:, 1:]).flatten(), minlength=V * V).float().view(V, V)
    one, two = torch.multinomial(single, words, replacement=True, generator=draw), [language.encode("kim").item()]
    while len(two) < words:
        two.append(torch.multinomial(pairs[two[-1]], 1, generator=draw).item())
    return language.decode(one), language.decode(torch.tensor(two)), language.decode(ids[5, :words])


def descent(losses, language):
    """The loss on its way down past three heights; beside each, a text drawn from the knowledge of that height."""
    heights = {"unigrams": language.unigram_entropy(), "bigrams": language.bigram_entropy(),
               "the floor": language.entropy(61)[1:].mean().item()}
    figure, (ax, beside) = new(9.4, 3.9, 1, 2, "Past unigrams, past bigrams, down to the floor", sharey=True,
                               width_ratios=(1.55, 1))
    beside.axis("off")
    steps = numpy.arange(1, len(losses) + 1)
    ax.plot(steps, losses, color=INK, lw=0.8, alpha=0.35)
    ax.plot(steps, smoothed(losses), color=INK, lw=2.2)
    for (name, height), text in zip(heights.items(), _shannon(language)):
        ax.axhline(height, color=INK, lw=0.9, ls="--")
        beside.text(0, height, f"{name}, {height:.2f}", fontsize=9.5, fontweight="bold", va="center")
        beside.text(0, height - 0.24, text, fontsize=9, style="italic", va="center", color="#555555", parse_math=False)
    ax.set(xscale="log", xlim=(1, len(losses)), ylim=(0, 4.7), xlabel="step", ylabel="loss (nats a word)")
    ax.set_xticks([1, 10, 100, len(losses)], ["1", "10", "100", f"{len(losses)}"])
    ax.minorticks_off()
    unigrams, bigrams, floor = heights.values()
    figure.alt = (f"The loss falls from about ln V past the entropy of unigrams, {unigrams:.2f}, and of bigrams, {bigrams:.2f}, "
                  f"to the floor of the language, {floor:.2f}. Beside each line is a text drawn from that knowledge alone.")
    return figure


def _coming_back(language, ids):
    """Which words of ids (…, T), the first left out, are names and which are things that had to come: (…, T - 1) each."""
    certain = language.log_prob(ids)[..., 1:] == 0
    return [certain & torch.isin(ids[..., 1:], language.encode(words)) for words in (NAMES, THINGS)]


def kinds_of_words(language, ids, losses):
    """The excess loss of names that come back, of things that come back, and of the rest, one value a step for each.

    ids (steps, B, T), losses (steps, B, T - 1).   → name of the kind → (steps,)
    """
    name, thing = _coming_back(language, ids.flatten(0, 1))
    excess = losses.flatten(0, 1) + language.log_prob(ids.flatten(0, 1))[:, 1:]
    kinds = {"names that come back": name, "things that come back": thing, "the rest": ~(name | thing)}
    return {label: (excess * kind).view(len(ids), -1).sum(1) / kind.view(len(ids), -1).sum(1)
            for label, kind in kinds.items()}


def plateaus(kinds, title="First that a name or a thing is due, then which"):
    """The excess losses of `kinds_of_words`, on the way."""
    figure, (ax,) = new(7.8, 3.4, title=title)
    for (label, line), colour in zip(kinds.items(), (WRONG, VALUE, INK)):
        ax.plot(range(1, len(line) + 1), smoothed(array(line)), color=colour, lw=2.2, label=label)
    for height, label in ((math.log(6), "a guess among six: ln 6"), (math.log(4), "a guess among four: ln 4")):
        ax.axhline(height, color=INK, lw=0.9, ls="--")
        ax.annotate(label, (1, height), xycoords=("axes fraction", "data"), xytext=(-4, 4), textcoords="offset points",
                    ha="right", fontsize=9)
    ax.legend(frameon=False, fontsize=9.5, loc="upper right", bbox_to_anchor=(1, 1.06))
    ax.set(xlabel="step", ylabel="excess loss (nats a word)", xlim=(1, len(line)), ylim=(0, 4.4))
    figure.alt = ("Excess loss against the step. That of the rest falls at once. That of names that come back rests near ln 6, "
                  "and that of things near ln 4, before both fall, too.")
    return figure


def below_the_floor(curves, floor):
    """Losses of a right model and of two that cheat, and the floor that nothing honest crosses: name → losses."""
    figure, (ax,) = new(7.8, 3.3, title="Two mistakes, one symptom: a loss below the floor")
    last = max(map(len, curves.values()))
    for (name, losses), colour in zip(curves.items(), (INK, WRONG, OTHER)):
        line = smoothed(losses)
        ax.plot(range(1, len(losses) + 1), line, color=colour, lw=2.2)
        up = 9 if len(losses) < last else 0
        ax.annotate(name, (len(losses), line[-1]), xytext=(0 if up else 7, up), textcoords="offset points",
                    color=colour, va="center", ha="right" if up else "left", fontsize=9.5)
    ax.axhspan(0, floor, color=FAINT, alpha=0.28, lw=0)
    ax.axhline(floor, color=INK, lw=0.9, ls="--")
    for text, y, up in (("the floor", floor, 4), ("impossible\nwithout cheating", floor / 2, -8)):
        ax.annotate(text, (1, y), xytext=(5, up), textcoords="offset points", fontsize=9)
    ax.set(xlabel="step", ylabel="loss (nats a word)", xlim=(1, last), ylim=(0, 4.6))
    figure.alt = ("Three learning curves. The right model stays above the floor. Without a mask, and with targets that are "
                  "not shifted, the loss falls below the floor, where no honest model can be.")
    return figure


def knobs(before, panels, words, title, top=7):
    """What settings do to one distribution: name → probabilities (V,), as bars, over the outline of `before` (V,)."""
    before, order = array(before), numpy.argsort(-array(before).round(4), kind="stable")[:top]
    figure, axes = new(max(5, 2.15 * len(panels) + 0.6), 0.9 + 0.27 * top, 1, len(panels), title, sharey=True, sharex=True)
    for ax, (name, probs) in zip(axes, panels.items()):
        ax.barh(range(len(order)), array(probs)[order], 0.62, color=WEIGHT)
        ax.barh(range(len(order)), before[order], 0.62, fill=False, ec=INK, lw=1)
        left = int((array(probs) > 0).sum())                        # words that can be drawn
        ax.set_title(f"{name}\n{left} word{'s' if left != 1 else ''} can be drawn", fontweight="normal", fontsize=9.5)
        ax.set(xlim=(0, 1.02), xticks=(0, 0.5, 1), xlabel="probability")
        ax.tick_params(left=False)
    axes[0].set_yticks(range(len(order)), [words[k] for k in order], fontsize=9.5)
    axes[0].set_ylim(len(order) - 0.5, -0.5)
    figure.alt = f"{title}. Bars of the most probable words: outlined before, filled after each of {', '.join(panels)}."
    return figure


def pages(texts, title, lines=14, columns=38):
    """Texts with their own line ends, side by side: name → text."""
    figure, axes = new(3.15 * len(texts), 0.75 + 0.19 * lines, 1, len(texts), title)
    for ax, (name, text) in zip(axes, texts.items()):
        rows = [row[k:k + columns] for row in text.split("\n") for k in range(0, max(len(row), 1), columns)]
        ax.axis("off")
        ax.set(xlim=(0, columns), ylim=(lines, 0))
        ax.set_title(name, fontweight="normal", fontsize=9.5, color=GREY)
        for k, row in enumerate(rows[:lines]):
            ax.text(0, k + 0.5, row, family="monospace", fontsize=8.5, va="center", parse_math=False)
    figure.alt = f"{title}. Texts side by side: {', '.join(texts)}."
    figure.seen = " ".join(f"{name}: {text[:120]!r}" for name, text in texts.items())
    return figure
