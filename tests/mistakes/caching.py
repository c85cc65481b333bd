"""Mistakes in the steps of a decoder: padding, and caches that take in a step whole or not at all."""

from . import Mistake

CAT = "torch.cat([before, new], dim=1)  "
START = "torch.cat([real[:, :1] | ~real[:, 0].any(), real[:, 1:]], dim=1)"

MISTAKES = (
    Mistake("the step fills the cache itself", "layers = self._layers = _copied(self._cache.layers)", "layers = self._layers = self._cache.layers"),
    Mistake("memory put into the cache itself", "self._cache.memory if memory is None else _copied(self._cache.memory)", "self._cache.memory"),
    Mistake("a copy shares its layers", "layers=_copied(self.layers), memory=_copied(self.memory)", "memory=_copied(self.memory)"),
    Mistake("layer by layer, not all at once", "            self._cache.__dict__.update(layers=self._layers, memory=self._memory, real=self.real)\n",
            "            for k, layer in enumerate(self._layers):\n                self._cache.layers[k] = layer\n"
            "            self._cache.memory = self._memory\n            self._cache.real = self.real\n"),
    Mistake("the stand-in is the cache", "    draft = object.__new__(type(cache))\n    draft.__dict__.update(cache.__dict__)\n", "    draft = cache\n"),
    Mistake("nothing is taken over from the stand-in", "cache.__dict__.update(draft.__dict__)", "pass"),
    Mistake("the cache forgets its padding", "memory=self._memory, real=self.real)", "memory=self._memory, real=None)"),
    Mistake("memory put into the cache with every step", "self.memory = memory[:, :0]  ", "self.memory = memory  "),
    Mistake("attention_mask ignored", "return attention_mask[:, cached:].bool()", "return None"),
    Mistake("attention_mask taken for that of the first tokens", "attention_mask[:, cached:].bool()", "attention_mask[:, :input_ids.size(1)].bool()"),
    Mistake("padding that ends the cached texts stays there", "torch.cat([_trailing(before), _leading(new)], dim=1)",
            "torch.cat([torch.zeros_like(before), _leading(new)], dim=1)"),
    Mistake("padding before new tokens stays there", "torch.cat([_trailing(before), _leading(new)], dim=1)",
            "torch.cat([_trailing(before), torch.zeros_like(new)], dim=1)"),
    Mistake("hidden tokens lose their positions", "order = _in_front(torch.cat([_trailing(before), _leading(new)], dim=1))", "order = _in_front(~self.real)"),
    Mistake("padding between cached and new tokens looked for in the first text alone", "all_true(before[:, -1] & new[:, 0])",
            "all_true((before[:, -1] & new[:, 0])[:1])"),
    Mistake("padding looked for in cached tokens alone", "all_true(before[:, -1] & new[:, 0])", "all_true(before[:, -1])"),
    Mistake("keys moved, the mask not", "        self.real = self.real.gather(1, order)\n", ""),
    Mistake("keys moved, values not", "self.layer.key, self.layer.value = key, value\n        return key, value",
            "value = pair[1]\n        self.layer.key, self.layer.value = key, value\n        return key, value"),
    Mistake("moved for this step, not in the cache", "        self.layer.key, self.layer.value = key, value\n", ""),
    Mistake("an unstable order", "argsort(dim=1, stable=True)", "flip(1).argsort(dim=1, stable=True)"),
    Mistake("padding last, not first", "(~chosen).long()", "chosen.long()"),
    Mistake("the start token is hidden if it is the padding's", START, "real"),
    Mistake("the first token is never padding", START, "torch.cat([torch.ones_like(real[:, :1]), real[:, 1:]], dim=1)"),
    Mistake("what follows a cache begins with a start token, too", "    if cached:\n        return real\n", ""),
    Mistake("a late mask is ignored", "if before is None and attention_mask is not None:", "if False:"),
)
