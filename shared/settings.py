"""The settings of a run: seed, scale and device, read from the environment, the folder of recorded results, and a measured precision."""

import functools
import os
import pathlib
import time

import torch

from . import checks

SCALES = ("quick", "full")
RESULTS = pathlib.Path(__file__).resolve().parent.parent / "data" / "results"


def seed(offset=0):
    """The seed of this run, `LESSON_SEED` (0 if it is not set), plus `offset`."""
    checks.whole("offset", offset, at_least=None)
    text = os.environ.get("LESSON_SEED", "0")
    if not text.isdecimal():
        raise ValueError(f"LESSON_SEED must be a whole number of at least 0, got {text!r}")
    return int(text) + offset


def scale():
    """`LESSON_SCALE`: "quick" (default: made data, seconds) or "full" (real data, sizes for one GPU)."""
    text = os.environ.get("LESSON_SCALE", "quick")
    if text not in SCALES:
        raise ValueError(f"LESSON_SCALE must be one of {', '.join(SCALES)}, got {text!r}")
    return text


def pick(quick, full):
    """`quick` or `full`, as `LESSON_SCALE` says."""
    return {"quick": quick, "full": full}[scale()]


def device():
    """CUDA where there is one, else the CPU; `LESSON_DEVICE` overrides (Apple's "mps" is used only if asked for)."""
    text = os.environ.get("LESSON_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(text)
    except RuntimeError:
        raise ValueError(f"LESSON_DEVICE must name a device such as cpu, cuda, cuda:1 or mps, got {text!r}") from None


@functools.cache
def fast_precision():
    """"bfloat16" where this device multiplies it faster than float32, else "float32". On a CPU that is measured, on one thread.

    Many processors have no instructions for bfloat16: there PyTorch computes it number by number, and far more slowly.
    """
    if device().type != "cpu":
        return "bfloat16" if device().type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    threads, fastest = torch.get_num_threads(), {}
    torch.set_num_threads(1)                        # two that wait for each other on a busy machine say nothing
    for precision in ("float32", "bfloat16"):
        x, times = torch.ones(256, 256, dtype=getattr(torch, precision), device="cpu"), []
        for _ in range(4):                          # the first is slower, and does not count
            start = time.perf_counter()
            x @ x
            times.append(time.perf_counter() - start)
        fastest[precision] = min(times)
    torch.set_num_threads(threads)
    return min(fastest, key=fastest.get)


class Random:
    """Random tensors that are the same on every device: drawn on the CPU, then moved to the lesson's."""

    def __init__(self, number):
        checks.whole("number", number, at_least=0)
        self._generator = torch.Generator("cpu").manual_seed(number)

    def normal(self, *shape):
        """Mean 0, variance 1."""
        _check_shape(shape)
        return torch.randn(*shape, generator=self._generator, device="cpu").to(device())

    def uniform(self, *shape):
        """At least 0 and below 1."""
        _check_shape(shape)
        return torch.rand(*shape, generator=self._generator, device="cpu").to(device())

    def integers(self, end, *shape):
        """Whole numbers from 0 to `end` - 1."""
        checks.whole("end", end)
        _check_shape(shape)
        return torch.randint(end, shape, generator=self._generator, device="cpu").to(device())


def _check_shape(shape):
    for size in shape:
        checks.whole("a size in shape", size, at_least=0)


def generator(number=None):
    """A source of random tensors, seeded with `number`, by default with this run's seed."""
    return Random(seed() if number is None else number)
