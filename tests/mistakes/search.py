"""Mistakes in the batched beam search."""

from . import Mistake

SELECT = "self.cache.select(rows, memory=more)"
GATHER = "torch.take_along_dim(self.ids, parents[..., None], dim=1)"
STOP = "self.done |= self._best_possible() <= self.scores[:, -1]"
PENALTY = "log_probs / ((5 + length) / 6) ** self.length_penalty"
REAL = "real = None if self.model.decoder.pad_id is None else torch.ones_like(ids, dtype=torch.bool)"

MISTAKES = (
    Mistake("mask of the source forgotten in a search", "self.model, self.memory = model, model.encode(source_ids, source_mask)",
            "self.model, self.memory = model, model.encode(source_ids)"),
    Mistake("mask of the memory forgotten in a search", "self.mask = model.memory_mask(source_ids, source_mask)", "self.mask = None"),
    Mistake("the whole text fed to the cache again", "ids[:, self.cache.length:]", "ids"),
    Mistake("the last token alone without a cache", "new = ids if self.cache is None", "new = ids[:, -1:] if self.cache is None"),
    Mistake("the next token from the first position's logits", "real, self.cache)[:, -1]", "real, self.cache)[:, 0]"),
    Mistake("a token that is written and equals pad_id is hidden", REAL, "real = None"),
    Mistake("another start token than in training", "ids[:, 0] = bos_id", "pass"),
    Mistake("the start token is returned", "ids = ids[..., 1:]\n", "pass\n"),
    Mistake("tokens of inference mode returned", ".max() + 1].clone()", ".max() + 1]"),
    Mistake("a beam search with dropout", "with evaluating(model):", "with torch.inference_mode():"),
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
