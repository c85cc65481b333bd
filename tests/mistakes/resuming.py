"""Mistakes where a run stops and resumes, and where the run that resumes is another one."""

from . import Mistake

SAVED = '"optimizer": self.optimizer.state_dict()'
LOADED = "        self.optimizer.load_state_dict(optimizer)\n"

MISTAKES = (
    # saving, evaluating
    Mistake("evaluated with dropout", "        self.model.eval()\n", ""),
    Mistake("left in eval mode", "                part.training = True", "                pass"),
    Mistake("evaluation draws from training's randomness", "            restore_random_states(states, self.generators)\n            for part", "            for part"),
    Mistake("evaluation keeps a graph", "with torch.no_grad(), torch.autocast(", "with torch.autocast("),
    Mistake("moments not saved", SAVED, '"optimizer": {**self.optimizer.state_dict(), "state": {}}'),
    Mistake("what cannot be read again is saved", "readable(name, part.state_dict())", "part.state_dict()"),
    Mistake("the best not saved when it comes", "if self.checkpoints and (due or processes.of_first(self.checkpoints.is_best(loss))):", "if self.checkpoints and due:"),
    # resuming the same run
    Mistake("moments not loaded", LOADED, ""),
    Mistake("data from the beginning again", 'self.progress = tuple(state.get("progress") or state["position"])', "self.progress = (0, 0)"),
    Mistake("steps counted anew", 'self.step, self.stopped = state["step"]', "self.step, self.stopped = 0"),
    Mistake("weights loaded loosely", "        self.model.load_state_dict(weights)\n        self.optimizer",
            '        self.model.load_state_dict({f"x.{name}": value for name, value in weights.items()}, strict=False)\n        self.optimizer'),
    Mistake("scaler not loaded", 'self.scaler.load_state_dict(state["scaler"])', "self.scaler._init_scale = 1024.0"),
    Mistake("callbacks forget", "            part.load_state_dict(found.pop(0))", "            found.pop(0)"),
    Mistake("randomness starts anew", "        restore_random_states(randomness, self.generators)\n", ""),
    Mistake("data order not loaded", '        self.data_order.load_state_dict(state.get("data"))\n', ""),
    # resuming another run
    Mistake("new options ignored", "                group[name] = value\n", "                pass\n"),
    Mistake("the initial learning rate ignored", '                    group["initial_lr"] = value\n', "                    pass\n"),
    Mistake("options not named", 'differences.append(f"{name} of parameter group', 'str(f"{name} of parameter group'),
    Mistake("options always those of now", "if name not in before or name not in group or not _same(before[name], value):", "if True:"),
    Mistake("the current learning rate taken for the constructed one", 'group["initial_lr"] if name == "lr" else value', "value"),
    Mistake("another optimizer's moments taken", '        refuse.optimizer_class(then["optimizer"] if then else None, now["optimizer"])\n', ""),
    Mistake("PyTorch's optimizer taken for ours", '("torch.optim." if type(thing).__module__.startswith("torch.") else "") + ', ""),
    Mistake("moments by position, not by name", 'moments[places[name]] for', 'moments[number] for'),
    Mistake("other parameters taken", "    refuse.optimizer_names(old, new)\n", ""),
    Mistake("settings not compared", 'for old, new in ((then["settings"], now["settings"]), (then["model"], now["model"])):', 'for old, new in ((then["model"], now["model"]),):'),
    Mistake("models not compared", 'for old, new in ((then["settings"], now["settings"]), (then["model"], now["model"])):', 'for old, new in ((then["settings"], now["settings"]),):'),
    Mistake("schedules not compared", 'if not _same(then["factor"], factor):', "if False:"),
    Mistake("dtypes not compared", "and then[name].dtype != tensor.dtype:", "and False:"),
    Mistake("prefixes of wrappers kept", "if part not in WRAPPERS)", "if part)"),
    Mistake("the prefix of torch.compile alone known", 'WRAPPERS = ("_orig_mod", "module")', 'WRAPPERS = ("_orig_mod",)'),
    Mistake("callbacks told apart by their positions", "            part.load_state_dict(found.pop(0))", "            part.load_state_dict(found.pop())"),
    Mistake("a lost callback not named", 'return new + [f"the state of the callback', 'return new + [] and [f"the state of the callback'),
    Mistake("a new callback not named", 'new.append(f"the callback', 'str(f"the callback'),
    Mistake("other generators refused too late", '        refuse.generators(self.generators, randomness["generators"])\n', ""),
    Mistake("older files not read", 'tuple(state.get("progress") or state["position"])', 'tuple(state["progress"])'),
    Mistake("nothing said", "    if differences:\n", "    if False:\n"),
    Mistake("an empty scaler loaded", '        if state["scaler"]:\n            self', "        if True:\n            self"),
)
