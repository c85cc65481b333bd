"""Right answers to the exercises of lesson 08, written differently from the reference."""

import math

import torch


def encode_by_rank(ids, merges):
    ranks, ids = {tuple(pair): 256 + number for number, pair in enumerate(merges)}, list(ids)
    while True:
        found = [(ranks[pair], place) for place, pair in enumerate(zip(ids, ids[1:])) if pair in ranks]
        if not found:
            return torch.tensor(ids)
        made, place = min(found)
        ids[place:place + 2] = [made]


def padding_by_counting(batches):
    places = [place < length for batch in batches for length in batch for place in range(max(batch))]
    return places.count(False) / len(places)


def adamw_by_torch(weight, gradient, m, v, step, lr, beta1, beta2, eps, decay):
    parameter = torch.nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    optimiser = torch.optim.AdamW([parameter], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)
    optimiser.state[parameter] = {"step": torch.tensor(step - 1.0), "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
    optimiser.step()
    state = optimiser.state[parameter]
    return parameter.detach(), state["exp_avg"], state["exp_avg_sq"]


def accumulated_by_autograd(weight, micro_batches):
    weight = weight.clone().requires_grad_()
    for x, y in micro_batches:
        (((x @ weight - y) ** 2).sum() / 2).backward()
    return weight.grad / sum(len(y) for _, y in micro_batches)


def step_16_by_scaled_length(weight, micro_batches, scale, max_norm, lr):
    gradient = torch.stack([part for part, _ in micro_batches]).sum(0) / sum(count for _, count in micro_batches)
    length = gradient.norm() / scale
    if not math.isfinite(length):
        return weight
    return weight - lr * gradient / scale / max(1.0, length / max_norm)


LESSON_08 = [
    ("8.1", encode_by_rank), ("8.2", padding_by_counting), ("8.3", adamw_by_torch), ("8.4", accumulated_by_autograd),
    ("8.5", step_16_by_scaled_length),
]
