"""Pictures drawn for one idea of one lesson. As in `shared.figures`, every function returns a matplotlib `Figure`."""

import numpy
import seaborn
from matplotlib.patches import Arc, Circle, Rectangle

from .figures import ATTENTION, FAINT, INK, KEY, QUERY, WRONG, array, new


def query_among_keys(query, keys, names, weights, title=None):
    """Lesson 01: keys (S, 2) as points in the plane, one query (2,) as an arrow, and the weights (S,) it gives them."""
    figure, (plane, chart) = new(8.4, 3.6, 1, 2, title, width_ratios=(1.25, 1))
    query, keys, weights = array(query), array(keys), array(weights)
    plane.axhline(0, color=FAINT, lw=0.6)
    plane.axvline(0, color=FAINT, lw=0.6)
    plane.scatter(*keys.T, s=30 + 900 * weights, color=KEY, alpha=0.55, lw=0)
    plane.scatter(*keys.T, s=12, color=KEY)
    for name, (x, y) in zip(names, keys):
        plane.annotate(name, (x, y), xytext=(6, 6), textcoords="offset points", fontsize=9)
    plane.annotate("", query, (0, 0), arrowprops={"arrowstyle": "-|>", "color": QUERY, "lw": 2.2})
    plane.annotate("query", query, xytext=(4, -12), textcoords="offset points", color=QUERY, fontsize=9.5)
    plane.set(xlim=(-3.4, 3.4), ylim=(-3.2, 3.2), aspect="equal", xlabel="thing", ylabel="event")
    chart.barh(range(len(names)), weights, color=[ATTENTION(float(weight)) for weight in weights], edgecolor=INK, lw=0.6)
    chart.set_yticks(range(len(names)), names)
    chart.set(xlim=(0, 1), xlabel="weight")
    chart.invert_yaxis()
    return figure


def paths(tokens, title=None):
    """Lesson 01: the way from the first token to the last, hop by hop in a recurrent network, in one hop by attention."""
    figure, (chain, direct) = new(8.4, 2.2, 1, 2, title)
    last = len(tokens) - 1
    for ax, name, top in ((chain, f"recurrent: {last + 1} steps, one after another", "states"),
                          (direct, "attention: 1 step, for any length", "outputs")):
        ax.set(xlim=(-1.5, last + 0.6), ylim=(-0.6, 1.3))
        ax.axis("off")
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.text(-1.5, 0.95, top, fontsize=9, color=INK)
        ax.text(-1.5, -0.05, "words", fontsize=9, color=INK)
        for k, token in enumerate(tokens):
            ax.text(k, -0.4, token, ha="center", fontsize=9)
            ax.plot([k, k], [0, 1], "o", color=INK, ms=7, mfc="white", zorder=3)
    for k in range(last + 1):
        chain.annotate("", (k, 0.88), (k, 0.12), arrowprops={"arrowstyle": "-|>", "color": FAINT if k else QUERY, "lw": 1 if k else 2})
        if k < last:
            chain.annotate("", (k + 0.88, 1), (k + 0.12, 1), arrowprops={"arrowstyle": "-|>", "color": QUERY, "lw": 2})
        direct.annotate("", (last - 0.05, 0.9), (k, 0.1), zorder=2 + (k == 0),
                        arrowprops={"arrowstyle": "-|>", "color": FAINT if k else QUERY, "lw": 1 if k else 2.2})
    return figure


def split_and_merge(d_model, num_heads, tokens, title=None):
    """Lesson 02: tokens as rows of d_model squares; the width cut into heads; the heads in front, each with all tokens."""
    d_head, T = d_model // num_heads, len(tokens)
    tall = num_heads * (T + 0.7) - 0.7
    figure, axes = new(8.4, 1.2 + 0.3 * tall, 1, 3, title, width_ratios=(d_model, d_model + 1, d_head + 2.5))
    shapes = (f"(B, T, d_model)\n= (1, {T}, {d_model})", f"(B, T, H, d_head)\n= (1, {T}, {num_heads}, {d_head})",
              f"(B, H, T, d_head)\n= (1, {num_heads}, {T}, {d_head})")
    for k, (ax, shape) in enumerate(zip(axes, shapes)):
        ax.axis("off")
        ax.set(xlim=(-2.6, (d_head if k == 2 else d_model) + 2.2), ylim=(tall + 0.1, -0.1))
        ax.set_title(shape, fontsize=9.5, fontweight="normal", loc="center")
        for head in range(num_heads):
            left, top = (0, head * (T + 0.7)) if k == 2 else (head * (d_head + 0.8 * (k == 1)), (tall - T) / 2)
            for row, token in enumerate(tokens):
                for column in range(d_head):
                    shade = 0.18 + 0.5 * head / max(1, num_heads - 1)
                    ax.add_patch(Rectangle((left + column, top + row), 0.9, 0.85, fc=INK, lw=0, alpha=shade))
                if k == 2 or head == 0:
                    ax.text(left - 0.3, top + row + 0.45, token, ha="right", va="center", fontsize=9)
            if k == 2:
                ax.text(left + d_head + 0.3, top + T / 2, f"head {head + 1}", va="center", fontsize=9)
    for ax, there, back in zip(axes[1:], ("unflatten", "transpose"), ("flatten", "transpose")):
        ax.text(-4, tall / 2 - 0.35, f"{there} →", ha="center", fontsize=8.5)
        ax.text(-4, tall / 2 + 0.65, f"← {back}", ha="center", fontsize=8.5)
        ax.annotate("", (-2.9, tall / 2), (-5.1, tall / 2), annotation_clip=False,
                    arrowprops={"arrowstyle": "<|-|>", "color": INK, "lw": 1.2})
    return figure


def clock_hands(places, title=None):
    """Lesson 03: one column a place, one row a pair (sin, cos), drawn as a hand on a dial. places: lists of d_model numbers."""
    places = array(places).reshape(len(places), -1, 2)
    figure, axes = new(0.9 + 0.8 * len(places), 0.7 + 0.75 * places.shape[1], places.shape[1], len(places), title)
    for k, ax in enumerate(axes):
        hand, place = divmod(k, len(places))
        sin, cos = places[place, hand]
        ax.add_patch(Circle((0, 0), 1, fc="white", ec=FAINT))
        ax.plot([0, sin], [0, cos], color=QUERY, lw=2, solid_capstyle="round")
        ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        if hand == 0:
            ax.set_title(f"place {place}", fontsize=9, fontweight="normal", loc="center")
        if place == 0:
            ax.set_ylabel(f"hand {hand}", fontsize=9)
    return figure


def encodings(tables, title=None, rows=None):
    """Lesson 03: tables of encodings (places, d_model) as stripes, one column an entry: name → table.   rows: for each table, names of its rows."""
    figure, axes = new(8.4, 3.2, 1, len(tables), title, sharey=rows is None)
    for k, (ax, (name, table)) in enumerate(zip(axes, tables.items())):
        image = ax.imshow(array(table), cmap=seaborn.blend_palette([WRONG, "#FFFFFF", QUERY], as_cmap=True), vmin=-1, vmax=1, aspect="auto")
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.set(xlabel="entry", ylabel="place" if ax is axes[0] and rows is None else "")
        ax.yaxis.get_major_locator().set_params(integer=True, steps=[1, 2, 5, 10])
        if rows is not None:
            ax.set_yticks(range(len(rows[k])), rows[k])
    figure.colorbar(image, ax=axes, ticks=[-1, 0, 1])
    return figure


def turned_pairs(query, key, places, frequency, title=None):
    """Lesson 03: a query and a key (2,) turned by their places, one panel for each pair (place of query, place of key)."""
    figure, axes = new(7.2, 3.3, 1, len(places), title)
    for ax, pair in zip(axes, places):
        ax.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        turned = []
        for vector, place, name, colour in zip((query, key), pair, ("query", "key"), (QUERY, KEY)):
            cos, sin = numpy.cos(place * frequency), numpy.sin(place * frequency)
            x, y = vector[0] * cos - vector[1] * sin, vector[0] * sin + vector[1] * cos
            turned.append((x, y))
            for (end_x, end_y), style in ((vector, ":"), ((x, y), "-")):
                ax.annotate("", (end_x, end_y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.2 if style == ":" else 2.2, "ls": style})
            ax.annotate(f"{name} at {place}", (1.3 * x, 1.3 * y), color=colour, ha="center", va="center", fontsize=9)
        first, second = (numpy.degrees(numpy.arctan2(y, x)) for x, y in turned)
        ax.add_patch(Arc((0, 0), 0.8, 0.8, theta1=first, theta2=second, color=INK, lw=1))
        middle = numpy.radians(first + (second - first) % 360 / 2)
        ax.annotate(f"{(second - first) % 360:.0f}°", (0.62 * numpy.cos(middle), 0.62 * numpy.sin(middle)), fontsize=9, ha="center", va="center")
        ax.set_title(f"score {numpy.dot(*turned):.2f} (dotted: as they were)", fontweight="normal", fontsize=9.5, loc="center")
    return figure


def pre_and_post(title=None):
    """Lesson 04: the stream through one block, in pre-norm and in post-norm, from left to right."""
    figure, axes = new(8.4, 2.1, 1, 2, title)
    for ax, name, norm_first in zip(axes, ("pre-norm: x + f(norm(x))", "post-norm: norm(x + f(x))"), (True, False)):
        ax.axis("off")
        ax.set(xlim=(-0.3, 11.3), ylim=(-1.0, 2.6))
        ax.set_title(name, fontweight="normal", fontsize=9.5)
        ax.annotate("", (11.2, 0), (-0.2, 0), arrowprops={"arrowstyle": "-|>", "color": QUERY, "lw": 3})
        ax.text(-0.2, -0.75, "stream", color=QUERY, fontsize=9)
        for left, sub_layer in ((0.4, "attention"), (5.7, "feed-\nforward")):
            read, write = left + 0.1, left + (4.5 if norm_first else 3.0)
            ax.plot([read, read, write], [0, 1.6, 1.6], color=INK, lw=1.2)
            ax.annotate("", (write, 0.25), (write, 1.6), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0})
            _box(ax, left + (2.0 if norm_first else 0.5), 1.6, 2.1, sub_layer, "white")
            _box(ax, left + (0.5 if norm_first else 3.5), 1.6 if norm_first else 0, 1.2, "norm", "#F6DFA6")
            ax.plot(write, 0, "o", color=QUERY, ms=13, mfc="white", zorder=4)
            ax.text(write, -0.02, "+", ha="center", va="center", fontsize=11, color=QUERY, zorder=5)
    return figure


def _box(ax, left, middle, width, text, colour):
    ax.add_patch(Rectangle((left, middle - 0.5), width, 1.0, fc=colour, ec=INK, lw=1, zorder=3))
    ax.text(left + width / 2, middle - 0.03, text, ha="center", va="center", fontsize=8.5, zorder=5, linespacing=0.9)
