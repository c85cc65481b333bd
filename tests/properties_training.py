"""What the parts of training must obey, as assertions that take the module: PyTorch's parts, the loop that everybody writes."""

import itertools
import math
import random

import pytest
import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler

EXACT = dict(rtol=0, atol=1e-10)


def network(seed=0, dropout=0.0, dtype=torch.float64):
    """A small model of eleven words."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Embedding(11, 8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 11)).to(dtype)


def texts(epoch, number=6):
    """Batches of (ids, targets) with different numbers of tokens that count; 0 is padding. Always the same for an epoch."""
    source = torch.Generator().manual_seed(100 + epoch)
    batches = []
    for place in range(number):
        ids = torch.randint(1, 11, (3, 6), generator=source)
        ids[1:, 1 + (place + epoch) % 5:] = 0
        batches.append((ids[:, :-1], ids[:, 1:]))
    return batches


def loss_of(model, batch):
    """(sum of the losses, tokens that count)."""
    ids, targets = batch
    summed = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten(), ignore_index=0, reduction="sum")
    return summed, (targets != 0).sum()


def weights(model):
    """All parameters, as one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def gradients(model):
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


# --- optimiser, clipping, schedules, batches

def optimiser_agrees(parts, steps=100):
    """Assert that AdamW takes PyTorch's steps, with groups, changing rates, and parameters without a gradient."""
    for options in ({}, {"weight_decay": 0.3}, {"betas": (0.8, 0.98), "eps": 1e-3, "weight_decay": 0.0}):
        made = []
        for kind in (parts.AdamW, torch.optim.AdamW):
            model = network()
            groups = [{"params": [model[0].weight], "weight_decay": 0.2}, {"params": list(model[2].parameters())}]
            made.append((model, kind(groups, lr=0.02, **({"weight_decay": 0.01} | options))))
        for step in range(steps):
            for model, optimizer in made:
                optimizer.param_groups[0]["lr"] = 0.02 / (1 + step)
                optimizer.zero_grad()
                total, count = loss_of(model, texts(step)[step % 6])
                (total / count).backward()
                if step % 7 == 3:
                    model[2].bias.grad = None
                optimizer.step()
        (ours, optimizer), (theirs, _) = made
        torch.testing.assert_close(weights(ours), weights(theirs), **EXACT)
        again = parts.AdamW(ours.parameters())
        assert {name: again.defaults[name] for name in ("betas", "eps", "weight_decay")} == {
            name: torch.optim.AdamW(ours.parameters()).defaults[name] for name in ("betas", "eps", "weight_decay")}
        assert optimizer.step(lambda: torch.tensor(3.0)) == 3


def groups_are_matrices_and_vectors(parts):
    """Assert that every parameter is in one group, and that vectors do not decay."""
    matrices, vectors = parts.decay_groups(network(), 0.1)
    assert ([p.dim() for p in matrices["params"]], [p.dim() for p in vectors["params"]]) == ([2, 2], [1])
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)


def clipping_agrees(parts):
    """Assert PyTorch's norm and gradients, above the limit, at it and below."""
    for limit in (0.01, 0.5, 100.0, math.inf):
        ours, theirs = network(), network()
        for model in (ours, theirs):
            loss_of(model, texts(0)[0])[0].backward()
            model[2].bias.grad = None if limit == 0.5 else model[2].bias.grad
        norm = parts.clip_grad_norm(ours.parameters(), limit)
        torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit), **EXACT)
        for mine, other in zip(ours.parameters(), theirs.parameters()):
            assert mine.grad is other.grad is None or torch.testing.assert_close(mine.grad, other.grad, **EXACT) is None
    assert parts.clip_grad_norm(network().parameters(), 1.0) == 0
    for given in ([math.inf, 1.0], [math.nan, 1.0], [-math.inf, math.inf]):         # what becomes of the gradients, and the length
        for limit in (1.0, math.inf):
            ours, theirs = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
            ours.grad, theirs.grad = torch.tensor(given), torch.tensor(given)
            lengths = parts.clip_grad_norm([ours], limit), torch.nn.utils.clip_grad_norm_([theirs], limit)
            torch.testing.assert_close(torch.cat([ours.grad, lengths[0][None]]), torch.cat([theirs.grad, lengths[1][None]]), equal_nan=True, **EXACT)


def scheduled(make, steps=100):
    """The learning rates of PyTorch's scheduler, step by step, from 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def schedules_agree(parts):
    """Assert the factors of 100 steps: PyTorch's schedulers, the paper's formula; no step with 0."""
    for warmup in (1, 10, 40):
        cosine = [parts.warmup_cosine(step, warmup, 100) for step in range(1, 101)]
        theirs = scheduled(lambda optimizer: lr_scheduler.SequentialLR(optimizer, [
            lr_scheduler.LinearLR(optimizer, 1 / warmup, 1.0, max(1, warmup - 1)),
            lr_scheduler.CosineAnnealingLR(optimizer, 101 - warmup)], [warmup - 1])) if warmup > 1 else scheduled(
            lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 100))
        assert cosine == pytest.approx(theirs, abs=1e-10)
        assert min(cosine) > 0 and max(cosine) == cosine[warmup - 1] == 1
        root = [parts.warmup_inverse_sqrt(step, warmup) for step in range(1, 101)]
        paper = [512 ** -0.5 * min(step ** -0.5, step * warmup ** -1.5) for step in range(1, 101)]
        assert root == pytest.approx([value * (512 * warmup) ** 0.5 for value in paper], abs=1e-10)
        assert root == pytest.approx(scheduled(lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: min(
            (epoch + 1) / warmup, (warmup / (epoch + 1)) ** 0.5))), abs=1e-10)
    assert [parts.warmup_cosine(step, 2, 4, floor=0.1) for step in (5, 6, 50)] == [0.1] * 3
    assert parts.warmup_cosine(4, 2, 4, floor=0.1) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi * 2 / 3)) / 2)
    for step in (0, -1):
        with pytest.raises(ValueError):
            parts.warmup_cosine(step, 2, 4)
        with pytest.raises(ValueError):
            parts.warmup_inverse_sqrt(step, 2)


def buckets_are_right(parts):
    """Assert that each example comes once, batches are full but not too full, and the order follows the seed alone."""
    draw = random.Random(0)
    lengths = [draw.randint(1, 30) for _ in range(500)]
    random.seed(5)
    batches = parts.length_buckets(lengths, 120, seed=3)
    assert sorted(itertools.chain(*batches)) == list(range(500))
    padded = [max(lengths[place] for place in batch) * len(batch) for batch in batches]
    assert max(padded) <= 120
    assert sum(lengths) / sum(padded) > 0.9 and sum(size > 80 for size in padded) >= len(padded) - 1
    random.seed(4)
    assert parts.length_buckets(torch.tensor(lengths), 120, seed=3) == batches
    other = parts.length_buckets(lengths, 120, seed=4)
    assert other != batches and sorted(map(sorted, other)) != sorted(map(sorted, batches))
    longest = [max(lengths[place] for place in batch) for batch in batches]
    assert sorted(longest) not in (longest, longest[::-1])
    assert parts.length_buckets([5], 5) == [[0]]
    assert parts.pad_rows([[1, 2, 3], torch.tensor([4]), []], 9).tolist() == [[1, 2, 3], [4, 9, 9], [9, 9, 9]]
    assert parts.pad_rows([torch.tensor([1, 2], dtype=kind) for kind in (torch.int64, torch.int32, torch.uint8)], 0).tolist() == [[1, 2]] * 3


# --- steps

def accumulation_is_one_large_batch(parts):
    """Assert the gradient and the loss of all batches as one, however unequal; and of the mean over real tokens."""
    batches = texts(0, 5)
    whole = tuple(torch.cat(sides) for sides in zip(*batches))
    one, many = network(), network()
    ids, targets = whole
    F.cross_entropy(one(ids).flatten(0, 1), targets.flatten(), ignore_index=0).backward()
    loss, tokens, losses = parts.accumulate_gradients(many, batches, loss_of)
    torch.testing.assert_close(gradients(many), gradients(one), **EXACT)
    total, count = (number.detach() for number in loss_of(one, whole))
    assert (tokens, len(losses)) == (count, 5) and loss == pytest.approx(float(total / count)) and sum(losses) == pytest.approx(float(total))
    many.zero_grad()
    nothing = (batches[0][0], torch.zeros_like(batches[0][1]))
    assert parts.accumulate_gradients(many, [nothing, *batches, nothing], loss_of)[0] == pytest.approx(loss)
    torch.testing.assert_close(gradients(many), gradients(one), **EXACT)
    with pytest.raises(ValueError, match="a token that counts"):
        parts.accumulate_gradients(many, [nothing], loss_of)
    assert parts.mean_loss(one, batches, loss_of) == pytest.approx(float(total / count), abs=1e-12)


def by_hand(steps, accumulate, max_norm, schedule):
    """The loop that everybody writes, with PyTorch's parts: the weights, and the loss of every step."""
    model, losses, stream = network(), [], itertools.chain.from_iterable(texts(epoch) for epoch in itertools.count())
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda epoch: schedule(epoch + 1))
    for _ in range(steps):
        ids, targets = (torch.cat(sides) for sides in zip(*itertools.islice(stream, accumulate)))
        loss = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return weights(model), losses


def trainer(parts, dropout=0.0, dtype=torch.float64, model=None, batches=texts, loss=loss_of, **options):
    """A Trainer of the small model, and the list in which it leaves what each step reports."""
    model = network(dropout=dropout, dtype=dtype) if model is None else model
    reports = []
    optimizer = parts.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)
    callbacks = [lambda trainer, report: reports.append(report), *options.pop("callbacks", [])]
    return parts.Trainer(model, optimizer, loss, batches, callbacks=callbacks, **options), reports


def training_is_the_loop_by_hand(parts):
    """Assert weights and losses of 20 steps, over the ends of epochs, with and without accumulation."""
    def schedule(step):
        return min(step / 5, 1.0)

    for accumulate, max_norm in ((1, 0.5), (4, math.inf), (4, 0.3)):
        expected, losses = by_hand(20, accumulate, max_norm, schedule)
        made, reports = trainer(parts, accumulate=accumulate, max_norm=max_norm, schedule=schedule)
        made.train(13)
        made.train(20)
        torch.testing.assert_close(weights(made.model), expected, **EXACT)
        assert [step["loss"] for step in reports] == pytest.approx(losses, abs=1e-10)
        assert [step["step"] for step in reports] == list(range(1, 21))
        assert [step["lr"] for step in reports] == pytest.approx([0.05 * schedule(step) for step in range(1, 21)])
        assert reports[0]["tokens"] == sum(int((targets != 0).sum()) for _, targets in texts(0)[:accumulate])


def half_precision_is_close(parts):
    """Assert that bf16 and fp16 (scaled, clipped after that) train as float32 does, and that an overflow skips a step."""
    reference, exact = trainer(parts, dtype=torch.float32, max_norm=0.2)
    reference.train(10)
    for precision, limit in (("bfloat16", 0.02), ("float16", 0.003)):
        made, reports = trainer(parts, dtype=torch.float32, max_norm=0.2, precision=precision)
        seen = []
        made.model[2].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        made.train(10)
        assert [step["loss"] for step in reports] == pytest.approx([step["loss"] for step in exact], rel=limit)
        assert [step["norm"] for step in reports] == pytest.approx([step["norm"] for step in exact], rel=5 * limit)
        assert float((weights(made.model) - weights(reference.model)).norm() / weights(reference.model).norm()) < limit
        assert made.scaler.is_enabled() == (precision == "float16") and set(seen) == {getattr(torch, precision)} and weights(made.model).dtype == torch.float32
    made, reports = trainer(parts, dtype=torch.float32, precision="float16")
    made.scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 40, growth_interval=10 ** 6)
    before = weights(made.model)
    made.train(1)
    assert weights(made.model).equal(before) and made.scaler.get_scale() == 2.0 ** 39
    made.train(40)
    assert not weights(made.model).equal(before) and weights(made.model).isfinite().all()
