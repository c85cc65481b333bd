"""The language of requests: its labels follow from the whole text, and from less they do not."""

import collections

import pytest
import torch

from shared import languages, settings
from shared.grammars import Grammar, split

TEXT = (languages.FOLDER / "requests.txt").read_text(encoding="utf-8")
SAMPLES = 10_000


@pytest.fixture(scope="module")
def requests():
    return languages.load("requests")


@pytest.fixture(scope="module")
def edges():
    """state → word → every (label, next state)."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for state, symbol, _, after in Grammar(TEXT, "requests.txt", labelled=True).edges():
        word, label = split(symbol)
        found[state][word].append((label, after))
    return found


@pytest.fixture(scope="module")
def sample(requests):
    return requests.labelled_texts(settings.generator(0), SAMPLES, pad_id=requests.vocab_size)


def labellings(edges, text):
    """Every way to label the words of `text`, which may be the beginning of a text."""
    ways = [((), 0)]
    for word in text.split():
        ways = [((*labels, label), after) for labels, state in ways for label, after in edges[state].get(word, ())]
    return {" ".join(labels) for labels, _ in ways}


def two_labellings(edges):
    """Some words that can be labelled in two ways, or None: goes through all pairs of states that the same words reach."""
    seen, todo = {(0, 0, False)}, [(0, 0, False, ())]
    while todo:
        one, other, differ, before = todo.pop()
        for word in edges[one].keys() & edges[other].keys():
            pairs = [(first, second) for first in edges[one][word] for second in edges[other][word]]
            for (label, after), (other_label, other_after) in pairs:
                new = after, other_after, differ or label != other_label
                if 0 in new[:2]:
                    if new != (0, 0, False):
                        return " ".join((*before, word))
                elif new not in seen:
                    seen.add(new)
                    todo.append((*new, (*before, word)))
    return None


def test_a_whole_text_has_one_labelling(edges):
    assert two_labellings(edges) is None


@pytest.mark.parametrize("ways, found", [("a/X b | c/Y b", None), ("a/X b | a/Y c", None), ("a/X b | a/Y b", "a b ."),
                                         ("a b ./X | a b ./Y", "a b ."), ("d a/X b | d c b | d a c a | d a b", "d a b .")])
def test_two_labellings_would_be_found(ways, found):
    edges = collections.defaultdict(lambda: collections.defaultdict(list))
    rule = " | ".join(way if "./" in way else f"{way} ." for way in ways.split(" | "))
    for state, symbol, _, after in Grammar(f"TEXT = {rule}", "toy", labelled=True).edges():
        word, label = split(symbol)
        edges[state][word].append((label, after))
    assert two_labellings(edges) == found


MEANINGS = {
    "check if may is free in may .": "O O B-person O O O B-date calendar",
    "check if may is cold in jordan .": "O O B-date O O O B-place weather",
    "may i book a tour of jordan on may third .": "O O O O O O B-place O B-date I-date travel",
    "fly to jordan to see jordan rice .": "O O B-place O O B-person I-person travel",
    "can you sell a new book to jordan tomorrow .": "O O O O O B-item O B-person B-date shop",
    "check if apple is up on monday .": "O O B-company O O O B-date stock",
    "check if apple is good for ann .": "O O B-food O O O B-person food",
    "check if apple has a new phone for may .": "O O B-company O O O B-item O B-person shop",
    "i want some cake on the radio today .": "O O O B-artist O O O B-date music",
    "i want some cake for lunch today .": "O O O B-food O O B-date food",
    "tell me if boston is on tour in march .": "O O O B-artist O O O O B-date music",
    "tell me if boston is sunny in march .": "O O O B-place O O O B-date weather",
    "order some cold turkey for georgia .": "O O O B-food O B-person food",
    "phone paris york about the march .": "O B-person I-person O O O call",
    "get the price of a phone from orange .": "O O O O O B-item O B-company shop",
    "get the price of a flight to turkey .": "O O O O O O O B-place travel",
    "get the price of orange today .": "O O O O B-company B-date stock",
    "play some new york in the car .": None,
}


@pytest.mark.parametrize("text, meaning", MEANINGS.items(), ids=MEANINGS)
def test_meanings_by_hand(edges, text, meaning):
    assert labellings(edges, text) == ({meaning} if meaning else set())


def test_what_comes_first_is_known_by_what_comes_after(edges):
    assert {way.split()[-1] for way in labellings(edges, "tell me if may")} == {"B-date", "B-person"}
    assert {way.split()[-1] for way in labellings(edges, "tell me if jordan")} == {"B-person", "B-place"}
    assert {way.split()[-1] for way in labellings(edges, "tell me if turkey")} == {"B-food", "B-place"}
    assert {way.split()[-1] for way in labellings(edges, "tell me if orange is")} >= {"O"}
    assert len(labellings(edges, "i want some bread with bread for the")) == 1
    assert len(labellings(edges, "i want some bread for")) == 2


def test_marks_begin_before_they_go_on(requests, sample):
    _, labels, _ = sample
    names = [*requests.labels, "O"]
    for row in set(map(tuple, labels.where(labels >= 0, -1).tolist())):
        before = "O"
        for name in (names[place] for place in row):
            assert not name.startswith("I-") or before[2:] == name[2:], row
            before = name


def test_words_alone_tell_little(requests):
    assert 0.45 < requests.per_word_accuracy(only_ambiguous=True) < 0.65
    assert 0.9 < requests.per_word_accuracy() < 0.93
    assert requests.ambiguous.sum() >= 40
    for word in ("may", "march", "jordan", "paris", "turkey", "book", "apple", "orange", "play", "new", "cook"):
        assert requests.ambiguous[requests.words.index(word)], word


def test_sizes(requests, sample):
    ids, labels, classes = sample
    lengths = (ids < requests.vocab_size).sum(1)
    assert lengths.min() >= 5 and lengths.max() == ids.shape[1] == 14
    assert 150 <= requests.vocab_size <= 250
    assert requests.num_states < 1000
    assert requests.classes == ("calendar", "call", "food", "music", "shop", "stock", "travel", "weather")
    assert torch.bincount(classes, minlength=8).min() > 0.08 * SAMPLES
    for name in set(requests.labels) - {"O"}:
        assert 12 <= len(ids[labels == requests.labels.index(name)].unique()) <= 25, name
    seen = [len(ids[start:start + 20].unique()) / requests.vocab_size for start in range(0, 1000, 20)]
    assert sum(seen) / 50 < 0.5


def test_no_single_word_tells_the_intent(requests, sample):
    ids, _, classes = sample
    has = torch.zeros(SAMPLES, requests.vocab_size + 1).scatter_(1, ids.cpu(), 1.0)[:, :-1]
    shares = has.T @ torch.nn.functional.one_hot(classes.cpu()).float()
    shares /= shares.sum(1, keepdim=True)
    best, guess = shares.max(1)
    assert (has[:, best > 0.95].any(1)).float().mean() < 0.5        # half of the texts have no word that tells
    most_telling = (has * best).argmax(1)
    assert (guess[most_telling] == classes.cpu()).float().mean() < 0.9


def test_requests_need_more_than_the_word_before(requests):
    assert requests.bigram_entropy() > 1.4 * requests.entropy_rate() > 1.4
    assert requests.unigram_entropy() > 2 * requests.bigram_entropy()


def test_the_same_seed_gives_the_same_texts(requests, sample):
    ids, labels, classes = (part[:4].tolist() for part in sample)
    found = [(" ".join(requests.words[word] for word in row if word < requests.vocab_size),
              " ".join(requests.labels[label] for label in names if label >= 0), requests.classes[number])
             for row, names, number in zip(ids, labels, classes, strict=True)]
    assert found == PINNED


PINNED = [
    ("can you get the price of a new book from oracle .",
     "O O O O O O O O B-item O B-company O", "shop"),
    ("may i fly to london to see june york .",
     "O O O O B-place O O B-person I-person O", "travel"),
    ("play a sunny song by abba next week .",
     "O O O O O B-artist B-date I-date O", "music"),
    ("i want some asia for the game .",
     "O O O B-artist O O O O", "music"),
]
