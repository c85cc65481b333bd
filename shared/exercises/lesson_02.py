"""Exercises of lesson 02, multi-head attention."""

import torch

from . import Exercise, Mistake
from .draw import normal, of_trial


# 2.1 ------------------------------------------------------------------------------------------------------------------
def split_heads(x, num_heads):
    B, T, d_model = x.shape
    return x.view(B, T, num_heads, d_model // num_heads).transpose(1, 2)


def _tokens_and_heads(generator):
    B, T, num_heads, d_head = of_trial(generator, (2, 7, 3, 4), (3, 5, 2, 6), (4, 6, 5, 3), (1, 8, 4, 2), (5, 4, 1, 7))
    return normal(generator, B, T, num_heads * d_head), num_heads


def _tell_split(observed, expected, place):
    batch, head, token, entry = place
    return (f"head {head} of token {token} holds other numbers than entries {head}·d_head and up of that token "
            f"(seen in sentence {batch}, entry {entry})")


# 2.2 ------------------------------------------------------------------------------------------------------------------
def contribution(outputs, weight, head):
    d_head = outputs.size(-1)
    columns = weight[:, head * d_head:(head + 1) * d_head]          # (d_model, d_head): what reads this head
    return outputs[:, head] @ columns.T                             # (B, T, d_model)


def _outputs_weight_head(generator):
    B, H, T, d_head, head = of_trial(generator, (2, 3, 5, 4, 1), (3, 4, 6, 2, 3), (4, 2, 7, 5, 0), (1, 5, 3, 6, 2), (5, 1, 4, 3, 0))
    return normal(generator, B, H, T, d_head), normal(generator, H * d_head, H * d_head), head


def _by_rows(outputs, weight, head):
    d_head = outputs.size(-1)
    return outputs[:, head] @ weight[head * d_head:(head + 1) * d_head]


# 2.4 ------------------------------------------------------------------------------------------------------------------
def mask_for_heads(is_word):
    T = is_word.size(1)
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    return causal & is_word[:, None, None, :]                       # (B, 1, T, T)


def _is_word(generator):
    pairs, T = of_trial(generator, (2, 6), (3, 5), (1, 9), (4, 7), (3, 4))
    padded_right = torch.arange(T, device=generator.device) < torch.randint(2, T, (pairs, 1), generator=generator, device=generator.device)
    return (torch.cat([padded_right, padded_right.flip(1)]),)       # padded on the right, and on the left


def _square(is_word):
    return torch.ones(is_word.size(1), is_word.size(1), dtype=torch.bool)


# 2.5 ------------------------------------------------------------------------------------------------------------------
def repaired_cross(source, target, W_q, W_k, W_v, num_heads):
    query, key, value = target @ W_q, source @ W_k, source @ W_v
    query, key, value = (x.unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (query, key, value))
    weights = (query @ key.transpose(-2, -1) / query.size(-1) ** 0.5).softmax(dim=-1)
    return (weights @ value).transpose(1, 2).flatten(2)


def _cross(swapped=False, value_of_target=False, unmerged=False, divisor="d_head"):
    """A variation of the reference: the sides swapped, or the value's alone; heads merged without transpose; another divisor."""
    def answer(source, target, W_q, W_k, W_v, num_heads):
        asks, told = (source, target) if swapped else (target, source)
        mixed, d_model = target if value_of_target else told, W_q.size(1)
        squared = {"d_head": d_model // num_heads, "d_model": d_model, "num_heads": num_heads, "none": 1}[divisor]
        query, key, value = (x.unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (asks @ W_q, told @ W_k, mixed @ W_v))
        output = (query @ key.transpose(-2, -1) / squared ** 0.5).softmax(dim=-1) @ value
        return output.reshape(*asks.shape[:2], -1) if unmerged else output.transpose(1, 2).flatten(2)
    return answer


def _source_target_projections(generator):
    B, S, T, num_heads, d_head = of_trial(generator, (2, 7, 5, 8, 2), (3, 8, 6, 2, 5), (4, 5, 3, 3, 4), (1, 6, 4, 4, 3), (3, 7, 2, 1, 6))
    d_model = num_heads * d_head
    W_q, W_k, W_v = (normal(generator, d_model, d_model) for _ in range(3))
    return normal(generator, B, S, d_model), normal(generator, B, T, d_model), W_q / 2, W_k / 2, W_v, num_heads


EXERCISES = {
    "2.1": Exercise(
        title="split the width into heads",
        reference=split_heads,
        inputs=_tokens_and_heads,
        tell=_tell_split,
        hints=("First cut only the last axis: (B, T, d_model) becomes (B, T, num_heads, d_head) by x.view(...).",
               "Now the heads stand behind the tokens. Which two axes must change places?",
               "x.view(B, T, num_heads, d_head).transpose(1, 2)"),
        mistakes=(
            Mistake(lambda x, num_heads: x.reshape(x.size(0), num_heads, x.size(1), -1),
                    "all shapes fit, but tokens are mixed: view alone deals the numbers out anew. Cut the last axis "
                    "first, then transpose (section 6)"),
            Mistake(lambda x, num_heads: x.unflatten(-1, (num_heads, -1)), "cut rightly; now move the heads in front of the tokens"),
            Mistake(lambda x, num_heads: x.unflatten(-1, (-1, num_heads)).permute(0, 3, 1, 2),
                    "each head got every num_heads-th entry: a head is a block of d_head *neighbouring* entries"),
        )),
    "2.2": Exercise(
        title="what one head contributes",
        reference=contribution,
        inputs=_outputs_weight_head,
        hints=("After merging, head h stands at entries h·d_head to (h + 1)·d_head - 1. Which part of the matrix reads them?",
               "nn.Linear computes x @ weight.T: the *columns* of weight belong to the entries of x.",
               "outputs[:, head] @ weight[:, head * d_head:(head + 1) * d_head].T"),
        mistakes=(
            Mistake(_by_rows, "you took rows of the weight: nn.Linear computes x @ weight.T, so a head is read by columns"),
            Mistake(lambda outputs, weight, head: outputs.transpose(1, 2).flatten(2) @ weight.T,
                    "that is the sum over all heads: take the part of one"),
            Mistake(lambda outputs, weight, head: contribution(outputs, weight, 0),
                    "that is the first head whatever `head` says"),
            Mistake(lambda outputs, weight, head: outputs[:, head] @ weight[:, head::outputs.size(1)].T,
                    "you took every H-th column: after merging, a head is a block of d_head *neighbouring* entries"),
        )),
    "2.3": Exercise(
        title="parameters of multi-head attention",
        reference=1_050_624,
        tolerance=1e-7,
        tell=lambda observed, expected, place: f"{observed:,.0f} is not right. Count one matrix with its bias, times four. hint(\"2.3\") helps",
        worked="Four matrices of 512 × 512 and four biases of 512: 4·262,144 + 4·512 = 1,050,624. The 8 heads change nothing.",
        hints=("How many matrices are there? Three projections make queries, keys and values; and then?",
               "Each of the four is 512 × 512, and has 512 biases. The number of heads plays no part."),
        mistakes=(
            Mistake(1_048_576, "the four matrices are right; each has a bias of 512, too"),
            Mistake(787_968, "three of four: after merging, one more matrix mixes the heads"),
            Mistake(786_432, "three of four, and no biases: one more matrix mixes the heads"),
            Mistake(8_404_992, "not times 8: each head is 512 / 8 = 64 wide"),
        )),
    "2.4": Exercise(
        title="a mask that fits (B, H, T, S)",
        reference=mask_for_heads,
        inputs=_is_word,
        hints=("The causal part has shape (T, T) and needs no axis more: broadcasting adds them in front.",
               "The padding part is (B, S), and must become (B, 1, 1, S): the same for every head and every query.",
               "causal & is_word[:, None, None, :]"),
        mistakes=(
            Mistake(lambda is_word: mask_for_heads(is_word)[:, 0], "right for one head. For four dimensions (B, H, T, S) an axis "
                                                                  "of length 1 is missing, for the heads"),
            Mistake(lambda is_word: _square(is_word).tril() & is_word[:, None, :, None],
                    "you closed padded *queries*: the last axis are the keys"),
            Mistake(lambda is_word: mask_for_heads(is_word) & is_word[:, None, :, None],
                    "the keys are right; padded queries need no closing, and would become rows without any key"),
            Mistake(lambda is_word: ~mask_for_heads(is_word), "exactly inverted: True means may attend"),
            Mistake(lambda is_word: _square(is_word).triu() & is_word[:, None, None, :],
                    "each token sees the future instead of the past: tril, not triu"),
            Mistake(lambda is_word: _square(is_word).tril() | is_word[:, None, None, :],
                    "a key must be in the past *and* a word: & instead of |"),
            Mistake(lambda is_word: _square(is_word) & is_word[:, None, None, :], "the padding is closed, the future is not"),
        )),
    "2.5": Exercise(
        title="cross-attention with two bugs",
        reference=repaired_cross,
        inputs=_source_target_projections,
        square=lambda source, target, *others: (source[:, :target.size(1)], target, *others),
        hints=("Symptom 1: the result has the length of the wrong sentence. Who asks, and who is asked?",
               "Symptom 2: the more heads, the more even the maps. By which width are the scores divided?",
               "Queries come from the target, keys and values from the source; divide by the root of d_head, query.size(-1)."),
        mistakes=(
            Mistake(_cross(swapped=True, divisor="d_model"), "both bugs are still there"),
            Mistake(_cross(swapped=True), "the scale is right now. The source still asks: queries come from the target"),
            Mistake(_cross(divisor="d_model"), "the sides are right now. Divide by √d_head, the width of one head, not by √d_model"),
            Mistake(_cross(divisor="none"), "the sides are right now. The scores are not divided at all: √d_head is needed"),
            Mistake(_cross(divisor="num_heads"), "the sides are right now. Divide by √d_head, the width of one head, not by the "
                                                 "root of the number of heads"),
            Mistake(_cross(value_of_target=True), "queries and keys are right now; the values still come from the target. They "
                                                  "belong to the keys: both come from the source"),
            Mistake(_cross(value_of_target=True, divisor="d_model"), "queries and keys come from the right side now. The values "
                                                                     "belong to the keys, and the divisor is still wrong"),
            Mistake(_cross(unmerged=True), "the heads are merged without moving them behind the tokens: transpose first"),
        )),
}
