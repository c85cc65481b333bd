"""What an encoder and its heads must obey, as checks that take the parts: padding, batches, both directions, gradients, dropout, starts."""

import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import randomised
from parity_encoder import D, IDS, REAL, VOCAB, encoder
from torch import nn

from shared import properties
from shared.transformer import RelativePositionBias, record_attention

SCHEMES = ("none", "sinusoidal", "learned", "rotary", "relative", "alibi")
POOLINGS = ("first", "mean", "attention")
HEADS = {
    "labels": lambda parts, made, dropout=0.0: parts.TokenTagger(made, 3, dropout),
    "words": lambda parts, made, dropout=0.0: parts.MaskedLanguageModel(made),
    **{pooling: lambda parts, made, dropout=0.0, pooling=pooling: parts.SequenceClassifier(made, 4, pooling, dropout) for pooling in POOLINGS},
}
HOLES = torch.tensor([[1, 1, 0, 1, 0, 1, 0], [1, 0, 0, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)


def model(parts, head, dropout=0.0, **options):
    """An encoder with something on top, every parameter random, in float64 and eval()."""
    return randomised(HEADS[head](parts, encoder(parts, **options), dropout))


def padding_is_not_read(parts, head, positions="learned", norm_first=True):
    """Assert that results do not depend on what padding holds, nor on how much there is, nor on how it is named."""
    made = model(parts, head, positions=positions, norm_first=norm_first)
    for real in (REAL, HOLES):
        assert properties.padding_influence(made, IDS + (IDS == 0), real, more=3) < 1e-10
        torch.testing.assert_close(made(IDS, real), made(IDS, real.long()), **EXACT)
    by_id = model(parts, head, positions=positions, norm_first=norm_first, pad_id=0)
    torch.testing.assert_close(by_id(IDS), made(IDS, REAL), **EXACT)
    everything = torch.ones_like(REAL)
    torch.testing.assert_close(by_id(IDS, everything), made(IDS), **EXACT)                 # a mask that is given wins
    assert (by_id(IDS) - made(IDS)).abs().max() > 1e-3
    for i, real in enumerate(REAL):                                                         # alone and unpadded
        padded = made(IDS, REAL)[i]
        torch.testing.assert_close(padded[real] if head in ("labels", "words") else padded, made(IDS[i, real][None])[0], **EXACT)


def left_padding_is_not_read(parts, positions):
    """Assert that schemes of distances alone do not mind on which side the padding stands."""
    made = model(parts, "labels", positions=positions, pad_id=0)
    ids = IDS[:1, :6]
    left, right = (F.pad(ids, sides) for sides in ((2, 0), (0, 2)))
    torch.testing.assert_close(made(left)[:, 2:], made(right)[:, :6], **EXACT)


def nothing_but_padding_is_finite(parts, head, norm_first=True, positions="learned"):
    """Assert finite outputs and gradients for a row of padding alone; the mean and the attention of nothing are 0."""
    made = model(parts, head, norm_first=norm_first, positions=positions, pad_id=0)
    ids = IDS.clone()
    ids[1] = 0
    output = made(ids)
    assert output.isfinite().all()
    loss = output.square().sum()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, list(made.parameters()), allow_unused=True)
               if gradient is not None)
    torch.testing.assert_close(output[[0, 2]], made(IDS)[[0, 2]], **EXACT)                  # its neighbours do not notice
    if head in ("mean", "attention"):
        torch.testing.assert_close(output[1], made.output.bias, **EXACT)


def attention_to_nothing_adds_its_bias(parts):
    """Assert the documented result of an encoder of one block for padding alone."""
    made = encoder(parts, num_layers=1, pad_id=0, activation="relu")
    nothing, block = torch.zeros_like(IDS), made.blocks[0]
    with record_attention(made) as maps:
        output = made(nothing)
    assert not maps["blocks.0.self_attention"][0].any()
    x = made.embedding(nothing) + block.self_attention.to_output.bias
    torch.testing.assert_close(output, made.norm(x + block.feed_forward(block.feed_forward_norm(x))), **EXACT)


def pooling_is_right(parts):
    """Assert that the vector of a text is the first token's, the mean of the real ones, or softmax(query · x / √d_model) of them."""
    x = numbers(3, 7, D, seed=8).detach()
    for pooling in POOLINGS:
        made = model(parts, pooling)
        for real in (REAL, HOLES):
            if pooling == "attention":
                parts_of = [((x[i][real[i]] @ made.query[0] / D ** 0.5).softmax(0), x[i][real[i]]) for i in range(3)]
                expected = torch.stack([weights @ rows for weights, rows in parts_of])
            else:
                expected = x[:, 0] if pooling == "first" else torch.stack([x[i][real[i]].mean(0) for i in range(3)])
            torch.testing.assert_close(made.pool(x, real), expected, **EXACT)
        logits = F.linear(made.pool(made.encoder(IDS, REAL), REAL), made.output.weight, made.output.bias)
        torch.testing.assert_close(made(IDS, REAL), logits, **EXACT)
    fresh = parts.SequenceClassifier(encoder(parts), 4, "attention").to(x)
    torch.testing.assert_close(fresh.pool(x, REAL), parts.SequenceClassifier(encoder(parts), 4, "mean").pool(x, REAL), **EXACT)


class Given(nn.Module):
    """Stands in for the words, so that vectors can be put in: influence is measured on numbers."""

    def __init__(self, words):
        super().__init__()
        self.words = words

    def forward(self, x, segment_ids=None, left_padding=None):
        return x


def both_directions(parts, positions="learned", norm_first=True):
    """Assert that every token moves every other one, earlier and later, and that a batch does not matter."""
    made = encoder(parts, positions=positions, norm_first=norm_first)
    assert properties.batch_influence(made, IDS, REAL) < 1e-10
    made.embedding = Given(made.embedding.words)
    x = numbers(4, D, seed=4).detach()
    assert properties.influence(lambda x: made(x[None])[0], x).min() > 1e-6
    assert properties.future_influence(lambda x: made.blocks[0](x[None])[0], x) > 1e-3


def order_counts(parts, positions):
    """Assert that without positions the result is reordered with the words, and that every scheme breaks that, on either side."""
    made, order = model(parts, "labels", positions=positions), torch.tensor([4, 2, 0, 6, 1, 3, 5], device=DEVICE)
    error = (made(IDS[:, order], REAL[:, order]) - made(IDS, REAL)[:, order])[REAL[:, order]].abs().max()
    assert error < 1e-10 if positions == "none" else error > 1e-3
    pooled = model(parts, "mean", positions=positions)
    error = (pooled(IDS[:, order], REAL[:, order]) - pooled(IDS, REAL)).abs().max()
    assert error < 1e-10 if positions == "none" else error > 1e-4
    made = encoder(parts, positions=positions, num_layers=1)
    for here, order in ((0, [0, 1, 2, 3, 4, 6, 5]), (6, [1, 0, 2, 3, 4, 5, 6])):            # exchanged: two words after, two before
        error = (made(IDS[:2, order])[:, here] - made(IDS[:2])[:, here]).abs().max()
        assert error < 1e-10 if positions == "none" else error > 1e-4


def targets(head, output):
    """Classes for each result, whose number is that of its last axis."""
    return (torch.arange(output[..., 0].numel(), device=DEVICE) % output.size(-1)).view(output.shape[:-1])


def loss_of(made, head):
    output = made(IDS, REAL)
    return F.cross_entropy(output.flatten(0, -2), targets(head, output).flatten())


def a_step_changes_everything(parts, head, positions="learned", **options):
    """Assert that a fresh model sends a gradient to every parameter, that a step moves each, and that the loss falls."""
    torch.manual_seed(0)
    made = HEADS[head](parts, parts.TransformerEncoder(VOCAB, 8, 2, 2, 12, 10, positions=positions, **options)).to(DEVICE)
    before, loss = {name: parameter.clone() for name, parameter in made.named_parameters()}, loss_of(made, head)
    assert properties.unreached_parameters(made, loss) == []
    loss.backward()
    torch.optim.SGD(made.parameters(), lr=0.1).step()
    assert loss_of(made, head) < loss
    unmoved = [name for name, parameter in made.named_parameters() if parameter.equal(before[name])]
    assert [name for name in unmoved if not name.endswith("to_key.bias")] == []            # softmax does not see that one


def dropout_is_where_it_belongs(parts):
    """Assert that eval() drops nothing, that training does, in the words, in each block and on top, and with what is asked for."""
    for head in HEADS:
        made = model(parts, head, dropout=0.5 if head != "words" else 0.0)
        assert properties.nondeterminism(made, IDS, REAL) == 0
        assert made.train()(IDS, REAL).equal(made(IDS, REAL)) == (head == "words")
        made = model(parts, head, dropout=0.0)
        made.encoder = encoder(parts, dropout=0.25)
        assert properties.nondeterminism(made, IDS, REAL) == 0
        assert not made.train()(IDS, REAL).equal(made(IDS, REAL))
    made = encoder(parts, dropout=0.25, embedding_norm=True).train()
    assert {name: part.p for name, part in made.named_modules() if isinstance(part, nn.Dropout)} == {
        "embedding.dropout": 0.25, **{f"blocks.{i}.{name}": 0.25 for i in range(2) for name in ("dropout", "feed_forward.dropout")}}
    assert [block.self_attention.attention.dropout for block in made.blocks] == [0.25, 0.25]
    words = made.embedding(IDS.repeat(50, 1))
    assert 0.2 < (words == 0).double().mean() < 0.3


def starts_are_right(parts):
    """Assert deviation 0.02, biases of 0, gains of 1, blocks of their own, no bias of distance, and a first loss near ln V."""
    torch.manual_seed(0)
    for positions in ("learned", "relative"):
        made = parts.MaskedLanguageModel(parts.TransformerEncoder(500, 64, 2, 4, 128, 100, positions=positions, num_segments=2,
                                                                  embedding_norm=True))
        embedding = made.encoder.embedding
        tables = [embedding.words, embedding.segments] + ([embedding.places.table] if positions == "learned" else [])
        matrices = [part for part in made.modules() if isinstance(part, nn.Linear)]
        for part in tables + matrices:
            assert abs(part.weight.mean()) < 0.006 and 0.015 < part.weight.std() < 0.025
        assert not any(part.bias.any() for part in matrices)
        norms = [part for part in made.modules() if type(part).__name__ == "LayerNorm"]
        assert len(norms) == 7 and all(norm.weight.eq(1).all() and norm.bias.eq(0).all() for norm in norms)
        biases = [part.bias.weight for part in made.modules() if isinstance(part, RelativePositionBias)]
        assert len(biases) == (2 if positions == "relative" else 0) and not any(bias.any() for bias in biases)
        ids = torch.randint(500, (4, 50))
        assert properties.first_loss_gap(F.cross_entropy(made(ids).flatten(0, 1), ids.flatten()).detach(), 500) < 0.03
    first, second = made.encoder.blocks
    pairs = [(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    assert all(a is not b for a, b in pairs) and not any(a.equal(b) for a, b in pairs if a.dim() == 2 and a.any())
    for head in (parts.TokenTagger(made.encoder, 40), parts.SequenceClassifier(made.encoder, 40)):
        assert 0.017 < head.output.weight.std() < 0.023 and not head.output.bias.any()


def compare(parts):
    """Raise AssertionError unless all of it holds, on a small grid, the fastest first."""
    pooling_is_right(parts)
    attention_to_nothing_adds_its_bias(parts)
    for positions in SCHEMES:
        order_counts(parts, positions)
    starts_are_right(parts)
    dropout_is_where_it_belongs(parts)
    for head in HEADS:
        padding_is_not_read(parts, head)
        nothing_but_padding_is_finite(parts, head)
    a_step_changes_everything(parts, "attention", "relative")
    left_padding_is_not_read(parts, "rotary")
    both_directions(parts)
