"""Exercises of lesson 05, The encoder."""

import math

import torch
import torch.nn.functional as F

from . import Exercise, Mistake
from .draw import drawn, normal, of_trial, some_real


# 5.1 ------------------------------------------------------------------------------------------------------------------
def keep_mask(lengths, T):
    is_word = torch.arange(T, device=lengths.device) < lengths[:, None]         # (B, T)
    return is_word[:, None, None, :]


def _lengths(generator):
    B, T = of_trial(generator, (4, 7), (3, 5), (6, 8), (2, 9), (5, 6))
    return some_real(generator, B, T, shortest=1).sum(dim=1), T


def _observe_mask(answer, lengths, T):
    mask = answer(lengths, T)
    if not isinstance(mask, torch.Tensor) or mask.dim() != 4:
        given = tuple(mask.shape) if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(f"a mask of a batch has four dimensions, (B, H, T, S), with 1 where it is the same for all, got {given}")
    return mask.expand(len(lengths), 1, T, T)


def _tell_mask(observed, expected, place):
    row, _, query, key = place
    may = "may" if observed[place] else "may not"
    return f"in text {row}, query {query} {may} look at key {key}, where there is {'a word' if expected[place] else 'padding'}"


# 5.2 ------------------------------------------------------------------------------------------------------------------
def tagging_loss(logits, labels):
    asked = labels != -100                                                      # (B, T)
    log_probs = logits.log_softmax(dim=-1)[asked]                               # (words, num_labels)
    return -log_probs.gather(-1, labels[asked][:, None]).mean()


def _logits_and_labels(generator):
    B, T, num_labels = of_trial(generator, (4, 6, 5), (3, 7, 4), (5, 8, 3), (2, 5, 7), (6, 4, 9))
    labels = torch.randint(num_labels, (B, T), generator=generator, device=generator.device)
    return 2 * normal(generator, B, T, num_labels), labels.masked_fill(~some_real(generator, B, T), -100)


# 5.3 ------------------------------------------------------------------------------------------------------------------
def mean_pool(x, real):
    weights = real[..., None].to(x.dtype)                                       # (B, T, 1)
    return (x * weights).sum(dim=1) / weights.sum(dim=1)


def _x_and_real(generator):
    B, T, d = of_trial(generator, (4, 6, 3), (3, 8, 5), (6, 5, 2), (2, 7, 4), (5, 4, 7))
    return 1 + normal(generator, B, T, d), some_real(generator, B, T)


# 5.4 ------------------------------------------------------------------------------------------------------------------
def hide(ids, chosen, dice, others, mask_id):
    inputs = ids.masked_fill(chosen & (dice < 0.8), mask_id)
    return torch.where(chosen & (dice >= 0.8) & (dice < 0.9), others, inputs)


def _ids_to_hide(generator):
    B, T, mask_id = of_trial(generator, (8, 20, 100), (12, 15, 3), (6, 30, 120), (9, 18, 0), (5, 32, 50))
    ids, others = torch.randint(100, (2, B, T), generator=generator, device=generator.device)
    chosen, dice = torch.rand(2, B, T, generator=generator, device=generator.device)
    return ids, chosen < 0.5, dice, others, mask_id


# 5.5 ------------------------------------------------------------------------------------------------------------------
def repaired_loss(x, real, attend, score, classes):
    x = x + attend(x, real[:, None, None, :])
    weights = real[..., None].to(x.dtype)
    pooled = (x * weights).sum(dim=1) / weights.sum(dim=1)
    return F.cross_entropy(score(pooled), classes)


def _classifier(unmasked=False, pads_in_mean=False, softmax=False):
    """A variation of the reference: with some of the three bugs."""
    def answer(x, real, attend, score, classes):
        mask = torch.ones_like(real)[:, None, None, :] if unmasked else real[:, None, None, :]
        x = x + attend(x, mask)
        pooled = x.mean(dim=1) if pads_in_mean else mean_pool(x, real)
        logits = score(pooled)
        return F.cross_entropy(logits.softmax(dim=-1) if softmax else logits, classes)
    return answer


def _texts_and_parts(generator):
    B, T, d, C = of_trial(generator, (4, 6, 8, 5), (3, 7, 10, 4), (5, 8, 6, 7), (2, 5, 9, 3), (6, 4, 12, 8))
    W, V = normal(generator, d, d) / math.sqrt(d), normal(generator, d, C)

    def attend(x, mask):
        query = (x @ W)[:, None]                                                # (B, 1, T, d): one head
        return F.scaled_dot_product_attention(query, x[:, None], x[:, None], mask.expand(-1, -1, x.size(1), -1)).squeeze(1)

    x, real, classes = normal(generator, B, T, d), some_real(generator, B, T), torch.randint(C, (B,), generator=generator, device=generator.device)
    return x, real, attend, lambda pooled: pooled @ V, classes


# 5.6 ------------------------------------------------------------------------------------------------------------------
def spans(tags):
    found, start, kind = [], None, None
    for place, tag in enumerate([*tags, "O"]):
        if kind is not None and tag != f"I-{kind}":                             # the span before ends here
            found.append((kind, start, place - 1))
            kind = None
        if tag != "O" and kind is None:
            start, kind = place, tag[2:]
    return found


def _spans(begins=("B", "I"), goes_on=lambda tag, kind: tag == f"I-{kind}", after=0, end="O"):
    """A variation of the reference: other tags that begin a span or go on with it, another last word or end."""
    def answer(tags):
        found, start, kind = [], None, None
        for place, tag in enumerate([*tags, end] if end else tags):
            if kind is not None and not goes_on(tag, kind):
                found.append((kind, start, place - 1 + after))
                kind = None
            if tag[0] in begins and kind is None:
                start, kind = place, tag[2:]
        return found
    return answer


def _tags(generator):
    names = ["O", "B-city", "I-city", "B-date", "I-date"]
    more = torch.randint(5, (drawn(generator, 25, 40),), generator=generator, device=generator.device).tolist()
    fixed = ["B-city", "B-city", "I-city", "I-date", "O", "I-date"]             # so that each case is there
    return (fixed + [names[k] for k in more] + ["O", "B-city"],)


def _observe_spans(answer, tags):
    table = torch.zeros(2, len(tags) + 1, len(tags) + 1, dtype=torch.bool)
    for kind, first, last in answer(tags):
        table[("city", "date").index(kind), first, last] = True
    return table


def _tell_spans(observed, expected, place):
    kind, first, last = ("city", "date")[place[0]], *place[1:]
    return f"the span {(kind, first, last)} is {'missing' if expected[place] else 'not one'}"


EXERCISES = {
    "5.1": Exercise(
        title="a mask from lengths",
        reference=keep_mask,
        inputs=_lengths,
        observe=_observe_mask,
        tell=_tell_mask,
        hints=("First (B, T): compare the places 0 to T - 1 with each length. lengths[:, None] makes a column of it.",
               "A place is a word's if it is below the length: place 0 exists in a text of length 1.",
               "Keys stand last in (B, H, T, S): is_word[:, None, None, :]"),
        mistakes=(
            Mistake(lambda lengths, T: ~keep_mask(lengths, T), "the other way round: True = may attend, so words are True"),
            Mistake(lambda lengths, T: keep_mask(lengths, T).transpose(2, 3),
                    "you hide the padding's *queries*. Nobody reads those; it is the keys, the last axis, that must be hidden"),
            Mistake(lambda lengths, T: keep_mask(lengths + 1, T), "one place too many: a text of length 1 has place 0 only"),
        )),
    "5.2": Exercise(
        title="the loss of the words that are asked",
        reference=tagging_loss,
        inputs=_logits_and_labels,
        hints=("Which places are asked? labels != -100 is (B, T), and picks rows of logits: logits[asked] is (words, labels).",
               "The loss of one word is minus the log-probability of its label: log_softmax, then gather.",
               "All words of the batch count the same: one mean over all of them."),
        mistakes=(
            Mistake(lambda logits, labels: tagging_loss(logits, labels) * (labels != -100).float().mean(),
                    "the sum is right; you divide by all places instead of those that are asked"),
            Mistake(lambda logits, labels: tagging_loss(logits, labels.clamp(min=0)), "padding is scored as if its label were 0"),
            Mistake(lambda logits, labels: torch.stack([tagging_loss(*pair) for pair in zip(logits, labels)]).mean(),
                    "a mean of each text's mean: words of short texts count more. One mean over all words"),
            Mistake(lambda logits, labels: tagging_loss(logits.softmax(dim=-1), labels),
                    "softmax twice: log_softmax belongs on the logits themselves"),
        )),
    "5.3": Exercise(
        title="the mean of the words",
        reference=mean_pool,
        inputs=_x_and_real,
        hints=("Two sums over the tokens: of the vectors that count, and of how many there are.",
               "real[..., None] is (B, T, 1), and multiplies every entry of a vector by 0 or 1.",
               "(x * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)"),
        mistakes=(
            Mistake(lambda x, real: x.mean(dim=1), "that is the mean over all places: padding is part of it"),
            Mistake(lambda x, real: (x * real[..., None]).mean(dim=1),
                    "padding is out of the sum, and still counted: you divide by T, which depends on the longest text of the batch"),
            Mistake(lambda x, real: x.sum(dim=1) / real.sum(dim=1, keepdim=True), "you divide by the right number; padding is in the sum"),
            Mistake(lambda x, real: (x * real[..., None]).sum(dim=1), "that is the sum: a long text gets a long vector. Divide by its length"),
            Mistake(lambda x, real: x[:, 0], "that is the first token's vector"),
        )),
    "5.4": Exercise(
        title="80, 10, 10",
        reference=hide,
        inputs=_ids_to_hide,
        hints=("Three cases by the dice, and a fourth: what is not chosen stays whatever the dice say.",
               "masked_fill(chosen & (dice < 0.8), mask_id) is the first case.",
               "torch.where(condition, others, inputs) is the second; the third needs no line."),
        mistakes=(
            Mistake(lambda ids, chosen, dice, others, mask_id: ids.masked_fill(chosen, mask_id), "all chosen words are masked: where are the two times 10 %?"),
            Mistake(lambda ids, chosen, dice, others, mask_id: hide(ids, torch.ones_like(chosen), dice, others, mask_id),
                    "words that were not chosen are changed, too"),
            Mistake(lambda ids, chosen, dice, others, mask_id: ids.masked_fill(chosen & (dice < 0.8), mask_id),
                    "from 0.8 to 0.9 a chosen word becomes another one; yours stay as they are"),
            Mistake(lambda ids, chosen, dice, others, mask_id: torch.where(chosen & (dice >= 0.8), others, ids.masked_fill(chosen, mask_id)),
                    "from 0.9 on a chosen word stays as it is; yours become other ones"),
        )),
    "5.5": Exercise(
        title="a classifier with three bugs",
        reference=repaired_loss,
        inputs=_texts_and_parts,
        hints=("Complaint 1 has two causes. The first: who may look at the padding? attend takes a mask (B, 1, 1, T).",
               "The second: over what does x.mean(dim=1) average? (See 5.3.)",
               "Complaint 2: F.cross_entropy takes the softmax itself. What happens if it gets probabilities?"),
        mistakes=(
            Mistake(_classifier(True, True, True), "all three bugs are still there"),
            Mistake(_classifier(True, True), "the loss is right now. Attention and the mean still see padding"),
            Mistake(_classifier(True, False, True), "the mean is right now. Attention still sees padding, and the loss has a softmax too many"),
            Mistake(_classifier(False, True, True), "attention is right now. The mean still sees padding, and the loss has a softmax too many"),
            Mistake(_classifier(unmasked=True), "one bug is left: words attend to padding"),
            Mistake(_classifier(pads_in_mean=True), "one bug is left: padding is part of the mean"),
            Mistake(_classifier(softmax=True), "one bug is left: F.cross_entropy takes logits, and gets probabilities"),
        )),
    "5.6": Exercise(
        title="spans of BIO tags",
        reference=spans,
        inputs=_tags,
        observe=_observe_spans,
        tell=_tell_spans,
        hints=("Go through the tags once, and remember the type of the span that is open and where it began, or None.",
               "A tag goes on with the open span only if it is exactly I- and its type; every other tag ends it.",
               "One more \"O\" at the end closes what is still open. Then: what begins a span? Every tag but O, if none is open."),
        mistakes=(
            Mistake(_spans(begins=("B",)), "an I- without a span before it begins one, too (seqeval's default; a strict scorer would drop it)"),
            Mistake(_spans(goes_on=lambda tag, kind: tag[2:] == kind), "B-city B-city are two cities: a B- always begins a new span"),
            Mistake(_spans(goes_on=lambda tag, kind: tag[0] == "I"), "an I- of another type does not go on with the span"),
            Mistake(_spans(after=1), "the last word of the span, included: you give the place after it"),
            Mistake(_spans(end=None), "a span that is still open at the end is lost"),
        )),
}
