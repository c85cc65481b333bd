"""Mistakes in the fastest attention, and in its causal mask."""

from . import Mistake

CALL = "F.scaled_dot_product_attention(query, key, value, mask, dropout, triangle)"
TRIANGLE = "if is_causal and mask is None and query.size(-2) == key.size(-2):"
MERGED = "return mask & triangle if mask.dtype == torch.bool else mask.masked_fill(~triangle, -math.inf)"
OUTPUT = "F.dropout(scores.softmax(dim=-1), dropout) @ value"

MISTAKES = (
    Mistake("divided by the root of d_model on the fast path", CALL, CALL[:-1] + ", scale=(query.size(1) * query.size(-1)) ** -0.5)", "2.5"),
    Mistake("no scaling on the fast path", CALL, CALL[:-1] + ", scale=1.0)"),
    Mistake("mask forgotten on the fast path", CALL, CALL.replace("mask", "None")),
    Mistake("mask inverted on the fast path", CALL, CALL.replace("mask", "~mask if mask is not None and mask.dtype == torch.bool else mask"), "2.4"),
    Mistake("no dropout on the fast path", CALL, CALL.replace("dropout, ", "0.0, ")),
    Mistake("an additive mask of another dtype is not converted", "        mask = mask.to(query.dtype)\n", "        pass\n"),
    Mistake("the future is skipped, although a mask is given", TRIANGLE, "if is_causal and query.size(-2) == key.size(-2):\n"
            "        mask = None"),
    Mistake("the triangle is aligned top-left with a cache", TRIANGLE, "if is_causal and mask is None:"),
    Mistake("is_causal ignored beside a mask", "        mask = with_causal(mask, query, key)\n    if mask is not None", "        pass\n    if mask is not None"),
    Mistake("is_causal ignored on the explicit path", "return explicit(query, key, value, with_causal(mask, query, key) if is_causal else mask, dropout)",
            "return explicit(query, key, value, mask, dropout)"),
    Mistake("is_causal ignored where lesson 01 is wanted", "        mask = with_causal(mask, query, key) if is_causal else mask\n", ""),
    Mistake("dropout ignored where lesson 01 is wanted", "lesson_01.scaled_dot_product_attention(query, key, value, mask, dropout)[0]",
            "lesson_01.scaled_dot_product_attention(query, key, value, mask)[0]"),
    Mistake("lesson 01's function is never asked", "    if not _wanted:", "    if False:"),
    Mistake("the fastest is never asked", "    if not _wanted:", "    if True:"),
    Mistake("the environment is not asked", 'os.environ.get("LESSON_FUSED", "1") != "0"', "True"),
    Mistake("the explicit form everywhere", "    if explicit_is_faster(query, key):", "    if True:"),
    Mistake("the explicit form for long texts", " and key.size(-2) <= 256)", ")"),
    Mistake("NaN where only the output is wanted", "scores, blocked = lesson_01.masked_scores(query, key, mask)",
            "scores, blocked = lesson_01.masked_scores(query, key, mask)\n    scores = scores if blocked is None else scores.masked_fill(blocked, -math.inf)\n"
            "    blocked = None"),
    Mistake("rows that see nothing see all where only the output is wanted", "output if blocked is None else output.masked_fill(blocked, 0.0)", "output"),
    Mistake("no dropout where only the output is wanted", OUTPUT, "scores.softmax(dim=-1) @ value"),
    Mistake("softmax over the queries where only the output is wanted", OUTPUT, "F.dropout(scores.softmax(dim=-2), dropout) @ value"),
    Mistake("the causal mask replaces the other", MERGED, "return triangle"),
    Mistake("the causal mask or the other", MERGED, MERGED.replace("mask & triangle", "mask | triangle")),
    Mistake("the causal mask is forgotten beside numbers", MERGED, MERGED.replace("mask.masked_fill(~triangle, -math.inf)", "mask")),
    Mistake("−1e9 for −inf in the future", MERGED, MERGED.replace("-math.inf", "-1e9")),
    Mistake("the causal mask aligned top-left", "lesson_01.causal_mask(T, S, query.device)", "lesson_01.causal_mask(S, S, query.device)[:T]"),
)
