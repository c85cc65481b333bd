"""Mistakes in batches, evaluation and the loop."""

from . import Mistake

CLOSER = "key=lambda index: (lengths[index], draw.random())"
CLIPPED = "norm = float(clip_grad_norm(self.trained_parameters(), self.max_norm))"
UNSCALED = "        self.scaler.unscale_(self.optimizer)            # float16: the gradient's true size\n"
RATE = 'group["lr"] = group["initial_lr"] * float(self.schedule(step))'
SHUFFLED = "        batches[-1].append(position)\n    draw.shuffle(batches)"
PADDED = "return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad_id)"

MISTAKES = (
    Mistake("padding not counted in buckets", "if lengths[position] * (len(batches[-1]) + 1) > max_tokens:",
            "if sum(lengths[k] for k in batches[-1]) + lengths[position] > max_tokens:"),
    Mistake("buckets one too full", "(len(batches[-1]) + 1) > max_tokens", "len(batches[-1]) > max_tokens"),
    Mistake("batches from short to long", SHUFFLED, "        batches[-1].append(position)"),
    Mistake("examples not sorted", CLOSER, "key=lambda index: draw.random()"),
    Mistake("equal lengths never mixed", CLOSER, "key=lambda index: lengths[index]"),
    Mistake("seed ignored", "draw = random.Random(seed)", "draw = random"),
    Mistake("padding at the left", PADDED, PADDED.replace("pad_id)", "pad_id, padding_side='left')")),
    Mistake("mean of the batches' means, evaluated", "total + float(loss_sum), tokens + float(count)", "total + float(loss_sum) / max(1, float(count)), tokens + 1"),
    Mistake("gradients never zeroed", "self.optimizer.zero_grad()\n", "pass\n"),
    Mistake("a step for every batch", "list(itertools.islice(stream, self.accumulate))", "list(itertools.islice(stream, 1))"),
    Mistake("clipped before unscaling", f"{UNSCALED}        {CLIPPED}\n", f"        {CLIPPED}\n{UNSCALED}"),
    Mistake("never unscaled", UNSCALED, ""),
    Mistake("not clipped", CLIPPED, "norm = float(clip_grad_norm(self.model.parameters(), math.inf))"),
    Mistake("gradients of what is not trained clipped along", CLIPPED, "norm = float(clip_grad_norm(self.model.parameters(), self.max_norm))"),
    Mistake("a callback's rate undone without a schedule", "self.optimizer.param_groups if self.schedule else ():\n            " + RATE,
            "self.optimizer.param_groups:\n            group[\"lr\"] = group[\"initial_lr\"] * float(self.schedule(step) if self.schedule else 1.0)"),
    Mistake("a schedule of NumPy's numbers kept as it is", RATE, RATE.replace("float(self.schedule(step))", "self.schedule(step)")),
    Mistake("scale never updated", "overflow\n        self.scaler.update()\n", "overflow\n"),
    Mistake("the step taken after an overflow", "self.scaler.step(self.optimizer) ", "self.optimizer.step() "),
    Mistake("float16 not scaled", 'enabled=precision == "float16")', "enabled=False)"),
    Mistake("schedule stepped per epoch", RATE, RATE.replace("self.schedule(step)", "self.schedule(self.progress[0] + 1)")),
    Mistake("schedule counted from 0", RATE, RATE.replace("self.schedule(step)", "self.schedule(max(step - 1, 1e-9))")),
    Mistake("schedule multiplied into itself", RATE, RATE.replace('group["initial_lr"]', 'group["lr"]')),
    Mistake("data one batch too far", 'return {"step": step, "loss": loss',
            'self.progress = (self.progress[0], self.progress[1] + 1)\n        return {"step": step, "loss": loss'),
    Mistake("NaN goes on", "        refuse.loss_of_step(loss, step, mine, losses)\n", ""),
    Mistake("NaN in a gradient goes on", "        refuse.gradient_of_step(norm, step, mine, self.scaler)\n", ""),
    Mistake("a new run takes an old run's folder", "refuse.training(steps, self.step, self.checkpoints)", "refuse.training(steps, self.step, None)"),
    Mistake("evaluation looks at what is trained", "self.evaluate_untraced(self.evaluate)", "self.evaluate(self.model)"),
)
