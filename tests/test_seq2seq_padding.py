"""Padding in either text, on either side, changes nothing of what is real: in logits, in searches, with a cache, and where it has the id of another token."""

import pytest
import torch
from parity_attention import DEVICE
from parity_decoder import POSITIONS, ids_of
from parity_seq2seq import BOS, EOS, LIVELY, SHARING, TINY, made, marian, take_marian_weights, writer
from properties_searches import written_tokens_are_real

import shared.transformer as parts
from shared.transformer import KeyValueCache, Transformer, beam_search, greedy_decode

PAD, WIDTH = 10, 8                                          # no text has the token PAD
LENGTHS = (3, 7, 5)
each_scheme = pytest.mark.parametrize("positions", POSITIONS)
each_side = pytest.mark.parametrize("side", ["left", "right", "both"])


def texts_of(lengths=LENGTHS, seed=0, size=PAD):
    return [ids_of(1, length, size, seed + k)[0] for k, length in enumerate(lengths)]


def padded(texts, side, pad_id=PAD, width=WIDTH):
    """Rows of one width, and where they are real."""
    ids = torch.full((len(texts), width), pad_id, device=DEVICE)
    real = torch.zeros_like(ids, dtype=torch.bool)
    for row, text in enumerate(texts):
        before = {"left": width - len(text), "right": 0, "both": (width - len(text)) // 2}[side]
        ids[row, before:before + len(text)], real[row, before:before + len(text)] = text, True
    return ids, real


@each_scheme
@each_side
def test_padding_of_the_source_on_any_side(positions, side):
    sources, target = texts_of(), ids_of(1, 4, PAD, 9)
    ids, real = padded(sources, side)
    plain, with_pad = made(positions=positions, d_model=8), made(positions=positions, d_model=8, pad_id=PAD)
    for row, source in enumerate(sources):
        expected = plain(source[None], target)
        for found in (plain(ids, target.expand(3, -1), real), with_pad(ids, target.expand(3, -1)), with_pad(ids, target.expand(3, -1), real.int())):
            assert (found[row] - expected[0]).abs().max() < 1e-10


@each_scheme
@pytest.mark.parametrize("chunks", [(8,), (5, 3), (1,) * 8])
def test_padding_before_the_target_with_a_mask(positions, chunks):
    targets = texts_of(seed=3)
    ids, real = padded(targets, "left")
    model, source, cache = made(positions=positions, d_model=8), ids_of(3, 5, PAD), KeyValueCache(2)
    memory, pieces, start = model.encode(source).detach(), [], 0
    with torch.no_grad():
        for size in chunks:
            end = start + size
            pieces.append(model.decode(ids[:, start:end], memory, None, real[:, :end], cache if len(chunks) > 1 else None))
            start = end
        found = torch.cat(pieces, dim=1)
        assert (model(source, ids, None, real) - found)[real].abs().max() < 1e-10
        for row, target in enumerate(targets):
            expected = model(source[row:row + 1], target[None])[0]
            assert (found[row, WIDTH - len(target):] - expected).abs().max() < 1e-10


def test_padding_before_the_target_is_refused_without_a_mask():
    model, source = made(pad_id=PAD), ids_of(3, 5, PAD)
    for lengths in (LENGTHS, (3, 8, 8), (6, 6, 6)):                             # twice pad_id, or some with pad_id and others without
        ids, real = padded(texts_of(lengths), "left")
        with pytest.raises(ValueError, match="pad_id = 10.*attention_mask"):
            model(source, ids)
        assert model(source, ids, None, real).isfinite().all()


# --- an id with two jobs

@pytest.mark.parametrize("norm_first", [True, False])
def test_a_text_may_begin_with_pad_id(norm_first):
    """As T5 and Marian do: the first token is real, further ones are padding."""
    sources, targets = texts_of(), texts_of(seed=3)
    targets = [torch.cat([torch.tensor([PAD], device=DEVICE), text]) for text in targets]
    source_ids, source_real = padded(sources, "right")
    target_ids, target_real = padded(targets, "right")
    model, plain = (made(pad_id=pad_id, norm_first=norm_first) for pad_id in (PAD, None))
    found = model(source_ids, target_ids)
    assert (found - plain(source_ids, target_ids, source_real, target_real))[target_real].abs().max() < 1e-10
    for row, (source, target) in enumerate(zip(sources, targets)):
        alone = plain(source[None], target[None])[0]
        assert (found[row, :len(target)] - alone).abs().max() < 1e-10
    memory, mask, cache = model.encode(source_ids).detach(), model.memory_mask(source_ids), KeyValueCache(2)
    with torch.no_grad():
        pieces = [model.decode(target_ids[:, a:b], memory, mask, cache=cache) for a, b in ((0, 1), (1, 4), (4, 8))]
    assert (torch.cat(pieces, dim=1) - found)[target_real].abs().max() < 1e-10


def test_what_a_search_writes_is_real_whatever_its_id():
    written_tokens_are_real(parts)


@pytest.mark.parametrize("sharing", SHARING)
def test_it_equals_marian_whose_start_token_is_its_padding(sharing):
    theirs = marian(sharing, pad_token_id=PAD, decoder_start_token_id=PAD)
    ours = made(sharing=sharing, pad_id=PAD)
    take_marian_weights(ours, theirs)
    with torch.no_grad():                                                       # texts of many tokens: one likes the next to follow
        words = ours.decoder.embedding.words.weight
        if sharing == "none":
            for output in (ours.output.weight, theirs.lm_head.weight):
                output.copy_(words.roll(1, dims=0) * 0.5)
    source_ids, source_real = padded(texts_of((3, 7, 5, 1)), "right")
    targets = [torch.cat([torch.tensor([PAD], device=DEVICE), text]) for text in texts_of((2, 7, 4, 5), seed=5)]
    target_ids, target_real = padded(targets, "right")
    with torch.no_grad():
        expected = theirs(source_ids, source_real.long(), target_ids).logits
        torch.testing.assert_close(ours(source_ids, target_ids)[target_real], expected[target_real], rtol=1e-8, atol=1e-8)
    expected = theirs.generate(source_ids, attention_mask=source_real.long(), max_new_tokens=9, do_sample=False, num_beams=1, eos_token_id=EOS)[:, 1:]
    expected = expected.masked_fill((expected == EOS).cumsum(dim=1) > 0, EOS)
    for use_cache in (True, False):
        assert greedy_decode(ours, source_ids, PAD, EOS, 9, use_cache=use_cache).equal(expected)
        one_beam, _ = beam_search(ours, source_ids, PAD, EOS, 9, 1, use_cache=use_cache)
        assert one_beam.equal(expected)


def test_two_texts_with_padding_of_two_ids_need_masks():
    sources, targets = texts_of(size=11), texts_of(seed=4, size=9)
    source_ids, source_real = padded(sources, "right", pad_id=0)
    target_ids, target_real = padded(targets, "right", pad_id=5)
    for pad_id in (None, 0):                                                    # what a mask says counts, not the id
        model = made(target_vocab_size=9, pad_id=pad_id)
        found = model(source_ids, target_ids, source_real, target_real)
        for row, (source, target) in enumerate(zip(sources, targets)):
            alone = model(source[None], target[None], torch.ones_like(source[None]), torch.ones_like(target[None]))[0]
            assert (found[row, :len(target)] - alone).abs().max() < 1e-10
    with pytest.raises(TypeError, match="Transformer has no argument source_pad_id; it has vocab_size, .*, pad_id, activation"):
        Transformer(**TINY, source_pad_id=0)


# --- searches

@each_scheme
@each_side
def test_searches_of_a_padded_batch_are_those_of_each_text(positions, side):
    options = LIVELY | {"positions": positions}
    plain, with_pad = (writer(2, vocab_size=11, pad_id=pad_id, **options) for pad_id in (None, PAD - 4))
    sources = [text % 6 for text in texts_of()]
    ids, real = padded(sources, side, pad_id=PAD - 4)
    alone = [greedy_decode(plain, source[None], BOS, EOS, 8)[0].tolist() for source in sources]
    beams = [beam_search(plain, source[None], BOS, EOS, 8, 3, num_return=2) for source in sources]
    for model, mask in ((plain, real), (with_pad, None), (with_pad, real.long())):
        for use_cache in (True, False):
            found = greedy_decode(model, ids, BOS, EOS, 8, mask, use_cache).tolist()
            texts, scores = beam_search(model, ids, BOS, EOS, 8, 3, 0.6, mask, 2, use_cache)
            for row, (expected, (theirs, their_scores)) in enumerate(zip(alone, beams)):
                assert found[row][:len(expected)] == expected and set(found[row][len(expected):]) <= {EOS}
                assert texts[row, :, :theirs.size(-1)].equal(theirs[0]) and texts[row, :, theirs.size(-1):].eq(EOS).all()
                torch.testing.assert_close(scores[row], their_scores[0], rtol=1e-9, atol=1e-9)
