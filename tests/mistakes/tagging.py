"""Mistakes in spans of tags and their F1."""

from . import Mistake

RIGHT = "right += len(ours & theirs)\n        guessed, there = guessed + len(ours), there + len(theirs)"

MISTAKES = (
    Mistake("the type of a span ignored", "spans.add((before, start, position - 1))", 'spans.add(("", start, position - 1))'),
    Mistake("F1 of tokens", RIGHT,
            "right += len({(t, i) for t, a, b in ours for i in range(a, b + 1)} & {(t, i) for t, a, b in theirs for i in range(a, b + 1)})\n"
            "        guessed, there = guessed + sum(b - a + 1 for _, a, b in ours), there + sum(b - a + 1 for _, a, b in theirs)"),
    Mistake("an I- alone begins nothing", 'if tag != "O" and before is None:', 'if tag[:2] == "B-" and before is None:'),
    Mistake("a B- goes on with the span before", 'tag != f"I-{before}":', 'tag[2:] != before:'),
    Mistake("a span at the end is lost", '[*tags, "O"]', "tags"),
    Mistake("precision in place of F1", "2 * right / (guessed + there)", "right / guessed"),
    Mistake("unknown tags are not refused", "        refuse.bio_tag(tag, position)\n", ""),
    Mistake("lengths that differ are not refused", "    refuse.tag_lists(predicted, gold)\n", ""),
)
