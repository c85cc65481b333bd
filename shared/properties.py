"""What every correct part obeys, measured: each function calls a part and returns its worst deviation.

A lesson writes `claim("influence of later tokens", properties.future_influence(f, x), "=", 0)`. A deviation is a
float, 0 where the property holds exactly and about 1e-6 where only rounding differs; a NaN in an output stays NaN,
which no claim accepts. `function` is a module or a function that returns one tensor. B: batch, T and S: lengths.
"""

import contextlib
import copy
import math

import torch

from . import checks


def influence(function, x):
    """How strongly input token s moves output token t: (T, S), the largest |∂ output_t / ∂ input_s| of their features.

    x: (S, d) or (B, S, d), floating point; function(x): (T, ...) or (B, T, ...). T may differ from S.
    """
    _check_tokens(x)
    jacobian = torch.autograd.functional.jacobian(lambda inputs: _output(function, x.dim() - 1, inputs), x)
    batch = x.shape[:-2]
    if jacobian.shape[:len(batch)] != batch:
        raise ValueError(f"function must keep the batch dimension {tuple(batch)}, got {tuple(jacobian.shape[:len(batch)])}")
    length, size = jacobian.size(len(batch)), batch.numel()
    blocks = jacobian.reshape(size, length, -1, size, *x.shape[-2:])        # (B, T, output, B, S, d)
    return blocks.abs().amax(dim=(0, 2, 3, 5))


def future_influence(function, x):
    """The largest influence of an input token on an earlier output token: exactly 0 for a strictly causal function.

    x: (T, d) or (B, T, d); function(x): (T, ...) or (B, T, ...).
    """
    strengths = influence(function, x)
    T, S = strengths.shape
    if T != S or T < 2:
        raise ValueError(f"causality needs as many outputs as inputs and at least 2 of them, got {T} from {S}")
    return strengths.triu(diagonal=1).max().item()


@torch.no_grad()
def equivariance_error(function, x, generator=None):
    """|f(Px) − P f(x)| for a random reordering P of the tokens: 0 where order plays no part.

    x: (T, d) or (B, T, d); function(x): (T, ...) or (B, T, ...).
    """
    _check_tokens(x)
    axis, length = x.dim() - 2, x.size(-2)
    if length < 2:
        raise ValueError(f"reordering needs at least 2 tokens, got {length}")
    order = torch.randperm(length, generator=_generator(generator, x), device=x.device)
    if order.equal(torch.arange(length, device=x.device)):
        order = order.roll(1)                                               # the old order would test nothing
    reordered = _output(function, axis + 1, x.index_select(axis, order))
    return _difference(reordered, _output(function, axis + 1, x).index_select(axis, order))


@torch.no_grad()
def padding_influence(function, x, keep, more=0, generator=None):
    """How far the results for real tokens move when the padding has other content, and `more` padding follows it.

    x: (B, T, d) floating point, or whole-number ids (B, T); keep: boolean (B, T), True = a real token.
    function(x, keep): (B, T, ...), of which the real tokens are compared, or one result an example, (B, ...).
    """
    checks.tensors(x=x, keep=keep)
    checks.whole("more", more, at_least=0)
    if keep.dtype != torch.bool or keep.dim() != 2 or x.shape[:2] != keep.shape:
        raise ValueError(f"keep must be boolean of shape (B, T), as x {tuple(x.shape)}, got {keep.dtype} {tuple(keep.shape)}")
    if keep.all() or not keep.any():
        raise ValueError("keep must have real tokens (True) and padding (False), got only one of them")
    before = _output(function, 1, x, keep)
    longer = torch.cat([x, x.new_zeros(len(x), more, *x.shape[2:])], dim=1)
    keep_longer = torch.cat([keep, keep.new_zeros(len(keep), more)], dim=1)
    content = _other_content(longer, _generator(generator, x))
    changed = torch.where(keep_longer.reshape(*keep_longer.shape, *[1] * (x.dim() - 2)), longer, content)
    after = _output(function, 1, changed, keep_longer)
    if before.shape[:2] == keep.shape and after.shape[:2] == keep_longer.shape:
        return _difference(after[keep_longer], before[keep])
    return _difference(after, before)


@torch.no_grad()
def batch_influence(function, *inputs):
    """How far an example's result moves when it is alone instead of in a batch.

    inputs: tensors whose first dimension is the batch B ≥ 2; function(*inputs): (B, ...).
    """
    checks.tensors(**{f"inputs[{place}]": tensor for place, tensor in enumerate(inputs)})
    sizes = {len(tensor) if tensor.dim() else 0 for tensor in inputs}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError(f"inputs must share one batch size of at least 2, got shapes {[tuple(i.shape) for i in inputs]}")
    together = _output(function, 1, *inputs)
    alone = [_output(function, 1, *(tensor[i:i + 1] for tensor in inputs)) for i in range(len(inputs[0]))]
    return _difference(torch.cat(alone), together)


@torch.no_grad()
def nondeterminism(module, *inputs):
    """How far two calls with the same inputs differ in `eval()`; the module's training flags are restored.

    module(*inputs): a tensor, or a tuple of tensors and None.
    """
    with _evaluating(module):
        first, second = module(*inputs), module(*inputs)
    pairs = zip(first, second, strict=True) if isinstance(first, tuple) else [(first, second)]
    return _worst([_difference(a, b) for a, b in pairs if a is not None])


def weight_sum_error(weights, allowed=None):
    """How far the rows of attention weights are from summing to 1, or to 0 where a query may attend to nothing.

    weights: (..., T, S); allowed: boolean, True = may attend, broadcasts to (..., T, S).
    """
    checks.tensors(weights=weights)
    expected = 1.0
    if allowed is not None:
        checks.tensors(allowed=allowed)
        if allowed.dtype != torch.bool:
            raise TypeError(f"allowed must be boolean (True = may attend), got {allowed.dtype}")
        checks.broadcasts("allowed", allowed, weights.shape)
        expected = allowed.expand_as(weights).any(dim=-1).to(weights.dtype)
    return _worst((weights.abs().sum(dim=-1) - expected).abs())             # abs: a negative weight is no weight


def first_loss_gap(loss, vocab_size):
    """|loss − ln V| / ln V: about 0 for an untrained model, which gives V classes the same probability."""
    checks.whole("vocab_size", vocab_size, at_least=2)
    checks.number("loss", loss.item() if isinstance(loss, torch.Tensor) and loss.numel() == 1 else loss)
    return abs(float(loss) - math.log(vocab_size)) / math.log(vocab_size)


def unreached_parameters(module, loss):
    """The names of the module's parameters to which `loss`, a scalar tensor, sends no gradient or only zeros.

    Gradients that are stored already stay as they are, and `loss.backward()` is possible afterwards.
    """
    checks.tensors(loss=loss)
    if loss.numel() != 1:
        raise ValueError(f"loss must be one number, got shape {tuple(loss.shape)}")
    named = dict(module.named_parameters())
    trainable = {name: parameter for name, parameter in named.items() if parameter.requires_grad and loss.requires_grad}
    gradients = {}
    if trainable:
        found = torch.autograd.grad(loss, list(trainable.values()), retain_graph=True, allow_unused=True)
        gradients = dict(zip(trainable, found, strict=True))
    return [name for name in named if gradients.get(name) is None or not gradients[name].any()]


def overfit_loss(module, loss_of, steps=200, lr=1e-2):
    """The loss on one batch after `steps` steps of Adam on that batch: near its floor for a module that can learn.

    loss_of(module): a scalar loss, the same batch every time. A copy is trained, the module itself does not change.
    """
    checks.whole("steps", steps)
    checks.number("lr", lr)
    module = copy.deepcopy(module)
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("the module has no parameter that could be trained")
    optimizer = torch.optim.Adam(parameters, lr=lr)
    for _ in range(steps):
        loss = loss_of(module)
        if not loss.requires_grad:
            return loss.item()                                              # no parameter is part of it: nothing to learn
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return loss_of(module).item()


@torch.no_grad()
def cache_error(full, step, x, chunkings):
    """How far a part that is fed in chunks, with a cache, is from the same part fed at once.

    x: (B, T, ...); full(x): (B, T, ...); step(chunk, cache): output and cache, where cache is None at the start.
    chunkings: ways to cut T into lengths, such as [(1, 1, 1, 1), (3, 1)].
    """
    checks.tensors(x=x)
    checks.kind("chunkings", chunkings, list, tuple)
    for chunking in chunkings:
        checks.kind("a chunking", chunking, list, tuple)
        if not all(type(length) is int and length > 0 for length in chunking) or (sum(chunking),) != x.shape[1:2]:
            raise ValueError(f"the lengths of a chunking must be at least 1 and add up to T of x {tuple(x.shape)}, got {chunking}")
    expected, errors = _output(full, 2, x), []
    for chunking in chunkings:
        cache, outputs = None, []
        for chunk in x.split(chunking, dim=1):
            output, cache = step(chunk, cache)
            outputs.append(output)
        errors.append(_difference(torch.cat(outputs, dim=1), expected))
    return _worst(errors)


@contextlib.contextmanager
def _evaluating(module):
    flags = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in flags:
            part.training = training


def _check_tokens(x):
    checks.tensors(x=x)
    if x.dim() not in (2, 3) or not x.is_floating_point() or x.numel() == 0:
        raise ValueError(f"x must be floating point of shape (T, d) or (B, T, d), not empty, got {x.dtype} {tuple(x.shape)}")


def _output(function, dimensions, *inputs):
    """function(*inputs), which must be one tensor of at least so many dimensions."""
    output = function(*inputs)
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"function must return one tensor, got {type(output).__name__}: return the output alone")
    if output.dim() < dimensions:
        raise ValueError(f"function must return at least {dimensions} dimensions, got shape {tuple(output.shape)}")
    return output


def _generator(generator, x):
    return torch.Generator(x.device).manual_seed(0) if generator is None else generator


def _other_content(x, generator):
    """x with every number moved by 1 to 2 at random (never drawn anew: the same seed may have drawn x); other ids."""
    if x.is_floating_point():
        return x + 1 + torch.rand(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    if x.max() < 1:
        raise ValueError("x must contain at least two different ids, got only zeros")
    return (x + 1) % (x.max() + 1)


def _difference(a, b):
    if a.shape != b.shape:
        raise ValueError(f"the outputs to compare have different shapes, {tuple(a.shape)} and {tuple(b.shape)}")
    return _worst(a ^ b if a.dtype == torch.bool else (a - b).abs())


def _worst(deviations):
    """The largest of a tensor or a list of floats, as a float; NaN if there is one."""
    if isinstance(deviations, list):
        deviations = torch.tensor(deviations, dtype=torch.float64, device="cpu")
    if deviations.numel() == 0:
        raise ValueError("there is nothing to compare: the outputs are empty")
    return float(deviations.max())
