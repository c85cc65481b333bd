"""How a public callable is fuzzed: a case has good arguments, of which some are replaced by values of any kind.

The law: the call returns, and its result obeys the case's own law; or it raises ValueError or TypeError, with the name of an argument
that was replaced. Out of scope, because what Python or PyTorch say of it is clear, or because looking would cost time at every call:
- functions, models, caches and sources of random numbers of the learner's own: of those that are called, only good ones are given;
- flags: anything counts as true or false that does so in Python;
- paths: pathlib and the operating system say what is wrong (any TypeError, ValueError or OSError will do);
- tensors on another device, or of another floating-point type, than a module's parameters; models with weights that are not finite;
- sizes for which there is no memory, and whole numbers that int64 cannot hold.
"""

import dataclasses
import math
from collections.abc import Callable

import torch
from hypothesis import strategies
from parity_attention import DEVICE

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
OTHERS = (torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64)
VALUES = [None, True, False, "", "a", "0.5", b"a", [], [1], [0.5], ["a"], [[]], [["a"]], {}, {"a": 1}, (), (1, 2), set(), object(), 1j,
          -10 ** 6, -1, 0, 1, 2, 3, 5, -0.5, 0.0, 1e-30, 0.5, 1.0, 2.5, math.nan, math.inf, -math.inf]
LARGE = [10 ** 6, 2 ** 62, 1e308]
TRUTHS = strategies.sampled_from([True, False, None, 0, 1, "", "a", [], 0.5])
PATHS = strategies.sampled_from([None, 3, 0.5, True, b"a", [], {}, "", ".", "a", "missing/a", "a\0b"])
SIZES = set("d_model num_heads d_head d_ff num_layers num_decoder_layers vocab_size target_vocab_size max_seq_len num_segments num_labels "
            "num_classes num_buckets max_distance T S offset factor max_new_tokens num_beams num_return max_order num_merges steps batch "
            "length shortest below size more most keep end shape lr weight_decay".split())
FLAGS = set("bias scale tied norm_first cross_attention need_weights average_weights use_cache embedding_norm allow_special skip_special "
            "reverse progress only_ambiguous".split())
CHOICES = {"positions": ("none", "sinusoidal", "learned", "rotary", "relative", "alibi"), "norm": ("layer", "rms"),
           "activation": ("relu", "gelu", "gelu_tanh", "squared_relu"), "layout": ("interleaved", "halves"),
           "pooling": ("first", "mean", "attention"), "sharing": ("all", "target", "none"), "smoothing": ("exp", "none", 0.1),
           "precision": ("float32", "bfloat16"), "language": ("de", "fr"), "op": ("≥", "≤", ">", "<", "=")}


@dataclasses.dataclass(frozen=True)
class Case:
    """call(**good()) returns something for which law(result, arguments) holds.

    kinds: argument → the values that replace it, by default those of `anything`.   says: argument → other words for it in errors.
    fixed: arguments that stay.   floats: of tensors; a module's parameters are float32.   raises: errors that are a right result, too.
    """

    call: Callable
    good: Callable
    law: Callable = lambda result, given: True
    kinds: dict = dataclasses.field(default_factory=dict)
    says: dict = dataclasses.field(default_factory=dict)
    fixed: tuple = ()
    floats: tuple = (torch.float32,)
    raises: tuple = ()

    def values(self, argument):
        """What may replace an argument."""
        if argument in self.kinds:
            return self.kinds[argument]
        if argument in ("path", "folder"):
            return PATHS
        return TRUTHS if argument in FLAGS else anything(argument, self.floats)

    def words(self, argument):
        """What an error may call it."""
        return (argument, *self.says.get(argument, ()))


def anything(argument, floats=FLOATS):
    """Values of any kind, some of which are good."""
    values = VALUES + list(CHOICES.get(argument, ())) + ([] if argument in SIZES else LARGE)
    return strategies.one_of(strategies.sampled_from(values), strategies.integers(-3, 12), tensors(floats + OTHERS))


@strategies.composite
def tensors(draw, dtypes):
    """Small tensors of any shape, the empty ones too, whose entries are all the same or count up."""
    shape = draw(strategies.lists(strategies.integers(0, 4), max_size=4))
    dtype = draw(strategies.sampled_from(dtypes))
    filled = draw(strategies.sampled_from([0, 1, 2, 20, -1, "counted", *([math.nan, math.inf] if dtype.is_floating_point else [])]))
    if filled == "counted":
        return torch.arange(math.prod(shape), device=DEVICE).reshape(shape).to(dtype)
    return torch.full(shape, abs(filled) if dtype == torch.uint8 else filled, device=DEVICE).to(dtype)


def finite(*results):
    """Whether all entries are numbers."""
    return all(bool(result.isfinite().all()) for result in results)


def shaped(result, *shape):
    """Whether a tensor has this shape."""
    return tuple(result.shape) == shape


def public(module, names=None):
    """The names of what is public and callable in a module, methods as `Class.method`."""
    for name in names or sorted(vars(module)):
        thing = getattr(module, name)
        if name.startswith("_") or not callable(thing) or getattr(thing, "__module__", None) != module.__name__:
            continue
        yield name
        if isinstance(thing, type):
            yield from (f"{name}.{method}" for method in vars(thing)
                        if not method.startswith("_") and method != "extra_repr" and callable(getattr(thing, method)))
