"""Mistakes in what encoder and decoder share: words, positions, real tokens, starts."""

from . import Mistake

NORMED = "return self.dropout(x if self.norm is None else self.norm(x))"
REAL = "return input_ids != pad_id if attention_mask is None else attention_mask.bool()"

MISTAKES = (
    Mistake("words × d_model", "math.sqrt(d_model) if scale", "d_model if scale"),
    Mistake("places not added", "if self.places is not None:", "if False:"),
    Mistake("places restarted at 0", "self.places(x, offset, left_padding)", "self.places(x, 0, left_padding)"),
    Mistake("padding before a text counted as positions", "self.places(x, offset, left_padding)", "self.places(x, offset)"),
    Mistake("segments not added", "x = x + self.segments(", "x = x + 0 * self.segments("),
    Mistake("no norm after the words", NORMED, "return self.dropout(x)"),
    Mistake("dropout before the norm", NORMED, "return self.dropout(x) if self.norm is None else self.norm(self.dropout(x))"),
    Mistake("no dropout of the words", NORMED, "return x if self.norm is None else self.norm(x)"),
    Mistake("dropout of the words alive in eval()", NORMED,
            'return nn.functional.dropout(x if self.norm is None else self.norm(x), getattr(self.dropout, "p", 0.0))'),
    Mistake("attention_mask inverted", REAL, REAL.replace("attention_mask.bool()", "~attention_mask.bool()")),
    Mistake("attention_mask does not win over pad_id", REAL, "return attention_mask.bool() if pad_id is None else input_ids != pad_id"),
    Mistake("pad_id 0 alone is padding", REAL, REAL.replace("!= pad_id", "!= 0")),
    Mistake("masks and ids are not checked", "    refuse.real_tokens(input_ids, attention_mask)\n", ""),
    Mistake("all padding counted, not that before the text", "real.long().argmax(dim=1)", "(~real).sum(dim=1)"),
    Mistake("the last real token in place of the first", "real.long().argmax(dim=1)", "real.size(1) - 1 - real.long().flip(1).argmax(dim=1)"),
    Mistake("alibi forgotten", 'return ALiBi(num_heads) if positions == "alibi" else None', "return None"),
    Mistake("words start with deviation 1", "isinstance(part, (nn.Linear, nn.Embedding)) and", "isinstance(part, nn.Linear) and"),
    Mistake("biases of distances drawn, too", " and part not in kept", ""),
)
