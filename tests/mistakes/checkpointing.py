"""Mistakes in accumulation and random states."""

from . import Mistake

SHARE = "parameter.grad.mul_(share * processes.world() / tokens)"

MISTAKES = (
    Mistake("mean of means", "scaled = loss_sum / share", "scaled = loss_sum / max(1, float(count))"),
    Mistake("gradients added, not averaged", SHARE, "parameter.grad.mul_(share * processes.world() / share)"),
    Mistake("divided by the number of batches", SHARE, "parameter.grad.mul_(1 / len(batches))"),
    Mistake("the last batch alone counts", "tokens += float(count)", "tokens = float(count)"),
    Mistake("padding counted", "tokens += float(count)", "tokens += batch[1].numel() if isinstance(batch, tuple) else float(count)"),
    Mistake("half precision ignored", "enabled=half)", "enabled=False)"),
    Mistake("the loss not scaled", "(scaled if scaler is None else scaler.scale(scaled)).backward()", "scaled.backward()"),
    Mistake("randomness of PyTorch not kept", 'torch.set_rng_state(states["torch"])', "pass"),
    Mistake("randomness of Python not kept", 'random.setstate(states["python"])', "pass"),
    Mistake("randomness of NumPy not kept", 'randomness.set_numpy_state(states["numpy"])', "pass"),
    Mistake("own generators not kept", "randomness.set_state(source, state)", "pass"),
)
