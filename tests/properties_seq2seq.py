"""What sequence-to-sequence parts must obey, as assertions that take the module with the parts."""

import copy
import math
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, numbers
from parity_decoder import chunkings, ids_of
from parity_seq2seq import LOSSES, SHARING, TINY, keep_of, made, smoothed_by_hand, transformer_agrees

from shared import counts, properties
from shared.transformer import KeyValueCache, block_flops, block_parameters, record_attention

SMALL = {"vocab_size": 11, "d_model": 64, "num_layers": 2, "num_heads": 4, "d_ff": 128}


def number_of(model):
    return sum(parameter.numel() for parameter in model.parameters())


def counts_and_shares(parts):
    """Assert what has parameters, how many, and what is one tensor."""
    with torch.device("meta"):
        base, small = parts.Transformer(), {sharing: parts.Transformer(**SMALL, sharing=sharing) for sharing in SHARING}
    blocks = 6 * (block_parameters(512, 2048) + block_parameters(512, 2048, cross_attention=True))
    assert number_of(base) == 37000 * 512 + blocks == 63_082_496 and base.options["dropout"] == 0.1 and base.decoder.norm is None
    assert base.encoder.embedding.factor == base.decoder.embedding.factor == math.sqrt(512)
    for tables, model in zip((1, 2, 3), small.values()):
        assert number_of(model) == tables * 11 * 64 + 2 * (block_parameters(64, 128) + block_parameters(64, 128, cross_attention=True))
    assert [number_of(model) for model in small.values()] == [168_128, 168_832, 169_536]
    for sharing in SHARING:
        model = parts.Transformer(**TINY | {"sharing": sharing, "pad_id": 0, "eps": 0.01, "dropout": 0.3, "norm_first": True, "num_decoder_layers": 3})
        assert (model.output.weight is model.decoder.embedding.words.weight) == (sharing != "none") and model.output.bias is None
        assert (model.encoder.embedding.words.weight is model.decoder.embedding.words.weight) == (sharing == "all")
        assert len({id(block) for block in [*model.encoder.blocks, *model.decoder.blocks]}) == 5
        assert {part.eps for part in model.modules() if hasattr(part, "eps") and part is not model.encoder} == {0.01}
        assert {part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)} == {0.3} and model.decoder.norm is not None
        again = parts.Transformer(**model.options)
        again.load_state_dict(model.state_dict())
        assert again.options == model.options and number_of(again) == number_of(model)
    two = parts.Transformer(**TINY | {"target_vocab_size": 7, "sharing": "target"})
    assert two.encoder.embedding.words.weight.shape == (11, 6) and two.output.weight.shape == (7, 6) and len(two.decoder.blocks) == 2


def names_of(sharing):
    """The names that one tensor has."""
    return ("decoder.embedding.words.weight", "output.weight", "encoder.embedding.words.weight")[:{"all": 3, "target": 2, "none": 1}[sharing]]


def is_shared(model, sharing):
    """Whether exactly these names are one tensor."""
    tensors = [model.get_parameter(name) for name in names_of("all")]
    return [tensors[0] is other for other in tensors] == [name in names_of(sharing) for name in names_of("all")]


def stays_tied(parts, loads=("assign", "meta", "child", "copy")):
    """Assert that what is shared is one tensor however weights come in: assigned, onto memory that was empty, within another module, in a copy."""
    for sharing in ("all", "target", "none"):
        first, other = (made(parts, sharing=sharing, dtype=torch.float32) for _ in range(2))
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.mul_(1.5)
        ids, state = ids_of(2, 4), {name: tensor.clone() for name, tensor in other.state_dict().items()}         # each name its own tensor
        for kind in loads:
            model = copy.deepcopy(first)
            if kind == "meta":
                with torch.device("meta"):
                    model = parts.Transformer(**TINY | {"sharing": sharing}).eval()
                model.to_empty(device=DEVICE)
                assert is_shared(model, sharing)
            if kind == "copy":
                model = copy.deepcopy(copy.deepcopy(model).float())
            whole = torch.nn.ModuleDict({"model": model}) if kind == "child" else model
            prefix = "model." if kind == "child" else ""
            whole.load_state_dict({prefix + name: tensor for name, tensor in state.items()}, assign=kind != "meta")
            assert is_shared(model, sharing) and model(ids, ids).equal(other(ids, ids)), (sharing, kind)
            for name in names_of(sharing)[1:]:
                wrong = {prefix + key: tensor + (key == name) for key, tensor in state.items()}
                for assign in (True, False):
                    with pytest.raises(ValueError, match="this model has one tensor for .* but the state dict has different ones"):
                        whole.load_state_dict(wrong, assign=assign)
            alone = {prefix + name: tensor for name, tensor in state.items() if name not in names_of(sharing)[1:]}
            whole.load_state_dict(alone, assign=True)                                   # a file that has the tensor once
            assert is_shared(model, sharing) and model(ids, ids).equal(other(ids, ids)), (sharing, kind)


def starts_right(parts):
    """Assert how a new model's numbers are spread, and that its first loss is that of guessing, whatever is shared."""
    for sharing, norm_first, scale, V in (("all", False, True, 300), ("all", True, True, 11), ("target", True, False, 300), ("none", False, True, 11)):
        torch.manual_seed(0)
        model = parts.Transformer(V, None, 64, 3, 4, 128, 30, norm_first=norm_first, scale=scale, sharing=sharing).to(DEVICE).eval()
        for name, parameter in model.named_parameters():
            expected = 1 / (3 * math.sqrt(64)) if "words" in name or "output.weight" == name else math.sqrt(2 / sum(parameter.shape))
            if parameter.dim() == 1:
                assert parameter.eq(float("norm" in name and name.endswith("weight"))).all(), name
            else:
                assert abs(parameter.std() / expected - 1) < 0.1, name
        queries = [part.weight for name, part in model.named_modules() if name.endswith("to_query")]
        assert not any(one.equal(other) for k, one in enumerate(queries) for other in queries[:k]) and len(queries) == 9
        ids = ids_of(16, 30, V)
        with torch.no_grad():
            loss = F.cross_entropy(model(ids_of(16, 9, V, seed=1), ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        assert properties.first_loss_gap(loss, V) < 0.03


def looks_back_only(parts, **options):
    """Assert that no target token moves what stands before it, that each moves what follows, and that every source token moves everything."""
    model, sources = made(parts, **options), ids_of(1, 3)
    x = numbers(1, 4, model.decoder.d_model).detach()

    def of_targets(x):
        with mock.patch.object(model.decoder.embedding, "forward", lambda input_ids, segment_ids=None, offset=0, left_padding=None: x):
            return model(sources, ids_of(1, 4))

    def of_sources(x):
        with mock.patch.object(model.encoder.embedding, "forward", lambda input_ids, segment_ids=None, offset=0, left_padding=None: x):
            return model(ids_of(1, 4), ids_of(1, 3))

    assert properties.future_influence(of_targets, x) == 0
    assert properties.influence(of_targets, x)[torch.ones(4, 4).tril().bool()].min() > 1e-7
    assert properties.influence(of_sources, x).min() > 1e-7


def padding_plays_no_part(parts):
    """Assert that neither text's padding moves anything, told by masks or by pad_id, as booleans or as 0 and 1."""
    model, sources, targets = made(parts), ids_of(2, 7), ids_of(2, 5, seed=1)
    source_keep, target_keep = keep_of(2, 7), keep_of(2, 5, [1])
    assert properties.padding_influence(lambda ids, keep: model(ids, targets, keep, target_keep)[target_keep], sources, source_keep, more=2) < 1e-10
    assert properties.padding_influence(lambda ids, keep: model(sources, ids, source_keep, keep), targets, target_keep, more=2) < 1e-10
    assert properties.batch_influence(model, sources, targets, source_keep, target_keep) < 1e-10
    full = model(sources, targets)
    for masks in ((source_keep, None), (source_keep, target_keep)):
        found = model(sources, targets, *masks)
        assert found.equal(model(sources, targets, *(None if mask is None else mask.long() for mask in masks)))
        assert (found[0] - full[0]).abs().max() > 1e-3 and (found[1, :3] - full[1, :3]).abs().max() < 1e-10
    memory, mask = model.encode(sources, source_keep), model.memory_mask(sources, source_keep)
    assert model.decode(targets, memory, mask, target_keep).equal(model(sources, targets, source_keep, target_keep))
    assert mask.equal(source_keep) and model.memory_mask(sources) is None
    padded = made(parts, pad_id=0)
    sources, targets = (sources % 10 + 1).masked_fill(~source_keep, 0), (targets % 10 + 1).masked_fill(~target_keep, 0)
    assert padded(sources, targets).equal(padded(sources, targets, source_keep, target_keep))
    assert padded.memory_mask(sources).equal(source_keep)


def cached_is_uncached(parts, count=2, **options):
    """Assert that any chunks with a cache give what all at once gives, with padding in both texts; and after rows were chosen."""
    model, sources, rows = made(parts, pad_id=0, **options), ids_of(3, 4) % 5, torch.tensor([2, 0, 0, 1], device=DEVICE)
    real = keep_of(3, 8, [1], 5) & keep_of(3, 8, [2], 6)
    targets = (ids_of(3, 8, seed=1) % 5 + 1).masked_fill(~real, 0)
    mask = model.memory_mask(sources)
    assert not mask.all()

    def step(chunk, cache):
        cache = KeyValueCache(2) if cache is None else cache
        with torch.no_grad():
            logits = model.decode(chunk, model.encode(sources), mask, cache=cache)
        return logits.masked_fill(chunk[..., None] == 0, 0.0), cache                    # what comes out at padding means nothing

    assert properties.cache_error(lambda ids: model(sources, ids).masked_fill(ids[..., None] == 0, 0.0), step, targets, chunkings(8, count)) < 1e-10
    cache, memory = KeyValueCache(2), model.encode(sources).detach()
    with torch.no_grad():
        for a, b in ((0, 1), (1, 4)):
            model.decode(targets[:, a:b], memory, mask, cache=cache)
        cache.select(rows)
        found = model.decode(targets[rows, 4:], memory[rows], mask[rows], cache=cache)
        assert (found - model(sources[rows], targets[rows])[:, 4:]).abs()[real[rows, 4:]].max() < 1e-10
        hidden, cache = real[rows] & keep_of(4, 8, [1], 6), KeyValueCache(2)            # a mask, not pad_id, says what is real
        pieces = [model.decode(targets[rows, a:b], memory[rows], mask[rows], hidden[:, :b], cache) for a, b in ((0, 5), (5, 8))]
        assert (torch.cat(pieces, dim=1) - model(sources[rows], targets[rows], None, hidden)).abs()[hidden].max() < 1e-10


def memory_is_projected_once(parts):
    """Assert what a step with a cache costs and what the cache holds: the memory's keys and values are made with the first tokens."""
    model, cache, memory = parts.Transformer(**TINY | {"dropout": 0.0}).to(DEVICE).eval(), KeyValueCache(2), torch.randn(2, 5, 6, device=DEVICE)
    with record_attention(model), torch.no_grad():
        for length in range(4):
            cost = counts.flops(lambda: model.decode(ids_of(2, 1), memory, cache=cache))
            again = 0 if length == 0 else 2 * 2 * 4 * 5 * 6 ** 2                            # keys and values of 5 tokens, in 2 layers, for 2 texts
            assert cost == 2 * block_flops(1, 6, 10, memory_length=5, cached=length, batch=2) - again + 2 * 2 * 6 * 11
            assert cache.numbers() == 2 * 2 * 2 * 6 * (length + 1 + 5)


def losses_agree(parts):
    """Assert that the loss is PyTorch's and that of plain loops, with gradients; and its floor."""
    logits, targets = (2 * numbers(3, 4, 7)).detach().requires_grad_(), ids_of(3, 4, 7)
    targets[0, 2:], targets[2, 0] = 3, -100
    for smoothing, pad_id in LOSSES:
        found = parts.label_smoothed_loss(logits, targets, smoothing, pad_id)
        kept = targets if pad_id is None else targets.masked_fill(targets == pad_id, -100)
        expected = F.cross_entropy(logits.flatten(0, 1), kept.flatten(), label_smoothing=smoothing)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        assert abs(found.item() - smoothed_by_hand(logits, targets, smoothing, {-100, pad_id})) < 1e-12
        torch.testing.assert_close(torch.autograd.grad(found, logits), torch.autograd.grad(expected, logits), rtol=1e-12, atol=1e-12)
    assert parts.label_smoothed_loss(logits, targets).equal(parts.label_smoothed_loss(logits, targets, 0.1, None))
    best = torch.full((1, 7), 0.1 / 7, dtype=torch.float64).log()
    best[0, 2] = math.log(0.9 + 0.1 / 7)
    a, b = 0.9 + 0.1 / 7, 0.1 / 7
    assert abs(parts.label_smoothed_loss(best, torch.tensor([2])) + a * math.log(a) + 6 * b * math.log(b)) < 1e-12


def model_agrees(parts):
    counts_and_shares(parts)
    starts_right(parts)
    transformer_agrees(parts)
    transformer_agrees(parts, norm_first=True, sharing="target", scale=False, T=3, S=5)
    stays_tied(parts, ("assign",))
    padding_plays_no_part(parts)
    looks_back_only(parts)
    cached_is_uncached(parts, count=1)
    memory_is_projected_once(parts)
