"""Mistakes in the decoder, its cache, and the model that writes."""

from . import Mistake

BLOCK = "x = block(x, step.mask, step.memory, step.memory_mask, is_causal=True, **caches)"
EMBEDDED = "self.embedding(input_ids, offset=step.cached, left_padding=step.left_padding)"
APPEND = "key = torch.cat([self.key, key], dim=-2)"
VALUES = "value = torch.cat([self.value, value], dim=-2)"
TIED = 'self.tie("decoder.embedding.words.weight", "output.weight")'
WRITES = "for writes in (block.self_attention.to_output, block.feed_forward.to_output):"
CHOSEN = "chosen.layers + (chosen.memory if memory else [])"
INITIALISED = "        initialise(self)\n"


def _mask(wrong):
    """The mask of both directions replaced by this one, of which nothing is promised."""
    return (f"T, S = input_ids.size(1), step.cached + input_ids.size(1)\n            ones = torch.ones(T, S, dtype=torch.bool, device=x.device)\n"
            f"            mask = {wrong}\n            mask = mask if step.mask is None else mask & step.mask\n            "
            + BLOCK.replace("step.mask,", "mask,").replace("is_causal=True", "is_causal=False"))


MISTAKES = (
    Mistake("no mask", BLOCK, BLOCK.replace("is_causal=True", "is_causal=False")),
    Mistake("mask inverted", BLOCK, _mask("~ones.tril(S - T) if T > 1 else ones")),
    Mistake("each token sees the next", BLOCK, _mask("ones.tril(S - T + 1)")),
    Mistake("no token sees itself", BLOCK, _mask("ones.tril(S - T - 1)")),
    Mistake("mask aligned top-left with a cache", BLOCK, _mask("ones.tril()")),
    Mistake("the first chunk into a cache unmasked", BLOCK, BLOCK.replace("is_causal=True", "is_causal=cache is None or step.cached > 0")),
    Mistake("later chunks into a cache unmasked", BLOCK, BLOCK.replace("is_causal=True", "is_causal=not step.cached")),
    Mistake("padding forgotten where the mask is causal", BLOCK, BLOCK.replace("step.mask,", "step.mask if input_ids.size(1) == 1 else None,")),
    Mistake("padding attended to", BLOCK, BLOCK.replace("step.mask,", "None,")),
    Mistake("padding hides queries, not keys", BLOCK,
            BLOCK.replace("step.mask,", "None if step.mask is None else step.mask[..., -x.size(1):].transpose(-2, -1),")),
    Mistake("positions begin anew with each chunk", EMBEDDED, EMBEDDED.replace("offset=step.cached", "offset=0")),
    Mistake("position one too small behind a cache", EMBEDDED, EMBEDDED.replace("step.cached", "max(step.cached - 1, 0)")),
    Mistake("position one too large behind a cache", EMBEDDED, EMBEDDED.replace("step.cached", "step.cached + (step.cached > 0)")),
    Mistake("padding before a text counts as positions", EMBEDDED, EMBEDDED.replace(", left_padding=step.left_padding", "")),
    Mistake("cache overwritten, not extended", APPEND, "self.value = self.value[..., :0, :]"),
    Mistake("new values in front", VALUES, "value = torch.cat([value, self.value], dim=-2)"),
    Mistake("cache shared by the layers", "self.layers = [_LayerCache() for _ in range(num_layers)]", "self.layers = [_LayerCache()] * num_layers"),
    Mistake("rows chosen from the keys alone", "layer.key[rows], layer.value[rows]", "layer.key[rows], layer.value"),
    Mistake("rows chosen, their memory forgotten", CHOSEN, "chosen.layers"),
    Mistake("rows chosen from the memory, too, where it should stay", CHOSEN, "chosen.layers + chosen.memory"),
    Mistake("rows chosen, their padding forgotten", "None if self.real is None else self.real[rows]", "self.real"),
    Mistake("rows chosen layer by layer, in the cache itself", "rows, chosen = rows.long(), self.copy()", "rows, chosen = rows.long(), self"),
    Mistake("the step is not kept", "step.keep()", "pass"),
    Mistake("the step is kept before the blocks", "        x = self.embedding(", "        step.keep()\n        x = self.embedding("),
    Mistake("the output comes when the step is kept already", "draft = caching.begin(cache)", "draft = cache"),
    Mistake("mask of the memory ignored", "step.memory_mask, is_causal", "None, is_causal"),
    Mistake("no norm after the last block", "x = x if self.norm is None else self.norm(x)", "pass"),
    Mistake("post-norm with one norm more", 'if block["norm_first"]:', "if True:"),
    Mistake("the last norm has another eps", 'block["bias"], block["eps"])', 'block["bias"])'),
    Mistake("one block used in every layer", INITIALISED, "        self.blocks = nn.ModuleList([self.blocks[0]] * num_layers)\n" + INITIALISED),
    Mistake("distances counted as if it looked both ways", "max_seq_len, False)", "max_seq_len, True)"),
    Mistake("PyTorch's own initialisation, embeddings of standard deviation 1", INITIALISED, ""),
    Mistake("layers start alike", INITIALISED,
            INITIALISED + "        for block in self.blocks:\n            block.load_state_dict(self.blocks[0].state_dict())\n"),
    Mistake("tied weights copied", TIED, "self.output.weight = nn.Parameter(self.decoder.embedding.words.weight.detach().clone())"),
    Mistake("tied once, and not for good", TIED, "self.output.weight = self.decoder.embedding.words.weight"),
    Mistake("writing matrices not made smaller", "std=0.02 / math.sqrt(2 * num_layers)", "std=0.02"),
    Mistake("every matrix made smaller", WRITES, "for writes in (part for part in block.modules() if isinstance(part, nn.Linear)):"),
    Mistake("softmax within the model", "return logits", "return logits.softmax(-1)"),
    Mistake("what is asked for is ignored", "        refuse.options(type(self), block, refuse.BLOCK_OPTIONS)\n",
            "        block = {name: value for name, value in block.items() if name in _BLOCK}\n"),
    Mistake("options are not all kept", 'self.options = {"vocab_size": vocab_size, "tied": tied, **shape}', 'self.options = {"vocab_size": vocab_size, **shape}'),
)
