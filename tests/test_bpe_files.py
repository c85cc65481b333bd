"""Tokenizer files of GPT-2 and of the library `tokenizers`: each field is honoured, with the library's ids, or refused by name."""

import copy
import itertools
import json

import properties_tokenizers as laws
import pytest
from refusals import refused
from tokenizers import ByteLevelBPETokenizer, Tokenizer

from shared.transformer import BPETokenizer

END = "<|endoftext|>"
TEXTS = [*laws.TEXTS, "the cats sat # ## #", f"low{END}er {END} lower", "<s>low <mask> lower</s>", laws.words(0)]
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
TRAINED = BPETokenizer.train([*laws.CORPUS, "# # # ## ##"], 400, (END,))


def content(folder):
    """A tokenizer.json as the hub has GPT-2's: no type of the model, merges as strings."""
    TRAINED.save(folder / "saved.json")
    model = json.loads((folder / "saved.json").read_text(encoding="utf-8"))["model"]
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [{"id": 399, **FLAGS, "content": END}], "normalizer": None,
            "pre_tokenizer": level | {"add_prefix_space": False}, "post_processor": level | {"trim_offsets": False}, "decoder": level,
            "model": {"dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                      "vocab": model["vocab"], "merges": [" ".join(pair) for pair in model["merges"]]}}


def written(folder, made):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return path


def agree(ours, theirs, texts=TEXTS):
    """Assert the library's ids, special tokens as such, and its texts."""
    for text in texts:
        ids = theirs.encode(text).ids
        assert ours.encode(text, allow_special=True).tolist() == ids, text
        assert ours.decode(ids, skip_special=True) == theirs.decode(ids)
        assert ours.decode(ids) == text == theirs.decode(ids, skip_special_tokens=False)
    assert {name: number for number, name in enumerate(ours.readable(laws.range_of(ours)))} == theirs.get_vocab()


def with_pair(folder, made, version="#version: 0.2\n", prefix="", end="\n"):
    """vocab.json and merges.txt of a tokenizer.json's content."""
    (folder / f"{prefix}vocab.json").write_text(json.dumps(made["model"]["vocab"]), encoding="utf-8")
    (folder / f"{prefix}merges.txt").write_bytes((version + "\n".join(made["model"]["merges"]) + "\n").replace("\n", end).encode())


# --- what must be read

def test_the_hubs_gpt2_file(tmp_path):
    path = written(tmp_path, content(tmp_path))
    for place in (path, str(path), tmp_path):
        ours = BPETokenizer.load(place)
        assert (ours.merges, ours.tokens, ours.special) == (TRAINED.merges, TRAINED.tokens, {END: 399})
        agree(ours, Tokenizer.from_file(str(path)))


@pytest.mark.parametrize(("version", "prefix", "end"), [("#version: 0.2\n", "", "\n"), ("", "", "\n"), ("#version: 0.2\n", "small-", "\r\n")])
def test_vocab_and_merges(version, prefix, end, tmp_path):
    """Merges of "#" are no comments, with and without a line of the version."""
    made = content(tmp_path)
    made["model"]["merges"].sort(key=lambda merge: merge != "# #")          # as the first, too
    made["model"]["vocab"] = {name: number for number, name in enumerate(
        [*list(made["model"]["vocab"])[:256], *(merge.replace(" ", "") for merge in made["model"]["merges"]), END])}
    with_pair(tmp_path, made, version, prefix, end)
    theirs = Tokenizer.from_file(str(written(tmp_path / "..", made)))
    places = [tmp_path / f"{prefix}vocab.json", tmp_path / f"{prefix}merges.txt"] + ([] if prefix else [tmp_path])
    for place in places:
        assert BPETokenizer.load(place).special == {END: 399}
        agree(BPETokenizer.load(place), theirs)


@pytest.mark.parametrize("special", [[], ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]])
def test_files_of_byte_level_bpe_tokenizer(special, tmp_path):
    """Its special tokens come first; a pair of files, and a tokenizer made of it, no longer know that they are special."""
    theirs = ByteLevelBPETokenizer()
    theirs.train_from_iterator(laws.CORPUS, vocab_size=330, min_frequency=1, special_tokens=special, show_progress=False)
    theirs.save(str(tmp_path / "whole.json"))
    theirs.save_model(str(tmp_path))
    theirs.save_model(str(tmp_path), "mine")
    ByteLevelBPETokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")).save(str(tmp_path / "again.json"))
    for name in ("whole.json", "vocab.json", "mine-vocab.json", "again.json", ""):
        ours = BPETokenizer.load(tmp_path / name)
        assert ours.special == {name: number for number, name in enumerate(special)}
        agree(ours, Tokenizer.from_file(str(tmp_path / "whole.json")))
        ours.save(tmp_path / "ours.json")
        agree(BPETokenizer.load(tmp_path / "ours.json"), Tokenizer.from_file(str(tmp_path / "ours.json")))


def test_a_folder_of_transformers(tmp_path):
    from transformers import GPT2Tokenizer
    made = content(tmp_path)
    theirs = GPT2Tokenizer(vocab=made["model"]["vocab"], merges=[tuple(merge.split(" ")) for merge in made["model"]["merges"]], pad_token="<pad>")
    theirs.save_pretrained(tmp_path / "folder")
    assert BPETokenizer.load(tmp_path / "folder").special == {END: 399, "<pad>": 400}
    agree(BPETokenizer.load(tmp_path / "folder"), theirs.backend_tokenizer)


def test_older_files_beside_a_pair_name_its_tokens(tmp_path):
    made = content(tmp_path)
    made["model"]["vocab"]["END"] = made["model"]["vocab"].pop(END)
    with_pair(tmp_path, made)
    refused(ValueError, "vocab holds 'END', which no merge makes and added_tokens does not name", lambda: BPETokenizer.load(tmp_path))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"eos_token": "END", "additional_special_tokens": [FLAGS | {"content": "PAD"}]}))
    refused(ValueError, "the special token 'PAD' has no id in vocab or added_tokens", lambda: BPETokenizer.load(tmp_path))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"PAD": 400}))
    assert BPETokenizer.load(tmp_path).special == {"END": 399, "PAD": 400}


@pytest.mark.parametrize(("file", "change", "message"), [
    ("tokenizer_config.json", {"add_prefix_space": True}, "tokenizer_config.json: add_prefix_space must be false, got True"),
    ("tokenizer_config.json", {"add_bos_token": True}, "add_bos_token must be false"),
    ("tokenizer_config.json", {"add_eos_token": True}, "add_eos_token must be false"),
    ("tokenizer_config.json", {"errors": "ignore"}, "errors must be 'replace', got 'ignore'"),
    ("tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer"}, "tokenizer_class must be one of GPT2Tokenizer … got 'RobertaTokenizer'"),
    ("tokenizer_config.json", {"pad_token": "[PAD]"}, "the special token '[PAD]' has no id"),
    ("tokenizer_config.json", {"pad_token": "!"}, "special tokens must not be named as ordinary ones, got '!'"),
    ("tokenizer_config.json", {"mask_token": FLAGS | {"content": END, "lstrip": True}}, f"lstrip of the added token '{END}' must be false"),
    ("tokenizer_config.json", {"added_tokens_decoder": {"400": FLAGS | {"content": "cat", "special": False}}}, "special of the added token 'cat' must be true"),
    ("tokenizer_config.json", {"added_tokens_decoder": {"400": FLAGS | {"content": END}}}, f"'{END}' in added_tokens must have one id, got 400 and 399"),
    ("tokenizer_config.json", {"added_tokens_decoder": {"400": "cat"}}, "added_tokens_decoder must be {id: an object with a content}"),
    ("tokenizer_config.json", {"added_tokens_decoder": {"x": FLAGS | {"content": "cat"}}}, "added_tokens_decoder must be {id: an object with a content}"),
    ("tokenizer_config.json", [], "tokenizer_config.json must be an object, got []"),
    ("special_tokens_map.json", {"bos_token": "<s>"}, "the special token '<s>' has no id"),
    ("added_tokens.json", {"cat": 400}, "special of the added token 'cat' must be true, got False"),
    ("added_tokens.json", {END: 4}, f"'{END}' in added_tokens must have one id, got 4 and 399"),
])
def test_what_changes_ids_beside_a_tokenizer(file, change, message, tmp_path):
    written(tmp_path, content(tmp_path))
    (tmp_path / file).write_text(json.dumps(change), encoding="utf-8")
    refused(ValueError, message, lambda: BPETokenizer.load(tmp_path))


def test_what_changes_nothing_beside_a_tokenizer(tmp_path):
    path = written(tmp_path, content(tmp_path))
    token = FLAGS | {"content": END, "normalized": True, "__type": "AddedToken"}
    for file, change in {"tokenizer_config.json": {"model_max_length": 1024, "tokenizer_class": "GPT2Tokenizer", "add_bos_token": False, "pad_token": None,
                                                   "unk_token": token, "added_tokens_decoder": {"399": token}, "errors": "replace"},
                         "special_tokens_map.json": {"bos_token": token, "eos_token": END}, "added_tokens.json": {END: 399}, "vocab.json": {}}.items():
        (tmp_path / file).write_text(json.dumps(change), encoding="utf-8")
    agree(BPETokenizer.load(tmp_path), Tokenizer.from_file(str(path)))


def test_loading_builds_one_tokenizer(tmp_path, monkeypatch):
    built, build = [], BPETokenizer.__init__
    monkeypatch.setattr(BPETokenizer, "__init__", lambda *given: built.append(1) or build(*given))
    BPETokenizer.load(written(tmp_path, content(tmp_path)))
    assert len(built) == 1


def test_no_tokenizer(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff{")
    refused(ValueError, "a.json is not JSON in UTF-8", lambda: BPETokenizer.load(tmp_path / "a.json"))
    refused(FileNotFoundError, "holds neither tokenizer.json nor vocab.json", lambda: BPETokenizer.load(tmp_path))
    with pytest.raises(FileNotFoundError):
        BPETokenizer.load(tmp_path / "b.json")


def test_the_largest_numbering_that_a_file_may_have(tmp_path):
    """Ids in any order, as RoBERTa has them, by frequency."""
    made = content(tmp_path)
    order = sorted(made["model"]["vocab"], key=lambda name: (len(name), name[::-1]))
    made["model"]["vocab"] = {name: number for number, name in enumerate(order)}
    made["added_tokens"][0]["id"] = made["model"]["vocab"][END]
    agree(BPETokenizer.load(written(tmp_path, made)), Tokenizer.from_file(str(tmp_path / "tokenizer.json")))


# --- every field

TEMPLATE = {"type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {END: {"id": END, "ids": [399], "tokens": [END]}}}
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, LEVEL]}
VALUES = [None, True, False, 0, 1, 0.0, 0.5, "", "x", "</w>", [], {}, "1.0", LEVEL, LEVEL | {"use_regex": False}, LEVEL | {"add_prefix_space": True}, DIGITS,
          LEVEL | {"trim_offsets": False}, LEVEL | {"other": 1}, {"type": "NFC"}, {"type": "Lowercase"}, {"type": "Sequence", "normalizers": []}, {"type": "BPEDecoder", "suffix": "</w>"},
          {"type": "Sequence", "pretokenizers": [LEVEL]}, {"type": "Sequence", "decoders": [LEVEL]}, {"type": "Sequence", "processors": [LEVEL]},
          TEMPLATE | {"single": [{"Sequence": {"id": "A", "type_id": 0}}]}, TEMPLATE | {"single": [{"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
          {"type": "RobertaProcessing", "sep": [END, 399], "cls": [END, 399], "trim_offsets": True, "add_prefix_space": False}, {"type": "Fuse"}, {"type": "Whitespace"},
          {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
          {"strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "!"}]
FIELDS = [("version",), ("truncation",), ("padding",), ("normalizer",), ("pre_tokenizer",), ("post_processor",), ("decoder",), ("added_tokens",), ("new",),
          *(("pre_tokenizer", name) for name in ("add_prefix_space", "trim_offsets", "use_regex", "new", "type")), *(("decoder", name) for name in LEVEL),
          *(("post_processor", name) for name in LEVEL), *(("added_tokens", 0, name) for name in (*FLAGS, "id", "content")),
          *(("model", name) for name in ("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
                                         "ignore_merges", "vocab", "merges", "new"))]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: ".".join(map(str, field)))
def test_every_field_is_honoured_or_refused_by_name(field, tmp_path):
    made, read = content(tmp_path), 0
    for value in VALUES:
        changed = copy.deepcopy(made)
        part = changed
        for name in field[:-1]:
            part = part[name]
        part[field[-1]] = value
        path = written(tmp_path, changed)
        try:
            ours = BPETokenizer.load(path)
        except ValueError as error:
            assert any(str(name).removesuffix("s") in str(error) for name in field[-1:] + field[:1]), error
            continue
        try:
            theirs = Tokenizer.from_file(str(path))
        except Exception:                                   # of another type than the library's, and without effect here
            continue
        agree(ours, theirs, [text for text in TEXTS if field != ("added_tokens",) or END not in text])
        read += 1
    assert read >= (field[-1] not in ("merges", "vocab", "new", "id", "content", "type", "pre_tokenizer.type"))


@pytest.mark.parametrize(("change", "message"), [
    (lambda made: made["model"].update(type="WordPiece"), "type of the model must be BPE, got 'WordPiece'"),
    (lambda made: made.update(pre_tokenizer=DIGITS), "pre_tokenizer must be ByteLevel … got a Sequence of 2: {'type': 'Digits'"),
    (lambda made: made.update(model=[]), "is no tokenizer.json"),
    (lambda made: made["model"].pop("merges"), "merges of the model must be a list, got NoneType"),
    (lambda made: made["model"]["merges"].pop(), "which no merge makes and added_tokens does not name"),
    (lambda made: made["model"]["merges"].reverse(), "joins … neither a byte nor made before"),
    (lambda made: made["model"]["merges"].append(made["model"]["merges"][3]), "merge 143 makes … a second time"),
    (lambda made: made["model"]["merges"].append("q z"), "merge 143 makes 'qz', which is not in vocab"),
    (lambda made: made["model"]["merges"].append("q zz"), "merge 143 joins 'zz'"),
    (lambda made: made["model"]["merges"].append("q z z"), "merge 143 must be of two tokens, got ['q', 'z', 'z']"),
    (lambda made: made["model"]["merges"].append(["q", " z"]), "merge 143 joins ' z'"),
    (lambda made: made["model"]["merges"].append([[], "z"]), "merge 143 joins []"),
    (lambda made: made["model"]["merges"].append(3), "merge 143 must be of two tokens, got 3"),
    (lambda made: made["model"]["vocab"].update(extra=400), "vocab holds 'extra'"),
    (lambda made: made["model"]["vocab"].update({"<extra>": 500}), "ids of vocab and added_tokens must be 0 to 400, each once, got 500 in place of 400"),
    (lambda made: made["model"]["vocab"].update({"!": 1}), "must be 0 to 399, each once, got 1 in place of 0"),
    (lambda made: made["model"]["vocab"].update({"!": True}), "ids in vocab must be integers, got True for '!'"),
    (lambda made: made["model"]["vocab"].pop("x"), "vocab must hold all 256 bytes, and lacks 1, the first 'x'"),
    (lambda made: made["added_tokens"].append(FLAGS | {"content": "<new>", "id": 401}), "must be 0 to 400, each once, got 401 in place of 400"),
    (lambda made: made["added_tokens"].append(FLAGS | {"content": "the", "id": made["model"]["vocab"]["the"]}), "named as ordinary ones, got 'the'"),
    (lambda made: made["added_tokens"].append({"content": "", "id": 400}), "added_tokens must be a list of objects with a content"),
    (lambda made: made["added_tokens"].append(FLAGS | {"content": "<|end", "id": 400, "normalized": True}), "normalized differs between added tokens"),
], ids=itertools.count())
def test_files_that_contradict_themselves(change, message, tmp_path):
    made = content(tmp_path)
    change(made)
    refused(ValueError, message, lambda: BPETokenizer.load(written(tmp_path, made)))
