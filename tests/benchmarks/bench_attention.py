"""Our attention, which computes and returns its weights, against `F.scaled_dot_product_attention`: time over length."""

import dataclasses
import itertools
import pathlib

import torch
import torch.nn.functional as F

from shared import evidence, figures, settings
from shared.transformer import causal_mask, scaled_dot_product_attention

from . import timing

PICTURE = pathlib.Path(__file__).resolve().parents[2] / "build" / "bench_attention.png"
LENGTHS = (64, 128, 256, 512, 1024, 2048)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
MASKS = ("none", "causal")
PASSES = ("forward", "forward + backward")
TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}


def pair(length, dtype, mask, direction, batch=4, num_heads=4, d_head=32):
    """Two functions without arguments, ours and PyTorch's, that do the same work and return its results."""
    rng = settings.generator()
    query, key, value, direction_of_loss = (
        rng.normal(batch, num_heads, length, d_head).to(DTYPES[dtype]) for _ in range(4))
    inputs = [tensor.requires_grad_(direction == "forward + backward") for tensor in (query, key, value)]
    allowed = causal_mask(length, device=settings.device()) if mask == "causal" else None

    def finish(output):
        if direction == "forward":
            return [output]
        return [output.detach(), *torch.autograd.grad(output, inputs, direction_of_loss)]

    return (lambda: finish(scaled_dot_product_attention(*inputs, allowed)[0]),
            lambda: finish(F.scaled_dot_product_attention(*inputs, is_causal=mask == "causal")))


def run(lengths=LENGTHS, seconds=0.8):
    """One row for each length, precision, mask and pass; both sides are first checked to compute the same."""
    rows = []
    for dtype, mask, direction, length in itertools.product(DTYPES, MASKS, PASSES, lengths):
        ours, theirs = pair(length, dtype, mask, direction)
        torch.testing.assert_close(ours(), theirs(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        compared = timing.compare(ours, theirs, seconds)
        rows.append({"dtype": dtype, "mask": mask, "pass": direction, "n": length, **dataclasses.asdict(compared)})
    return rows


def lines(rows):
    """The rows as text."""
    return timing.table([{
        "dtype": row["dtype"], "mask": row["mask"], "pass": row["pass"], "n": row["n"],
        "ours ms": f"{1e3 * row['first']:.2f}", "PyTorch ms": f"{1e3 * row['second']:.2f}",
        "ratio": f"{row['ratio']:.2f}", "quartiles": f"{row['low']:.2f} – {row['high']:.2f}", "turns": row["turns"],
    } for row in rows])


def draw(rows, machine):
    """The ratio of times over the length, one panel for each precision and pass, with its quartiles as a band."""
    title = f"Time of our attention as a multiple of PyTorch's\n{machine}"
    figure, axes = figures.new(8.4, 5.6, 2, 2, sharex=True, sharey=True, title=title)
    for ax, (direction, dtype) in zip(axes, itertools.product(PASSES, DTYPES), strict=True):
        for mask, colour in zip(MASKS, (figures.QUERY, figures.KEY), strict=True):
            chosen = [row for row in rows if (row["dtype"], row["mask"], row["pass"]) == (dtype, mask, direction)]
            lengths = [row["n"] for row in chosen]
            ax.plot(lengths, [row["ratio"] for row in chosen], marker="o", color=colour, label=f"mask: {mask}")
            low, high = [row["low"] for row in chosen], [row["high"] for row in chosen]
            ax.fill_between(lengths, low, high, color=colour, alpha=0.2)
        ax.axhline(1, color=figures.INK, linestyle="--", linewidth=1, label="as fast as PyTorch")
        ax.set_xscale("log", base=2)
        ax.set_yscale("log", base=2)
        ax.set_xticks(lengths, lengths)
        ax.yaxis.set_major_formatter("{x:g}")
        ax.margins(x=0.08)
        ax.set_title(f"{direction}, {dtype}")
    axes[0].legend(frameon=False, fontsize=9)
    for ax in axes[2:]:
        ax.set_xlabel("length n")
    for ax in axes[::2]:
        ax.set_ylabel("ratio of times")
    return figure


def main():
    """Measure, print the table, draw it, and record it in data/results/bench_attention.json."""
    rows = run()
    entry = evidence.write("bench_attention", "make bench ARGS=attention", rows=rows)
    head = "{machine} · torch {torch} · {date} · commit {commit}".format(**entry)
    print(f"scaled_dot_product_attention, (B, H, n, d) = (4, 4, n, 32)\n{head}\n\n{lines(rows)}")
    PICTURE.parent.mkdir(exist_ok=True)
    figures.set_style()
    draw(rows, head).savefig(PICTURE)
    print(f"\ndrawn in {PICTURE.parent.name}/{PICTURE.name}, recorded in data/results/bench_attention.json")
