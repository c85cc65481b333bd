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
    if type(offset) is not int or offset < 0:
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
    cached, blocks = 0, model.blocks
    if cache is not None:
        key_value_cache(cache, blocks, input_ids)
        cached = cache.length
    if attention_mask is not None:
        real_mask("attention_mask", attention_mask, (input_ids.size(0), cached + input_ids.size(1)))
        if cached:
            cached_part(attention_mask[:, :cached].bool(), cache.real)
    elif model.pad_id is not None and not cached:
        padding_or_start(input_ids, model.pad_id)
    if memory is not None or memory_mask is not None or blocks[0].cross_attention is not None:
        decoder_memory(model, memory, memory_mask, input_ids.size(0), cache if cached else None)


def key_value_cache(cache, blocks, input_ids):
    """A cache of this model and of as many texts, in which all layers hold equally many tokens."""
    if not hasattr(cache, "become"):
        raise TypeError(f"cache must be a KeyValueCache, got {type(cache).__name__}")
    if len(cache.layers) != len(blocks):
        raise ValueError(f"the cache is made for {len(cache.layers)} layers, the model has {len(blocks)}")
    first, length = cache.layers[0].key, cache.length
    for layers, expected in ((cache.layers, length), (cache.memory, cache.memory[0].length)):
        for layer in layers:
            if (0 if layer.key is None else layer.key.size(-2)) != expected:
                raise ValueError("the layers of the cache must hold equally many tokens, got "
                                 f"{[layer.length for layer in layers]}: make a new one, single layers were filled by hand")
    if length:
        attention = blocks[0].self_attention
        expected = (input_ids.size(0), attention.num_heads, length, attention.d_head)
        if first.shape != expected:
            raise ValueError("the cache is of another batch or model: expected keys (B, H, length, d_head) "
                             f"{expected}, got {tuple(first.shape)}")
        if cache.real is not None and cache.real.shape != (expected[0], length):
            raise ValueError(f"cache.real must have shape {(expected[0], length)}, for as many tokens as the layers "
                             f"hold, got {tuple(cache.real.shape)}")


def cached_part(given, known):
    """What attention_mask says of cached tokens, (B, cached), beside what the cache knows; that has moved its padding."""
    if known is not None:
        found = extremes((given.sum(dim=1) - known.sum(dim=1)).abs())
        if found and found[1]:
            raise ValueError("attention_mask must have as many real tokens among the cached ones as the cache has, got "
                             f"{given.sum(dim=1).tolist()}, the cache has {known.sum(dim=1).tolist()}")
        return
    found = extremes((given[:, 1:] & ~given[:, :-1]).long())
    if found and found[1]:
        raise ValueError("attention_mask hides cached tokens that later cached ones have attended to: give it in the call in "
                         "which they come into the cache")


def padding_or_start(input_ids, pad_id):
    """Texts begin with pad_id all, and once, where it is their start token; otherwise that looks like padding on the left."""
    pads = input_ids == pad_id
    found = extremes(pads[:, 0].long())
    if not found or not found[1]:
        return
    unclear = pads[:, 0] & ~pads.all(dim=1)                                 # (B,): begins with pad_id, and goes on
    if found[0]:
        unclear = unclear & pads[:, :2].all(dim=1)
    if extremes(unclear.long())[1]:
        raise ValueError(f"input_ids look padded on the left: a text with other tokens begins with pad_id = {pad_id} twice, or not "
                         "all texts begin with it; give an attention_mask that says which tokens are real")


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
        raise ValueError(f"a text has at most max_seq_len = {model.decoder.max_seq_len} tokens, padding included, got a "
                         f"prompt of {prompt_ids.size(1)} and {max_new_tokens} new ones")
    token_id("eos_id", eos_id, model.output.out_features)
    if attention_mask is not None:
        real_mask("attention_mask", attention_mask, prompt_ids.shape)
        found = extremes(attention_mask.long().sum(dim=1))
        if found and not found[0]:
            raise ValueError("attention_mask must leave each prompt at least one real token, got one of padding alone")


# ---- Sequence to sequence, searches, BLEU (lesson 07)


# ---- Tokenizers and their files (lessons 06 and 08)


# ---- Optimisation, training, checkpoints (lesson 08)


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
               "attn_pdrop": (config["resid_pdrop"],), "tie_word_embeddings": (True, False), "scale_attn_weights": (True,),
               "add_cross_attention": (False,), "scale_attn_by_inverse_layer_idx": (False,)}
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
