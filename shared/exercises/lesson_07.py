"""Exercises of lesson 07, Sequence to sequence."""

import collections
import math

import torch
import torch.nn.functional as F

from . import Exercise, Mistake
from .draw import normal, of_trial, some_real


# 7.1 ------------------------------------------------------------------------------------------------------------------
def ask_padded(query, key, value, source_real):
    scores = query @ key.transpose(1, 2) / math.sqrt(query.size(-1))                # (B, T, S)
    scores = scores.masked_fill(~source_real[:, None, :], -math.inf)
    return scores.softmax(dim=-1) @ value


def _ask(mask=lambda real: real[:, None, :], scale=True, before=True):
    """A variation of the reference. mask: of the scores, from source_real."""
    def answer(query, key, value, source_real):
        scores = query @ key.transpose(1, 2) / (math.sqrt(query.size(-1)) if scale else 1)
        if not before:
            return (scores.softmax(dim=-1) * mask(source_real)) @ value
        return scores.masked_fill(~mask(source_real), -1e9).softmax(dim=-1) @ value
    return answer


def _asked(generator):
    """Every source has padding."""
    B, T, S, d = of_trial(generator, (3, 4, 6, 8), (4, 5, 7, 6), (2, 3, 8, 5), (5, 4, 6, 3), (3, 2, 5, 7))
    real = some_real(generator, B + 1, S)[1:]
    return normal(generator, B, T, d), normal(generator, B, S, d), normal(generator, B, S, d), real


# 7.3 ------------------------------------------------------------------------------------------------------------------
def inputs_and_targets(ids, bos_id, eos_id, pad_id):
    longer = F.pad(ids, (0, 1), value=pad_id)                                       # (B, T + 1)
    lengths = (ids != pad_id).sum(dim=1, keepdim=True)                              # where eos belongs
    targets = longer.scatter(1, lengths, eos_id)
    inputs = torch.cat([torch.full_like(ids[:, :1], bos_id), ids], dim=1)
    return torch.stack([inputs, targets])


def _framed(eos="after", shift=1):
    """A variation of the reference. eos: "after" the text, at the "end" of the row, or "none"; shift: of the inputs."""
    def answer(ids, bos_id, eos_id, pad_id):
        inputs, targets = inputs_and_targets(ids, bos_id, eos_id, pad_id)
        if eos != "after":
            targets = F.pad(ids, (0, 1), value=eos_id if eos == "end" else pad_id)
        if shift == 2:
            targets = F.pad(targets[:, 1:], (0, 1), value=pad_id)
        return torch.stack([targets if shift == 0 else inputs, targets])
    return answer


def _rows_of_ids(generator):
    B, T, bos, eos, pad = of_trial(generator, (4, 6, 1, 2, 0), (3, 5, 0, 1, 2), (6, 7, 21, 22, 20), (2, 8, 2, 0, 1), (5, 4, 1, 2, 0))
    ids = torch.randint(3, 20, (B, T), generator=generator, device=generator.device)
    return ids.masked_fill(~some_real(generator, B, T, shortest=1), pad), bos, eos, pad


# 7.4 ------------------------------------------------------------------------------------------------------------------
def can_still_win(log_probs, best_score, max_length, alpha):
    return log_probs / ((5 + max_length) / 6) ** alpha > best_score


def _search(generator):
    """Open texts on both sides of the bound."""
    best, share, alpha = (torch.rand((), generator=generator, device=generator.device).item() for _ in range(3))
    best, longest, alpha = -0.5 - 2 * best, 20 + int(40 * share), 0.3 + alpha / 2
    return best * torch.linspace(0.2, 6, of_trial(generator, 60, 50, 70, 45, 80), device=generator.device), best, longest, alpha


# 7.5 ------------------------------------------------------------------------------------------------------------------
def _grams(words, n):
    return collections.Counter(tuple(words[k:k + n]) for k in range(len(words) - n + 1))


def matches(hypothesis, references, n):
    allowed = collections.Counter()
    for reference in references:
        allowed |= _grams(reference, n)                                             # the larger count of the two
    return (_grams(hypothesis, n) & allowed).total()                                # the smaller one


def _sum_of_references(hypothesis, references, n):
    return (_grams(hypothesis, n) & sum((_grams(one, n) for one in references), collections.Counter())).total()


def _unclipped(hypothesis, references, n):
    known = {gram for one in references for gram in _grams(one, n)}
    return sum(count for gram, count in _grams(hypothesis, n).items() if gram in known)


def _texts(generator):
    """Few different words, so that n-grams repeat; the references have some repetitions each."""
    def text(length):
        return [("the", "cat", "sat", "on")[k] for k in torch.randint(4, (length,), generator=generator, device=generator.device).tolist()]
    n, length, more = of_trial(generator, (2, 12, ()), (1, 9, (5,)), (3, 20, ()), (2, 14, (4, 6)), (4, 16, (8,)))
    references = [["the", "cat", *text(length // 2)], [*text(7), "the", "cat", "sat"], *(text(size) for size in more)]
    return ["the", "cat", *text(length), "the", "cat", "the", "cat"], references, n


# 7.6 ------------------------------------------------------------------------------------------------------------------
def repaired(encode, decode, source, bos, eos, most):
    memory = encode(source)
    ids = torch.full_like(source[:, :1], bos)
    ended = torch.zeros_like(source[:, 0], dtype=torch.bool)
    for _ in range(most):
        token = decode(ids, memory)[:, -1].argmax(-1).masked_fill(ended, eos)
        ids = torch.cat([ids, token[:, None]], dim=1)
        ended = ended | (token == eos)
        if ended.all():
            break
    return ids[:, 1:]


def _translator(start=True, once=True, keeps_end=True):
    """A variation of the reference with some of the bugs."""
    def answer(encode, decode, source, bos, eos, most):
        memory, ids = encode(source), torch.full_like(source[:, :1], bos if start else eos)
        ended = torch.zeros_like(source[:, 0], dtype=torch.bool)
        for step in range(most):
            memory = memory if once or step == 0 else encode(source)
            token = decode(ids, memory)[:, -1].argmax(-1)
            token = token.masked_fill(ended, eos) if keeps_end else token
            ids = torch.cat([ids, token[:, None]], dim=1)
            ended = ended | (token == eos)
        return ids[:, 1:]
    return answer


def _model_and_source(generator):
    """A model that writes the symbols of the source, the end, then 12 for ever; a start other than bos spoils the first symbol."""
    B, S, bos, eos, most = of_trial(generator, (3, 6, 1, 2, 10), (4, 7, 2, 0, 12), (2, 5, 0, 1, 8), (5, 8, 1, 0, 4), (4, 9, 0, 2, 11))
    source = torch.randint(3, 11, (B, S), generator=generator, device=generator.device)
    lengths = 1 + torch.randperm(S - 1, generator=generator, device=generator.device)[:B]       # no two end together
    for row, length in enumerate(lengths.tolist()):
        source[row, length], source[row, length + 1:] = eos, 12

    def encode(source):
        encode.reads += 1
        return F.pad(source, (0, 12), value=12)

    def decode(ids, memory):
        said = memory[:, :ids.size(1)].clone()
        said[:, 0] = torch.where(ids[:, 0] == bos, said[:, 0], 11)
        return F.one_hot(said, 13).double()

    encode.reads = 0
    return encode, decode, source, bos, eos, most


def _observe_translation(answer, encode, decode, source, bos, eos, most):
    """The texts, a row each, and at the end of each row how often the source was read."""
    ids = answer(encode, decode, source, bos, eos, most)
    return F.pad(F.pad(ids, (0, most + 1 - ids.size(1)), value=eos), (0, 1), value=encode.reads)


EXERCISES = {
    "7.1": Exercise(
        title="cross-attention with padding",
        reference=ask_padded,
        inputs=_asked,
        square=lambda query, *others: (query, *(x[:, :query.size(1)] for x in others)),
        hints=("Which tokens are hidden, and are they queries or keys? The scores are (B, T, S).",
               "source_real must lie along S, the last dimension: source_real[:, None, :].",
               "scores.masked_fill(~source_real[:, None, :], -math.inf), before the softmax over the last dimension."),
        mistakes=(
            Mistake(_ask(lambda real: torch.ones_like(real)[:, None, :]), "pads are asked like words: hide them"),
            Mistake(_ask(lambda real: real[:, :, None]), "the mask lies along T, the queries. It passes only where T = S; hide *keys*"),
            Mistake(_ask(before=False), "masked after the softmax: the weights no longer sum to 1. Mask the scores"),
            Mistake(_ask(lambda real: ~real[:, None, :]), "the mask is inverted: only pads are asked. True means a real token"),
            Mistake(_ask(scale=False), "the scores are not divided by the root of the width of a query"),
        )),
    "7.2": Exercise(
        title="the base model, nothing shared",
        reference=100_970_496,
        tolerance=1e-7,
        tell=lambda observed, expected, place: f"{observed:,.0f} is not right. hint(\"7.2\") helps",
        worked="Three matrices of 37,000 × 512 = 18,944,000 instead of one: 63,082,496 + 2 · 18,944,000 = 100,970,496.",
        hints=("How many vocabulary matrices are there, with sharing=\"all\" and with \"none\"?", "Two more of 37,000 · 512."),
        mistakes=(
            Mistake(82_026_496, "that is sharing=\"target\": two matrices. With \"none\" the scores have one of their own, too"),
            Mistake(119_914_496, "three matrices in all, not three more"),
            Mistake(101_007_496, "the scores have no bias"),
        )),
    "7.3": Exercise(
        title="inputs and targets",
        reference=inputs_and_targets,
        inputs=_rows_of_ids,
        hints=("Text a b becomes: given bos a b, asked a b eos. Both are one longer than the longest text.",
               "eos belongs right behind each text, before its padding. How long is each text?",
               "F.pad(ids, (0, 1), value=pad_id).scatter(1, lengths, eos_id), with lengths (B, 1)."),
        mistakes=(
            Mistake(_framed(shift=0), "not shifted: the model is given what it is asked for"),
            Mistake(_framed(shift=2), "shifted twice: behind bos it is asked for the second token"),
            Mistake(_framed(eos="end"), "eos stands at the end of the row, behind the padding. It belongs right behind each text"),
            Mistake(_framed(eos="none"), "no target ends with eos: the model would never learn to stop"),
        )),
    "7.4": Exercise(
        title="can an open text still win?",
        reference=can_still_win,
        inputs=_search,
        hints=("Suppose all further tokens were certain. What is its log-probability in the end?",
               "It stays as it is. Which length gives the best score, then?",
               "Divide by ((5 + max_length) / 6) ** alpha: the longer, the nearer to 0. Compare with best_score."),
        mistakes=(
            Mistake(lambda log_probs, best, longest, alpha: log_probs > best,
                    "compared without a length penalty: a score is a log-probability divided by ((5 + L) / 6)^α"),
            Mistake(lambda log_probs, best, longest, alpha: log_probs / ((5 + longest) / 6) ** alpha < best,
                    "the wrong way round: scores are negative, and the larger one wins"),
            Mistake(lambda log_probs, best, longest, alpha: log_probs / longest ** alpha > best, "that divides by L^α; the penalty is ((5 + L) / 6)^α"),
            Mistake(lambda log_probs, best, longest, alpha: log_probs / ((5 + longest) / 6 * alpha) > best, "α is an exponent, not a factor"),
        )),
    "7.5": Exercise(
        title="matches with several references",
        reference=matches,
        inputs=_texts,
        hints=("For each n-gram: how often in the hypothesis, and how often at most in one reference? The smaller number counts.",
               "A collections.Counter has | (the larger count of each) and & (the smaller one).",
               "allowed |= ngrams of each reference; then (ngrams of the hypothesis & allowed).total()."),
        mistakes=(
            Mistake(_sum_of_references, "the counts of the references are added up; allowed is the largest count in *one* of them"),
            Mistake(_unclipped, "not clipped: a repeated n-gram counts every time"),
            Mistake(lambda words, references, n: max(matches(words, [one], n) for one in references),
                    "one reference is chosen for all n-grams; each n-gram has its own"),
        )),
    "7.6": Exercise(
        title="a translator with three bugs",
        reference=repaired,
        inputs=_model_and_source,
        observe=_observe_translation,
        tell=lambda observed, expected, place: (f"text {place[0]}, place {place[1]}: {int(observed[place])} instead of {int(expected[place])}"
                                                if place[1] < expected.size(1) - 1 else "read the source once"),
        hints=("Complaint 1: with which token did every target begin in training?",
               "Complaint 2: what does a text get after its eos, while others go on? Remember who has ended.",
               "Complaint 3: does the memory depend on what has been written?"),
        mistakes=(
            Mistake(_translator(start=False, once=False, keeps_end=False), "all three bugs are still there"),
            Mistake(_translator(once=False, keeps_end=False), "the start is right now. Texts go on after their end, and the source is read again"),
            Mistake(_translator(start=False, keeps_end=False), "the source is read once now. The start is wrong, and texts go on after their end"),
            Mistake(_translator(start=False, once=False), "texts end now. The start is wrong, and the source is read again for every token"),
            Mistake(_translator(keeps_end=False), "one bug is left: texts go on after their end, and it stops only if all end at one step"),
            Mistake(_translator(start=False), "one bug is left: it starts with eos, which training never did"),
            Mistake(_translator(once=False), "one bug is left: the source is read again for every token"),
        )),
}
