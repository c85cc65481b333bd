"""Mistakes in the decoder, its cache, its tokens, generation, and the reading and writing of GPT-2's files."""

from . import Mistake

CAUSAL = """mask = None if T == 1 else causal_mask(T, cached + T, x.device)     # one new token may see all there is
        is_causal = T > 1 and not cached and real is None """
ONES = "None if T == 1 else torch.ones(T, cached + T, dtype=torch.bool, device=x.device)"
OFFSET = "self.embedding(input_ids, offset=cached)"
APPEND = "torch.cat([self.key, key], dim=-2), torch.cat([self.value, value], dim=-2)"
TIED = "self.output.weight = self.decoder.embedding.words.weight"
WRITES = "for writes in (block.self_attention.to_output, block.feed_forward.to_output):"
DRAW = "torch.multinomial(_probs(logits, temperature, top_k, top_p), 1, generator=generator)"
NEXT = "new = token if use_cache else ids[:, :place + 1]"
KEPT = "logits.masked_fill(logits < smallest, -math.inf)"
SORT = "probs.sort(dim=-1, descending=True, stable=True)"
BEFORE = "F.pad(ranked.cumsum(dim=-1)[..., :-1], (1, 0))"
STACKED = "self.norm = None\n        if norm_first:"


def _mask(wrong):
    """The lines of CAUSAL with this mask, of which nothing is promised."""
    return f"mask = {wrong}\n        is_causal = False "


MISTAKES = (
    Mistake("padding forgotten where the mask is causal", "not cached and real is None ", "not cached "),
    Mistake("no mask", CAUSAL, _mask("None")),
    Mistake("mask inverted", CAUSAL, _mask("None if T == 1 else ~causal_mask(T, cached + T, x.device)")),
    Mistake("each token sees the next", CAUSAL, _mask(f"{ONES}.tril(cached + 1)")),
    Mistake("no token sees itself", CAUSAL, _mask(f"{ONES}.tril(cached - 1)")),
    Mistake("mask aligned top-left with a cache", CAUSAL, _mask(f"{ONES}.tril()")),
    Mistake("the first chunk into a cache unmasked", CAUSAL, _mask("None if T == 1 or cache is not None and not cached else causal_mask(T, cached + T, x.device)")),
    Mistake("later chunks into a cache unmasked", CAUSAL, _mask("None if T == 1 or cached else causal_mask(T, cached + T, x.device)")),
    Mistake("places begin anew with each chunk", OFFSET, "self.embedding(input_ids)"),
    Mistake("place one too small behind a cache", OFFSET, "self.embedding(input_ids, offset=max(cached - 1, 0))"),
    Mistake("place one too large behind a cache", OFFSET, "self.embedding(input_ids, offset=cached + (cached > 0))"),
    Mistake("cache overwritten, not extended", APPEND, "key, value"),
    Mistake("new values in front", APPEND, "torch.cat([self.key, key], dim=-2), torch.cat([value, self.value], dim=-2)"),
    Mistake("cache shared by the layers", "[_LayerCache() for _ in range(num_layers)]", "[_LayerCache()] * num_layers"),
    Mistake("rows chosen from the keys alone", "layer.key[rows], layer.value[rows]", "layer.key[rows], layer.value"),
    Mistake("memory put into the cache with every step", "memory = memory[:, :0]", "pass"),
    Mistake("rows chosen, their memory forgotten", "self.layers + (self.memory if memory else [])", "self.layers"),
    Mistake("rows chosen from the memory, too, where it should stay", "self.layers + (self.memory if memory else [])", "self.layers + self.memory"),
    Mistake("a memory of another length taken for the one in the cache", "cache.memory[0].length != memory.size(1)", "False"),
    Mistake("the cache forgets its padding", "cache.real = real", "cache.real = None"),
    Mistake("padding attended to", "if real is not None:\n            mask =", "if False:\n            mask ="),
    Mistake("padding or causal, not and", "mask & real[:, None, None, :]", "mask | real[:, None, None, :]"),
    Mistake("padding hides queries, not keys", "mask & real[:, None, None, :]", "mask & real[:, None, -T:, None]"),
    Mistake("attention_mask ignored", "if attention_mask is not None:\n        return", "if False:\n        return"),
    Mistake("mask of the memory ignored", "memory, memory_mask, is_causal", "memory, None, is_causal"),
    Mistake("no norm after the last block", "return x if self.norm is None else self.norm(x)", "return x"),
    Mistake("post-norm with one norm more", STACKED, "self.norm = None\n        if True:"),
    Mistake("the last norm has another eps", 'given = {} if eps is None else {"eps": eps}', "given = {}"),
    Mistake("one block used in every layer", STACKED, f"self.blocks = nn.ModuleList([self.blocks[0]] * num_layers)\n        {STACKED}"),
    Mistake("distances counted as if it looked both ways", "max_seq_len, False), eps)", "max_seq_len, True), eps)"),
    Mistake("PyTorch's own start, embeddings of deviation 1", "initialise(self)\n", "pass\n"),
    Mistake("layers start alike", "initialise(self)\n",
            "initialise(self)\n        for block in self.blocks:\n            block.load_state_dict(self.blocks[0].state_dict())\n"),
    Mistake("tied weights copied", TIED, "self.output.weight = nn.Parameter(self.decoder.embedding.words.weight.detach().clone())"),
    Mistake("writing matrices not made smaller", "std=0.02 / math.sqrt(2 * num_layers)", "std=0.02"),
    Mistake("every matrix made smaller", WRITES, "for writes in (part for part in block.modules() if isinstance(part, nn.Linear)):"),
    Mistake("softmax within the model", "self.output(self.decoder(input_ids, attention_mask, cache=cache))",
            "self.output(self.decoder(input_ids, attention_mask, cache=cache)).softmax(-1)"),
    Mistake("temperature multiplied", "below / temperature", "below * temperature"),
    Mistake("temperature 0 is not greedy", "token = logits.argmax(dim=-1, keepdim=True)",
            "token = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)"),
    Mistake("top-k with 1e-10 for −inf", KEPT, "logits.masked_fill(logits < smallest, 1e-10)"),
    Mistake("top-k keeps one more", "logits.topk(top_k, dim=-1)", "logits.topk(min(top_k + 1, logits.size(-1)), dim=-1)"),
    Mistake("top-k drops the k-th", "logits < smallest", "logits <= smallest"),
    Mistake("top-p drops the token that reaches p", "before >= top_p", "before + ranked > top_p"),
    Mistake("top-p keeps one more", BEFORE, "F.pad(ranked.cumsum(dim=-1)[..., :-2], (2, 0))"),
    Mistake("top-p of unsorted probabilities", SORT, "probs, torch.arange(probs.size(-1), device=probs.device).expand_as(probs)"),
    Mistake("top-p leaves the tokens in order of rank", "torch.zeros_like(probs).scatter(-1, order, ranked)", "ranked"),
    Mistake("what is left does not sum to 1", "probs = probs / probs.sum(dim=-1, keepdim=True)", "pass"),
    Mistake("top-p before top-k", "if top_k is not None:\n        smallest",
            "if top_k is not None and top_p is not None:\n        logits, top_p = _probs(logits, 1, None, top_p).log(), None\n"
            "    if top_k is not None:\n        smallest"),
    Mistake("temperature after the filters", "if temperature != 1:\n",
            "if temperature != 1:\n        logits, top_k, top_p = _probs(logits, 1, top_k, top_p).log(), None, None\n"),
    Mistake("the most probable token, not a drawn one", DRAW, "_probs(logits, temperature, top_k, top_p).argmax(dim=-1, keepdim=True)"),
    Mistake("generator ignored", DRAW, "torch.multinomial(_probs(logits, temperature, top_k, top_p), 1)"),
    Mistake("the whole text fed to the cache again", NEXT, "new = ids[:, :place + 1]"),
    Mistake("the last token not fed without a cache", NEXT, "new = token if use_cache else ids[:, :place]"),
    Mistake("the next token from the first place's logits", "[:, -1])", "[:, 0])"),
    Mistake("generate stays in eval mode", "module.training = True", "pass"),
    Mistake("generate ends with every part in training", "for module in training:", "for module in model.modules():"),
    Mistake("generate draws with dropout", "model.eval()\n    try:", "try:"),
    Mistake("tokens of inference mode returned", "return written.clone()", "return written"),
    Mistake("eos ignored", "ended |= token == eos_id", "pass"),
    Mistake("all texts end with the first", "ended.all()", "ended.any()"),
    Mistake("0 behind an end, not eos", "value=0 if eos_id is None else eos_id", "value=0"),
    Mistake("transposed weights forgotten", 'return tensor.T if name.startswith("h.") and tensor.dim() == 2 else tensor', "return tensor"),
    Mistake("values where keys belong", '"self_attention.to_key", "self_attention.to_value"', '"self_attention.to_value", "self_attention.to_key"'),
    Mistake("layers in the order of their names", 'f"decoder.blocks.{k}.{name}"',
            'f"decoder.blocks.{sorted(range(num_layers), key=str)[k]}.{name}"'),
    Mistake("exact GELU for GPT-2's", '"gelu_new": "gelu_tanh"', '"gelu_new": "gelu"'),
    Mistake("eps not read", '"eps": config["layer_norm_epsilon"]', '"eps": None'),
    Mistake("a model read stays in training", "return model.eval()", "return model"),
    Mistake("any kind of model is read", '"model_type": ("gpt2",)', '"model_type": (config["model_type"],)'),
    Mistake("tensors that are too many are passed over", "for name in tensors if name not in shapes]", "for name in tensors if False]"),
    Mistake("tensors of another shape are spread", "tensors[name].shape != shape]", "False]"),
    Mistake("masks of old files not left out", 'if not name.endswith((".attn.bias", ".attn.masked_bias"))}', "}"),
    Mistake("parts left over are read, not the whole file", "if not whole.exists() and index.exists():", "if index.exists():"),
    Mistake("a save that fails leaves its halves", "half.unlink(missing_ok=True)", "pass"),
    Mistake("the first part alone is read", "load_file(part)", "load_file(parts[0])"),
    Mistake("a tiny temperature divides 0 by 0", "torch.where(below == 0, below, below / temperature)", "below / temperature"),
    Mistake("files are written where they stand", 'folder / f".{name}.half"', "folder / name"),
)
