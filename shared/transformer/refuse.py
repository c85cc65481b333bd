"""What the parts refuse: wrong shapes, masks, ids, sizes and files, where silence would be wrong. Written by hand.

Each function is named after what it protects, returns nothing, and raises TypeError or ValueError with what was given and
what is allowed. A part that loses its `refuse` line does the same as before with good arguments.
*Values* in tensors are looked at only where they can be: not while a program is traced, compiled, exported or mapped.
"""

import inspect
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


def attention(query, key, value, mask, dropout_probability):
    """Floating-point tensors (..., length, width) of one dtype whose sizes fit, and a mask that fits their scores."""
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        floating_point(name, tensor)
        if tensor.dim() < 2:
            raise ValueError(f"{name} must have at least two dimensions, (..., length, width), got {tuple(tensor.shape)}")
    dtypes = (query.dtype, key.dtype, value.dtype)
    if len(set(dtypes)) > 1 and not torch.is_autocast_enabled(query.device.type):
        raise TypeError(f"query, key and value must share one dtype, got {', '.join(map(str, dtypes))}")
    if query.size(-1) != key.size(-1) or query.size(-1) == 0:
        raise ValueError(f"query and key must have the same width d_k of at least 1, got {query.size(-1)} and {key.size(-1)}")
    if key.size(-2) != value.size(-2):
        raise ValueError(f"key and value must have the same length S, got {key.size(-2)} and {value.size(-2)}")
    dropout(dropout_probability)
    try:
        batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except RuntimeError:
        raise ValueError(f"the leading dimensions of query {tuple(query.shape)}, key {tuple(key.shape)} and value "
                         f"{tuple(value.shape)} do not broadcast") from None
    if mask is not None:
        mask_of_scores(mask, (*batch, query.size(-2), key.size(-2)))


def floating_point(name, tensor):
    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, got {kind_of(tensor)}")


def mask_of_scores(mask, shape):
    """Boolean or floating point, and broadcasts to the scores, (..., T, S)."""
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool and not mask.is_floating_point():
        raise TypeError("mask must be a tensor, boolean (True = may attend) or floating point (added to the scores), "
                        f"got {kind_of(mask)}")
    sizes_here = zip(reversed(mask.shape), reversed(shape))
    if mask.dim() > len(shape) or any(size not in (1, expected) for size, expected in sizes_here):
        raise ValueError(f"mask of shape {tuple(mask.shape)} does not broadcast to the scores, (..., T, S) = {tuple(shape)}")


def causal_lengths(T, S):
    if not (is_integer(T) and is_integer(S)):
        raise TypeError(f"causal_mask needs integers 0 ≤ T ≤ S, got T = {T!r}, S = {S!r}")
    if not 0 <= T <= S:
        raise ValueError(f"causal_mask needs integers 0 ≤ T ≤ S, got T = {T!r}, S = {S!r}")


def padding(input_ids, pad_id):
    integers("input_ids", input_ids)
    number("pad_id", pad_id)
    if input_ids.dim() != 2:
        raise ValueError(f"input_ids must have shape (B, S), got {tuple(input_ids.shape)}")


def integers(name, tensor):
    if kind_of(tensor) not in INTEGERS:
        raise TypeError(f"{name} must be a tensor of integers, got {kind_of(tensor)}")


def heads(d_model, num_heads, positions=None):
    """Heads that divide the width, and a position scheme that can be called."""
    sizes(d_model=d_model, num_heads=num_heads)
    if d_model % num_heads:
        raise ValueError(f"num_heads must divide d_model, got d_model = {d_model}, num_heads = {num_heads}")
    if positions is not None and not callable(positions):
        raise TypeError(f"positions must be a scheme such as RotaryEmbedding(d_head), got {positions!r}")


def multi_head(layer, query, key, value, mask, cache, is_causal):
    """Three tensors (B, length, d_model), a mask of two or four dimensions for the scores, cached keys counted."""
    for name, x in (("query", query), ("key", key), ("value", value)):
        if not isinstance(x, torch.Tensor) or x.dim() != 3 or x.size(-1) != layer.d_model:
            given = tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"{name} must be a tensor of shape (B, length, {layer.d_model}), got {given}")
        floating_point(name, x)
    if key.shape[:2] != value.shape[:2] or query.size(0) != key.size(0):
        raise ValueError("query, key and value must have the same batch size, key and value the same length, "
                         f"got {tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}")
    if cache is not None and not hasattr(cache, "extend"):
        raise TypeError(f"cache must be that of one layer, cache.layers[k], got a {type(cache).__name__}")
    S = key.size(1) + getattr(cache, "length", 0)
    if is_causal and query.size(1) > S:
        raise ValueError(f"is_causal needs at least as many keys as queries, got {query.size(1)} queries and {S} keys")
    if mask is None:
        return
    if isinstance(mask, torch.Tensor) and mask.dim() not in (2, 4):
        raise ValueError(f"mask must have two dimensions, (T, S), or four, (B, H, T, S) with 1 for all, got "
                         f"{tuple(mask.shape)}; a mask (B, T, S) needs an axis for heads: mask[:, None]")
    if cache is None or hasattr(cache, "length"):
        mask_of_scores(mask, (query.size(0), layer.num_heads, query.size(1), S))


def without_attention(model, layers):
    """A model to record must contain a MultiHeadAttention."""
    if not layers:
        raise ValueError(f"{type(model).__name__} contains no MultiHeadAttention to record")


# ---- Positions (lesson 03)

LAYOUTS = ("interleaved", "halves")


def frequencies(base, layout, stretch=1.0):
    choice("layout", layout, LAYOUTS)
    positive(base=base, stretch=stretch)


def sinusoids(positions, d_model, base, layout):
    instance("positions", positions, torch.Tensor)
    sizes(d_model=d_model)
    frequencies(base, layout)


def added_positions(table, x, offset, left_padding):
    """x (..., T, d_model), positions up to offset + T - 1 that the table has, and left_padding (B,) of integers."""
    vectors(x, table.d_model, at_least=2)
    if not is_integer(offset) or offset < 0 or offset + x.size(-2) > table.max_seq_len:
        raise ValueError("offset must be an integer of at least 0, and offset + T at most max_seq_len = "
                         f"{table.max_seq_len}, got offset = {offset!r}, T = {x.size(-2)}")
    if left_padding is not None:
        integers("left_padding", left_padding)
        if x.dim() != 3 or left_padding.shape != x.shape[:1]:
            raise ValueError(f"left_padding must have shape (B,) for x of shape (B, T, d_model), got "
                             f"{tuple(left_padding.shape)} and {tuple(x.shape)}")


def rotary(d_head, base, layout, stretch):
    sizes(d_head=d_head)
    frequencies(base, layout, stretch)
    if d_head % 2:
        raise ValueError(f"d_head must be even, since entries are turned in pairs, got {d_head}")


def rotated(x, d_head, offset):
    vectors(x, d_head, at_least=2)
    if not is_integer(offset):
        raise TypeError(f"offset must be an integer, got {offset!r}")


def scheme(query, key, mask, num_heads=None, d_head=None):
    """Self-attention's queries and keys, (..., length, d_head): the queries are the last T of S positions."""
    for name, x in (("query", query), ("key", key)):
        floating_point(name, x)
        if x.dim() < 2:
            raise ValueError(f"{name} must have shape (..., length, d_head), got {tuple(x.shape)}")
    if num_heads is not None and (query.dim() < 3 or query.size(-3) != num_heads):
        raise ValueError(f"this scheme is made for num_heads = {num_heads}, got a query of {tuple(query.shape)}")
    if d_head is not None and query.size(-1) != d_head:
        raise ValueError(f"query must have d_head = {d_head}, got {tuple(query.shape)}")
    if query.size(-2) > key.size(-2):
        raise ValueError("positions within attention are for self-attention: the queries are the last T of S positions, "
                         f"got T = {query.size(-2)} queries and S = {key.size(-2)} keys")
    if mask is not None:
        mask_of_scores(mask, (*query.shape[:-1], key.size(-2)))


def buckets(num_heads, num_buckets, max_distance, bidirectional):
    sizes(num_heads=num_heads, num_buckets=num_buckets, max_distance=max_distance)
    instance("bidirectional", bidirectional, bool)
    one_side = num_buckets // 2 if bidirectional else num_buckets
    if one_side < 2 or num_buckets % (1 + bidirectional) or max_distance <= one_side // 2:
        raise ValueError("num_buckets must be at least 2 for each side, and even for two, and max_distance more than half the "
                         f"buckets of a side, got num_buckets = {num_buckets}, max_distance = {max_distance}")


# ---- Blocks (lesson 04)


def vectors(x, width, at_least=1):
    """A floating-point tensor (..., width) with at least so many dimensions."""
    floating_point("x", x)
    if x.dim() < at_least or x.size(-1) != width:
        raise ValueError(f"x must have shape ({'..., T' if at_least > 1 else '...'}, {width}), got {tuple(x.shape)}")


def norm(d_model, eps):
    sizes(d_model=d_model)
    number("eps", eps)
    if not eps > 0:
        raise ValueError(f"eps must be above 0, got {eps!r}")


def feed_forward(d_model, d_ff, activation, activations, dropout_probability):
    sizes(d_model=d_model, **({} if d_ff is None else {"d_ff": d_ff}))
    choice("activation", activation, activations)
    dropout(dropout_probability)


def memory(block, memory, memory_mask):
    """A memory belongs to a block with cross-attention, and to no other."""
    if (memory is None) == (block.cross_attention is not None):
        raise ValueError("a memory belongs to a block with cross_attention=True, and to no other: this has "
                         f"{memory is None}, and memory is {'missing' if memory is None else 'given'}")
    if memory is None and memory_mask is not None:
        raise ValueError("memory_mask was given without a memory")


def block_costs(d_model, d_ff, norm="layer", n=1, batch=1, memory_length=None, cached=0):
    sizes(d_model=d_model, n=n, batch=batch, **({} if d_ff is None else {"d_ff": d_ff}))
    sizes(at_least=0, memory_length=0 if memory_length is None else memory_length, cached=cached)
    choice("norm", norm, ("layer", "rms"))


# ---- Token ids, masks of real tokens, models (lessons 05 and 06)

POSITIONS = ("none", "sinusoidal", "learned", "rotary", "relative", "alibi")
BLOCK_OPTIONS = ("activation", "norm", "norm_first", "bias", "eps")


def embedding(vocab_size, d_model, max_seq_len, positions, num_segments, dropout_probability):
    sizes(vocab_size=vocab_size, d_model=d_model, max_seq_len=max_seq_len)
    sizes(at_least=0, num_segments=num_segments)
    choice("positions", positions, POSITIONS)
    dropout(dropout_probability)


def tokens(embedding, input_ids, segment_ids=None, offset=0):
    """Ids (B, T) of the vocabulary, not more than there are positions; segments only where the model has some."""
    token_ids("input_ids", input_ids, embedding.words.num_embeddings)
    sizes(at_least=0, offset=offset)
    if offset + input_ids.size(1) > embedding.max_seq_len:
        raise ValueError(f"max_seq_len is {embedding.max_seq_len}, got {offset + input_ids.size(1)} tokens")
    if segment_ids is not None:
        if embedding.segments is None:
            raise ValueError("segment_ids were given, but this model has num_segments=0")
        token_ids("segment_ids", segment_ids, embedding.segments.num_embeddings, input_ids.shape)


def token_ids(name, ids, vocab_size, shape=None):
    """Integers from 0 to vocab_size - 1, of this shape, or of any shape (B, T) that is not empty."""
    if kind_of(ids) not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must be a tensor of int64 or int32, got {kind_of(ids)}")
    if ids.dim() != 2 or ids.numel() == 0 or shape not in (None, ids.shape):
        allowed = "(B, T) with at least one token" if shape is None else tuple(shape)
        raise ValueError(f"{name} must have shape {allowed}, got {tuple(ids.shape)}")
    found = extremes(ids)
    if found and (found[0] < 0 or found[1] >= vocab_size):
        raise ValueError(f"{name} must lie from 0 to {vocab_size - 1}, got {found[0]} to {found[1]}")


def real_mask(name, mask, shape):
    """A mask of real tokens: of this shape, boolean, or integers 1 and 0."""
    if kind_of(mask) not in (torch.bool, torch.int64, torch.int32):
        raise TypeError(f"{name} must be a tensor of booleans, int64 or int32, True or 1 = a real token, got {kind_of(mask)}")
    if mask.shape != torch.Size(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(mask.shape)}")
    found = None if mask.dtype == torch.bool else extremes(mask)
    if found and (found[0] < 0 or found[1] > 1):
        raise ValueError(f"{name} must be 1 for a real token and 0 for padding, got {found[0]} to {found[1]}")


def position_scheme(positions, d_model, num_heads, max_seq_len):
    choice("positions", positions, POSITIONS)
    heads(d_model, num_heads)
    sizes(max_seq_len=max_seq_len)


def stack(model, vocab_size, num_layers, pad_id, block, allowed=BLOCK_OPTIONS):
    """Sizes of a stack of blocks, its pad_id, and options that a block has."""
    sizes(vocab_size=vocab_size, num_layers=num_layers)
    token_id("pad_id", pad_id, vocab_size)
    options(model, block, allowed)


def options(model, given, allowed):
    """Only options that are known: nothing that was asked for is ignored."""
    unknown = [name for name in given if name not in allowed]
    if unknown:
        named = [name for name in inspect.signature(model).parameters if name not in ("block", "stack")]
        raise TypeError(f"{model.__name__} has no argument {', '.join(unknown)}; it has {', '.join([*named, *allowed])}")


def head(encoder, dropout_probability=0.0, **given):
    """An encoder to stand on, and sizes of what stands on it."""
    instance("encoder", encoder, torch.nn.Module)
    sizes(**given)
    dropout(dropout_probability)


def hiding(input_ids, mask_id, vocab_size, share, protected):
    sizes(vocab_size=vocab_size)
    sizes(at_least=0, mask_id=mask_id)
    number("share", share)
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    if not isinstance(protected, (list, tuple, range)) or not all(map(is_integer, protected)):
        raise TypeError(f"protected must be a list of ids, got {protected!r}")
    if kind_of(input_ids) not in (torch.int64, torch.int32):
        raise TypeError(f"input_ids must be a tensor of int64 or int32, got {kind_of(input_ids)}")


def bio_tags(tags):
    if isinstance(tags, (str, torch.Tensor)) or not (hasattr(tags, "__iter__") and hasattr(tags, "__len__")):
        raise TypeError(f"tags must be a list of BIO tags, got {tags!r}")
    for position, tag in enumerate(tags):
        if tag != "O" and (not isinstance(tag, str) or tag[:2] not in ("B-", "I-") or len(tag) < 3):
            raise ValueError(f'a tag must be "O", "B-…" or "I-…", got {tag!r} at {position}')


def tag_lists(predicted, gold):
    for name, texts in (("predicted", predicted), ("gold", gold)):
        if not isinstance(texts, (list, tuple)) or not all(isinstance(tags, (list, tuple)) for tags in texts):
            raise TypeError(f"{name} must be a list of tags for each text, got {texts!r}")
    lengths = [[len(tags) for tags in texts] for texts in (predicted, gold)]
    if lengths[0] != lengths[1]:
        raise ValueError(f"predicted and gold must have the same lengths, got {lengths[0]} and {lengths[1]}")


def different_tied_tensors(given):
    """Names of one tied parameter → the tensors that a state dict has for it: they must be equal."""
    tensors = list(given.values())
    for name, tensor in list(given.items())[1:]:
        known = not (tensor.is_meta or tensors[0].is_meta)
        if tensor.shape != tensors[0].shape or known and not torch.equal(tensor, tensors[0].to(tensor)):
            raise ValueError(f"this model has one tensor for {' and '.join(given)}, but the state dict has different ones: load it "
                             "into a model that does not tie them")


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
