"""Right answers to the exercises of lesson 06, written differently from the reference; and wrong ones of no known kind."""

import math

import torch

from shared.transformer import next_token_probs


def loss_by_loop(logits, ids, pad_id):
    losses = [-logits[b, t].log_softmax(-1)[ids[b, t + 1]] for b in range(len(ids)) for t in range(ids.size(1) - 1)
              if ids[b, t + 1] != pad_id]
    return sum(losses) / len(losses)


def perplexity_by_product(log_probs):
    tokens = sum(len(text) for text in log_probs)
    return math.exp(-sum(text.sum().item() for text in log_probs) / tokens)


def nucleus_one_by_one(probs, top_p):
    kept, total = torch.zeros_like(probs), 0.0
    for token in probs.argsort(descending=True).tolist():
        if total < top_p:
            kept[token] = probs[token]
            total += probs[token].item()
    return kept / total


def loop_from_the_prompt(step, cache, prompt, new):
    ids, fed = prompt, 0
    while ids.size(1) < prompt.size(1) + new:
        logits, fed = step(ids[:, fed:], cache), ids.size(1)
        ids = torch.cat([ids, logits[0, -1].argmax().view(1, 1)], dim=1)
    return ids


def first_loss_by_softmax(vocab_size, d_model, length, cosine, sigma):
    logits = [length * cosine * d_model ** 0.5] + [sigma ** 2 / 2] * (vocab_size - 1)
    return -torch.tensor(logits, dtype=torch.float64).log_softmax(0)[0]


LESSON_06 = [
    ("6.1", loss_by_loop), ("6.2", perplexity_by_product), ("6.3", first_loss_by_softmax), ("6.4", nucleus_one_by_one),
    ("6.4", lambda probs, p: next_token_probs(probs.log(), top_p=p)),
    ("6.5", lambda N, H, d, B, T, size: N * H * d * B * T * size * 2), ("6.6", loop_from_the_prompt),
]

# answer, and words that stand in what is said of it: of no known mistake, described by the first input on which it fails
UNKNOWN_06 = [
    ("6.3", lambda V, d, length, cosine, sigma: 3.0, "71 words"),
    ("6.4", lambda probs, top_p: probs, "should stay: yours keeps"),
    ("6.4", lambda probs, top_p: probs.softmax(0), "should stay"),
    ("6.5", lambda N, H, d, B, T, size: 7 * N * H, "times the right number of bytes"),
    ("6.6", lambda step, cache, prompt, new: torch.cat([prompt, prompt[:, :1].expand(-1, new)], 1), "the first wrong token is number 1"),
    ("6.6", lambda step, cache, prompt, new: prompt, "new ones are"),
]
