"""Mistakes in what puts a model into eval() for a while."""

from . import Mistake

MISTAKES = (
    Mistake("searches with dropout", "    model.eval()\n    try:", "    try:"),
    Mistake("a search ends in eval mode", "module.training = True", "pass"),
    Mistake("a search ends with every part in training", "for module in training:", "for module in model.modules():"),
    Mistake("a search that fails leaves the model in eval mode", "    finally:\n", "    except ZeroDivisionError:\n        pass\n    else:\n"),
    Mistake("a graph is built for a backward pass", "with torch.inference_mode():", "with contextlib.nullcontext():"),
    Mistake("a traced search asks for values", "    except (RuntimeError, TypeError):\n        return False\n", "    finally:\n        pass\n"),
    Mistake("a search never knows that it is over", "return bool(mask.all())", "return False"),
    Mistake("a search is over with its first text", "return bool(mask.all())", "return bool(mask.any())"),
)
