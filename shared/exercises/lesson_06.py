"""Exercises of lesson 06, The decoder."""

import math

import torch
import torch.nn.functional as F

from . import Exercise, Mistake
from .draw import drawn, normal, of_trial, some_real


# 6.1 ------------------------------------------------------------------------------------------------------------------
def next_token_loss(logits, ids, pad_id):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad_id)


def _texts(generator):
    B, T, V, pad_id = of_trial(generator, (3, 7, 9, 0), (4, 6, 5, 2), (2, 8, 10, 9), (5, 9, 7, 0), (6, 5, 8, 1))
    ids = (pad_id + torch.randint(1, V, (B, T), generator=generator, device=generator.device)) % V      # anything but pad_id
    return normal(generator, B, T, V), ids.masked_fill(~some_real(generator, B, T, shortest=3), pad_id), pad_id


def _loss(logits, targets, keep):
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    return (losses * keep).sum() / keep.sum()


def _mean_of_texts(logits, ids, pad_id):
    losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    keep = ids[:, 1:] != pad_id
    return ((losses * keep).sum(1) / keep.sum(1)).mean()


# 6.2 ------------------------------------------------------------------------------------------------------------------
def perplexity(log_probs):
    return torch.cat(log_probs).mean().neg().exp()


def _log_probs(generator):
    lengths = of_trial(generator, (3, 12, 5), (8, 2), (4, 9, 1, 6), (7,), (10, 3, 2, 5, 11))
    return ([-3 * torch.rand(length, generator=generator, device=generator.device) for length in lengths],)


# 6.3 ------------------------------------------------------------------------------------------------------------------
def first_loss_unshifted(vocab_size, d_model, length, cosine, sigma):
    own = math.sqrt(d_model) * length * cosine                      # the logit of the word that was given
    others = (vocab_size - 1) * math.exp(sigma ** 2 / 2)
    return math.log(others + math.exp(own)) - own


def _untrained(generator):
    V, d_model = of_trial(generator, (71, 64), (300, 16), (50, 144), (1000, 36), (120, 100))
    length, cosine, sigma = (low + 0.2 * drawn(generator, 0, 100) / 100 for low in (0.5, 0.2, 0.4))
    return V, d_model, length, cosine, sigma


def _first_loss(own=lambda d, length, cosine: math.sqrt(d) * length * cosine, spread=lambda sigma: sigma ** 2 / 2, left_out=1):
    """A variation of the reference."""
    def answer(vocab_size, d_model, length, cosine, sigma):
        logit = own(d_model, length, cosine)
        return math.log((vocab_size - left_out) * math.exp(spread(sigma)) + math.exp(logit)) - logit
    return answer


def _without(numerator=True, denominator=True):
    """The reference with the word's own logit left out above or below."""
    def answer(vocab_size, d_model, length, cosine, sigma):
        own = math.sqrt(d_model) * length * cosine
        others = (vocab_size - 1) * math.exp(sigma ** 2 / 2)
        return math.log(others + denominator * math.exp(own)) - numerator * own
    return answer


def _tell_first_loss(observed, expected, place):
    side = "higher" if observed > expected else "lower"
    return (f"on the first vocabulary of 71 words yours is {side} than it should be, {observed:.2f} instead of {expected:.2f} nats. "
            'hint("6.3") helps')


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
    """What the answer returns, and below it the probabilities that it was given, for `_tell_nucleus`."""
    kept = answer(probs.clone(), top_p)
    if not isinstance(kept, torch.Tensor) or kept.shape != probs.shape:
        found = f"of shape {tuple(kept.shape)}" if isinstance(kept, torch.Tensor) else f"a {type(kept).__name__}"
        raise TypeError(f"return one probability for each of the {len(probs)} words, a tensor ({len(probs)},); yours is {found}")
    return torch.stack([kept, probs])


def _tell_nucleus(observed, expected, place):
    probs = ", ".join(f"{p:.2f}" for p in expected[1])
    stay, kept = int((expected[0] > 0).sum()), int((observed[0] > 0).sum())
    wrong = "they are the right ones, but not with the right probabilities" if stay == kept else f"yours keeps {kept}"
    return f"of the probabilities {probs}, {stay} should stay for this top_p; {wrong}"


# 6.5 ------------------------------------------------------------------------------------------------------------------
def cache_bytes(num_layers, num_heads, d_head, batch, length, bytes_per_number):
    return 2 * num_layers * batch * length * num_heads * d_head * bytes_per_number          # 2: keys and values


def _sizes(generator):
    order = torch.randperm(9, generator=generator, device=generator.device)[:6]
    return tuple((3, 5, 7, 11, 13, 17, 19, 23, 29)[number] for number in order.tolist())       # no size is a multiple of another


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
    """The text, and how many tokens the model was fed: no more than needed."""
    ids = answer(step, cache, prompt, new)
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or ids.size(0) != 1:
        raise TypeError("return the ids of the prompt and the new tokens, a tensor (1, T + new)")
    fed_too_much = len(cache) > prompt.size(1) + new
    return torch.cat([ids[0], torch.tensor([int(fed_too_much)], device=ids.device)])


def _tell_loop(observed, expected, place):
    if place[0] == len(expected) - 1:
        return "the text is right, but the model was fed more tokens than there are: each goes in once"
    return f"token {place[0]} is {int(observed[place])} instead of {int(expected[place])}"


EXERCISES = {
    "6.1": Exercise(
        title="next-token loss",
        reference=next_token_loss,
        inputs=_texts,
        hints=("The logits at place t are about the token at place t + 1. Which logits have no target, which token no logits?",
               "logits[:, :-1] belong to ids[:, 1:].",
               "F.cross_entropy takes (N, V) and (N,), and has an argument ignore_index."),
        mistakes=(
            Mistake(lambda logits, ids, pad_id: F.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=pad_id),
                    "not shifted: place t is asked for the token that it is given"),
            Mistake(lambda logits, ids, pad_id: F.cross_entropy(logits[:, :-2].flatten(0, 1), ids[:, 2:].flatten(),
                                                                ignore_index=pad_id),
                    "shifted twice: place t is asked for the token after next"),
            Mistake(lambda logits, ids, pad_id: F.cross_entropy(logits[:, 1:].flatten(0, 1), ids[:, :-1].flatten(),
                                                                ignore_index=pad_id),
                    "shifted the wrong way: place t is asked for the token before"),
            Mistake(lambda logits, ids, pad_id: F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()),
                    "padding counts as a target: ignore it"),
            Mistake(lambda logits, ids, pad_id: _loss(logits[:, :-1], ids[:, 1:], ids[:, :-1] != pad_id),
                    "you leave out places whose *input* is padding; what counts is the target"),
            Mistake(_mean_of_texts, "that is the mean over texts of their means: short texts weigh too much. Divide by "
                                    "the number of all real targets"),
        )),
    "6.2": Exercise(
        title="perplexity",
        reference=perplexity,
        inputs=_log_probs,
        hints=("Loss per token first: the mean of −log p over all tokens of all texts.", "Texts are of different lengths: join them before you average.",
               "torch.cat(log_probs).mean().neg().exp()"),
        mistakes=(
            Mistake(lambda texts: torch.stack([text.mean().neg().exp() for text in texts]).mean(),
                    "that is the mean of the texts' perplexities. Average the loss over all tokens first, then take exp"),
            Mistake(lambda texts: torch.stack([text.mean() for text in texts]).mean().neg().exp(),
                    "the mean of the texts' means: short texts weigh too much"),
            Mistake(lambda texts: torch.cat(texts).exp().mean().reciprocal(),
                    "you averaged probabilities. Perplexity averages their logarithms"),
            Mistake(lambda texts: torch.cat(texts).mean().exp(), "the sign: the loss is minus the log-probability"),
            Mistake(lambda texts: 2 ** -torch.cat(texts).mean(), "the logarithms are natural ones: e to the loss, not 2"),
            Mistake(lambda texts: -torch.cat(texts).mean(), "that is the loss; perplexity is e to it"),
        )),
    "6.3": Exercise(
        title="first loss of unshifted targets",
        reference=first_loss_unshifted,
        inputs=_untrained,
        tell=_tell_first_loss,
        hints=("The loss of one word is ln of the sum of e^logit over all words, minus the logit of the target. Here the target is the "
               "word that was given.",
               "Its own logit is a dot product: length of the stream, times length of the vector, times cosine.",
               "The sum has vocab_size - 1 terms of about e^(σ²/2), and e to the word's own logit."),
        mistakes=(
            Mistake(lambda V, d, length, cosine, sigma: math.log(V), "ln V is the loss where nothing is known of the target. With tied "
                    "weights the stream still holds the word that was given, and the target is that word"),
            Mistake(_first_loss(own=lambda d, length, cosine: d * length * cosine), "the norm returns vectors of length √d_model, not d_model"),
            Mistake(_first_loss(own=lambda d, length, cosine: length * cosine), "the stream has a length, too: √d_model after the norm"),
            Mistake(_first_loss(own=lambda d, length, cosine: math.sqrt(d) * length), "a dot product is length times length times the cosine"),
            Mistake(_first_loss(spread=lambda sigma: 0.0), "the other logits are not 0: they scatter, and e^x is on average larger than 1"),
            Mistake(_first_loss(spread=lambda sigma: sigma ** 2), "e^x of a normal x with standard deviation σ is on average e^(σ²/2)"),
            Mistake(_first_loss(spread=lambda sigma: sigma), "e^x of a normal x with standard deviation σ is on average e^(σ²/2), not e^σ"),
            Mistake(_first_loss(left_out=0), "the word itself is counted twice: there are vocab_size - 1 others"),
            Mistake(_without(numerator=False), "the target's own logit has to be subtracted: it is what makes this loss so low"),
            Mistake(_without(denominator=False), "the denominator of a softmax holds all words, the target too"),
        )),
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
        tell=lambda observed, expected, place: f"{observed / expected:.3g} times what it should be. hint(\"6.5\") helps",
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
