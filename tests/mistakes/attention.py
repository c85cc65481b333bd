"""Mistakes in scaled dot-product attention and its masks."""

from . import Mistake

SCALE = "query = query / math.sqrt(query.size(-1)) "
BLOCKED = "blocked = (mask == -math.inf).all(dim=-1, keepdim=True)"

MISTAKES = (
    Mistake("no scaling", SCALE, "query = query "),
    Mistake("divided by d_k, not by its root", SCALE, "query = query / query.size(-1) "),
    Mistake("scaled by the length of the text", SCALE, "query = query / math.sqrt(key.size(-2)) "),
    Mistake("softmax over the queries", "weights = scores.softmax(dim=-1)\n", "weights = scores.softmax(dim=-2)\n", "1.5"),
    Mistake("softmax over the queries where there is a mask", "weights = scores.softmax(dim=-1)\n",
            "weights = scores.softmax(dim=-1 if mask is None else -2)\n", "1.5"),
    Mistake("softmax twice", "weights = scores.softmax(dim=-1)\n", "weights = scores.softmax(dim=-1).softmax(dim=-1)\n"),
    Mistake("mask inverted", "masked_fill(~mask, -math.inf)", "masked_fill(mask, -math.inf)", "1.4"),
    Mistake("zero after softmax, not renormalised", "    weights = scores.softmax(dim=-1)\n", "    weights = scores.softmax(dim=-1)\n"
            "    if mask is not None and mask.dtype == torch.bool:\n        weights = masked_scores(query, key)[0].softmax(dim=-1).masked_fill(~mask, 0.0)\n", "1.5"),
    Mistake("−1e9 for −inf", "masked_fill(~mask, -math.inf)", "masked_fill(~mask, -1e9)"),
    Mistake("0 for −inf", "masked_fill(~mask, -math.inf)", "masked_fill(~mask, 0.0)"),
    Mistake("NaN where nothing may be attended to", BLOCKED, "blocked = torch.zeros_like(mask, dtype=torch.bool)"),
    Mistake("zero weights where anything is blocked", BLOCKED, "blocked = (mask == -math.inf).any(dim=-1, keepdim=True)"),
    Mistake("additive mask ignored", "mask = mask.to(scores.dtype)", "mask = mask.to(scores.dtype).masked_fill(mask != -math.inf, 0.0)"),
    Mistake("dropout on the scores", "weights = F.dropout(weights, dropout)", "weights = F.dropout(scores, dropout).softmax(dim=-1)"),
    Mistake("dropout without rescaling", "weights = F.dropout(weights, dropout)", "weights = F.dropout(weights, dropout) * (1 - dropout)"),
    Mistake("dropout on the output, not on the weights", "return weights @ value, weights\n",
            "return F.dropout(weights @ value, dropout), weights\n"),
    Mistake("dropout alive in eval()", "self.dropout if self.training else 0.0", "self.dropout"),
    Mistake("dropout dead in training", "self.dropout if self.training else 0.0", "0.0"),
    Mistake("rows that may attend to nothing attend to all", "        weights = weights.masked_fill(blocked, 0.0)\n", "        pass\n"),
    Mistake("mask forgotten where weights are asked for", "return scaled_dot_product_attention(query, key, value, mask, dropout)\n",
            "return scaled_dot_product_attention(query, key, value, None, dropout)\n"),
    Mistake("divided by the root after the mask was added", "return scores + mask.masked_fill(blocked, 0.0), blocked",
            "return scores + mask.masked_fill(blocked, 0.0) / math.sqrt(query.size(-1)), blocked"),
    Mistake("is_causal forgotten where weights are asked for", "mask = fused.with_causal(mask, query, key) if is_causal else mask", "mask = mask"),
    Mistake("is_causal forgotten where only the output is wanted", "fused.attention(query, key, value, mask, dropout, is_causal), None",
            "fused.attention(query, key, value, mask, dropout), None"),
    Mistake("dropout forgotten where only the output is wanted", "fused.attention(query, key, value, mask, dropout, is_causal), None",
            "fused.attention(query, key, value, mask, 0.0, is_causal), None"),
    Mistake("mask forgotten where only the output is wanted", "fused.attention(query, key, value, mask, dropout, is_causal), None",
            "fused.attention(query, key, value, None, dropout, is_causal), None"),
    Mistake("weights detached", "return weights @ value, weights\n", "return weights.detach() @ value, weights\n"),
    Mistake("values not used", "return weights @ value, weights\n", "return weights @ (value * 0 + value.mean()), weights\n"),
    Mistake("causal mask aligned top-left", "tril(diagonal=S - T)", "tril()"),
    Mistake("causal mask shows the future", "tril(diagonal=S - T)", "triu(diagonal=S - T)", "2.4"),
    Mistake("causal mask hides the token itself", "tril(diagonal=S - T)", "tril(diagonal=S - T - 1)"),
    Mistake("causal mask shows one token of the future", "tril(diagonal=S - T)", "tril(diagonal=S - T + 1)"),
    Mistake("padding mask on the queries", "[:, None, None, :]", "[:, None, :, None]", "2.4"),
    Mistake("padding mask without the axis for heads", "[:, None, None, :]", "[:, None, :]", "2.4"),
    Mistake("padding mask inverted", "(input_ids != pad_id)", "(input_ids == pad_id)", "2.4"),
    Mistake("padding mask for pad_id 0 alone", "(input_ids != pad_id)", "(input_ids != 0)"),
)
