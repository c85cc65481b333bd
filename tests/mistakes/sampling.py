"""Mistakes in how the next token is drawn, and in the loop of `generate`."""

from . import Mistake

DRAW = "torch.multinomial(probs, 1, generator=generator)"
NEXT = "new = token if cache is not None else ids[:, :position + 1]"
KEPT = "logits.masked_fill(logits < smallest, -math.inf)"
SORT = "probs.sort(dim=-1, descending=True, stable=True)"
BEFORE = "F.pad(ranked.cumsum(dim=-1)[..., :-1], (1, 0))"
GREEDY = "token = logits.argmax(dim=-1, keepdim=True)              # (B, 1)"
FIRST = "ids, real = caching.padding_first(ids, real.bool())"

MISTAKES = (
    Mistake("temperature multiplied", "below / temperature)", "below * temperature)"),
    Mistake("temperature 0 is not greedy", GREEDY, "token = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)"),
    Mistake("top-k with 1e-10 for −inf", KEPT, "logits.masked_fill(logits < smallest, 1e-10)"),
    Mistake("top-k keeps one more", "logits.topk(top_k, dim=-1)", "logits.topk(min(top_k + 1, logits.size(-1)), dim=-1)"),
    Mistake("top-k drops the k-th", "logits < smallest", "logits <= smallest"),
    Mistake("top-p drops the token that reaches p", "before >= top_p", "before + ranked > top_p"),
    Mistake("top-p keeps one more", BEFORE, "F.pad(ranked.cumsum(dim=-1)[..., :-2], (2, 0))"),
    Mistake("top-p of unsorted probabilities", SORT, "probs, torch.arange(probs.size(-1), device=probs.device).expand_as(probs)"),
    Mistake("top-p leaves the tokens in order of rank", "torch.zeros_like(probs).scatter(-1, order, ranked)", "ranked"),
    Mistake("what is left does not sum to 1", "probs = probs / probs.sum(dim=-1, keepdim=True)", "pass"),
    Mistake("top-p before top-k", "if top_k is not None:\n        smallest",
            "if top_k is not None and top_p is not None:\n        logits, top_p = next_token_probs(logits, 1, None, top_p).log(), None\n"
            "    if top_k is not None:\n        smallest"),
    Mistake("temperature after the filters", "if temperature != 1:                                # no overflow, and never 0 / 0\n",
            "if temperature != 1:\n        logits, top_k, top_p = next_token_probs(logits, 1, top_k, top_p).log(), None, None\n"),
    Mistake("a tiny temperature divides 0 by 0", "torch.where(below == 0, below, below / temperature)", "below / temperature"),
    Mistake("the most probable token, not a drawn one", DRAW, "probs.argmax(dim=-1, keepdim=True)"),
    Mistake("generator ignored", DRAW, "torch.multinomial(probs, 1)"),
    Mistake("filters ignored", "next_token_probs(logits, temperature, **filters)", "next_token_probs(logits, temperature)"),
    Mistake("the whole text fed to the cache again", NEXT, "new = ids[:, :position + 1]"),
    Mistake("the last token not fed without a cache", NEXT, "new = token if cache is not None else ids[:, :position]"),
    Mistake("the next token from the first position's logits", "x[:, -1])", "x[:, 0])"),
    Mistake("generate runs in the model's own mode", "with evaluating(model):", "with torch.inference_mode():"),
    Mistake("tokens of inference mode returned", "return ids.clone() ", "return ids "),
    Mistake("eos ignored", "ended |= token == eos_id", "pass"),
    Mistake("all texts end with the first", "ended.all()", "ended.any()"),
    Mistake("0 behind an end, not eos", "0 if eos_id is None else eos_id", "0"),
    Mistake("padding on the right stays between prompt and continuation", FIRST, "real = real.bool()"),
    Mistake("padding moved, its mask not", FIRST, "ids, real = caching.padding_first(ids, real.bool())[0], real.bool()"),
    Mistake("the mask of the prompts is ignored", "mask = None if real is None else real[:, :position]", "mask = None"),
    Mistake("new tokens count as padding", "value=True)", "value=False)"),
    Mistake("the prompts come back in another order", "    ids[:, :T] = prompt_ids\n", ""),
)
