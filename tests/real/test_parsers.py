"""The five real sets as the parsers read them, against counts that were made without them. Skipped where a set is not here."""

import collections
import statistics

from . import load


def flat(sentences):
    """All words and all tags of [(words, tags), …]."""
    return [word for words, _ in sentences for word in words], [tag for _, tags in sentences for tag in tags]


def test_tinyshakespeare():
    read = load("tinyshakespeare")
    assert {split: len(text) for split, text in read.items()} == {"train": 1_003_854, "val": 111_540}
    text = read["train"] + read["val"]
    assert text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\n")
    assert (text.count("\n"), len(set(text)), text.isascii(), max(map(len, text.split("\n")))) == (40_000, 65, True, 63)
    assert [text.count(symbol) for symbol in "3$&"] == [27, 1, 3]
    assert sum(text.count(digit) for digit in "012456789") == 0


def test_multi30k():
    read = load("multi30k")
    assert {split: len(triples) for split, triples in read.items()} == {"train": 29_000 - 2, "val": 1_014, "test": 1_000}
    assert read["train"][0][:2] == ("Two young, White males are outside near many bushes.",
                                    "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.")
    for triple in (triple for triples in read.values() for triple in triples):
        assert len(triple) == 3 and "@@" not in triple
        assert all(text and text == " ".join(text.split()) and "\u00a0" not in text and "\t" not in text for text in triple)


def test_multi30k_by_language():
    train = load("multi30k")["train"]
    english, german, french = zip(*train, strict=True)
    lengths = [[len(text.split()) for text in texts] for texts in (english, german, french)]
    assert [round(statistics.mean(counts), 1) for counts in lengths] == [11.9, 11.1, 12.5]
    assert [max(counts) for counts in lengths] == [37, 39, 43]
    assert [len(texts) - len(set(texts)) for texts in (english, german, french)] == [9, 25 - 1, 32]     # one repeat was the second @@
    assert "".join(english).isascii() and not "".join(german).isascii() and not "".join(french).isascii()
    seen = set(english)
    assert sum(text in seen for text, _, _ in load("multi30k")["val"]) == 1
    assert german[7365] == '"Zwei männliche und eine weibliche Person spielen in einer Wasserfontäne."'     # a tab was in it
    assert sum("s'embrassent" in text for text in french) > 0


def test_multi30k_stays_aligned_past_the_lost_translations():
    read = load("multi30k")
    assert read["train"][16_509] == ("An athlete swimming during a swim meet.", "Ein Sportler schwimmt bei einem Schwimmwettkampf.",
                                     "Un athlète nageant lors d'un meeting de natation.")       # the line after the first one
    assert read["train"][-1][0].startswith("A man in shorts and a Hawaiian shirt leans over the rail of a pilot boat")
    assert read["train"][-1][1].startswith("Ein Mann in Shorts und Hawaiihemd lehnt sich über das Geländer eines Lotsenboots")
    assert read["test"][0] == ("A man in an orange hat starring at something.",
                               "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
                               "Un homme avec un chapeau orange regardant quelque chose.")


def test_multi30k_has_lost_no_word():
    """Words parted by white space, and distinct ones: as they were counted in the files."""
    def counts(triples, language):
        words = [word for triple in triples for word in triple[language].split()]
        return len(words), len(set(words))

    read = load("multi30k")
    assert [counts(read["val"], language) for language in range(3)] == [(12_167, 2_389), (11_568, 2_740), (12_698, 2_532)]
    assert [counts(read["test"], language) for language in range(3)] == [(11_877, 2_337), (10_905, 2_524), (12_352, 2_439)]
    assert counts(read["train"], 1) == (322_383 - 2, 24_889 - 1)            # but for @@, twice


def test_ud_english_ewt():
    read = load("ud_english_ewt")
    assert {split: len(sentences) for split, sentences in read.items()} == {"train": 12_544, "dev": 2_001, "test": 2_077}
    found = {}
    for split, sentences in read.items():
        words, tags = flat(sentences)
        found[split] = len(words), len(set(words)), max(len(words) for words, _ in sentences), len(set(tags))
    assert found == {"train": (204_577, 19_674, 159, 17), "dev": (25_147, 5_494, 75, 17), "test": (25_094, 5_629, 81, 17)}
    assert all(len(words) == len(tags) > 0 for sentences in read.values() for words, tags in sentences)


def test_ud_english_ewt_oddities():
    read = load("ud_english_ewt")
    lengths = [len(words) for words, _ in read["train"]]
    assert (lengths.count(1), sum(length > 64 for length in lengths), round(statistics.mean(lengths), 1)) == (521, 74, 16.3)
    words, _ = flat(read["train"])
    assert words.count("_") == 5
    assert [word for word in words if "\u00ad" in word] == ["basic\u00adally"]      # the other soft hyphen is in a comment
    assert not any(not word or " " in word for sentences in read.values() for word in flat(sentences)[0])
    seen = {tuple(words) for words, _ in read["train"]}
    assert [sum(tuple(words) in seen for words, _ in read[split]) for split in ("dev", "test")] == [68, 94]


def test_the_most_frequent_tag_of_each_word_scores_86_percent():
    read = load("ud_english_ewt")
    tags = collections.defaultdict(collections.Counter)
    for word, tag in zip(*flat(read["train"]), strict=True):
        tags[word][tag] += 1
    best = {word: counts.most_common(1)[0][0] for word, counts in tags.items()}
    right, unseen = {}, {}
    for split in ("dev", "test"):
        words, gold = flat(read[split])
        right[split] = statistics.mean(best.get(word, "NOUN") == tag for word, tag in zip(words, gold, strict=True))
        unseen[split] = statistics.mean(word not in best for word in words)
    assert {split: round(100 * share, 1) for split, share in right.items()} == {"dev": 86.1, "test": 86.2}
    assert {split: round(100 * share, 1) for split, share in unseen.items()} == {"dev": 8.3, "test": 9.1}


def test_clinc150():
    read = dict(load("clinc150"))
    domains = read.pop("domains")
    assert {split: len(pairs) for split, pairs in read.items()} == {
        "train": 15_000, "val": 3_000, "test": 4_500, "oos_train": 100, "oos_val": 100, "oos_test": 1_000}
    inside = {intent for intents in domains.values() for intent in intents}
    assert (len(domains), {len(intents) for intents in domains.values()}, len(inside), "oos" in inside) == (10, {15}, 150, False)
    for split, each in {"train": 100, "val": 20, "test": 30}.items():
        assert collections.Counter(intent for _, intent in read[split]) == dict.fromkeys(inside, each)
    assert {intent for split in ("oos_train", "oos_val", "oos_test") for _, intent in read[split]} == {"oos"}
    assert read["train"][0] == ("what expression would i use to say i love you if i were an italian", "translate")


def test_clinc150_texts():
    read = load("clinc150")
    lengths = [len(text.split()) for text, _ in read["train"]]
    assert (round(statistics.mean(lengths), 1), max(lengths)) == (8.3, 28)
    assert len({word for text, _ in read["train"] for word in text.split()}) == 5_863
    texts = [text for split, pairs in read.items() if split != "domains" for text, _ in pairs]
    assert all(text == text.lower() for text in texts)
    assert {symbol for text in texts for symbol in text if not symbol.isascii()} == {"’"}
    seen = {text for text, _ in read["train"]}
    assert [sum(text in seen for text, _ in read[split]) for split in ("val", "test")] == [3, 2]


def test_wnut17():
    read = load("wnut17")
    found = {}
    for split, sentences in read.items():
        words, tags = flat(sentences)
        entities = sum(tag.startswith("B-") for tag in tags)
        found[split] = len(sentences), len(words), entities, max(len(words) for words, _ in sentences), len(set(tags))
    assert found == {"train": (3_394, 62_730, 1_975, 41, 13), "dev": (1_009, 15_733, 836, 82, 13),
                     "test": (1_287, 23_394, 1_079, 105, 13)}
    kinds = ("person", "location", "group", "corporation", "product", "creative-work")
    assert set(flat(read["train"])[1]) == {"O"} | {f"{letter}-{kind}" for letter in "BI" for kind in kinds}


def test_wnut17_oddities():
    read = load("wnut17")
    words = {split: flat(sentences)[0] for split, sentences in read.items()}
    assert [word for word in words["dev"] if "\ufeff" in word or "\u200b" in word] == ["watched\u200bwas", "Dubbz\ufeff"]
    for split in ("dev", "test"):
        assert set(words[split]) & {"😂", "❤"} and set("".join(words[split])) & set("“”’")
    assert all(word and word == word.strip() for listed in words.values() for word in listed)


def test_wnut17_has_new_words_and_entities_in_each_split():
    read = load("wnut17")
    words, tags = flat(read["train"])
    assert len(set(words)) == 14_878 and round(tags.count("O") / len(tags), 2) == 0.95
    known = set(words)
    unseen = {split: statistics.mean(word not in known for word in flat(read[split])[0]) for split in ("dev", "test")}
    assert {split: round(100 * share, 1) for split, share in unseen.items()} == {"dev": 16.7, "test": 21.9}
    found = {split: entities(sentences) for split, sentences in read.items()}
    assert {split: (len(found[split]), len(found[split] & found["train"])) for split in unseen} == {
        "dev": (714, 24), "test": (935, 19)}


def entities(sentences):
    """The distinct entities, in small letters, of well-formed BIO tags: an I- goes on with the entity before it."""
    found = []
    for words, tags in sentences:
        for word, tag, before in zip(words, tags, ["O", *tags], strict=False):
            if tag.startswith("B-"):
                found.append(word.lower())
            elif tag.startswith("I-"):
                assert before[1:] == tag[1:]
                found[-1] += " " + word.lower()
    return set(found)
