"""Saving a training run and resuming it: what a checkpoint holds, and whether the run that resumes is still the same.

Written by hand. What differs between the checkpoint and the run is carried on, converted, or named in one warning.
"""

import itertools
import math
import warnings

import torch

from . import processes, refuse
from .checkpointing import random_states, restore_random_states
from .data_order import DataOrder
from .files import Checkpoints, readable

WRAPPERS = ("_orig_mod", "module")      # what torch.compile and DistributedDataParallel put into names
PLAIN = (bool, int, float, str, type(None))
NAMED = 8                               # differences in one warning


class Resumable:
    """What `Trainer` does beside its loop: it saves checkpoints, resumes them, and evaluates without a trace."""

    def prepare(self, folder, keep, compile):
        """Begin with no step done, and note how the run was constructed."""
        self.checkpoints = None if folder is None else Checkpoints(folder, keep)
        self.data_order = DataOrder(self.generators, self.accumulate + 1, watched=folder is not None)
        self.step, self.progress, self.stopped = 0, (0, 0), False           # progress: epoch, batches of it done
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        if folder is not None:
            readable("the optimizer", self.optimizer.state_dict()["param_groups"])
        self.constructed = constructed(self, compile)

    def stream(self):
        """Batches without end, from where the last step stopped: ((epoch, batches of it drawn by then), batch)."""
        return self.data_order.stream(self.batches, self.progress)

    def trained_parameters(self):
        """The parameters that the optimizer changes."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def evaluate_untraced(self, function):
        """What `function` returns for the model, without dropout and gradients; random states stay as they were."""
        states = random_states(self.generators)
        training = [part for part in self.model.modules() if part.training]
        self.model.eval()
        try:
            number = getattr(torch, self.precision)
            with torch.no_grad(), torch.autocast(self.device.type, number, enabled=number != torch.float32):
                return function(self.model)
        finally:
            restore_random_states(states, self.generators)
            for part in training:
                part.training = True

    # ---- Saving

    def save_if_due(self, steps, report):
        """Save at the end, every `save_every` steps, and whenever the evaluated loss is the smallest."""
        self.stopped = processes.of_first(self.stopped)                     # processes decide together
        loss = report.get("evaluated", {}).get("loss")
        due = self.step == steps or self.stopped or self.step % self.save_every == 0
        if self.checkpoints and (due or processes.of_first(self.checkpoints.is_best(loss))):
            self.save(loss)

    def save(self, loss=None):
        """Save a checkpoint now; the one with the smallest loss is the best."""
        refuse.folder(self.checkpoints)
        states = processes.gathered(random_states(self.generators))
        if processes.rank() == 0:
            self.checkpoints.save(self.step, {
                "step": self.step, "progress": self.progress, "stopped": self.stopped,
                "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(), "random": states, "data": self.data_order.state_dict(self.progress),
                "run": self.constructed | {"factor": _factor(self.schedule, self.step)},
                "callbacks": {name: readable(name, part.state_dict()) for name, part in _remembering(self.callbacks)},
            }, loss)

    # ---- Resuming

    def resume(self):
        """Continue from the latest checkpoint, if there is one; returns the number of steps that are done.

        Options of the optimizer that are constructed as in the checkpoint continue with the values they had. What is
        constructed differently is used as it is now, and named in one warning. Random numbers continue with the
        checkpoint's, whatever seed was set. A run that a callback stopped stays so, unless `stopped` is set to False.
        Raises ValueError for another optimizer, other parameters in it or other generators, and RuntimeError for other
        parameters of the model.
        """
        refuse.folder(self.checkpoints)
        rank = processes.rank()
        state = processes.of_first(self.checkpoints.load() if rank == 0 else None)
        if state is None:
            return 0
        then, now = state.get("run"), self.constructed
        # what cannot be continued is refused before anything changes
        randomness = state["random"][min(rank, len(state["random"]) - 1)]
        refuse.generators(self.generators, randomness["generators"])
        refuse.optimizer_class(then["optimizer"] if then else None, now["optimizer"])
        weights = renamed(state["model"], self.model.state_dict())
        if weights.keys() != self.model.state_dict().keys():
            self.model.load_state_dict(weights)                             # names what is missing, or converts it
        optimizer = _optimizer_state(state["optimizer"], then["parameters"] if then else None, now)
        # the states of all that has one
        differences = [*_dtypes(weights, self.model.state_dict()),
                       *_run_differences(state, now, _factor(self.schedule, state["step"]))]
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(optimizer)
        differences += _reconciled(self.optimizer.param_groups, then["options"] if then else None, now["options"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        differences += _load_callbacks(self.callbacks, state["callbacks"])
        # where it stands
        self.step, self.stopped = state["step"], state["stopped"]
        self.progress = tuple(state.get("progress") or state["position"])   # its name in older versions
        self.data_order.load_state_dict(state.get("data"))
        restore_random_states(randomness, self.generators)
        if rank >= len(state["random"]):                                    # a process more than then
            torch.manual_seed(torch.initial_seed() + self.step + rank)
        if rank == 0:
            _warn(self.step, differences)
        return self.step


# ---- How a run was constructed


def constructed(trainer, compile):
    """What decides how a run continues, as plain numbers and texts."""
    names = {id(parameter): unwrapped(name) for name, parameter in trainer.model.named_parameters()}
    groups = trainer.optimizer.param_groups
    flat = itertools.count()                                                # of those that the model does not have
    return {
        "optimizer": _class_name(trainer.optimizer),
        "options": [_options(group) for group in groups],
        "parameters": [[names.get(id(parameter), f"parameter {next(flat)}") for parameter in group["params"]]
                       for group in groups],
        "settings": {"accumulate": trainer.accumulate, "max_norm": float(trainer.max_norm),
                     "precision": trainer.precision, "compile": bool(compile),
                     "the number of processes": processes.world(),
                     "the device": trainer.device.type, "PyTorch's version": str(torch.__version__)},
        "model": described(trainer.model),
    }


def unwrapped(name):
    """A parameter's name without what torch.compile and DistributedDataParallel put into it."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def renamed(state, own):
    """A state dict under the names of `own`, if names differ by wrappers alone; otherwise as it is."""
    names = {unwrapped(name): name for name in own}
    if state.keys() == own.keys() or len(names) < len(own) or len({unwrapped(name) for name in state}) < len(state):
        return state
    return {names.get(unwrapped(name), name): value for name, value in state.items()}


def described(model):
    """Plain attributes of all modules of a model, such as num_heads and p, and its classes: not in a state dict."""
    found = {}
    for path, module in model.named_modules():
        if not hasattr(module, "_orig_mod") and type(module).__name__ != "DistributedDataParallel":
            found[f"{unwrapped(path)}.class".strip(".")] = type(module).__name__
            for name, value in vars(module).items():
                if not name.startswith("_") and name != "training":
                    found |= _attributes(f"{unwrapped(path)}.{name}".strip("."), value)
    frozen = [unwrapped(name) for name, parameter in model.named_parameters() if not parameter.requires_grad]
    return found | {"parameters without a gradient": ", ".join(frozen)}


def _attributes(name, value):
    if isinstance(value, PLAIN):
        return {name: value}
    if isinstance(value, (list, tuple)) and len(value) <= 8 and all(isinstance(part, PLAIN) for part in value):
        return {name: tuple(value)}
    if isinstance(value, dict) and len(value) <= 50:
        parts = [_attributes(f"{name}.{part}", inner) for part, inner in value.items() if isinstance(inner, PLAIN)]
        return {part: inner for found in parts for part, inner in found.items()}
    return {name: value.__name__} if callable(value) and hasattr(value, "__name__") else {}


def _class_name(thing):
    """PyTorch's own optimizers are told apart from others of the same name."""
    return ("torch.optim." if type(thing).__module__.startswith("torch.") else "") + type(thing).__qualname__


def _options(group):
    """A group's options as it was constructed with; a schedule changes lr, but not initial_lr."""
    return {name: group["initial_lr"] if name == "lr" else value for name, value in group.items()
            if name not in ("params", "param_names", "initial_lr")}


def _factor(schedule, step):
    return None if schedule is None else float(schedule(max(1, step)))


# ---- What differs


def _optimizer_state(state, then, now):
    """The optimizer's state in the order of the parameters of now, which are told apart by their names.

    then: the names in the checkpoint; None in one of an older version, where the numbers of parameters have to do.
    """
    if then is None or then == now["parameters"]:
        sizes = [len(group["params"]) for group in state["param_groups"]]
        refuse.optimizer_sizes(sizes, [len(names) for names in now["parameters"]])
        return state
    old, new = ([name for group in names for name in group] for names in (then, now["parameters"]))
    refuse.optimizer_names(old, new)
    places, number = {name: number for number, name in enumerate(old)}, 0
    saved, groups = {frozenset(names): group for names, group in zip(then, state["param_groups"])}, []
    for names, options in zip(now["parameters"], now["options"]):
        kept = saved.get(frozenset(names), options | {"initial_lr": options["lr"]})
        groups.append(kept | {"params": list(range(number, number + len(names)))})
        number += len(names)
    moments = state["state"]
    moments = {number: moments[places[name]] for number, name in enumerate(new) if places[name] in moments}
    return {"state": moments, "param_groups": groups}


def _reconciled(groups, then, now):
    """Set the options that are constructed differently to what they are now, and name them.

    then: the options in the checkpoint as constructed; None in one of an older version, which has the last ones alone.
    """
    then = [_options(group) for group in groups] if then is None else then
    differences = []
    if len(then) != len(now):
        differences.append(f"the optimizer had {len(then)} groups of parameters, has {len(now)}")
        then = now
    for number, (group, before, options) in enumerate(zip(groups, then, now)):
        for name, value in options.items():
            if name in before and not _same(before[name], value):
                differences.append(f"{name} of parameter group {number} was {before[name]}, is {value}")
            if name not in before or name not in group or not _same(before[name], value):
                group[name] = value
                if name == "lr":
                    group["initial_lr"] = value
    return differences


def _run_differences(state, now, factor):
    """Settings, processes, the schedule and the model, each as a part of a sentence."""
    then = state.get("run")
    if then is None:
        yield "it is of an older version, so that neither the model's options nor the order of the data can be compared"
        return
    for old, new in ((then["settings"], now["settings"]), (then["model"], now["model"])):
        owner = " of the model" if new is now["model"] else ""
        for name in [*old, *(name for name in new if name not in old)]:
            if not _same(old.get(name), new.get(name)):
                yield f"{name}{owner} was {_shown(old, name)}, is {_shown(new, name)}"
    if not _same(then["factor"], factor):
        yield f"the schedule's factor at step {state['step']} was {then['factor']}, is {factor}"


def _shown(values, name):
    return repr(values[name]) if name in values else "not there"


def _dtypes(then, now):
    """The first weight of another dtype, which would be rounded."""
    for name, tensor in now.items():
        if isinstance(then.get(name), torch.Tensor) and then[name].dtype != tensor.dtype:
            yield f"{name} of the model was {then[name].dtype}, is {tensor.dtype}"
            return


def _same(old, new):
    if isinstance(old, torch.Tensor) or isinstance(new, torch.Tensor):
        return isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor) and torch.equal(old.cpu(), new.cpu())
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-9) or (math.isnan(old) and math.isnan(new))
    return (list(old) == list(new) if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)) else old == new)


def _warn(step, differences):
    if differences:
        more = f"; and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
        warnings.warn(f"the checkpoint of step {step} differs from this run, which continues as it is now: "
                      f"{'; '.join(differences[:NAMED])}{more}", stacklevel=3)


# ---- Callbacks


def _remembering(callbacks):
    """(name, callback) of those that have a state."""
    return [(f"{type(part).__name__} {number}", part) for number, part in enumerate(callbacks)
            if hasattr(part, "state_dict")]


def _load_callbacks(callbacks, states):
    """Give each callback its state, the first one of a class the first one's; name what is left on either side."""
    waiting = {}
    for name in sorted(states, key=lambda name: int(name.rpartition(" ")[2])):
        waiting.setdefault(name.rpartition(" ")[0], []).append(states[name])
    new = []
    for _, part in _remembering(callbacks):
        found = waiting.get(type(part).__name__)
        if found:
            part.load_state_dict(found.pop(0))
        else:
            new.append(f"the callback {type(part).__name__} has no state in the checkpoint")
    return new + [f"the state of the callback {name} is not used" for name, left in waiting.items() for _ in left]
