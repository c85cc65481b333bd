"""Greedy and beam search: equal to searches in plain lists, to the best of all texts, to themselves without a cache; they leave nothing behind."""

import math

import pytest
import torch
from parity_attention import DEVICE
from parity_decoder import ids_of
from parity_seq2seq import BOS, EOS, continuations, every_text, keep_of, penalised, writer
from properties_searches import (beams_are_those_of_lists, greedy_is_the_most_probable, leaves_the_model_as_it_was, one_beam_is_greedy,
                                 stops_when_nothing_can_win, wide_beams_find_the_best)

import shared.transformer as parts
from shared.transformer import Transformer, beam_search, greedy_decode


def test_greedy_takes_the_most_probable_token_until_the_end():
    greedy_is_the_most_probable(parts, range(6))


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 3.0])
def test_beams_are_those_of_plain_lists_which_do_not_stop_early(alpha):
    beams_are_those_of_lists(parts, range(4), alphas=(alpha,), widths=(2, 5))


def test_one_beam_is_greedy():
    one_beam_is_greedy(parts)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 3.0])
def test_a_beam_as_wide_as_there_are_texts_finds_the_best(alpha):
    wide_beams_find_the_best(parts, range(3), alphas=(alpha,))


def test_it_stops_when_nothing_can_win_and_not_before():
    stops_when_nothing_can_win(parts)


def test_searches_leave_the_model_as_it_was():
    leaves_the_model_as_it_was(parts)


def test_scores_are_those_of_the_texts():
    for seed in range(4):
        model, sources = writer(seed), ids_of(3, 4, 5, seed)
        ids, scores = beam_search(model, sources, BOS, EOS, 7, 3, 0.6, num_return=3)
        for b, r in ((b, r) for b in range(3) for r in range(3)):
            text = ids[b, r].tolist()
            text = text[:text.index(EOS) + 1] if EOS in text else text
            total = sum(continuations(model, sources[b:b + 1], [tuple(text[:k])])[0][token] for k, token in enumerate(text))
            assert abs(penalised(total, len(text), 0.6) - scores[b, r].item()) < 1e-10
        ended = (ids == EOS).any(dim=-1) | (scores == -math.inf)
        keys = [[(not is_ended, -score) for is_ended, score in zip(*pair)] for pair in zip(ended.tolist(), scores.tolist())]
        assert keys == [sorted(row) for row in keys]                    # those that have ended first, each kind best first
        best = beam_search(model, sources, BOS, EOS, 7, 3, 0.6)
        assert best[0].shape[0] == 3 and best[1].equal(scores[:, 0]) and best[0].equal(ids[:, 0, :best[0].size(1)])


def test_each_sentence_is_searched_by_itself():
    model, sources, mask = writer(2, num_layers=2), ids_of(5, 6, 5, 3), keep_of(5, 6, [1, 4], 2)
    together = beam_search(model, sources, BOS, EOS, 8, 3, 0.6, mask, num_return=2)
    for b in range(5):
        length = int(mask[b].sum())                                     # alone without its padding
        alone = beam_search(model, sources[b:b + 1, :length], BOS, EOS, 8, 3, 0.6, num_return=2)
        torch.testing.assert_close(alone[1], together[1][b:b + 1], rtol=1e-10, atol=1e-10)
        width = alone[0].size(-1)
        assert alone[0][0].equal(together[0][b, :, :width]) and together[0][b, :, width:].eq(EOS).all()


def test_the_same_call_gives_the_same_texts_and_changes_no_input():
    model, sources = writer(1).float(), ids_of(4, 5, 5)
    before = sources.clone()
    found = [beam_search(model, sources, BOS, EOS, 9, 4, num_return=4) for _ in range(2)]
    assert found[0][0].equal(found[1][0]) and found[0][1].equal(found[1][1]) and sources.equal(before)
    assert found[0][1].dtype == torch.float32 and found[0][0].dtype == torch.int64


def forced(probabilities):
    """A model whose next-token probabilities are the same after any text."""
    model = Transformer(3, len(probabilities), 4, 1, 1, 4, 12, sharing="none", norm_first=True).to(DEVICE, torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.decoder.norm.bias[0] = 1
        model.output.weight[:, 0] = torch.tensor(probabilities, dtype=torch.float64, device=DEVICE).log()
    return model


SOURCE = torch.zeros(1, 2, dtype=torch.int64, device=DEVICE)


def test_by_hand_longer_texts_win_with_a_penalty():
    """Tokens a, b, eos with 0.6, 0.1, 0.3: the short text is the most probable one; per length the long one is better."""
    model = forced([0.6, 0.1, 0.3])
    ids, score = beam_search(model, SOURCE, 0, 2, 4, 2, 0.0)
    assert ids.tolist() == [[2]] and abs(score.item() - math.log(0.3)) < 1e-12
    ids, score = beam_search(model, SOURCE, 0, 2, 4, 2, 5.0)
    assert ids.tolist() == [[0, 0, 0, 2]] and abs(score.item() - (3 * math.log(0.6) + math.log(0.3)) / (9 / 6) ** 5) < 1e-12
    assert greedy_decode(model, SOURCE, 0, 2, 4).tolist() == [[0, 0, 0, 0]]


def test_by_hand_an_open_text_is_the_last_resort():
    model = forced([1.0, 0.0, 0.0])
    ids, scores = beam_search(model, SOURCE, 0, 2, 3, 2, 1.0, num_return=2)
    assert ids[0, 0].tolist() == [0, 0, 0] and scores.tolist() == [[0.0, -math.inf]]
    ids, scores = beam_search(forced([0.6, 0.1, 0.3]), SOURCE, 0, 2, 1, 3, 1.0, num_return=3)
    assert ids.tolist() == [[[2], [0], [1]]]                            # what has ended first, then what is open, though more probable
    assert scores.exp().sub(torch.tensor([[0.3, 0.6, 0.1]], device=DEVICE)).abs().max() < 1e-6


def test_what_is_watched_is_what_is_done():
    steps = []
    model, sources = writer(3), ids_of(2, 4, 5)
    beam_search(model, sources, BOS, EOS, 5, 2, 0.6, watch=steps.append)
    for length, step in enumerate(steps, start=1):
        N = 4                                                           # twice the beams
        assert step.ids.shape == (2, N, length) and step.log_probs.shape == step.ended.shape == step.open.shape == (2, N)
        assert step.log_probs.equal(step.log_probs.sort(dim=1, descending=True).values)
        assert not (step.ended & step.open).any() and (step.open.sum(dim=1) <= 2).all()
        assert (step.ids[step.ended][:, -1] == EOS).all() and (step.ids[step.open] != EOS).all()
        if length > 1:                                                  # every text goes on from one that was open
            for b in range(2):
                before = {tuple(text) for text, is_open in zip(steps[length - 2].ids[b].tolist(), steps[length - 2].open[b].tolist()) if is_open}
                assert not step.open[b].any() or {tuple(text[:-1]) for text in step.ids[b].tolist()} <= before


def test_no_beam_shares_its_text_with_another():
    model, sources = writer(0, sharpness=0.2), ids_of(1, 4, 5)
    ids, scores = beam_search(model, sources, BOS, EOS, 6, 8, 0.6, num_return=8)
    texts = [tuple(text) for text in ids[0].tolist()]
    assert len(set(texts)) == 8 and len(set(scores[0].tolist())) == 8
    ids[0, 0] = 99
    assert [tuple(text) for text in ids[0, 1:].tolist()] == texts[1:]


def test_wider_finds_no_less_where_the_beam_is_as_wide_as_needed():
    model, sources = writer(5), ids_of(1, 4, 5)
    best = every_text(model, sources, 5, 0.0)[0][0]
    assert all(beam_search(model, sources, BOS, EOS, 5, K, 0.0)[1].item() <= best + 1e-12 for K in (1, 2, 4, 8, 243))
    assert abs(beam_search(model, sources, BOS, EOS, 5, 243, 0.0)[1].item() - best) < 1e-12
