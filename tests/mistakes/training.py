"""Mistakes in the parts of training: optimiser, clipping, schedules, batches, accumulation, the loop, checkpoints."""

from . import Mistake

DECAY = "parameter.mul_(1 - lr * weight_decay)"
MEAN = 'state["mean"].lerp_(gradient, 1 - beta1)'
ROOT = 'root = (state["square"] / square_bias).sqrt_().add_(eps)'
BIASES = 'mean_bias, square_bias = 1 - beta1 ** state["step"], 1 - beta2 ** state["step"]'
CLIPPED = "norm = float(clip_grad_norm(trained, self.max_norm))"
UNSCALED = "        self.scaler.unscale_(self.optimizer)\n"
RATE = 'group["lr"] = group["initial_lr"] * float(self.schedule(step))'
SHARE = "parameter.grad.mul_(share * world / tokens)"
SHUFFLED = "        batches[-1].append(place)\n    draw.shuffle(batches)"
SAVED = '"optimizer": self.optimizer.state_dict()'
LOADED = 'self.optimizer.load_state_dict(state["optimizer"])'
STOPS = 'raise FloatingPointError(f"the loss is {loss} at step {step}, {_places(wrong)}")'

MISTAKES = (
    # optimiser, clipping, schedules, batches
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
    Mistake("one rate for all groups", 'self.state[parameter], group["lr"]', 'self.state[parameter], self.param_groups[-1]["lr"]'),
    Mistake("moments shared", "square=torch.zeros_like(parameter))", "square=torch.zeros_like(parameter))\n        state['square'] = state['mean']"),
    Mistake("vectors decay, matrices do not", '{"params": matrices, "weight_decay": weight_decay}', '{"params": matrices, "weight_decay": 0.0}'),
    Mistake("each gradient clipped by itself", "norm = torch.stack([gradient.norm() for gradient in gradients]).norm()",
            "norm = torch.stack([gradient.norm() for gradient in gradients]).max()"),
    Mistake("short gradients made longer", "(max_norm / (norm + 1e-6)).clamp(max=1.0)", "max_norm / (norm + 1e-6)"),
    Mistake("numbers clipped, not the length", "gradient.mul_(factor)", "gradient.clamp_(-max_norm, max_norm)"),
    Mistake("norms added", "for gradient in gradients]).norm()\n", "for gradient in gradients]).sum()\n"),
    Mistake("rate 0 at the first step", "return min(step / warmup_steps, math.sqrt", "return min((step - 1) / warmup_steps, math.sqrt"),
    Mistake("rate 0 at the first step, cosine", "return step / warmup_steps\n", "return (step - 1) / warmup_steps\n"),
    Mistake("rate 0 at the last step", "(total_steps + 1 - warmup_steps)", "(total_steps - warmup_steps)"),
    Mistake("exponential decay", "math.sqrt(warmup_steps / step)", "math.exp(1 - step / warmup_steps)"),
    Mistake("cosine goes up again", "progress = min(1.0, (step", "progress = ((step"),
    Mistake("a whole cosine", "math.cos(math.pi * progress)", "math.cos(2 * math.pi * progress)"),
    Mistake("the floor is added", "floor + (1 - floor) *", "floor +"),
    Mistake("padding not counted in buckets", "if lengths[place] * (len(batches[-1]) + 1) > max_tokens:", "if sum(lengths[k] for k in batches[-1]) + lengths[place] > max_tokens:"),
    Mistake("buckets one too full", "(len(batches[-1]) + 1) > max_tokens", "len(batches[-1]) > max_tokens"),
    Mistake("batches from short to long", SHUFFLED, "        batches[-1].append(place)"),
    Mistake("examples not sorted", "key=lambda place: (lengths[place], draw.random())", "key=lambda place: draw.random()"),
    Mistake("equal lengths never mixed", "key=lambda place: (lengths[place], draw.random())", "key=lambda place: lengths[place]"),
    Mistake("seed ignored", "draw = random.Random(seed)", "draw = random"),
    Mistake("padding at the left", "return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad_id)",
            "return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad_id, padding_side='left')"),
    # accumulation and evaluation
    Mistake("mean of means", "scaled = loss_sum / share", "scaled = loss_sum / max(1, float(count))"),
    Mistake("gradients added, not averaged", SHARE, "parameter.grad.mul_(share * world / share)"),
    Mistake("divided by the number of batches", SHARE, "parameter.grad.mul_(1 / len(batches))"),
    Mistake("the last batch alone counts", "tokens += float(count)\n    total", "tokens = float(count)\n    total"),
    Mistake("padding counted", "        tokens += float(count)\n    total", "        tokens += batch[1].numel() if isinstance(batch, tuple) else float(count)\n    total"),
    Mistake("mean of the batches' means, evaluated", "total + float(loss_sum), tokens + float(count)", "total + float(loss_sum) / max(1, float(count)), tokens + 1"),
    Mistake("gradients never zeroed", "self.optimizer.zero_grad()\n", "pass\n"),
    Mistake("a step for every batch", "drawn = list(itertools.islice(stream, self.accumulate))", "drawn = list(itertools.islice(stream, 1))"),
    Mistake("clipped before unscaling", f"{UNSCALED}        {CLIPPED}\n", f"        {CLIPPED}\n{UNSCALED}"),
    Mistake("never unscaled", UNSCALED, ""),
    Mistake("not clipped", CLIPPED, "norm = float(clip_grad_norm(self.model.parameters(), math.inf))"),
    Mistake("gradients of what is not trained clipped along", CLIPPED, "norm = float(clip_grad_norm(self.model.parameters(), self.max_norm))"),
    Mistake("a callback's rate undone without a schedule", "self.optimizer.param_groups if self.schedule else ():\n            " + RATE,
            "self.optimizer.param_groups:\n            group[\"lr\"] = group[\"initial_lr\"] * float(self.schedule(step) if self.schedule else 1.0)"),
    Mistake("a schedule of NumPy's numbers kept as it is", RATE, RATE.replace("float(self.schedule(step))", "self.schedule(step)")),
    Mistake("a loader draws from training's randomness", "            restore_random_states(states, self.generators)\n            for done", "            for done"),
    Mistake("what cannot be read again is saved", "_readable(name, part.state_dict())", "part.state_dict()"),
    Mistake("losses in names cut to six decimals", "{loss:.9g}", "{loss:.6f}"),
    Mistake("scale never updated", "overflow\n        self.scaler.update()\n", "overflow\n"),
    Mistake("the step taken after an overflow", "self.scaler.step(self.optimizer) ", "self.optimizer.step() "),
    Mistake("half precision ignored", 'enabled=precision != "float32")', "enabled=False)"),
    Mistake("float16 not scaled", 'enabled=precision == "float16")', "enabled=False)"),
    Mistake("schedule stepped per epoch", RATE, RATE.replace("self.schedule(step)", "self.schedule(self.position[0] + 1)")),
    Mistake("schedule counted from 0", RATE, RATE.replace("self.schedule(step)", "self.schedule(max(step - 1, 1e-9))")),
    Mistake("schedule multiplied into itself", RATE, RATE.replace('group["initial_lr"]', 'group["lr"]')),
    Mistake("evaluated with dropout", "        self.model.eval()\n", ""),
    Mistake("left in eval mode", "                part.training = True", "                pass"),
    Mistake("evaluation draws from training's randomness", "            restore_random_states(states, self.generators)\n            for part", "            for part"),
    Mistake("evaluation keeps a graph", "with torch.no_grad(), _autocast(self.device", "with _autocast(self.device"),
    Mistake("epochs all the same", "epoch, done = epoch + 1, 0", "epoch, done = 0, 0"),
    # stopping and going on
    Mistake("moments not loaded", LOADED, "pass"),
    Mistake("moments not saved", SAVED, '"optimizer": {**self.optimizer.state_dict(), "state": {}}'),
    Mistake("data from the beginning again", 'state["step"], tuple(state["position"])', 'state["step"], (0, 0)'),
    Mistake("data one batch too far", 'return {"step": step, "loss": loss', 'self.position = (self.position[0], self.position[1] + 1)\n        return {"step": step, "loss": loss'),
    Mistake("steps counted anew", "self.stopped = state[\"step\"], tuple", "self.stopped = 0, tuple"),
    Mistake("weights loaded loosely", 'self.model.load_state_dict(state["model"])', 'self.model.load_state_dict({f"module.{name}": value for name, value in state["model"].items()}, strict=False)'),
    Mistake("scaler not loaded", 'self.scaler.load_state_dict(state["scaler"])', "self.scaler._init_scale = 1024.0"),
    Mistake("randomness of PyTorch not kept", 'torch.set_rng_state(states["torch"])', "pass"),
    Mistake("randomness of Python not kept", 'random.setstate(states["python"])', "pass"),
    Mistake("randomness of NumPy not kept", 'sys.modules["numpy"].random.set_state(states["numpy"])', "pass"),
    Mistake("own generators not kept", "_set_state(source, state)\n\n", "pass\n\n"),
    Mistake("callbacks forget", 'part.load_state_dict(state["callbacks"].get(name, part.state_dict()))', "pass"),
    Mistake("NaN goes on", STOPS, "pass"),
    Mistake("NaN in a gradient goes on", 'raise FloatingPointError(f"the gradient\'s length', 'print(f"the gradient\'s length'),
    Mistake("files written where they stand", "half = target.with_name(f\".{target.name}.half\")", "half = target"),
    Mistake("not forced onto the disk", "                os.fsync(file.fileno())\n", ""),
    Mistake("halves left behind", "            half.unlink(missing_ok=True)\n", "            pass\n"),
    Mistake("checksum of the first bytes", "hashlib.sha256(content)", "hashlib.sha256(content[:1000])"),
    Mistake("checksum not looked at", 'if _checksum(content) != path.stem.rpartition("_")[2]:', "if not content:"),
    Mistake("a damaged file ends it", "            except ValueError as error:\n                path.rename", "            except ZeroDivisionError as error:\n                path.rename"),
    Mistake("the best removed", "if path not in (new, self.best()):", "if path != new:"),
    Mistake("the first kept, not the last", "self.paths()[:-self.keep]", "self.paths()[self.keep:]"),
    Mistake("the largest loss is the best", "key=_loss_of, default=None)", "key=lambda path: -_loss_of(path), default=None)"),
    Mistake("the best not saved when it comes", "if self.checkpoints and (due or _of_first(self.checkpoints.is_best(loss))):", "if self.checkpoints and due:"),
    Mistake("code in a checkpoint is run", 'map_location="cpu", weights_only=True)', 'map_location="cpu", weights_only=False)'),
    Mistake("a new run takes an old run's folder", "        self._check_folder()\n", ""),
)
