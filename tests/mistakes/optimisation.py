"""Mistakes in optimiser, schedules and clipping."""

from . import Mistake

DECAY = "parameter.mul_(1 - lr * weight_decay)"
MEAN = 'state["mean"].lerp_(gradient, 1 - beta1)'
ROOT = 'root = (state["square"] / square_bias).sqrt_().add_(eps)'
BIASES = 'mean_bias, square_bias = 1 - beta1 ** state["step"], 1 - beta2 ** state["step"]'

MISTAKES = (
    Mistake("weight decay added to the gradient", DECAY, "gradient = gradient + weight_decay * parameter"),
    Mistake("weight decay not times lr", DECAY, "parameter.mul_(1 - weight_decay)"),
    Mistake("weight decay after the step", DECAY, "pass"),
    Mistake("no bias correction", BIASES, "mean_bias, square_bias = 1.0, 1.0"),
    Mistake("bias of the mean corrected alone", BIASES, 'mean_bias, square_bias = 1 - beta1 ** state["step"], 1.0'),
    Mistake("bias corrected one step too late", BIASES, BIASES.replace('["step"]', '["step"] + 1').replace("** state", "** (state").replace("+ 1", "+ 1)")),
    Mistake("eps inside the root", ROOT, 'root = (state["square"] / square_bias).add_(eps).sqrt_()'),
    Mistake("eps before the correction", ROOT, 'root = (state["square"].sqrt() + eps) / square_bias ** 0.5'),
    Mistake("no root", ROOT, 'root = (state["square"] / square_bias).add_(eps)'),
    Mistake("betas swapped", MEAN, 'state["mean"].lerp_(gradient, 1 - beta2)'),
    Mistake("momentum adds up", MEAN, 'state["mean"].mul_(beta1).add_(gradient)'),
    Mistake("one rate for all groups", 'numbers = group["lr"]', 'numbers = self.param_groups[-1]["lr"]'),
    Mistake("moments shared", 'state["square"] = torch.zeros_like(parameter)', 'state["square"] = state["mean"]'),
    Mistake("vectors decay, matrices do not", '{"params": matrices, "weight_decay": weight_decay}', '{"params": matrices, "weight_decay": 0.0}'),
    Mistake("NumPy's numbers kept", '{"lr": float(lr)', '{"lr": lr'),
    Mistake("each gradient clipped by itself", "norm = torch.stack([gradient.norm() for gradient in gradients]).norm()",
            "norm = torch.stack([gradient.norm() for gradient in gradients]).max()"),
    Mistake("short gradients made longer", "(max_norm / (norm + 1e-6)).clamp(max=1.0)", "max_norm / (norm + 1e-6)"),
    Mistake("numbers clipped, not the length", "gradient.mul_(factor)", "gradient.clamp_(-max_norm, max_norm)"),
    Mistake("norms added", "for gradient in gradients]).norm()\n", "for gradient in gradients]).sum()\n"),
    Mistake("infinite gradients set to 0", "factor = (max_norm", "factor = torch.zeros(()) if norm.isinf() else (max_norm"),
    Mistake("rate 0 at the first step", "return min(step / warmup_steps, math.sqrt", "return min((step - 1) / warmup_steps, math.sqrt"),
    Mistake("rate 0 at the first step, cosine", "return step / warmup_steps\n", "return (step - 1) / warmup_steps\n"),
    Mistake("rate 0 at the last step", "(total_steps + 1 - warmup_steps)", "(total_steps - warmup_steps)"),
    Mistake("exponential decay", "math.sqrt(warmup_steps / step)", "math.exp(1 - step / warmup_steps)"),
    Mistake("cosine goes up again", "progress = min(1.0, (step", "progress = ((step"),
    Mistake("a whole cosine", "math.cos(math.pi * progress)", "math.cos(2 * math.pi * progress)"),
    Mistake("the floor is added", "floor + (1 - floor) *", "floor +"),
)
