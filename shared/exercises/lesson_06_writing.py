"""Exercises of lesson 06 on writing: sampling, the cache, the loop."""

import torch

from . import Exercise, Mistake
from .draw import drawn, normal, of_trial


# 6.4 ------------------------------------------------------------------------------------------------------------------
def nucleus(probs, top_p):
    ranked, order = probs.sort(descending=True)
    before = ranked.cumsum(0) - ranked                      # the probability of all that are more probable
    kept = torch.zeros_like(probs)
    kept[order] = ranked * (before < top_p)
    return kept / kept.sum()


def _nucleus(keep, rescaled=True, descending=True):
    """A variation of the reference: keep(ranked, cumulated, top_p) says which of the sorted tokens stay."""
    def answer(probs, top_p):
        ranked, order = probs.sort(descending=descending)
        kept = torch.zeros_like(probs)
        kept[order] = ranked * keep(ranked, ranked.cumsum(0), top_p)
        return kept / kept.sum() if rescaled else kept
    return answer


def _probs_and_share(generator):
    probs = (2 * normal(generator, of_trial(generator, 8, 6, 12, 9, 7))).softmax(0)
    share = 0.4 + 0.5 * torch.rand((), generator=generator, device=generator.device).item()
    largest = probs.max().item()
    if drawn(generator, 0, 3) != 0:
        return probs, max(share, largest + 0.02)            # more than one token is needed
    return probs, 0.8 * largest                             # one token alone has more


def _observe_nucleus(answer, probs, top_p):
    """What the answer returns, and below it what it was given, for `_tell_nucleus`."""
    kept = answer(probs.clone(), top_p)
    if not isinstance(kept, torch.Tensor) or kept.shape != probs.shape:
        found = f"of shape {tuple(kept.shape)}" if isinstance(kept, torch.Tensor) else f"a {type(kept).__name__}"
        raise TypeError(f"return one probability for each of the {len(probs)} words, a tensor ({len(probs)},); yours is {found}")
    return torch.stack([kept, probs, torch.full_like(probs, top_p)])


def _tell_nucleus(observed, expected, place):
    probs, top_p = ", ".join(f"{p:.2f}" for p in expected[1]), expected[2, 0]
    right, kept = expected[0] > 0, observed[0] > 0
    wrong = f"yours keeps {int(kept.sum())}"
    if kept.equal(right):
        wrong = "yours keeps them, but with other probabilities"
    elif kept.sum() == right.sum():
        wrong = "yours keeps as many, but others"
    return f"of the probabilities {probs} with top_p = {top_p:.2f}, {int(right.sum())} should stay: {wrong}"


# 6.5 ------------------------------------------------------------------------------------------------------------------
def cache_bytes(num_layers, num_heads, d_head, batch, length, bytes_per_number):
    return 2 * num_layers * batch * length * num_heads * d_head * bytes_per_number          # 2: keys and values


def _sizes(generator):
    order = torch.randperm(9, generator=generator, device=generator.device)[:6]
    return tuple((3, 5, 7, 11, 13, 17, 19, 23, 29)[number] for number in order.tolist())       # no size is a multiple of another


def _observe_bytes(answer, *sizes):
    """The answer's bytes, and the sizes that it was given, for `_tell_bytes`."""
    found = answer(*sizes)
    if not isinstance(found, (int, float)):
        raise TypeError(f"return one number of bytes; yours is of type {type(found).__name__}")
    return torch.tensor([found, *sizes], dtype=torch.float64)


def _tell_bytes(observed, expected, place):
    bytes, layers, heads, d_head, batch, length, size = expected.tolist()
    return (f"with {layers:.0f} layers, {heads:.0f} heads of {d_head:.0f} numbers, {batch:.0f} texts of {length:.0f} tokens and "
            f"{size:.0f} bytes a number, yours is {observed[0] / bytes:.3g} times the right number of bytes")


# 6.6 ------------------------------------------------------------------------------------------------------------------
def repaired_loop(step, cache, prompt, new):
    logits, ids = step(prompt, cache), prompt
    for _ in range(new):
        token = logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, token], dim=1)
        logits = step(token, cache)
    return ids


def _loop(whole_prompt=True, one_token=True, all_tokens=True, first=False):
    """A variation of the reference with some of the bugs."""
    def answer(step, cache, prompt, new):
        logits, ids = step(prompt if whole_prompt else prompt[:, -1:], cache), prompt
        for _ in range(new if all_tokens else new - 1):
            token = (logits[:, :1] if first else logits[:, -1:]).argmax(-1)
            ids = torch.cat([ids, token], dim=1)
            logits = step(token if one_token else ids, cache)
        return ids
    return answer


def _model_and_prompt(generator):
    """A model whose next token depends on all tokens so far, and on their order; its cache is a list of them."""
    V, T, new = of_trial(generator, (23, 4, 6), (17, 6, 5), (29, 3, 8), (31, 1, 7), (19, 5, 1))
    table = normal(generator, V, V)
    prompt = torch.randint(V, (1, T), generator=generator, device=generator.device)

    def step(ids, cache):
        rows = []
        for token in ids[0].tolist():
            cache.append(token)
            ages = torch.arange(len(cache), 0, -1, device=table.device)
            rows.append((table[cache] * 0.95 ** ages[:, None]).sum(0))
        return torch.stack(rows)[None]

    return step, [], prompt, new


def _observe_loop(answer, step, cache, prompt, new):
    """Length of the prompt, whether the model was fed too much, length of the text, and the text, filled up with −1."""
    T = prompt.size(1)
    ids = answer(step, cache, prompt, new)
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or ids.size(0) != 1:
        raise TypeError("return the ids of the prompt and the new tokens, a tensor (1, T + new)")
    found = torch.full((T + new + 3,), -1, device=ids.device)
    found[:3] = torch.tensor([T, len(cache) > T + new, ids.size(1)])
    found[3:3 + ids.size(1)] = ids[0, :T + new]
    return found


def _tell_loop(observed, expected, place):
    T, _, length = expected[:3].tolist()
    if observed[2] != length:
        return f"a prompt of {T} tokens and {length - T} new ones are {length}; yours are {int(observed[2])}"
    wrong = (observed[3:] != expected[3:]).nonzero()
    if not len(wrong):
        return "the text is right, but the model was fed more tokens than there are: each goes in once"
    first = int(wrong[0]) - T
    return (f"after a prompt of {T} tokens, the first wrong token is number {first + 1} of the new ones" if first >= 0 else
            "the text does not begin with the prompt")


EXERCISES = {
    "6.4": Exercise(
        title="top-p",
        reference=nucleus,
        inputs=_probs_and_share,
        observe=_observe_nucleus,
        tell=_tell_nucleus,
        hints=("Sort from the most probable on; cumsum says how much the first ones have together.",
               "A token stays if all that are more probable have less than top_p *without* it: cumsum − its own.",
               "Put the kept ones back in their places, kept[order] = …, and divide by their sum."),
        mistakes=(
            Mistake(_nucleus(lambda ranked, total, p: total <= p), "the token that reaches p is missing: without it the kept ones have less"),
            Mistake(_nucleus(lambda ranked, total, p: total - ranked < p, rescaled=False), "they do not sum to 1: share out what is left"),
            Mistake(_nucleus(lambda ranked, total, p: ranked >= p), "you compare single probabilities; p is what the kept ones have *together*"),
            Mistake(_nucleus(lambda ranked, total, p: total - ranked < p, descending=False), "you start with the least probable"),
            Mistake(lambda probs, p: _nucleus(lambda ranked, total, p: total - ranked < p)(probs.sort(descending=True).values, p),
                    "right numbers at the wrong places: put them back where the tokens were"),
        )),
    "6.5": Exercise(
        title="bytes of a cache",
        reference=cache_bytes,
        inputs=_sizes,
        tolerance=1e-9,
        observe=_observe_bytes,
        tell=_tell_bytes,
        hints=("For each token, in each layer: a key and a value.", "All heads together have num_heads · d_head numbers in a key.",
               "2 · layers · batch · length · heads · d_head · bytes"),
        mistakes=(
            Mistake(lambda N, H, d, B, T, size: N * B * T * H * d * size, "half of it is missing: keys *and* values"),
            Mistake(lambda N, H, d, B, T, size: 2 * B * T * H * d * size, "every layer has a cache of its own"),
            Mistake(lambda N, H, d, B, T, size: 2 * N * B * T * d * size, "d_head is one head's width; all heads have keys"),
            Mistake(lambda N, H, d, B, T, size: 3 * N * B * T * H * d * size, "queries are not kept: no later token asks for them"),
            Mistake(lambda N, H, d, B, T, size: 2 * N * B * T * T * H * d * size, "nothing in it is as large as T²: scores are not kept"),
            Mistake(lambda N, H, d, B, T, size: 2 * N * B * T * H * d, "those are numbers; multiply by the bytes of one"),
        )),
    "6.6": Exercise(
        title="a loop with three bugs",
        reference=repaired_loop,
        inputs=_model_and_prompt,
        observe=_observe_loop,
        tell=_tell_loop,
        hints=("Complaint 1: what does the model know of the prompt after the first step?",
               "Complaint 2: the cache remembers what it was fed. What is new since the last step?",
               "Complaint 3: how many tokens has range(new - 1) written?"),
        mistakes=(
            Mistake(_loop(whole_prompt=False, one_token=False, all_tokens=False), "all three bugs are still there"),
            Mistake(_loop(one_token=False, all_tokens=False), "the prompt is right now. Feed one token a step, and write all"),
            Mistake(_loop(whole_prompt=False, all_tokens=False), "one token a step is right. The prompt is not, and one token is missing"),
            Mistake(_loop(whole_prompt=False, one_token=False), "the number of tokens is right now. The prompt and the steps are not"),
            Mistake(_loop(whole_prompt=False), "one bug is left: only the last token of the prompt goes in"),
            Mistake(_loop(one_token=False), "one bug is left: the whole text goes in at each step, though the cache remembers it"),
            Mistake(_loop(all_tokens=False), "one bug is left: one token is missing at the end"),
            Mistake(_loop(first=True), "the next token stands in the *last* row of the logits"),
        )),
}
