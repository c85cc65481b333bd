"""A training step, the same for every model: language models of one size, and encoder–decoder models of one size."""

import itertools

from shared import settings
from shared.transformer import block_flops

from . import models, timing, translators
from .models import OURS
from .table import row

CONTEXTS, BATCHES = (64, 256), (12, 128)
PRECISIONS = ("float32", "bfloat16")
# our precision, those of the others (the fastest in any of these is what ours is compared with), and how the table says so
COMPARED = (("float32", ("float32",), ""), ("bfloat16", ("float32",), ", others float32"), ("bfloat16", PRECISIONS, ", others either"))
BACKWARD = 3                        # a step's operations, as a multiple of its forward pass's


def precisions():
    """In which steps are measured: in bfloat16 only where the machine has instructions for it, for elsewhere a step takes minutes."""
    return PRECISIONS if settings.fast_precision() == "bfloat16" else ("float32",)


def languages(contexts=CONTEXTS, batches=BATCHES, seconds=20, size=models.Size):
    """Rows of `GPTModel`'s step against the others', for each length of context and batch; and what is missing."""
    rows = []
    for context, batch in itertools.product(contexts, batches):
        shape = size(context)
        peers, missing = models.build(models.LANGUAGE_MODELS, shape)
        ids = settings.generator().integers(shape.vocab_size, batch, context + 1)
        forward = 2 * batch * context * shape.d_model * shape.vocab_size + shape.num_layers * block_flops(context, shape.d_model, batch=batch)
        rows += _rows("training step, GPT", f"{batch} × {context}", peers, shape.vocab_size, ((ids[:, :-1],), ids[:, 1:]), BACKWARD * forward, seconds)
    return rows, missing


def translation(batch=32, length=24, seconds=20, size=translators.Size):
    """Rows of `Transformer`'s step against the others', on sentences with padding; and what is missing."""
    shape = size()
    peers, missing = models.build(translators.TRANSLATORS, shape)
    forward = 2 * batch * length * shape.d_model * shape.vocab_size + shape.num_layers * sum(
        block_flops(length, shape.d_model, shape.d_ff, memory_length=memory, batch=batch) for memory in (None, length))
    rows = _rows("training step, encoder–decoder", f"{batch} × {length} + {length}", peers, shape.vocab_size,
                 translators.pairs(shape, batch, length), BACKWARD * forward, seconds)
    return rows, missing


def steps(peers, inputs, targets):
    """(name, precision) → step, for every peer; on a GPU also compiled."""
    found = {(name, precision): models.training_step(peer, inputs, targets, precision)
             for precision in precisions() for name, peer in peers.items()}
    if targets.device.type == "cuda":
        found |= {(name, f"{precision}, compiled"): models.training_step(peer, inputs, targets, precision, compiled=True)
                  for precision in precisions() for name, peer in peers.items()}
    return found


def _rows(task, setting, peers, vocab_size, batch, operations, seconds):
    models.check_alike(peers, vocab_size, *batch)
    times = timing.take_turns(steps(peers, *batch), seconds, least=5)
    turns = {f"{name}, {precision}" if name != OURS else precision: numbers for (name, precision), numbers in times.items()}
    rows = []
    for mine, theirs, others_are in COMPARED:
        if mine not in precisions():
            continue
        ours = [precision for name, precision in times if name == OURS and precision.startswith(mine)]
        others = [f"{name}, {precision}" for name, precision in times if name != OURS and precision.startswith(theirs)]
        rows.append(row(task, f"{setting}, {mine}{others_are}", turns, ours, others, lambda seconds: 1e3 * seconds, "ms",
                        f"{mine} matmul", operations))
    return rows
