"""The course's positions against the papers' formulas: values and gradients in float64, one test for each part and mask."""

import math

import pytest
import torch
from parity_attention import DEVICE, EXACT, numbers
from parity_positions import (CASES, CHECKS, SCHEMES, B, D, H, S, attending, by_layer, precise, scheme_is_right,
                              starts_and_state_are_right)
from position_formulas import bucket, clock, slopes

from shared.transformer import ALiBi, RelativePositionBias, RotaryEmbedding, SinusoidalPositionalEncoding, sinusoids


@pytest.mark.parametrize("part", CHECKS)
def test_what_is_special_to_a_part(part):
    CHECKS[part]()


def test_relative_tables_start_at_zero_and_only_parameters_are_saved():
    starts_and_state_are_right()


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("name", SCHEMES)
def test_attention_with_a_scheme_equals_the_formula(name, kind):
    scheme_is_right(name, kind, CASES[kind])


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("T", [1, 2, S - 1])
def test_the_last_queries_of_a_longer_text(name, T):
    for kind in ("none", "padding and causal"):
        scheme_is_right(name, kind, T)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_text_of_one_word(name):
    with precise():
        ours, x = attending(SCHEMES[name].made()), numbers(1, 1, H * D)
        found = by_layer(ours, x, 1, None)[0]
        torch.testing.assert_close(found, ours.to_output(ours.to_value(x)).detach(), **EXACT)      # one weight, and it is 1


def test_the_formulas_themselves():
    """By hand, so that not both are wrong in the same way."""
    assert clock(0, 4) == [0, 1, 0, 1]
    assert clock(1, 4) == pytest.approx([math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)])
    assert clock(1, 5, layout="halves") == pytest.approx([math.sin(1), math.sin(10000 ** -0.4), math.sin(10000 ** -0.8),
                                                          math.cos(1), math.cos(10000 ** -0.4)])
    assert slopes(8) == [2.0 ** -h for h in range(1, 9)]                                # the paper's example
    assert slopes(3) == [2.0 ** -4, 2.0 ** -8, 2.0 ** -2]
    assert slopes(12)[8:] == pytest.approx([2 ** -0.5, 2 ** -1.5, 2 ** -2.5, 2 ** -3.5])
    assert [bucket(-d, bidirectional=False) for d in (0, 15, 16, 20, 21, 127, 128, 1000)] == [0, 15, 16, 17, 18, 31, 31, 31]
    assert [bucket(d) for d in (0, -1, 1, -7, -8, -11, -12, 8, 128)] == [0, 1, 17, 7, 8, 8, 9, 24, 31]


@pytest.mark.parametrize("H", range(1, 70))
def test_slopes_fall_from_head_to_head_up_to_the_power(H):
    power = 1 << (H.bit_length() - 1)
    found = ALiBi(H).slopes.tolist()
    assert len(set(found)) == H
    assert found[:power] == sorted(found[:power], reverse=True)
    assert found[power - 1] == 2 ** -8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("both", [True, False])
def test_buckets_do_not_depend_on_the_precision(both, dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        for num_buckets in (4, 8, 10, 16, 32, 64):
            for max_distance in (16, 33, 64, 100, 128, 256, 1000):
                if max_distance <= num_buckets // 2:
                    continue
                options = {"num_buckets": num_buckets, "max_distance": max_distance, "bidirectional": both}
                found = RelativePositionBias(1, **options).bucket(torch.arange(-300, 301)).tolist()
                assert found == [bucket(offset, **options) for offset in range(-300, 301)]
    finally:
        torch.set_default_dtype(before)


def test_buckets_are_counted_up_and_none_is_left_out():
    behind = RelativePositionBias(1).bucket(-torch.arange(1000))
    after = RelativePositionBias(1).bucket(torch.arange(1000))
    assert behind.diff().ge(0).all()
    assert behind.unique().tolist() == list(range(16))
    assert (after[1:] - behind[1:]).eq(16).all()
    assert RelativePositionBias(1, bidirectional=False).bucket(torch.arange(-1000, 1000)).unique().tolist() == list(range(32))


@pytest.mark.parametrize("layout", ["interleaved", "halves"])
def test_sinusoids_in_float32_are_the_rounded_formula(layout):
    found = SinusoidalPositionalEncoding(64, 5000, layout=layout).table
    assert found.dtype == torch.float32
    with precise():
        expected = SinusoidalPositionalEncoding(64, 5000, layout=layout).table
    assert found.equal(expected.float())


def test_stretched_sinusoids_in_float32_are_the_rounded_formula():
    found = SinusoidalPositionalEncoding(8, 8192, stretch=3.0).table
    expected = [clock(place / 3, 8) for place in range(8192)]
    torch.testing.assert_close(found, torch.tensor(expected, device=found.device), rtol=0, atol=1e-6)


def test_sinusoids_of_any_shape_and_of_whole_positions():
    ids = torch.tensor([[3, 0], [7, 3]], device=DEVICE)
    found = sinusoids(ids, 6)
    assert found.shape == (2, 2, 6)
    assert found[0, 0].equal(found[1, 1])
    assert sinusoids(ids[0, 0], 6).equal(found[0, 0])
    assert sinusoids(ids.int(), 6).equal(found)


@pytest.mark.parametrize("layout", ["interleaved", "halves"])
def test_rotation_keeps_lengths_and_angles_add_up(layout):
    rotary, x = RotaryEmbedding(8, layout=layout), numbers(2, 3, 5, 8).detach()
    turned = rotary.rotate(x, 11)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), **EXACT)
    torch.testing.assert_close(rotary.rotate(x[..., :1, :]), x[..., :1, :], **EXACT)              # place 0: not turned
    once = torch.stack([rotary.rotate(row[None], 4)[0] for row in rotary.rotate(x, 11)[0, 0]])    # by 11 + t, then by 4
    torch.testing.assert_close(once, rotary.rotate(x[0, 0], 15), **EXACT)


def test_the_sinusoids_of_odd_width_are_the_even_ones_of_their_own_frequencies():
    """An odd width d has its own exponents 2i / d; it is no even table with a column cut off."""
    places = torch.arange(9, device=DEVICE)
    assert not torch.allclose(sinusoids(places, 7), sinusoids(places, 8)[:, :7], atol=1e-3)
    interleaved, halves = sinusoids(places, 7), sinusoids(places, 7, layout="halves")
    assert halves.equal(torch.cat([interleaved[:, 0::2], interleaved[:, 1::2]], dim=1))


def test_base_one_turns_every_pair_equally():
    x = numbers(B, 6, D).detach()
    torch.testing.assert_close(RotaryEmbedding(D, base=1).rotate(x), RotaryEmbedding(D, base=1, layout="interleaved").rotate(
        x[..., [0, 2, 1, 3]])[..., [0, 2, 1, 3]], **EXACT)
