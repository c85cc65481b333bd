"""Mistakes in what looks at the weights of a layer."""

from . import Mistake

MISTAKES = (
    Mistake("recorded maps hold the graph", "weights.detach()", "weights"),
    Mistake("what is computed again is recorded again", "        if not _within_backward():\n            self", "        if True:\n            self"),
    Mistake("nothing is recorded", "        if not _within_backward():\n            self", "        if False:\n            self"),
    Mistake("weights are given back although nobody asked", "return output, weights if need_weights else None", "return output, weights"),
    Mistake("a hook on the module never fires", "return self.attention(query, key, value, mask, need_weights, is_causal)",
            "return self.attention.forward(query, key, value, mask, need_weights, is_causal)"),
    Mistake("a hook on the module never fires while a recording runs", "self.attention(query, key, value, mask, True, is_causal)",
            "self.attention.forward(query, key, value, mask, True, is_causal)"),
    Mistake("is_causal forgotten while a recording runs", "mask, True, is_causal)", "mask, True)"),
    Mistake("is_causal forgotten", "mask, need_weights, is_causal)\n        output", "mask, need_weights)\n        output"),
    Mistake("divided by the root of d_model on the explicit path", "output, weights = self.attention(query, key",
            "output, weights = self.attention(query * query.size(1) ** -0.5, key", "2.5"),
    Mistake("maps averaged although each head is asked for", "average_weights=False", "average_weights=True"),
    Mistake("a mask given in the place of a value", "value=None, mask=None):\n        \"\"\"The weights", "mask=None, value=None):\n        \"\"\"The weights"),
    Mistake("maps of another value's length", "self(query, key, value, mask, average_weights", "self(query, key, None, mask, average_weights"),
    Mistake("maps without the mask", "self(query, key, value, mask, average_weights", "self(query, key, value, None, average_weights"),
    Mistake("a copy listens on", '"recorded": None}', '"recorded": self.recorded}'),
)
