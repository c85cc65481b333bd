"""The course's parts against HuggingFace's `transformers`, with the same weights: values and gradients, in float32."""

import pytest
import torch
from parity_attention import DEVICE, numbers
from parity_multi_head import PATHS, PROJECTIONS, forced, layer
from transformers import LlamaConfig, T5Config, Wav2Vec2BertConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings
from transformers.models.gptj import modeling_gptj as gptj
from transformers.models.llama import modeling_llama as llama
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention

from shared.transformer import (ALiBi, MultiHeadAttention, RelativePositionBias, RelativePositionKeys, RotaryEmbedding, causal_mask,
                                sinusoids)

B, T, H, D = 2, 7, 4, 8
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def attending(positions, bias=True, num_heads=H):
    """A layer with that scheme, every parameter random, and so small that numbers stay near 1."""
    made = layer(num_heads * D, num_heads, bias, dtype=torch.float32,
                 make=lambda *sizes, **options: MultiHeadAttention(*sizes, positions=positions, **options))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter /= 3
    return made


def copied(theirs, names, ours):
    """Their module with our layer's weights; names: theirs of the four projections."""
    theirs = theirs.to(DEVICE).eval()
    theirs.config._attn_implementation = "eager"
    for name, our_name in zip(names, PROJECTIONS, strict=True):
        getattr(theirs, name).load_state_dict(getattr(ours, our_name).state_dict())
    return theirs


def inputs(num_heads=H):
    return numbers(B, T, num_heads * D, dtype=torch.float32)


def allowed(kind):
    """A boolean mask (B, 1, T, T), and the same as numbers to add; padding stands at the end of text 0."""
    mask = torch.ones(B, 1, T, T, dtype=torch.bool, device=DEVICE)
    if "causal" in kind:
        mask = mask & causal_mask(T, device=DEVICE)
    if "padding" in kind:
        mask[0, ..., T - 2:] = False
    return mask, torch.zeros(mask.shape, device=DEVICE).masked_fill(~mask, torch.finfo(torch.float32).min)


def gradients(output, x, parameters):
    total = (output * numbers(*output.shape, seed=1, dtype=torch.float32).detach()).sum()
    return [output.detach(), *torch.autograd.grad(total, [x, *parameters])]


def agree(ours, our_table, theirs, names, their_table, mask, call):
    """Assert the same output and gradients, on both paths; call(x): their output; tables: of the scheme, or none."""
    x = inputs(ours.num_heads)
    expected = gradients(call(x), x, [parameter for name in names for parameter in getattr(theirs, name).parameters()] + their_table)
    for path in PATHS:
        with forced(path):
            output = ours(x, mask=mask, need_weights=False)[0]
        parameters = [parameter for name in PROJECTIONS for parameter in getattr(ours, name).parameters()]
        torch.testing.assert_close(gradients(output, x, parameters + our_table), expected, **CLOSE)


LLAMA = {"plain": ({}, {"rope_type": "default", "rope_theta": 10000.0}),
         "another base": ({"base": 500000}, {"rope_type": "default", "rope_theta": 500000.0}),
         "interpolated": ({"stretch": 4.0}, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0})}
LLAMA_NAMES = ("q_proj", "k_proj", "v_proj", "o_proj")


@pytest.mark.parametrize("kind", ["both sides", "causal", "causal and padding"])
@pytest.mark.parametrize("options", LLAMA)
def test_rotary_in_halves_equals_llama(options, kind):
    our_options, rope = LLAMA[options]
    ours = attending(RotaryEmbedding(D, **our_options), bias=False)
    config = LlamaConfig(hidden_size=H * D, num_attention_heads=H, num_key_value_heads=H, rope_parameters=rope)
    theirs = copied(llama.LlamaAttention(config, 0), LLAMA_NAMES, ours)
    mask, additive = allowed(kind)
    places = torch.arange(T, device=DEVICE)[None]
    agree(ours, [], theirs, LLAMA_NAMES, [], mask, lambda x: theirs(
        x, llama.LlamaRotaryEmbedding(config).to(DEVICE)(x, places), attention_mask=additive)[0])


@pytest.mark.parametrize("offset", [0, 5, 1000])
def test_rotary_of_neighbours_equals_gptj(offset):
    x = numbers(B, H, T, D, dtype=torch.float32)
    table = gptj.create_sinusoidal_positions(offset + T, D).to(DEVICE)[None, offset:]
    sin, cos = table.chunk(2, dim=-1)
    theirs = gptj.apply_rotary_pos_emb(x.transpose(1, 2), sin, cos).transpose(1, 2)
    ours = RotaryEmbedding(D, layout="interleaved").rotate(x, offset)
    torch.testing.assert_close(gradients(ours, x, []), gradients(theirs, x, []), rtol=0, atol=1e-5 if offset < 1000 else 1e-3)


def test_sinusoids_in_halves_equal_gptj_and_interleaved_ones_distilbert():
    places = torch.arange(512, device=DEVICE)
    halves = gptj.create_sinusoidal_positions(512, 64).to(DEVICE)
    torch.testing.assert_close(sinusoids(places, 64, layout="halves"), halves, rtol=0, atol=1e-4)       # theirs: angles in float32
    interleaved = create_sinusoidal_embeddings(512, 64, out=torch.empty(512, 64)).to(DEVICE)
    torch.testing.assert_close(sinusoids(places, 64), interleaved, **CLOSE)


@pytest.mark.parametrize("kind", ["causal", "causal and padding"])
@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 7])
def test_alibi_equals_bloom_and_mpt(num_heads, kind):
    """Theirs depend on the key alone: the same after softmax, where no query sees what comes after it."""
    mask, additive = allowed(kind)
    bloom = build_alibi_tensor(torch.ones(1, T, device=DEVICE), num_heads, torch.float32).view(1, num_heads, 1, T)
    mpt = build_mpt_alibi_tensor(num_heads, T, device=DEVICE)
    ours, plain = attending(ALiBi(num_heads), num_heads=num_heads), attending(None, num_heads=num_heads)
    for theirs in (bloom, mpt):
        agree(ours, [], plain, PROJECTIONS, [], mask, lambda x: plain(x, mask=theirs + additive)[0])


@pytest.mark.parametrize("num_heads", [*range(1, 34), 40, 71, 112])
def test_slopes_equal_bloom_and_mpt(num_heads):
    slopes = ALiBi(num_heads).slopes
    bloom = build_alibi_tensor(torch.ones(1, 2), num_heads, torch.float32)[:, 0, 1]
    torch.testing.assert_close(slopes.cpu(), bloom, rtol=1e-6, atol=0)
    torch.testing.assert_close(slopes.cpu(), -build_mpt_alibi_tensor(num_heads, 2)[:, 0, 0], rtol=1e-6, atol=0)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 20), (64, 1000), (6, 33), (16, 16)])
def test_buckets_equal_t5(num_buckets, max_distance, both):
    offset = torch.arange(-1000, 1001)
    theirs = T5Attention._relative_position_bucket(offset, both, num_buckets, max_distance)
    assert RelativePositionBias(1, num_buckets, max_distance, both).bucket(offset).equal(theirs)


T5_NAMES = ("q", "k", "v", "o")


@pytest.mark.parametrize("kind", ["both sides", "padding", "causal", "causal and padding"])
def test_the_bias_equals_t5(kind):
    causal = "causal" in kind
    scheme = RelativePositionBias(H, num_buckets=8, max_distance=6, bidirectional=not causal)
    ours = attending(scheme, bias=False)
    theirs = T5Attention(T5Config(d_model=H * D, d_kv=D, num_heads=H, is_decoder=causal, relative_attention_num_buckets=8,
                                  relative_attention_max_distance=6), has_relative_attention_bias=True, layer_idx=0)
    theirs = copied(theirs, T5_NAMES, ours)
    theirs.scaling = D ** -0.5                                  # T5 does not divide by √d_head, its starts make up for it
    theirs.relative_attention_bias.load_state_dict(scheme.bias.state_dict())
    mask, additive = allowed(kind)
    agree(ours, [scheme.bias.weight], theirs, T5_NAMES, [theirs.relative_attention_bias.weight], mask,
          lambda x: theirs(x, mask=additive)[0])


WAV_NAMES = ("linear_q", "linear_k", "linear_v", "linear_out")


@pytest.mark.parametrize("kind", ["both sides", "padding", "causal"])
def test_vectors_for_distances_equal_wav2vec2_bert(kind):
    scheme = RelativePositionKeys(D, max_distance=3)
    ours = attending(scheme)
    config = Wav2Vec2BertConfig(hidden_size=H * D, num_attention_heads=H, position_embeddings_type="relative_key",
                                left_max_position_embeddings=3, right_max_position_embeddings=3, attention_dropout=0.0)
    theirs = copied(Wav2Vec2BertSelfAttention(config), WAV_NAMES, ours)
    theirs.distance_embedding.load_state_dict(scheme.keys.state_dict())
    mask, additive = allowed(kind)
    agree(ours, [scheme.keys.weight], theirs, WAV_NAMES, [theirs.distance_embedding.weight], mask,
          lambda x: theirs(x, attention_mask=additive)[0])
