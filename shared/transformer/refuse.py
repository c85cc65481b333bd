"""What the parts refuse: wrong shapes, masks, ids, sizes and files, where silence would be wrong. Written by hand.

Each function is named after what it protects, returns nothing, and raises TypeError or ValueError with what was given and
what is allowed. A part that loses its `refuse` line does the same as before with good arguments.
*Values* in tensors are looked at only where they can be: not while a program is traced, compiled, exported or mapped.
"""

import math
import operator
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
        lowest, highest = (value.item() for value in tensor.detach().aminmax())
        return lowest, highest
    except (RuntimeError, TypeError):
        return None


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


# ---- Positions (lesson 03)


# ---- Blocks (lesson 04)


# ---- Token ids, masks of real tokens, models (lessons 05 and 06)


# ---- Generation and its cache (lesson 06)


# ---- Sequence to sequence, searches, BLEU (lesson 07)


# ---- Tokenizers and their files (lessons 06 and 08)


# ---- Optimisation, training, checkpoints (lesson 08)


def iterable(name, thing):
    if not hasattr(thing, "__iter__"):
        raise TypeError(f"{name} must be a list, got {type(thing).__name__}")


def integers(name, numbers):
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
    integers("lengths", lengths)
    if not lengths or min(lengths) < 1 or max(lengths) > max_tokens:
        raise ValueError(f"lengths must be from 1 to max_tokens = {max_tokens}, got "
                         f"{f'{min(lengths)} to {max(lengths)}' if lengths else 'none'}")


def rows_of_ids(rows, pad_id):
    sizes(at_least=-100, pad_id=pad_id)
    if not isinstance(rows, (list, tuple)) or not rows:
        raise TypeError(f"rows must be a list of at least one row, got {rows!r}")
    for row in rows:
        integers("rows", row)


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
    """A loss that is not finite stops the training, before it reaches the weights. drawn: [((epoch, batch), …), …]."""
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
