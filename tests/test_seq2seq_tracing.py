"""Loss and searches where values cannot be looked at, with integers of other kinds, and in the precision in which a cache changes no token."""

import numpy
import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, numbers
from parity_decoder import ids_of
from parity_seq2seq import BOS, EOS, LIVELY, TINY, keep_of, writer
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from shared.transformer import Transformer, beam_search, corpus_bleu, greedy_decode, label_smoothed_loss

LOGITS, TARGETS = numbers(3, 4, 7).detach(), ids_of(3, 4, 7)
TARGETS[0, 2:], TARGETS[2, 0] = 3, -100
each_loss = pytest.mark.parametrize(("smoothing", "pad_id"), [(0.1, 3), (0.0, 3), (0.1, None)])


@each_loss
def test_the_loss_is_compiled_in_one_piece(smoothing, pad_id):
    torch._dynamo.reset()
    compiled = torch.compile(lambda logits: label_smoothed_loss(logits, TARGETS, smoothing, pad_id), fullgraph=True, backend="eager")
    logits = LOGITS.clone().requires_grad_()
    loss, expected = compiled(logits), label_smoothed_loss(logits, TARGETS, smoothing, pad_id)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits))


@each_loss
def test_the_loss_is_mapped_and_traced(smoothing, pad_id):
    def loss(logits, targets):
        return label_smoothed_loss(logits, targets, smoothing, pad_id)

    each = torch.stack([loss(*pair) for pair in zip(LOGITS, TARGETS)])
    torch.testing.assert_close(torch.vmap(loss)(LOGITS, TARGETS), each)
    gradients = torch.vmap(torch.func.grad(loss))(LOGITS, TARGETS)
    torch.testing.assert_close(gradients, torch.stack([torch.func.grad(loss)(*pair) for pair in zip(LOGITS, TARGETS)]))
    for mode in ("real", "fake", "symbolic"):
        torch.testing.assert_close(make_fx(loss, tracing_mode=mode)(LOGITS, TARGETS)(2 * LOGITS, TARGETS), loss(2 * LOGITS, TARGETS))
    with FakeTensorMode() as mode:
        assert loss(mode.from_tensor(LOGITS), mode.from_tensor(TARGETS)).shape == ()


def test_impossible_classes_at_padding_cost_nothing():
    logits = LOGITS.clone()
    logits[0, 2:, 5], logits[2, 0, 1:] = -torch.inf, -1e30
    logits.requires_grad_()
    for smoothing in (0.0, 0.1):
        loss = label_smoothed_loss(logits, TARGETS, smoothing, 3)
        gradient, = torch.autograd.grad(loss, logits)
        assert loss.equal(label_smoothed_loss(LOGITS, TARGETS, smoothing, 3)) and gradient.isfinite().all() and not gradient[2, 0].any()


def filled(ids, width):
    return F.pad(ids, (0, width - ids.size(1)), value=EOS)


@pytest.mark.parametrize("pad_id", [None, 3])
def test_greedy_decoding_is_mapped_and_traced(pad_id):
    """Without values it cannot know that all texts have ended: it goes on with eos_id to max_new_tokens."""
    model, sources = writer(1, **LIVELY, pad_id=pad_id), ids_of(4, 5, 3)
    expected = filled(greedy_decode(model, sources, BOS, EOS, 6), 6)

    def decode(source_ids):
        return greedy_decode(model, source_ids, BOS, EOS, 6)

    assert torch.vmap(decode)(sources.unflatten(0, (2, 2))).flatten(0, 1).equal(expected)
    assert make_fx(decode)(sources)(sources).equal(expected)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert decode(mode.from_tensor(sources)).shape == (4, 6)
    model.to("meta")
    assert decode(sources.to("meta")).shape == (4, 6)


def test_greedy_decoding_through_a_compiled_model():
    model, sources = writer(1, **LIVELY), ids_of(4, 5, 3)
    expected = greedy_decode(model, sources, BOS, EOS, 3)
    torch._dynamo.reset()
    compiled = torch.compile(lambda source_ids: greedy_decode(model, source_ids, BOS, EOS, 3, use_cache=False), backend="eager")
    assert filled(compiled(sources), 3).equal(filled(expected, 3))


def test_numpy_s_integers_are_integers():
    one = {name: numpy.int64(value) if type(value) is int else value for name, value in TINY.items()}
    model = Transformer(**one | {"target_vocab_size": numpy.int32(9), "num_decoder_layers": numpy.int16(1), "pad_id": numpy.uint8(0)}).to(DEVICE).eval()
    sources = ids_of(2, 5, 10) + 1
    bos, eos, most, beams = numpy.int64(1), numpy.int32(2), numpy.int64(4), numpy.int16(3)
    assert greedy_decode(model, sources, bos, eos, most).equal(greedy_decode(model, sources, 1, 2, 4))
    assert beam_search(model, sources, bos, eos, most, beams, num_return=beams)[0].equal(beam_search(model, sources, 1, 2, 4, 3, num_return=3)[0])
    assert label_smoothed_loss(LOGITS, TARGETS, numpy.float32(0.5), numpy.int64(3)).equal(label_smoothed_loss(LOGITS, TARGETS, 0.5, 3))
    assert corpus_bleu(["a b c"], ["a b d"], numpy.int64(2)) == corpus_bleu(["a b c"], ["a b d"], 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_cache_changes_no_token_in_float32_and_little_in_half_precision(dtype):
    same, total = 0, 0
    for seed in range(6):
        model, sources = writer(seed, **LIVELY, pad_id=0).to(dtype), ids_of(8, 5, 5, seed)
        mask = keep_of(8, 5, range(0, 8, 2))
        for search in (greedy_decode, lambda *arguments, **options: beam_search(*arguments, num_beams=3, **options)[0]):
            pair = [filled(search(model, sources, BOS, EOS, 9, source_mask=mask, use_cache=use_cache), 9) for use_cache in (True, False)]
            same, total = same + (pair[0] == pair[1]).all(dim=1).sum().item(), total + 8
    assert same == total if dtype != torch.bfloat16 else same > 0.5 * total, (same, total)
