"""A text means the same behind padding as before it, and as alone: encoders and what stands on them, for every position scheme."""

import itertools

import pytest
import torch
from encoder_laws import HEADS, SCHEMES
from hypothesis import given, settings, strategies
from parity_attention import DEVICE, numbers
from parity_blocks import randomised
from parity_encoder import Parts

from shared.transformer import TokenEmbedding, TransformerEncoder, left_padding_of, real_tokens

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
TEXTS = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9], [7, 9]]
SEGMENTS = [[token % 2 for token in text] for text in TEXTS]
PAD, WIDTH = 0, 9
HEADS = HEADS | {"vectors": lambda parts, made: made}
each_scheme = pytest.mark.parametrize("positions", SCHEMES)
each_head = pytest.mark.parametrize("head", HEADS)
each_order = pytest.mark.parametrize("norm_first", [True, False])


def model(head, dtype=torch.float32, **options):
    options = {"vocab_size": 11, "d_model": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": WIDTH, "num_segments": 2} | options
    return randomised(HEADS[head](Parts(), TransformerEncoder(**options)), dtype)


def padded(rows, lefts, filled=PAD):
    """Texts with so many pads before each, and the others behind it: ids and what is real, (B, WIDTH)."""
    ids = torch.full((len(rows), WIDTH), filled, device=DEVICE)
    real = torch.zeros(len(rows), WIDTH, dtype=torch.bool, device=DEVICE)
    for i, (row, left) in enumerate(zip(rows, lefts, strict=True)):
        ids[i, left:left + len(row)] = torch.tensor(row, device=DEVICE)
        real[i, left:left + len(row)] = True
    return ids, real


SIDES = {"left": [WIDTH - len(text) for text in TEXTS], "right": [0] * 4, "mixed": [WIDTH - 5, 0, 1, 3]}
each_side = pytest.mark.parametrize("side", SIDES)


def equals_each_text_alone(made, output, real, segments=None):
    """Assert that what stands at a text's tokens, or was made of all of them, is that of the text alone."""
    for i, text in enumerate(TEXTS):
        alone = made(torch.tensor([text], device=DEVICE), segment_ids=None if segments is None else torch.tensor([segments[i]], device=DEVICE))[0]
        torch.testing.assert_close(output[i][real[i]] if output.dim() == 3 else output[i], alone, **CLOSE)


@each_side
@each_order
@each_scheme
@each_head
def test_padding_on_either_side_by_a_mask(head, positions, norm_first, side):
    made = model(head, positions=positions, norm_first=norm_first)
    ids, real = padded(TEXTS, SIDES[side], filled=8)                        # any id may stand at padding
    with torch.no_grad():
        for mask in (real, real.long(), real.int()):
            equals_each_text_alone(made, made(ids, mask), real)


@each_side
@each_order
@each_scheme
@each_head
def test_padding_on_either_side_by_its_id(head, positions, norm_first, side):
    made = model(head, positions=positions, norm_first=norm_first, pad_id=PAD)
    ids, real = padded(TEXTS, SIDES[side])
    with torch.no_grad():
        equals_each_text_alone(made, made(ids), real)


@pytest.mark.parametrize("options", [{"scale": True}, {"embedding_norm": True}, {"norm": "rms"}, {"activation": "relu", "bias": False}], ids=str)
@each_scheme
def test_other_options_and_segments(positions, options):
    made, (ids, real), (segments, _) = model("words", positions=positions, **options), padded(TEXTS, SIDES["mixed"]), padded(SEGMENTS, SIDES["mixed"])
    with torch.no_grad():
        equals_each_text_alone(made, made(ids, real, segments), real, SEGMENTS)


@each_scheme
@each_head
def test_gradients_do_not_mind_either(head, positions):
    made, found = model(head, torch.float64, positions=positions, pad_id=PAD), []
    for side in ("left", "right"):
        ids, real = padded(TEXTS, SIDES[side])
        output = made(ids)
        rows = output[real] if output.dim() == 3 else output
        loss = (rows * numbers(*rows.shape, seed=1).detach()).sum()
        found.append(torch.autograd.grad(loss, list(made.parameters()), allow_unused=True, materialize_grads=True))
    torch.testing.assert_close(*found)


@each_scheme
def test_padding_may_make_a_batch_as_long_as_the_table(positions):
    """No position past max_seq_len is asked for: a text's positions count from its first token."""
    made = model("vectors", positions=positions, pad_id=PAD)
    ids, real = padded([[5]], [WIDTH - 1])
    with torch.no_grad():
        torch.testing.assert_close(made(ids)[real][0], made(torch.tensor([[5]], device=DEVICE))[0, 0], **CLOSE)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(strategies.lists(strategies.tuples(strategies.lists(strategies.integers(1, 10), min_size=1, max_size=6), strategies.integers(0, 3)),
                        min_size=1, max_size=4), strategies.sampled_from(SCHEMES), strategies.sampled_from(sorted(HEADS)))
def test_any_texts_behind_any_padding(rows, positions, head):
    made = model(head, positions=positions, pad_id=PAD)
    ids, real = padded([text for text, _ in rows], [left for _, left in rows])
    with torch.no_grad():
        output = made(ids)
        for i, (text, _) in enumerate(rows):
            alone = made(torch.tensor([text], device=DEVICE))[0]
            torch.testing.assert_close(output[i][real[i]] if output.dim() == 3 else output[i], alone, **CLOSE)


# --- the two functions, and the embedding

def test_what_is_real():
    ids = torch.tensor([[0, 0, 3], [4, 0, 5]], device=DEVICE)
    mask = torch.tensor([[1, 1, 0], [0, 0, 1]], device=DEVICE)
    assert real_tokens(ids) is None
    assert real_tokens(ids, pad_id=0).equal(ids != 0)
    for given_mask, pad_id in itertools.product((mask, mask.int(), mask.bool()), (None, 0)):    # a mask that is given wins
        found = real_tokens(ids, given_mask, pad_id)
        assert found.dtype == torch.bool and found.equal(mask.bool())
    assert real_tokens(ids.int(), pad_id=4).equal(ids != 4)


def test_how_much_padding_stands_before_a_text():
    real = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.bool, device=DEVICE)
    assert left_padding_of(real).tolist() == [2, 0, 1, 0, 3]                # of nothing but padding none stands before
    assert left_padding_of(None) is None


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_an_embedding_counts_positions_from_the_first_token(positions):
    made = randomised(TokenEmbedding(11, 6, 12, positions))
    ids, left = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]], device=DEVICE), torch.tensor([2, 0], device=DEVICE)
    found = made(ids, left_padding=left)
    torch.testing.assert_close(found[0, 2:], made(ids[:1, 2:])[0])
    torch.testing.assert_close(found[1], made(ids[1:])[0])
    torch.testing.assert_close(made(ids[:, 3:], offset=3, left_padding=left), found[:, 3:])                 # in pieces, too
    assert made(ids, left_padding=left.int()).equal(found)
    for wrong in (left[:1], left[:, None], left.float(), 2, left.bool()):
        with pytest.raises((TypeError, ValueError), match="left_padding"):
            made(ids, left_padding=wrong)
