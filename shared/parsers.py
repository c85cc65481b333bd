"""From the files of a real data set to Python's lists: one function a set, which takes {file name: bytes}.

Nothing is corrected but white space in captions, and nothing is shuffled: splits and their order are the source's.
"""

import gzip
import json

LOST = "@@"                     # a caption of Multi30k whose translation was lost


def tinyshakespeare(files):
    """{"train": str, "val": str}: the first 90 % of the characters, and the last 10 %."""
    text = files["input.txt"].decode("utf-8")
    cut = int(0.9 * len(text))
    return {"train": text[:cut], "val": text[cut:]}


def multi30k(files):
    """{"train": [(English, German, French), …], "val": …, "test": …}; see `captions`."""
    splits = {"train": "train", "val": "val", "test": "test_2016_flickr"}
    return {split: captions(*(gzip.decompress(files[f"{stem}.{language}.gz"]).decode("utf-8")
                              for language in ("en", "de", "fr")))
            for split, stem in splits.items()}


def ud_english_ewt(files):
    """{"train": [(words, tags), …], "dev": …, "test": …}; see `conllu`."""
    return {split: conllu(files[f"en_ewt-ud-{split}.conllu"].decode("utf-8")) for split in ("train", "dev", "test")}


def clinc150(files):
    """{"train": [(text, intent), …], "val", "test", "oos_train", "oos_val", "oos_test": …, "domains": {domain: intents}}.

    Out of scope texts have the intent `oos`, which is in no domain. Lists are sorted by intent: shuffle them.
    """
    lists = json.loads(files["data_full.json"])
    splits = ("train", "val", "test", "oos_train", "oos_val", "oos_test")
    read = {split: [(text, intent) for text, intent in lists[split]] for split in splits}
    return read | {"domains": json.loads(files["domains.json"])}


def wnut17(files):
    """{"train": [(words, tags), …], "dev": …, "test": …}; see `tagged`."""
    splits = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
    return {split: tagged(files[name].decode("utf-8")) for split, name in splits.items()}


BY_SET = {parse.__name__: parse for parse in (tinyshakespeare, multi30k, ud_english_ewt, clinc150, wnut17)}


def captions(*texts):
    """Texts of one caption a line, one text a language → a list of tuples, a caption in every language.

    White space of any kind and length (tab, no-break space) becomes one blank, at the ends none; all else stays, quotes
    too. A caption that is lost in one language (`@@`) is left out in all. ValueError where the texts' lengths differ.
    """
    columns = [[" ".join(line.split()) for line in text.removesuffix("\n").split("\n")] for text in texts]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"expected a line in each for every caption, got {', '.join(str(len(c)) for c in columns)} lines")
    return [caption for caption in zip(*columns, strict=True) if LOST not in caption]


def conllu(text):
    """CoNLL-U → a list of (words, universal part-of-speech tags), a pair of lists for each sentence.

    Rows that are not words are left out: multiword ranges (`2-3 don't`, whose parts follow) and empty nodes (`8.1`).
    A word is the FORM as it stands: `_` is a word, and a soft hyphen stays. ValueError, with the line, for a bad row.
    """
    sentences = []
    for rows in _sentences(text, columns=10, comment="#"):
        rows = [row for row in rows if "-" not in row[0] and "." not in row[0]]
        sentences.append(([row[1] for row in rows], [row[3] for row in rows]))
    return sentences


def tagged(text):
    """Lines of `word<TAB>tag` → a list of (words, tags), a pair of lists for each sentence.

    A line without anything visible, be it a lone tab, ends a sentence. ValueError, with the line, for a bad row.
    """
    return [([word for word, _ in rows], [tag for _, tag in rows]) for rows in _sentences(text, columns=2)]


def _sentences(text, columns, comment=None):
    """The rows of each sentence, each split at its tabs; lines that begin with `comment` are left out."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):        # splitlines() would also split inside words
        if not line.strip():
            if rows:
                yield rows
            rows = []
        elif comment is None or not line.startswith(comment):
            row = line.split("\t")
            if len(row) != columns:
                raise ValueError(f"line {number}: expected {columns} columns parted by tabs, got {line!r}")
            rows.append(row)
    if rows:
        yield rows
