"""Models go through torch.compile in one piece, with masks of any kind, and are built without memory; a cache takes any whole numbers."""

import pytest
import torch

from shared.transformer import GPTModel, KeyValueCache, MaskedLanguageModel, MultiHeadAttention, Transformer, TransformerEncoder

IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0]])
SIZE = dict(d_model=16, num_layers=2, num_heads=2, d_ff=32, max_seq_len=8)


@pytest.mark.parametrize("kind", [None, torch.bool, torch.int64, torch.int32])
def test_one_piece(kind):
    mask = None if kind is None else (IDS != 0).to(kind)
    torch.manual_seed(0)
    gpt, encoder = GPTModel(10, **SIZE).eval(), TransformerEncoder(10, **SIZE).eval()
    translator = Transformer(10, dropout=0.0, **SIZE).eval()
    for model, inputs in ((gpt, (IDS, mask)), (MaskedLanguageModel(encoder).eval(), (IDS, mask)), (translator, (IDS, IDS, mask, mask))):
        torch._dynamo.reset()
        compiled = torch.compile(model, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(*inputs), model(*inputs))


def test_a_model_without_memory_has_shapes():
    with torch.device("meta"):
        logits = GPTModel(10, **SIZE)(IDS.to("meta"))
    assert logits.is_meta and logits.shape == (2, 5, 10)


def test_rows_of_a_cache_in_any_whole_numbers():
    model, kept = GPTModel(10, **SIZE).eval(), []
    for kind in (torch.int64, torch.uint8):
        cache = KeyValueCache(2)
        model(IDS, cache=cache)
        cache.select(torch.tensor([0, 1, 1], dtype=kind))
        kept.append(cache.layers[0].key)
    assert kept[0].shape[0] == 3 and kept[0].equal(kept[1])


def test_positions_are_a_scheme_and_no_name_of_one():
    with pytest.raises(TypeError, match=r"positions must be a scheme such as RotaryEmbedding\(d_head\), got 'rotary'"):
        MultiHeadAttention(16, 2, positions="rotary")


@pytest.mark.parametrize("strict", [False, True])
def test_batch_and_length_stay_open_in_an_exported_model(strict):
    torch.manual_seed(0)
    gpt, batch, length = GPTModel(10, **SIZE).eval(), torch.export.Dim("batch", min=1, max=16), torch.export.Dim("length", min=2, max=8)
    exported = torch.export.export(gpt, (IDS,), dynamic_shapes=({0: batch, 1: length},), strict=strict).module()
    for ids in (IDS, IDS[:1, :3], IDS.repeat(4, 1)[:, :2]):
        torch.testing.assert_close(exported(ids), gpt(ids))
