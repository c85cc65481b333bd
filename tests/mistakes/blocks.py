"""Mistakes in norms, the feed-forward network, the block, and the count of what it costs."""

from . import Mistake

BEFORE, ADD = "return norm(x) if self.norm_first else x\n", "x = x + self.dropout(update) "
ORDER = "(d_model, num_heads, dropout, bias), norm_first"
CROSS = "self._before(self.cross_attention_norm, x), memory, memory, memory_mask,"
CENTRED, VARIANCE = "centred = wide - wide.mean(dim=-1, keepdim=True)", "variance = centred.square().mean(dim=-1, keepdim=True)"
NORMED = "centred * torch.rsqrt(variance + self.eps) * gain"
SUMMED = "(output if bias is None else output + bias)"
LAYER_NORM = "return F.layer_norm(x, (self.d_model,), self.weight, self.bias, self.eps)"
WIDE = "wide, gain, bias = x.to(torch.promote_types(x.dtype, torch.float32)), self.weight, self.bias"
WRITTEN_OUT = f"{WIDE}\n        {CENTRED}\n        {VARIANCE}\n        output = {NORMED}\n        return {SUMMED}.to(x.dtype)"
RMS = "wide * torch.rsqrt(mean_square + self.eps) * self.weight"


def _layer_norm(name, find, replace):
    """A mistake in the formula of LayerNorm, written out in place of PyTorch's function."""
    return Mistake(name, LAYER_NORM, WRITTEN_OUT.replace(find, replace))


MISTAKES = (
    _layer_norm("unbiased variance", VARIANCE, "variance = wide.var(dim=-1, keepdim=True)"),
    _layer_norm("LayerNorm, eps outside of the root", NORMED, "centred / (variance.sqrt() + self.eps) * gain"),
    Mistake("LayerNorm, another default of eps", "eps=1e-5, bias=True", "eps=1e-6, bias=True"),
    _layer_norm("LayerNorm centred over the tokens", CENTRED, "centred = wide - wide.mean(dim=0, keepdim=True)"),
    _layer_norm("variance over the tokens", VARIANCE, "variance = centred.square().mean(dim=0, keepdim=True)"),
    _layer_norm("LayerNorm over the whole batch", CENTRED, "centred = wide - wide.mean()"),
    _layer_norm("LayerNorm not centred", CENTRED, "centred = wide"),
    _layer_norm("LayerNorm without gain", NORMED, "centred * torch.rsqrt(variance + self.eps)"),
    _layer_norm("LayerNorm without bias", SUMMED, "output"),
    _layer_norm("the bias of LayerNorm before its gain", NORMED,
                "(centred * torch.rsqrt(variance + self.eps) + (0 if bias is None else bias)) * gain - (0 if bias is None else bias)"),
    _layer_norm("deviation detached", NORMED, "centred * torch.rsqrt(variance.detach() + self.eps) * gain"),
    _layer_norm("LayerNorm divides by the variance", NORMED, "centred / (variance + self.eps) * gain"),
    Mistake("norms computed in half precision", "wide = x.to(torch.promote_types(x.dtype, torch.float32))", "wide = x"),
    _layer_norm("LayerNorm returns float32", f"{SUMMED}.to(x.dtype)", SUMMED),
    Mistake("RMSNorm, eps outside of the root", RMS, "wide / (mean_square.sqrt() + self.eps) * self.weight", "4.1"),
    Mistake("RMSNorm, another default of eps", "eps=1e-6):", "eps=1e-5):"),
    Mistake("RMSNorm over the length", "mean_square = wide.square().mean(", "mean_square = wide.square().sum(", "4.1"),
    Mistake("RMSNorm centred", RMS, "(wide - wide.mean(dim=-1, keepdim=True)) * torch.rsqrt(mean_square + self.eps) * self.weight", "4.1"),
    Mistake("RMSNorm without gain", RMS, "wide * torch.rsqrt(mean_square + self.eps)", "4.1"),
    Mistake("twice the width by default", "d_ff = 4 * int(d_model) if", "d_ff = 2 * int(d_model) if"),
    Mistake("GELU by its tanh form", '"gelu": F.gelu,', '"gelu": functools.partial(F.gelu, approximate="tanh"),'),
    Mistake("the tanh form is exact", 'functools.partial(F.gelu, approximate="tanh")', "F.gelu"),
    Mistake("squared without ReLU", "F.relu(x).square()", "x.square()"),
    Mistake("activation ignored", "ACTIVATIONS[self.activation]", 'ACTIVATIONS["relu"]'),
    Mistake("no activation", "ACTIVATIONS[self.activation](self.to_hidden(x))", "self.to_hidden(x)"),
    Mistake("no dropout on hidden units", "self.to_output(self.dropout(hidden))", "self.to_output(hidden)"),
    Mistake("a hidden bias always", "self.to_hidden = nn.Linear(d_model, d_ff, bias=bias)", "self.to_hidden = nn.Linear(d_model, d_ff)"),
    Mistake("pre- and post-norm exchanged", ORDER, ORDER.replace("norm_first", "not norm_first"), "4.3"),
    Mistake("always pre-norm", ORDER, ORDER.replace("norm_first", "True"), "4.3"),
    Mistake("looks like pre-norm", ADD, "x = (norm(x) if self.norm_first else x) + self.dropout(update) ", "4.6"),
    Mistake("pre-norm without residual", ADD, "x = self.dropout(update) if self.norm_first else x + self.dropout(update) "),
    Mistake("pre-norm without norm", BEFORE, "return x\n"),
    Mistake("post-norm without residual", ADD, "x = x + self.dropout(update) if self.norm_first else self.dropout(update) ", "4.3"),
    Mistake("post-norm of what is written", ADD, "if not self.norm_first:\n            return x + norm(self.dropout(update))\n        " + ADD, "4.3"),
    Mistake("norm before and after", BEFORE, "return norm(x)\n"),
    Mistake("no dropout on what is written", ADD, "x = x + update "),
    Mistake("dropout on the whole stream", ADD, "x = self.dropout(x + update) "),
    Mistake("dropout alive in eval()", ADD, 'x = x + F.dropout(update, getattr(self.dropout, "p", 0.0)) ', "4.6"),
    Mistake("the residual connection detached", ADD, "x = x.detach() + self.dropout(update) "),
    Mistake("the caller's tensor changed in place", ADD, "x += self.dropout(update) "),
    Mistake("no dropout in self-attention", "MultiHeadAttention(*attention, positions)", "MultiHeadAttention(d_model, num_heads, 0.0, bias, positions)"),
    Mistake("mask ignored", "x), None, None, mask,", "x), None, None, None,"),
    Mistake("is_causal ignored", "cache=cache, is_causal=is_causal)", "cache=cache)"),
    Mistake("mask of the memory ignored", CROSS, CROSS.replace("memory_mask", "None")),
    Mistake("the target's mask used for the memory", CROSS, CROSS.replace("memory_mask", "mask")),
    Mistake("the memory not read", CROSS, CROSS.replace("memory, memory,", "x, x,")),
    Mistake("the memory asks", CROSS, "memory, self._before(self.cross_attention_norm, x), None, memory_mask,"),
    Mistake("one norm used twice", "self.feed_forward_norm = make_norm(d_model, norm, bias, eps)", "self.feed_forward_norm = self.self_attention_norm", "4.3"),
    Mistake("a norm's bias always", "LayerNorm(d_model, bias=bias, **options)", "LayerNorm(d_model, **options)"),
    Mistake("LayerNorm in place of RMSNorm", "return RMSNorm(d_model, **options)", "return LayerNorm(d_model, bias=False, **options)"),
    Mistake("cache ignored", "need_weights=False, cache=cache,", "need_weights=False,"),
    Mistake("positions ignored", "MultiHeadAttention(*attention, positions)", "MultiHeadAttention(*attention)"),
    Mistake("positions in cross-attention", "self.cross_attention = MultiHeadAttention(*attention)", "self.cross_attention = MultiHeadAttention(*attention, positions)"),
    Mistake("a memory too many or missing not noticed", "        refuse.memory(self, memory, memory_mask)\n", ""),
    Mistake("parameters without attention's biases", "(4 * d_model if bias else 0)", "0", "4.4"),
    Mistake("parameters without feed-forward's biases", "(d_ff + d_model if bias else 0)", "0", "4.4"),
    Mistake("parameters with norms of one size", 'if norm == "layer" and bias else d_model', 'if bias else d_model'),
    Mistake("parameters without cross-attention", "attentions = 2 if cross_attention else 1", "attentions = 1"),
    Mistake("operations of three projections", "8 * n * d_model ** 2", "6 * n * d_model ** 2", "4.5"),
    Mistake("operations of one product", "4 * n * (cached + n) * d_model", "2 * n * (cached + n) * d_model", "4.5"),
    Mistake("operations without the cache", "(cached + n)", "n"),
    Mistake("the memory counted as long as the text", "4 * memory_length * d_model ** 2", "4 * n * d_model ** 2"),
    Mistake("the batch not counted", "return int(batch) * flops", "return flops"),
)
