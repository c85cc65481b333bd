"""The comparison of any encoder and its heads with PyTorch's and with the tensors of a BERT, with the same weights: values and gradients."""

import dataclasses
import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from parity_attention import DEVICE, EXACT, numbers
from parity_blocks import HEADS, HIDDEN, WIDTH, pytorch, randomised, same
from torch import nn

from shared import transformer

BUFFERS = ("position_ids", "token_type_ids")                # of published files: whole numbers from 0 on, and zeros
TIED = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias"}
VOCAB, LENGTH, D = 11, 7, 8
IDS = torch.tensor([[3, 10, 1, 1, 7, 2, 0], [4, 1, 9, 2, 0, 0, 0], [6, 5, 8, 3, 9, 10, 1]], device=DEVICE)      # 0: padding
REAL = IDS != 0


@dataclasses.dataclass(frozen=True)
class Parts:
    """What is compared: the course's parts, or parts of which one is wrong on purpose."""

    TokenEmbedding: type = transformer.TokenEmbedding
    TransformerEncoder: type = transformer.TransformerEncoder
    SequenceClassifier: type = transformer.SequenceClassifier
    TokenTagger: type = transformer.TokenTagger
    MaskedLanguageModel: type = transformer.MaskedLanguageModel
    position_scheme: Callable = transformer.position_scheme
    initialise: Callable = transformer.initialise
    bio_spans: Callable = transformer.bio_spans
    span_f1: Callable = transformer.span_f1
    mask_tokens: Callable = transformer.mask_tokens
    BERT_BASE: dict = dataclasses.field(default_factory=lambda: transformer.BERT_BASE)


def encoder(parts, **options):
    """An encoder of 2 layers, or as the options say; every parameter random, in float64 and eval()."""
    options = {"vocab_size": VOCAB, "d_model": D, "num_layers": 2, "num_heads": HEADS, "d_ff": HIDDEN, "max_seq_len": 12} | options
    return randomised(parts.TransformerEncoder(**options))


# --- PyTorch's encoder

def pytorch_agrees(parts, norm_first=True, activation="gelu", bias=True, masked=True, scale=False):
    """Assert that words and blocks equal nn.Embedding and nn.TransformerEncoder, which has a final norm where blocks are pre-norm."""
    ours = encoder(parts, norm_first=norm_first, activation=activation, bias=bias, positions="none", scale=scale, num_layers=3,
                   d_model=WIDTH)
    layers = [pytorch(block, activation=activation, norm_first=norm_first, bias=bias) for block in ours.blocks]
    final = nn.LayerNorm(WIDTH, bias=bias).to(ours.embedding.words.weight) if norm_first else None
    theirs = nn.TransformerEncoder(layers[0][0], len(layers), final, enable_nested_tensor=False)
    theirs.layers = nn.ModuleList(layer for layer, _ in layers)
    pairs = [pair for _, pairs in layers for pair in pairs]
    if norm_first:
        final.load_state_dict(ours.norm.state_dict())
        pairs += zip(ours.norm.parameters(), final.parameters(), strict=True)
    words = ours.embedding.words.weight
    hidden = ~REAL if masked else None

    def call():
        return theirs(F.embedding(IDS, words) * (math.sqrt(WIDTH) if scale else 1), src_key_padding_mask=hidden)

    same(lambda: ours(IDS, REAL if masked else None), call, [words], pairs)


def embedding_agrees(parts, positions, scale, num_segments, norm):
    """Assert that what stands before the blocks is words (× √d_model), plus places, plus segments, and a LayerNorm, written out."""
    made = randomised(parts.TokenEmbedding(VOCAB, WIDTH, 10, positions, scale, num_segments, norm, eps=0.1))
    segments = (IDS > 4).long() if num_segments else None

    def by_hand(segments, offset):
        x = made.words.weight[IDS] * (WIDTH ** 0.5 if scale else 1)
        if positions == "learned":
            x = x + made.places.table.weight[offset:offset + LENGTH]
        if positions == "sinusoidal":
            angles = torch.arange(10, device=DEVICE)[:, None] / 10000 ** (torch.arange(0, WIDTH, 2).to(x) / WIDTH)
            table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
            torch.testing.assert_close(made.places.table.to(x), table, rtol=0, atol=1e-6)               # it is stored in float32
            x = x + made.places.table[offset:offset + LENGTH].to(x)
        if num_segments:
            x = x + made.segments.weight[torch.zeros_like(IDS) if segments is None else segments]
        return F.layer_norm(x, (WIDTH,), made.norm.weight, made.norm.bias, 0.1) if norm else x

    parameters = list(made.parameters())
    for given, offset in ((segments, 0), (None, 3)):
        same(lambda: made(IDS, given, offset), lambda: by_hand(given, offset), [], list(zip(parameters, parameters)))


def final_norm_agrees(parts):
    """Assert that a pre-norm stack ends with a norm of the kind and the eps that were asked for, and a post-norm stack does not."""
    for norm, eps in itertools.product(("layer", "rms"), (None, 0.2)):
        made, seen = encoder(parts, norm=norm, eps=eps), []
        made.blocks[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
        output, weight = made(IDS), made.norm.weight
        expected = (F.layer_norm(seen[0], (D,), weight, made.norm.bias, eps or 1e-5) if norm == "layer" else
                    F.rms_norm(seen[0], (D,), weight, eps or 1e-6))
        torch.testing.assert_close(output, expected, **EXACT)
        assert {part.eps for part in made.modules() if hasattr(part, "eps") and part is not made} == {made.norm.eps}
        assert encoder(parts, norm=norm, norm_first=False).norm is None


# --- the tensors of a BERT

def bert_names(num_layers, head=None):
    """Our parameters' names → those in a file of HuggingFace's. head: None, "words" (masked words) or "labels" (for tokens)."""
    embedding = {"words": "word_embeddings", "places.table": "position_embeddings", "segments": "token_type_embeddings", "norm": "LayerNorm"}
    block = {"self_attention.to_query": "attention.self.query", "self_attention.to_key": "attention.self.key",
             "self_attention.to_value": "attention.self.value", "self_attention.to_output": "attention.output.dense",
             "self_attention_norm": "attention.output.LayerNorm", "feed_forward.to_hidden": "intermediate.dense",
             "feed_forward.to_output": "output.dense", "feed_forward_norm": "output.LayerNorm"}
    pairs = {f"embedding.{ours}": f"embeddings.{theirs}" for ours, theirs in embedding.items()}
    for i in range(num_layers):
        pairs |= {f"blocks.{i}.{ours}": f"encoder.layer.{i}.{theirs}" for ours, theirs in block.items()}
    names = {f"{ours}.weight": f"{theirs}.weight" for ours, theirs in pairs.items()}
    names |= {f"{ours}.bias": f"{theirs}.bias" for ours, theirs in pairs.items() if not theirs.endswith("_embeddings")}
    if head:
        names = {f"encoder.{ours}": f"bert.{theirs}" for ours, theirs in names.items()}
    if head == "words":
        names |= {f"{ours}.{kind}": f"cls.predictions.transform.{theirs}.{kind}" for kind in ("weight", "bias")
                  for ours, theirs in (("transform", "dense"), ("norm", "LayerNorm"))} | {"output.bias": "cls.predictions.bias"}
    if head == "labels":
        names |= {f"output.{kind}": f"classifier.{kind}" for kind in ("weight", "bias")}
    return names


def fill(ours, tensors, names):
    """Copy every tensor of a file into our model, one to one; a ValueError names whatever is left over, missing or of another shape.

    Known buffers are checked and left out; a tied tensor that stands in the file twice must be the same twice.
    """
    tensors = dict(tensors)
    for name in [name for name in tensors if name.split(".")[-1] in BUFFERS]:
        buffer = tensors.pop(name)
        expected = torch.arange(buffer.size(-1)) if name.endswith("position_ids") else torch.zeros(buffer.size(-1))
        if not buffer.cpu().eq(expected).all():
            raise ValueError(f"{name} is not what it always is")
    for copy, original in TIED.items():
        if copy in tensors and not tensors.pop(copy).equal(tensors[original]):
            raise ValueError(f"{copy} is not tied to {original}")
    parameters = dict(ours.named_parameters())                  # a tied one stands there once
    problems = {"not in the file": set(names.values()) - set(tensors), "not used": set(tensors) - set(names.values()),
                "not in our model": set(names) - set(parameters), "not filled": set(parameters) - set(names),
                "used twice": {name for name in names.values() if list(names.values()).count(name) > 1}}
    for problem, found in problems.items():
        if found:
            raise ValueError(f"{problem}: {', '.join(sorted(found))}")
    with torch.no_grad():
        for name, their_name in names.items():
            if parameters[name].shape != tensors[their_name].shape:
                raise ValueError(f"{their_name} has shape {tuple(tensors[their_name].shape)}, {name} has {tuple(parameters[name].shape)}")
            parameters[name].copy_(tensors[their_name])
    return ours


def ours_of(parts, config, head=None, **options):
    """Our model of the sizes of a HuggingFace configuration, in float64 and eval(), with weights that mean nothing yet."""
    made = parts.TransformerEncoder(**parts.BERT_BASE | {
        "vocab_size": config.vocab_size, "d_model": config.hidden_size, "num_layers": config.num_hidden_layers, "dropout": 0.0,
        "num_heads": config.num_attention_heads, "d_ff": config.intermediate_size, "max_seq_len": config.max_position_embeddings,
        "num_segments": config.type_vocab_size, "eps": config.layer_norm_eps} | options)
    made = {None: lambda: made, "words": lambda: parts.MaskedLanguageModel(made),
            "labels": lambda: parts.TokenTagger(made, config.num_labels)}[head]()
    return randomised(made)


def bert_agrees(ours, theirs, their_output, names, inputs):
    """Assert equal outputs, and equal gradients of every tensor in the map; padding is compared, but not weighted: its words differ.

    inputs: of ours: ids, attention_mask or None, segment_ids or None.   their_output: what theirs make of them.
    """
    output = ours(*inputs)
    torch.testing.assert_close(output, their_output, **EXACT)
    ids, mask, _ = inputs
    real = (ids != 0) if mask is None else mask.bool()
    weighting = numbers(*output.shape, seed=1).detach() * real[..., None]
    parameters, their_parameters = dict(ours.named_parameters()), theirs.state_dict(keep_vars=True)
    gradients = [torch.autograd.grad((out * weighting).sum(), wanted) for out, wanted in (
        (output, [parameters[name] for name in names]), (their_output, [their_parameters[name] for name in names.values()]))]
    for name, mine, other in zip(names, *gradients, strict=True):
        torch.testing.assert_close(mine, other, **EXACT, msg=lambda text: f"gradient of {name}: {text}")


def bert_shape(parts):
    """Assert the published values of bert-base-uncased, and that one made so, only small, is post-norm with every eps."""
    expected = {"vocab_size": 30522, "d_model": 768, "num_layers": 12, "num_heads": 12, "d_ff": 3072, "max_seq_len": 512, "dropout": 0.1,
                "activation": "gelu", "norm_first": False, "positions": "learned", "num_segments": 2, "embedding_norm": True, "eps": 1e-12,
                "pad_id": 0}
    assert parts.BERT_BASE == expected
    small = parts.MaskedLanguageModel(parts.TransformerEncoder(**parts.BERT_BASE | {"d_model": 8, "num_heads": 2, "d_ff": 4, "num_layers": 2}))
    assert set(dict(small.named_parameters())) == set(bert_names(2, "words"))
    assert {part.eps for part in small.modules() if type(part).__name__ == "LayerNorm"} == {1e-12}


def masked_words_agree(parts):
    """Assert that words are scored by a layer, an activation, a norm, and a dot product with each word's own vector, plus a bias."""
    activations = {"gelu": F.gelu, "relu": F.relu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}
    for (name, activation), eps in itertools.product(activations.items(), (None, 0.3)):
        made = randomised(parts.MaskedLanguageModel(encoder(parts, eps=0.1), name, eps))
        words, names = made.encoder.embedding.words.weight, dict(made.named_parameters())

        def by_hand():
            hidden = activation(F.linear(made.encoder(IDS, REAL), made.transform.weight, made.transform.bias))
            return F.linear(F.layer_norm(hidden, (D,), made.norm.weight, made.norm.bias, eps or 0.1), words, made.output.bias)

        same(lambda: made(IDS, REAL), by_hand, [words], [(parameter, parameter) for parameter in names.values()])


def compare(parts):
    """Raise AssertionError unless all of it agrees, on a small grid; HuggingFace's files are the tests' own."""
    bert_shape(parts)
    for case in itertools.product(("sinusoidal", "learned"), (True, False), (0, 2), (True, False)):
        embedding_agrees(parts, *case)
    for norm_first, masked in itertools.product((True, False), repeat=2):
        pytorch_agrees(parts, norm_first, "gelu" if masked else "relu", masked, masked, norm_first)
    final_norm_agrees(parts)
    masked_words_agree(parts)
