"""Random corpora, and the comparison of any BLEU with sacreBLEU on them."""

import random

import sacrebleu

HANDMADE = {
    "equal": (["the cat is on the mat"], [["the cat is on the mat"]]),
    "a short exact match": (["the cat"], [["the cat"]]),
    "three tokens": (["the cat sat"], [["the cat sat down"]]),
    "clipped": (["the the the the the the the"], [["the cat is on the mat"], ["there is a cat on the mat"]]),
    "no match at all": (["a b c d e"], [["v w x y z"]]),
    "no match of two": (["a b c d e"], [["e d c b a"]]),
    "no match of three": (["a b x c d y"], [["a b z c d w"]]),
    "too short": (["the cat is on"], [["the cat is on the mat today"]]),
    "too long": (["the cat is on the mat today and tomorrow"], [["the cat is on the mat"]]),
    "one hypothesis empty": (["", "the cat is on the mat"], [["a dog", "the cat is on a mat"]]),
    "all hypotheses empty": (["", ""], [["a dog", "the cat is on a mat"]]),
    "nearest length of two, the shorter": (["a b c d e"], [["a b c d"], ["a b c d e f"]]),
    "counts over references are largest, not summed": (["a a b b a a"], [["a a b b c"], ["a a c b d e"]]),
    "blanks": (["  the   cat is  on the mat "], [["the cat is on\tthe mat"]]),
    "a long and a short sentence": (["a", "a b c d e f g h i j"], [["b", "a b c d e f g h i k"]]),
}


def random_corpus(seed):
    """Hypotheses, and sets of references: one for each hypothesis in each set."""
    chance = random.Random(seed)
    words, size = "abcdefgh"[:chance.randint(2, 8)], chance.randint(1, 8)

    def text(shortest):
        return " ".join(chance.choice(words) for _ in range(chance.randint(shortest, 12)))

    references = [[text(1) for _ in range(size)] for _ in range(chance.randint(1, 3))]
    hypotheses = [text(0) if chance.random() < 0.5 else references[0][place] for place in range(size)]
    return hypotheses, references


def same_as_sacrebleu(corpus_bleu, hypotheses, sets, max_order=4, smoothing="exp"):
    """Assert equal numbers for texts and for lists of tokens; → the number."""
    reference = sacrebleu.metrics.BLEU(tokenize="none", smooth_method=smoothing, max_ngram_order=max_order, force=True)
    expected = reference.corpus_score(list(hypotheses), sets).score
    several = [list(each) for each in zip(*sets)]
    tokens = [text.split() for text in hypotheses], [[text.split() for text in each] for each in several]
    forms = [(hypotheses, several), tokens]
    if len(sets) == 1:
        forms += [(hypotheses, sets[0]), (tokens[0], [each[0] for each in tokens[1]])]
    for form in forms:
        found = corpus_bleu(*form, max_order, smoothing)
        assert isinstance(found, float) and abs(found - expected) < 1e-6, (found, expected, hypotheses, sets)
    return expected


def bleu_agrees(corpus_bleu, count=40):
    """Assert that BLEU is sacreBLEU's on the corpora above and on random ones, for several orders, smoothed and not."""
    for hypotheses, sets in HANDMADE.values():
        for order in (1, 2, 4):
            for smoothing in ("exp", "none"):
                same_as_sacrebleu(corpus_bleu, hypotheses, sets, order, smoothing)
    for seed in range(count):
        same_as_sacrebleu(corpus_bleu, *random_corpus(seed), (4, 4, 2, 5)[seed % 4], ("exp", "exp", "none")[seed % 3])
    assert corpus_bleu(["a b c d e"], ["a b c d e"]) == corpus_bleu(["a b c d e"], ["a b c d e"], 4, "exp") == 100.0
