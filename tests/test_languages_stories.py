"""The language of stories: names, pronouns, things, verbs and quotes fit what was told before."""

import re

import pytest

from shared import languages, settings

GIRL, BOY, WOMAN, MAN = "ann|eve|kim", "bob|tom|max", "joy|liz|zoe", "dan|jim|sam"
NOUN, SAID = "(?:dog|bird|horse)", "(?:said|asked|cried)"
TOOK, LEFT = "(?:took|kept|lost)", "(?:left|ran|slept|smiled)"
FOUND = r"(?:found|saw|made|had) a (?:red|new|big|small) (?P<thing>kite|hat|ring|cake) \."
NEAR = f"(?: (?:near|behind) the {NOUN}s?)?"
THERE = rf"(?: the (?:{NOUN}{NEAR} was|{NOUN}s{NEAR} were) (?:loud|happy|old|small) \.)?"


def story(heroes, hero, others, other):
    """All stories of a girl, or of a boy. hero: she or he.   others: who may claim the thing, each of them an `other`."""
    start = rf"(?P<first>{heroes}) {FOUND}{THERE} "
    gave = rf"{hero} (?:gave|sold|showed) (?(her)her|him) the (?P=thing) and (?P=other) {LEFT}"
    spoken = rf'" (?:look|come|wait) , (?P<other>(?P<her>{WOMAN})|{MAN}) [!.] " {SAID} (?P=first) \. {gave}'
    claimed = rf'" is that my (?P=thing) \? " {SAID} (?:{others}) \. {other} {TOOK} it and (?P=first) {LEFT}'
    kept = rf"{hero} {TOOK} the (?P=thing) \. then (?P=first) {LEFT}"
    return re.compile(rf"{start}(?:{spoken}|{claimed}|{kept}) \. end")


KINDS = story(GIRL, "she", MAN, "he"), story(BOY, "he", WOMAN, "she")


@pytest.fixture(scope="module")
def stories():
    return languages.load("stories")


@pytest.fixture(scope="module")
def texts(stories):
    ids = stories.texts(settings.generator(0), 5000, pad_id=stories.vocab_size)
    return [" ".join(stories.words[word] for word in row if word < stories.vocab_size) for row in ids.tolist()]


def test_every_story_fits_what_was_told_before(texts):
    counts = [0, 0]
    for text in texts:
        kinds = [number for number, kind in enumerate(KINDS) if kind.fullmatch(text)]
        assert len(kinds) == 1, text
        counts[kinds[0]] += 1
    assert abs(counts[0] / len(texts) - 1 / 2) < 0.03


def next_words(stories, text):
    probs = stories.next_probs(stories.encode(f"{text} end"))[-1]
    return {stories.words[place] for place in probs.nonzero().flatten().tolist()}


TOLD = {
    "kim saw a red ring . the dogs near the horse": {"were"},
    "kim saw a red ring . the dog near the horses": {"was"},
    "kim saw a red ring . the dog": {"was", "near", "behind"},
    'kim saw a red ring . the dog was old . " come , zoe . "': {"said", "asked", "cried"},
    'kim saw a red ring . the dog was old . "': {"look", "come", "wait", "is"},
    'kim saw a red ring . " come , zoe': {"!", "."},
    'kim saw a red ring . " come , zoe . " said': {"kim"},
    'kim saw a red ring . " come , zoe . " said kim .': {"she"},
    'tom saw a red ring . " come , zoe . " said tom .': {"he"},
    'tom saw a red ring . " come , zoe . " said tom . he sold': {"her"},
    'tom saw a red ring . " come , sam . " said tom . he sold': {"him"},
    'tom saw a red ring . " come , sam . " said tom . he sold him the': {"ring"},
    'tom saw a red ring . " come , sam . " said tom . he sold him the ring and': {"sam"},
    'tom saw a red ring . " is that my': {"ring"},
    'tom saw a red ring . " is that my ring ? " cried': {"joy", "liz", "zoe"},
    'tom saw a red ring . " is that my ring ? " cried joy .': {"she"},
    'tom saw a red ring . " is that my ring ? " cried joy . she took it and': {"tom"},
    "tom saw a red ring . he kept the ring . then": {"tom"},
}


@pytest.mark.parametrize("text, words", TOLD.items(), ids=range(len(TOLD)))
def test_what_can_be_told_now(stories, text, words):
    assert next_words(stories, text) == words


def test_stories_need_more_than_the_word_before(stories):
    assert stories.bigram_entropy() > 2 * stories.entropy_rate() > 1.2
    assert stories.unigram_entropy() > 2.5 * stories.bigram_entropy()
    assert 40 <= stories.vocab_size <= 75
    assert stories.num_states <= 3000
    assert 22 < stories.text_length() < 29


def test_the_same_seed_gives_the_same_stories(texts):
    assert texts[:3] == PINNED


PINNED = [
    'ann had a small hat . the horse near the horses was loud . she took the hat . then ann left . end',
    'kim found a small cake . the bird near the dogs was small . " come , dan . " cried kim . she sold him the cake and dan smiled . end',
    'max made a new hat . the horse near the bird was loud . " is that my hat ? " cried joy . she kept it and max ran . end',
]
