"""The comparison of any sequence-to-sequence parts with nn.Transformer, HuggingFace's Marian, PyTorch's loss, and searches written out."""

import itertools
import math

import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import HEADS, HIDDEN, WIDTH, pytorch, randomised, same
from parity_decoder import huggingface, ids_of
from torch import nn

import shared.transformer as package
from shared.transformer import causal_mask

SHARING = ("all", "target", "none")
TINY = {"vocab_size": 11, "d_model": WIDTH, "num_layers": 2, "num_heads": HEADS, "d_ff": HIDDEN, "max_seq_len": 12, "sharing": "none"}
BOS, EOS = 1, 2
LIVELY = {"target_vocab_size": 7, "norm_first": True, "d_model": 12, "chain": 1.0}          # a `writer` whose texts are of many tokens


def made(parts=package, dtype=torch.float64, **options):
    """A tiny model, in eval(), every parameter random."""
    return randomised(parts.Transformer(**(TINY | options)), dtype)


def keep_of(B, T, rows=(0,), real=None):
    """(B, T), True = real: everywhere, but in these rows only the first `real` tokens, by default half of them."""
    keep = torch.ones(B, T, dtype=torch.bool, device=DEVICE)
    keep[list(rows), (T + 1) // 2 if real is None else real:] = False
    return keep


# --- PyTorch

def transformer_agrees(parts, norm_first=False, sharing="all", activation="relu", bias=True, scale=True, positions="sinusoidal", B=2, T=4, S=5, num_layers=2):
    """Assert that logits and all gradients equal nn.Transformer's, with padding in source and target; more layers in the decoder."""
    ours = made(parts, norm_first=norm_first, sharing=sharing, activation=activation, bias=bias, scale=scale, positions=positions,
                num_layers=num_layers, num_decoder_layers=num_layers + 1)
    options = {"activation": activation, "norm_first": norm_first, "bias": bias}
    encoder = [pytorch(block, **options) for block in ours.encoder.blocks]
    decoder = [pytorch(block, **options, cross_attention=True) for block in ours.decoder.blocks]
    pairs, finals = [pair for _, pairs in encoder + decoder for pair in pairs], []
    for stack in (ours.encoder, ours.decoder):
        finals.append(nn.LayerNorm(WIDTH, bias=bias).to(DEVICE, torch.float64) if norm_first else None)
        if norm_first:
            finals[-1].load_state_dict(stack.norm.state_dict())
            pairs += zip(stack.norm.parameters(), finals[-1].parameters(), strict=True)
    stacks = [nn.TransformerEncoder(encoder[0][0], len(encoder), finals[0], enable_nested_tensor=False),
              nn.TransformerDecoder(decoder[0][0], len(decoder), finals[1])]
    for stack, layers in zip(stacks, (encoder, decoder)):
        stack.layers = nn.ModuleList(layer for layer, _ in layers)
    theirs = nn.Transformer(WIDTH, HEADS, batch_first=True, custom_encoder=stacks[0], custom_decoder=stacks[1]).to(DEVICE, torch.float64).eval()
    for stack, layers, final in zip(stacks, (encoder, decoder), finals):        # nn.Transformer has drawn all matrices anew
        blocks = ours.encoder.blocks if layers is encoder else ours.decoder.blocks
        for block, (layer, _) in zip(blocks, layers):
            layer.load_state_dict(pytorch(block, **options, cross_attention=layers is decoder)[0].state_dict())
    sources, targets = ids_of(B, S), ids_of(B, T, seed=1)
    source_keep, target_keep = keep_of(B, S, [-1], S // 2 + 1), keep_of(B, T)
    words = ours.encoder.embedding.words.weight, ours.decoder.embedding.words.weight
    shared = [words[1].data_ptr() == other.data_ptr() for other in (words[0], ours.output.weight)]
    assert shared == [sharing == "all", sharing != "none"]

    def embedded(ids, embedding):
        x = F.embedding(ids, embedding.words.weight) * (math.sqrt(WIDTH) if scale else 1)
        if positions == "learned":
            return x + embedding.places.table.weight[:ids.size(1)]
        angles = torch.arange(ids.size(1), device=DEVICE)[:, None] / 10000 ** (torch.arange(0, WIDTH, 2, device=DEVICE).double() / WIDTH)
        return x + torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()         # the table is in float32

    def call():
        x = theirs(embedded(sources, ours.encoder.embedding), embedded(targets, ours.decoder.embedding), tgt_mask=~causal_mask(T, device=DEVICE),
                   src_key_padding_mask=~source_keep, memory_key_padding_mask=~source_keep, tgt_key_padding_mask=~target_keep)
        return F.linear(x, ours.output.weight)

    same(lambda: ours(sources, targets, source_keep, target_keep), call, [*words, ours.output.weight], pairs)


# --- Marian

NO_PART = ("final_logits_bias", "model.shared")
OUTSIDE = {"model.encoder.embed_tokens": "encoder.embedding.words", "model.decoder.embed_tokens": "decoder.embedding.words", "lm_head": "output"}
STACKS = {"self_attn.q_proj": "self_attention.to_query", "self_attn.k_proj": "self_attention.to_key", "self_attn.v_proj": "self_attention.to_value",
          "self_attn.out_proj": "self_attention.to_output", "self_attn_layer_norm": "self_attention_norm", "fc1": "feed_forward.to_hidden",
          "fc2": "feed_forward.to_output", "final_layer_norm": "feed_forward_norm", "encoder_attn_layer_norm": "cross_attention_norm"}
STACKS |= {name.replace("self_attn.", "encoder_attn."): ours.replace("self_", "cross_") for name, ours in STACKS.items() if "self_attn." in name}


def our_name(theirs):
    """The name here of a parameter of Marian."""
    part, kind = theirs.rsplit(".", 1)
    if part in OUTSIDE:
        return f"{OUTSIDE[part]}.{kind}"
    _, stack, _, number, name = part.split(".", 4)
    return f"{stack}.blocks.{number}.{STACKS[name]}.{kind}"


def marian(sharing="all", **options):
    """HuggingFace's model of a tiny configuration, in eval(), every parameter random, no bias of the scores; the last token pads."""
    given = {"vocab_size": 11, "decoder_vocab_size": 11, "d_model": WIDTH, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": HEADS,
             "decoder_attention_heads": HEADS, "encoder_ffn_dim": HIDDEN, "decoder_ffn_dim": HIDDEN, "max_position_embeddings": 12,
             "activation_function": "relu", "scale_embedding": True, "decoder_start_token_id": BOS, "eos_token_id": EOS, "forced_eos_token_id": None,
             "pad_token_id": 10, "share_encoder_decoder_embeddings": sharing == "all", "tie_word_embeddings": sharing != "none"}
    model = huggingface().MarianMTModel(huggingface().MarianConfig(**(given | options)))
    places = [stack.embed_positions.weight for stack in (model.model.encoder, model.model.decoder)]
    tables = [table.detach().clone() for table in places]
    randomised(model, torch.float64)
    with torch.no_grad():
        for place, table in zip(places, tables):
            place.copy_(table)
        for words in {model.model.encoder.embed_tokens, model.model.decoder.embed_tokens}:
            words.padding_idx = None
    assert not model.final_logits_bias.any() and model.config.forced_eos_token_id is None
    return model


def take_marian_weights(ours, theirs):
    """Give a `Transformer` the weights of a Marian of its shape, and its table of positions."""
    state = {our_name(name): tensor for name, tensor in theirs.state_dict().items() if not name.startswith(NO_PART) and "embed_positions" not in name}
    ours.load_state_dict(state)
    for stack, other in ((ours.encoder, theirs.model.encoder), (ours.decoder, theirs.model.decoder)):
        table = other.embed_positions.weight.detach().clone()                   # sines and cosines side by side there, not in turn
        stack.embedding.places.rows = lambda start, end, device=None, table=table: table[start:end]


def same_as_marian(parts, sharing="all", B=3, S=6, T=5, **options):
    """Assert one-to-one names, equal logits, loss, and gradients of every parameter; → (ours, theirs), with the same weights."""
    theirs = marian(sharing, **options)
    config = theirs.config
    ours = made(parts, vocab_size=config.vocab_size, target_vocab_size=config.decoder_vocab_size, d_model=config.d_model, num_layers=config.encoder_layers,
                num_decoder_layers=config.decoder_layers, num_heads=config.encoder_attention_heads, d_ff=config.encoder_ffn_dim, sharing=sharing,
                activation=config.activation_function, scale=config.scale_embedding, norm_first=False, max_seq_len=config.max_position_embeddings)
    take_marian_weights(ours, theirs)
    mine, trained = dict(ours.named_parameters()), {}
    for name, parameter in theirs.named_parameters():
        if "embed_positions" not in name:
            trained[our_name(name.replace("model.shared", "model.encoder.embed_tokens"))] = parameter
    assert set(mine) == set(trained) and all(mine[name].equal(parameter) for name, parameter in trained.items())
    sources, targets = ids_of(B, S, config.vocab_size - 1), ids_of(B, T + 1, config.decoder_vocab_size - 1, seed=1)
    source_keep, target_keep = keep_of(B, S), keep_of(B, T, [-1])
    logits = ours(sources, targets[:, :-1], source_keep, target_keep)
    expected = theirs(sources, source_keep.long(), targets[:, :-1], target_keep.long()).logits
    torch.testing.assert_close(logits, expected, **EXACT)
    losses = [F.cross_entropy(found[target_keep], targets[:, 1:][target_keep]) for found in (logits, expected)]
    gradients = [torch.autograd.grad(loss, list(named.values())) for loss, named in zip(losses, (mine, trained))]
    torch.testing.assert_close(dict(zip(mine, gradients[0])), dict(zip(trained, gradients[1])), **EXACT)
    return ours, theirs


# --- searches written out

def continuations(model, source, texts, source_mask=None):
    """Log-probabilities of each token after bos and each of the texts, all of one length: a list of lists; without a cache.

    What has been written is real, whatever its id.
    """
    ids = torch.tensor([[BOS, *text] for text in texts], device=DEVICE)
    mask = None if source_mask is None else source_mask.expand(len(texts), -1)
    with torch.no_grad():
        return model(source.expand(len(texts), -1), ids, mask, torch.ones_like(ids))[:, -1].log_softmax(dim=-1).tolist()


def penalised(total, length, alpha):
    return total / ((5 + length) / 6) ** alpha


def every_text(model, source, T, alpha, source_mask=None):
    """Score and tokens of every text that ends within T tokens, best first."""
    found, open_ones = [], [((), 0.0)]
    for length in range(1, T + 1):
        rows = continuations(model, source, [text for text, _ in open_ones], source_mask)
        longer = [(text + (token,), total + row[token]) for (text, total), row in zip(open_ones, rows) for token in range(len(row))]
        found += [(penalised(total, length, alpha), text) for text, total in longer if text[-1] == EOS]
        open_ones = [(text, total) for text, total in longer if text[-1] != EOS]
    return sorted(found, reverse=True)


def search_by_hand(model, source, T, K, alpha, R=1, source_mask=None):
    """Beam search in plain lists for one sentence (1, S), without a cache and without an early stop: score and tokens of the R best."""
    open_ones, ended = [((), 0.0)], []
    for length in range(1, T + 1):
        rows = continuations(model, source, [text for text, _ in open_ones], source_mask)
        longer = [(text + (token,), total + row[token]) for (text, total), row in zip(open_ones, rows) for token in range(len(row))]
        longer = sorted(longer, key=lambda pair: -pair[1])[:2 * K]
        ended += [(penalised(total, length, alpha), text) for text, total in longer[:K] if text[-1] == EOS]
        open_ones = [pair for pair in longer if pair[0][-1] != EOS][:K]
        if K == 1 and ended:
            break
    return (sorted(ended, reverse=True) + [(penalised(total, T, alpha), text) for text, total in open_ones])[:R]


def as_rows(texts, width):
    """Texts as rows of one width, with eos behind them."""
    return torch.tensor([list(text) + [EOS] * (width - len(text)) for text in texts], device=DEVICE)


def writer(seed, parts=package, sharpness=1.0, chain=0.0, **options):
    """A tiny model of 4 target tokens whose texts differ with the seed, in float64; chain: how much a token likes the next one to follow."""
    model = parts.Transformer(**(TINY | {"vocab_size": 5, "target_vocab_size": 4, "num_layers": 1} | options)).to(DEVICE, torch.float64).eval()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            if parameter.dim() > 1:
                parameter.copy_(numbers(*parameter.shape, seed=1000 * seed + number))
        model.output.weight.mul_(sharpness)
        if chain:
            model.output.weight.add_(chain * model.decoder.embedding.words.weight.roll(1, dims=0))
    return model


def smoothed_by_hand(logits, targets, smoothing, ignored):
    """The mean over real tokens of -Σ q ln p, in plain loops; q has 1 - ε at the target and ε / V everywhere."""
    losses = []
    for row, target in zip(logits.reshape(-1, logits.size(-1)).tolist(), targets.flatten().tolist()):
        if target not in ignored:
            total = math.log(math.fsum(math.exp(x) for x in row))
            losses.append(-math.fsum(((1 - smoothing) * (k == target) + smoothing / len(row)) * (x - total) for k, x in enumerate(row)))
    return math.fsum(losses) / len(losses)


LOSSES = list(itertools.product((0.0, 0.1, 0.5), (None, 0, 3)))
