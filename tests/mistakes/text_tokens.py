"""Mistakes in the byte-pair tokenizer: splitting, learning merges, using them, special tokens, decoding, the file."""

from . import Mistake

PIECE = '''_PIECE = re.compile(" ?(?:L+|N+|o+)|[ s]+(?![^ s])|[ s]+")'''
ENDING = '''_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")'''
BEST = "pair = min(zip(ids, ids[1:]), key=lambda pair: made.get(pair, math.inf))"
DECODED = 'b"".join(self.tokens[number] for number in numbers if number < end).decode("utf-8", "replace")'

MISTAKES = (
    Mistake("white space is what Python says", 'if character.isspace() and not "\\x1c" <= character <= "\\x1f":', "if character.isspace():"),
    Mistake("letters are ASCII", 'return category if category in "LN" else "o"', 'return category if category in "LN" and character.isascii() else "o"'),
    Mistake("marks are letters", 'return category if category in "LN" else "o"', 'return "L" if category == "M" else category if category in "LN" else "o"'),
    Mistake("numbers are the digits alone", "unicodedata.category(character)[0]", '"N" if character.isdigit() else unicodedata.category(character)[0].replace("N", "o")'),
    Mistake("no blank before a word", PIECE, PIECE.replace('" ?(', '"(')),
    Mistake("the last blank stays with the others", PIECE, PIECE.replace("[ s]+(?![^ s])|", "")),
    Mistake("numbers join words", PIECE, PIECE.replace("L+|N+", "[LN]+")),
    Mistake("white space thrown away", "pieces.append(text[place:end])", "pieces.append(text[place:end].strip() or text[place:end])"),
    Mistake("no endings", ENDING, '_ENDING = re.compile("(?!)")'),
    Mistake("endings in capitals, too", ENDING, ENDING.replace('")', '", re.IGNORECASE)')),
    Mistake("bytes numbered by themselves", "_BYTES = _VISIBLE + [byte for byte in range(256) if byte not in _VISIBLE]", "_BYTES = list(range(256))"),
    Mistake("characters, not bytes", 'for byte in piece.encode("utf-8")]', 'for byte in piece.encode("latin-1", "replace")]'),
    Mistake("pairs merged twice in a row of three", "merged[-1] = new\n", "merged[-1] = new\n            merged.append(number) if left == right else None\n"),
    Mistake("only the first pair of a word merged", "if number == right and merged and merged[-1] == left:", "if number == right and merged and merged[-1] == left and new not in merged:"),
    Mistake("pairs of words counted once a word", "            counts[pair] += count\n", "            counts[pair] += 1\n"),
    Mistake("ties to the larger ids", "queue = [(-count, pair) for pair, count in counts.items()]", "queue = [(-count, tuple(-number for number in pair)) for pair, count in counts.items()]"),
    Mistake("the rarest pair first", "queue = [(-count, pair) for pair, count in counts.items()]", "queue = [(count, pair) for pair, count in counts.items()]"),
    Mistake("counts out of date", "if counts[pair] != -count:", "if False:"),
    Mistake("pairs that a merge takes away still counted", "changes[before] -= count", "changes[before] -= 0"),
    Mistake("new pairs not counted", "changes[after] += count", "changes[after] += 0"),
    Mistake("words with a new pair not found again", "if new in after:", "if False:"),
    Mistake("words keep their old ids", "words[place] = merged, count\n", "words[place] = word, count\n"),
    Mistake("one merge too few", "len(merges) < num_merges", "len(merges) < num_merges - 1"),
    Mistake("special tokens not counted in vocab_size", "learn_merges(pieces, vocab_size - 256 - len(special))", "learn_merges(pieces, vocab_size - 256)"),
    Mistake("merges from left to right, not by rank", BEST, "pair = next((pair for pair in zip(ids, ids[1:]) if pair in made), ids[:2])\n        pair = tuple(pair)"),
    Mistake("merges in the wrong order", BEST, BEST.replace("min(", "max(").replace("math.inf", "-1")),
    Mistake("merges used once", "ids = merge_pair(ids, pair, made[pair])\n", "return merge_pair(ids, pair, made[pair])\n"),
    Mistake("longest token first", BEST, "pair = min(zip(ids, ids[1:]), key=lambda pair: -made.get(pair, -1))"),
    Mistake("special names in a text always read", "if allow_special and self.special and", "if self.special and"),
    Mistake("special names never read", "if allow_special and self.special and", "if False and"),
    Mistake("shorter special name first", "key=len, reverse=True", "key=len"),
    Mistake("special tokens first", "{name: len(self.tokens) + place for place, name in enumerate(special)}", "{name: place for place, name in enumerate(special)}"),
    Mistake("special tokens always left out", "if skip_special else self.vocab_size", "if True else self.vocab_size"),
    Mistake("each token decoded alone", DECODED, '"".join(self.tokens[number].decode("utf-8", "replace") for number in numbers if number < end)'),
    Mistake("broken bytes dropped", '.decode("utf-8", "replace")', '.decode("utf-8", "ignore")'),
    Mistake("broken bytes an error", '.decode("utf-8", "replace")', '.decode("utf-8")'),
    Mistake("blanks around a text lost", DECODED, f"({DECODED}).strip()"),
    Mistake("seen pieces without their blank", "self._seen[piece] = ids", "self._seen[piece] = self._seen[piece.strip()] = ids"),
    Mistake("files with a blank in front of each text", '"add_prefix_space": False', '"add_prefix_space": True'),
    Mistake("merges written last first", "for pair in tokenizer.merges]", "for pair in tokenizer.merges[::-1]]"),
    Mistake("a file without its special tokens", '"added_tokens": added', '"added_tokens": []'),
)
