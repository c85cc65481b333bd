"""Mistakes in the encoder–decoder, its loss, and greedy decoding."""

from . import Mistake

DECODED = "x = self.decoder(target_ids, target_mask, memory, memory_mask, draft)"
TIED = 'self.tie(*words[:3 if sharing == "all" else 2])'
BUILT = "        super().__init__(encoder, decoder, output)\n"
SMOOTHED = "losses = (1 - smoothing) * losses - smoothing * log_probs.mean(dim=-1)"
REAL = "return real_tokens(source_ids, source_mask, self.encoder.pad_id)"

MODEL = (
    Mistake("mask of the source on the target, and the reverse", DECODED, DECODED.replace("target_mask, memory, memory_mask", "memory_mask, memory, target_mask")),
    Mistake("mask of the source forgotten in cross-attention", DECODED, DECODED.replace("memory_mask", "None")),
    Mistake("mask of the target forgotten", DECODED, DECODED.replace("target_mask", "None")),
    Mistake("the target's mask for the source", "memory = self.encode(source_ids, source_mask)\n", "memory = self.encode(source_ids, target_mask)\n"),
    Mistake("mask forgotten in the encoder", "return self.encoder(source_ids, source_mask)", "return self.encoder(source_ids)"),
    Mistake("pad_id forgotten in cross-attention", REAL, REAL.replace("self.encoder.pad_id", "None")),
    Mistake("what is real taken for what is padding", REAL, f"real = {REAL[7:]}\n        return None if real is None else ~real"),
    Mistake("target shifted within the model, too", DECODED, DECODED.replace("target_ids", "target_ids.roll(1, dims=1)")),
    Mistake("the memory is the source's words, not encoded", "memory = self.encode(source_ids, source_mask)\n", "memory = self.encoder.embedding(source_ids)\n"),
    Mistake("source words copied, not shared", TIED, "self.tie(*words[:2])"),
    Mistake("scores copied, not shared", TIED, 'self.tie(words[0], *words[2:3 if sharing == "all" else 2])'),
    Mistake("one tensor, untied by what loads another", TIED, TIED.replace("self.tie(*", "self._share(")),
    Mistake('"target" shares the source\'s words, too', TIED, "self.tie(*words)"),
    Mistake('"none" shares words and scores', 'if sharing != "none":', "if True:"),
    Mistake("one block used in every layer", BUILT, f"{BUILT}        self.decoder.blocks = nn.ModuleList([self.decoder.blocks[0]] * num_decoder_layers)\n"),
    Mistake("as many layers in the decoder as in the encoder", "TransformerDecoder(target_vocab_size, num_layers=num_decoder_layers,",
            "TransformerDecoder(target_vocab_size, num_layers=num_layers,"),
    Mistake("scores with a bias", "nn.Linear(d_model, target_vocab_size, bias=False)", "nn.Linear(d_model, target_vocab_size)"),
    Mistake("softmax within the model", "logits = self.output(x)", "logits = self.output(x).softmax(dim=-1)"),
    Mistake("embeddings start with deviation 1", "std = 1 / (3 * math.sqrt(model.decoder.d_model))", "std = 1.0"),
    Mistake("blocks start with deviation 0.02", "nn.init.xavier_uniform_(part.weight)", "pass"),
    Mistake("words not multiplied by √d_model", '"scale": True,', '"scale": False,'),
    Mistake("pre-norm where the paper has post-norm", '"norm_first": False,', '"norm_first": True,'),
    Mistake("what is given gives way to the paper's options", "**PAPER | stack)", "**stack | PAPER)"),
)

LOSS = (
    Mistake("smoothing spread over V - 1 classes", SMOOTHED,
            "losses = (1 - smoothing) * losses - smoothing * (log_probs.sum(dim=-1) + losses) / (log_probs.size(-1) - 1)"),
    Mistake("smoothing added, nothing taken from the target", SMOOTHED, "losses = losses - smoothing * log_probs.mean(dim=-1)"),
    Mistake("smoothing summed over classes", SMOOTHED, SMOOTHED.replace("mean", "sum")),
    Mistake("padding counted in the loss", "real = real & (targets != pad_id)", "pass"),
    Mistake("padding left out of the sum, not of the count", ".sum() / real.sum()", ".sum() / targets.numel()"),
    Mistake("padding left out of the count, not of the sum", "losses.masked_fill(~real, 0.0).sum()", "losses.sum()"),
    Mistake("-100 counted", "real = targets != -100\n", "targets = targets.clamp(min=0)\n    real = targets != -100\n"),
    Mistake("no smoothing by default", "def label_smoothed_loss(logits, targets, smoothing=0.1,", "def label_smoothed_loss(logits, targets, smoothing=0.0,"),
    Mistake("softmax before the loss", "log_probs = logits.log_softmax", "log_probs = logits.softmax(dim=-1).log_softmax"),
)

GREEDY = (
    Mistake("mask of the source forgotten in a search", "memory = model.encode(source_ids, source_mask)", "memory = model.encode(source_ids)"),
    Mistake("mask of the memory forgotten in a search", "memory_mask = model.memory_mask(source_ids, source_mask)", "memory_mask = None"),
    Mistake("the whole text fed to the cache again", "new = token if use_cache else ids", "new = ids"),
    Mistake("the last token alone without a cache", "new = token if use_cache else ids", "new = token"),
    Mistake("the next token from the first position's logits", "real, cache)[:, -1]", "real, cache)[:, 0]"),
    Mistake("a token that is written and equals pad_id is hidden", "real = None if pad_id is None else torch.ones_like(ids, dtype=torch.bool)", "real = None"),
    Mistake("another start token than in training", "torch.full_like(source_ids[:, :1], bos_id,", "torch.full_like(source_ids[:, :1], eos_id,"),
    Mistake("what follows an end is not eos", ".masked_fill(ended, eos_id)", ""),
    Mistake("all texts end with the first", "if all_true(ended):", "if ended.any():"),
    Mistake("never stops", "if all_true(ended):", "if False:"),
    Mistake("the start token is returned", "return ids[:, 1:].clone()", "return ids.clone()"),
    Mistake("tokens of inference mode returned", "return ids[:, 1:].clone()", "return ids[:, 1:]"),
    Mistake("greedy decoding with dropout", "with evaluating(model):", "with torch.inference_mode():"),
)

MISTAKES = MODEL + LOSS + GREEDY
