"""Mistakes in multi-head attention and in recording its maps."""

from . import Mistake

SPLIT = "(x.unflatten(-1, heads).transpose(1, 2) for x in ("
MERGE = "output.transpose(1, 2).flatten(2)"
CALL = "query, key, mask = self.positions(query, key, mask)"
ATTEND = "self.attend(query, key, value, mask, need_weights, is_causal)"

MISTAKES = (
    Mistake("split by view without transpose", SPLIT, "(x.reshape(x.size(0), self.num_heads, x.size(1), self.d_head) for x in (", "2.1"),
    Mistake("heads interleaved in the width", SPLIT, "(x.unflatten(-1, (self.d_head, self.num_heads)).permute(0, 3, 1, 2) for x in (", "2.1"),
    Mistake("merge without transpose", MERGE, "output.reshape(output.size(0), output.size(2), -1)", "2.5"),
    Mistake("heads in another order after merging", MERGE, "output.flip(1).transpose(1, 2).flatten(2)"),
    Mistake("one head used for all", SPLIT, "(x.unflatten(-1, heads)[:, :, :1].expand(-1, -1, self.num_heads, -1).transpose(1, 2) for x in ("),
    Mistake("divided by the root of d_model", ATTEND, ATTEND.replace("(query,", "(query * self.num_heads ** -0.5,"), "2.5"),
    Mistake("not divided at all", ATTEND, ATTEND.replace("(query,", "(query * self.d_head ** 0.5,")),
    Mistake("mask forgotten", ATTEND, ATTEND.replace("mask,", "None,")),
    Mistake("mask inverted", ATTEND, ATTEND.replace("mask,", "~mask if mask is not None and mask.dtype.is_floating_point is False else mask,"), "2.4"),
    Mistake("is_causal forgotten", ATTEND, ATTEND.replace(", is_causal", "")),
    Mistake("is_causal lost where positions add to the mask", ATTEND, ATTEND.replace("is_causal)", "is_causal and self.positions is None)")),
    Mistake("a causal mask aligned top-left with a cache", ATTEND, "self.attend(query, key, value, query.new_ones(query.size(-2), key.size(-2)).tril().bool()"
            " if is_causal and mask is None else mask, need_weights, is_causal and mask is not None)"),
    Mistake("hooks on the attention module never fire", ATTEND, "self.attention.forward(query, key, value, mask, need_weights or self.recorded is not None, is_causal)"),
    Mistake("weights always computed", ATTEND, ATTEND.replace("need_weights", "True")),
    Mistake("key and value exchanged", "query, key, value = (x.unf", "query, value, key = (x.unf"),
    Mistake("the value by the key's projection", "self.to_value(value)))", "self.to_key(value)))"),
    Mistake("the source asks instead of the target", "key = query if key is None else key", "query, key = (query, query) if key is None else (key, query)", "2.5"),
    Mistake("value ignored", "value = key if value is None else value", "value = key"),
    Mistake("no last projection", f"output = self.to_output({MERGE})", f"output = {MERGE}"),
    Mistake("no biases", "bias=bias) for _ in range(4)", "bias=False) for _ in range(4)"),
    Mistake("biases always", "bias=bias) for _ in range(4)", "bias=True) for _ in range(4)"),
    Mistake("weights summed over heads", "weights.mean(dim=1)", "weights.sum(dim=1)"),
    Mistake("weights averaged over queries", "weights.mean(dim=1)", "weights.mean(dim=2)"),
    Mistake("weights always averaged", "averaged = need_weights and average_weights", "averaged = need_weights"),
    Mistake("positions for the query alone", CALL, CALL.replace("query, key, mask =", "query, _, mask =")),
    Mistake("rotary applied to values", CALL, CALL + "\n            value = self.positions(value, value)[1]"),
    Mistake("positions restart at 0 for each cached step", CALL,
            "turned = self.positions(query, key[..., :query.size(-2), :], None)[0]\n            _, key, mask = self.positions(query, key, mask)\n            query = turned"),
    Mistake("positions before the cache, and again behind it", "        if cache is not None:\n            key, value",
            "        if cache is not None and self.positions is not None:\n            query, key, _ = self.positions(query, key, None)\n"
            "        if cache is not None:\n            key, value"),
    Mistake("cache ignored", "            key, value = cache.extend(key, value)", "            cache.extend(key, value)"),
    Mistake("cache extended twice", "            key, value = cache.extend(key, value)", "            cache.extend(key, value)\n            key, value = cache.extend(key, value)"),
    Mistake("nothing is refused", "        refuse.multi_head(self, query, key, value, mask, cache, is_causal)\n", ""),
    Mistake("sizes are not refused", "        refuse.heads(d_model, num_heads, positions)\n", ""),
    Mistake("recording continues afterwards", "layer.recorded = recorded", "layer.recorded = layer.recorded"),
    Mistake("an outer recording ends with an inner one", "before = {layer: layer.recorded", "before = {layer: None"),
    Mistake("a model without attention is recorded", "    refuse.without_attention(model, layers)\n", ""),
)
