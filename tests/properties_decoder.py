"""What any decoder must obey, as assertions that take the module with its parts; `compare` joins them with the parity checks."""

import json
import math
from unittest import mock

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from parity_attention import DEVICE, numbers
from parity_blocks import randomised
from parity_decoder import (TINY, chunkings, files_agree, from_vectors, generation_agrees, gpt, ids_of, probabilities_agree,
                            stack_agrees, stepper)
from properties_cache import interrupted_steps_change_nothing
from properties_padding import continued_behind_padding, generated_as_alone
from properties_saved import what_is_written_is_what_is_there

from shared import properties

KEEP = torch.tensor([[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)


def starts_right(parts, num_layers=8):
    """Assert how a new model's numbers are spread, and that scores are products with the words' own vectors."""
    torch.manual_seed(0)
    model = parts.GPTModel(200, 64, num_layers, 4, max_seq_len=200)
    for name, parameter in model.named_parameters():
        writes = name.endswith("to_output.weight")
        if parameter.dim() == 2:
            expected = 0.02 / math.sqrt(2 * num_layers) if writes else 0.02
            assert abs(parameter.std() / expected - 1) < 0.05 and abs(parameter.mean()) < expected / 10, name
        else:
            assert parameter.eq(float("norm" in name and name.endswith("weight"))).all(), name
    assert model.output.weight is model.decoder.embedding.words.weight and model.output.bias is None
    queries = [block.self_attention.to_query.weight for block in model.decoder.blocks]
    assert not any(queries[0].equal(other) for other in queries[1:])
    assert sum(parameter.numel() for parameter in model.parameters()) == 200 * 64 + 200 * 64 + num_layers * (12 * 64 ** 2 + 13 * 64) + 2 * 64
    assert "output.weight" in dict(parts.GPTModel(**TINY, tied=False).named_parameters())
    ids = ids_of(4, 50, 200)
    loss = F.cross_entropy(model.to(DEVICE)(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert properties.first_loss_gap(loss.detach(), 200) < 0.02
    assert {name: model.options[name] for name in ("activation", "norm", "positions", "scale", "bias", "tied", "dropout")} == {
        "activation": "gelu_tanh", "norm": "layer", "positions": "learned", "scale": False, "bias": True, "tied": True, "dropout": 0.0}


def passes_options_on(parts):
    """Assert that norms, dropout and positions are what was asked for, in every block and at the ends."""
    for norm, kind in (("layer", "LayerNorm"), ("rms", "RMSNorm")):
        stack = parts.TransformerDecoder(11, 8, 2, 2, norm=norm, eps=0.01, dropout=0.3)
        norms = [part for part in stack.modules() if hasattr(part, "eps")]
        assert {(type(part).__name__, part.eps) for part in norms} == {(kind, 0.01)} and len(norms) == 5
        assert {part.p for part in stack.modules() if isinstance(part, torch.nn.Dropout)} == {0.3}
        assert parts.TransformerDecoder(11, 8, 2, 2, norm=norm, norm_first=False).norm is None
    blocks = parts.TransformerDecoder(11, 8, 2, 2, positions="relative").blocks
    assert [block.self_attention.positions.bidirectional for block in blocks] == [False, False]
    assert blocks[0].self_attention.positions is not blocks[1].self_attention.positions


def looks_back_only(parts, positions="learned", T=4):
    """Assert that no token moves what comes before it, and that each moves itself and all that follows."""
    model, x = gpt(parts, positions=positions), numbers(1, T, 8).detach()
    assert properties.future_influence(lambda x: from_vectors(model, x), x) == 0
    strengths = properties.influence(lambda x: from_vectors(model, x), x)
    assert strengths[torch.ones(T, T, device=DEVICE).tril().bool()].min() > 1e-6
    words = gpt(parts, positions=positions)(ids_of())
    assert properties.batch_influence(model, ids_of()) < 1e-10 and words.isfinite().all()


def padding_plays_no_part(parts, positions="learned"):
    """Assert that real tokens do not move with their padding, told by attention_mask or by pad_id, as booleans or as 0 and 1."""
    model, ids = gpt(parts, positions=positions), ids_of()
    holes = torch.tensor([[1, 0, 1, 1, 1, 0, 0], [1, 1, 0, 1, 1, 1, 1]], dtype=torch.bool, device=DEVICE)
    for keep in (KEEP, holes):
        assert properties.padding_influence(model, ids, keep, more=3) < 1e-10
        assert properties.batch_influence(model, ids, keep) < 1e-10
        assert model(ids, keep.long()).equal(model(ids, keep))
        padded = randomised(parts.TransformerDecoder(**TINY, positions=positions, pad_id=0))
        with_pads = (ids % 10 + 1).masked_fill(~keep, 0)
        assert padded(with_pads).equal(padded(with_pads, keep))
    assert (model(ids, KEEP)[0, :4] - model(ids[:1, :4])[0]).abs().max() < 1e-10
    assert (model(ids) - model(ids, holes)).abs().max() > 1e-3
    left = KEEP.flip(1)
    assert (model(ids, left)[0, 3:] - model(ids[:1, 3:])[0]).abs().max() < 1e-10


def cached_is_uncached(parts, positions="learned", dtype=torch.float64, limit=1e-10, count=3):
    """Assert that any chunks with a cache give what all tokens at once give; with padding and with a memory, too."""
    ids = ids_of(2, 9)
    model = gpt(parts, dtype, positions=positions)
    assert properties.cache_error(model, stepper(parts, model), ids, chunkings(9, count)) < limit
    continued_behind_padding(parts, positions, dtype, limit, count)
    memory, keep = numbers(2, 3, 8, dtype=dtype).detach(), KEEP[:, 2:5]
    given = {"memory": memory, "memory_mask": keep}
    asking = randomised(parts.TransformerDecoder(**TINY, positions=positions, cross_attention=True), dtype)
    assert properties.cache_error(lambda ids: asking(ids, **given), stepper(parts, asking, **given), ids, chunkings(9, count)) < limit
    cache, real = parts.KeyValueCache(2), torch.cat([KEEP, KEEP[:, -2:]], dim=1)
    with torch.no_grad():
        chunks = [model(ids[:, a:b], real[:, :b], cache=cache) for a, b in ((0, 3), (3, 4), (4, 9))]
        assert (torch.cat(chunks, dim=1) - model(ids, real)).abs()[real].max() < limit


def cache_counts_and_selects(parts):
    """Assert what a cache holds, and that rows chosen from it go on as those texts do, behind padding, too."""
    model, ids, cache = randomised(parts.TransformerDecoder(**TINY, pad_id=0)), ids_of(2, 9) % 10 + 1, parts.KeyValueCache(2)
    assert (cache.length, cache.numbers()) == (0, 0)
    ids[0, 2:4] = 0
    rows = torch.tensor([1, 0, 1], device=DEVICE)
    with torch.no_grad():
        model(ids[:, :4], cache=cache)
        assert (cache.length, cache.numbers()) == (4, 2 * 2 * 2 * 4 * 8)
        cache.select(rows)
        found = model(ids[rows, 4:], cache=cache)
        assert (cache.length, cache.numbers()) == (9, 2 * 2 * 3 * 9 * 8) and cache.real.sum(dim=1).tolist() == [9, 7, 9]
        assert (found[::2] - model(ids[1:])[:, 4:]).abs().max() < 1e-10
        assert (found[1] - model(torch.cat([ids[:1, :2], ids[:1, 4:]], dim=1))[0, 2:]).abs().max() < 1e-10


def memory_is_kept(parts):
    """Assert that a memory's keys and values are computed once, that rows chosen from a cache have theirs, and that another length is refused."""
    model, ids, memory, cache = randomised(parts.TransformerDecoder(**TINY, cross_attention=True)), ids_of(2, 9), numbers(2, 3, 8).detach(), parts.KeyValueCache(2)
    rows = torch.tensor([1, 0, 1], device=DEVICE)
    with torch.no_grad():
        model(ids[:, :4], memory=memory, cache=cache)
        assert cache.numbers() == 2 * 2 * 2 * 8 * (4 + 3)
        held = [layer.key for layer in cache.memory]
        model(ids[:, 4:6], memory=memory, cache=cache)
        assert all(layer.key is key for layer, key in zip(cache.memory, held, strict=True)) and cache.numbers() == 2 * 2 * 2 * 8 * (6 + 3)
        with pytest.raises(ValueError, match="memory of 3 tokens, got one of 2"):
            model(ids[:, 6:], memory=memory[:, :2], cache=cache)
        cache.select(rows)
        found = model(ids[rows, 6:], memory=memory[rows], cache=cache)
        assert (found - model(ids[rows], memory=memory[rows])[:, 6:]).abs().max() < 1e-10
        cache.select(torch.tensor([1, 0, 2], device=DEVICE), memory=False)
        assert all(layer.key.equal(key[rows]) for layer, key in zip(cache.memory, held, strict=True))


def ends_at_eos(parts, eos_id=2):
    """Assert that each text goes on with eos_id once it has written it, alone, and that the others are not moved."""
    model, prompt = gpt(parts, vocab_size=5), ids_of(40, 3, 5)
    for use_cache in (True, False):
        free = model.generate(prompt, 9, generator=torch.Generator(DEVICE).manual_seed(0), use_cache=use_cache)
        ended = model.generate(prompt, 9, generator=torch.Generator(DEVICE).manual_seed(0), use_cache=use_cache, eos_id=eos_id)
        expected = free.clone()
        for row in expected:
            places = (row[3:] == eos_id).nonzero()
            if len(places):
                row[3 + int(places[0]):] = eos_id
        moved = (free[:, 3:] == eos_id).any(dim=1)
        assert ended.equal(expected) and moved.any() and not moved.all()
    first = model.generate(prompt[:1], 1, temperature=0)[0, -1].item()
    assert model.generate(prompt[:1], 9, temperature=0, eos_id=first)[0, 3:].eq(first).all()        # it stops early, the rest is eos_id
    assert model.generate(prompt[:1], 9, temperature=0)[0, 3:].unique().numel() > 1


def leaves_the_model_as_it_was(parts):
    """Assert that generate draws without dropout, restores every module's mode and gives tokens that may go into training."""
    model = randomised(parts.GPTModel(**TINY, dropout=0.5))
    expected = model.generate(ids_of(), 5, temperature=0)
    model.train()
    model.decoder.blocks[0].eval()
    modes = [module.training for module in model.modules()]
    made = model.generate(ids_of(), 5, temperature=0)
    assert made.equal(expected) and [module.training for module in model.modules()] == modes
    with mock.patch.object(model.decoder.norm, "forward", side_effect=RuntimeError("in the middle")), pytest.raises(RuntimeError):
        model.generate(ids_of(), 5)
    assert [module.training for module in model.modules()] == modes
    assert properties.unreached_parameters(model, (model(made)[:, -1] ** 2).sum()) == []
    assert not made.is_inference() and made.dtype == torch.int64
    seeds = [model.generate(ids_of(), 5, generator=torch.Generator(DEVICE).manual_seed(seed)) for seed in (0, 0, 1)]
    assert seeds[0].equal(seeds[1]) and not seeds[0].equal(seeds[2])


def broken_files_are_refused(parts, folder):
    """Assert that tensors that do not fit their config.json are named, and that a save that fails leaves what was there."""
    model = gpt(parts, torch.float32)
    model.save_pretrained(folder)
    path, whole = folder / "model.safetensors", safetensors.torch.load_file(folder / "model.safetensors")
    name = "h.1.mlp.c_fc.bias"
    for change, message in (({f"transformer.{name}": None}, f"{name} is missing"), ({"other": torch.ones(1)}, "other is not a part of this model"),
                            ({f"transformer.{name}": torch.ones(1)}, rf"{name} has shape \(1,\), expected \(32,\)")):
        safetensors.torch.save_file({key: value for key, value in (whole | change).items() if value is not None}, path)
        with pytest.raises(ValueError, match=message):
            parts.GPTModel.from_pretrained(folder)
    old = {f"transformer.h.{k}.attn.{kind}": torch.ones(1) for k in range(2) for kind in ("bias", "masked_bias")}
    safetensors.torch.save_file(whole | old | {"lm_head.weight": whole["transformer.wte.weight"].clone()}, path)
    assert parts.GPTModel.from_pretrained(folder)(ids_of()).equal(model(ids_of()))
    before = path.read_bytes()

    def half(tensors, filename, metadata=None):
        with open(filename, "wb") as file:
            file.write(before[:50])
        raise OSError("the disk is full")

    with mock.patch.object(safetensors.torch, "save_file", half), pytest.raises(OSError):
        gpt(parts, torch.float32, num_layers=1).save_pretrained(folder)
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert path.read_bytes() == before and parts.GPTModel.from_pretrained(folder).options["num_layers"] == 2
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: f"part-{number % 2}" for number, name in enumerate(whole)}}), encoding="utf-8")
    for number in range(2):
        safetensors.torch.save_file({name: whole[name] + number + 1 for name in list(whole)[number::2]}, folder / f"part-{number}")
    assert parts.GPTModel.from_pretrained(folder)(ids_of()).equal(model(ids_of()))                  # what is whole counts
    path.unlink()
    words = parts.GPTModel.from_pretrained(folder).decoder.embedding.words.weight - model.decoder.embedding.words.weight
    torch.testing.assert_close(words, torch.full_like(words, list(whole).index("transformer.wte.weight") % 2 + 1))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}), encoding="utf-8")
    with pytest.raises(ValueError, match="model_type='bert'"):
        parts.GPTModel.from_pretrained(folder)


def compare(parts, folder):
    """Raise AssertionError unless the parts hold all of this and equal the references; a few seconds. folder: an empty one."""
    probabilities_agree(parts)
    starts_right(parts)
    passes_options_on(parts)
    stack_agrees(parts)
    stack_agrees(parts, cross_attention=False, norm_first=False)
    looks_back_only(parts, T=3)
    padding_plays_no_part(parts)
    cached_is_uncached(parts, count=2)
    cache_counts_and_selects(parts)
    memory_is_kept(parts)
    generated_as_alone(parts)
    interrupted_steps_change_nothing(parts)
    what_is_written_is_what_is_there(parts, folder / "written")
    generation_agrees(parts, {"temperature": 0.7, "top_k": 4, "top_p": 0.9}, B=1000)
    leaves_the_model_as_it_was(parts)
    ends_at_eos(parts)
    broken_files_are_refused(parts, folder / "broken")
    files_agree(parts, folder, T=11, n_embd=4, n_layer=11, n_inner=12, layer_norm_epsilon=1e-3, resid_pdrop=0.2, embd_pdrop=0.2, attn_pdrop=0.2)
