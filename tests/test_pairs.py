"""Pairs to learn from: copies and reversals, and numbers in words of two languages, as other people spell them."""

import pytest
import torch

from shared import settings
from shared.pairs import BOS, EOS, MOST, PAD, NumberWords

HAND = {        # number: English words, German, French; French spelling of before 1990, as num2words has it
    0: ("zero", "null", "zéro"),
    1: ("one", "eins", "un"),
    7: ("seven", "sieben", "sept"),
    16: ("sixteen", "sechzehn", "seize"),
    21: ("twenty one", "einundzwanzig", "vingt et un"),
    30: ("thirty", "dreißig", "trente"),
    42: ("forty two", "zweiundvierzig", "quarante-deux"),
    71: ("seventy one", "einundsiebzig", "soixante et onze"),
    80: ("eighty", "achtzig", "quatre-vingts"),
    99: ("ninety nine", "neunundneunzig", "quatre-vingt-dix-neuf"),
    100: ("one hundred", "einhundert", "cent"),
    101: ("one hundred and one", "einhunderteins", "cent un"),
    342: ("three hundred and forty two", "dreihundertzweiundvierzig", "trois cent quarante-deux"),
    500: ("five hundred", "fünfhundert", "cinq cents"),
    1_000: ("one thousand", "eintausend", "mille"),
    7_942: ("seven thousand nine hundred and forty two", "siebentausendneunhundertzweiundvierzig",
            "sept mille neuf cent quarante-deux"),
    80_080: ("eighty thousand and eighty", "achtzigtausendachtzig", "quatre-vingt mille quatre-vingts"),
}
TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
UNITS = ("ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")


@pytest.fixture(scope="module", params=["de", "fr"])
def made(request):
    return NumberWords(request.param)


def german(number):
    """German numbers below 10,000, composed here: what num2words writes is checked against another hand."""
    low = ["null", "eins", *UNITS[1:], "zehn", "elf", "zwölf"]
    low += [word.replace("sechs", "sech").replace("sieben", "sieb") + "zehn" for word in UNITS[2:]]
    if number < 20:
        return low[number]
    if number < 100:
        return (UNITS[number % 10 - 1] + "und" if number % 10 else "") + TENS[number // 10 - 2]
    size, name = (100, "hundert") if number < 1000 else (1000, "tausend")
    return UNITS[number // size - 1] + name + (german(number % size) if number % size else "")


@pytest.mark.parametrize("number, expected", HAND.items())
def test_numbers_as_they_are_spelled(number, expected):
    english, german, french = expected
    assert " ".join(NumberWords("de").english(number)) == english
    assert (NumberWords("de").text(number), NumberWords("fr").text(number)) == (german, french)


def test_every_german_number_equals_another_hand():
    made = NumberWords("de")
    assert all(made.text(number) == german(number) for number in range(10_000))


def test_a_number_comes_back_from_its_ids(made):
    numbers = [*range(0, 10_000, 7), *range(0, MOST, 9_973), MOST]
    source, target = made.pairs(numbers)
    assert source.shape[0] == target.shape[0] == len(numbers)
    assert source.dtype == target.dtype == torch.int64
    assert made.decode(target) == made.decode(target[:, 1:]) == [made.text(number) for number in numbers]
    said = [" ".join(made.words[k] for k in row if k != PAD) for row in source.tolist()]
    assert said == [" ".join(made.english(number)) for number in numbers]


def test_every_number_is_written_in_its_own_way(made):
    assert len({made.text(number) for number in range(10_000)}) == 10_000
    assert len({tuple(made.english(number)) for number in range(10_000)}) == 10_000


def test_ids(made):
    source, target = made.pairs([42, 7])
    assert (target[:, 0] == BOS).all()
    assert ((target == EOS).sum(1) == 1).all()
    assert target[1].tolist()[-1] == PAD and source[1].tolist()[1:] == [PAD]
    assert source[0].tolist() == [made.words.index("forty"), made.words.index("two")]
    assert made.words[:3] == made.letters[:3] == ("<pad>", "<bos>", "<eos>")
    assert (made.source_size, made.target_size) == (len(set(made.words)), len(set(made.letters))) == (34, {"de": 24, "fr": 27}[made.language])


def test_an_end_and_what_stands_after_it(made):
    letters = [made.letters.index(letter) for letter in "un"]
    ids = torch.tensor([[BOS, *letters, EOS, 5], [*letters, EOS, EOS, PAD], [*letters, PAD, BOS, *letters[:1]]])
    assert made.decode(ids) == ["un", "un", "un<pad><bos>u"]
    assert made.decode(ids[:, :0]) == [""] * 3


@pytest.mark.parametrize("below", [100, 1_000, 10_000])
def test_what_is_held_out_is_no_part_of_training(below):
    made = NumberWords("de", below)
    assert sorted(made.train + made.held_out) == list(range(below))
    assert 0 in made.train
    assert 42 in made.held_out
    assert len(made.held_out) / below == pytest.approx(0.1, abs=4 * (0.09 / below) ** 0.5)
    assert set(made.held_out) == set(NumberWords("fr", 10_000).held_out) & set(range(below))
    assert all(below <= number < 10 * below for number in made.longer)
    assert len(set(made.longer)) == len(made.longer) == (1_000 if below >= 1_000 else 100)


def test_every_word_and_letter_of_held_out_numbers_is_seen_in_training(made):
    numbers = made.held_out + made.longer
    assert {word for n in numbers for word in made.english(n)} < {word for n in made.train for word in made.english(n)}
    assert {letter for n in numbers for letter in made.text(n)} <= {letter for n in made.train for letter in made.text(n)}


def test_no_held_out_number_is_in_a_batch(made):
    draw, rng = made.batches(64), settings.generator(3)
    drawn = {text for _ in range(150) for text in made.decode(draw(rng)[1])}
    assert len(drawn) > 3_000
    assert drawn <= {made.text(number) for number in made.train}


def test_batches_keep_pairs_together_and_follow_the_seed(made):
    first, second, other = (made.batches(32)(settings.generator(seed)) for seed in (5, 5, 6))
    assert all(torch.equal(*both) for both in zip(first, second, strict=True))
    assert made.decode(first[1]) != made.decode(other[1])
    numbers = [next(n for n in made.train if made.text(n) == text) for text in made.decode(first[1])]
    assert torch.equal(made.pairs(numbers)[0], first[0])


def test_the_split_is_pinned():
    """Python's own `hash` of a text would differ in every process."""
    made = NumberWords("de")
    assert made.held_out[:8] == [4, 26, 42, 49, 51, 55, 66, 67]
    assert made.longer[:4] == [63997, 41313, 78148, 11671]
    assert len(made.held_out) == 1020
    assert NumberWords("de", seed=1).held_out != made.held_out
