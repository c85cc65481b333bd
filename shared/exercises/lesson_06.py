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


def _observe_first_loss(answer, *sizes):
    """The answer's loss, and the sizes that it was given, for `_tell_first_loss`."""
    loss = answer(*sizes)
    if not isinstance(loss, (int, float)) and not (isinstance(loss, torch.Tensor) and loss.dim() == 0):
        raise TypeError(f"return one number, the loss; yours is of type {type(loss).__name__}")
    return torch.tensor([float(loss), *map(float, sizes)], dtype=torch.float64)


def _tell_first_loss(observed, expected, place):
    loss, V, d_model, length, cosine, sigma = expected.tolist()
    side = "higher" if observed[0] > loss else "lower"
    return (f"with {V:.0f} words, width {d_model:.0f}, vectors of length {length:.2f}, cosine {cosine:.2f} and σ = {sigma:.2f}, your "
            f"loss is {side} than the right one: {observed[0]:.2f} nats instead of {loss:.2f}")


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
        observe=_observe_first_loss,
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
}
