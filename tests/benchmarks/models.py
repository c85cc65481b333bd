"""The models that are timed side by side: ours, and others of the same size, each called in its own way and trained by the same step."""

import dataclasses
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from shared import settings
from shared.transformer import GPTModel, initialise

ALIKE = 0.03            # by how much of ours another model's number of parameters may differ
IGNORED = -100          # targets that do not count


@dataclasses.dataclass(frozen=True)
class Size:
    """Of a language model: d_ff is 4 d_model, no text is longer than context."""

    context: int
    vocab_size: int = 65
    d_model: int = 128
    num_layers: int = 4
    num_heads: int = 4


@dataclasses.dataclass(frozen=True)
class Peer:
    """A model, and the function from its inputs to logits (B, T, vocab_size)."""

    model: nn.Module
    logits: Callable


def ours(size):
    """`GPTModel`, with the exact GELU, as all the others: on CPUs it is faster than the tanh form in bfloat16."""
    model = GPTModel(size.vocab_size, size.d_model, size.num_layers, size.num_heads, max_seq_len=size.context, activation="gelu")
    return Peer(model, model)


def hugging_face(size, attention="sdpa"):
    """GPT-2 of transformers, with the exact GELU.   attention: "sdpa", its default, or "eager"."""
    import transformers

    config = transformers.GPT2Config(
        vocab_size=size.vocab_size, n_positions=size.context, n_embd=size.d_model, n_layer=size.num_layers, n_head=size.num_heads,
        activation_function="gelu", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None,
        attn_implementation=attention)
    model = transformers.GPT2LMHeadModel(config)
    return Peer(model, lambda ids: model(input_ids=ids, use_cache=False).logits)


def hugging_face_eager(size):
    """The same with its attention written out, which some CPUs do faster in bfloat16."""
    return hugging_face(size, "eager")


def x_transformers(size):
    """`TransformerWrapper` of x-transformers."""
    import x_transformers

    layers = x_transformers.Decoder(dim=size.d_model, depth=size.num_layers, heads=size.num_heads, attn_dim_head=size.d_model // size.num_heads,
                                    attn_flash=True)
    model = x_transformers.TransformerWrapper(num_tokens=size.vocab_size, max_seq_len=size.context, tie_embedding=True, attn_layers=layers)
    initialise(model)
    return Peer(model, model)


class Tied(nn.Module):
    """What the two models below share: words, learned places, a last norm, and scores by the words' own vectors."""

    def __init__(self, size):
        super().__init__()
        self.words, self.places = nn.Embedding(size.vocab_size, size.d_model), nn.Embedding(size.context, size.d_model)
        self.norm = nn.LayerNorm(size.d_model)

    def embedded(self, ids):
        """ids (B, T) → (B, T, d_model)."""
        return self.words(ids) + self.places.weight[:ids.size(1)]

    def scores(self, x):
        """x (B, T, d_model) → logits (B, T, vocab_size)."""
        return F.linear(self.norm(x), self.words.weight)


class Encoder(Tied):
    """`nn.TransformerEncoder` with a causal mask."""

    def __init__(self, size):
        super().__init__(size)
        layer = nn.TransformerEncoderLayer(size.d_model, size.num_heads, 4 * size.d_model, dropout=0.0, activation="gelu", batch_first=True,
                                           norm_first=True)
        self.stack = nn.TransformerEncoder(layer, size.num_layers, enable_nested_tensor=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(size.context), persistent=False)

    def forward(self, ids):
        """ids (B, T) → logits (B, T, vocab_size)."""
        T = ids.size(1)
        return self.scores(self.stack(self.embedded(ids), self.mask[:T, :T], is_causal=True))


class PlainBlock(nn.Module):
    """A block of `Plain`: queries, keys and values in one product, PyTorch's fused attention."""

    def __init__(self, size):
        super().__init__()
        d_model, self.num_heads = size.d_model, size.num_heads
        self.attention_norm, self.hidden_norm = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.to_attention, self.from_attention = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.to_hidden, self.from_hidden = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def forward(self, x):
        """x (B, T, d_model) → (B, T, d_model)."""
        parts = self.to_attention(self.attention_norm(x)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts)        # (B, H, T, d_head)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.from_attention(attended.transpose(1, 2).flatten(2))
        return x + self.from_hidden(F.gelu(self.to_hidden(self.hidden_norm(x))))


class Plain(Tied):
    """A GPT as small repositories write it."""

    def __init__(self, size):
        super().__init__(size)
        self.blocks = nn.Sequential(*(PlainBlock(size) for _ in range(size.num_layers)))

    def forward(self, ids):
        """ids (B, T) → logits (B, T, vocab_size)."""
        return self.scores(self.blocks(self.embedded(ids)))


def of_class(kind):
    """A function from a size to a `Peer` of this class, its matrices drawn as ours are."""
    def make(size):
        model = kind(size)
        initialise(model)
        return Peer(model, model)
    return make


OURS = "ours"
LANGUAGE_MODELS = {OURS: ours, "HuggingFace GPT-2": hugging_face, "HuggingFace GPT-2, eager": hugging_face_eager,
                   "nn.TransformerEncoder": of_class(Encoder), "x-transformers": x_transformers, "plain PyTorch": of_class(Plain)}


def build(makers, size):
    """Makers, name → function from a size to a `Peer` → name → `Peer` in train() on the lesson's device, and a list of what is missing.

    Missing is a peer whose package is not installed; ours must be there.
    """
    peers, missing = {}, []
    for name, make in makers.items():
        torch.manual_seed(settings.seed())
        try:
            peers[name] = make(size)
        except ImportError as error:
            if name == OURS:
                raise
            missing.append(f"{name} ({error.name or error} is not installed)")
    for peer in peers.values():
        peer.model.to(settings.device()).train()
    return peers, missing


def parameters(model):
    """How many numbers are trained; a matrix that is used twice counts once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def check_alike(peers, vocab_size, inputs, targets):
    """ValueError unless all peers have about as many parameters as ours, and a loss near ln V before they are trained."""
    expected = parameters(peers[OURS].model)
    for name, peer in peers.items():
        number = parameters(peer.model)
        if abs(number - expected) > ALIKE * expected:
            raise ValueError(f"{name} has {number:,} parameters, ours {expected:,}: their times cannot be compared")
        with torch.no_grad():
            loss = loss_of(peer.logits, inputs, targets).item()
        if not abs(loss - math.log(vocab_size)) < 0.5:
            raise ValueError(f"the loss of {name} starts at {loss:.2f}, not near ln {vocab_size} = {math.log(vocab_size):.2f}")


def loss_of(logits, inputs, targets):
    """The mean cross-entropy of all targets (B, T) but the ignored ones.   inputs: a tuple, given to `logits`."""
    return F.cross_entropy(logits(*inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def training_step(peer, inputs, targets, precision="float32", compiled=False):
    """A function without arguments that makes one step, the same for every peer, and returns the loss before it.

    Forward, backward, clipping to length 1, PyTorch's fused AdamW.   precision: "float32", or "bfloat16" by autocast.
    """
    weights, device = list(peer.model.parameters()), targets.device.type
    optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)
    logits = torch.compile(peer.logits) if compiled else peer.logits

    def step():
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            loss = loss_of(logits, inputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        return loss.detach()

    return step


def one_step(name, precision, context=256, batch=128, size=Size):
    """The step of one language model: its memory is measured in a process of its own."""
    shape = size(context)
    peers, missing = build({name: LANGUAGE_MODELS[name]}, shape)
    if missing:
        raise ImportError(missing[0])
    ids = torch.randint(shape.vocab_size, (batch, context + 1), device=settings.device())
    return training_step(peers[name], (ids[:, :-1],), ids[:, 1:], precision)
