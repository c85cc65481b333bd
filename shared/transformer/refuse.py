"""What the parts refuse: wrong shapes, masks, ids, sizes and files, where silence would be wrong. Written by hand.

Each function is named after what it protects, returns nothing, and raises TypeError or ValueError with what was given and
what is allowed. A part that loses its `refuse` line does the same as before with good arguments.
*Values* in tensors are looked at only where they can be: not while a program is traced, compiled, exported or mapped.
"""

import math
from numbers import Integral, Real

import torch

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
SYMBOLS = (torch.SymInt, torch.SymFloat)


# ---- What was given, in words


def described(thing):
    """A tensor's dtype and shape, the name of another thing's type."""
    return f"{thing.dtype} {tuple(thing.shape)}" if isinstance(thing, torch.Tensor) else type(thing).__name__


def kind_of(thing):
    """A tensor's dtype, the name of another thing's type."""
    return thing.dtype if isinstance(thing, torch.Tensor) else type(thing).__name__


def extremes(tensor):
    """The smallest and the largest value of a tensor as numbers; None where values cannot be looked at, or there are none.

    That is so while torch.compile or torch.export trace, on the meta device, within vmap, FakeTensorMode and make_fx.
    """
    if torch.compiler.is_compiling() or tensor.is_meta or tensor.numel() == 0:
        return None
    try:
        lowest, highest = (value.item() for value in tensor.detach().aminmax())
        return lowest, highest
    except (RuntimeError, TypeError):
        return None


def is_integer(number):
    """Python's, NumPy's and PyTorch's symbolic integers are; True and False are not."""
    return isinstance(number, (Integral, torch.SymInt)) and not isinstance(number, bool)


# ---- Numbers and types


def instance(name, thing, kind):
    if not isinstance(thing, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {type(thing).__name__}")


def number(name, value):
    if isinstance(value, bool) or not isinstance(value, (Real, *SYMBOLS)):
        raise TypeError(f"{name} must be a number, got {value!r}")


def sizes(at_least=1, **given):
    """Integers of at least `at_least`: refuse.sizes(d_model=d_model, num_heads=num_heads)."""
    for name, size in given.items():
        if not is_integer(size):
            raise TypeError(f"{name} must be an integer, got {size!r}")
        if size < at_least:
            raise ValueError(f"{name} must be at least {at_least}, got {size}")


def positive(**given):
    for name, value in given.items():
        number(name, value)
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {value}")


def dropout(probability):
    number("dropout", probability)
    if not 0.0 <= probability < 1.0:
        raise ValueError(f"dropout must be at least 0 and below 1, got {probability}")


def choice(name, value, allowed):
    """One of the texts in `allowed`: refuse.choice("norm", norm, ("layer", "rms"))."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def token_id(name, value, vocab_size):
    """An id from 0 to vocab_size - 1, or None."""
    if value is None:
        return
    sizes(at_least=0, **{name: value})
    if value >= vocab_size:
        raise ValueError(f"{name} must lie from 0 to {vocab_size - 1}, got {value}")


# ---- Attention and its masks (lessons 01 and 02)


# ---- Positions (lesson 03)


# ---- Blocks (lesson 04)


# ---- Token ids, masks of real tokens, models (lessons 05 and 06)


# ---- Generation and its cache (lesson 06)


# ---- Sequence to sequence, searches, BLEU (lesson 07)


# ---- Tokenizers and their files (lessons 06 and 08)


def text(value):
    """A str of whole characters."""
    instance("text", value, str)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        half, around = value[error.start], value[max(0, error.start - 10):error.start + 10]
        raise ValueError(f"text must be of whole characters, got {half!r}, half of one, in {around!r}") from None


def vocabulary_text(value):
    """The text whose characters are a vocabulary."""
    instance("text", value, str)
    if not value:
        raise ValueError("text must have at least one character: the characters in it are the vocabulary")


def unknown_characters(value, known):
    instance("text", value, str)
    for position, character in enumerate(value):
        if character not in known:
            raise ValueError(f"{character!r} at position {position} is not one of the {len(known)} characters "
                             f"{''.join(known)!r}")


def ids_to_decode(numbers, vocab_size):
    """A list or tuple of integers from 0 to vocab_size - 1."""
    if not isinstance(numbers, (list, tuple)):
        raise TypeError(f"ids must be a tensor or a list of shape (T,), got {numbers!r}")
    for value in numbers:
        if type(value) is not int and not is_integer(value) or not 0 <= value < vocab_size:
            raise ValueError(f"ids must be one row of integers from 0 to {vocab_size - 1}, got {value!r}")


def special_names(special):
    if not isinstance(special, (list, tuple)) or not all(isinstance(name, str) for name in special):
        raise TypeError(f"special must be names, such as ('<pad>', '<end>'), got {special!r}")
    if "" in special or len(set(special)) < len(special):
        raise ValueError(f"special must be names that differ and are not empty, got {special!r}")


def vocabulary(merges, special, ids):
    """Merges of what is there, names of special tokens, and ids from 0 on without a gap."""
    special_names(special)
    if not isinstance(merges, (list, tuple)):
        raise TypeError(f"merges must be a list of pairs of ids, got {merges!r}")
    for rank, pair in enumerate(merges):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise TypeError(f"merge {rank} must be a pair of ids, got {pair!r}")
        for number in pair:
            if type(number) is not int and not is_integer(number):          # the first is fast, for files of 50,000
                raise TypeError(f"merge {rank} must be a pair of ids, got {pair!r}")
            if not 0 <= number < 256 + rank:
                raise ValueError(f"merge {rank} must join ids from 0 to {255 + rank}, got {pair!r}")
    if ids is None:
        return
    if not isinstance(ids, (list, tuple)) or not all(is_integer(number) for number in ids):
        raise TypeError(f"ids must be a list of integers, or None, got {ids!r}")
    size = 256 + len(merges) + len(special)
    if sorted(ids) != list(range(size)):
        raise ValueError(f"ids must hold each integer from 0 to {size - 1} once, for 256 bytes, {len(merges)} merges "
                         f"and {len(special)} special tokens, got {len(ids)} of them")


def equal_tokens(tokens, special, shown):
    """No token twice, and no special token that reads as an ordinary one."""
    if len(set(tokens)) < len(tokens):
        seen = set()
        twice = next(token for token in tokens if token in seen or seen.add(token))
        raise ValueError(f"each merge must make a new token, got two that make {twice!r}")
    lengths = set(map(len, special))
    names = {shown(token) for token in tokens if len(token) in lengths}
    for name in special:
        if name in names:
            raise ValueError(f"special tokens must not be named as ordinary ones, got {name!r}")


def tokenizer_training(texts, vocab_size, special):
    special_names(special)
    sizes(vocab_size=vocab_size)
    if vocab_size < 256 + len(special):
        raise ValueError(f"vocab_size must be at least {256 + len(special)}, for 256 bytes and {len(special)} special "
                         f"tokens, got {vocab_size}")
    if isinstance(texts, torch.Tensor) or not hasattr(texts, "__iter__"):
        raise TypeError(f"texts must be a text or a list of texts, got {texts!r}")


def pieces(counted, num_merges):
    """{text: how often it occurs}, and a number of merges."""
    if not isinstance(counted, dict) or not all(isinstance(piece, str) for piece in counted) or not all(
            map(is_integer, counted.values())):
        raise TypeError(f"pieces must be {{text: how often it occurs, an integer}}, got {counted!r}")
    if min(counted.values(), default=0) < 0:
        raise ValueError(f"pieces must occur 0 times or more, got {min(counted.values())}")
    text("".join(counted))
    sizes(at_least=0, num_merges=num_merges)


BPE_FIELDS = {"type": (("BPE",), "BPE"), "dropout": ((None, 0), "null"), "ignore_merges": ((None, False), "false"),
              "continuing_subword_prefix": ((None, ""), "empty"), "end_of_word_suffix": ((None, ""), "empty")}
BPE_WITHOUT_EFFECT = ("unk_token", "fuse_unk", "byte_fallback")             # every byte is known: nothing is unknown
TOKENIZER_FIELDS = ("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
                    "decoder", "model")
TOKENIZER_CLASSES = (None, "GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizer", "PreTrainedTokenizerFast",
                     "TokenizersBackend")


def folder_without_tokenizer(folder):
    if not (folder / "tokenizer.json").exists() and not (folder / "vocab.json").exists():
        raise FileNotFoundError(f"{folder} holds neither tokenizer.json nor vocab.json with merges.txt")


def unreadable_tokenizer(path, error):
    raise ValueError(f"{path} is not JSON in UTF-8: {error}") from error


def tokenizer_json(path, content):
    """Every field of a tokenizer.json that changes ids or texts is as byte-level byte-pair encoding here has it."""
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise ValueError(f"{path} is no tokenizer.json: it must be an object with a model, an object, too")
    model, version, added = content["model"], content.get("version", "1.0"), content.get("added_tokens", [])

    # around the model
    if version != "1.0":
        raise ValueError(f"{path}: version must be '1.0', got {version!r}")
    for field in content:
        if field not in TOKENIZER_FIELDS:
            raise ValueError(f"{path}: unknown field {field!r}, which may change ids")
    for field, harmless, allowed in (
            ("truncation", lambda part: part is None, "null"),
            ("padding", lambda part: part is None, "null"),
            ("normalizer", _without_effect, "null"),
            ("pre_tokenizer", _splits_as_gpt2, "ByteLevel with add_prefix_space false and use_regex true"),
            ("post_processor", _adds_nothing, "null, ByteLevel, or a template without special tokens"),
            ("decoder", _byte_level, "ByteLevel")):
        if not harmless(content.get(field)):
            raise ValueError(f"{path}: {field} must be {allowed}, got {_component(content.get(field))}")
    if not isinstance(added, list) or not all(map(_is_token, added)):
        raise ValueError(f"{path}: added_tokens must be a list of objects with a content, got {added!r}")

    # the model
    for field, value in model.items():
        if field not in (*BPE_FIELDS, *BPE_WITHOUT_EFFECT, "vocab", "merges"):
            raise ValueError(f"{path}: unknown field {field!r} of the model, which may change ids")
    for field, (allowed, in_words) in BPE_FIELDS.items():
        if field in model and model[field] not in allowed:
            raise ValueError(f"{path}: {field} of the model must be {in_words}, got {model[field]!r}")
    for field, kind in (("vocab", dict), ("merges", list)):
        if not isinstance(model.get(field), kind):
            raise ValueError(f"{path} is no tokenizer.json of byte-pair encoding: {field} of the model must be a "
                             f"{kind.__name__}, got {type(model.get(field)).__name__}")


def _is_token(token):
    """Whether an entry of added_tokens has a name, that is not empty."""
    return isinstance(token, dict) and isinstance(token.get("content"), str) and token["content"] != ""


def _parts(component):
    """The components that a Sequence of a tokenizer.json holds; None for any other component."""
    if not isinstance(component, dict) or component.get("type") != "Sequence":
        return None
    lists = [value for value in component.values() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 and len(component) == 2 else None


def _component(component):
    """A component in words: a Sequence with what it holds."""
    parts = _parts(component)
    if parts is None:
        return repr(component)
    return f"a Sequence of {len(parts)}: {', '.join(map(_component, parts)) or 'nothing'}"


def _without_effect(component):
    parts = _parts(component)
    return component is None or parts is not None and all(map(_without_effect, parts))


def _byte_level(component):
    parts = _parts(component)
    if parts is not None:
        return len(parts) == 1 and _byte_level(parts[0])
    known = {"type", "add_prefix_space", "trim_offsets", "use_regex"}
    return isinstance(component, dict) and component.get("type") == "ByteLevel" and component.keys() <= known


def _splits_as_gpt2(component):
    if parts := _parts(component):
        return len(parts) == 1 and _splits_as_gpt2(parts[0])
    plain = _byte_level(component) and component.get("use_regex", True) is True
    return plain and component.get("add_prefix_space") is False


def _adds_nothing(component):
    """Whether a post-processor leaves the ids as they are: ByteLevel changes only the reported offsets."""
    parts = _parts(component)
    if component is None or parts is not None:
        return all(map(_adds_nothing, parts or []))
    if isinstance(component, dict) and component.get("type") == "TemplateProcessing":
        single = component.get("single")
        return isinstance(single, list) and [list(part) for part in single if isinstance(part, dict)] == [["Sequence"]]
    return _byte_level(component)


def file_of_merges(path, vocab, merges, alphabet):
    """Each merge joins two tokens that are bytes or made by earlier merges, and makes a new one that vocab holds."""
    for name, number in vocab.items():
        if type(number) is not int:
            raise ValueError(f"{path}: ids in vocab must be integers, got {number!r} for {name!r}")
    if missing := [character for character in alphabet if character not in vocab]:
        raise ValueError(f"{path}: vocab must hold all 256 bytes, and lacks {len(missing)}, the first {missing[0]!r}")
    known = set(alphabet)
    for rank, merge in enumerate(merges):
        if not isinstance(merge, list) or len(merge) != 2:
            raise ValueError(f"{path}: merge {rank} must be of two tokens, got {merge!r}")
        for name in merge:
            if not isinstance(name, str) or name not in known:
                raise ValueError(f"{path}: merge {rank} joins {name!r}, neither a byte nor made before")
        joined = merge[0] + merge[1]
        if joined in known:
            raise ValueError(f"{path}: merge {rank} makes {joined!r} a second time")
        if joined not in vocab:
            raise ValueError(f"{path}: merge {rank} makes {joined!r}, which is not in vocab")
        known.add(joined)


def file_beside_tokenizer(path, content):
    """tokenizer_config.json, special_tokens_map.json or added_tokens.json: nothing that changes ids or texts."""
    if not isinstance(content, dict):
        raise ValueError(f"{path} must be an object, got {content!r}")
    for field in ("add_prefix_space", "add_bos_token", "add_eos_token", "do_lower_case"):
        if content.get(field):
            raise ValueError(f"{path}: {field} must be false, got {content[field]!r}")
    listed = content.get("added_tokens_decoder", {})
    if not isinstance(listed, dict) or not all(number.isdecimal() and _is_token(listed[number]) for number in listed):
        raise ValueError(f"{path}: added_tokens_decoder must be {{id: an object with a content}}, got {listed!r}")
    if content.get("errors", "replace") != "replace":
        raise ValueError(f"{path}: errors must be 'replace', got {content['errors']!r}")
    if content.get("tokenizer_class") not in TOKENIZER_CLASSES:
        raise ValueError(f"{path}: tokenizer_class must be one of {', '.join(TOKENIZER_CLASSES[1:])}, since others may "
                         f"add ids, got {content['tokenizer_class']!r}")


def added_tokens(path, added, named, vocab):
    """Added tokens are special, have one id each, and no options that change the text around them."""
    ids = dict(vocab)
    for token in added + named:
        for option in ("single_word", "lstrip", "rstrip"):
            if token.get(option):
                raise ValueError(f"{path}: {option} of the added token {token['content']!r} must be false, got "
                                 f"{token[option]!r}")
    for token in added:
        name, number = token["content"], token.get("id")
        if token.get("special") is not True:
            raise ValueError(f"{path}: special of the added token {name!r} must be true, got {token.get('special')!r}: "
                             "it would be a token in every text")
        if type(number) is not int or ids.setdefault(name, number) != number:
            raise ValueError(f"{path}: {name!r} in added_tokens must have one id, got {number!r} and {ids.get(name)!r}")
    for token in named:
        if token["content"] not in ids:
            raise ValueError(f"{path}: the special token {token['content']!r} has no id in vocab or added_tokens")
    _overlapping(path, [token for token in added + named if token["content"] in ids])


def _overlapping(path, tokens):
    """The library looks for tokens with `normalized` false before the others: refuse names for which this matters."""
    first = {token["content"] for token in tokens if token.get("normalized") is False}
    for late in {token["content"] for token in tokens if token.get("normalized")} - first:
        for name in first:
            sizes_of_overlap = range(1, min(len(late), len(name)) + 1)
            ends = any(late[-size:] == name[:size] or name[-size:] == late[:size] for size in sizes_of_overlap)
            if ends or late in name or name in late:
                raise ValueError(f"{path}: normalized differs between added tokens that overlap, {late!r} and {name!r}")


def file_of_tokens(path, special, known, made, looks_special):
    """What no merge makes is a special token, and what a merge makes is none."""
    for name in known:
        if name in made:
            raise ValueError(f"{path}: special tokens must not be named as ordinary ones, got {name!r}")
    for name in special:
        if name not in known and not looks_special.fullmatch(name):
            raise ValueError(f"{path}: vocab holds {name!r}, which no merge makes and added_tokens does not name")


def file_of_ids(path, ids):
    """Ids from 0 on, without a gap, each once."""
    if sorted(ids) != list(range(len(ids))):
        wrong = next(number for number, given in enumerate(sorted(ids)) if given != number)
        raise ValueError(f"{path}: ids of vocab and added_tokens must be 0 to {len(ids) - 1}, each once, got "
                         f"{sorted(ids)[wrong]} in place of {wrong}")


# ---- Optimisation, training, checkpoints (lesson 08)


# ---- Folders of other libraries
