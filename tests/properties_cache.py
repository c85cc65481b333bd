"""A cached step happens whole or not at all, wherever it is interrupted; as assertions that take the module with the parts."""

import sys
from unittest import mock

import pytest
import torch
from parity_attention import DEVICE, numbers
from parity_blocks import randomised
from parity_decoder import TINY, gpt, ids_of


def contents(cache):
    """What a cache holds: the very tensors, layer by layer."""
    return [(layer.key, layer.value) for layer in cache.layers + cache.memory], cache.real


def unchanged(cache, before):
    """Whether a cache holds the very tensors that it held before."""
    pairs, real = contents(cache)
    return real is before[1] and all(a is b for pair, other in zip(pairs, before[0], strict=True) for a, b in zip(pair, other, strict=True))


class Interruption:
    """Raises KeyboardInterrupt at the nth line that the package runs; `struck` tells whether there were so many."""

    def __init__(self, line):
        self.left, self.struck = line, False

    def __enter__(self):
        sys.settrace(self._call)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _call(self, frame, event, argument):
        return self._line if frame.f_globals.get("__name__", "").startswith("shared.transformer") else None

    def _line(self, frame, event, argument):
        if event == "line" and not self.struck:
            self.left -= 1
            if self.left < 0:
                self.struck = True
                raise KeyboardInterrupt
        return self._line


def interrupted_at_any_line(call, cache, every=1):
    """Assert that `call`, interrupted at each `every`-th line of the package, leaves a cache as it was, or completes the step."""
    line, interrupted = 0, 0
    while True:
        before, twin = contents(cache), cache.copy()
        with Interruption(line) as interruption, torch.no_grad():
            try:
                call(cache)
            except KeyboardInterrupt:
                interrupted += 1
                lengths = {layer.length for layer in cache.layers}
                assert len(lengths) == 1 and (unchanged(cache, before) or cache.length > twin.length), f"line {line}"
        if not interruption.struck:
            return interrupted
        cache.become(twin)
        line += every


def interrupted_steps_change_nothing(parts, every=29):
    """Assert that whatever interrupts a step, it leaves the cache as it was, and the next step is right."""
    model, ids, cache = gpt(parts), ids_of(2, 9), parts.KeyValueCache(2)
    real = torch.ones(2, 5, dtype=torch.bool, device=DEVICE)
    real[0, 3:] = False
    asking, memory = randomised(parts.TransformerDecoder(**TINY, cross_attention=True)), numbers(2, 3, 8).detach()
    with torch.no_grad():
        model(ids[:, :4], cache=cache)
        expected = model(ids)[:, 4:]
        places = [model.decoder.embedding, *model.decoder.blocks, model.decoder.blocks[1].self_attention, model.decoder.blocks[1].feed_forward,
                  model.decoder.norm, model.output]
        for part in places:
            for error in (RuntimeError, KeyboardInterrupt):
                before = contents(cache)
                hook = part.register_forward_hook(mock.Mock(side_effect=error))
                with pytest.raises(error):
                    model(ids[:, 4:6], cache=cache)
                hook.remove()
                assert unchanged(cache, before), part
        assert interrupted_at_any_line(lambda cache: model(ids[:, 4:6], cache=cache), cache.copy(), every) > 5
        assert (model(ids[:, 4:], cache=cache) - expected).abs().max() < 1e-10
        padded = parts.KeyValueCache(2)
        model(ids[:, :5], real, cache=padded)
        interrupted_at_any_line(lambda cache: model(ids[:, 5:6], cache=cache), padded, every)           # it re-orders what it holds
        empty = parts.KeyValueCache(2)
        interrupted_at_any_line(lambda cache: asking(ids[:, :3], memory=memory, cache=cache), empty, every)
        interrupted_at_any_line(lambda cache: cache.select(torch.tensor([1], device=DEVICE)), padded.copy(), 1)
