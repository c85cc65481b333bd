"""From a grammar to states: `shared.languages` says what a grammar looks like, and uses what is compiled here."""

import re
from fractions import Fraction

from . import checks

MAX_STATES = 10_000
RULE, WORD = re.compile("[A-Z]+"), re.compile(r"([^A-Z:=|/]+|:)(/[\w-]+)?")
REMEMBER, REPEAT = re.compile("([a-z]+):([A-Z]+)"), re.compile("=([a-z]+)")
WEIGHT = re.compile("[-+.0-9]+:")
NO_LABEL = "O"


def split(symbol):
    """may/B-date → may and B-date; may → may and O."""
    word, _, label = symbol.partition("/")
    return word, label or NO_LABEL


class Grammar:
    """The rules of a grammar. `name` stands before errors: ValueError, with the line, for a bad grammar.

    labelled: keep the labels of words, so that `may/B-date` and `may` are two; else both are `may`. A word's label is O
    where none is written, and `may/O` is `may`.
    """

    def __init__(self, text, name, labelled=False):
        checks.kind("grammar", text, str)
        self.name = name
        self._labelled = labelled
        self.rules = {}             # name → its alternatives, a list of (weight, symbols, line)
        self._marks = {}            # rule → every name:RULE and =name that it may come to
        self._parse(text)
        self._check("TEXT", frozenset(), (), 1, {})
        for rule, alternatives in self.rules.items():
            if rule not in self._marks:
                raise self._error(alternatives[0][2], f"nothing uses {rule}")

    def _error(self, line, message):
        return ValueError(f"{self.name}, line {line}: {message}")

    def _parse(self, text):
        alternatives = None
        for line, written in enumerate(text.splitlines(), 1):
            written = written.partition("#")[0].strip()
            if not written:
                continue
            if written.startswith("|"):
                if alternatives is None:
                    raise self._error(line, "a line that begins with | goes on with the rule above, and there is none")
                body = written[1:]
            else:
                rule, equals, body = (part.strip() for part in written.partition("="))
                if not equals or not RULE.fullmatch(rule):
                    raise self._error(line, f"a rule is written NAME = words | other words, got {written!r}")
                if rule in self.rules:
                    raise self._error(line, f"{rule} has a rule already: part its alternatives by |")
                alternatives = self.rules[rule] = []
            alternatives += [self._alternative(part.split(), line) for part in body.split("|")]
        if "TEXT" not in self.rules:
            raise ValueError(f"{self.name}: a grammar needs a rule TEXT, got {', '.join(self.rules) or 'no rule'}")

    def _alternative(self, symbols, line):
        weight = symbols.pop(0)[:-1] if symbols and WEIGHT.fullmatch(symbols[0]) else "1"
        if not weight.isdecimal() or int(weight) == 0:
            raise self._error(line, f"a weight is a whole number of at least 1, got {weight}")
        for symbol in symbols:
            if any(kind.fullmatch(symbol) for kind in (RULE, WORD, REMEMBER, REPEAT)):
                continue
            if "/" in symbol:
                raise self._error(line, f"a label follows a word in small letters, as in may/B-date, got {symbol!r}")
            raise self._error(line, f"expected a word in small letters, RULE, name:RULE or =name, got {symbol!r}")
        return int(weight), tuple(self._without_label(symbol) for symbol in symbols), line

    def _without_label(self, symbol):
        word, label = split(symbol)
        return symbol if self._labelled and label != NO_LABEL else word

    def _check(self, rule, known, chain, line, done):
        """The names remembered once `rule` is written, whichever alternative is taken; `known`: those before it."""
        if rule in chain:
            raise self._error(line, f"{rule} uses itself ({' → '.join((*chain, rule))}): a text must have an end")
        if rule not in self.rules:
            raise self._error(line, f"there is no rule {rule}, only {', '.join(self.rules)}")
        if (rule, known) not in done:
            self._marks[rule], ends = set(), []
            for _, symbols, place in self.rules[rule]:
                after = known
                for symbol in symbols:
                    after = self._check_symbol(symbol, after, (*chain, rule), place, done)
                ends.append(after)
            done[rule, known] = frozenset.intersection(*ends)
        return done[rule, known]

    def _check_symbol(self, symbol, known, chain, line, done):
        marks = self._marks[chain[-1]]
        if RULE.fullmatch(symbol):
            known = self._check(symbol, known, chain, line, done)
            marks |= self._marks[symbol]
        elif remember := REMEMBER.fullmatch(symbol):
            self._check(remember[2], frozenset(), chain, line, done)
            for _, words, place in self.rules[remember[2]]:
                if len(words) != 1 or not WORD.fullmatch(words[0]):
                    raise self._error(place, f"{symbol} remembers one word, got {' '.join(words)!r} in {remember[2]}")
            known |= {remember[1]}
            marks.add(symbol)
        elif repeat := REPEAT.fullmatch(symbol):
            if repeat[1] not in known:
                raise self._error(line, f"{symbol} may have nothing to repeat: write {repeat[1]}:RULE before it")
            marks.add(symbol)
        return known

    def edges(self):
        """The edges between states: a list of (state, word, probability, next state), sorted by state and word.

        A state is how probable each (symbols still to write, words remembered) is, given the words so far. Every text
        starts in state 0, and its last word leads back there. Probabilities are fractions, so equal states are one.
        """
        start = frozenset({((("TEXT",), ()), Fraction(1))})
        numbers, waiting, edges = {start: 0}, [start], []
        for number, state in enumerate(waiting):                    # `waiting` grows while it is gone through
            found = {}                                              # word → what is left to write after it → probability
            for (symbols, memory), share in state:
                for factor, word, left in self._first_words(symbols, memory):
                    ways = found.setdefault(word, {})
                    ways[left] = ways.get(left, 0) + share * factor
            for word, ways in sorted(found.items()):
                share = sum(ways.values())
                ends = [not symbols for symbols, _ in ways]
                if any(ends) and not all(ends):
                    raise self._no_end(f"after {word!r}")
                after = start if ends[0] else frozenset((left, way / share) for left, way in ways.items())
                if after not in numbers:
                    numbers[after] = len(waiting)
                    waiting.append(after)
                edges.append((number, word, share, numbers[after]))
            if len(waiting) > MAX_STATES:
                raise ValueError(f"{self.name}: more than {MAX_STATES} states: write shorter texts, or remember less")
        return edges

    def _first_words(self, symbols, memory):
        """Every way to write the next word: (probability, word, (symbols left, memory))."""
        if not symbols:
            raise self._no_end("without a word")
        symbol, rest = symbols[0], symbols[1:]
        if RULE.fullmatch(symbol):
            total = sum(weight for weight, _, _ in self.rules[symbol])
            for weight, body, _ in self.rules[symbol]:
                for factor, word, left in self._first_words(body + rest, memory):
                    yield Fraction(weight, total) * factor, word, left
        elif remember := REMEMBER.fullmatch(symbol):
            choices, known = self.rules[remember[2]], dict(memory)
            taken = {split(word)[0] for word in known.values()}
            free = [(weight, words[0]) for weight, words, _ in choices if split(words[0])[0] not in taken]
            if not free:
                raise self._error(choices[0][2], f"{symbol} may find every word of {remember[2]} remembered already")
            total = sum(weight for weight, _ in free)
            for weight, word in free:
                yield Fraction(weight, total), word, (rest, self._needed(rest, known | {remember[1]: word}))
        else:
            repeat = REPEAT.fullmatch(symbol)
            yield Fraction(1), dict(memory)[repeat[1]] if repeat else symbol, (rest, self._needed(rest, dict(memory)))

    def _needed(self, symbols, memory):
        """What of `memory` can still matter: what is repeated, and all of it where another word is to be remembered."""
        marks = set().union(*(self._marks.get(symbol, {symbol}) for symbol in symbols))
        everything = any(REMEMBER.fullmatch(mark) for mark in marks)
        return tuple(sorted((name, word) for name, word in memory.items() if everything or f"={name}" in marks))

    def _no_end(self, where):
        line = self.rules["TEXT"][0][2]
        return self._error(line, f"{where} a text may end or go on: end all texts with a word of their own, such as .")
