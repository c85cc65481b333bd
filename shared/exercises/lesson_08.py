"""Exercises of lesson 08, Training."""

import torch

from . import Exercise, Mistake
from .draw import drawn, normal, of_trial


# 8.1 ------------------------------------------------------------------------------------------------------------------
def encode_word(ids, merges):
    for number, (left, right) in enumerate(merges):
        out = []
        for token in ids:
            if out and (out[-1], token) == (left, right):
                out[-1] = 256 + number
            else:
                out.append(token)
        ids = out
    return ids


def _by_choice(choose):
    """Join one pair at a time: choose([(place, number of the merge), …]) says which."""
    def answer(ids, merges):
        known = {tuple(pair): number for number, pair in enumerate(merges)}
        while True:
            found = [(place, known[pair]) for place, pair in enumerate(zip(ids, ids[1:])) if pair in known]
            if not found:
                return ids
            place, number = choose(found)
            ids = [*ids[:place], 256 + number, *ids[place + 2:]]
    return answer


def _first_place_only(ids, merges):
    for number, pair in enumerate(merges):
        places = [place for place, found in enumerate(zip(ids, ids[1:])) if found == tuple(pair)]
        ids = [*ids[:places[0]], 256 + number, *ids[places[0] + 2:]] if places else ids
    return ids


def _from_the_right(ids, merges):
    return encode_word(ids[::-1], [pair[::-1] for pair in merges])[::-1]


def _word_and_merges(generator):
    """Few letters, so that pairs overlap; the word begins with one in which the order and the side decide."""
    a, b, c = letters = (97 + torch.randperm(26, generator=generator, device=generator.device)[:3]).tolist()
    more = torch.randint(3, (drawn(generator, 5, 15),), generator=generator, device=generator.device).tolist()
    word = [*(letters["abc".index(letter)] for letter in "aaacabacbacabbaaab"), *(letters[number] for number in more)]
    return word, [(a, b), (b, a), (a, a), (a, 256), (256, c), (257, c)][:of_trial(generator, 6, 5, 4, 6, 5)]


# 8.2 ------------------------------------------------------------------------------------------------------------------
def padding_share(batches):
    places = sum(len(batch) * max(batch) for batch in batches)
    return 1 - sum(sum(batch) for batch in batches) / places


def _longest_of_all(batches):
    lengths = [length for batch in batches for length in batch]
    return 1 - sum(lengths) / (max(lengths) * len(lengths))


def _batches(generator):
    sizes = of_trial(generator, (3, 8, 5), (6, 2), (4, 1, 7, 5), (5, 3, 9), (2, 6, 3, 4, 8))
    return ([torch.randint(1, high, (size,), generator=generator, device=generator.device).tolist()
             for size, high in zip(sizes, (6, 12, 30, 20, 9))],)


# 8.3 ------------------------------------------------------------------------------------------------------------------
def repaired_step(weight, gradient, m, v, step, lr, beta1, beta2, eps, decay):
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient ** 2
    m_hat, v_hat = m / (1 - beta1 ** step), v / (1 - beta2 ** step)
    weight = weight - lr * decay * weight
    return weight - lr * m_hat / (v_hat ** 0.5 + eps), m, v


def _adam(decoupled=True, correct_m=True, correct_v=True, eps_outside=True):
    """A variation of the reference with some of the bugs."""
    def answer(weight, gradient, m, v, step, lr, beta1, beta2, eps, decay):
        if not decoupled:
            gradient = gradient + decay * weight
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient ** 2
        m_hat = m / (1 - beta1 ** step) if correct_m else m
        v_hat = v / (1 - beta2 ** step) if correct_v else v
        move = m_hat / (v_hat ** 0.5 + eps if eps_outside else (v_hat + eps) ** 0.5)
        return weight - lr * (move + (decay * weight if decoupled else 0)), m, v
    return answer


def _one_step(generator):
    d, last, *numbers = of_trial(generator, (6, 4, 0.1, 0.9, 0.98, 1e-3, 0.1), (7, 3, 0.2, 0.8, 0.95, 1e-2, 0.3), (5, 6, 0.05, 0.9, 0.999, 1e-3, 0.2),
                                 (9, 2, 0.3, 0.7, 0.9, 1e-2, 0.1), (8, 5, 0.1, 0.95, 0.99, 1e-3, 0.5))
    gradient = normal(generator, d) * 10.0 ** torch.linspace(-3, 2, d, device=generator.device)
    return normal(generator, d), gradient, torch.zeros_like(gradient), torch.zeros_like(gradient), last, *numbers


def _observe_adam(answer, weight, gradient, m, v, last, *numbers):
    """The weights after each step from 1 to the last."""
    seen = []
    for step in range(1, last + 1):
        result = answer(weight.clone(), gradient.roll(step) * step, m, v, step, *numbers)
        if not isinstance(result, tuple) or len(result) != 3:
            raise TypeError("return three tensors: the new weight, the new m, the new v")
        weight, m, v = result
        seen.append(weight)
    return torch.stack(seen)


# 8.4 ------------------------------------------------------------------------------------------------------------------
def accumulated_gradient(weight, micro_batches):
    total, count = torch.zeros_like(weight), 0
    for x, y in micro_batches:
        total = total + x.T @ (x @ weight - y)                  # of half the sum of squares
        count += len(y)
    return total / count


def _combined(how):
    """how(gradients of the sums, numbers of tokens) → one gradient."""
    return lambda weight, batches: how([x.T @ (x @ weight - y) for x, y in batches], [len(y) for _, y in batches])


def _weight_and_micro_batches(generator):
    d, *counts = of_trial(generator, (4, 3, 11, 6), (3, 8, 2), (6, 5, 9, 1, 4), (2, 10, 7, 3), (5, 2, 6, 12, 3, 8))
    return normal(generator, d), [(normal(generator, n, d), normal(generator, n)) for n in counts]


# 8.5 ------------------------------------------------------------------------------------------------------------------
def repaired_step_16(weight, micro_batches, scale, max_norm, lr):
    total = sum(scaled_sum for scaled_sum, _ in micro_batches)
    gradient = total / scale / sum(tokens for _, tokens in micro_batches)
    if not gradient.isfinite().all():
        return weight
    return weight - lr * gradient * min(1.0, max_norm / gradient.norm())


def _step(unscaled_first=True, by_tokens=True, skips=True, clips=True):
    """A variation of the reference with some of the bugs."""
    def answer(weight, micro_batches, scale, max_norm, lr):
        if by_tokens:
            gradient = sum(part for part, _ in micro_batches) / sum(tokens for _, tokens in micro_batches)
        else:
            gradient = sum(part / tokens for part, tokens in micro_batches) / len(micro_batches)
        gradient = gradient / scale if unscaled_first else gradient
        if skips and not gradient.isfinite().all():
            return weight
        gradient = gradient * min(1.0, max_norm / gradient.norm()) if clips else gradient
        return weight - lr * (gradient if unscaled_first else gradient / scale)
    return answer


def _micro_gradients(generator):
    d, scale, max_norm, lr, *counts = of_trial(generator, (5, 128.0, 1.0, 0.5, 4, 40, 15), (7, 64.0, 1.5, 0.2, 30, 6),
                                               (4, 256.0, 0.8, 1.0, 9, 50, 3, 20), (6, 512.0, 2.0, 0.3, 25, 5, 12), (3, 1024.0, 1.2, 0.7, 8, 35))
    return normal(generator, d), [(scale * count * normal(generator, d), count) for count in counts], scale, max_norm, lr


def _observe_steps(answer, weight, micro_batches, *numbers):
    """The weights after a step with a short gradient, with one that must be clipped, and after an overflow."""
    steps = [answer(weight.clone(), [(part * size, tokens) for part, tokens in micro_batches], *numbers) for size in (0.1, 5.0, torch.inf)]
    if not all(isinstance(after, torch.Tensor) for after in steps):
        raise TypeError("return the new weight, a tensor (d,)")
    steps = torch.stack(steps)
    return steps.where(steps.isfinite(), torch.nan)             # inf and NaN are equally wrong


EXERCISES = {
    "8.1": Exercise(
        title="merges in their order",
        reference=encode_word,
        inputs=_word_and_merges,
        observe=lambda answer, ids, merges: torch.as_tensor(answer(list(ids), list(merges))),
        hints=("Which merge may be applied first: the one that comes first in the word, or the one that was learned first?",
               "Take the merges one after another. For each, go through the ids from the left and replace every pair.",
               "As `merged` above, with 256 + number for the new id, for every (number, pair) of enumerate(merges)."),
        mistakes=(
            Mistake(_by_choice(lambda found: min(found)), "you join the leftmost pair that is any merge. The merge that was learned first comes first, wherever it stands"),
            Mistake(_by_choice(lambda found: max(found, key=lambda pair: pair[1])), "you begin with the merges that were learned last"),
            Mistake(_first_place_only, "each merge replaces *every* such pair of the word, not only the first"),
            Mistake(_from_the_right, "you go through the word from the right. In aaa it is the left pair that is joined"),
        )),
    "8.2": Exercise(
        title="share of padding",
        reference=padding_share,
        inputs=_batches,
        hints=("How many places has one batch?", "Number of texts times the longest of them. Add up over all batches before you divide.",
               "1 - (all lengths) / (all places)"),
        mistakes=(
            Mistake(lambda batches: sum(padding_share([batch]) for batch in batches) / len(batches),
                    "that is the mean of the batches' shares: small batches weigh too much. Count all places first"),
            Mistake(lambda batches: 1 / (1 - padding_share(batches)) - 1, "you divided by the real tokens; asked is the share of all places"),
            Mistake(lambda batches: 1 - padding_share(batches), "that is the share of real tokens"),
            Mistake(_longest_of_all, "a batch is as long as *its* longest text, not as the longest of all batches"),
        )),
    "8.3": Exercise(
        title="a step of AdamW",
        reference=repaired_step,
        inputs=_one_step,
        observe=_observe_adam,
        tolerance=1e-5,
        tell=lambda observed, expected, place: f"after step {place[0] + 1}, weight {place[1]} is {observed[place]:.4g} and should be {expected[place]:.4g}",
        hints=("Complaint 1: what do m and v begin with, and what did section 3 divide them by?",
               "Complaint 2: whatever is added to the gradient is divided by √v. Where does the W of AdamW take the decay?",
               "Complaint 3: take a gradient of 1e-6 and eps = 1e-8. What is (v + eps) ** 0.5, and what is v ** 0.5 + eps?"),
        mistakes=(
            Mistake(_adam(False, False, False, False), "all three bugs are still there"),
            Mistake(_adam(decoupled=False), "one bug is left: the decay goes through m and v"),
            Mistake(_adam(correct_m=False, correct_v=False), "one bug is left: m and v are not corrected"),
            Mistake(_adam(correct_v=False), "v is not corrected"),
            Mistake(_adam(eps_outside=False), "one bug is left: eps is inside the root"),
        )),
    "8.4": Exercise(
        title="accumulating",
        reference=accumulated_gradient,
        inputs=_weight_and_micro_batches,
        hints=("Write down the loss of the large batch: one sum over all tokens, one number to divide by.",
               "The gradient of half a squared error is x times the error; of the sum over a micro-batch, x.T @ (x @ weight - y).",
               "Add up these, add up len(y), divide at the end."),
        mistakes=(
            Mistake(_combined(lambda parts, counts: sum(part / count for part, count in zip(parts, counts)) / len(parts)),
                    "the mean of the means: tokens of small micro-batches weigh too much"),
            Mistake(_combined(lambda parts, counts: sum(parts)), "that is the gradient of the sum; divide by the number of tokens"),
            Mistake(_combined(lambda parts, counts: sum(part / count for part, count in zip(parts, counts))),
                    "you added up the means: with twice as many micro-batches it would be twice as long"),
            Mistake(_combined(lambda parts, counts: sum(parts) / len(parts)), "you divided by the number of micro-batches; divide by that of tokens"),
            Mistake(_combined(lambda parts, counts: parts[-1] / counts[-1]), "only the last micro-batch is left: is the gradient set to 0 inside the loop?"),
        )),
    "8.5": Exercise(
        title="a step in float16",
        reference=repaired_step_16,
        inputs=_micro_gradients,
        observe=_observe_steps,
        tell=lambda seen, expected, place: f"wrong after {('a short gradient', 'a long gradient', 'an overflow')[place[0]]}",
        hints=("Complaint 1: which of the two lengths is compared with max_norm, the scaled or the unscaled one?",
               "Complaint 2: sums of gradients over the sum of tokens, divided once.",
               "Complaint 3: before the step, look whether all numbers are finite; if not, return the weights."),
        mistakes=(
            Mistake(_step(False, False, False), "all three bugs are still there"),
            Mistake(_step(unscaled_first=False), "one bug is left: the length is measured before unscaling"),
            Mistake(_step(by_tokens=False), "one bug is left: the mean of the micro-batches' means"),
            Mistake(_step(skips=False), "one bug is left: after an overflow the weights must stay as they are"),
            Mistake(_step(False, False), "the overflow is right now. Scale and mean are not"),
            Mistake(_step(True, False, False), "the scale is right now. Mean and overflow are not"),
            Mistake(_step(clips=False), "nothing is clipped any more"),
        )),
}
