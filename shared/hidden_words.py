"""Words that are hidden, and what a made language says of them: the exact floor of a masked language model."""

import numpy
import torch

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def fill(states, ids, hidden, lengths):
    """`Language.fill_probs` for ids that are checked, as an array.

    Forward through each row goes how probable the words so far make each state; backward, how probable each state makes
    the words that are still to come. A word's probability is what its edges join of the two.
    """
    shape, rows, size = ids.shape, ids.shape[:-1].numel(), ids.shape[-1]
    ids, hidden = ids.reshape(rows, size).T.cpu().numpy(), hidden.reshape(rows, size).T.cpu().numpy()
    sum_words, sum_sources, sum_targets = (_Sums(key) for key in (states.word, states.source, states.target))
    numbers, start = numpy.arange(len(states.words))[:, None], numpy.eye(1, states.count).T
    ends = None if lengths is None else numpy.arange(size)[:, None] == lengths.reshape(-1).cpu().numpy() - 1

    def edges(place):                                       # how probable each is, if what is seen allows it: (edges, rows)
        return states.share[:, None] * (hidden[place] | (numbers == ids[place]))[states.word]

    before = [start.repeat(rows, axis=1)]                   # of every place: (states, rows)
    for place in range(size):
        here = sum_targets(before[-1][states.source] * edges(place))
        if ends is not None:
            here *= start == ends[place]                    # a text leads back to state 0 where it ends, and only there
        before.append(_scaled(here))
    after, found = numpy.ones((states.count, rows)), numpy.zeros((size, len(numbers), rows))
    for place in reversed(range(size)):
        if ends is not None:
            after = numpy.where(ends[place], start, after * (1 - start))
        joined = edges(place) * after[states.target]
        found[place] = _scaled(sum_words(before[place][states.source] * joined))
        after = _scaled(sum_sources(joined))
    if ends is not None:
        found *= ends[::-1].cumsum(axis=0)[::-1, None]      # 0 after the end
    return numpy.moveaxis(found, 2, 0).reshape(*shape, len(numbers))


class _Sums:
    """The sums of values, (edges, rows), over the edges that have the same key."""

    def __init__(self, key):
        self.order = key.argsort(kind="stable")
        self.starts = key[self.order].searchsorted(numpy.arange(key.max() + 1))

    def __call__(self, values):
        return numpy.add.reduceat(values[self.order], self.starts, axis=0)


def _scaled(values):
    """Each column divided by its sum; columns of 0 stay."""
    total = values.sum(axis=0)
    return values / numpy.where(total > 0, total, 1)


def with_lengths(ids, hidden, lengths):
    """`hidden`, and the places that lie after the end of a text. Raises as `Language.fill_probs`."""
    if not torch.is_tensor(hidden) or hidden.dtype != torch.bool:
        raise TypeError(f"hidden must be a tensor of booleans, got {_described(hidden)}")
    if hidden.shape != ids.shape:
        raise ValueError(f"hidden must have the shape of ids, {tuple(ids.shape)}, got {tuple(hidden.shape)}")
    if lengths is None:
        return hidden
    if not torch.is_tensor(lengths) or lengths.dtype not in INTEGERS:
        raise TypeError(f"lengths must be a tensor of whole numbers, got {_described(lengths)}")
    if lengths.shape != ids.shape[:-1]:
        raise ValueError(f"lengths must have the shape {tuple(ids.shape[:-1])}, one for each row, got {tuple(lengths.shape)}")
    if lengths.numel() and not 1 <= lengths.min() <= lengths.max() <= ids.shape[-1]:
        given = f"{lengths.min().item()} to {lengths.max().item()}"
        raise ValueError(f"lengths must lie from 1 to T = {ids.shape[-1]}, got {given}")
    return hidden | (torch.arange(ids.shape[-1], device=ids.device) >= lengths[..., None])


def check_integers(ids):
    if not torch.is_tensor(ids) or ids.dtype not in INTEGERS or ids.dim() == 0:
        raise TypeError(f"ids must be a tensor of whole numbers, of shape (T,) or (batch, T), got {_described(ids)}")


def _described(value):
    return f"{value.dtype} of shape {tuple(value.shape)}" if torch.is_tensor(value) else repr(value)
