"""Positions by the papers' formulas, entry by entry: loops, `math` and whole numbers, nothing shared with the course's parts."""

import functools
import math

import torch
from parity_attention import DEVICE


def clock(place, d_model, base=10000.0, layout="interleaved"):
    """The sinusoids of one place (Vaswani et al. 2017, §3.5), entry by entry."""
    hands = (d_model + 1) // 2
    entries = [(entry // 2, math.cos if entry % 2 else math.sin) for entry in range(d_model)]
    if layout == "halves":
        entries = [(i, math.sin) for i in range(hands)] + [(i, math.cos) for i in range(d_model // 2)]
    return [wave(place / base ** (2 * i / d_model)) for i, wave in entries]


def clocks(places, d_model, **options):
    return torch.tensor([clock(place, d_model, **options) for place in places], dtype=torch.float64, device=DEVICE)


def turning(places, d_head, base=10000.0, layout="halves", stretch=1.0):
    """The rotation matrix of each place (Su et al. 2021, eq. 15), entry by entry: (T, d_head, d_head)."""
    matrices = torch.zeros(len(places), d_head, d_head, dtype=torch.float64)
    for matrix, place in zip(matrices, places, strict=True):
        for i in range(d_head // 2):
            a, b = (i, i + d_head // 2) if layout == "halves" else (2 * i, 2 * i + 1)
            angle = place / stretch * base ** (-2 * i / d_head)
            matrix[a, a], matrix[a, b] = math.cos(angle), -math.sin(angle)
            matrix[b, a], matrix[b, b] = math.sin(angle), math.cos(angle)
    return matrices.to(DEVICE)


def slopes(num_heads):
    """The recursive rule of the ALiBi paper's code, whose first slope for H = 2^n is 2^(-2^(3 - n))."""
    power = 1 << (num_heads.bit_length() - 1)
    first = 2.0 ** -(2.0 ** (3 - math.log2(power)))
    these = [first ** (h + 1) for h in range(power)]
    return these if power == num_heads else these + slopes(2 * power)[0::2][:num_heads - power]


@functools.cache
def bucket(offset, num_buckets=32, max_distance=128, bidirectional=True):
    """T5's bucket in whole numbers alone: exact + ⌊m · log(d / exact) / log(max / exact)⌋, at most the last."""
    side = num_buckets // 2 if bidirectional else num_buckets
    first = side if bidirectional and offset > 0 else 0
    distance = abs(offset) if bidirectional else max(0, -offset)
    exact = side // 2
    if distance < exact:
        return first + distance
    m, more = side - exact, 0
    while more < m - 1 and distance ** m * exact ** (more + 1) >= exact ** m * max_distance ** (more + 1):
        more += 1
    return first + exact + more


# --- within attention: query (B, H, T, d_head), key (B, H, S, d_head) → both, and what is added to the scores, (…, T, S)

def offsets(query, key):
    """Rows of: place of the key less place of the query, the queries being the last."""
    T, S = query.size(-2), key.size(-2)
    return [[s - (S - T + t) for s in range(S)] for t in range(T)]


def turned(query, key, **options):
    T, S = query.size(-2), key.size(-2)
    matrices = turning(range(S), key.size(-1), **options)
    return (torch.einsum("tij,bhtj->bhti", matrices[S - T:], query), torch.einsum("sij,bhsj->bhsi", matrices, key),
            torch.zeros(1, device=DEVICE))


def penalised(query, key):
    penalty = [[[-slope * abs(offset) for offset in row] for row in offsets(query, key)] for slope in slopes(query.size(1))]
    return query, key, torch.tensor(penalty, dtype=torch.float64, device=DEVICE)


def bucketed(query, key, table, **options):
    """table: (num_buckets, H)."""
    rows = [[table[bucket(offset, **options)] for offset in row] for row in offsets(query, key)]
    return query, key, torch.stack([torch.stack(row) for row in rows]).permute(2, 0, 1)


def seen(query, key, table, limit):
    """table: (2 · limit + 1, d_head); the query meets key + vector of the distance (Shaw et al. 2018, eq. 5)."""
    vectors = [torch.stack([table[max(-limit, min(limit, offset)) + limit] for offset in row]) for row in offsets(query, key)]
    met = [(query[:, :, t, None] * vectors[t]).sum(-1) / math.sqrt(key.size(-1)) for t in range(query.size(-2))]
    return query, key, torch.stack(met, dim=2)
