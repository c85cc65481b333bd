"""Exercises of lesson 01, attention."""

import math

import torch
import torch.nn.functional as F

from ..transformer import causal_mask, scaled_dot_product_attention
from . import Exercise, Mistake


# 1.2 ------------------------------------------------------------------------------------------------------------------
def previous_token(n):
    query = 100 * torch.eye(n)              # token t asks for number t; the factor makes the softmax decide
    key = torch.eye(n).roll(1, dims=1)      # token s answers to number s + 1
    return query, key


def _attends_to_itself(n):
    return 100 * torch.eye(n), torch.eye(n)


def _attends_to_the_next(n):
    return 100 * torch.eye(n), torch.eye(n).roll(-1, dims=1)


def _attends_too_weakly(n):
    return torch.eye(n), torch.eye(n).roll(1, dims=1)


def _length(generator):
    return (int(torch.randint(4, 13, (), generator=generator, device=generator.device)),)


def _weights_after_the_first(answer, n):
    query, key = answer(n)
    return scaled_dot_product_attention(query, key, key)[1][1:]


# 1.3 ------------------------------------------------------------------------------------------------------------------
def window_mask(n, width):
    query = torch.arange(n)[:, None]            # (n, 1)
    key = torch.arange(n)[None, :]              # (1, n)
    return (key <= query) & (key > query - width)


def _window_to_both_sides(n, width):
    distance = torch.arange(n)[:, None] - torch.arange(n)[None, :]
    return distance.abs() < width


def _window_one_too_wide(n, width):
    return window_mask(n, width + 1)


def _window_inverted(n, width):
    return ~window_mask(n, width)


def _causal_without_window(n, width):
    return causal_mask(n)


def _length_and_width(generator):
    n = int(torch.randint(6, 12, (), generator=generator, device=generator.device))
    return n, 2 + n % 3


# 1.4 ------------------------------------------------------------------------------------------------------------------
def rescale(query, key):
    d_k = query.size(-1)
    query = F.normalize(query, dim=-1)          # every row has length 1: the scale of the input is gone
    key = F.normalize(key, dim=-1)
    return query @ key.transpose(-2, -1) * math.sqrt(d_k)       # random unit vectors: deviation 1/√d_k, times √d_k


def _divides_again(query, key):
    return rescale(query, key) / query.size(-1)


def _forgets_the_factor(query, key):
    return rescale(query, key) / math.sqrt(query.size(-1))


def _only_the_query(query, key):
    return F.normalize(query, dim=-1) @ key.transpose(-2, -1)


def _divides_by_measured_deviation(query, key):
    scores = query @ key.transpose(-2, -1)
    return scores / scores.std()


def _normalises_the_wrong_axis(query, key):
    scores = F.normalize(query, dim=-2) @ F.normalize(key, dim=-2).transpose(-2, -1)
    return scores * math.sqrt(query.size(-1))


def _query_and_key(generator):
    scale = 3 ** torch.randn(2, generator=generator, device=generator.device)
    query, key = torch.randn(2, 24, 16, generator=generator, device=generator.device) * scale[:, None, None]
    return query, key


# 1.5 ------------------------------------------------------------------------------------------------------------------
def repaired(query, key, value):
    n, d_k = query.shape[-2:]
    scores = query @ key.transpose(-2, -1) / math.sqrt(d_k)
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


def _as_found(query, key, value):
    n = query.size(-2)
    scores = query @ key.transpose(-2, -1) / math.sqrt(n)
    mask = torch.ones(n, n, dtype=torch.bool).triu()
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


def _only_the_mask_repaired(query, key, value):
    n = query.size(-2)
    scores = query @ key.transpose(-2, -1) / math.sqrt(n)
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


def _only_the_scale_repaired(query, key, value):
    n, d_k = query.shape[-2:]
    scores = query @ key.transpose(-2, -1) / math.sqrt(d_k)
    mask = torch.ones(n, n, dtype=torch.bool).triu()
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


def _sees_only_what_came_before(query, key, value):
    n = query.size(-2)
    mask = torch.ones(n, n, dtype=torch.bool).tril(diagonal=-1)
    return scaled_dot_product_attention(query, key, value, mask)[0].index_fill(-2, torch.tensor([0]), math.nan)


def _query_key_value(generator):
    n = int(torch.randint(5, 12, (), generator=generator, device=generator.device))
    return tuple(torch.randn(3, n, 3 * n, generator=generator, device=generator.device))


EXERCISES = {
    "1.1": Exercise(
        title="an output by hand",
        reference=12.0,
        worked="e to the power of 0, ln 2 and ln 5 is 1, 2 and 5. They sum to 8, so the weights are 1/8, 2/8 and 5/8,\n"
               "and the output is 8/8 + 2·4/8 + 5·16/8 = 1 + 1 + 10 = 12.",
        hints=("The softmax takes the exponential of each score: what is e to the power of ln 5?",
               "The three exponentials are 1, 2 and 5. Divide each by their sum.",
               "The weights are 1/8, 2/8 and 5/8. The output is the average of the values with these weights."),
        mistakes=(
            Mistake(16.0, "that is the value of the best key alone: a *soft* dictionary mixes all values (section 1)"),
            Mistake(28 / 3, "that is the plain average: the weights must depend on the scores (section 1)"),
            Mistake(4 * math.log(2) + 16 * math.log(5), "you used the scores themselves as weights: softmax first"),
            Mistake(96.0, "the exponentials are right, but weights sum to 1: divide them by their sum"),
            Mistake((4 * math.log(2) + 16 * math.log(5)) / math.log(10),
                    "you divided the scores by their sum: softmax takes exponentials first"),
        )),
    "1.2": Exercise(
        title="attention that finds the previous token",
        reference=previous_token,
        inputs=_length,
        observe=_weights_after_the_first,
        tolerance=0.01,
        hints=("Describe each position by a one-hot vector: torch.eye(n) has one a row. When is the dot product of two of them 1?",
               "Let the query of token t be one-hot number t. Which token's key must be one-hot number t, too?",
               "Token s must answer to number s + 1: shift the columns of torch.eye(n) by one. Then make the scores large."),
        mistakes=(
            Mistake(_attends_to_itself, "every token finds itself: the key of token s must match the query of token s + 1"),
            Mistake(_attends_to_the_next, "every token finds the next one: shift the keys the other way"),
            Mistake(_attends_too_weakly, "the right key scores highest, but the weight is far from 1: softmax looks at gaps "
                                         "between scores, so make them larger (section 1, the twice as long query)"),
        )),
    "1.3": Exercise(
        title="a causal window",
        reference=window_mask,
        inputs=_length_and_width,
        hints=("Start from causal_mask(n): which of its True entries are too far back?",
               "Write query positions as a column, torch.arange(n)[:, None], key positions as a row, and compare them.",
               "Two conditions, joined by &: key <= query, and key > query - width."),
        mistakes=(
            Mistake(_window_to_both_sides, "position 0 may look at position 1: a window is not yet causal, the future "
                                           "must stay closed (section 5)"),
            Mistake(_window_one_too_wide, "one key too many: the query itself counts as one of the `width` keys"),
            Mistake(_window_inverted, "exactly inverted: in this course, as in F.scaled_dot_product_attention, "
                                      "True means may attend"),
            Mistake(_causal_without_window, "causal, but the window is missing: keys of `width` or more positions back "
                                            "must be closed"),
        )),
    "1.4": Exercise(
        title="scores that ignore the scale of their inputs",
        reference=rescale,
        inputs=_query_and_key,
        hints=("Give every query and every key the same length first: F.normalize(x, dim=-1) makes it 1.",
               "The dot product of two random vectors of length 1 in d_k dimensions has standard deviation 1/√d_k.",
               "So multiply by √d_k, where the usual formula divides."),
        mistakes=(
            Mistake(_divides_again, "standard deviation 1/d_k: vectors of length 1 need a factor √d_k, not a divisor"),
            Mistake(_forgets_the_factor, "standard deviation 1/√d_k: almost even attention. Which factor brings it to 1?"),
            Mistake(_only_the_query, "the scores still grow with the keys: normalise both"),
            Mistake(_divides_by_measured_deviation, "the deviation is 1, but every score now depends on all other queries "
                                                    "and keys: normalise each vector by itself"),
            Mistake(_normalises_the_wrong_axis, "you normalised over the tokens: each *vector* shall have length 1, dim=-1"),
        )),
    "1.5": Exercise(
        title="find two bugs from their symptoms",
        reference=repaired,
        inputs=_query_key_value,
        hints=("Symptom 1: a loss too good to be true. What can the first token see? Print the mask.",
               "Symptom 2: something depends on the *length* that should depend on the *width*.",
               "tril instead of triu, and √d_k, the size of the last axis, instead of √n."),
        mistakes=(
            Mistake(_as_found, "both bugs are still there: the first token sees the whole future, and the scores are divided "
                               "by √n"),
            Mistake(_only_the_mask_repaired, "the mask is right now. The scores are still divided by the root of the length"),
            Mistake(_only_the_scale_repaired, "the scale is right now. Token t still sees the future and not the past"),
            Mistake(_sees_only_what_came_before, "NaN in the first row: a token must see itself, or the first one sees nothing"),
        )),
}
