"""One call of a decoder: which tokens are real, where they stand, and a cache that takes them in whole or not at all.

Written by hand. Three rules make a text in a batch what it is alone, with and without a cache, for every position scheme:

- Padding before and after the tokens that one call brings for a text plays no part: no token attends to it, and it does not
  count as a position. So later calls continue each text behind its last real token.
- A token that is hidden between real tokens of the same call is not attended to either, but keeps its position.
- max_seq_len counts columns, padding included.
"""

import torch

from .embedding import left_padding_of
from .inference import all_true


class AllAtOnce:
    """What a cache of layers needs to change as a whole: `copy`, which is filled, and `become`."""

    def copy(self):
        """Another cache with the same keys and values: what comes into one does not come into the other."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, layers=_copied(self.layers), memory=_copied(self.memory))
        return twin

    def become(self, other):
        """Hold what `other` holds. An interruption comes before or after, never between two layers."""
        self.__dict__.update(other.__dict__)


def _copied(layers):
    copies = []
    for layer in layers:
        copies.append(object.__new__(type(layer)))
        copies[-1].__dict__.update(layer.__dict__)
    return copies


class Step:
    """What one call of a decoder knows of its tokens, and the caches that they go to.

    cached: how many tokens are in the cache.   real (B, cached + T): False = padding; None: all are real.
    left_padding (B,): how much padding stands before each text.   mask, memory_mask: `real` and that of the
    memory, as blocks take them.   memory: what of it is new.   caches: cache and memory_cache for each block.
    The cache itself changes in `keep`, at once: an exception or interruption before it leaves everything as it was.
    """

    def __init__(self, decoder, input_ids, attention_mask, memory, memory_mask, cache):
        self.cached, self.real, self._cache = 0, None, cache
        if cache is not None:
            self.cached = cache.length
        if attention_mask is not None or decoder.pad_id is not None:
            self.real = _real_tokens(input_ids, attention_mask, decoder.pad_id, self.cached)
        self.caches = [{}] * len(decoder.blocks)
        if cache is not None:
            self._prepare(input_ids, attention_mask, memory)

        self.mask = self.left_padding = self.memory_mask = None
        if self.real is not None:
            self.mask, self.left_padding = self.real[:, None, None, :], left_padding_of(self.real)
        if memory_mask is not None:
            self.memory_mask = memory_mask.bool()[:, None, None, :]
        self.memory = memory
        if self.cached and memory is not None:
            self.memory = memory[:, :0]                                 # nothing of it is new: it is cached

    def _prepare(self, input_ids, attention_mask, memory):
        """Copies of the layers of the cache, for this step's tokens to go to."""
        layers = self._layers = _copied(self._cache.layers)
        self._memory = self._cache.memory if memory is None else _copied(self._cache.memory)
        if self.cached and (self.real is not None or self._cache.real is not None):
            layers = self._join(input_ids, attention_mask)
        self.caches = []
        for layer, memory_layer in zip(layers, self._memory):
            self.caches.append({"cache": layer, "memory_cache": memory_layer})

    def _join(self, input_ids, attention_mask):
        """Put cached tokens before the new ones, and padding that lies between them before both. Returns the layers."""
        before, new = self._cache.real, self.real
        if before is None and attention_mask is not None:
            before = attention_mask[:, :self.cached].bool()             # the cache knew of no padding
        if before is None:
            before = new.new_ones(len(new), self.cached)
        if new is None:
            new = torch.ones_like(input_ids, dtype=torch.bool)
        self.real = torch.cat([before, new], dim=1)                     # (B, cached + T)
        if all_true(before[:, -1] & new[:, 0]):
            return self._layers
        order = _in_front(torch.cat([_trailing(before), _leading(new)], dim=1))
        self.real = self.real.gather(1, order)
        return [_Reordered(layer, order) for layer in self._layers]

    def keep(self):
        """All blocks are done: the cache takes in the new tokens."""
        if self._cache is not None:
            self._cache.__dict__.update(layers=self._layers, memory=self._memory, real=self.real)


class _Reordered:
    """The cache of one layer, whose keys and values are put into another order once they are extended."""

    def __init__(self, layer, order):
        self.layer, self.order = layer, order[:, None, :, None]             # (B, 1, S, 1)

    @property
    def length(self):
        return self.layer.length

    def extend(self, key, value):
        pair = self.layer.extend(key, value)
        key, value = (x.gather(2, self.order.expand_as(x)) for x in pair)
        self.layer.key, self.layer.value = key, value
        return key, value


def begin(cache):
    """A stand-in for `cache`, or None, that a model's layers may fill; `cache` stays as it is until `finish`."""
    if not hasattr(cache, "become"):
        return cache                                                        # None, or what the decoder refuses
    draft = object.__new__(type(cache))
    draft.__dict__.update(cache.__dict__)
    return draft


def finish(cache, draft):
    """Nothing went wrong: `cache` takes over what its stand-in holds."""
    if cache is not None:
        cache.__dict__.update(draft.__dict__)


def padding_first(ids, real):
    """ids (B, T), real (B, T) booleans → both, with the padding at the end of each text moved to its front."""
    order = _in_front(_trailing(real))
    return ids.gather(1, order), real.gather(1, order)


def _real_tokens(input_ids, attention_mask, pad_id, cached):
    """Which of the new tokens are real, (B, T); None: all. Where all texts begin with pad_id, it is their start token."""
    if attention_mask is not None:
        return attention_mask[:, cached:].bool()
    if pad_id is None:
        return None
    real = input_ids != pad_id
    if cached:
        return real
    return torch.cat([real[:, :1] | ~real[:, 0].any(), real[:, 1:]], dim=1)


def _leading(real):
    """(B, T): which tokens lie before the first real one."""
    return real.long().cumsum(dim=1) == 0


def _trailing(real):
    """(B, T): which tokens lie after the last real one."""
    return _leading(real.flip(1)).flip(1)


def _in_front(chosen):
    """(B, S) booleans → the order of columns that puts the chosen ones first, and changes nothing else."""
    return (~chosen).long().argsort(dim=1, stable=True)
