"""Masked words counted, and spans compared with seqeval, as checks that take the parts."""

import itertools
import random
import warnings

import torch
from parity_attention import DEVICE
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities

MASK, VOCAB, PROTECTED = 4, 50, (0, 1, 2)
TAGS = ("O", "B-a", "I-a", "B-b", "I-b", "B-a-b", "I-a-b")


def within(count, of, probability):
    """A count lies within four standard errors of what is expected."""
    deviation = (of * probability * (1 - probability)) ** 0.5
    assert abs(count - of * probability) <= 4 * deviation, f"{count} of {of}, expected {probability}"


def hidden(parts, shape, seed=0, **options):
    """Many ids, all but the mask's own, with inputs and labels."""
    ids = torch.randint(VOCAB - 1, shape, generator=torch.Generator().manual_seed(7)).to(DEVICE)
    ids = ids + (ids >= MASK)
    options = {"protected": PROTECTED, "generator": torch.Generator().manual_seed(seed)} | options
    return ids, *parts.mask_tokens(ids, MASK, VOCAB, **options)


def shares_are_right(parts, share=0.15, size=1000):
    """Assert 80/10/10 of the share that was asked for, labels, protected ids and random words, on size × size tokens."""
    ids, inputs, labels = hidden(parts, (size, size), share=share)
    chosen, free = labels != -100, torch.stack([ids != number for number in PROTECTED]).all(0)
    assert inputs.shape == labels.shape == ids.shape and inputs.dtype == labels.dtype == ids.dtype
    assert labels[chosen].equal(ids[chosen]) and inputs[~chosen].equal(ids[~chosen])
    assert not chosen[~free].any()
    tokens, of = chosen.sum().item(), chosen.sum().item()
    within(tokens, free.sum().item(), share)
    masked, kept = (inputs == MASK)[chosen].sum().item(), (inputs == ids)[chosen].sum().item()
    within(masked, of, 0.8 + 0.1 / VOCAB)                       # a random word may be the mask, or the word itself
    within(kept, of, 0.1 + 0.1 / VOCAB)
    other = inputs[chosen & (inputs != MASK) & (inputs != ids)]
    within(len(other), of, 0.1 - 0.2 / VOCAB)
    counts = other.bincount(minlength=VOCAB)
    assert len(counts) == VOCAB and (counts > 0).sum() == VOCAB - 1                 # special ones, too; the mask is counted above
    for number in set(range(VOCAB)) - {MASK}:                                       # a word that stood there is not an other one
        within(counts[number].item(), of, 0.1 / VOCAB * (1 if number in PROTECTED else 45 / 46))
    probability = share * 46 / 49
    for places in (chosen.double().mean(0), chosen.double().mean(1)):               # wherever a token stands
        assert (places - probability).abs().max() < 5 * (probability * (1 - probability) / size) ** 0.5


def draws_are_its_generator_s(parts):
    """Assert that equal generators give equal draws, other ones others, and by default PyTorch's own; the input stays as it was."""
    ids, inputs, labels = hidden(parts, (40, 50))
    again, other = hidden(parts, (40, 50)), hidden(parts, (40, 50), seed=1)
    assert all(a.equal(b) for a, b in zip((ids, inputs, labels), again, strict=True))
    assert again[0].equal(other[0]) and not inputs.equal(other[1]) and not labels.equal(other[2])
    own = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        own.append(parts.mask_tokens(ids, MASK, VOCAB)[0])
    assert own[0].equal(own[1]) and not own[0].equal(own[2])
    state = torch.get_rng_state()
    hidden(parts, (4, 5))
    assert torch.get_rng_state().equal(state)


def everything_can_be_chosen(parts):
    """Assert what share=1.0, no protected ids, protected ones alone, one token and int32 give."""
    ids, inputs, labels = hidden(parts, (100, 100), share=1.0, protected=())
    assert labels.equal(ids)
    within((inputs == MASK).sum().item(), ids.numel(), 0.8 + 0.1 / VOCAB)
    ids, inputs, labels = hidden(parts, (10, 10), share=1.0, protected=range(VOCAB))
    assert inputs.equal(ids) and labels.eq(-100).all()
    ids = torch.full((2, 3), 9, dtype=torch.int32, device=DEVICE)
    inputs, labels = parts.mask_tokens(ids, MASK, VOCAB, share=1.0, protected=[1])
    assert inputs.dtype == labels.dtype == torch.int32 and labels.eq(9).all() and ids.eq(9).all()


def random_texts(generator, texts, tags=TAGS, longest=6):
    """Tags drawn at random, most of them odd: I- at the start, after O, after another type."""
    return [generator.choices(tags, k=generator.randrange(1, longest + 1)) for _ in range(texts)]


def changed(generator, texts, probability):
    return [[generator.choice(TAGS) if generator.random() < probability else tag for tag in tags] for tags in texts]


def theirs(predicted, gold):
    """seqeval's micro-averaged F1; it warns where there are no spans."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f1_score(gold, predicted)


def spans_equal_seqeval(parts, cases=300):
    """Assert equal spans and F1 for random tags, for every pair of short ones, and for texts in which nothing is found."""
    generator = random.Random(0)
    for case in range(cases):
        gold = random_texts(generator, generator.randrange(1, 5), TAGS[:generator.choice((1, 3, 5, 7))])
        predicted = changed(generator, gold, generator.choice((0, 0.2, 0.5, 1)))
        assert abs(parts.span_f1(predicted, gold) - theirs(predicted, gold)) < 1e-12, (predicted, gold)
        for tags in gold + predicted:
            assert parts.bio_spans(tags) == {(kind, first, last) for kind, first, last in get_entities(tags)}, tags
    for length in (1, 2, 3):
        for tags in itertools.product(TAGS[:5], repeat=length):
            assert parts.bio_spans(list(tags)) == set(get_entities(list(tags))), tags
    assert parts.bio_spans([]) == set() and parts.bio_spans(["O"] * 3) == set()
    nothing, something = [["O", "O", "O"]], [["B-a", "I-a", "O"]]
    for predicted, gold in ((nothing, nothing), (something, nothing), (nothing, something), (something, [["O", "B-a", "I-a"]]),
                            (something, [["B-b", "I-b", "O"]]), (something, [["B-a", "O", "O"]])):
        assert parts.span_f1(predicted, gold) == theirs(predicted, gold) == 0.0
    assert parts.span_f1(something, something) == 1.0
    assert parts.span_f1([["B-a", "O"], ["B-a", "B-a"]], [["B-a", "O"], ["B-a", "O"]]) == 0.8      # 2 right of 3 and of 2
    assert parts.span_f1([], []) == 0.0


def compare(parts):
    """Raise AssertionError unless all of it holds, on fewer tokens and texts."""
    shares_are_right(parts, size=400)
    draws_are_its_generator_s(parts)
    everything_can_be_chosen(parts)
    spans_equal_seqeval(parts, 100)
