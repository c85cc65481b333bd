"""Made languages are exact: what is computed from states equals what the list of all texts says, and so do samples."""

import collections
import math
import re

import pytest
import torch
from enumerated import Enumerated, entropy
from small_grammars import AMBIGUOUS, LABELLED, REMEMBERED, SMALL

from shared import languages, settings
from shared.languages import Language

SENTENCES = (languages.FOLDER / "sentences.txt").read_text(encoding="utf-8")
ALL = SMALL | LABELLED
NAMES = sorted(path.stem for path in languages.FOLDER.glob("*.txt"))


@pytest.fixture(scope="module")
def sentences():
    return languages.load("sentences")


@pytest.mark.parametrize("grammar", [*ALL.values(), SENTENCES], ids=[*ALL, "sentences"])
def test_every_text_and_every_entropy_equal_the_list_of_all_texts(grammar):
    made, listed = Language(grammar), Enumerated(grammar)
    assert sum(listed.texts.values()) == pytest.approx(1, abs=1e-12)
    assert made.words == tuple(sorted({word for text in listed.texts for word in text}))
    for text, share in listed.texts.items():
        ids = torch.tensor([made.words.index(word) for word in text])
        assert made.log_prob(ids).sum().item() == pytest.approx(math.log(share), abs=1e-11)
    assert made.text_length() == pytest.approx(listed.mean_length, abs=1e-12)
    assert made.text_entropy() == pytest.approx(entropy(listed.texts.values()), abs=1e-12)
    assert made.entropy_rate() == pytest.approx(listed.entropy_rate(), abs=1e-12)
    assert made.unigram_entropy() == pytest.approx(listed.unigram_entropy(), abs=1e-12)
    assert made.bigram_entropy() == pytest.approx(listed.bigram_entropy(), abs=1e-12)


@pytest.mark.parametrize("grammar", ALL.values(), ids=ALL)
def test_the_entropy_of_each_token_equals_that_of_all_streams(grammar):
    made, listed = Language(grammar), Enumerated(grammar)
    blocks = [0.0] + [listed.blocks(length) for length in range(1, 8)]
    expected = [longer - shorter for shorter, longer in zip(blocks, blocks[1:], strict=False)]
    assert made.entropy(7).tolist() == pytest.approx(expected, abs=1e-11)
    assert made.entropy(7).dtype == torch.float64


@pytest.mark.parametrize("grammar", ALL.values(), ids=ALL)
def test_windows_of_the_stream_have_their_probability(grammar):
    made, listed = Language(grammar), Enumerated(grammar)
    ids = made.sample(settings.generator(1), 20, 11)
    log_prob, probs = made.log_prob(ids), made.next_probs(ids)
    assert log_prob.shape == (20, 11)
    assert log_prob.dtype == probs.dtype == torch.float64
    for row, words in enumerate(map(str.split, made.decode(ids))):
        for place in range(11):
            before = tuple(words[:place])
            expected = [listed.prefix((*before, word)) / listed.prefix(before) for word in made.words]
            assert probs[row, place].tolist() == pytest.approx(expected, abs=1e-12)
            assert log_prob[row, place].exp().item() == pytest.approx(expected[ids[row, place]], abs=1e-12)


def test_a_text_that_is_written_in_two_ways_has_both_probabilities():
    made = Language(AMBIGUOUS)          # "a b b .": a, then b b (1/4 · 3/6); a b, then b (1/4 · 1/6)
    assert made.log_prob(made.encode("a b b .")).sum().exp().item() == pytest.approx(1 / 8 + 1 / 24)
    after = made.next_probs(made.encode("a b b"))[2]                # after "a b": b b begun, b, or a b with all to come
    ways = {"bb": 1 / 4 * 3 / 6, "b": 1 / 4 * 1 / 6, "a b": 1 / 4}
    assert after[made.words.index(".")].item() == pytest.approx(ways["b"] / sum(ways.values()))


def test_by_hand():
    made = Language("TEXT = a B . | 3: c .\nB = x | y")
    assert made.words == (".", "a", "c", "x", "y")
    assert (made.vocab_size, made.num_states) == (5, 3)
    assert made.log_prob(made.encode("c . a y .")).exp().tolist() == pytest.approx([3 / 4, 1, 1 / 4, 1 / 2, 1])
    text = math.log(4) - 3 / 4 * math.log(3) + 1 / 4 * math.log(2)
    assert made.entropy_rate() == pytest.approx(text / (3 / 4 * 2 + 1 / 4 * 3))
    assert made.entropy(1).item() == pytest.approx(math.log(4) - 3 / 4 * math.log(3))


def test_a_remembered_word_is_not_remembered_twice():
    made = Language(REMEMBERED)
    probs = made.next_probs(made.encode("eve and bob :"))
    chosen = {word: probs[2, place].item() for place, word in enumerate(made.words) if probs[2, place]}
    assert chosen == pytest.approx({"ann": 2 / 3, "bob": 1 / 3})


def test_what_cannot_stand_is_never_followed(sentences):
    ids = sentences.encode("ann and bob came : bob ran , then bob ran .")
    log_prob = sentences.log_prob(ids)
    assert log_prob[:5].isfinite().all()
    assert (log_prob[5:] == -math.inf).all()
    probs = sentences.next_probs(ids)
    torch.testing.assert_close(probs[:6].sum(-1), torch.ones_like(probs[:6, 0]), atol=1e-12, rtol=0)
    assert (probs[6:] == 0).all()


# --- samples

@pytest.mark.parametrize("name", NAMES)
def test_samples_pay_the_entropy(name):
    made = languages.load(name)
    ids = made.sample(settings.generator(0), 20_000, 32)
    paid, exact = -made.log_prob(ids), made.entropy(32)
    assert paid.isfinite().all()
    error = paid.std(0) / len(paid) ** 0.5
    assert ((paid.mean(0) - exact).abs() < 4.5 * error + 1e-12).all()
    rows = paid.mean(1)
    assert abs(rows.mean() - exact.mean()) < 4 * rows.std() / len(rows) ** 0.5


@pytest.mark.parametrize("grammar", ALL.values(), ids=ALL)
def test_words_are_drawn_as_often_as_they_are_probable(grammar):
    made = Language(grammar)
    rows = made.sample(settings.generator(2), 20_000, 4).tolist()
    counts = collections.Counter(tuple(row[:length]) for row in rows for length in range(5))
    for before, count in list(counts.items()):
        if len(before) == 4:
            continue
        probs = made.next_probs(torch.tensor([*before, 0]))[-1].tolist()
        for word, prob in enumerate(probs):
            error = (prob * (1 - prob) / count) ** 0.5
            assert abs(counts[*before, word] / count - prob) <= 4 * error + 1 / count


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("drawn, place", [(0, 0), (languages.UNIT - 1, -1)])
def test_the_lowest_and_the_highest_draw_give_the_first_and_the_last_word(name, drawn, place):
    class Same(settings.Random):
        def integers(self, end, *shape):
            return torch.full(shape, min(drawn, end - 1))

    made = languages.load(name)
    ids = made.sample(Same(0), 1, 40)
    for step, probs in enumerate(made.next_probs(ids)[0]):
        assert ids[0, step] == probs.nonzero().flatten()[place]


@pytest.mark.parametrize("name", NAMES)
def test_the_long_run_is_that_of_a_long_sample(name):
    made = languages.load(name)
    ids = made.sample(settings.generator(3), 2000, 600).cpu()
    size = made.vocab_size
    pairs = torch.bincount((ids[:, :-1] * size + ids[:, 1:]).flatten(), minlength=size * size).double().view(size, size)
    pairs, single = pairs / pairs.sum(), torch.bincount(ids.flatten(), minlength=size).double() / ids.numel()
    bigram = entropy(pairs.flatten().tolist()) - entropy(pairs.sum(1).tolist())
    assert entropy(single.tolist()) == pytest.approx(made.unigram_entropy(), abs=0.005)
    assert bigram == pytest.approx(made.bigram_entropy(), abs=0.005)
    assert -made.log_prob(ids).mean().item() == pytest.approx(made.entropy_rate(), abs=0.005)


def test_the_same_seed_gives_the_same_ids(sentences):
    ids = sentences.sample(settings.generator(0), 3, 16)
    assert (ids.shape, ids.dtype, ids.device.type) == ((3, 16), torch.int64, settings.device().type)
    assert ids.equal(sentences.sample(settings.Random(0), 3, 16))
    assert not ids.equal(sentences.sample(settings.generator(1), 3, 16))
    assert sentences.decode(ids) == PINNED


PINNED = [
    "ann and tom came : ann slept , then tom sang . the dogs near the",
    "ann and eve came : ann sang , then eve slept . tom , zoe and",
    "kim and eve came : kim sang , then eve slept . eve and tom came",
]


def test_the_default_device_does_not_matter(sentences):
    expected = sentences.sample(settings.generator(4), 2, 8)
    log_prob = sentences.log_prob(expected)
    torch.set_default_device("meta")                                # stands for a device that is not the CPU
    try:
        made = Language(SENTENCES)
        ids = made.sample(settings.generator(4), 2, 8)
        assert made.encode("ann").tolist() == [made.words.index("ann")]
        found = made.log_prob(ids)
        assert made.entropy(3).device.type == made.next_probs(ids).device.type == settings.device().type
    finally:
        torch.set_default_device(None)
    assert ids.equal(expected)
    assert found.equal(log_prob)


# --- the language of sentences

NAME, NOUN = "(ann|bob|eve|kim|tom|zoe)", "(?:dog|cat|bird)"
ONE = re.compile(f"the {NOUN}(?: (?:near|behind) the {NOUN}s?){{0,2}} (?:sleeps|sings|runs)")
MANY = re.compile(f"the {NOUN}s(?: (?:near|behind) the {NOUN}s?){{0,2}} (?:sleep|sing|run)")
DID = "(?:slept|sang|ran)"
TWO = re.compile(rf"{NAME} and {NAME} (?:came|met) : \1 {DID} , then \2 {DID}")
THREE = re.compile(rf"{NAME} , {NAME} and {NAME} (?:came|met) : \1 {DID} , \2 and \3 {DID}")
KINDS = (ONE, MANY, TWO, THREE)


def test_sentences_agree_and_people_return_in_order(sentences):
    lines = sentences.decode(sentences.sample(settings.generator(5), 200, 200))
    found = [sentence.strip() for line in lines for sentence in line.split(".")[:-1]]
    counts = [0] * len(KINDS)
    for sentence in found:
        kinds = [number for number, kind in enumerate(KINDS) if kind.fullmatch(sentence)]
        assert len(kinds) == 1, sentence
        names = KINDS[kinds[0]].fullmatch(sentence).groups()
        assert len(set(names)) == len(names), sentence
        counts[kinds[0]] += 1
    assert all(abs(count / len(found) - 1 / 4) < 0.03 for count in counts)
    assert {4, 15} == {min(lengths := [len(sentence.split()) + 1 for sentence in found]), max(lengths)}


def test_only_the_head_noun_and_the_order_decide(sentences):
    def next_word(text):
        probs = sentences.next_probs(sentences.encode(f"{text} ."))[-1]
        return {sentences.words[place] for place in probs.nonzero().flatten().tolist()}

    for others in ("cat", "cats", "cat behind the birds", "cats near the bird"):
        extra = {"near", "behind"} if " " not in others else set()
        assert next_word(f"the dog near the {others}") == {"sleeps", "sings", "runs"} | extra
        assert next_word(f"the dogs near the {others}") == {"sleep", "sing", "run"} | extra
    assert next_word("ann and bob came :") == {"ann"}
    assert next_word("bob and ann came :") == {"bob"}
    assert next_word("bob and ann came : bob sang , then") == {"ann"}
    assert next_word("ann and bob met : ann ran , then bob ran . tom , eve and bob met : tom ran ,") == {"eve"}


def test_sentences_need_more_than_the_word_before(sentences):
    assert sentences.bigram_entropy() > 1.8 * sentences.entropy_rate() > 1
    assert sentences.unigram_entropy() > 2 * sentences.bigram_entropy()
    assert 25 <= sentences.vocab_size <= 40
    assert sentences.num_states <= 2000


def test_a_language_is_made_once(sentences):
    assert languages.load("sentences") is sentences
