"""The comparison of any decoder with HuggingFace's GPT-2, PyTorch's stack and plain loops; takes the module with the parts to compare."""

import contextlib
import itertools
import math
from unittest import mock

import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import HEADS, HIDDEN, WIDTH, pytorch, randomised, same
from torch import nn

from shared import transformer as decoder
from shared.transformer import causal_mask

POSITIONS = ("none", "sinusoidal", "learned", "rotary", "relative", "alibi")
TINY = {"vocab_size": 11, "d_model": 8, "num_layers": 2, "num_heads": 2, "max_seq_len": 12}


def ids_of(B=2, T=7, size=11, seed=0):
    return torch.randint(0, size, (B, T), generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def gpt(parts=decoder, dtype=torch.float64, **options):
    """A tiny model, in eval(), every parameter random."""
    return randomised(parts.GPTModel(**(TINY | options)), dtype)


# --- HuggingFace

GPT2_PARTS = {"ln_1": "self_attention_norm", "attn.c_proj": "self_attention.to_output", "ln_2": "feed_forward_norm",
              "mlp.c_fc": "feed_forward.to_hidden", "mlp.c_proj": "feed_forward.to_output"}
OUTSIDE = {"wte.weight": "decoder.embedding.words.weight", "wpe.weight": "decoder.embedding.places.table.weight",
           "ln_f.weight": "decoder.norm.weight", "ln_f.bias": "decoder.norm.bias"}


def huggingface():
    """transformers, imported where it is needed: that takes seconds."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers


def hugging(**options):
    """HuggingFace's model of a tiny configuration, in eval(), every parameter random."""
    config = huggingface().GPT2Config(**({"vocab_size": 11, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 12, "bos_token_id": None,
                                            "eos_token_id": None} | options))
    return randomised(huggingface().GPT2LMHeadModel(config), torch.float32)


def as_ours(theirs):
    """Their tensors by our names: written out here once more, by hand, apart from the table of the course."""
    found = {}
    for name, tensor in theirs.items():
        name = name.removeprefix("transformer.")
        if name in OUTSIDE:
            found[OUTSIDE[name]] = tensor
        elif name != "lm_head.weight":
            _, number, *part, kind = name.split(".")
            block, part = f"decoder.blocks.{number}", ".".join(part)
            tensor = tensor.t() if tensor.dim() == 2 else tensor
            if part == "attn.c_attn":
                for piece, our_part in enumerate(("query", "key", "value")):
                    width = len(tensor) // 3
                    found[f"{block}.self_attention.to_{our_part}.{kind}"] = tensor[piece * width:(piece + 1) * width]
            else:
                found[f"{block}.{GPT2_PARTS[part]}.{kind}"] = tensor
    return found


def loss_and_gradients(model, logits, ids):
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    named = dict(model.named_parameters())
    return loss, dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def same_as_hugging(ours, theirs, B=2, T=7):
    """T ≥ 2. Assert equal weights, hidden states, logits, loss, gradients and greedy tokens; in float64."""
    ids = ids_of(B, T, ours.output.out_features)
    ours, theirs = ours.to(DEVICE, torch.float64), theirs.to(DEVICE, torch.float64)
    assert not ours.training
    weights, our_weights = as_ours(theirs.state_dict()), ours.state_dict()
    assert set(weights) | {"output.weight"} == set(our_weights)
    assert all(our_weights[name].equal(weight) for name, weight in weights.items())
    states = []
    with contextlib.ExitStack() as hooks:
        for part in (ours.decoder.embedding, *ours.decoder.blocks[:-1], ours.decoder.norm):
            hooks.callback(part.register_forward_hook(lambda part, given, output: states.append(output)).remove)
        logits = ours(ids)
    expected = theirs(ids, labels=ids, output_hidden_states=True)
    torch.testing.assert_close(states, list(expected.hidden_states), **EXACT)
    torch.testing.assert_close(logits, expected.logits, **EXACT)
    (loss, gradients), (their_loss, their_gradients) = (loss_and_gradients(*three, ids) for three in ((ours, logits), (theirs, expected.logits)))
    torch.testing.assert_close((loss, gradients), (their_loss, as_ours(their_gradients)), **EXACT)
    torch.testing.assert_close(loss.float(), expected.loss.float(), rtol=1e-5, atol=1e-5)             # theirs is in float32
    real = torch.ones_like(ids)
    real[0, T // 2:] = 0
    torch.testing.assert_close(ours(ids, real)[real.bool()], theirs(ids, attention_mask=real).logits[real.bool()], **EXACT)
    new = ours.decoder.max_seq_len - T
    if new:
        greedy = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, pad_token_id=0)
        for use_cache in (True, False):
            assert ours.generate(ids, new, temperature=0, use_cache=use_cache).equal(greedy)


def files_agree(parts, folder, B=2, T=7, **options):
    """Assert that HuggingFace's files are read, and that what is written is read by HuggingFace: nothing missing, nothing left over."""
    theirs = hugging(**options)
    theirs.save_pretrained(folder / "theirs")
    ours = parts.GPTModel.from_pretrained(folder / "theirs")
    rate = theirs.config.resid_pdrop
    assert [module.p for module in ours.modules() if isinstance(module, nn.Dropout)] == [rate] * (2 * theirs.config.n_layer + 1) * (rate > 0)
    ours.save_pretrained(folder / "ours")
    again, info = huggingface().GPT2LMHeadModel.from_pretrained(folder / "ours", output_loading_info=True)
    assert {name: list(found) for name, found in info.items() if found} == {}
    for name in ("n_inner", "activation_function", "layer_norm_epsilon", "resid_pdrop", "embd_pdrop", "attn_pdrop"):
        assert getattr(again.config, name) == getattr(theirs.config, name), name
    back = parts.GPTModel.from_pretrained(folder / "ours")
    assert all(tensor.equal(other) for tensor, other in zip(ours.state_dict().values(), back.state_dict().values(), strict=True))
    assert back.options == ours.options
    same_as_hugging(ours, theirs, B, T)
    assert all(tensor.equal(other) for tensor, other in zip(again.state_dict().values(), theirs.float().state_dict().values(), strict=True))


# --- PyTorch

def stack_agrees(parts, cross_attention=True, norm_first=True, bias=True, activation="relu", B=2, T=4, S=5, num_layers=2):
    """Assert that the stack equals nn.TransformerDecoder (without memory: its layers of the encoder) under the same masks."""
    ours = randomised(parts.TransformerDecoder(11, WIDTH, num_layers, HEADS, HIDDEN, T + 1, activation=activation, norm_first=norm_first,
                                               cross_attention=cross_attention, bias=bias))
    made = [pytorch(block, activation=activation, norm_first=norm_first, bias=bias, cross_attention=cross_attention) for block in ours.blocks]
    layers, pairs = [layer for layer, _ in made], [pair for _, pairs in made for pair in pairs]
    final = nn.LayerNorm(WIDTH, bias=bias).to(DEVICE, torch.float64) if norm_first else None
    if norm_first:
        final.load_state_dict(ours.norm.state_dict())
        pairs += zip(ours.norm.parameters(), final.parameters(), strict=True)
    words, places = ours.embedding.words.weight, ours.embedding.places.table.weight
    ids, future = ids_of(B, T), ~causal_mask(T, device=DEVICE)
    real, keep = torch.ones(B, T, dtype=torch.bool, device=DEVICE), torch.ones(B, S, dtype=torch.bool, device=DEVICE)
    real[0, (T + 1) // 2:] = False
    keep[-1, S // 2 + 1:] = False
    memory, inputs = numbers(B, S, WIDTH), [words, places]

    def theirs():
        x = F.embedding(ids, words) + places[:T]
        if cross_attention:
            stack = nn.TransformerDecoder(layers[0], num_layers, final)
            stack.layers = nn.ModuleList(layers)
            return stack(x, memory, future, tgt_key_padding_mask=~real, memory_key_padding_mask=~keep)
        for layer in layers:
            x = layer(x, future, src_key_padding_mask=~real)
        return x if final is None else final(x)

    given = {"memory": memory, "memory_mask": keep} if cross_attention else {}
    same(lambda: ours(ids, real, **given), theirs, inputs + [memory] * cross_attention, pairs)


# --- loops

def probs_by_hand(logits, temperature=1.0, top_k=None, top_p=None):
    """The probabilities of one row of logits, in plain Python."""
    if temperature == 0:
        return [float(number == logits.index(max(logits))) for number in range(len(logits))]
    weights = [math.exp((logit - max(logits)) / temperature) for logit in logits]
    if top_k is not None:
        kept = sorted(logits, reverse=True)[top_k - 1]
        weights = [weight if logit >= kept else 0.0 for weight, logit in zip(weights, logits)]
    if top_p is not None and top_p < 1:
        total, kept = 0.0, set()
        for number in sorted(range(len(logits)), key=lambda number: -weights[number]):
            if total < top_p:
                kept.add(number)
            total += weights[number] / math.fsum(weights)
        weights = [weight if number in kept else 0.0 for number, weight in enumerate(weights)]
    return [weight / math.fsum(weights) for weight in weights]


OPTIONS = [{"temperature": temperature, "top_k": top_k, "top_p": top_p}
           for temperature, top_k, top_p in itertools.product((0, 0.5, 1.0, 2.0), (None, 1, 3), (None, 0.05, 0.6, 0.9, 1.0))]


def probabilities_agree(parts, V=7, rows=6):
    """Assert that next_token_probs is what the loops give, for every mixture of options, and with equal and impossible tokens."""
    logits = 2 * numbers(rows, V).detach()
    logits[1] = logits[1].round() * math.log(3)
    logits[2, ::2] = -math.inf
    for options in OPTIONS:
        found = parts.next_token_probs(logits, **options)
        expected = torch.tensor([probs_by_hand(row, **options) for row in logits.tolist()], dtype=torch.float64, device=DEVICE)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    for dtype in (torch.float64, torch.float32, torch.float16):                             # a temperature that is 0 in such numbers
        found = parts.next_token_probs(logits[0].to(DEVICE, dtype), temperature=1e-60)
        assert found.equal(parts.next_token_probs(logits[0].to(DEVICE, dtype), temperature=0))


def generation_agrees(parts, options, B=4000, seed=0, **shape):
    """Assert that the tokens drawn follow the loops (first token, and second after each first; 4 standard errors), cached or not."""
    model = gpt(parts, vocab_size=5, **shape)
    prompt, drawn = ids_of(1, 3, 5).expand(B, 3), {}
    for use_cache in (True, False):
        generator = torch.Generator(DEVICE).manual_seed(seed)
        drawn[use_cache] = model.generate(prompt, 2, use_cache=use_cache, generator=generator, **options)
    assert drawn[True].equal(drawn[False])
    tokens = drawn[True]
    assert tokens.shape == (B, 5) and tokens[:, :3].equal(prompt)
    for place, rows in [(3, tokens)] + [(4, tokens[tokens[:, 3] == first]) for first in range(5)]:
        if len(rows) >= 30:
            expected = probs_by_hand(model(rows[:1, :place])[0, -1].tolist(), **options)
            for token, p in enumerate(expected):
                share = (rows[:, place] == token).double().mean().item()
                assert abs(share - p) <= 4 * math.sqrt(p * (1 - p) / len(rows)) + 1e-9, f"token {token} at {place}: {share}, expected {p}"


# --- vectors in place of words, and chunks

def from_vectors(model, x, **given):
    """The model's logits for vectors x (B, T, d_model) in place of words and places."""
    with mock.patch.object(model.decoder.embedding, "forward", lambda input_ids, offset=0, left_padding=None: x):
        return model(torch.zeros(x.shape[:2], dtype=torch.int64, device=x.device), **given)


def stepper(parts, model, num_layers=2, **given):
    """A step for properties.cache_error: a chunk of ids and a cache → output and cache."""
    def step(chunk, cache):
        cache = parts.KeyValueCache(num_layers) if cache is None else cache
        return model(chunk, cache=cache, **given), cache
    return step


def chunkings(T, count=6, seed=0):
    """All at once, one by one, and `count` random ways to cut T."""
    generator = torch.Generator().manual_seed(seed)
    found = [(T,), (1,) * T]
    for _ in range(count):
        cuts = [0, *(torch.nonzero(torch.rand(T - 1, generator=generator) < 0.4).flatten() + 1).tolist(), T]
        found.append(tuple(b - a for a, b in itertools.pairwise(cuts)))
    return found
