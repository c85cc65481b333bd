"""What the parts refuse: wrong shapes, masks, ids, sizes and files, where silence would be wrong. Written by hand.

Each function is named after what it protects, returns nothing, and raises TypeError or ValueError with what was given
and what is allowed. A part that loses its `refuse` line does the same as before with good arguments.
*Values* in tensors are looked at only where they can be: not while a program is traced, compiled, exported or mapped.
"""

import inspect
import math
import operator
from numbers import Integral, Real

import torch
from torch._subclasses.fake_tensor import FakeTensor

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
    """The smallest and the largest value of a tensor as numbers; None if it has none or they cannot be looked at.

    They cannot while torch.compile or torch.export trace, on the meta device, within vmap, FakeTensorMode and make_fx.
    """
    if torch.compiler.is_compiling() or isinstance(tensor, FakeTensor) or tensor.is_meta or tensor.numel() == 0:
        return None
    try:
        lowest, highest = tensor.detach().aminmax()
        found = lowest.item(), highest.item()
    except (RuntimeError, TypeError):
        return None
    return None if isinstance(found[0], SYMBOLS) else found


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
            raise ValueError(f"{name} must have at least two dimensions, (..., length, width), "
                             f"got {tuple(tensor.shape)}")
    dtypes = (query.dtype, key.dtype, value.dtype)
    if len(set(dtypes)) > 1 and not torch.is_autocast_enabled(query.device.type):
        raise TypeError(f"query, key and value must share one dtype, got {', '.join(map(str, dtypes))}")
    if query.size(-1) != key.size(-1) or query.size(-1) == 0:
        raise ValueError("query and key must have the same width d_k of at least 1, "
                         f"got {query.size(-1)} and {key.size(-1)}")
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
        raise ValueError(f"mask of shape {tuple(mask.shape)} does not broadcast to the scores, "
                         f"(..., T, S) = {tuple(shape)}")


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
    itself = key is query and value is query                                # self-attention: one tensor to look at
    for name, x in (("query", query),) if itself else (("query", query), ("key", key), ("value", value)):
        if not isinstance(x, torch.Tensor) or x.dim() != 3 or x.size(-1) != layer.d_model:
            given = tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"{name} must be a tensor of shape (B, length, {layer.d_model}), got {given}")
        if not x.is_floating_point():
            floating_point(name, x)
    if not itself and (key.shape[:2] != value.shape[:2] or query.size(0) != key.size(0)):
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
        raise ValueError("positions within attention are for self-attention: "
                         "the queries are the last T of S positions, "
                         f"got T = {query.size(-2)} queries and S = {key.size(-2)} keys")
    if mask is not None:
        mask_of_scores(mask, (*query.shape[:-1], key.size(-2)))


def buckets(num_heads, num_buckets, max_distance, bidirectional):
    sizes(num_heads=num_heads, num_buckets=num_buckets, max_distance=max_distance)
    instance("bidirectional", bidirectional, bool)
    one_side = num_buckets // 2 if bidirectional else num_buckets
    if one_side < 2 or num_buckets % (1 + bidirectional) or max_distance <= one_side // 2:
        raise ValueError("num_buckets must be at least 2 for each side, and even for two, and max_distance more than "
                         f"half the buckets of a side, got num_buckets = {num_buckets}, max_distance = {max_distance}")


# ---- Blocks (lesson 04)


def vectors(x, width, at_least=1):
    """A floating-point tensor (..., width) with at least so many dimensions."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
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
    if type(offset) is not int or offset < 0:
        sizes(at_least=0, offset=offset)
    if offset + input_ids.size(1) > embedding.max_seq_len:
        raise ValueError(f"max_seq_len is {embedding.max_seq_len}, got {offset + input_ids.size(1)} tokens")
    if segment_ids is not None:
        if embedding.segments is None:
            raise ValueError("segment_ids were given, but this model has num_segments=0")
        token_ids("segment_ids", segment_ids, embedding.segments.num_embeddings, input_ids.shape)


def real_tokens(input_ids, attention_mask=None):
    """Ids (B, T), whose values the embedding looks at, and a mask of their shape."""
    token_ids("input_ids", input_ids, None)
    if attention_mask is not None:
        real_mask("attention_mask", attention_mask, input_ids.shape)


def token_ids(name, ids, vocab_size, shape=None):
    """Integers from 0 to vocab_size - 1, or of any size, of this shape, or of any shape (B, T) that is not empty."""
    if kind_of(ids) not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must be a tensor of int64 or int32, got {kind_of(ids)}")
    if ids.dim() != 2 or ids.numel() == 0 or shape not in (None, ids.shape):
        allowed = "(B, T) with at least one token" if shape is None else tuple(shape)
        raise ValueError(f"{name} must have shape {allowed}, got {tuple(ids.shape)}")
    found = None if vocab_size is None else extremes(ids)
    if found and (found[0] < 0 or found[1] >= vocab_size):
        raise ValueError(f"{name} must lie from 0 to {vocab_size - 1}, got {found[0]} to {found[1]}")


def real_mask(name, mask, shape):
    """A mask of real tokens: of this shape, boolean, or integers 1 and 0."""
    if kind_of(mask) not in (torch.bool, torch.int64, torch.int32):
        raise TypeError(f"{name} must be a tensor of booleans, int64 or int32, True or 1 = a real token, "
                        f"got {kind_of(mask)}")
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
        raise TypeError(f"{model.__name__} has no argument {', '.join(unknown)}; "
                        f"it has {', '.join([*named, *allowed])}")


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
    if isinstance(tags, (str, torch.Tensor)) or not hasattr(tags, "__iter__"):
        raise TypeError(f"tags must be a list of BIO tags, got {tags!r}")


def bio_tag(tag, position):
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
    first, *others = given.values()
    for tensor in others:
        equal = tensor is first or tensor.shape == first.shape
        if equal and tensor is not first and not first.is_meta:
            here = first.to(tensor)
            found = extremes(((tensor == here) | (tensor.isnan() & here.isnan())).long())
            equal = not found or found[0] == 1
        if not equal:
            raise ValueError(f"this model has one tensor for {' and '.join(given)}, but the state dict has different "
                             "ones: load it into a model that does not tie them")


def decoder(model, vocab_size, num_layers, pad_id, block):
    stack(model, vocab_size, num_layers, pad_id, block, (*BLOCK_OPTIONS, "cross_attention"))


def decoding(model, input_ids, attention_mask, memory, memory_mask, cache):
    """Ids, masks, a memory and a cache that fit each other. The values of ids are looked at by the embedding."""
    if not isinstance(input_ids, torch.Tensor) or input_ids.dim() != 2 or input_ids.numel() == 0:
        tokens(model.embedding, input_ids)
    cached, first = 0, model.blocks[0]
    if cache is not None:
        key_value_cache(cache, first.self_attention, len(model.blocks), input_ids.size(0))
        cached = cache.length
    if attention_mask is not None:
        real_mask("attention_mask", attention_mask, (input_ids.size(0), cached + input_ids.size(1)))
        if cached:
            cached_part(attention_mask[:, :cached].bool(), cache.real)
    elif model.pad_id is not None and not cached:
        padding_or_start(input_ids, model.pad_id)
    if memory is not None or memory_mask is not None or first.cross_attention is not None:
        decoder_memory(model, memory, memory_mask, input_ids.size(0), cache if cached else None)


def key_value_cache(cache, attention, num_layers, B):
    """A cache of this model and of as many texts, in which all layers hold equally many tokens."""
    if not hasattr(cache, "become"):
        raise TypeError(f"cache must be a KeyValueCache, got {type(cache).__name__}")
    if len(cache.layers) != num_layers:
        raise ValueError(f"the cache is made for {len(cache.layers)} layers, the model has {num_layers}")
    for layers in (cache.layers, cache.memory):
        first = layers[0].key
        for layer in layers:
            key = layer.key
            if (key is None) != (first is None) or key is not None and key.size(-2) != first.size(-2):
                raise ValueError("the layers of the cache must hold equally many tokens, got "
                                 f"{[layer.length for layer in layers]}: layers were filled by hand, make a new one")
    first = cache.layers[0].key
    if first is None:
        return
    expected = (B, attention.num_heads, first.size(-2), attention.d_head)
    if first.shape != expected:
        raise ValueError("the cache is of another batch or model: expected keys (B, H, length, d_head) "
                         f"{expected}, got {tuple(first.shape)}")
    if cache.real is not None and cache.real.shape != (B, first.size(-2)):
        raise ValueError(f"cache.real must have shape {(B, first.size(-2))}, for the tokens that the layers hold, got "
                         f"{tuple(cache.real.shape)}")


def cached_part(given, known):
    """What attention_mask says of cached tokens, (B, cached), beside what the cache knows, whose padding has moved."""
    if known is not None:
        found = extremes((given.sum(dim=1) - known.sum(dim=1)).abs())
        if found and found[1]:
            raise ValueError("attention_mask must have as many real tokens among the cached ones as the cache has, got "
                             f"{given.sum(dim=1).tolist()}, the cache has {known.sum(dim=1).tolist()}")
        return
    found = extremes((given[:, 1:] & ~given[:, :-1]).long())
    if found and found[1]:
        raise ValueError("attention_mask hides cached tokens that later cached ones have attended to: give it in the "
                         "call in which they come into the cache")


def padding_or_start(input_ids, pad_id):
    """Where pad_id is the start token, all texts begin with it, once; otherwise that looks like padding on the left."""
    pads = input_ids == pad_id
    found = extremes(pads[:, 0].long())
    if not found or not found[1]:
        return
    unclear = pads[:, 0] & ~pads.all(dim=1)                                 # (B,): begins with pad_id, and goes on
    if found[0]:
        unclear = unclear & pads[:, :2].all(dim=1)
    if extremes(unclear.long())[1]:
        raise ValueError(f"input_ids look padded on the left: a text with other tokens begins with pad_id = {pad_id} "
                         "twice, or not all texts begin with it; give an attention_mask that says what is real")


def decoder_memory(model, memory, memory_mask, B, cache):
    if (memory is None) == (model.blocks[0].cross_attention is not None):
        raise ValueError("a memory belongs to a decoder with cross_attention=True, and to no other: this has "
                         f"{memory is None}, and memory is {'missing' if memory is None else 'given'}")
    if memory is None:
        raise ValueError("memory_mask was given without a memory")
    if not isinstance(memory, torch.Tensor) or memory.dim() != 3 or not memory.is_floating_point():
        raise TypeError(f"memory must be floating point, (B, S, d_model), got {described(memory)}")
    if memory.size(0) != B or memory.size(2) != model.d_model:
        raise ValueError(f"memory must be of shape ({B}, S, {model.d_model}), got {tuple(memory.shape)}")
    if cache is not None and cache.memory[0].length != memory.size(1):
        raise ValueError(f"the cache is of a memory of {cache.memory[0].length} tokens, got one of {memory.size(1)}")
    if memory_mask is not None:
        real_mask("memory_mask", memory_mask, memory.shape[:2])


# ---- Generation and its cache (lesson 06)


def rows(rows):
    """Which texts of a cache to keep."""
    integers("rows", rows)
    if rows.dim() != 1:
        raise ValueError(f"rows must have shape (B',), one integer for each text that is kept, got {tuple(rows.shape)}")


def sampling(vocab_size, temperature, top_k, top_p):
    number("temperature", temperature)
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be at least 0 and finite, got {temperature}")
    if top_k is not None:
        if not is_integer(top_k):
            raise TypeError(f"top_k must be an integer, got {top_k!r}")
        if not 1 <= top_k <= vocab_size:
            raise ValueError(f"top_k must lie from 1 to vocab_size = {vocab_size}, got {top_k}")
    if top_p is not None:
        number("top_p", top_p)
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")


def next_token(logits, temperature, top_k, top_p):
    """Scores (..., vocab_size), and filters for so many tokens."""
    floating_point("logits", logits)
    if logits.dim() < 1 or logits.size(-1) < 1:
        raise ValueError(f"logits must have shape (..., vocab_size), got {tuple(logits.shape)}")
    sampling(logits.size(-1), temperature, top_k, top_p)


def generation(model, prompt_ids, attention_mask, max_new_tokens, eos_id):
    """Prompts with at least one real token each, and room behind them."""
    token_ids("prompt_ids", prompt_ids, model.output.out_features)
    sizes(at_least=0, max_new_tokens=max_new_tokens)
    if prompt_ids.size(1) + max_new_tokens > model.decoder.max_seq_len:
        raise ValueError(f"a text has at most max_seq_len = {model.decoder.max_seq_len} tokens, padding included, got "
                         f"a prompt of {prompt_ids.size(1)} and {max_new_tokens} new ones")
    token_id("eos_id", eos_id, model.output.out_features)
    if attention_mask is not None:
        real_mask("attention_mask", attention_mask, prompt_ids.shape)
        found = extremes(attention_mask.long().sum(dim=1))
        if found and not found[0]:
            raise ValueError("attention_mask must leave each prompt at least one real token, got one of padding alone")


# ---- Sequence to sequence, searches, BLEU (lesson 07)


def batches(source_ids, target_ids):
    """As many source texts as target texts."""
    given = [len(ids) if isinstance(ids, torch.Tensor) and ids.dim() == 2 else None for ids in (source_ids, target_ids)]
    if None not in given and given[0] != given[1]:
        raise ValueError(f"source_ids and target_ids must have the same batch size, got {given[0]} and {given[1]}")


def source(model, source_ids, source_mask):
    token_ids("source_ids", source_ids, model.encoder.vocab_size)
    if source_mask is not None:
        real_mask("source_mask", source_mask, source_ids.shape)


def target(model, target_ids, target_mask, cache):
    """Ids of the target's vocabulary, and a mask of the cached tokens and these."""
    token_ids("target_ids", target_ids, model.decoder.embedding.words.num_embeddings)
    if target_mask is not None:
        B, T = target_ids.shape
        real_mask("target_mask", target_mask, (B, getattr(cache, "length", 0) + T))


def sharing(sharing, vocab_size, target_vocab_size):
    """A matrix that two vocabularies share has one size."""
    sizes(vocab_size=vocab_size, target_vocab_size=target_vocab_size)
    choice("sharing", sharing, ("all", "target", "none"))
    if sharing == "all" and vocab_size != target_vocab_size:
        raise ValueError(f'sharing="all" needs one vocabulary, got vocab_size = {vocab_size} and target_vocab_size = '
                         f'{target_vocab_size}: choose "target" or "none"')


def loss(logits, targets, smoothing, pad_id):
    """Scores (..., V), and targets (...) of which at least one is real."""
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        raise TypeError(f"logits must be a floating-point tensor, got {described(logits)}")
    if kind_of(targets) not in (torch.int64, torch.int32):
        raise TypeError(f"targets must be a tensor of int64 or int32, got {described(targets)}")
    if logits.dim() < 1 or logits.shape[:-1] != targets.shape:
        raise ValueError("logits must be of shape (..., V) and targets of shape (...), got "
                         f"{tuple(logits.shape)} and {tuple(targets.shape)}")
    number("smoothing", smoothing)
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must be at least 0 and below 1, got {smoothing}")
    V = logits.size(-1)
    token_id("pad_id", pad_id, V)
    if targets.numel() == 0:
        raise ValueError(f"targets must have at least one real token, got shape {tuple(targets.shape)}")
    ignored = targets == -100 if pad_id is None else (targets == -100) | (targets == pad_id)
    highest, lowest = (extremes(targets.masked_fill(ignored, other)) for other in (-100, V))
    if highest and highest[1] == -100:
        raise ValueError(f"targets must have at least one real token, got {targets.numel()} of padding")
    if highest and lowest and (lowest[0] < 0 or highest[1] >= V):
        raise ValueError(f"targets must lie from 0 to {V - 1}, or be -100, got {lowest[0]} to {highest[1]}")


def search(model, source_ids, source_mask, bos_id, eos_id, max_new_tokens):
    """A model that reads and writes, sources, ids of its target vocabulary, and room for the new tokens."""
    if not (hasattr(model, "memory_mask") and hasattr(model, "decode")):
        raise TypeError(f"model must be a Transformer, got {type(model).__name__}")
    source(model, source_ids, source_mask)
    for name, value in (("bos_id", bos_id), ("eos_id", eos_id)):
        sizes(at_least=0, **{name: value})
        token_id(name, value, model.decoder.embedding.words.num_embeddings)
    sizes(max_new_tokens=max_new_tokens)
    if max_new_tokens > model.decoder.max_seq_len:
        raise ValueError(f"max_new_tokens must be at most max_seq_len = {model.decoder.max_seq_len}, got "
                         f"{max_new_tokens}")


def beams(model, num_beams, length_penalty, num_return):
    sizes(num_beams=num_beams, **({} if num_return is None else {"num_return": num_return}))
    number("length_penalty", length_penalty)
    if not 0 <= length_penalty < math.inf:
        raise ValueError(f"length_penalty must be at least 0 and finite, got {length_penalty}")
    if num_return is not None and num_return > num_beams:
        raise ValueError(f"num_return must be at most num_beams = {num_beams}, got {num_return}")
    if model.output.out_features < 2:
        raise ValueError("a search needs at least 2 target tokens, got a vocabulary of 1")


def bleu(hypotheses, references, max_order, smoothing):
    """For each hypothesis, a text or a list of tokens, one reference of the same form, or a list of several."""
    sizes(max_order=max_order)
    choice("smoothing", smoothing, ("exp", "none"))
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        if not isinstance(texts, (list, tuple)):
            raise TypeError(f"{name} must be a list, one entry for each hypothesis, got {type(texts).__name__}")
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError("there must be one entry of references for each hypothesis, and at least one, got "
                         f"{len(references)} and {len(hypotheses)}")
    for position, (text, given) in enumerate(zip(hypotheses, references)):
        if not isinstance(text, (str, list, tuple)):
            raise TypeError(f"hypotheses[{position}] must be a str or a list of tokens, got {type(text).__name__}")
        form = str if isinstance(text, str) else (list, tuple)
        several = isinstance(given, (list, tuple)) and given and all(isinstance(one, form) for one in given)
        if not several and not isinstance(given, form):
            raise TypeError(f"references[{position}] must be of the form of its hypothesis, a {type(text).__name__}, "
                            f"or a list of such, got {given!r}")
        if not all(one.split() if form is str else one for one in (given if several else [given])):
            raise ValueError(f"references[{position}] must have at least one token, got {given!r}")
        try:
            [set(one) for one in (text, *(given if several else [given]))]
        except TypeError as unhashable:
            raise TypeError(f"tokens of hypotheses[{position}] and its references must be hashable, such as str or "
                            f"int: {unhashable}") from None


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
    tokens_that_overlap(path, [token for token in added + named if token["content"] in ids])


def tokens_that_overlap(path, tokens):
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


def iterable(name, thing):
    if not hasattr(thing, "__iter__"):
        raise TypeError(f"{name} must be a list, got {type(thing).__name__}")


def listed_integers(name, numbers):
    """A list, an array or a one-dimensional tensor of integers."""
    wrong = TypeError(f"{name} must be integers, got {numbers!r}")
    if isinstance(numbers, torch.Tensor):
        if numbers.dtype not in INTEGERS or numbers.dim() != 1:
            raise wrong
        return
    try:
        for number in numbers:
            operator.index(number)
    except TypeError:
        raise wrong from None


def lengths(lengths, max_tokens):
    """Lengths of examples, each of which fits into a batch by itself."""
    sizes(max_tokens=max_tokens)
    listed_integers("lengths", lengths)
    if not lengths or min(lengths) < 1 or max(lengths) > max_tokens:
        raise ValueError(f"lengths must be from 1 to max_tokens = {max_tokens}, got "
                         f"{f'{min(lengths)} to {max(lengths)}' if lengths else 'none'}")


def rows_of_ids(rows, pad_id):
    sizes(at_least=-100, pad_id=pad_id)
    if not isinstance(rows, (list, tuple)) or not rows:
        raise TypeError(f"rows must be a list of at least one row, got {rows!r}")
    for row in rows:
        listed_integers("rows", row)


def adamw(lr, betas, eps, weight_decay):
    for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
        number(name, value)
    if not lr >= 0 or not eps >= 0 or not weight_decay >= 0:
        raise ValueError(f"lr, eps and weight_decay must be at least 0, got {lr}, {eps} and {weight_decay}")
    if not isinstance(betas, (list, tuple)) or len(betas) != 2 or not all(
            isinstance(beta, Real) and not isinstance(beta, bool) and 0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must be two numbers of at least 0 and below 1, got {betas}")


def decay(model, weight_decay):
    instance("model", model, torch.nn.Module)
    number("weight_decay", weight_decay)


def schedule(step, warmup_steps, total_steps=None, floor=0.0):
    """Steps are counted from 1; a warm-up has at least one, and ends before the training does."""
    number("step", step)
    number("warmup_steps", warmup_steps)
    number("floor", floor)
    if not step >= 1:
        raise ValueError(f"steps are counted from 1, got {step}: at step 0 the learning rate would be 0")
    if not warmup_steps >= 1:
        raise ValueError(f"warmup_steps must be at least 1, got {warmup_steps}")
    if total_steps is not None:
        number("total_steps", total_steps)
        if not total_steps >= warmup_steps:
            raise ValueError(f"total_steps must be at least warmup_steps = {warmup_steps}, got {total_steps}")


def max_norm(value):
    number("max_norm", value)
    if not value > 0:
        raise ValueError(f"max_norm must be above 0, got {value!r}")


def parameters(parameters):
    for parameter in parameters:
        instance("parameters: each", parameter, torch.Tensor)


def counted(tokens):
    """A mean over tokens needs one."""
    if not tokens:
        raise ValueError("batches must have a token that counts, got none")


def precision(value):
    choice("precision", value, ("float32", "bfloat16", "float16"))


def accumulation(batches, precision_):
    precision(precision_)
    if not hasattr(batches, "__len__"):
        raise TypeError(f"batches must be a list of batches, got {type(batches).__name__}")


def sum_and_count(result):
    """What a loss returns."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"loss must return (sum of the losses, number of tokens), got {result!r}")


def generators(generators, states):
    """Sources of random numbers, for which there are states of their number and kind."""
    if len(generators) != len(states):
        raise ValueError(f"generators must be {len(states)}, as before, got {len(generators)}")
    for source, state in zip(generators, states):
        kind = {torch.Tensor: "torch.Generator", tuple: "random.Random"}.get(type(state), "NumPy's")
        given = "torch.Generator" if isinstance(source, torch.Generator) else "random.Random"
        if kind != (given if hasattr(source, "getstate") or isinstance(source, torch.Generator) else "NumPy's"):
            raise ValueError(f"generators must be of the same kinds as before, got {type(source).__name__} for the "
                             f"state of {kind}")


def trainer(trainer, processes):
    """What a Trainer is made of. processes: the number of those that train together."""
    precision(trainer.precision)
    max_norm(trainer.max_norm)
    sizes(accumulate=trainer.accumulate, evaluate_every=trainer.evaluate_every, save_every=trainer.save_every)
    if trainer.accumulate % processes:
        raise ValueError(f"accumulate must be a multiple of the {processes} processes, got {trainer.accumulate}")
    for name in ("loss", "batches", "schedule", "evaluate"):
        function = getattr(trainer, name)
        if not callable(function) and not (function is None and name in ("schedule", "evaluate")):
            raise TypeError(f"{name} must be a function, got {type(function).__name__}")
    if not isinstance(trainer.callbacks, (list, tuple)):
        raise TypeError(f"callbacks must be a list of functions, got {type(trainer.callbacks).__name__}")
    for callback in trainer.callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must be functions, got {type(callback).__name__}")
    trained = {id(parameter) for group in trainer.optimizer.param_groups for parameter in group["params"]}
    if not trained & {id(parameter) for parameter in trainer.model.parameters()}:
        raise ValueError("the optimizer must hold parameters of the model, got none of them: was the model "
                         "copied after the optimizer was made?")


def training(steps, step, checkpoints):
    """Training from `step` to `steps` leaves the checkpoints of a longer run alone."""
    sizes(at_least=0, steps=steps)
    newest = checkpoints.paths()[-1:] if checkpoints else []
    if newest and int(newest[0].name.split("_")[1]) > step:
        raise ValueError(f"{newest[0]} is of a later step than {step}: call resume() first, or choose another folder")


def empty_epoch(epoch, done):
    if not done:
        raise ValueError(f"batches must give at least one batch an epoch, got none in epoch {epoch}")


def loss_of_step(loss, step, drawn, losses):
    """A loss that is not finite stops the training before it reaches weights. drawn: [((epoch, batch), …), …]."""
    if not math.isfinite(loss):
        wrong = [item for item, loss_sum in zip(drawn, losses) if not math.isfinite(loss_sum)]
        raise FloatingPointError(f"the loss is {loss} at step {step}, {_batches(wrong)}")


def gradient_of_step(norm, step, drawn, scaler):
    """Nor does a gradient that is not finite, unless float16 was scaled too far, which the scaler repairs itself."""
    if not math.isfinite(norm) and not (scaler.is_enabled() and scaler.get_scale() >= 1):
        scaler.update()                                                     # or it could not be asked again
        raise FloatingPointError(f"the gradient's length is {norm} at step {step}, {_batches(drawn)}")


def _batches(drawn):
    named = ", ".join(f"batch {done} of epoch {epoch}" for (epoch, done), _ in drawn)
    return f"in {named}" if named else "in another process"


def evaluated(result):
    if not isinstance(result, dict):
        raise TypeError(f"evaluate must return {{name: number}}, got {result!r}")


def folder(checkpoints):
    if checkpoints is None:
        raise ValueError("checkpoints need a folder: Trainer(…, folder=…)")


def unreadable(name, state):
    """NumPy's numbers cannot be read again from a checkpoint, since they could hold any code."""
    raise TypeError(f"the state_dict of {name} must hold plain numbers, texts and tensors, got {state!r}")


def single_loss(loss):
    """A number, alone in a tensor or not, or None."""
    if loss is not None and not (isinstance(loss, torch.Tensor) and loss.numel() == 1):
        number("loss", loss)


def checksum(path, found, size):
    """The name of a checkpoint ends with the checksum of its content."""
    if found != path.stem.rpartition("_")[2]:
        raise ValueError(f"{path} is damaged, or renamed: its {size:,} bytes do not have the checksum in its name")


def code_in_file(path, error):
    """A checkpoint is data: what else torch.load meets in it is not run."""
    raise ValueError(f"{path} holds more than plain numbers, texts and tensors: {error}") from error


def all_damaged(damaged):
    if damaged:
        raise ValueError(f"no checkpoint can be read: {'; '.join(damaged)}")


def optimizer_class(then, now):
    """The moments of one optimizer mean nothing to another. then: None in a checkpoint of an older version."""
    if then is not None and then != now:
        raise ValueError(f"the checkpoint has the state of the optimizer {then}, which {now} cannot continue")


def optimizer_sizes(then, now):
    """Numbers of parameters, group by group."""
    if then != now:
        raise ValueError(f"the optimizer must hold as many parameters as the checkpoint's: groups of {then}, got {now}")


def optimizer_names(then, now):
    """Names of all parameters that the optimizer changes."""
    missing, more = (", ".join(sorted(names)[:3]) for names in (set(then) - set(now), set(now) - set(then)))
    if missing or more:
        parts = [f"without {missing}"] * bool(missing) + [f"with {more} in addition"] * bool(more)
        raise ValueError("the optimizer must hold the same parameters as the checkpoint's, "
                         f"got one {' and '.join(parts)}")


# ---- Folders of other libraries


def unlike_gpt2(options, activations):
    """Options of a GPTModel for which GPT-2's files have no place."""
    allowed = {"activation": activations, "norm": ("layer",), "norm_first": (True,), "positions": ("learned",),
               "scale": (False,), "bias": (True,)}
    for name, values in allowed.items():
        if options.get(name, values[0]) not in values:
            raise ValueError(f"GPT-2's files have no place for {name}={options[name]!r}, only for "
                             f"{' or '.join(map(repr, values))}")


def unlike_its_options(model, fresh):
    """A model that was changed by hand: it is not what its options say, which is what the new model `fresh` is."""
    differences = list(_differences(model, fresh))
    if differences:
        more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise ValueError("the model is not what model.options say, and would be read back as another: "
                         f"{'; '.join(differences[:3])}{more}")


PLAIN = (bool, int, float, str, type(None))


def _differences(model, fresh):
    """Parts, settings and parameters of one model that the other does not have, each in words."""
    ours, others = dict(model.named_modules()), dict(fresh.named_modules())
    for name in [*ours, *(name for name in others if name not in ours)]:
        label = name or "the model"
        kinds = [type(parts[name]).__name__ if name in parts else "missing" for parts in (ours, others)]
        same_kind = name in ours and name in others and type(ours[name]).forward is type(others[name]).forward
        if not same_kind or "forward" in vars(ours[name]):
            yield f"{label} is {kinds[0]} with a forward of its own, expected {kinds[1]}" if len(set(kinds)) == 1 else (
                f"{label} is {kinds[0]}, expected {kinds[1]}")
            continue
        for setting, expected in vars(others[name]).items():
            if isinstance(expected, PLAIN) and setting[0] != "_" and setting not in ("training", "recorded"):
                given = vars(ours[name]).get(setting)
                if given != expected:
                    yield f"{label} has {setting} = {given!r}, expected {expected!r}"
    tensors, expected = (dict(whole.state_dict()) for whole in (model, fresh))
    for name in [*tensors, *(name for name in expected if name not in tensors)]:
        shapes = [tuple(found[name].shape) if name in found else "none" for found in (tensors, expected)]
        if shapes[0] != shapes[1]:
            yield f"{name} has shape {shapes[0]}, expected {shapes[1]}"


def unlike_their_config(folder, shapes, tensors):
    """Tensors of files that are missing, too many, or of another shape than their config.json says."""
    problems = [f"{name} is missing" for name in shapes if name not in tensors]
    problems += [f"{name} is not a part of this model" for name in tensors if name not in shapes]
    problems += [f"{name} has shape {tuple(tensors[name].shape)}, expected {tuple(shape)}"
                 for name, shape in shapes.items() if name in tensors and tensors[name].shape != shape]
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{folder} does not fit its config.json: {'; '.join(problems[:5])}{more}")


def other_than_gpt2(config, activations, needed):
    """A config.json of another kind of model, or without its sizes."""
    allowed = {"model_type": ("gpt2",), "activation_function": activations, "embd_pdrop": (config["resid_pdrop"],),
               "attn_pdrop": (config["resid_pdrop"],), "tie_word_embeddings": (True, False),
               "scale_attn_weights": (True,), "add_cross_attention": (False,),
               "scale_attn_by_inverse_layer_idx": (False,)}
    for name, values in allowed.items():
        if config.get(name, values[0]) not in values:
            raise ValueError(f"config.json has {name}={config[name]!r}; what can be read is "
                             f"{' or '.join(map(repr, values))}")
    missing = [name for name in needed if name not in config]
    if missing:
        raise ValueError(f"config.json must have {', '.join(needed)}: {', '.join(missing)} is missing")


def damaged(path, error):
    raise ValueError(f"{path.name} is damaged: {error}") from error


def not_json(path, error):
    raise ValueError(f"{path.name} is no JSON: {error}") from error


def not_an_object(path, content):
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} must hold names and values, got {type(content).__name__}")
