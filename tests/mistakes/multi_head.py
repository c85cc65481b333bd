"""Mistakes in multi-head attention and in recording its maps."""

from . import Mistake

SPLIT = "x.unflatten(-1, (self.num_heads, self.d_head)).transpose(1, 2)"
MERGE = "output.transpose(1, 2).flatten(2)"

MISTAKES = (
    Mistake("split by view without transpose", SPLIT, "x.reshape(x.size(0), self.num_heads, x.size(1), self.d_head)", "2.1"),
    Mistake("heads interleaved in the width", SPLIT, "x.unflatten(-1, (self.d_head, self.num_heads)).permute(0, 3, 1, 2)", "2.1"),
    Mistake("merge without transpose", MERGE, "output.reshape(output.size(0), output.size(2), -1)", "2.5"),
    Mistake("heads in another order after merging", MERGE, "output.flip(1).transpose(1, 2).flatten(2)"),
    Mistake("one head used for all", SPLIT + "       #",
            "x.unflatten(-1, (self.num_heads, self.d_head))[:, :, :1].expand(-1, -1, self.num_heads, -1).transpose(1, 2)       #"),
    Mistake("divided by the root of d_model on the fast path", "mask, dropout, is_causal), None",
            "mask, dropout, is_causal, scale=self.d_model ** -0.5), None", "2.5"),
    Mistake("divided by the root of d_model on the explicit path", "self.attention(query, key, value, mask)",
            "self.attention(query * self.num_heads ** -0.5, key, value, mask)", "2.5"),
    Mistake("mask forgotten on the fast path", "query, key, value, mask, dropout, is_causal), None",
            "query, key, value, None, dropout, is_causal), None"),
    Mistake("mask inverted on the fast path", "mask = None if is_causal else mask",
            "mask = None if is_causal else ~mask if mask is not None and mask.dtype == torch.bool else mask", "2.4"),
    Mistake("a causal mask promised, although positions added to it", "is_causal = is_causal and mask is given", "is_causal = is_causal"),
    Mistake("a causal mask promised with a cache not refused", "if T != S or mask is None", "if mask is None"),
    Mistake("a causal mask promised with padding not refused", " or mask.shape != (T, S):", ":"),
    Mistake("no scaling where only the output is wanted", "(query / math.sqrt(query.size(-1))) @", "query @"),
    Mistake("NaN where only the output is wanted", "scores += mask.masked_fill(blocked, 0.0)", "scores += mask"),
    Mistake("rows that see nothing see all where only the output is wanted", "output if mask is None else output.masked_fill(blocked, 0.0)", "output"),
    Mistake("no dropout where only the output is wanted", "F.dropout(scores.softmax(dim=-1), dropout) @ value", "scores.softmax(dim=-1) @ value"),
    Mistake("a mask (B, T, S) taken for (H, T, S)", "mask.dim() not in (2, 4)", "mask.dim() not in (2, 3, 4)"),
    Mistake("key and value exchanged", "query, key, value = (self._split(project(x))", "query, value, key = (self._split(project(x))"),
    Mistake("the source asks instead of the target", "key = query if key is None else key", "query, key = (query, query) if key is None else (key, query)", "2.5"),
    Mistake("value ignored", "value = key if value is None else value", "value = key"),
    Mistake("no last projection", "return self.to_output(" + MERGE + "), weights", "return " + MERGE + ", weights"),
    Mistake("no biases", "bias=bias) for _ in range(4)", "bias=False) for _ in range(4)"),
    Mistake("biases always", "bias=bias) for _ in range(4)", "bias=True) for _ in range(4)"),
    Mistake("weights summed over heads", "weights.mean(dim=1)", "weights.sum(dim=1)"),
    Mistake("weights averaged over queries", "weights.mean(dim=1)", "weights.mean(dim=2)"),
    Mistake("dropout alive in eval() on the fast path", "self.attention.dropout if self.training else 0.0", "self.attention.dropout"),
    Mistake("no dropout on the fast path", "self.attention.dropout if self.training else 0.0", "0.0"),
    Mistake("positions for the query alone", "query, key, mask = self.positions(query, key, mask)", "query, _, mask = self.positions(query, key, mask)"),
    Mistake("positions before the cache, and again behind it", "        if cache is not None:\n            if not hasattr",
            "        if cache is not None and self.positions is not None:\n            query, key, mask = self.positions(query, key, mask)\n"
            "        if cache is not None:\n            if not hasattr"),
    Mistake("cache ignored", "            key, value = cache.extend(key, value)", "            cache.extend(key, value)"),
    Mistake("num_heads need not divide d_model", " or d_model % num_heads:", ":"),
    Mistake("recording goes on afterwards", "layer.recorded = recorded", "layer.recorded = layer.recorded"),
    Mistake("recorded maps hold the graph", "weights.detach()", "weights"),
    Mistake("maps averaged although each head is asked for", "mask=mask, average_weights=False", "mask=mask, average_weights=True"),
)
