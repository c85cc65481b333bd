"""What a byte-pair tokenizer must obey, as assertions that take the module with its parts; `compare` joins them.

The reference is HuggingFace's `tokenizers`; where it has its own rules for ties, so have we.
"""

import collections
import random

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
SPECIAL = ("<pad>", "<end>", "<pad><pad>")
TEXTS = [
    "", " ", "a", "  two  blanks ", "it's, we'll DON'T 'tis o'clock'll 's", "3 dogs, 42cats and 1st", "tab\tand\n\nnew\r\nline \n x",
    "Zwei Männer üben – größer, “quoted”…", "à côté de l'été", "日本語のテキスト 123", "\u00a0no\u00a0break\u2003wide\u3000",
    "e\u0301 and \u00e9", "½ and ² and Ⅷ and ٣٤, 1½Ⅷ2²", "🙂🙂 👩‍👩‍👧 flags 🇩🇪", "_under_score__", "#$%!? ...!!!  ", "\x00\x01\x7f\x1c\x1d\x85\x0b\x0c",
    "'s's 'sit 't", "a\u200bb\ufeffc", "aaaaaaa aaaa aaa aa", "x" * 300, "नमस्ते दुनिया", "שלום עולם", "mixedЖ9z_Z", "<pad>text<end>",
    "a\U00031350b \U0001E4D0x 1\U00011F50 \U000323B0y \U0001E5FB2",                                     # of Unicode 15 and 16, and beside them
]
CORPUS = [text for text in TEXTS if "<" not in text] * 2 + ["the cat sat on the mat, the cats sat there", "low lower lowest new newer newest wide wider"] * 3


def words(seed, number=60):
    """A made text whose pairs are often equally frequent."""
    draw = random.Random(seed)
    return " ".join("".join(draw.choice("abcde") for _ in range(draw.randint(1, 8))) for _ in range(number))


def library(texts=None, vocab_size=300, path=None):
    """HuggingFace's tokenizer, trained on texts or read from a file."""
    if path:
        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:                          # that is all that the library says
            raise AssertionError(f"the library does not read {path}: {error}") from error
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = BYTE_LEVEL, decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False))
    return made


def splits_as_gpt2(parts, texts=TEXTS):
    """Assert that pieces are the library's, and give the text; that bytes are shown and numbered as its alphabet."""
    bare = parts.BPETokenizer()
    assert bare.readable(range_of(bare)) == sorted(pre_tokenizers.ByteLevel.alphabet())
    for text in texts:
        pieces = parts.bpe.pre_tokenize(text)
        assert "".join(pieces) == text
        assert [parts.bpe.shown(piece.encode("utf-8")) for piece in pieces] == [piece for piece, _ in BYTE_LEVEL.pre_tokenize_str(text)], text


def trains_as_the_library(parts, seeds=range(4)):
    """Assert the same merges in the same order, ties included."""
    for texts, vocab_size in [(CORPUS, 400), *(([words(seed)], 320) for seed in seeds)]:
        theirs, ours = library(texts, vocab_size), parts.BPETokenizer.train(texts, vocab_size)
        assert ours.vocab_size == theirs.get_vocab_size()
        assert {name: number for number, name in enumerate(ours.readable(range_of(ours)))} == theirs.get_vocab()


def range_of(tokenizer):
    return list(range(tokenizer.vocab_size))


def learned_by_the_definition(parts, seeds=range(4)):
    """Assert that merges are those of the definition, all pairs counted anew each time, learned fast or not."""
    for seed in seeds:
        pieces = collections.Counter(parts.bpe.pre_tokenize(words(seed)))
        split, expected = [(parts.BPETokenizer().encode(piece).tolist(), count) for piece, count in pieces.items()], []
        for new in range(256, 306):
            counts = collections.Counter()
            for word, count in split:
                for pair in zip(word, word[1:]):
                    counts[pair] += count
            expected.append(min(counts, key=lambda pair: (-counts[pair], pair)))
            split = [(replaced(word, expected[-1], new), count) for word, count in split]
        assert parts.bpe.learn_merges(pieces, 50) == expected == parts.learn_merges_by_recounting(pieces, 50)


def replaced(word, pair, new):
    done, place = [], 0
    while place < len(word):
        found = tuple(word[place:place + 2]) == pair
        done.append(new if found else word[place])
        place += 2 if found else 1
    return done


def encodes_as_the_library(parts, folder):
    """Assert the same ids from the same file, special tokens only where they are asked for."""
    made = parts.BPETokenizer.train(CORPUS, 420, SPECIAL)
    made.save(folder / "tokenizer.json")
    theirs = library(path=folder / "tokenizer.json")
    assert [path.name for path in folder.iterdir()] == ["tokenizer.json"]
    unbroken = words(4, 40).replace(" ", "")                # one long piece
    for text in [*TEXTS, unbroken, *(words(seed) for seed in range(3)), "unseen Wörter and <pad><end>", "<pad><pad><pad>", "a<end> b"]:
        ids = made.encode(text, allow_special=True)
        assert ids.dtype == torch.int64 and ids.dim() == 1
        assert ids.tolist() == theirs.encode(text).ids, text
        assert made.decode(ids) == text == theirs.decode(ids.tolist(), skip_special_tokens=False)
    draw = random.Random(0)
    for _ in range(200):                                    # also what is no UTF-8
        ids = [draw.randrange(made.vocab_size) for _ in range(draw.randint(0, 6))]
        assert made.decode(ids) == theirs.decode(ids, skip_special_tokens=False)
        assert made.decode(torch.tensor(ids, dtype=torch.int64), skip_special=True) == theirs.decode(ids)
    back = parts.BPETokenizer.load(folder / "tokenizer.json")
    assert (back.merges, back.tokens, back.special, back.vocab_size) == (made.merges, made.tokens, made.special, 420)


def merges_long_lists_as_short_ones(parts, seeds=range(30)):
    """Assert that the queue merges what the lesson's function does."""
    for seed in seeds:
        draw = random.Random(seed)
        made = parts.BPETokenizer.train(words(seed), 300)._piece_ids.made
        ids = [draw.choice(parts.bpe.byte_ids("abcde")) for _ in range(draw.randrange(60))]
        assert parts.bpe.apply_merges_in_long(ids, made) == parts.apply_merges(ids, made)


def numbers_tokens_as_a_file_does(parts, folder):
    """Assert that any order of the ids in a file is read and written, with the library's ids."""
    made = parts.BPETokenizer.train(CORPUS, 330, SPECIAL)
    ids = list(range(330))
    random.Random(0).shuffle(ids)
    for order in (ids, list(range(3, 330)) + [0, 1, 2]):    # any; special tokens first
        other = parts.BPETokenizer(made.merges, list(made.special), order)
        other.save(folder / "tokenizer.json")
        theirs, back = library(path=folder / "tokenizer.json"), parts.BPETokenizer.load(folder / "tokenizer.json")
        assert back.tokens == other.tokens and back.special == other.special
        for text in TEXTS:
            expected = [order[number] for number in made.encode(text, allow_special=True).tolist()]
            assert other.encode(text, allow_special=True).tolist() == expected == theirs.encode(text).ids
            assert back.encode(text, allow_special=True).tolist() == expected
            assert back.decode(expected) == text and back.decode(expected, skip_special=True) == theirs.decode(expected)


def round_trips(parts, texts=TEXTS):
    """Assert that decoding gives back every text, whatever the tokenizer has seen, and whatever it encoded before."""
    for made in (parts.BPETokenizer(), parts.BPETokenizer.train("the cat sat", 262, SPECIAL), parts.BPETokenizer.train(CORPUS, 350)):
        for text in [*texts, *texts]:
            ids = made.encode(text)
            assert made.decode(ids) == text and made.decode(ids.tolist(), skip_special=True) == text
            assert len(ids) <= len(text.encode("utf-8"))


def special_tokens_are_no_text(parts):
    """Assert where special tokens stand, and that a text cannot contain one unasked."""
    made = parts.BPETokenizer.train(CORPUS, 300, SPECIAL)
    assert made.special == {"<pad>": 297, "<end>": 298, "<pad><pad>": 299} and made.vocab_size == 300 == len(made.tokens)
    assert not set(made.encode("<pad>a<end>").tolist()) & {297, 298, 299}
    assert made.encode("<pad>", allow_special=True).tolist() == [297]
    assert made.encode("<pad><pad><end>", allow_special=True).tolist() == [299, 298]
    assert made.decode([297, 64, 298], skip_special=True) == "a" and made.decode([297, 64, 298]) == "<pad>a<end>"
    assert made.readable([297, 64, 220]) == ["<pad>", "a", "Ġ"]
    assert [pair for pair in made.merges if max(pair) >= 297] == []


def stops_where_nothing_is_left(parts):
    """Assert that a short text gives as many tokens as it has, and merges only what is there."""
    made = parts.BPETokenizer.train("abab", 1000)
    assert (made.merges, made.vocab_size) == ([(64, 65), (256, 256)], 258)
    assert made.encode("ababab").tolist() == [257, 256] and made.encode("aabb").tolist() == [64, 256, 65]
    assert parts.BPETokenizer.train("", 300).vocab_size == 256
    assert parts.BPETokenizer.train(["ab", "ab c"], 257).merges == parts.BPETokenizer.train("ab", 257).merges == [(64, 65)]
    assert parts.BPETokenizer([(64, 65), (65, 66), (64, 257)]).encode("abc bc").tolist() == [256, 66, 220, 257]        # the first merge first


def tokens_are_characters(parts, text="to be or not to BE – ‘that’ is 1 question…\n\t"):
    """Assert that ids are positions among the sorted characters, that texts come back, and that unknown characters are named."""
    tokenizer = parts.CharTokenizer(text)
    assert tokenizer.characters == "".join(sorted(set(text))) and tokenizer.vocab_size == len(set(text))
    assert tokenizer.encode(text).tolist() == [tokenizer.characters.index(character) for character in text]
    assert tokenizer.decode(tokenizer.encode(text)) == tokenizer.decode(tokenizer.encode(text).tolist()) == text
    with pytest.raises(ValueError, match="'z' at position 2"):
        tokenizer.encode("toz")


def compare(parts, folder):
    """Assert everything above."""
    tokens_are_characters(parts)
    splits_as_gpt2(parts)
    learned_by_the_definition(parts, range(2))
    trains_as_the_library(parts, range(2))
    merges_long_lists_as_short_ones(parts, range(6))
    encodes_as_the_library(parts, folder)
    numbers_tokens_as_a_file_does(parts, folder)
    round_trips(parts)
    special_tokens_are_no_text(parts)
    stops_where_nothing_is_left(parts)
    with pytest.raises(ValueError):
        parts.BPETokenizer([(300, 64)])
