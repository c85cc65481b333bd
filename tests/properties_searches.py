"""What greedy and beam search must obey, as assertions that take the module with the parts."""

import math
from unittest import mock

import pytest
import torch
from parity_attention import DEVICE, EXACT
from parity_decoder import ids_of
from parity_seq2seq import BOS, EOS, LIVELY, as_rows, every_text, keep_of, made, penalised, search_by_hand, writer


def greedy_is_the_most_probable(parts, seeds=range(3), B=4, T=7):
    """Assert that each token is the most probable one, that a text ends with eos and goes on with it, cached or not, in a batch or alone."""
    for seed in seeds:
        model, sources = writer(seed, parts, **LIVELY, pad_id=3), ids_of(B, 5, 5, seed)
        mask = keep_of(B, 5, range(0, B, 2))
        found = parts.greedy_decode(model, sources, BOS, EOS, T, mask)
        assert found.equal(parts.greedy_decode(model, sources, BOS, EOS, T, mask, use_cache=False)) and found.dtype == torch.int64
        texts = [search_by_hand(model, sources[b:b + 1], T, 1, 0.0, source_mask=mask[b:b + 1])[0][1] for b in range(B)]
        assert found.equal(as_rows(texts, max(map(len, texts))))
        assert parts.greedy_decode(model, sources.int(), BOS, EOS, 1, mask).equal(found[:, :1])


def beams_are_those_of_lists(parts, seeds=range(4), B=2, T=6, alphas=(0.0, 0.6, 2.0), widths=(1, 2, 3), R=2):
    """Assert ids and scores of the search in plain lists, which neither stops early nor caches; cached or not, in a batch or alone."""
    for seed in seeds:
        model, sources = writer(seed, parts, sharpness=(0.3, 1, 3)[seed % 3], pad_id=3), ids_of(B, 4, 5, seed)
        mask = keep_of(B, 4, [0])
        for alpha in alphas:
            for K in widths:
                many = min(K, R)
                ids, scores = parts.beam_search(model, sources, BOS, EOS, T, K, alpha, mask, many)
                expected = [search_by_hand(model, sources[b:b + 1], T, K, alpha, many, mask[b:b + 1]) for b in range(B)]
                width = max(len(text) for found in expected for _, text in found)
                torch.testing.assert_close(scores, torch.tensor([[score for score, _ in found] for found in expected], dtype=torch.float64, device=DEVICE), **EXACT)
                assert ids.equal(torch.stack([as_rows([text for _, text in found], width) for found in expected]))
                uncached = parts.beam_search(model, sources, BOS, EOS, T, K, alpha, mask, many, use_cache=False)
                assert uncached[0].equal(ids)
                torch.testing.assert_close(uncached[1], scores, **EXACT)
            greedy = parts.greedy_decode(model, sources, BOS, EOS, T, mask)
            assert parts.beam_search(model, sources, BOS, EOS, T, 1, alpha, mask)[0].equal(greedy)


def one_beam_is_greedy(parts, seeds=range(6), B=6, T=8, alphas=(0.0, 4.0)):
    """Assert that one beam ends where greedy decoding does, though going on would give a better score where long texts are preferred."""
    for seed in seeds:
        model, sources, steps = writer(seed, parts, sharpness=0.5), ids_of(B, 4, 5, seed), []
        for alpha in alphas:
            ids, _ = parts.beam_search(model, sources, BOS, EOS, T, 1, alpha, watch=steps.append)
            assert ids.equal(parts.greedy_decode(model, sources, BOS, EOS, T))
            assert sum(step.ended.sum() for step in steps) == (ids == EOS).any(dim=1).sum()         # each at most once
            steps.clear()


def wide_beams_find_the_best(parts, seeds=range(2), T=4, alphas=(0.0, 0.6, 3.0)):
    """Assert that a beam as wide as there are texts gives the best of all texts, in order."""
    for seed in seeds:
        model, sources = writer(seed, parts), ids_of(1, 4, 5, seed)
        for alpha in alphas:
            ids, scores = parts.beam_search(model, sources, BOS, EOS, T, 3 ** T, alpha, num_return=10)
            expected = every_text(model, sources, T, alpha)[:10]
            torch.testing.assert_close(scores[0], torch.tensor([score for score, _ in expected], dtype=torch.float64, device=DEVICE), **EXACT)
            assert ids[0].equal(as_rows([text for _, text in expected], ids.size(-1)))


def stops_when_nothing_can_win(parts, seeds=range(12)):
    """Assert that the search ends early, at the very step from which no open text could reach the best that has ended."""
    early = 0
    for seed in seeds:
        model, sources, steps = writer(seed, parts, sharpness=2.0), ids_of(1, 4, 5, seed), []
        for alpha in (0.0, 1.0):
            steps.clear()
            parts.beam_search(model, sources, BOS, EOS, 9, 2, alpha, watch=steps.append)
            best = -math.inf
            for length, step in enumerate(steps, start=1):
                best = max([best] + [penalised(total, length, alpha) for total in step.log_probs[step.ended].tolist()])
                open_ones = [total for text, total in zip(step.ids[0].tolist(), step.log_probs[0].tolist()) if text[-1] != EOS]
                done = penalised(open_ones[0], 9, alpha) <= best
                assert done == (not step.open.any()) and done == (length == len(steps)) or not done and length == 9
            early += len(steps) < 9
    assert early >= len(seeds) // 2, early


def leaves_the_model_as_it_was(parts):
    """Assert that both searches run without dropout, restore every module's mode, and give tokens that may go into training."""
    model, sources = made(parts, dropout=0.5), ids_of(2, 4)
    searches = (lambda: parts.greedy_decode(model, sources, BOS, EOS, 5), lambda: parts.beam_search(model, sources, BOS, EOS, 5)[0])
    for search in searches:
        expected = search()
        model.train()
        model.decoder.blocks[0].eval()
        modes = [module.training for module in model.modules()]
        found = search()
        assert found.equal(expected) and [module.training for module in model.modules()] == modes
        with mock.patch.object(model.output, "forward", side_effect=RuntimeError("in the middle")), pytest.raises(RuntimeError, match="middle"):
            search()
        assert [module.training for module in model.modules()] == modes and not found.is_inference()
        model.eval()
        assert model(sources, found).requires_grad


def written_tokens_are_real(parts, seeds=range(4), T=7):
    """Assert that searches write what a model without padding writes: the start, the end and what is between may have the id of padding."""
    inside = 0
    for seed in seeds:
        plain, sources = writer(seed, parts, **LIVELY), ids_of(3, 5, 5, seed)
        for pad_id, bos_id, eos_id in ((BOS, BOS, EOS), (EOS, BOS, EOS), (EOS, EOS, EOS), (3, BOS, EOS), (4, BOS, EOS)):
            padded = parts.Transformer(**plain.options | {"pad_id": pad_id}).to(plain.output.weight).eval()
            padded.load_state_dict(plain.state_dict())
            mask = torch.ones_like(sources)                                             # the source has no padding
            expected = parts.greedy_decode(plain, sources, bos_id, eos_id, T)
            texts, scores = parts.beam_search(plain, sources, bos_id, eos_id, T, 3, num_return=3)
            for use_cache in (True, False):
                assert parts.greedy_decode(padded, sources, bos_id, eos_id, T, mask, use_cache).equal(expected)
                found = parts.beam_search(padded, sources, bos_id, eos_id, T, 3, 0.6, mask, 3, use_cache)
                assert found[0].equal(texts)
                torch.testing.assert_close(found[1], scores, **EXACT)
            inside += ((texts[..., :-1] == pad_id) & (texts[..., 1:] != pad_id)).sum().item()
    assert inside > 10


def evaluates(inference):
    """Assert that a model is in eval() and in inference mode for a while, and then as it was, also where something fails in between."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Dropout(0.5)), torch.nn.Linear(2, 2)).train()
    model[2].eval()
    modes = [module.training for module in model.modules()]
    with inference.evaluating(model):
        assert not any(module.training for module in model.modules()) and torch.is_inference_mode_enabled()
        inside = model(torch.ones(1, 2))
    assert inside.is_inference() and not inside.clone().is_inference() and not torch.is_inference_mode_enabled()
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(KeyError), inference.evaluating(model):
        raise KeyError
    assert [module.training for module in model.modules()] == modes
    assert [inference.all_true(torch.tensor(entries)) for entries in ([True, True], [True, False], [False, False])] == [True, False, False]
    assert not inference.all_true(torch.ones(2, dtype=torch.bool, device="meta"))
    seen = []
    torch.vmap(lambda row: seen.append(inference.all_true(row)) or row)(torch.ones(2, 2, dtype=torch.bool))
    assert seen == [False]                                                              # unknown


def searches_agree(parts):
    greedy_is_the_most_probable(parts, range(2))
    beams_are_those_of_lists(parts, range(3), alphas=(1.0, 0.0), widths=(3,))
    stops_when_nothing_can_win(parts, range(6))
    one_beam_is_greedy(parts, range(3))
    wide_beams_find_the_best(parts, range(1), T=3)
    leaves_the_model_as_it_was(parts)
    written_tokens_are_real(parts, range(2))
