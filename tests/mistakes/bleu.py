"""Mistakes in BLEU."""

from . import Mistake

NEAREST = "min((abs(len(one) - len(tokens)), len(one)) for one in several)"
BREVITY = "math.exp(min(0, 1 - reference_length / max(length, 1)))"
EMPTY = "if match == 0 or total == 0:\n            return 0.0\n"

MISTAKES = (
    Mistake("counts not clipped", "(counts & allowed).total()", "sum(count for gram, count in counts.items() if gram in allowed)"),
    Mistake("counts of all references added", "allowed |= _ngrams(one, n)", "allowed += _ngrams(one, n)"),
    Mistake("arithmetic mean", "return math.exp(math.fsum(logs) / len(logs))", "return math.fsum(map(math.exp, logs)) / len(logs)"),
    Mistake("mean over sentences", "    matches, totals = [0]",
            "    if len(hypotheses) > 1:\n        each = [corpus_bleu([one], [other], max_order, smoothing) for one, other in zip(hypotheses, references)]\n"
            "        return sum(each) / len(each)\n    matches, totals = [0]"),
    Mistake("no brevity penalty", BREVITY, "1"),
    Mistake("long hypotheses punished, too", BREVITY, "math.exp(-abs(1 - reference_length / max(length, 1)))"),
    Mistake("c/r in the penalty", BREVITY, "math.exp(min(0, 1 - max(length, 1) / reference_length))"),
    Mistake("length of the first reference", NEAREST, "(0, len(several[0]))"),
    Mistake("length of the shortest reference", NEAREST, "(0, min(map(len, several)))"),
    Mistake("of two lengths equally near the longer", NEAREST, "(0, -min((abs(len(one) - len(tokens)), -len(one)) for one in several)[1])"),
    Mistake("sequences do not overlap", "range(len(tokens) - n + 1)", "range(0, len(tokens) - n + 1, n)"),
    Mistake("every order without a match gets a half", "match = half = half / 2", "match = 0.5"),
    Mistake("smoothed without any match", "and matches[0] > 0:", "and total > 0:"),
    Mistake("orders that no hypothesis has left out", EMPTY, "if total == 0:\n            break\n        if match == 0:\n            return 0.0\n"),
    Mistake("from 0 to 1", "return 100 * _geometric_mean", "return _geometric_mean"),
)
