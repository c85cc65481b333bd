"""Mistakes in the encoder, its heads, masked words, and the count of spans."""

from . import Mistake

NORMED = "return self.dropout(x if self.norm is None else self.norm(x))"
KEYS = "self.real_tokens(input_ids, attention_mask)[:, None, None, :]"
FINAL = "return x if self.norm is None else self.norm(x)"
POOLED = "return scaled_dot_product_attention(self.query.to(x.dtype), x, x, real[:, None, :])[0].squeeze(1)"
TOTAL = "total = x.masked_fill(~real[..., None], 0.0).sum(dim=1)"
COUNT = "real.sum(dim=1, keepdim=True).clamp(min=1)"
STACK = "            for _ in range(num_layers))"
HIDE = "chosen & (replace < 0.8), mask_id)"
RIGHT = "right + len(ours & theirs), guessed + len(ours), there + len(theirs)"
TIE = "self.output.weight = encoder.embedding.words.weight"

MISTAKES = (
    Mistake("words × d_model", "math.sqrt(d_model) if scale", "d_model if scale"),
    Mistake("places not added", "if self.places is not None:", "if False:"),
    Mistake("places restarted at 0", "self.places(x, offset)", "self.places(x)"),
    Mistake("segments not added", "x = x + self.segments(segment_ids)", "x = x"),
    Mistake("no norm after the words", NORMED, "return self.dropout(x)"),
    Mistake("dropout before the norm", NORMED, "return self.dropout(x) if self.norm is None else self.norm(self.dropout(x))"),
    Mistake("no dropout of the words", NORMED, "return x if self.norm is None else self.norm(x)"),
    Mistake("dropout of the words alive in eval()", NORMED,
            'return nn.functional.dropout(x if self.norm is None else self.norm(x), getattr(self.dropout, "p", 0.0))'),
    Mistake("the encoder's eps not given to its words", "1e-5 if eps is None else eps)", "1e-5)"),
    Mistake("eps not given to the blocks", STACK, STACK + "\n        for part in self.blocks.modules():\n"
            "            part.eps = 1e-5 if hasattr(part, 'eps') else None"),
    Mistake("eps not given to the final norm", 'options = {} if eps is None else {"eps": eps}\n        final', "options = {}\n        final"),
    Mistake("padding is attended to", "if attention_mask is not None or self.pad_id is not None:", "if False:"),
    Mistake("attention_mask inverted", "return attention_mask.bool()", "return ~attention_mask.bool()"),
    Mistake("queries hidden, not keys", KEYS, "self.real_tokens(input_ids, attention_mask)[:, None, :, None]"),
    Mistake("blocks look back alone", KEYS, "self.real_tokens(input_ids, attention_mask)[:, None, None, :]\n"
            "            mask = mask & torch.ones(x.size(1), x.size(1), dtype=torch.bool, device=x.device).tril()"),
    Mistake("no final norm", FINAL, "return x"),
    Mistake("post-norm with a final norm", "self.norm = final if norm_first else None", "self.norm = final"),
    Mistake("one block shared by all", STACK, STACK[:-1] + "[:1])\n        self.blocks = nn.ModuleList([self.blocks[0]] * num_layers)"),
    Mistake("blocks that start identical", "if norm_first else None\n        initialise(self)", "if norm_first else None\n        initialise(self)\n"
            "        for block in self.blocks:\n            block.load_state_dict(self.blocks[0].state_dict())"),
    Mistake("distances of one side", "num_heads, max_seq_len, True)", "num_heads, max_seq_len, False)"),
    Mistake("alibi forgotten", 'return ALiBi(num_heads) if positions == "alibi" else None', "return None"),
    Mistake("words start with deviation 1", "isinstance(part, (nn.Linear, nn.Embedding)) and", "isinstance(part, nn.Linear) and"),
    Mistake("biases of distances drawn, too", " and part not in kept", ""),
    Mistake("the last token in place of the first", "return x[:, 0]", "return x[:, -1]"),
    Mistake("the mean of padding, too", TOTAL, "total = x.sum(dim=1)"),
    Mistake("the mean divided by T", COUNT, "x.size(1)"),
    Mistake("the mean of nothing is NaN", COUNT, COUNT.removesuffix(".clamp(min=1)")),
    Mistake("attention pools padding, too", POOLED, POOLED.replace(", real[:, None, :]", "")),
    Mistake("pooling does not hear the mask", "real = self.encoder.real_tokens(input_ids, attention_mask)", "real = self.encoder.real_tokens(input_ids)"),
    Mistake("the classifier's encoder does not hear the mask", "x = self.encoder(input_ids, attention_mask, segment_ids)\n        real",
            "x = self.encoder(input_ids, None, segment_ids)\n        real"),
    Mistake("a query that gets no gradient", "nn.Parameter(torch.zeros(1, encoder.d_model))", "torch.zeros(1, encoder.d_model)"),
    Mistake("the tagger does not hear the mask", "self.dropout(self.encoder(input_ids, attention_mask, segment_ids))",
            "self.dropout(self.encoder(input_ids, None, segment_ids))"),
    Mistake("the type of a span ignored", "spans.add((before, start, place - 1))", 'spans.add(("", start, place - 1))'),
    Mistake("F1 of tokens", RIGHT, 'right + len({(t, i) for t, a, b in ours for i in range(a, b + 1)} & {(t, i) for t, a, b in theirs for i in range(a, b + 1)}), '
            "guessed + sum(b - a + 1 for _, a, b in ours), there + sum(b - a + 1 for _, a, b in theirs)"),
    Mistake("an I- alone begins nothing", 'if tag != "O" and before is None:', 'if tag[:2] == "B-" and before is None:'),
    Mistake("a B- goes on with the span before", 'tag != f"I-{before}":', 'tag[2:] != before:'),
    Mistake("10 % hidden and 80 % random", HIDE, "chosen & (replace < 0.1), mask_id)\n    inputs = torch.where(chosen & (replace >= 0.1) & (replace < 0.9), other, inputs)"),
    Mistake("one draw chooses and replaces", "chosen = choose < share", "replace, chosen = choose, choose < share"),
    Mistake("labels at hidden places alone", "masked_fill(~chosen, -100)", "masked_fill(inputs != mask_id, -100)"),
    Mistake("labels 0 in place of -100", "masked_fill(~chosen, -100)", "masked_fill(~chosen, 0)"),
    Mistake("protected ids chosen", "chosen &= input_ids != number", "pass"),
    Mistake("random words exclude special ones", "torch.randint(vocab_size,", "torch.randint(5, vocab_size,"),
    Mistake("the generator ignored", "torch.rand(2, *input_ids.shape, generator=generator, device=where)", "torch.rand(2, *input_ids.shape, device=where)"),
    Mistake("the input changed in place", "inputs = input_ids.masked_fill(chosen", "labels = input_ids.clone()\n    inputs = input_ids.masked_fill_(chosen"),
    Mistake("tied weights copied", TIE, "self.output.weight = nn.Parameter(encoder.embedding.words.weight.detach().clone())"),
    Mistake("scores without bias", "self.output = nn.Linear(encoder.d_model, encoder.vocab_size)\n        initialise(self.transform)\n        "
            "nn.init.zeros_(self.output.bias)", "self.output = nn.Linear(encoder.d_model, encoder.vocab_size, bias=False)\n        initialise(self.transform)"),
    Mistake("masked words: the mask ignored", "x = self.encoder(input_ids, attention_mask, segment_ids)\n        return self.output(self.norm(",
            "x = self.encoder(input_ids, None, segment_ids)\n        return self.output(self.norm("),
)
