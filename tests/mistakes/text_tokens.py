"""Mistakes in the tokenizers of lessons: characters, merging, learning merges, special tokens, decoding."""

from . import Mistake

BEST = "pair = min(zip(ids, ids[1:]), key=lambda pair: made.get(pair, math.inf))"
DECODED = 'return b"".join(kept).decode("utf-8", "replace")'
PARTS = """        for part in bpe.split_at(text, self.special if allow_special else ()):
            if allow_special and part in self.special:
"""
UNKNOWN = "refuse.unknown_characters(text, self._ids)"

MISTAKES = (
    Mistake("pairs merged twice in a row of three", "merged[-1] = new\n", "merged[-1] = new\n            merged.append(number) if left == right else None\n"),
    Mistake("only the first pair of a word merged", "if number == right and merged and merged[-1] == left:", "if number == right and merged and merged[-1] == left and new not in merged:"),
    Mistake("special tokens not counted in vocab_size", "learn_merges(pieces, vocab_size - 256 - len(special))", "learn_merges(pieces, vocab_size - 256)"),
    Mistake("merges from left to right, not by rank", BEST, "pair = next((pair for pair in zip(ids, ids[1:]) if pair in made), ids[:2])\n        pair = tuple(pair)"),
    Mistake("merges in the wrong order", BEST, BEST.replace("min(", "max(").replace("math.inf", "-1")),
    Mistake("merges used once", "ids = merge_pair(ids, pair, made[pair])\n", "return merge_pair(ids, pair, made[pair])\n"),
    Mistake("longest token first", BEST, "pair = min(zip(ids, ids[1:]), key=lambda pair: -made.get(pair, -1))"),
    Mistake("special names in a text always read", PARTS, PARTS.replace(" if allow_special else ()", "").replace("allow_special and ", "")),
    Mistake("special names never read", PARTS, PARTS.replace("if allow_special and", "if False and")),
    Mistake("special tokens first", "ids[256 + len(merges):]", "ids"),
    Mistake("special tokens always left out", "self.special.values() if skip_special else ()", "self.special.values()"),
    Mistake("special tokens never left out", "self.special.values() if skip_special else ()", "()"),
    Mistake("each token decoded alone", DECODED, 'return "".join(token.decode("utf-8", "replace") for token in kept)'),
    Mistake("broken bytes dropped", '.decode("utf-8", "replace")', '.decode("utf-8", "ignore")'),
    Mistake("broken bytes an error", '.decode("utf-8", "replace")', '.decode("utf-8")'),
    Mistake("blanks around a text lost", DECODED, f"{DECODED}.strip()"),
    Mistake("ties to the larger ids", "key=lambda pair: (-counts[pair], pair))", "key=lambda pair: (-counts[pair], -pair[0], -pair[1]))"),
    Mistake("the rarest pair first", "key=lambda pair: (-counts[pair], pair))", "key=lambda pair: (counts[pair], pair))"),
    Mistake("pairs of words counted once a word", "                counts[pair] += count\n", "                counts[pair] += 1\n"),
    Mistake("pairs not counted again", "    while len(merges) < num_merges:\n        counts = collections.Counter()\n",
            "    counts = collections.Counter()\n    while len(merges) < num_merges:\n"),
    Mistake("tokens in the order of their numbers, whatever the ids", "for _, token in sorted(zip(ids, tokens))", "for token in tokens"),
    Mistake("unknown characters become the first", UNKNOWN, "text = [character if character in self._ids else self.characters[0] for character in text]"),
    Mistake("decoded characters not joined", 'return "".join(self.characters[number] for number in numbers)',
            "return [self.characters[number] for number in numbers]"),
    Mistake("characters in the order of the text", '"".join(sorted(set(text)))', '"".join(dict.fromkeys(text))'),
)
