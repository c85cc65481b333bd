"""`MultiHeadAttention` without weights: its explicit path against its SDPA path, and the one it chooses against PyTorch's."""

import dataclasses
import itertools

import torch
from torch import nn

from shared import evidence, settings
from shared.transformer import MultiHeadAttention, causal_mask, fused

from . import timing

LENGTHS = (64, 256, 1024)
DTYPES = ("float32", "bfloat16")
WORKS = ("inference", "training step")
SIDES = (("explicit", "SDPA"), ("ours", "PyTorch"))
TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}
RULES = {"explicit": lambda query, key: True, "SDPA": lambda query, key: False, "ours": fused.explicit_is_faster}


def layers(d_model, num_heads):
    """Our layer and PyTorch's with the same weights."""
    torch.manual_seed(0)
    ours = MultiHeadAttention(d_model, num_heads).to(settings.device())
    theirs = nn.MultiheadAttention(d_model, num_heads, batch_first=True).to(settings.device())
    inner = (ours.to_query, ours.to_key, ours.to_value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in inner]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in inner]))
    theirs.out_proj.load_state_dict(ours.to_output.state_dict())
    return ours, theirs


def steps(length, dtype, work, batch=12, d_model=128, num_heads=4):
    """Four functions without arguments that do the same work, under a causal mask, and return its results."""
    ours, theirs = layers(d_model, num_heads)
    rng, training = settings.generator(), work == "training step"
    x, direction = rng.normal(batch, length, d_model), rng.normal(batch, length, d_model)
    x.requires_grad_(training)
    may = causal_mask(length, device=settings.device())
    may_not = ~may

    def pytorch():                                  # is_causal lets PyTorch skip what the mask blocks
        return theirs(x, x, x, attn_mask=may_not, is_causal=True, need_weights=False)[0]

    def by(rule):
        def call():
            fused.explicit_is_faster = rule
            try:
                return ours(x, mask=may, need_weights=False)[0]
            finally:
                fused.explicit_is_faster = RULES["ours"]
        return call

    def step(layer, output):
        def call():
            layer.train(training)
            with torch.set_grad_enabled(training), torch.autocast(x.device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
                result = output()
            if not training:
                return [result]
            gradients = torch.autograd.grad(result, [x, *layer.parameters()], direction.to(result.dtype))
            return [result.detach(), gradients[0]]  # the parameters are laid out differently
        return call

    return {name: step(ours, by(rule)) for name, rule in RULES.items()} | {"PyTorch": step(theirs, pytorch)}


def run(lengths=LENGTHS, seconds=0.4):
    """One row for each precision, work, length and pair of sides, which a small batch first checks to compute the same."""
    rows = []
    for dtype, work, length in itertools.product(DTYPES, WORKS, lengths):
        tolerance, small = TOLERANCE[dtype], steps(length, dtype, work, batch=1)
        functions = steps(length, dtype, work)
        for first, second in SIDES:
            torch.testing.assert_close(small[first](), small[second](), rtol=tolerance, atol=tolerance)
            compared = timing.compare(functions[first], functions[second], seconds)
            rows.append({"dtype": dtype, "work": work, "n": length, "sides": [first, second], **dataclasses.asdict(compared)})
    return rows


def lines(rows):
    """The rows as text."""
    return timing.table([{
        "dtype": row["dtype"], "work": row["work"], "n": row["n"], "first / second": " / ".join(row["sides"]),
        "first ms": f"{1e3 * row['first']:.2f}", "second ms": f"{1e3 * row['second']:.2f}",
        "ratio": f"{row['ratio']:.2f}", "quartiles": f"{row['low']:.2f} – {row['high']:.2f}", "turns": row["turns"],
    } for row in rows])


def main():
    """Measure, print the table, and record it in data/results/bench_multi_head.json."""
    rows = run()
    entry = evidence.write("bench_multi_head", "make bench ARGS=multi_head", rows=rows)
    head = "{machine} · torch {torch} · {date} · commit {commit}".format(**entry)
    print(f"MultiHeadAttention(need_weights=False), (B, n, d_model) = (12, n, 128), 4 heads, causal\n{head}\n\n{lines(rows)}")
    print("\nrecorded in data/results/bench_multi_head.json")
