"""Exercises of lesson 01, attention."""

import math

import torch
import torch.nn.functional as F

from ..transformer import causal_mask, scaled_dot_product_attention
from . import Exercise, Mistake, replies_01
from .draw import drawn, normal, of_trial


# 1.2 ------------------------------------------------------------------------------------------------------------------
def previous_token(n):
    query = 100 * torch.eye(n)              # token t asks for number t; the factor makes the softmax decide
    key = torch.eye(n).roll(1, dims=1)      # token s answers to number s + 1
    return query, key


def _length(generator):
    return (drawn(generator, 4, 13),)


def _weights_after_the_first(answer, n):
    pair = answer(n)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(part, torch.Tensor) for part in pair):
        raise TypeError(f"return two tensors, query and key, each ({n}, d_k) for n = {n}")
    query, key = pair
    if query.dim() != 2 or len(query) != n or query.shape != key.shape:
        raise ValueError(f"for n = {n} the query has shape {tuple(query.shape)} and the key {tuple(key.shape)}, expected ({n}, d_k) twice")
    return (query @ key.T).float().softmax(dim=-1)[1:]


# 1.3 ------------------------------------------------------------------------------------------------------------------
def rescale(query, key):
    d_k = query.size(-1)
    query = F.normalize(query, dim=-1)          # every row has length 1: the scale of the input is gone
    key = F.normalize(key, dim=-1)
    return query @ key.transpose(-2, -1) * math.sqrt(d_k)       # random unit vectors: standard deviation 1/√d_k


def _normalises_the_wrong_axis(query, key):
    scores = F.normalize(query, dim=-2) @ F.normalize(key, dim=-2).transpose(-2, -1)
    return scores * math.sqrt(query.size(-1))


def _query_and_key(generator):
    T, S, d_k = of_trial(generator, (300, 320, 64), (340, 290, 128), (310, 360, 96), (330, 300, 72), (320, 310, 160))
    return 3 * normal(generator, T, d_k), 0.1 * normal(generator, S, d_k)


def _deviation_and_dependence(answer, query, key):
    """Standard deviation of the scores; how one changes when its key, all others, or the queries get longer; how far a row is from summing to 1."""
    scores, own, others = answer(query.clone(), key.clone()), key.clone(), 10 * key
    own[0], others[0] = 10 * key[0], key[0]
    if scores.shape != (len(query), len(key)):
        raise ValueError(f"the scores have shape {tuple(scores.shape)}, expected (T, S) = {(len(query), len(key))}")
    pairs = ((query, own), (query, others), (10 * query, key))
    changes = [(answer(q.clone(), k.clone()) - scores)[0, 0].abs().clamp(max=1) for q, k in pairs]
    return torch.stack([scores.std(), *changes, (scores.sum(dim=-1) - 1).abs().mean().clamp(max=1)])


# 1.4 ------------------------------------------------------------------------------------------------------------------
def window_mask(n, width):
    query = torch.arange(n)[:, None]            # (n, 1)
    key = torch.arange(n)[None, :]              # (1, n)
    return (key <= query) & (key > query - width)


def _length_and_width(generator):
    n = drawn(generator, 6, 12)
    return n, of_trial(generator, 3, 2, n, 1, 4)


# 1.5 ------------------------------------------------------------------------------------------------------------------
def repaired(query, key, value):
    n, d_k = query.shape[-2:]
    scores = query @ key.transpose(-2, -1) / math.sqrt(d_k)
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


def _attend(divisor, keep):
    """A variation of the reference: scores divided by divisor(n, d_k), and a mask made by keep(ones)."""
    def answer(query, key, value):
        mask = keep(torch.ones(len(query), len(query), dtype=torch.bool))
        scores = query @ key.T / divisor(*query.shape)
        return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value
    return answer


def _zeroes_after_the_softmax(query, key, value):
    return (query @ key.T / math.sqrt(query.size(-1))).softmax(dim=-1).tril() @ value


def _query_key_value(generator):
    n, d_k, d_v = of_trial(generator, (7, 20, 4), (11, 16, 6), (5, 32, 3), (9, 2, 10), (6, 24, 1))
    return normal(generator, n, d_k), normal(generator, n, d_k), normal(generator, n, d_v)


EXERCISES = {
    "1.1": Exercise(
        title="an output by hand",
        reference=12.0,
        worked="e to the power of 0, ln 2 and ln 5 is 1, 2 and 5. They sum to 8, so the weights are 1/8, 2/8 and 5/8,\n"
               "and the output is 8/8 + 2·4/8 + 5·16/8 = 1 + 1 + 10 = 12.",
        tolerance=0.01,
        tell=replies_01.average,
        hints=("The softmax takes the exponential of each score: what is e to the power of ln 5?",
               "The three exponentials are 1, 2 and 5. Divide each by their sum.",
               "The weights are 1/8, 2/8 and 5/8. The output is the average of the values with these weights."),
        mistakes=(
            Mistake(16.0, "that is the value of the best key alone: a *soft* dictionary mixes all values (section 1)"),
            Mistake(28 / 3, "that is the plain average: the weights must depend on the scores (section 1)"),
            Mistake(4 * math.log(2) + 16 * math.log(5), "you used the scores themselves as weights: softmax first"),
            Mistake(88 / 7, "you took e to the power of 0 as 0: it is 1"),
            Mistake(96.0, "the exponentials are right, but weights sum to 1: divide them by their sum"),
            Mistake((4 * math.log(2) + 16 * math.log(5)) / math.log(10),
                    "you divided the scores by their sum: softmax takes exponentials first"),
            Mistake(8.0, "the weights are right, but in reverse order: the largest score belongs to the value 16"),
            Mistake(96 / 7, "the numerator is right, but the score 0 is missing from the sum: its exponential is 1"),
        )),
    "1.2": Exercise(
        title="attention that finds the previous token",
        reference=previous_token,
        inputs=_length,
        observe=_weights_after_the_first,
        tolerance=0.01,
        tell=replies_01.weight,
        hints=("Describe each position by a one-hot vector: torch.eye(n) has one a row. When is the dot product of two of them 1?",
               "Let the query of token t be one-hot number t. Which token's key must be one-hot number t, too?",
               "Token s must answer to number s + 1: shift the columns of torch.eye(n) by one. Then make the scores large."),
        mistakes=(
            Mistake(lambda n: (100 * torch.eye(n), torch.eye(n)),
                    "every token finds itself: the key of token s must match the query of token s + 1"),
            Mistake(lambda n: (100 * torch.eye(n), torch.eye(n).roll(-1, dims=1)),
                    "every token finds the next one: shift the keys the other way"),
            Mistake(lambda n: (torch.eye(n), torch.eye(n).roll(1, dims=1)),
                    "the right key scores highest, but the weight is far from 1: softmax looks at gaps "
                                         "between scores, so make them larger (section 1, the twice as long query)"),
        )),
    "1.3": Exercise(
        title="scores that ignore the scale of their inputs",
        reference=rescale,
        inputs=_query_and_key,
        observe=_deviation_and_dependence,
        tolerance=0.05,
        tell=replies_01.standard_deviation,
        hints=("Give every query and every key the same length first: F.normalize(x, dim=-1) makes it 1.",
               "The dot product of two random vectors of length 1 in d_k dimensions has standard deviation 1/√d_k.",
               "So multiply by √d_k, where the usual formula divides."),
        mistakes=(
            Mistake(lambda query, key: rescale(query, key) / query.size(-1),
                    "standard deviation 1/d_k: vectors of length 1 need a factor √d_k, not a divisor"),
            Mistake(lambda query, key: rescale(query, key) * math.sqrt(query.size(-1)),
                    "standard deviation √d_k: the vectors still have length √d_k each; divide by √d_k once"),
            Mistake(lambda query, key: rescale(query, key).softmax(dim=-1), "these are weights: return the scores, before the softmax"),
            Mistake(lambda query, key: rescale(query, key) / math.sqrt(query.size(-1)),
                    "standard deviation 1/√d_k: almost even attention. Which factor brings it to 1?"),
            Mistake(lambda query, key: F.normalize(query, dim=-1) @ key.T,
                    "the scores still grow with the keys: normalise both"),
            Mistake(lambda query, key: query @ key.T / (query @ key.T).std(),
                    "the standard deviation is 1, but every score now depends on all other queries and keys: normalise "
                    "each vector by itself"),
            Mistake(_normalises_the_wrong_axis, "you normalised over the tokens: each *vector* shall have length 1, dim=-1"),
        )),
    "1.4": Exercise(
        title="a causal window",
        reference=window_mask,
        inputs=_length_and_width,
        tell=replies_01.mask,
        hints=("Start from the causal mask, torch.ones(n, n, dtype=torch.bool).tril(): which of its entries are too far back?",
               "Write query positions as a column, torch.arange(n)[:, None], key positions as a row, and compare them.",
               "Two conditions, joined by &: key <= query, and key > query - width."),
        mistakes=(
            Mistake(lambda n, width: window_mask(n, width) | window_mask(n, width).T,
                    "position 0 may look at position 1: a window is not yet causal, the future "
                                           "must stay closed (section 6)"),
            Mistake(lambda n, width: window_mask(n, width + 1),
                    "one key too many: the query itself counts as one of the `width` keys"),
            Mistake(lambda n, width: window_mask(n, width - 1),
                    "one key too few: the query itself and `width − 1` before it make `width` keys"),
            Mistake(lambda n, width: window_mask(n, width).tril(-1),
                    "a token does not see itself: the first one then sees nothing at all (section 7)"),
            Mistake(lambda n, width: ~window_mask(n, width),
                    "exactly inverted: in this course, as in F.scaled_dot_product_attention, "
                                      "True means may attend"),
            Mistake(lambda n, width: causal_mask(n), "causal, but the window is missing: keys of `width` or more positions back "
                                            "must be closed"),
        )),
    "1.5": Exercise(
        title="find two bugs from their symptoms",
        reference=repaired,
        inputs=_query_key_value,
        tell=replies_01.output,
        hints=("Symptom 1: a loss too good to be true. What can the first token see? Print the mask.",
               "Symptom 2: something depends on the *length* that should depend on the *width*.",
               "tril instead of triu, and √d_k, the size of the last axis, instead of √n."),
        mistakes=(
            Mistake(_attend(lambda n, d_k: math.sqrt(n), torch.triu),
                    "both bugs are still there: the first token sees the whole future, and the scores are divided "
                               "by √n"),
            Mistake(_attend(lambda n, d_k: math.sqrt(n), torch.tril),
                    "the mask is right now. The scores are still divided by the root of the length"),
            Mistake(_attend(lambda n, d_k: math.sqrt(d_k), torch.triu),
                    "the scale is right now. Token t still sees the future and not the past"),
            Mistake(_attend(lambda n, d_k: 1, torch.tril), "the mask is right now. The scores are not divided at all: section 5 says why √d_k"),
            Mistake(_attend(lambda n, d_k: math.sqrt(d_k), torch.ones_like),
                    "the scale is right now. Without a mask, token t still sees the future"),
            Mistake(_attend(lambda n, d_k: 1, torch.ones_like),
                    "both are gone now: the scores need √d_k (section 5), the future a mask (section 6)"),
            Mistake(_attend(lambda n, d_k: d_k, torch.tril), "the mask is right now. Divide by the *root* of the width, √d_k"),
            Mistake(_attend(lambda n, d_k: math.sqrt(d_k), lambda ones: ones.tril(diagonal=1)),
                    "tril(1) opens one position too many: each token still sees the next one"),
            Mistake(_attend(lambda n, d_k: n, torch.tril), "the mask is right now. Divide by the root of the *width*"),
            Mistake(_attend(lambda n, d_k: 1 / math.sqrt(d_k), torch.tril), "the mask is right now. Divide by √d_k, do not multiply"),
            Mistake(lambda q, k, v: (q @ k.T / math.sqrt(q.size(-1))).tril().softmax(dim=-1) @ v,
                    "you set forbidden *scores* to 0; a score of 0 is not a weight of 0 (section 6, padding)"),
            Mistake(lambda q, k, v: (q @ k.T / math.sqrt(q.size(-1))).masked_fill(~causal_mask(len(q)), -math.inf).softmax(0) @ v,
                    "rows do not sum to 1: the softmax runs over the queries (section 9)"),
            Mistake(_zeroes_after_the_softmax, "you set weights to zero after the softmax: rows sum to less than 1, and the "
                                               "future still leaks (section 6)"),
            Mistake(_attend(lambda n, d_k: math.sqrt(d_k), lambda ones: ones.tril(diagonal=-1)),
                    "NaN in the first row: a token must see itself, or the first one sees nothing"),
        )),
}
