"""Masked words are chosen and hidden as BERT's were, and F1 of spans is seqeval's."""

import encoder_words_and_spans as checks
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies
from parity_encoder import Parts
from seqeval.metrics.sequence_labeling import get_entities

from shared.transformer import MaskedLanguageModel, TransformerEncoder, bio_spans, mask_tokens, span_f1


@pytest.mark.parametrize("share", [0.15, 0.5, 1.0])
def test_of_a_million_tokens(share):
    checks.shares_are_right(Parts(), share)


def test_draws():
    checks.draws_are_its_generator_s(Parts())


def test_all_and_nothing():
    checks.everything_can_be_chosen(Parts())


def test_the_input_is_not_changed():
    ids = torch.randint(5, 50, (30, 30))
    before = ids.clone()
    inputs, labels = mask_tokens(ids, 4, 50, share=1.0)
    assert ids.equal(before) and not inputs.equal(ids)
    inputs.zero_()
    labels.zero_()
    assert ids.equal(before)


def test_one_word_stays_itself_one_time_in_ten_and_the_choice_does_not_depend_on_it():
    """Where a word stands and what it is do not change whether it is chosen: the same draws choose the same places."""
    first, second = torch.full((50, 50), 7), torch.full((50, 50), 8)
    chosen = [mask_tokens(ids, 4, 50, generator=torch.Generator().manual_seed(5))[1] != -100 for ids in (first, second)]
    assert chosen[0].equal(chosen[1])


def test_the_loss_reads_chosen_places_alone():
    torch.manual_seed(0)
    model = MaskedLanguageModel(TransformerEncoder(50, 8, 1, 2, max_seq_len=20))
    ids = torch.randint(5, 50, (4, 20))
    inputs, labels = mask_tokens(ids, 4, 50)
    logits = model(inputs)
    chosen = labels != -100
    assert 0 < chosen.sum() < 80
    expected = -logits.log_softmax(-1)[chosen].gather(-1, ids[chosen][:, None]).mean()
    torch.testing.assert_close(F.cross_entropy(logits.flatten(0, 1), labels.flatten()), expected)
    gradient = torch.autograd.grad(F.cross_entropy(logits.flatten(0, 1), labels.flatten()), logits)[0]
    assert not gradient[~chosen].any() and gradient[chosen].any(-1).all()


def test_thousands_of_texts():
    checks.spans_equal_seqeval(Parts(), 1500)


TEXTS = strategies.lists(strategies.lists(strategies.tuples(strategies.sampled_from(checks.TAGS), strategies.sampled_from(checks.TAGS)),
                                          min_size=1, max_size=8), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_any_two_taggings(texts):
    predicted, gold = ([[pair[side] for pair in text] for text in texts] for side in (0, 1))
    assert abs(span_f1(predicted, gold) - checks.theirs(predicted, gold)) < 1e-12
    assert span_f1(predicted, gold) == span_f1(gold, predicted)
    assert span_f1(gold, gold) == float(any(tag != "O" for text in gold for tag in text))
    for tags in predicted:
        assert bio_spans(tags) == set(get_entities(tags))


def test_the_spans_of_a_sentence():
    tags = ["B-person", "I-person", "O", "I-place", "B-place", "I-person", "O"]
    assert bio_spans(tags) == {("person", 0, 1), ("place", 3, 3), ("place", 4, 4), ("person", 5, 5)}
    assert bio_spans(tuple(tags)) == bio_spans(iter(tags)) == bio_spans(tags)
