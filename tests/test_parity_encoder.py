"""The course's encoder equals PyTorch's, and HuggingFace's BERT read from its files: values, gradients and attention, in float64."""

import itertools

import pytest
import torch
from parity_attention import DEVICE, EXACT
from parity_blocks import randomised
from parity_encoder import (IDS, Parts, bert_agrees, bert_names, bert_shape, embedding_agrees, fill, final_norm_agrees,
                            masked_words_agree, ours_of, pytorch_agrees)
from parity_multi_head import PATHS, forced
from refusals import refused
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification, BertModel, logging

from shared.transformer import BERT_BASE, TransformerEncoder, record_attention

logging.disable_progress_bar()
THEIRS = {None: lambda config: BertModel(config, add_pooling_layer=False), "words": BertForMaskedLM, "labels": BertForTokenClassification}
SIZES = {                                       # layers, heads, width of a head, hidden units, vocabulary, places, tokens
    "one of everything": (1, 1, 4, 5, 6, 3, 1),
    "two layers": (2, 3, 2, 7, 11, 9, 5),
    "three layers": (3, 2, 5, 12, 30, 16, 13),
}
each_size = pytest.mark.parametrize("size", SIZES)
each_head = pytest.mark.parametrize("head", THEIRS, ids=lambda head: head or "nothing on top")


@each_head
@each_size
def test_a_bert_from_its_file(size, head, tmp_path):
    theirs, names, ours = from_file(size, head, tmp_path)
    for number, inputs in enumerate(texts(size)):
        with forced(list(PATHS)[number % 2]):
            bert_agrees(ours, theirs, asked(theirs, *inputs)[0], names, inputs)


@each_head
@each_size
def test_every_attention_map_of_a_bert(size, head, tmp_path):
    theirs, _, ours = from_file(size, head, tmp_path)
    for inputs in texts(size):
        with record_attention(ours) as maps, torch.no_grad():
            ours(*inputs)
            found = asked(theirs, *inputs).attentions
        assert [len(calls) for calls in maps.values()] == [1] * SIZES[size][0]
        torch.testing.assert_close(tuple(calls[0] for calls in maps.values()), found, **EXACT)


def from_file(size, head, folder):
    """Their model with random weights, the map of names, and ours with what they saved."""
    layers, heads, width, hidden, vocab, places, _ = SIZES[size]
    config = BertConfig(vocab_size=vocab, hidden_size=heads * width, num_hidden_layers=layers, num_attention_heads=heads,
                        intermediate_size=hidden, max_position_embeddings=places, type_vocab_size=2, hidden_dropout_prob=0.0,
                        attention_probs_dropout_prob=0.0, layer_norm_eps=0.05, num_labels=3, pad_token_id=0, attn_implementation="eager")
    theirs, names = randomised(THEIRS[head](config)), bert_names(layers, head)
    theirs.save_pretrained(folder)
    return theirs, names, fill(ours_of(Parts(), config, head), load_file(folder / "model.safetensors"), names)


def texts(size):
    """Ids, mask and segments: no padding; padding that a mask names, in the middle too; padding that its id names; all segments."""
    _, _, _, _, vocab, _, length = SIZES[size]
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(1, vocab, (3, length), generator=generator).to(DEVICE)
    mask, segments = ids.new_ones(3, length), torch.randint(2, (3, length), generator=generator).to(DEVICE)
    yield ids, None, None
    yield ids, mask, segments
    if length > 1:
        mask[0, -1], mask[1, 1:3] = 0, 0
        yield ids * mask, mask, segments
        yield ids * mask, None, None
        yield ids * mask, mask.bool(), 1 - segments


def asked(theirs, ids, mask, segments):
    """They have no mask of their own: without one, padding would be read."""
    return theirs(ids, attention_mask=(ids != 0).long() if mask is None else mask.long(), token_type_ids=segments, output_attentions=True)


# --- the map of names is one to one

@pytest.fixture
def bert(tmp_path):
    """The tensors of a small BERT for masked words, the names, and our model to fill."""
    theirs, names, ours = from_file("two layers", "words", tmp_path)
    return load_file(tmp_path / "model.safetensors"), names, ours


def test_nothing_of_the_file_is_left_over_and_nothing_of_ours(bert):
    tensors, names, ours = bert
    assert set(tensors) == set(names.values())                                              # tied tensors stand there once
    assert set(dict(ours.named_parameters())) == set(names)
    assert set(ours.state_dict()) - set(names) == {"output.weight"}                         # tied
    assert ours.output.weight is ours.encoder.embedding.words.weight
    assert sum(tensor.numel() for tensor in tensors.values()) == sum(parameter.numel() for parameter in ours.parameters())
    for name, parameter in ours.named_parameters():
        assert parameter.equal(tensors[names[name]].to(DEVICE))


LAST = "bert.encoder.layer.1.output.dense.bias"


@pytest.mark.parametrize(("change", "message"), [
    (lambda tensors, names: tensors.pop(LAST), f"not in the file: {LAST}"),
    (lambda tensors, names: tensors.update({"bert.pooler.dense.weight": torch.zeros(6, 6)}), "not used: bert.pooler.dense.weight"),
    (lambda tensors, names: tensors.update({LAST: torch.zeros(5)}), f"{LAST} has shape (5,) … blocks.1.feed_forward.to_output.bias has (6,)"),
    (lambda tensors, names: names.pop("output.bias"), "not used: cls.predictions.bias"),
    (lambda tensors, names: (names.pop("output.bias"), tensors.pop("cls.predictions.bias")), "not filled: output.bias"),
    (lambda tensors, names: names.update({"output.gain": LAST}), "not in our model: output.gain"),
    (lambda tensors, names: (names.update({"norm.bias": names["norm.weight"]}), tensors.pop("cls.predictions.transform.LayerNorm.bias")),
     "used twice: cls.predictions.transform.LayerNorm.weight"),
    (lambda tensors, names: tensors.update({"cls.predictions.decoder.weight": torch.zeros(11, 6)}), "decoder.weight is not tied to bert.emb"),
    (lambda tensors, names: tensors.update({"bert.embeddings.position_ids": torch.ones(1, 9)}), "position_ids is not what it always is"),
    (lambda tensors, names: tensors.update({"bert.embeddings.token_type_ids": torch.ones(1, 9)}), "token_type_ids is not what"),
])
def test_what_does_not_fit_is_named(bert, change, message):
    tensors, names, ours = bert
    change(tensors, names)
    refused(ValueError, message, lambda: fill(ours, tensors, names))


def test_buffers_and_tied_tensors_of_older_files_are_known(bert):
    tensors, names, ours = bert
    before = ours(IDS)
    older = tensors | {"bert.embeddings.position_ids": torch.arange(9)[None], "bert.embeddings.token_type_ids": torch.zeros(1, 9),
                       "cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"].clone(),
                       "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone()}
    assert fill(randomised(ours), older, names)(IDS).equal(before)


def test_one_wrong_name_is_seen_in_the_outputs(bert):
    tensors, names, ours = bert
    before, (key, query) = ours(IDS), (f"encoder.blocks.0.self_attention.to_{part}.weight" for part in ("key", "query"))
    fill(ours, tensors, names | {key: names[query], query: names[key]})
    assert (ours(IDS) - before).abs().max() > 1e-3


def test_bert_base_has_the_sizes_that_are_published():
    """108,891,648 parameters without its pooler, and the values that HuggingFace's configuration has by default."""
    config = BertConfig()
    with torch.device("meta"):
        made = TransformerEncoder(**BERT_BASE)
        theirs = BertModel(config, add_pooling_layer=False)
    names = bert_names(12)
    assert sum(parameter.numel() for parameter in made.parameters()) == 108_891_648
    shapes = {name: tuple(parameter.shape) for name, parameter in theirs.named_parameters()}
    assert {names[name]: tuple(parameter.shape) for name, parameter in made.named_parameters()} == shapes
    assert {part.p for part in made.modules() if isinstance(part, torch.nn.Dropout)} == {config.hidden_dropout_prob}
    assert made.blocks[0].self_attention.attention.dropout == config.attention_probs_dropout_prob
    assert made.blocks[5].feed_forward.activation == config.hidden_act
    assert made.blocks[5].self_attention.num_heads == config.num_attention_heads
    assert {made.blocks[3].feed_forward_norm.eps, made.embedding.norm.eps, made.eps} == {config.layer_norm_eps}
    assert (made.pad_id, made.norm) == (config.pad_token_id, None)


# --- PyTorch

@pytest.mark.parametrize(("activation", "bias"), [("gelu", True), ("relu", False), ("gelu_tanh", True)])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_the_stack_equals_pytorch(norm_first, masked, activation, bias):
    for path, scale in zip(PATHS, (True, False)):
        with forced(path):
            pytorch_agrees(Parts(), norm_first, activation, bias, masked, scale)


EMBEDDINGS = list(itertools.product(("none", "sinusoidal", "learned", "rotary"), (True, False), (0, 3), (True, False)))


@pytest.mark.parametrize(("positions", "scale", "num_segments", "norm"), EMBEDDINGS)
def test_words_places_and_segments(positions, scale, num_segments, norm):
    embedding_agrees(Parts(), positions, scale, num_segments, norm)


def test_the_final_norm():
    final_norm_agrees(Parts())


def test_masked_words_score_with_each_word_s_own_vector():
    masked_words_agree(Parts())


def test_bert_base_is_as_published():
    bert_shape(Parts())
