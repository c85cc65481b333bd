"""Right answers to the exercises, written differently from the reference: a list of (number, answer)."""

import math

import torch
import torch.nn.functional as F
from exercise_variants_06 import LESSON_06
from exercise_variants_08 import LESSON_08

from shared.transformer import RotaryEmbedding, block_parameters, causal_mask, scaled_dot_product_attention


def window_by_loop(n, width):
    mask = torch.zeros(n, n, dtype=torch.bool)
    for query in range(n):
        mask[query, max(0, query - width + 1):query + 1] = True
    return mask


def window_from_two_triangles(n, width):
    return causal_mask(n) & torch.ones(n, n, dtype=torch.bool).triu(1 - width)


def previous_by_plane(n):
    angle = torch.arange(n) * 2 * math.pi / n
    key = torch.stack([angle.cos(), angle.sin()], dim=1)
    return 2000 * key.roll(1, dims=0), key


def previous_by_parabola(n):
    position = torch.arange(n).float()
    return 20 * torch.stack([position - 1, torch.ones(n)], dim=1), torch.stack([2 * position, -position ** 2], dim=1)


def rescale_by_root_mean_square(query, key):
    query = query / query.square().mean(-1, keepdim=True).sqrt()
    key = key / key.square().mean(-1, keepdim=True).sqrt()
    return torch.einsum("td,sd->ts", query, key) / query.size(-1) ** 0.5


def repaired_by_adding(query, key, value):
    mask = torch.full((len(query), len(query)), -math.inf).triu(1)
    return F.softmax(query @ key.T * query.size(1) ** -0.5 + mask, -1) @ value


def rescale_by_standard_deviation(query, key):
    query, key = query / query.std(-1, keepdim=True), key / key.std(-1, keepdim=True)
    return query @ key.T / math.sqrt(query.size(-1))


def rescale_by_layer_norm(query, key):
    query, key = F.layer_norm(query, query.shape[-1:]), F.layer_norm(key, key.shape[-1:])
    return query @ key.T / math.sqrt(query.size(-1))


def contribution_by_masking(outputs, weight, head):
    alone = torch.zeros_like(outputs)
    alone[:, head] = outputs[:, head]
    return F.linear(alone.transpose(1, 2).flatten(2), weight)


def cross_by_einsum(source, target, W_q, W_k, W_v, num_heads):
    W_q, W_k, W_v = (W.view(W.size(0), num_heads, -1) for W in (W_q, W_k, W_v))
    q, k, v = torch.einsum("btd,dhe->bhte", target, W_q), *(torch.einsum("bsd,dhe->bhse", source, W) for W in (W_k, W_v))
    return scaled_dot_product_attention(q, k, v)[0].permute(0, 2, 1, 3).reshape(*target.shape[:2], -1)


def shift_by_kronecker(offset, d_model):
    angle = offset / 10000 ** (torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    return torch.kron(angle.cos().diag(), torch.eye(2, dtype=torch.float64)) + torch.kron(angle.sin().diag(), quarter)


def shift_by_least_squares(offset, d_model):
    places, hands = torch.arange(500, dtype=torch.float64)[:, None], torch.arange(0, d_model, 2) / d_model
    waves = torch.stack([(places / 10000 ** hands).sin(), (places / 10000 ** hands).cos()], dim=-1).flatten(1)
    return torch.linalg.lstsq(waves[:-offset], waves[offset:]).solution.T


def rotate_by_complex_numbers(x, base=10000):
    turns = torch.exp(1j * torch.arange(len(x))[:, None] * base ** (-torch.arange(0, x.size(1), 2) / x.size(1)))
    return torch.view_as_real(torch.view_as_complex(x.unflatten(1, (-1, 2))) * turns).flatten(1)


def rotate_every_two(x, base=10000):
    angles = torch.outer(torch.arange(len(x)), 1 / base ** (torch.arange(x.size(1)) // 2 * 2 / x.size(1)))
    return x * angles.cos() + torch.stack([-x[:, 1::2], x[:, 0::2]], dim=2).flatten(1) * angles.sin()


def halves_by_loop(weight, num_heads):
    d_head, found = len(weight) // num_heads, torch.empty_like(weight)
    for row in range(len(weight)):
        head, entry = divmod(row, d_head)
        found[head * d_head + entry // 2 + entry % 2 * (d_head // 2)] = weight[row]
    return found


def scores_of_the_part(query, key):
    query, key, _ = RotaryEmbedding(query.size(-1), layout="interleaved")(query, key)
    return query @ key.T


def scores_by_distance(query, key):
    T, S = len(query), len(key)
    return torch.stack([torch.stack([query[t] @ shift_by_kronecker(S - T + t - s, query.size(1)).float() @ key[s]
                                     for s in range(S)]) for t in range(T)])


def rms_norm_by_length(x, weight, eps):
    d = x.size(-1)
    return weight * x * d ** 0.5 / (torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 + d * eps) ** 0.5


def folded_by_trying(gain, shift, weight, bias):
    new_bias = F.linear(shift, weight, bias)
    return F.linear(torch.diag(gain) + shift, weight, bias).T - new_bias[:, None], new_bias


def post_norm_by_loop(x, attend, attend_norm, feed_forward, feed_forward_norm):
    for sub_layer, norm in ((attend, attend_norm), (feed_forward, feed_forward_norm)):
        x = norm(sub_layer(x) + x)
    return x


def block_by_layer_norm(x, attend, feed_forward, dropout, training):
    for sub_layer in (attend, feed_forward):
        added = sub_layer(F.layer_norm(x, x.shape[-1:]))
        x = x + (F.dropout(added, dropout) if training else added)
    return x


def keep_mask_by_loop(lengths, T):
    mask = torch.zeros(len(lengths), 1, 1, T, dtype=torch.bool)
    for row, length in enumerate(lengths.tolist()):
        mask[row, ..., :length] = True
    return mask


def hide_by_loop(ids, chosen, dice, others, mask_id):
    shown = ids.clone()
    for place in chosen.nonzero().tolist():
        number = dice[*place].item()
        shown[*place] = mask_id if number < 0.8 else others[*place] if number < 0.9 else ids[*place]
    return shown


def loss_by_padded_attention(x, real, attend, score, classes):
    x = x + attend(x, real[:, None, None, :])
    pooled = torch.stack([row[keep].mean(dim=0) for row, keep in zip(x, real)])
    return -score(pooled).log_softmax(dim=-1)[torch.arange(len(x)), classes].mean()


def spans_by_starts(tags):
    begins = [k for k, tag in enumerate(tags) if tag[0] == "B" or tag[0] == "I" and (k == 0 or tags[k - 1][2:] != tag[2:])]
    found = set()
    for first in begins:
        last = first
        while last + 1 < len(tags) and tags[last + 1] == f"I-{tags[first][2:]}":
            last += 1
        found.add((tags[first][2:], first, last))
    return found


def asked_one_by_one(query, key, value, source_real):
    rows = [scaled_dot_product_attention(q, k[real], v[real])[0] for q, k, v, real in zip(query, key, value, source_real)]
    return torch.stack(rows)


def framed_by_loop(ids, bos_id, eos_id, pad_id):
    inputs, targets = torch.full((2, len(ids), ids.size(1) + 1), pad_id)
    for row, text in enumerate(ids.tolist()):
        text = [token for token in text if token != pad_id]
        inputs[row, :len(text) + 1] = torch.tensor([bos_id, *text])
        targets[row, :len(text) + 1] = torch.tensor([*text, eos_id])
    return torch.stack([inputs, targets])


def matches_by_loop(hypothesis, references, n):
    def count(gram, words):
        return sum(words[k:k + n] == gram for k in range(len(words) - n + 1))

    grams = {tuple(hypothesis[k:k + n]) for k in range(len(hypothesis) - n + 1)}
    return sum(min(count(list(gram), hypothesis), max(count(list(gram), one) for one in references)) for gram in grams)


def repaired_afterwards(encode, decode, source, bos, eos, most):
    memory, ids = encode(source), torch.full_like(source[:, :1], bos)
    while ids.size(1) <= most and not (ids == eos).any(dim=1).all():
        ids = torch.cat([ids, decode(ids, memory)[:, -1:].argmax(-1)], dim=1)
    return ids[:, 1:].masked_fill((ids[:, 1:] == eos).cumsum(1) > 0, eos)


VARIANTS = [
    ("1.1", 12), ("1.1", torch.tensor(12.0)), ("1.2", previous_by_plane), ("1.2", lambda n: list(previous_by_plane(n))),
    ("1.2", previous_by_parabola), ("1.3", rescale_by_root_mean_square), ("1.3", rescale_by_standard_deviation),
    ("1.3", rescale_by_layer_norm), ("1.4", window_by_loop), ("1.4", window_from_two_triangles), ("1.5", repaired_by_adding),
    ("1.5", lambda q, k, v: scaled_dot_product_attention(q, k, v, causal_mask(len(q)))[0]),

    ("2.1", lambda x, h: torch.stack(x.chunk(h, dim=-1), dim=1)), ("2.2", contribution_by_masking), ("2.3", 4 * (512 * 512 + 512)),
    ("2.4", lambda m: m[:, None, None] & (torch.arange(m.size(1))[:, None] >= torch.arange(m.size(1)))), ("2.5", cross_by_einsum),

    ("3.1", shift_by_kronecker), ("3.1", shift_by_least_squares), ("3.2", 60_611), ("3.2", 2 * math.pi / 10000 ** (-510 / 512)),
    ("3.3", rotate_by_complex_numbers), ("3.3", rotate_every_two), ("3.4", halves_by_loop),
    ("3.4", lambda w, h: torch.cat([part for rows in w.chunk(h) for part in (rows[0::2], rows[1::2])])),
    ("3.5", scores_of_the_part), ("3.5", scores_by_distance),

    ("4.1", rms_norm_by_length), ("4.1", lambda x, w, eps: F.rms_norm(x, w.shape, w, eps)), ("4.2", folded_by_trying),
    ("4.3", post_norm_by_loop), ("4.4", 4 * (512 * 512 + 512) + 2 * 512 * 2048 + 2048 + 512 + 4 * 512),
    ("4.4", block_parameters(512)), ("4.5", lambda d, d_ff: (4 * d * d_ff - 8 * d ** 2) / (4 * d)), ("4.6", block_by_layer_norm),

    ("5.1", keep_mask_by_loop), ("5.1", lambda n, T: (torch.arange(T) < n[:, None])[:, None, None].expand(-1, 1, T, -1)),
    ("5.2", lambda logits, labels: F.cross_entropy(logits.transpose(1, 2), labels)),
    ("5.3", lambda x, real: torch.stack([row[keep].mean(dim=0) for row, keep in zip(x, real)])),
    ("5.4", hide_by_loop), ("5.5", loss_by_padded_attention), ("5.6", spans_by_starts),

    *LESSON_06,

    ("7.1", asked_one_by_one), ("7.2", 63_082_496 + 2 * 37_000 * 512), ("7.3", framed_by_loop),
    ("7.4", lambda p, best, longest, alpha: p > best * math.exp(alpha * math.log((5 + longest) / 6))),
    ("7.5", matches_by_loop), ("7.6", repaired_afterwards), *LESSON_08,
]
