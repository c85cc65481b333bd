"""Byte-pair encoding of Multi30k: in seconds, with the merges and ids of HuggingFace's `tokenizers`."""

import time

import properties_tokenizers as laws

from shared.transformer import BPETokenizer

from . import load


def test_four_thousand_tokens_of_multi30k(tmp_path):
    texts = [text for row in load("multi30k")["train"] for text in row[:2]]
    start = time.process_time()
    made = BPETokenizer.train(texts, 4000, ("<pad>", "<bos>", "<eos>"))
    assert time.process_time() - start < 30                 # about 5 on one idle core
    assert made.vocab_size == 4000
    theirs = laws.library(texts, 3997).get_vocab()
    assert made.readable(range_of(made)) == sorted(theirs, key=theirs.get)
    made.save(tmp_path / "tokenizer.json")
    library = laws.library(path=tmp_path / "tokenizer.json")
    unseen = [text for row in load("multi30k")["test"] for text in row]             # French is new to it
    ids = [made.encode(text).tolist() for text in unseen]
    assert ids == [encoding.ids for encoding in library.encode_batch(unseen)]
    assert [made.decode(row) for row in ids] == unseen


def range_of(made):
    return list(range(made.vocab_size - len(made.special)))
