"""What a Transformer shares stays one tensor, however its weights come in; and its options say what it is."""

import pytest
import torch
from parity_decoder import ids_of
from parity_seq2seq import SHARING, TINY, made
from properties_seq2seq import is_shared, stays_tied

import shared.transformer as parts
from shared.transformer import EncoderDecoder, Transformer, TransformerDecoder, TransformerEncoder


def test_it_stays_tied():
    stays_tied(parts)


@pytest.mark.parametrize("sharing", SHARING)
def test_training_after_loading_moves_what_is_shared_together(sharing):
    model, other = (made(sharing=sharing, dtype=torch.float32) for _ in range(2))
    model.load_state_dict({name: tensor.clone() for name, tensor in other.state_dict().items()}, assign=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        parts.label_smoothed_loss(model(ids_of(2, 5), ids_of(2, 4)), ids_of(2, 4, seed=1)).backward()
        optimizer.step()
    assert is_shared(model, sharing)
    assert len(list(model.parameters())) == len(list(other.parameters()))


OPTIONS = [{}, {"activation": "gelu", "norm": "rms", "norm_first": True, "positions": "rotary", "d_model": 12, "scale": False, "bias": False, "eps": 1e-3}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("sharing", SHARING)
def test_options_say_all_and_make_the_same_model(options, sharing):
    given = TINY | {"sharing": sharing, "pad_id": 3, "num_decoder_layers": 1} | options
    torch.manual_seed(0)
    model = Transformer(**given)
    torch.manual_seed(0)
    again = Transformer(**model.options)
    assert given.items() <= model.options.items() and again.options == model.options
    assert {"activation", "norm", "norm_first", "positions", "scale", "bias", "eps", "dropout", "target_vocab_size"} <= set(model.options)
    assert all(tensor.equal(again.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_an_unknown_option_is_refused_with_the_list_of_what_is_allowed():
    with pytest.raises(TypeError, match="Transformer has no argument activations, tied; it has vocab_size, target_vocab_size, .*, norm_first, positions,"):
        Transformer(**TINY, activations="relu", tied=True)


def test_any_encoder_and_decoder_make_one_that_reads_and_writes():
    encoder = TransformerEncoder(11, 8, 1, 2, max_seq_len=12, positions="rotary")
    decoder = TransformerDecoder(9, 8, 2, 2, max_seq_len=12, cross_attention=True)
    model = EncoderDecoder(encoder, decoder, torch.nn.Linear(8, 9)).eval()
    logits = model(ids_of(2, 5), ids_of(2, 4, 9))
    assert logits.shape == (2, 4, 9) and not model._ties
    assert parts.greedy_decode(model, ids_of(2, 5), 1, 2, 6).shape[0] == parts.beam_search(model, ids_of(2, 5), 1, 2, 6)[0].shape[0] == 2
