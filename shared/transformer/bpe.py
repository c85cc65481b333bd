"""Byte-pair encoding, its fast and its exact parts: pre-tokenizing, learning merges, tokenizer files. Written by hand.

`BPETokenizer`, which a lesson builds, calls what is here in one line each. Learning and merging with a queue equal the
lesson's short functions. Files are those of the library `tokenizers`: every field is honoured or refused.
"""

import bisect
import collections
import functools
import heapq
import json
import pathlib
import re
import unicodedata

from . import files, refuse

__all__ = ["pre_tokenize", "learn_merges"]


# ---- Pieces: words, numbers, other signs and white space, which no merge crosses

# Letters (L) and numbers (N) that came with Unicode 15 and 16, as ranges from the first to the last code point. Python
# 3.11 knows Unicode 14 alone. The table lists all code points that the reference, the library `tokenizers` 0.23, takes
# for a letter or a number, and `unicodedata` 14.0 does not; in all others they agree, and a test compares every code point.
# A Python with a Unicode newer than 16 may know letters that the reference does not know.
NEWER_THAN_UNICODE_14 = """
    1C89-1C8A L   A7CB-A7CD L   A7DA-A7DC L   105C0-105F3 L 10D40-10D49 N 10D4A-10D65 L 10D6F-10D85 L 10EC2-10EC4 L
    1123F-11240 L 11380-11389 L 1138B-1138B L 1138E-1138E L 11390-113B5 L 113B7-113B7 L 113D1-113D1 L 113D3-113D3 L
    116D0-116E3 N 11BC0-11BE0 L 11BF0-11BF9 N 11F02-11F02 L 11F04-11F10 L 11F12-11F33 L 11F50-11F59 N 1342F-1342F L
    13441-13446 L 13460-143FA L 16100-1611D L 16130-16139 N 16D40-16D6C L 16D70-16D79 N 18CFF-18CFF L 1B132-1B132 L
    1B155-1B155 L 1CCF0-1CCF9 N 1D2C0-1D2D3 N 1DF25-1DF2A L 1E030-1E06D L 1E4D0-1E4EB L 1E4F0-1E4F9 N 1E5D0-1E5ED L
    1E5F0-1E5F0 L 1E5F1-1E5FA N 2B739-2B739 L 2EBF0-2EE5D L 31350-323AF L"""
_NEWER = [(int(first, 16), int(last, 16), kind)
          for first, last, kind in re.findall(r"(\w+)-(\w+) ([LN])", NEWER_THAN_UNICODE_14)]

_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")                               # it's, don't, we're …
_PIECE = re.compile(" ?(?:L+|N+|o+)|[ s]+(?![^ s])|[ s]+")                  # of kinds, one letter a character


@functools.cache
def kind_of_character(character):
    """"L": a letter, "N": a number, " ": a space, "s": other white space, "o": all else; on every Python the same."""
    if character.isspace() and not "\x1c" <= character <= "\x1f":         # these four are white space for Python alone
        return " " if character == " " else "s"
    code = ord(character)
    place = bisect.bisect(_NEWER, (code, 0x110000)) - 1
    if place >= 0 and code <= _NEWER[place][1]:
        return _NEWER[place][2]
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "o"


def pre_tokenize(text):
    """text → pieces, which no merge crosses: words, numbers, other signs, each with the space before it; white space.

    A list of str that joined give the text. The rule is GPT-2's (Radford et al. 2019, §2.2): letters and numbers are
    those of Unicode 16, and English endings such as 's are pieces.   Raises TypeError for what is not a text.
    """
    refuse.instance("text", text, str)
    kinds, pieces, start = "".join(map(kind_of_character, text)), [], 0
    while start < len(text):
        end = (_ENDING.match(text, start) or _PIECE.match(kinds, start)).end()
        pieces.append(text[start:end])
        start = end
    return pieces


def counted_pieces(texts):
    """{piece: how often it occurs in the texts}."""
    pieces = collections.Counter()
    for text in texts:
        refuse.text(text)
        pieces.update(pre_tokenize(text))
    return pieces


def split_at(text, names):
    """The text in parts: names that stand in it, the longest that begins at a position, and what is between them."""
    if not names:
        return [text]
    longest_first = sorted(names, key=len, reverse=True)
    return [part for part in re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if part]


# ---- Bytes, and how files show them

# Numbers 0 to 255 are the bytes: first those that are a visible character by themselves, then the others. A file shows
# a byte as one character: the visible ones as themselves, the others as U+0100 and so on; a space is Ġ.
_VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTES = _VISIBLE + [byte for byte in range(256) if byte not in _VISIBLE]
_NUMBER = {byte: number for number, byte in enumerate(BYTES)}
_SHOWN = {byte: chr(byte if number < len(_VISIBLE) else 256 + number - len(_VISIBLE))
          for number, byte in enumerate(BYTES)}


def byte_ids(piece):
    """The numbers of a text's bytes in UTF-8."""
    return [_NUMBER[byte] for byte in piece.encode("utf-8")]


def shown(token):
    """A token's bytes as a file shows them."""
    return "".join([_SHOWN[byte] for byte in token])


def readable(tokenizer, ids):
    """Each token as a file shows it; a special token by its name."""
    numbers = ids.tolist() if hasattr(ids, "tolist") else ids
    refuse.ids_to_decode(numbers, tokenizer.vocab_size)
    names = {number: name for name, number in tokenizer.special.items()}
    return [names[number] if number in names else shown(tokenizer.tokens[number]) for number in numbers]


# ---- Merges, applied and learned with a queue


class Pieces:
    """Piece → its ids. Up to MOST pieces are remembered, since words occur again and again.

    merge: the lesson's `apply_merges`, for all but long pieces.   made: {pair: the number it becomes}.
    ids: the id of each number.
    """

    MOST, LONG = 100_000, 30

    def __init__(self, merge, made, ids):
        self.merge, self.made, self.ids, self.seen = merge, made, ids, {}

    def __call__(self, piece):
        ids = self.seen.get(piece)
        if ids is None:
            merge = self.merge if len(piece) <= self.LONG else apply_merges_in_long
            ids = [self.ids[number] for number in merge(byte_ids(piece), self.made)]
            if len(self.seen) < self.MOST:
                self.seen[piece] = ids
        return ids


def apply_merges_in_long(ids, made):
    """`apply_merges` for long lists: n ids take n log n steps, where n merges that each read the list take n²."""
    ids, after, before = list(ids), list(range(1, len(ids) + 1)), list(range(-1, len(ids) - 1))
    queue = [(made[pair], place) for place, pair in enumerate(zip(ids, ids[1:])) if pair in made]
    heapq.heapify(queue)
    while queue:
        new, left = heapq.heappop(queue)
        right = after[left]
        if right >= len(ids) or made.get((ids[left], ids[right])) != new:   # out of date: one of the two was merged
            continue
        ids[left], ids[right] = new, None
        after[left] = after[right]
        if after[left] < len(ids):
            before[after[left]] = left
        for place in (before[left], left):
            if place >= 0 and after[place] < len(ids) and (pair := (ids[place], ids[after[place]])) in made:
                heapq.heappush(queue, (made[pair], place))
    return [number for number in ids if number is not None]


def learn_merges(pieces, num_merges):
    """The merges of byte-pair encoding: each joins the most frequent pair by then (Sennrich et al. 2016, §3.2).

    pieces: {piece: how often it occurs}.   Returns at most num_merges pairs; the k-th, from 0, makes the id 256 + k.
    Of equally frequent pairs the smaller one is merged. Only pairs of words that a merge changes are counted again.
    Raises TypeError and ValueError for other pieces and numbers.
    """
    refuse.pieces(pieces, num_merges)
    words = [(byte_ids(piece), count) for piece, count in pieces.items() if count]
    counts, words_with, merges = collections.Counter(), collections.defaultdict(set), []
    for index, (word, count) in enumerate(words):
        for pair in zip(word, word[1:]):
            counts[pair] += count
            words_with[pair].add(index)
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    while queue and len(merges) < num_merges:
        count, pair = heapq.heappop(queue)
        if counts[pair] != -count:                                          # out of date: it was counted again
            continue
        for other, change in _merge_in_words(words, words_with, pair, 256 + len(merges)).items():
            counts[other] += change
            if change and counts[other]:
                heapq.heappush(queue, (-counts[other], other))
        merges.append(pair)
    return merges


def _merge_in_words(words, words_with, pair, new):
    """Merge `pair` in every word that holds it, and return how the count of each pair changes."""
    changes = collections.Counter()
    for index in words_with.pop(pair):
        word, count = words[index]
        merged = _merged(word, pair, new)
        if len(merged) == len(word):                                        # no longer holds it
            continue
        words[index] = merged, count
        for before in zip(word, word[1:]):
            changes[before] -= count
        for after in zip(merged, merged[1:]):
            changes[after] += count
            if new in after:
                words_with[after].add(index)
    return changes


def _merged(word, pair, new):
    """As the lesson's `merge_pair`."""
    left, right = pair
    merged = []
    for number in word:
        if number == right and merged and merged[-1] == left:
            merged[-1] = new
        else:
            merged.append(number)
    return merged


# ---- Files of the library `tokenizers` and of GPT-2

_AROUND = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_MODEL = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
          "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
_ADDED = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
_LOOKS_SPECIAL = re.compile(r"<.+>|\[.+\]", re.DOTALL)


def write_tokenizer(tokenizer, path):
    """Write a tokenizer as tokenizer.json, the whole file or nothing."""
    ids = tokenizer._piece_ids.ids
    names = readable(tokenizer, list(range(tokenizer.vocab_size)))
    merges = [[names[ids[left]], names[ids[right]]] for left, right in tokenizer.merges]
    in_order = sorted(tokenizer.special, key=tokenizer.special.get)
    added = [{"id": tokenizer.special[name], "content": name} | _ADDED for name in in_order]
    vocabulary = {name: number for number, name in enumerate(names)}
    content = _AROUND | {"added_tokens": added, "pre_tokenizer": _BYTE_LEVEL, "decoder": _BYTE_LEVEL,
                         "model": _MODEL | {"vocab": vocabulary, "merges": merges}}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    files.write_whole(path, lambda half: half.write_text(text, encoding="utf-8"))


def read_tokenizer(path):
    """A tokenizer.json, a vocab.json with its merges.txt, or a folder → merges, special, ids for `BPETokenizer`.

    In a folder, tokenizer.json comes first; what tokenizer_config.json, special_tokens_map.json and added_tokens.json
    say of tokens is read as well. Tokens in angle or square brackets that no merge makes are special, named or not.
    Raises ValueError, with its name, for a field that would change ids or texts in a way that `BPETokenizer` does
    not have, and for a vocabulary that its merges do not make.
    """
    # the files
    path = pathlib.Path(path)
    folder = path if path.is_dir() else None
    if folder:
        refuse.folder_without_tokenizer(folder)
        path = folder / ("tokenizer.json" if (folder / "tokenizer.json").exists() else "vocab.json")
    content = _vocab_and_merges(path) if re.search(r"(vocab\.json|merges\.txt)$", path.name) else _json(path)
    refuse.tokenizer_json(path, content)
    added = content.get("added_tokens", [])
    beside, named = _tokens_beside(folder, added) if folder else ([], [])
    added = added + beside

    # special tokens: all that are neither bytes nor made by a merge
    vocabulary, alphabet = content["model"]["vocab"], [shown([byte]) for byte in BYTES]
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in content["model"]["merges"]]
    refuse.file_of_merges(path, vocabulary, merges, alphabet)
    refuse.added_tokens(folder or path, added, named, vocabulary)
    vocabulary |= {token["content"]: token["id"] for token in added}
    names = alphabet + [left + right for left, right in merges]
    numbers = {name: number for number, name in enumerate(names)}
    special = sorted(vocabulary.keys() - numbers.keys(), key=vocabulary.get)
    known = {token["content"] for token in added + named}
    refuse.file_of_tokens(path, special, known, numbers, _LOOKS_SPECIAL)

    # what each of them is numbered in the file
    ids = [vocabulary[name] for name in names + special]
    refuse.file_of_ids(path, ids)
    pairs = [(numbers[left], numbers[right]) for left, right in merges]
    return pairs, special, None if ids == list(range(len(ids))) else ids


def _json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        refuse.unreadable_tokenizer(path, error)


def _vocab_and_merges(path):
    """vocab.json and merges.txt, whose names may have a prefix, as the content of a tokenizer.json."""
    start = re.sub(r"(vocab\.json|merges\.txt)$", "", path.name)
    vocabulary = _json(path.with_name(start + "vocab.json"))
    lines = path.with_name(start + "merges.txt").read_text(encoding="utf-8").split("\n")
    if lines[0].startswith("#version"):                                     # any other "#" is a token
        lines = lines[1:]
    merges = [line.rstrip("\r") for line in lines if line.rstrip("\r")]
    return {"pre_tokenizer": _BYTE_LEVEL, "decoder": _BYTE_LEVEL, "model": {"vocab": vocabulary, "merges": merges}}


def _tokens_beside(folder, added):
    """The tokens with an id, and those named as special, in the files beside a tokenizer that has these added tokens."""
    files = {name: _json(folder / name) if (folder / name).exists() else {}
             for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")}
    for name, content in files.items():
        refuse.file_beside_tokenizer(folder / name, content)
    config, names, ids = files.values()
    named = [token for part in (config, names) for field, value in part.items()
             if field.endswith(("_token", "_special_tokens")) for token in _named(value)]
    listed = [token | {"id": int(number)} for number, token in config.get("added_tokens_decoder", {}).items()]
    known = {token["content"] for token in named} | {token["content"] for token in added + listed if token.get("special")}
    return listed + [{"content": name, "id": number, "special": name in known} for name, number in ids.items()], named


def _named(value):
    """Tokens in a field such as "pad_token": a name, a token with its options, or several of them."""
    if isinstance(value, str) and value:
        return [{"content": value}]
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return [value]
    several = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [token for one in several for token in _named(one)]
