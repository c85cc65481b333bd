"""Lesson 01's subject as pictures: who fetches from whom in a sentence, and one attention layer as boxes.

Every function returns a figure that brings its text alternative along, as `figure.alt`.
"""

from matplotlib.patches import FancyArrowPatch

from . import FAINT, INK, KEY, QUERY, VALUE
from .diagrams import EDGE, GREY, Diagram

SENTENCE = "the cat slept because it purred".split()


def who_purred(tokens=SENTENCE, asks=4, found=1):
    """The sentence as chips: one token looks at all others, and fetches from one of them."""
    d = Diagram(8.8, 2.3, "To understand “it”, you look back and fetch “cat”")
    width, low = 1.3, 0.55
    middles = [0.95 + width * k for k in range(len(tokens))]
    for k, (x, token) in enumerate(zip(middles, tokens)):
        colour = {asks: QUERY, found: VALUE}.get(k, EDGE)
        d.frame(x - 0.55, low - 0.22, 1.1, 0.44, 0.08, fc="white", ec=colour, lw=2 if colour != EDGE else 1)
        d.text(x, low, token, size=11, colour=colour if colour != EDGE else INK)
    for k, x in enumerate(middles):
        if k != asks:
            bend = 0.42 if k < asks else -0.9
            style = {"color": VALUE, "lw": 3} if k == found else {"color": FAINT, "lw": 1}
            d.ax.add_patch(FancyArrowPatch(
                (x, low + 0.26), (middles[asks], low + 0.26), arrowstyle="-|>", connectionstyle=f"arc3,rad={-bend}",
                mutation_scale=13, shrinkA=0, shrinkB=0, **style))
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    d.ax.text((middles[asks] + middles[found]) / 2, 1.6, "an animal", color=VALUE, fontsize=9.5,
              fontweight="bold", ha="center", va="center", bbox=label, zorder=4)
    d.text(middles[asks], 0.12, "who is meant?", size=9, colour=QUERY)
    d.figure.alt = ("The six words of the sentence in a row. Arrows lead from all other words to the word it; "
                    "the one from cat is thick and brings: an animal.")
    return d.figure


def layer(lit=("scale", "mask")):
    """One attention layer from bottom to top, with shapes.   lit: of "scale" and "mask", the boxes to light."""
    d = Diagram(9.8, 6.5, "One attention layer: compare queries with keys, then mix the values")
    columns = (("queries", "(T, d_k)", QUERY, 2.0), ("keys", "(S, d_k)", KEY, 4.0), ("values", "(S, d_v)", VALUE, 7.4))
    d.chips(4.4, 0.3, SENTENCE, width=0.95)
    d.text(7.5, 0.3, "x   (T, d_model)", size=8, colour=GREY, align="left")
    for name, shape, colour, x in columns:
        d.arrow((4.4, 0.52), (4.4, 0.85), (x, 0.85), (x, 1.2), width=1.1)
        _coloured(d, x, 1.45, 1.5, f"× W_{name[0]}", colour)
        d.arrow((x, 1.7), (x, 5.47 if name == "values" else 2.15), colour=colour)
        d.text(x + 0.12, 1.93, f"{name}   {shape}", size=8, colour=colour, align="left")
    d.box(3.0, 2.4, 3.5, 0.5, "scores: query · key")
    steps = (("scale", "÷ √$d_k$", "section 5", 3.2), ("mask", "mask", "section 6: −∞ where forbidden", 4.1),
             ("softmax", "softmax of each row", "", 4.95))
    below = 2.65
    for name, text, note, y in steps:
        height = 0.62 if note else 0.5
        d.arrow((3.0, below), (3.0, y - height / 2))
        d.box(3.0, y, 3.5, height, text, note, lit=name in lit)
        below = y + height / 2
    d.text(3.12, 2.77, "(T, S)", size=8, colour=GREY, align="left")
    d.arrow((3.0, below), (3.0, 5.72), (5.0, 5.72))
    d.text(2.88, 5.5, "weights   (T, S)", size=8, colour=GREY, align="right")
    d.box(6.6, 5.72, 3.2, 0.5, "mix: weights × values")
    d.arrow((6.6, 5.97), (6.6, 6.3))
    d.text(6.72, 6.2, "output   (T, d_v)", size=8, colour=GREY, align="left")
    d.figure.alt = ("Boxes from bottom to top. The tokens x go through three matrices and become queries, keys and "
                    "values. Queries and keys meet in the scores, which are divided by the root of d_k, masked, and "
                    "turned into weights by a softmax of each row. The weights mix the values into the output.")
    return d.figure


def _coloured(d, x, y, width, text, colour):
    d.frame(x - width / 2, y - 0.25, width, 0.5, fc=colour + "33", ec=colour, lw=1.4)
    d.text(x, y, text)
