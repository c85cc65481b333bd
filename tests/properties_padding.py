"""Texts in a batch are what each is alone, wherever their padding stands; as assertions that take the module with the parts."""

import torch
from parity_attention import DEVICE
from parity_blocks import randomised
from parity_decoder import TINY, gpt, ids_of


def chunks_alone(model, chunks, masks):
    """Row by row what a model gives for a text alone: of each chunk what lies between its first and last real token, at once."""
    outputs = []
    for row in range(len(chunks[0])):
        ids, real = [], []
        for chunk, mask in zip(chunks, masks):
            found = mask[row].nonzero().flatten().tolist()
            inside = slice(found[0], found[-1] + 1) if found else slice(0)
            ids.append(chunk[row, inside])
            real.append(mask[row, inside])
        ids, real = torch.cat(ids)[None], torch.cat(real)[None]
        outputs.append(model(ids, real)[real])
    return outputs


def continued_behind_padding(parts, positions="learned", dtype=torch.float64, limit=1e-10, count=3):
    """Assert that texts go on behind padding on either side, of the first chunk and of later ones, as each does alone."""
    model = gpt(parts, dtype, positions=positions, max_seq_len=16)
    padded = randomised(parts.TransformerDecoder(**TINY | {"max_seq_len": 16}, positions=positions, pad_id=0), dtype)
    generator = torch.Generator().manual_seed(0)
    for trial in range(count):
        sizes, chunks, masks = ((5, 4, 3), (3, 1, 1, 4), (6, 6))[trial % 3], [], []
        for size in sizes:
            chunks.append(torch.randint(1, 11, (4, size), generator=generator))
            before, after = (torch.randint(0, size + 1, (4, 1), generator=generator) for _ in range(2))
            column, holes = torch.arange(size), torch.rand(4, size, generator=generator) < 0.2
            masks.append(((column >= before // 2) & (column < size - after // 2) & ~holes))
            masks[-1][-1] = True                                                # the last text has no padding
        masks[0][:, :1] |= ~masks[0].any(dim=1, keepdim=True)
        chunks, masks = ([tensor.to(DEVICE) for tensor in tensors] for tensors in (chunks, masks))
        cache, outputs, real = parts.KeyValueCache(2), [], []
        with torch.no_grad():
            for chunk, mask in zip(chunks, masks):
                real.append(mask)
                outputs.append(model(chunk, torch.cat(real, dim=1), cache=cache))
            found, real = torch.cat(outputs, dim=1), torch.cat(real, dim=1)
            for row, alone in enumerate(chunks_alone(model, chunks, masks)):
                assert (found[row][real[row]] - alone).abs().max() < limit, (trial, row)
            assert cache.real.sum(dim=1).equal(real.sum(dim=1))
            ids = [chunk.masked_fill(~mask, 0) for chunk, mask in zip(chunks, masks)]
            if not (ids[0][:, 0] == 0).any():                                   # padding told by pad_id
                cache = parts.KeyValueCache(2)
                found = torch.cat([padded(chunk, cache=cache) for chunk in ids], dim=1)
                for row, alone in enumerate(chunks_alone(padded, chunks, masks)):
                    assert (found[row][real[row]] - alone).abs().max() < limit, (trial, row)


def unequal_prompts(side, T=5, B=4, seed=0):
    """Ids and mask of prompts of 1 to T tokens, with padding on the left, on the right or in turn."""
    generator, column = torch.Generator().manual_seed(seed), torch.arange(T)
    lengths = torch.tensor([T, 1, *torch.randint(1, T + 1, (B - 2,), generator=generator).tolist()])[:, None]
    on_the_left = torch.tensor([{"left": True, "right": False}.get(side, bool(row % 2)) for row in range(B)])[:, None]
    real = torch.where(on_the_left, column >= T - lengths, column < lengths)
    return ids_of(B, T, seed=seed), real.to(DEVICE)


def generated_as_alone(parts, positions="learned", sides=("left", "right", "mixed"), dtype=torch.float64, limit=1e-10, new=4):
    """Assert that prompts of unequal length continue as each does alone, cached or not, and that prompts and columns stay."""
    model = gpt(parts, dtype, positions=positions)
    for side in sides:
        ids, real = unequal_prompts(side)
        alone = [model.generate(ids[row, real[row]][None], new, temperature=0) for row in range(len(ids))]
        for use_cache in (True, False):
            for mask in (real, real.long()):
                found = model.generate(ids, new, temperature=0, use_cache=use_cache, attention_mask=mask)
                assert found.shape == (4, 5 + new) and found[:, :5].equal(ids), side
                assert found[:, 5:].equal(torch.cat([text[:, -new:] for text in alone])), side
        with torch.no_grad():
            cache, expected = parts.KeyValueCache(2), [model(text)[0] for text in alone]
            first = model(ids, real, cache=cache)
            later = [model(found[:, column:column + 1], cache=cache)[:, 0] for column in range(5, 5 + new)]
            for row, logits in enumerate(expected):
                length = int(real[row].sum())
                assert (first[row, real[row]] - logits[:length]).abs().max() < limit, (side, row)
                assert (torch.stack(later)[:, row] - logits[length:]).abs().max() < limit, (side, row)
