"""Mistakes in the encoder, its heads, and masked words."""

from . import Mistake

KEYS = "mask = None if real is None else real[:, None, None, :] "
FINAL = "return x if self.norm is None else self.norm(x)"
FIRST = "return x[torch.arange(x.size(0), device=x.device), left_padding_of(real)]"
POOLED = "return scaled_dot_product_attention(query, x, x, real[:, None, :])[0].squeeze(1)"
TOTAL = "total = x.masked_fill(~real[..., None], 0.0).sum(dim=1)"
COUNT = "real.sum(dim=1, keepdim=True).clamp(min=1)"
STACK = "        norm = make_norm(d_model, block"
START = "        initialise(self)\n\n    def forward"
HIDE = "chosen & (replace < 0.8), mask_id)"
TIE = 'self.tie("encoder.embedding.words.weight", "output.weight")'

MISTAKES = (
    Mistake("the encoder's eps not given to its words", "embedding_norm, dropout, eps)", "embedding_norm, dropout)"),
    Mistake("eps not given to the blocks", "positions=scheme, **block))", "positions=scheme, **block | {'eps': None}))"),
    Mistake("eps not given to the final norm", 'block["bias"], self.eps)', 'block["bias"])'),
    Mistake("padding is attended to", KEYS, "mask = None "),
    Mistake("padding before a text counted as positions", "left_padding=left_padding_of(real)", "left_padding=None"),
    Mistake("queries hidden, not keys", KEYS, "mask = None if real is None else real[:, None, :, None] "),
    Mistake("blocks look back alone", "x = block(x, mask)", "x = block(x, mask, is_causal=True)"),
    Mistake("no final norm", FINAL, "return x"),
    Mistake("post-norm with a final norm", 'self.norm = norm if block["norm_first"] else None', "self.norm = norm"),
    Mistake("one block shared by all", STACK, "        self.blocks = nn.ModuleList([self.blocks[0]] * num_layers)\n" + STACK),
    Mistake("blocks that start identical", START, START.replace("(self)\n", "(self)\n        for block in self.blocks:\n            block.load_state_dict(self.blocks[0].state_dict())\n")),
    Mistake("distances of one side", "num_heads, max_seq_len, True)", "num_heads, max_seq_len, False)"),
    Mistake("the last token in place of the first", FIRST, "return x[:, -1]"),
    Mistake("the first column in place of the first token", FIRST, "return x[:, 0]"),
    Mistake("the mean of padding, too", TOTAL, "total = x.sum(dim=1)"),
    Mistake("the mean divided by T", COUNT, "x.size(1)"),
    Mistake("the mean of nothing is NaN", COUNT, COUNT.removesuffix(".clamp(min=1)")),
    Mistake("attention pools padding, too", POOLED, POOLED.replace(", real[:, None, :]", "")),
    Mistake("pooling does not hear the mask", "real = self.encoder.real_tokens(input_ids, attention_mask)", "real = self.encoder.real_tokens(input_ids)"),
    Mistake("the classifier's encoder does not hear the mask", "x = self.encoder(input_ids, attention_mask, segment_ids)\n        real",
            "x = self.encoder(input_ids, None, segment_ids)\n        real"),
    Mistake("a query that gets no gradient", "nn.Parameter(torch.zeros(1, encoder.d_model))", "torch.zeros(1, encoder.d_model)"),
    Mistake("the tagger does not hear the mask", "x = self.encoder(input_ids, attention_mask, segment_ids)\n        return self.output(self.dropout(x))",
            "x = self.encoder(input_ids, None, segment_ids)\n        return self.output(self.dropout(x))"),
    Mistake("10 % hidden and 80 % random", HIDE, "chosen & (replace < 0.1), mask_id)\n    inputs = torch.where(chosen & (replace >= 0.1) & (replace < 0.9), other, inputs)"),
    Mistake("one draw chooses and replaces", "chosen = choose < share", "replace, chosen = choose, choose < share"),
    Mistake("labels at hidden places alone", "masked_fill(~chosen, -100)", "masked_fill(inputs != mask_id, -100)"),
    Mistake("labels 0 in place of -100", "masked_fill(~chosen, -100)", "masked_fill(~chosen, 0)"),
    Mistake("protected ids chosen", "chosen &= input_ids != number", "pass"),
    Mistake("random words exclude special ones", "torch.randint(vocab_size,", "torch.randint(5, vocab_size,"),
    Mistake("the generator ignored", "torch.rand(2, *input_ids.shape, generator=generator, device=where)", "torch.rand(2, *input_ids.shape, device=where)"),
    Mistake("the input changed in place", "inputs = input_ids.masked_fill(chosen", "labels = input_ids.clone()\n    inputs = input_ids.masked_fill_(chosen"),
    Mistake("tied weights copied", TIE, "self.output.weight = nn.Parameter(encoder.embedding.words.weight.detach().clone())"),
    Mistake("tied once, and not after loading", TIE, "self.output.weight = encoder.embedding.words.weight"),
    Mistake("scores without bias", "self.output = nn.Linear(encoder.d_model, encoder.vocab_size)\n        initialise(self.transform)\n        "
            "nn.init.zeros_(self.output.bias)", "self.output = nn.Linear(encoder.d_model, encoder.vocab_size, bias=False)\n        initialise(self.transform)"),
    Mistake("masked words: the mask ignored", "x = self.encoder(input_ids, attention_mask, segment_ids)\n        return self.output(self.norm(",
            "x = self.encoder(input_ids, None, segment_ids)\n        return self.output(self.norm("),
)
