"""The encoder–decoder models that are timed side by side, of one size, and the sentences they read and write."""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from shared import settings
from shared.transformer import SinusoidalPositionalEncoding, Transformer, initialise

from .models import IGNORED, OURS, Peer

PAD, BOS, EOS = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Size:
    """Of an encoder–decoder model with one vocabulary, and one matrix for source words, target words and scores."""

    vocab_size: int = 4000
    d_model: int = 128
    num_layers: int = 3
    num_heads: int = 4
    d_ff: int = 512
    context: int = 80


def ours(size):
    """`Transformer`."""
    model = Transformer(size.vocab_size, d_model=size.d_model, num_layers=size.num_layers, num_heads=size.num_heads, d_ff=size.d_ff,
                        max_seq_len=size.context, dropout=0.0, pad_id=PAD)
    return Peer(model, model)


def marian(size):
    """Marian of transformers."""
    import transformers

    d_model, layers, heads, d_ff = size.d_model, size.num_layers, size.num_heads, size.d_ff
    config = transformers.MarianConfig(
        vocab_size=size.vocab_size, d_model=d_model, encoder_layers=layers, decoder_layers=layers, encoder_attention_heads=heads,
        decoder_attention_heads=heads, encoder_ffn_dim=d_ff, decoder_ffn_dim=d_ff, max_position_embeddings=size.context,
        activation_function="relu", scale_embedding=True, dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, pad_token_id=PAD,
        bos_token_id=BOS, eos_token_id=EOS, decoder_start_token_id=BOS, forced_eos_token_id=None, attn_implementation="sdpa")
    model = transformers.MarianMTModel(config)

    def logits(source, target):
        return model(source, (source != PAD).long(), target, (target != PAD).long(), use_cache=False).logits

    return Peer(model, logits)


class WithPyTorch(nn.Module):
    """`nn.Transformer`, with words and scores around it."""

    def __init__(self, size):
        super().__init__()
        self.words, self.factor = nn.Embedding(size.vocab_size, size.d_model), math.sqrt(size.d_model)
        self.places = SinusoidalPositionalEncoding(size.d_model, size.context)
        self.transformer = nn.Transformer(size.d_model, size.num_heads, size.num_layers, size.num_layers, size.d_ff, dropout=0.0, batch_first=True)
        self.register_buffer("future", torch.ones(size.context, size.context, dtype=torch.bool).triu(diagonal=1), persistent=False)

    def forward(self, source, target):
        """source (B, S), target (B, T) → logits (B, T, vocab_size)."""
        T, pads = target.size(1), source == PAD
        source, read = (self.places(self.words(ids) * self.factor) for ids in (source, target))
        x = self.transformer(source, read, tgt_mask=self.future[:T, :T], src_key_padding_mask=pads, memory_key_padding_mask=pads,
                             tgt_key_padding_mask=target == PAD, tgt_is_causal=True)
        return F.linear(x, self.words.weight)


def with_pytorch(size):
    """`nn.Transformer`."""
    model = WithPyTorch(size)
    initialise(model)
    return Peer(model, model)


TRANSLATORS = {OURS: ours, "HuggingFace Marian": marian, "nn.Transformer": with_pytorch}


def sentences(size, batch, length, seed=0):
    """Made ids (batch, length), padded on the right: each text is at least half as long as the longest."""
    rng = settings.generator(seed)
    ids = EOS + 1 + rng.integers(size.vocab_size - EOS - 1, batch, length)
    lengths = length - rng.integers(length // 2, batch)
    lengths[0] = length
    return ids.masked_fill(torch.arange(length, device=ids.device) >= lengths[:, None], PAD)


def pairs(size, batch, length):
    """What a step is made with: (sources, targets as read), and targets as predicted, all (batch, length)."""
    source, target = sentences(size, batch, length, seed=1), sentences(size, batch, length, seed=2)
    read = torch.cat([torch.full_like(target[:, :1], BOS), target[:, :-1]], dim=1)
    return (source, read), target.masked_fill(target == PAD, IGNORED)
