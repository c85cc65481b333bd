"""Mistakes in the position schemes."""

from . import Mistake

EXPONENT = "* base ** (-2 * i / d_model)\n"
ROTARY_EXPONENT = "self.base ** (-2 * i / self.d_head)"
TURN = "a, b = a * cos - b * sin, a * sin + b * cos"
CALL = "return self.rotate(query, key.size(-2) - query.size(-2)), self.rotate(key), mask"
BIAS = "return torch.where(mask, bias, -math.inf) if mask.dtype == torch.bool else bias + mask"
OFFSETS = "return key_positions - key_positions[S - T:, None]"
TABLE = "self._table = sinusoids(positions, d_model, base, layout, dtype)"
ROWS = "return x + self._table[offset:offset + x.size(-2)].to(x)"

MISTAKES = (
    Mistake("sinusoid: exponent doubled twice", EXPONENT, "* base ** (-4 * i / d_model)\n", "3.1"),
    Mistake("sinusoid: exponent halved", EXPONENT, "* base ** (-i / d_model)\n"),
    Mistake("sinusoid: operator precedence", EXPONENT, "* base ** -2 * i / d_model\n"),
    Mistake("sinusoid: wrong sign of the exponent", EXPONENT, "* base ** (2 * i / d_model)\n"),
    Mistake("sinusoid: base ignored", EXPONENT, "* 1000.0 ** (-2 * i / d_model)\n"),
    Mistake("sinusoid: sine and cosine exchanged", "[angles.sin(), angles.cos()]", "[angles.cos(), angles.sin()]"),
    Mistake("sinusoid: layouts exchanged", 'if layout == "halves":', 'if layout != "halves":'),
    Mistake("sinusoid: odd widths lose a sine", "(d_model + 1) // 2", "d_model // 2"),
    Mistake("sinusoid: angles in single precision", 'positions.to("cpu", torch.float64)', 'positions.to("cpu", torch.float32)'),
    Mistake("sinusoid: stretched the wrong way", "device=\"cpu\") / stretch", "device=\"cpu\") * stretch"),
    Mistake("sinusoid: positions count from 1", "torch.arange(max_seq_len, dtype", "torch.arange(1, max_seq_len + 1, dtype"),
    Mistake("sinusoid: the table is a parameter", TABLE, TABLE.replace("= ", "= nn.Parameter(") + ")"),
    Mistake("sinusoid: the table is saved", TABLE, TABLE.replace("self._table = ", "table = ") + '\n        self.register_buffer("_table", table)'),
    Mistake("sinusoid: the table is a buffer, which casts round and to_empty empties", TABLE,
            TABLE.replace("self._table = ", "table = ") + '\n        self.register_buffer("_table", table, persistent=False)'),
    Mistake("sinusoid: the table is rounded to the default dtype", TABLE, TABLE.replace(", dtype", "")),
    Mistake("added: rows of the batch axis", ROWS, "return x + self._table[offset:offset + x.size(0)].unsqueeze(-2).to(x)"),
    Mistake("added: offset ignored", ROWS, "return x + self._table[:x.size(-2)].to(x)"),
    Mistake("added: offset one too far", ROWS, "return x + self._table.roll(-1, 0)[offset:offset + x.size(-2)].to(x)"),
    Mistake("added: padding before a text counted as positions", "return (positions - left_padding[:, None]).clamp(min=0)", "return positions.expand(x.size(0), -1)"),
    Mistake("added: padding before a text counted twice", "(positions - left_padding[:, None])", "(positions - 2 * left_padding[:, None])"),
    Mistake("learned: offset ignored", "torch.arange(x.size(-2), device=x.device) + offset", "torch.arange(x.size(-2), device=x.device)"),
    Mistake("learned: rows are multiplied", "return x + self.table(_positions", "return x * self.table(_positions"),
    Mistake("learned: not trained", "self.table(_positions(x, offset, left_padding)).to", "self.table(_positions(x, offset, left_padding)).detach().to"),
    Mistake("learned: stretched to the nearest row", "torch.lerp(weight[before], weight[after], share)", "weight[before]"),
    Mistake("learned: stretched, neighbours exchanged", "torch.lerp(weight[before], weight[after], share)",
            "torch.lerp(weight[after], weight[before], share)"),
    Mistake("rotary: exponent doubled twice", ROTARY_EXPONENT, "self.base ** (-4 * i / self.d_head)", "3.5"),
    Mistake("rotary: all pairs equally fast", ROTARY_EXPONENT, "self.base ** (0 * i)", "3.3"),
    Mistake("rotary: turned the other way", TURN, "a, b = a * cos + b * sin, b * cos - a * sin", "3.3"),
    Mistake("rotary: mirrored, not turned", TURN, "a, b = a * cos + b * sin, a * sin - b * cos"),
    Mistake("rotary: layouts exchanged", "x.chunk(2, dim=-1) if halves", "x.chunk(2, dim=-1) if not halves", "3.3"),
    Mistake("rotary: put together in the other layout", "        if halves:\n", "        if not halves:\n", "3.3"),
    Mistake("rotary: the query alone", CALL, "return self.rotate(query, key.size(-2) - query.size(-2)), key, mask"),
    Mistake("rotary: positions restart at 0 for each cached step", CALL, "return self.rotate(query), self.rotate(key), mask", "3.5"),
    Mistake("rotary: cached step one place too late", CALL, "return self.rotate(query, key.size(-2) - query.size(-2) + 1), self.rotate(key), mask"),
    Mistake("rotary: the mask is lost", CALL, "return self.rotate(query, key.size(-2) - query.size(-2)), self.rotate(key), None"),
    Mistake("rotary: angles in half precision", "dtype = torch.promote_types(x.dtype, torch.float32) ", "dtype = x.dtype "),
    Mistake("rotary: stretched the wrong way", "positions[:, None] / self.stretch", "positions[:, None] * self.stretch"),
    Mistake("relative: sign of the distance", OFFSETS, "return key_positions[S - T:, None] - key_positions"),
    Mistake("relative: queries are the first of the positions", OFFSETS, "return key_positions - key_positions[:T, None]"),
    Mistake("relative: the mask is lost", BIAS, "return bias"),
    Mistake("relative: the bias is lost where there is a mask", BIAS, "return mask"),
    Mistake("relative: mask inverted", BIAS, "return torch.where(~mask, bias, -math.inf) if mask.dtype == torch.bool else bias + mask"),
    Mistake("relative: −1e9 for −inf", BIAS, "return torch.where(mask, bias, -1e9) if mask.dtype == torch.bool else bias + mask"),
    Mistake("ALiBi: nearer places are lowered more", "_with_bias(-slopes", "_with_bias(slopes"),
    Mistake("ALiBi: distances in half precision", "dtype = torch.promote_types(query.dtype, torch.float32)", "dtype = query.dtype"),
    Mistake("ALiBi: the slopes are a buffer, which casts round and to_empty empties", 'self._slopes = torch.tensor(slopes, dtype=dtype, device="cpu")',
            'self.register_buffer("_slopes", torch.tensor(slopes), persistent=False)'),
    Mistake("ALiBi: the same slope for all heads", "[2 ** (-8 * (h + 1) / power) for h in range(power)]", "[2 ** (-8 / power) for h in range(power)]"),
    Mistake("ALiBi: slopes count from 0", "2 ** (-8 * (h + 1) / power)", "2 ** (-8 * h / power)"),
    Mistake("ALiBi: wrong for heads that are no power of two", "(-4 * (2 * h + 1) / power)", "(-4 * (h + 1) / power)"),
    Mistake("T5: keys behind and after exchanged", "first = buckets * (offset > 0)", "first = buckets * (offset < 0)"),
    Mistake("T5: one direction only", "distance = offset.abs() if self.bidirectional else (-offset).clamp(min=0)", "distance = (-offset).clamp(min=0)"),
    Mistake("T5: one bucket fewer for near places", "exact = buckets // 2 ", "exact = buckets // 2 - 1 "),
    Mistake("T5: far places are rounded, not cut", "(growth * (buckets - exact)).long()", "(growth * (buckets - exact)).round().long()"),
    Mistake("T5: buckets grow evenly", "(distance.clamp(min=1) / exact).log() / math.log(self.max_distance / exact)", "(distance - exact) / (self.max_distance - exact)"),
    Mistake("T5: heads and places exchanged", "bias.permute(2, 0, 1)[None]", "bias.permute(2, 1, 0)[None]"),
    Mistake("Shaw: not divided by √d_head", "self.keys.weight.T / math.sqrt(query.size(-1))", "self.keys.weight.T"),
    Mistake("Shaw: cut one place too early", "clamp(-farthest, farthest)", "clamp(-farthest + 1, farthest - 1)"),
    Mistake("Shaw: not cut where the text is longer", "clamp(-farthest, farthest) + farthest",
            "add(farthest) % (2 * farthest + 1)"),
    Mistake("Shaw: the distances are not trained", "query @ self.keys.weight.T", "query @ self.keys.weight.T.detach()"),
)
