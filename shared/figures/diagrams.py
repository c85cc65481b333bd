"""Box diagrams of architectures: boxes, arrows, the shapes beside them, and the boxes that matter in a lesson lit.

`Diagram` is the canvas; every function below draws one model of the course in the same style, and returns its figure.
"""

from matplotlib.patches import FancyBboxPatch, Rectangle

from . import FAINT, INK, VALUE, WEIGHT, new

LIT, PALE, EDGE, GREY = "#56B4E9", "#F3F3F3", "#9A9A9A", "#777777"      # lit boxes, other boxes, edges, small print


class Diagram:
    """A canvas with (0, 0) at the bottom left; a unit has the same length in both directions."""

    def __init__(self, width, height, title, scale=0.8):
        self.figure, (self.ax,) = new(width * scale, height * scale, title=title)
        self.ax.set(xlim=(0, width), ylim=(0, height), aspect="equal", anchor="NW")
        self.ax.axis("off")

    def frame(self, left, low, width, height, rounding=0.1, **style):
        """A rectangle with round corners."""
        shape = f"round,pad=0,rounding_size={rounding}"
        self.ax.add_patch(FancyBboxPatch((left, low), width, height, boxstyle=shape, **style))

    def box(self, x, y, width, height, text, note="", lit=False):
        """A box around the middle (x, y).   note: small print below the name.   lit: this lesson's box."""
        self.frame(x - width / 2, y - height / 2, width, height, lw=1.4 if lit else 1,
                   fc=LIT + "55" if lit else PALE, ec="#0072B2" if lit else EDGE)
        self.text(x, y + (0.13 if note else 0), text, weight="bold" if lit else "normal")
        if note:
            self.text(x, y - 0.19, note, size=7.5, colour=GREY)

    def text(self, x, y, text, size=9.5, colour=INK, align="center", weight="normal", turn=0):
        """A text at (x, y).   turn: degrees."""
        self.ax.text(x, y, text, fontsize=size, color=colour, ha=align, va="center", fontweight=weight, rotation=turn)

    def arrow(self, *points, colour=INK, width=1.3, head=True):
        """A line through points (x, y), with a head at the last one."""
        xs, ys = zip(*points)
        if len(points) > 2 or not head:
            end = -1 if head else None
            self.ax.plot(xs[:end], ys[:end], color=colour, lw=width, solid_capstyle="round", solid_joinstyle="round")
        if head:
            style = {"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "shrinkA": 0, "shrinkB": 0}
            self.ax.annotate("", points[-1], points[-2], arrowprops=style | {"color": colour, "lw": width})

    def plus(self, x, y):
        """The point at which something is added to the residual stream."""
        self.ax.plot(x, y, "o", ms=13, mfc="white", mec=INK, mew=1.2, zorder=3)
        self.text(x, y - 0.01, "+", size=11, weight="bold")

    def chips(self, x, y, words, colour=INK, width=0.72):
        """Tokens, side by side around the middle x."""
        for k, word in enumerate(words):
            left = x + (k - len(words) / 2) * width
            self.frame(left + 0.04, y - 0.17, width - 0.08, 0.34, 0.06, fc="white", ec=colour, lw=0.9)
            self.text(left + width / 2, y, word, size=8.5, colour=colour)

    def square(self, left, low, size, seen):
        """One entry of a mask: violet if the position may attend there."""
        self.ax.add_patch(Rectangle((left, low), size, size, lw=0.8, ec="white", fc=WEIGHT if seen else "#DDDDDD"))

    def triangle(self, x, y, T=4, size=0.6):
        """A causal mask, small: row t may attend to columns 0 to t."""
        for row in range(T):
            for column in range(T):
                self.square(x + column * size / T, y + (T - 1 - row) * size / T, size / T, seen=column <= row)


def decoder(words="kim found a big cake"):
    """The decoder as boxes: the whole on the left, one of its blocks opened on the right."""
    words = words.split()
    d = Diagram(9.8, 7.05, "A GPT: vectors go up, each block adds to them, the top scores the next word")
    _decoder_whole(d, words)
    _decoder_block(d)
    d.box(6.95, 6.6, 0.36, 0.24, "", lit=True)                          # what the colour means
    d.text(7.25, 6.6, "what makes it a decoder", size=8.5, align="left")
    d.figure.alt = ("A decoder as boxes. Words enter below: embedding and positions, a stack of blocks, a norm, and the output, which "
                    "scores every word. One block is opened: attention with a causal mask, then feed-forward, each added to the "
                    "residual stream.")
    return d.figure


def _decoder_whole(d, words, x=1.55, width=2.9):
    d.chips(x, 0.35, words[:-1])
    d.arrow((x, 0.56), (x, 1.02))
    d.box(x, 1.35, width, 0.66, "embedding + positions", "lessons 03 and 05")
    d.arrow((x, 1.68), (x, 2.2))
    for k, name in ((2, ""), (1, ""), (0, "block × num_layers")):
        d.box(x + 0.09 * k, 2.75 + 0.09 * k, width, 1.0, name, "lesson 04" if name else "")
    d.arrow((x, 3.43), (x, 3.94))
    d.box(x, 4.22, width, 0.56, "norm")
    d.arrow((x, 4.5), (x, 5.0))
    d.box(x, 5.33, width, 0.66, "output", "language-model head: scores")
    d.arrow((x, 5.66), (x, 6.2))
    d.text(x + 0.12, 5.92, "softmax", size=8, colour=GREY, align="left")
    d.chips(x, 6.42, words[1:], colour=VALUE)
    for y, last in ((0.79, ""), (1.93, ", d_model"), (3.7, ", d_model"), (4.75, ", d_model"), (5.92, ", vocab_size")):
        d.text(x - 0.12, y, f"(B, T{last})", size=7.5, colour=GREY, align="right")
    d.text(x, 6.83, "the same text, one word later", size=8.5, colour=VALUE)


def _decoder_block(d, left=4.4, right=9.6, low=0.75, high=6.2, stream=5.3, middle=7.6):
    d.frame(left, low, right - left, high - low, 0.15, fc="white", ec=EDGE, lw=1)
    for y, corner in ((2.3, low + 0.1), (3.2, high - 0.1)):
        d.arrow((3.2, y), (left, corner), colour=FAINT, width=0.9, head=False)
    d.text(right - 0.2, high - 0.28, "one block", weight="bold", align="right")
    d.arrow((stream, 0.3), (stream, 6.65), width=2.6)
    d.text(stream - 0.25, 3.42, "residual stream", size=8.5, colour=GREY, turn=90)
    for base, part, note, lit in ((1.2, "causal attention", "lessons 01 and 02", True),
                                  (3.75, "feed-forward", "each position by itself, lesson 04", False)):
        d.arrow((stream, base), (middle, base), (middle, base + 0.24))
        d.box(middle, base + 0.44, 1.7, 0.4, "norm")
        d.arrow((middle, base + 0.64), (middle, base + 0.9))
        d.box(middle, base + 1.23, 3.3, 0.66, part, note, lit=lit)
        d.arrow((middle, base + 1.56), (middle, base + 1.85), (stream + 0.2, base + 1.85))
        d.plus(stream, base + 1.85)
    d.triangle(8.6, 2.15, size=0.56)
