"""Wrong answers that are right for one size, or for one value of an argument: a list of (number, answer)."""

import math

import torch
import torch.nn.functional as F

from shared.exercises import all_exercises
from shared.transformer import RotaryEmbedding

RIGHT = {number: exercise.reference for number, exercise in all_exercises().items()}


def mask_of_six(is_word):
    return is_word[:, None, None] & (torch.arange(6)[:, None] >= torch.arange(6))


def eight_entries(offset, d_model):
    a, b, c, d = (offset / 10 ** k for k in range(4))
    turns = [torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) for angle in (a, b, c, d)]
    return torch.block_diag(*turns)


def base_ignored(x, base=10000):
    return RotaryEmbedding(x.size(1), layout="interleaved")(x, x)[0]


def chunks_of_two(weight, num_heads):
    return torch.cat([part for rows in weight.chunk(2) for part in (rows[0::2], rows[1::2])])


def turned(x, places):
    angle = places[:, None] * 10000.0 ** (-torch.arange(0, x.size(1), 2) / x.size(1))
    a, b = x[:, 0::2], x[:, 1::2]
    return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1).flatten(-2)


def scores_from(first):
    """first(query): the places of the queries."""
    return lambda query, key: turned(query, first(query)) @ turned(key, torch.arange(len(key))).T


ONE_SIZE = [
    ("1.2", lambda n: tuple(part[:n] for part in RIGHT["1.2"](5))), ("1.4", lambda n, width: RIGHT["1.4"](n, 3)),
    ("1.5", lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True, scale=(3 * len(q)) ** -0.5)[0]),
    ("2.2", lambda outputs, weight, head: RIGHT["2.2"](outputs, weight, outputs.size(1) - 1)),
    ("2.4", mask_of_six), ("2.5", lambda *arguments: RIGHT["2.5"](*arguments[:5], 8)),

    ("3.1", eight_entries), ("3.3", base_ignored), ("3.4", chunks_of_two),
    ("3.4", lambda weight, h: weight.unflatten(0, (2, -1, 2)).transpose(1, 2).reshape(weight.shape)),
    ("3.4", lambda weight, h: weight.unflatten(0, (h, -1, h)).transpose(1, 2).reshape(weight.shape)),
    ("3.5", scores_from(lambda query: torch.arange(4, 7))),
    ("3.5", scores_from(lambda query: len(query) + 1 + torch.arange(len(query)))),

    ("4.1", lambda x, weight, eps: RIGHT["4.1"](x, weight, 1e-6)), ("4.3", lambda x, *parts: RIGHT["4.3"](x.view(2, 5, 8), *parts)),
    ("4.6", lambda x, attend, feed_forward, dropout, training: RIGHT["4.6"](x, attend, feed_forward, 0.5, training)),

    ("5.1", lambda lengths, T: (torch.arange(7) < lengths[:, None])[:, None, None]),
    ("5.4", lambda ids, chosen, dice, others, mask_id: RIGHT["5.4"](ids, chosen, dice, others, 100)),
    ("5.5", lambda x, real, attend, score, classes: RIGHT["5.5"](x, real, attend, score, torch.arange(len(x)))),

    ("6.1", lambda logits, ids, pad_id: RIGHT["6.1"](logits, ids, 0)), ("6.2", lambda texts: (-torch.cat(texts).sum() / 20).exp()),
    ("6.3", lambda V, d, *rest: RIGHT["6.3"](71, d, *rest)), ("6.3", lambda V, d, *rest: RIGHT["6.3"](V, 64, *rest)),
    ("6.5", lambda *sizes: 2 * 3 * 5 * 7 * 11 * 13 * 17), ("6.6", lambda step, cache, prompt, new: RIGHT["6.6"](step, cache, prompt, 6)),

    ("7.3", lambda ids, bos_id, eos_id, pad_id: RIGHT["7.3"](ids, 1, 2, 0)), ("7.5", lambda words, references, n: RIGHT["7.5"](words, references, 2)),
    ("7.6", lambda encode, decode, source, bos, eos, most: RIGHT["7.6"](encode, decode, source, 1, 2, 10)),

    ("8.1", lambda ids, merges: RIGHT["8.1"](ids, [(97, 98), (98, 97), (97, 97), (97, 256), (256, 99), (257, 99)])),
    ("8.3", lambda weight, gradient, m, v, step, *numbers: RIGHT["8.3"](weight, gradient, m, v, step, 0.1, 0.9, 0.98, 1e-3, 0.1)),
    ("8.5", lambda weight, parts, *numbers: RIGHT["8.5"](weight, parts, 128.0, 1.0, 0.5)),
]
