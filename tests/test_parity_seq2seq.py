"""The encoder–decoder equals nn.Transformer and HuggingFace's Marian (values, gradients, tokens of greedy and beam search); the loss PyTorch's."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies
from parity_attention import DEVICE, numbers
from parity_decoder import ids_of
from parity_seq2seq import BOS, SHARING, keep_of, marian, our_name, same_as_marian, transformer_agrees
from properties_seq2seq import losses_agree

import shared.transformer as parts
from shared.transformer import Transformer, beam_search, greedy_decode, label_smoothed_loss

PAD = 10


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("norm_first", [True, False])
def test_it_equals_pytorch_s(norm_first, sharing, activation):
    transformer_agrees(parts, norm_first, sharing, activation, positions="learned" if activation == "gelu" else "sinusoidal")


@pytest.mark.parametrize("options", [{"bias": False}, {"scale": False}, {"B": 1, "T": 1, "S": 1, "num_layers": 1}, {"B": 3, "T": 9, "S": 2, "num_layers": 3}])
def test_it_equals_pytorch_s_with_other_options_and_shapes(options):
    transformer_agrees(parts, **options)
    transformer_agrees(parts, norm_first=True, **options)


# --- Marian

CONFIGURATIONS = {
    "as it is": {},
    "several heads, another width": {"d_model": 12, "encoder_attention_heads": 3, "decoder_attention_heads": 3},
    "stacks of other depths": {"encoder_layers": 1, "decoder_layers": 3},
    "exact GELU, words not scaled": {"activation_function": "gelu", "scale_embedding": False},
    "as long as it may be": {"S": 12, "T": 12},
}


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_it_equals_marian(options, sharing):
    same_as_marian(parts, sharing, **options)


def test_it_equals_marian_with_two_vocabularies():
    ours, _ = same_as_marian(parts, "target", decoder_vocab_size=14)
    assert ours.encoder.vocab_size == 11 and ours.output.out_features == 14


def test_names_are_one_to_one():
    theirs = [our_name(name) for name in marian("target").state_dict() if "final_logits" not in name and "embed_positions" not in name]
    assert len(theirs) == len(set(theirs))
    assert set(theirs) == set(Transformer(11, None, 6, 2, 2, 10, sharing="target").state_dict())


ENDS = {"all": (2, 10), "target": (3, 4), "none": (4, 9, 1, 3, 0, 3)}


def writers(seed, sharing="all", **options):
    """(ours, theirs, sources, mask, eos_id): equal weights, drawn so that texts differ; eos_id is the token that ends them at the most places."""
    ours, theirs = same_as_marian(parts, sharing, **options)
    with torch.no_grad():
        mine = dict(ours.named_parameters())
        for number, (name, parameter) in enumerate(mine.items()):
            if parameter.dim() == 1:
                parameter.fill_(float(name.endswith("norm.weight")))
            else:
                parameter.copy_(numbers(*parameter.shape, seed=1000 * seed + number))
        if sharing == "none":
            ours.output.weight.copy_(0.3 * mine["decoder.embedding.words.weight"].roll(1, dims=0))          # a token likes the next one to follow
        for name, parameter in theirs.named_parameters():
            if "embed_positions" not in name:
                parameter.copy_(mine[our_name(name.replace("model.shared", "model.encoder.embed_tokens"))])
    sources, mask = ids_of(10, 5, PAD, seed), keep_of(10, 5, range(0, 10, 2))
    return ours, theirs, sources, mask, ENDS[sharing][seed]


def written(theirs, sources, mask, T, eos_id, **options):
    """What HuggingFace generates, without the start token, and its scores. Behind an end stands eos_id, as here, not its pad."""
    found = theirs.generate(sources, attention_mask=mask.long(), max_new_tokens=T, do_sample=False, forced_eos_token_id=None, eos_token_id=eos_id,
                            length_penalty=0.0, return_dict_in_generate=True, output_scores=True, **options)
    tokens = found.sequences[:, 1:]
    return tokens.masked_fill((tokens == eos_id).cumsum(dim=1) > 0, eos_id), found.get("sequences_scores")


WIDER = {"d_model": 16, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
SHAPES = (WIDER, WIDER | {"encoder_layers": 1, "decoder_layers": 3, "activation_function": "gelu"})


@pytest.mark.parametrize("sharing", SHARING)
def test_greedy_tokens_are_marian_s(sharing):
    for seed, options in enumerate(SHAPES):
        ours, theirs, sources, mask, eos_id = writers(seed, sharing, **options)
        for T in (1, 4, 11):
            expected, _ = written(theirs, sources, mask, T, eos_id, num_beams=1)
            for use_cache in (True, False):
                assert greedy_decode(ours, sources, BOS, eos_id, T, mask, use_cache).equal(expected)
        ended = (expected == eos_id).any(dim=1)
        assert ended.any() and len(expected.unique(dim=0)) > 1


@pytest.mark.parametrize("num_beams", [2, 3, 5])
def test_beams_are_marian_s(num_beams):
    """Theirs lets texts that have not ended compete with those that have: where such a one wins there, ours has another."""
    ended = set()
    for seed in range(6):
        ours, theirs, sources, mask, eos_id = writers(seed, "none", **SHAPES[seed % 2])
        expected, scores = written(theirs, sources, mask, 11, eos_id, num_beams=num_beams, early_stopping=False)
        ids, our_scores = beam_search(ours, sources, BOS, eos_id, 11, num_beams, 0.0, mask)
        both, width = (expected == eos_id).any(dim=1), max(ids.size(1), expected.size(1))
        ids, expected = (F.pad(tokens, (0, width - tokens.size(1)), value=eos_id) for tokens in (ids, expected))
        assert ids[both].equal(expected[both])
        torch.testing.assert_close(our_scores[both], scores[both].to(our_scores), rtol=1e-5, atol=1e-5)         # theirs in float32
        ended |= {(seed, tuple(text)) for text in ids[both].tolist()}
    assert len(ended) > 8 and len({text.index(text[-1]) for _, text in ended}) > 3, ended


# --- the loss

def test_the_loss_equals_pytorch_s_and_that_of_loops():
    losses_agree(parts)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=strategies.integers(0, 10 ** 6), shape=strategies.sampled_from([(), (1,), (5,), (2, 3), (2, 1, 3)]), V=strategies.integers(1, 9),
       smoothing=strategies.floats(0, 0.99), size=strategies.sampled_from([1e-3, 1.0, 50.0]))
def test_the_loss_equals_pytorch_s_for_any_shape(seed, shape, V, smoothing, size):
    logits = size * numbers(*shape, V, seed=seed).detach()
    targets = torch.randint(0, V, shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)
    expected = F.cross_entropy(logits.reshape(-1, V), targets.reshape(-1), label_smoothing=smoothing)
    torch.testing.assert_close(label_smoothed_loss(logits, targets, smoothing), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(label_smoothed_loss(logits.float(), targets.int(), smoothing), expected.float(), rtol=1e-5, atol=1e-6)
    found = label_smoothed_loss(logits.bfloat16(), targets, smoothing)
    assert found.dtype == torch.float32 and found.isfinite()


def test_impossible_classes_cost_nothing_without_smoothing():
    logits = torch.tensor([[0.0, -torch.inf, 0.0]], dtype=torch.float64)
    assert abs(label_smoothed_loss(logits, torch.tensor([0]), 0.0).item() - torch.tensor(2.0).double().log().item()) < 1e-12
    assert label_smoothed_loss(logits, torch.tensor([0]), 0.1).isinf()
