"""Languages the slow way: every text of a grammar with its probability, and what follows from that list alone."""

import collections
import functools
import math


class Enumerated:
    """A grammar's texts, found by following its rules; shares no code with `shared.languages`."""

    def __init__(self, grammar):
        self.rules, rule = {}, None
        for line in grammar.splitlines():
            line = line.split("#")[0].strip()
            if not line:
                continue
            if not line.startswith("|"):
                rule, _, line = line.partition(" = ")
                self.rules[rule] = []
            else:
                line = line[1:]
            for part in line.split("|"):
                symbols = part.split()
                weighted = bool(symbols) and symbols[0][:-1].isdigit()
                self.rules[rule].append((int(symbols[0][:-1]) if weighted else 1, symbols[weighted:]))
        self.labelled = collections.Counter()                       # a text: a tuple of (word, label) → its probability
        self.texts = collections.Counter()                          # a tuple of words → its probability
        for share, symbols, _ in self._written(["TEXT"], {}):
            text = tuple((*symbol.split("/"), "O")[:2] for symbol in symbols)
            self.labelled[text] += share
            self.texts[tuple(word for word, _ in text)] += share
        self.mean_length = sum(share * len(text) for text, share in self.texts.items())

    def _written(self, symbols, memory):
        """Every way to write `symbols`: (probability, words, memory after)."""
        if not symbols:
            return [(1.0, (), memory)]
        first, found = symbols[0], []
        for share, words, after in self._one(first, memory):
            for rest_share, rest, last in self._written(symbols[1:], after):
                found.append((share * rest_share, words + rest, last))
        return found

    def _one(self, symbol, memory):
        if symbol in self.rules:
            total = sum(weight for weight, _ in self.rules[symbol])
            return [(weight / total * share, words, after) for weight, body in self.rules[symbol]
                    for share, words, after in self._written(body, memory)]
        if symbol.startswith("="):
            return [(1.0, (memory[symbol[1:]],), memory)]
        if ":" in symbol[1:]:
            name, rule = symbol.split(":")
            taken = [word.split("/")[0] for word in memory.values()]
            free = [(weight, word) for weight, (word,) in self.rules[rule] if word.split("/")[0] not in taken]
            total = sum(weight for weight, _ in free)
            return [(weight / total, (word,), memory | {name: word}) for weight, word in free]
        return [(1.0, (symbol,), memory)]

    def prefix(self, words):
        """The probability that the stream begins with `words`, a tuple."""
        return _prefix(tuple(self.texts.items()), words)

    def blocks(self, length):
        """The entropy of the stream's first `length` tokens together, in nats."""
        return entropy(self.windows(length).values())

    def windows(self, length):
        """Every beginning of the stream with `length` tokens → its probability."""
        share_of = collections.Counter()
        todo = [((), 1.0)]
        while todo:
            words, share = todo.pop()
            if len(words) >= length:
                share_of[words[:length]] += share
            else:
                todo += [(words + text, share * more) for text, more in self.texts.items()]
        return share_of

    def entropy_rate(self):
        """A text ends where a reader can tell, so texts are drawn independently."""
        return entropy(self.texts.values()) / self.mean_length

    def unigram_entropy(self):
        return entropy(self._counts(1).values())

    def bigram_entropy(self):
        return entropy(self._counts(2).values()) - entropy(self._counts(1).values())

    def _counts(self, n):
        """How often the long run has each word, or each pair of words."""
        counts, starts = collections.Counter(), collections.Counter()
        for text, share in self.texts.items():
            starts[text[0]] += share
            for place in range(len(text) - n + 1):
                counts[text[place:place + n]] += share / self.mean_length
        if n == 2:
            for text, share in self.texts.items():
                for word, next_share in starts.items():
                    counts[text[-1], word] += share * next_share / self.mean_length
        return counts


@functools.lru_cache(100_000)
def _prefix(texts, words):
    if not words:
        return 1.0
    found = 0.0
    for text, share in texts:
        if text[:len(words)] == words:
            found += share
        elif words[:len(text)] == text:
            found += share * _prefix(texts, words[len(text):])
    return found


def entropy(shares):
    """The entropy of a list of probabilities, in nats."""
    return -sum(share * math.log(share) for share in shares if share)
