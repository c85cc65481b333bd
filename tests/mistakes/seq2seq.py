"""Mistakes in the encoder–decoder, its loss, the two searches, and BLEU."""

from . import Mistake

DECODED = "self.output(self.decoder(target_ids, target_mask, memory, memory_mask, cache))"
WORDS = "        words = self.decoder.embedding.words\n"
SMOOTHED = "return (1 - smoothing) * loss - smoothing * log_probs.mean()"
SELECT = "self.cache.select(rows, memory=more)"
GATHER = "torch.take_along_dim(self.ids, parents[..., None], dim=1)"
STOP = "self.done |= self._best_possible() <= self.scores[:, -1]"
PENALTY = "log_probs / ((5 + length) / 6) ** self.length_penalty"
NEAREST = "min((abs(len(one) - len(words)), len(one)) for one in several)[1]"
BREVITY = "math.exp(min(0, 1 - reference_length / max(length, 1)))"
EMPTY = "if match == 0 or total == 0:\n            return 0.0\n"

MODEL = (
    Mistake("mask of the source on the target, and the reverse", DECODED, DECODED.replace("target_mask, memory, memory_mask", "memory_mask, memory, target_mask")),
    Mistake("mask of the source forgotten in cross-attention", DECODED, DECODED.replace("memory_mask", "None")),
    Mistake("mask of the target forgotten", DECODED, DECODED.replace("target_mask", "None")),
    Mistake("the target's mask for the source", "memory = self.encode(source_ids, source_mask)\n", "memory = self.encode(source_ids, target_mask)\n"),
    Mistake("mask forgotten in the encoder", "return self.encoder(source_ids, source_mask)", "return self.encoder(source_ids)"),
    Mistake("pad_id forgotten in cross-attention", "if source_mask is None and self.encoder.pad_id is None:", "if source_mask is None:"),
    Mistake("what is real taken for what is padding", "return self.encoder.real_tokens(source_ids, source_mask)", "return ~self.encoder.real_tokens(source_ids, source_mask)"),
    Mistake("target shifted within the model, too", DECODED, DECODED.replace("target_ids", "target_ids.roll(1, dims=1)")),
    Mistake("the memory is the source's words, not encoded", "memory = self.encode(source_ids, source_mask)\n", "memory = self.encoder.embedding(source_ids)\n"),
    Mistake("source words copied, not shared", "self.encoder.embedding.words.weight = words.weight", "self.encoder.embedding.words.weight = nn.Parameter(words.weight.detach().clone())"),
    Mistake("scores copied, not shared", "self.output.weight = words.weight", "self.output.weight = nn.Parameter(words.weight.detach().clone())"),
    Mistake('"target" shares the source\'s words, too', 'if sharing == "all":', 'if sharing != "none":'),
    Mistake('"none" shares words and scores', 'if sharing != "none":', "if True:"),
    Mistake("one block used in every layer", WORDS, f"{WORDS}        self.decoder.blocks = nn.ModuleList([self.decoder.blocks[0]] * num_decoder_layers)\n"),
    Mistake("as many layers in the decoder as in the encoder", "TransformerDecoder(target_vocab_size, num_layers=num_decoder_layers,",
            "TransformerDecoder(target_vocab_size, num_layers=num_layers,"),
    Mistake("scores with a bias", "nn.Linear(d_model, target_vocab_size, bias=False)", "nn.Linear(d_model, target_vocab_size)"),
    Mistake("softmax within the model", DECODED, f"{DECODED}.softmax(dim=-1)"),
    Mistake("embeddings start with deviation 1", "std=1 / (3 * math.sqrt(model.decoder.d_model))", "std=1.0"),
    Mistake("blocks start with deviation 0.02", "nn.init.xavier_uniform_(part.weight)", "pass"),
    Mistake("words not multiplied by √d_model", '"positions": positions, "scale": scale,', '"positions": positions, "scale": False,'),
    Mistake("pre-norm where the paper has post-norm", 'norm="layer", norm_first=False,', 'norm="layer", norm_first=True,'),
)

LOSS = (
    Mistake("smoothing spread over V - 1 classes", SMOOTHED,
            "return (1 - smoothing) * loss - smoothing * (log_probs.sum() / len(log_probs) + loss) / (log_probs.size(-1) - 1)"),
    Mistake("smoothing added, nothing taken from the target", SMOOTHED, "return loss - smoothing * log_probs.mean()"),
    Mistake("smoothing summed over classes", SMOOTHED, "return (1 - smoothing) * loss - smoothing * log_probs.sum(dim=-1).mean()"),
    Mistake("padding counted in the loss", "real = real & (targets != pad_id)", "pass"),
    Mistake("padding left out of the sum, not of the count", ".mean()\n    if smoothing == 0:", ".sum() / targets.numel()\n    if smoothing == 0:"),
    Mistake("-100 counted", "real = targets != -100\n", "targets = targets.clamp(min=0)\n    real = targets != -100\n"),
    Mistake("no smoothing by default", "def label_smoothed_loss(logits, targets, smoothing=0.1,", "def label_smoothed_loss(logits, targets, smoothing=0.0,"),
    Mistake("softmax before the loss", "log_probs = logits[real].log_softmax", "log_probs = logits[real].softmax(dim=-1).log_softmax"),
)

SEARCH = (
    Mistake("mask of the source forgotten in a search", "self.model, self.memory = model, model.encode(source_ids, source_mask)",
            "self.model, self.memory = model, model.encode(source_ids)"),
    Mistake("mask of the memory forgotten in a search", "self.mask = model.memory_mask(source_ids, source_mask)", "self.mask = None"),
    Mistake("the whole text fed to the cache again", "ids[:, self.cache.length:]", "ids"),
    Mistake("the last token alone without a cache", "new = ids if self.cache is None", "new = ids[:, -1:] if self.cache is None"),
    Mistake("the next token from the first place's logits", "cache=self.cache)[:, -1]", "cache=self.cache)[:, 0]"),
    Mistake("another start token than in training", "ids[:, 0] = bos_id", "pass"),
    Mistake("what follows an end is not eos", ".argmax(dim=-1).masked_fill(ended, eos_id)", ".argmax(dim=-1)"),
    Mistake("all texts end with the first", "if ended.all():", "if ended.any():"),
    Mistake("the start token is returned", "ids = ids[..., 1:]\n", "pass\n"),
    Mistake("tokens of inference mode returned", ".max() + 1].clone()", ".max() + 1]"),
    Mistake("searches with dropout", "model.eval()\n    try:", "try:"),
    Mistake("a search ends in eval mode", "module.training = True", "pass"),
    Mistake("a search ends with every part in training", "for module in training:", "for module in model.modules():"),
    Mistake("beams keep the cache of others", SELECT, f"{SELECT} if more else None"),
    Mistake("the memory is not chosen with its rows", SELECT, "self.cache.select(rows, memory=False)"),
    Mistake("beams take rows of the first sentence", "[:, None] * W + parents.gather(1, order)", "[:, None] * 0 + parents.gather(1, order)"),
    Mistake("beams go on from the first one's text", GATHER, "self.ids[:, :1].repeat(1, N, 1)"),
    Mistake("sums of log-probabilities not carried on", "(self.log_probs[..., None] + log_probs)", "log_probs"),
    Mistake("probabilities added, not their logarithms", "log_probs = logits.log_softmax", "log_probs = logits.softmax"),
    Mistake("as many candidates as beams", "N = min(2 * self.num_beams, W * V)", "N = min(self.num_beams, W * V)"),
    Mistake("ended texts stay open", "order = ends.long().argsort", "order = torch.zeros_like(ends).long().argsort"),
    Mistake("an end counts wherever it ranks", "ended[:, self.num_beams:] = False", "pass"),
    Mistake("a sentence that is done still changes", "ended = ends & ~self.done[:, None]", "ended = ends.clone()"),
    Mistake("divided by the length alone", PENALTY, "log_probs / length ** self.length_penalty"),
    Mistake("6 outside the power", PENALTY, "log_probs / ((5 + length) ** self.length_penalty / 6)"),
    Mistake("multiplied by the penalty", PENALTY, "log_probs * ((5 + length) / 6) ** self.length_penalty"),
    Mistake("eos not counted in the length", "self._keep(ids, self._score(totals, length)", "self._keep(ids, self._score(totals, length - 1)"),
    Mistake("stops as if an open text ended now", STOP, "self.done |= self._score(self.log_probs[:, 0], length) <= self.scores[:, -1]"),
    Mistake("stops with the first end", STOP, "self.done |= self.scores[:, 0] > -math.inf"),
    Mistake("never stops", STOP, "pass"),
    Mistake("stops when the best kept is safe, not the worst", STOP, STOP.replace("[:, -1]", "[:, 0]")),
    Mistake("the whole batch stops with one sentence", "if beams.done.all():", "if beams.done.any():"),
    Mistake("one beam goes on after its end", "if self.num_beams == 1:", "if False:"),
    Mistake("unfinished texts win against those that ended", "self._choose(self.ids, totals, vacant.long().argsort(dim=1, stable=True))", "self._keep(self.ids, totals)"),
    Mistake("unfinished texts are never returned", "beams.take_open_ones()", "pass"),
    Mistake("the worst of those kept comes first", "both.argsort(dim=1, descending=True, stable=True)", "both.argsort(dim=1, stable=True)"),
)

BLEU = (
    Mistake("counts not clipped", "(counts & allowed).total()", "sum(count for gram, count in counts.items() if gram in allowed)"),
    Mistake("counts of all references added", "allowed |= _ngrams(one, n)", "allowed += _ngrams(one, n)"),
    Mistake("arithmetic mean", "return math.exp(math.fsum(logs) / len(logs))", "return math.fsum(map(math.exp, logs)) / len(logs)"),
    Mistake("mean over sentences", "    matches, totals, length, reference_length =",
            "    if len(hypotheses) > 1:\n        each = [corpus_bleu([one], [other], max_order, smoothing) for one, other in zip(hypotheses, references)]\n"
            "        return sum(each) / len(each)\n    matches, totals, length, reference_length ="),
    Mistake("no brevity penalty", BREVITY, "1"),
    Mistake("long hypotheses punished, too", BREVITY, "math.exp(-abs(1 - reference_length / max(length, 1)))"),
    Mistake("c/r in the penalty", BREVITY, "math.exp(min(0, 1 - max(length, 1) / reference_length))"),
    Mistake("length of the first reference", NEAREST, "len(several[0])"),
    Mistake("length of the shortest reference", NEAREST, "min(map(len, several))"),
    Mistake("of two lengths equally near the longer", NEAREST, "-min((abs(len(one) - len(words)), -len(one)) for one in several)[1]"),
    Mistake("sequences do not overlap", "range(len(words) - n + 1))", "range(0, len(words) - n + 1, n))"),
    Mistake("every order without a match gets a half", "match = half = half / 2", "match = 0.5"),
    Mistake("smoothed without any match", "and matches[0] > 0:", "and total > 0:"),
    Mistake("orders that no hypothesis has left out", EMPTY, "if total == 0:\n            break\n        if match == 0:\n            return 0.0\n"),
    Mistake("from 0 to 1", "return 100 * _bleu", "return _bleu"),
)

MISTAKES = MODEL + LOSS + SEARCH + BLEU
