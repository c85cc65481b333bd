"""What an encoder and its heads must obey: padding, batches, both directions, order, gradients, dropout, starts."""

import copy
import itertools
import pickle

import encoder_laws as laws
import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE
from parity_encoder import IDS, REAL, Parts, encoder
from parity_multi_head import PATHS, forced

from shared import properties
from shared.transformer import ALiBi, LearnedPositionalEmbedding, RelativePositionBias, RotaryEmbedding, position_scheme, record_attention

each_head = pytest.mark.parametrize("head", laws.HEADS)
each_scheme = pytest.mark.parametrize("positions", laws.SCHEMES)
each_order = pytest.mark.parametrize("norm_first", [True, False])


@each_head
@each_scheme
def test_padding_is_not_read(head, positions):
    laws.padding_is_not_read(Parts(), head, positions)


@each_head
def test_padding_is_not_read_after_norms_and_on_the_other_path(head):
    with forced("explicit"):
        laws.padding_is_not_read(Parts(), head, norm_first=False)


@each_head
def test_padding_is_not_read_in_float32(head):
    made = laws.model(Parts(), head).float()
    assert properties.padding_influence(made, IDS + (IDS == 0), REAL, more=5) < 1e-5
    fresh = laws.HEADS[head](Parts(), Parts().TransformerEncoder(11, 8, 2, 2, max_seq_len=20)).to(DEVICE).eval()
    assert properties.padding_influence(fresh, IDS + (IDS == 0), REAL, more=5) < 1e-6


@pytest.mark.parametrize("positions", ["rotary", "relative", "alibi"])
def test_distances_do_not_mind_on_which_side_padding_stands(positions):
    laws.left_padding_is_not_read(Parts(), positions)


@each_scheme
def test_nothing_but_padding_is_finite(positions):
    for path, head in itertools.product(PATHS, ("labels", "mean")):
        with forced(path):
            laws.nothing_but_padding_is_finite(Parts(), head, positions=positions)


def test_attention_to_nothing_adds_its_bias():
    laws.attention_to_nothing_adds_its_bias(Parts())


def test_pooling():
    laws.pooling_is_right(Parts())


@each_scheme
@each_order
def test_both_directions(positions, norm_first):
    laws.both_directions(Parts(), positions, norm_first)


@each_head
def test_a_batch_does_not_matter(head):
    assert properties.batch_influence(laws.model(Parts(), head), IDS, REAL) < 1e-10


@each_scheme
def test_order_counts_with_positions_alone(positions):
    laws.order_counts(Parts(), positions)


@pytest.mark.parametrize("head", ["labels", "attention"])
@each_scheme
def test_a_step_changes_everything(head, positions):
    laws.a_step_changes_everything(Parts(), head, positions)


@pytest.mark.parametrize("options", [{}, {"norm": "rms"}, {"norm_first": False}, {"scale": True, "embedding_norm": True}, {"num_segments": 1},
                                     {"activation": "squared_relu"}], ids=str)
def test_a_step_with_other_options(options):
    laws.a_step_changes_everything(Parts(), "words", **options)


def test_dropout():
    laws.dropout_is_where_it_belongs(Parts())


def test_starts():
    laws.starts_are_right(Parts())


@pytest.mark.parametrize("head", ["attention", "words"])
def test_one_batch_can_be_overfitted(head):
    torch.manual_seed(0)
    made = laws.HEADS[head](Parts(), Parts().TransformerEncoder(11, 16, 1, 2, max_seq_len=10)).to(DEVICE)
    assert properties.overfit_loss(made, lambda module: laws.loss_of(module, head), steps=50) < 0.2


# --- what is made, and how it goes on

def test_each_block_has_a_scheme_of_its_own():
    kinds = {"none": type(None), "sinusoidal": type(None), "learned": type(None), "rotary": RotaryEmbedding,
             "relative": RelativePositionBias, "alibi": ALiBi}
    for positions, kind in kinds.items():
        first, second = (block.self_attention.positions for block in encoder(Parts(), positions=positions).blocks)
        assert type(first) is type(second) is kind
        assert (first is second) == (kind is type(None))
    assert (position_scheme("relative", 6, 2, 100, True).max_distance, position_scheme("relative", 6, 2, 5, True).max_distance) == (100, 32)
    assert [position_scheme("relative", 6, 2, 5, both).bidirectional for both in (True, False)] == [True, False]
    assert position_scheme("rotary", 12, 3, 5, True).d_head == 4
    assert isinstance(encoder(Parts(), positions="learned").embedding.places, LearnedPositionalEmbedding)


def test_tied_scores_are_the_embedding_and_stay_it():
    made = laws.model(Parts(), "words")
    for other in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made)), copy.deepcopy(made).float()):
        assert other.output.weight is other.encoder.embedding.words.weight
    loss = F.cross_entropy(made(IDS).flatten(0, 1), IDS.flatten())
    loss.backward()
    torch.optim.SGD(made.parameters(), lr=0.1).step()
    assert made.output.weight.equal(made.encoder.embedding.words.weight)
    assert len(list(made.parameters())) == len(list(made.encoder.parameters())) + 5


def test_parameters_are_those_of_the_lessons_formula():
    """Words, places, segments, blocks, final norm: written out."""
    made = Parts().TransformerEncoder(50, 8, 3, 2, 20, 30, num_segments=2, embedding_norm=True)
    block = 4 * (8 * 8 + 8) + 2 * 8 * 20 + 20 + 8 + 4 * 8
    assert sum(parameter.numel() for parameter in made.parameters()) == (50 + 30 + 2) * 8 + 16 + 3 * block + 16
    words = Parts().MaskedLanguageModel(made)
    assert sum(p.numel() for p in words.parameters()) - sum(p.numel() for p in made.parameters()) == 8 * 8 + 8 + 16 + 50


@each_head
def test_a_model_can_be_copied_saved_and_loaded(head):
    made = laws.model(Parts(), head)
    fresh = laws.HEADS[head](Parts(), laws.encoder(Parts())).to(IDS.device, torch.float64).eval()
    fresh.load_state_dict(made.state_dict())
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), fresh):
        assert other(IDS, REAL).equal(made(IDS, REAL))


def test_every_block_is_recorded_and_padding_gets_no_weight():
    made = laws.model(Parts(), "labels")
    with record_attention(made) as maps:
        made(IDS, REAL)
    assert list(maps) == ["encoder.blocks.0.self_attention", "encoder.blocks.1.self_attention"]
    for (weights,) in maps.values():
        hidden = ~REAL[:, None, None, :].expand_as(weights)
        assert weights.shape == (3, 2, 7, 7) and not weights[hidden].any() and (weights[~hidden] > 0).all()
        assert properties.weight_sum_error(weights) < 1e-10


def test_ids_of_int32_and_masks_of_whole_numbers_are_taken():
    made = laws.model(Parts(), "mean", num_segments=2)
    expected = made(IDS, REAL)
    assert made(IDS.int(), REAL.int()).equal(expected) and made(IDS, REAL.long(), torch.zeros_like(IDS)).equal(expected)
    assert not made(IDS, REAL, torch.ones_like(IDS)).equal(expected)
    assert made(IDS[:, :1]).shape == (3, 4)
