"""Exercises of lesson 04, Transformer blocks."""

import torch
import torch.nn.functional as F

from . import Exercise, Mistake
from .draw import drawn, normal, of_trial


# 4.1 ------------------------------------------------------------------------------------------------------------------
def rms_norm(x, weight, eps):
    mean_square = x.square().mean(dim=-1, keepdim=True)
    return x / (mean_square + eps).sqrt() * weight


def _x_weight(generator):
    *shape, eps = of_trial(generator, (2, 5, 6, 1e-6), (3, 4, 8, 1e-5), (4, 7, 3, 1e-6), (1, 6, 5, 1e-8), (5, 2, 10, 1e-4))
    x, weight = normal(generator, *shape), normal(generator, shape[-1])
    return torch.cat([3 + 2 * x[:, 1:], eps ** 0.5 * x[:, :1]], dim=1), weight, eps     # a faint token shows where eps stands


def _tell_norm(observed, expected, place):
    return f"the result is {observed[place] / expected[place]:.3g} times what it should be at {list(place)}"


# 4.2 ------------------------------------------------------------------------------------------------------------------
def folded(gain, shift, weight, bias):
    return weight * gain, bias + weight @ shift                 # gain along the columns: the inputs of the layer


def _norm_and_layer(generator):
    d_in, d_out = of_trial(generator, (4, 6), (5, 8), (3, 4), (6, 7), (2, 5))
    return normal(generator, d_in), normal(generator, d_in), normal(generator, d_out, d_in), normal(generator, d_out)


def _observe_folded(answer, gain, shift, weight, bias):
    result = answer(gain, shift, weight, bias)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError("return two tensors, the new weight and the new bias")
    new_weight, new_bias = result
    if new_weight.shape != weight.shape or new_bias.shape != bias.shape:
        raise ValueError(f"expected a weight {tuple(weight.shape)} and a bias {tuple(bias.shape)}, "
                         f"got {tuple(new_weight.shape)} and {tuple(new_bias.shape)}")
    z = torch.cat([torch.zeros(1, len(gain), device=gain.device), torch.eye(len(gain), device=gain.device)])
    return F.linear(z, new_weight, new_bias)


def _tell_folded(observed, expected, place):
    z = f"1 in entry {place[0] - 1} and 0 elsewhere" if place[0] else "0 everywhere: the new bias alone"
    return f"output {place[1]} is {observed[place]:.3g} instead of {expected[place]:.3g} for a z that is {z}"


# 4.3 ------------------------------------------------------------------------------------------------------------------
def post_norm(x, attend, attend_norm, feed_forward, feed_forward_norm):
    x = attend_norm(x + attend(x))
    return feed_forward_norm(x + feed_forward(x))


def _block_parts(generator):
    x, attend, feed_forward = _x_attend_feed_forward(generator)
    gain_a, gain_f = 1 + normal(generator, x.size(2)), 1 + normal(generator, x.size(2))
    return x, attend, lambda x: F.layer_norm(x, gain_a.shape) * gain_a, feed_forward, lambda x: F.layer_norm(x, gain_f.shape) * gain_f


def _x_attend_feed_forward(generator):
    B, T, d_model = of_trial(generator, (2, 5, 8), (3, 7, 6), (4, 3, 10), (1, 6, 9), (5, 4, 7))
    mix, W_a, W_f = normal(generator, T, T), normal(generator, d_model, d_model), normal(generator, d_model, d_model)
    return normal(generator, B, T, d_model), lambda x: mix @ x @ W_a, lambda x: torch.relu(x @ W_f)


def _pre_norm(x, attend, attend_norm, feed_forward, feed_forward_norm):
    x = x + attend(attend_norm(x))
    return x + feed_forward(feed_forward_norm(x))


def _norm_of_what_is_written(x, attend, attend_norm, feed_forward, feed_forward_norm):
    x = x + attend_norm(attend(x))
    return x + feed_forward_norm(feed_forward(x))


def _residual_behind_the_norm(x, attend, attend_norm, feed_forward, feed_forward_norm):
    x = attend_norm(x)
    x = feed_forward_norm(x + attend(x))
    return x + feed_forward(x)


def _from_the_start(x, attend, attend_norm, feed_forward, feed_forward_norm):
    return feed_forward_norm(x + feed_forward(attend_norm(x + attend(x))))


# 4.5 ------------------------------------------------------------------------------------------------------------------
def break_even(d_model, d_ff):
    return d_ff - 2 * d_model                                   # 8nd² + 4n²d = 4nd·d_ff


def _widths(generator):
    d_model = drawn(generator, 100, 1000)
    return d_model, 3 * d_model + drawn(generator, 100, 1000)


# 4.6 ------------------------------------------------------------------------------------------------------------------
def repaired_block(x, attend, feed_forward, dropout, training):
    def norm(x):
        return (x - x.mean(-1, keepdim=True)) / x.std(-1, correction=0, keepdim=True)

    for sub_layer in (attend, feed_forward):
        x = x + F.dropout(sub_layer(norm(x)), dropout, training)
    return x


def _block(whole=(-1,), behind=False, alive=False, never=False):
    """A variation of the reference: a norm over more axes, the sum from the normalised x, dropout always or never."""
    def answer(x, attend, feed_forward, dropout, training):
        def norm(x):
            return (x - x.mean(whole, keepdim=True)) / x.std(whole, correction=0, keepdim=True)

        for sub_layer in (attend, feed_forward):
            normed = norm(x)
            x = (normed if behind else x) + F.dropout(sub_layer(normed), dropout, (training or alive) and not never)
        return x
    return answer


def _x_and_sub_layers(generator):
    x, attend, feed_forward = _x_attend_feed_forward(generator)
    return 2 + 3 * x, attend, feed_forward, of_trial(generator, 0.5, 0.3, 0.6, 0.2, 0.4), True


def _observe_block(answer, x, attend, feed_forward, dropout, _):
    """What it does in eval() and in training, with the same random numbers."""
    def result(training):
        torch.manual_seed(0)
        return answer(x, attend, feed_forward, dropout, training)

    return torch.stack([result(False), result(True)])


EXERCISES = {
    "4.1": Exercise(
        title="RMSNorm",
        reference=rms_norm,
        inputs=_x_weight,
        tell=_tell_norm,
        hints=("The mean is along the last axis. Which option keeps that axis, so that division broadcasts?",
               "eps is added to the mean square, before the root.",
               "x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * weight"),
        mistakes=(
            Mistake(lambda x, weight, eps: F.layer_norm(x, weight.shape, weight, None, eps),
                    "that is LayerNorm without its bias: RMSNorm does not subtract the mean"),
            Mistake(lambda x, weight, eps: x / (x.square().mean(-1, keepdim=True).sqrt() + eps) * weight,
                    "eps stands outside of the root. It is added to the mean square, inside"),
            Mistake(lambda x, weight, eps: x / (x.square().sum(-1, keepdim=True) + eps).sqrt() * weight,
                    "you divide by the length of the vector: the *mean* of the squares, not their sum"),
            Mistake(lambda x, weight, eps: x / (x.square().mean(-1, keepdim=True) + eps) * weight, "the root is missing"),
            Mistake(lambda x, weight, eps: x / (x.square().mean(1, keepdim=True) + eps).sqrt() * weight,
                    "you averaged over the tokens: each token is normalised by itself, along the last axis"),
            Mistake(lambda x, weight, eps: x / (x.square().mean() + eps).sqrt() * weight,
                    "one number for the whole batch: mean(dim=-1, keepdim=True)"),
            Mistake(lambda x, weight, eps: rms_norm(x, 1, eps), "the gain is missing: multiply by weight at the end"),
        )),
    "4.2": Exercise(
        title="a norm folded into the next layer",
        reference=folded,
        inputs=_norm_and_layer,
        observe=_observe_folded,
        square=lambda gain, shift, weight, bias: (gain, shift, weight[:len(gain)], bias[:len(gain)]),
        tell=_tell_folded,
        hints=("Write F.linear(z * gain + shift, weight, bias) as a sum: (z * gain) @ weight.T + shift @ weight.T + bias.",
               "The last two terms do not depend on z: they are the new bias.",
               "z * gain multiplies the *inputs* of the layer, which belong to the columns of weight."),
        mistakes=(
            Mistake(lambda gain, shift, weight, bias: (weight * gain[:, None], bias + weight @ shift),
                    "the gain went along the rows, the outputs of the layer: its inputs belong to the columns"),
            Mistake(lambda gain, shift, weight, bias: (weight * gain, bias), "the gain is right; the shift is missing"),
            Mistake(lambda gain, shift, weight, bias: (weight * gain, bias + shift),
                    "the shift is added before the layer, so the layer's weight multiplies it"),
            Mistake(lambda gain, shift, weight, bias: (weight * gain, bias + weight * gain @ shift),
                    "the shift is added after the gain: the old weight multiplies it, not the new one"),
            Mistake(lambda gain, shift, weight, bias: (weight * gain, bias + shift @ weight),
                    "the shift meets the weight the wrong way round: weight @ shift, one sum for each output"),
            Mistake(lambda gain, shift, weight, bias: (weight, bias + weight @ shift), "the shift is right; the gain is missing"),
        )),
    "4.3": Exercise(
        title="post-norm",
        reference=post_norm,
        inputs=_block_parts,
        hints=("Two lines, one for each sub-layer. Both have the form x = norm(x + sub_layer(x)).", "attend reads x itself, with no norm in between.",
               "x = attend_norm(x + attend(x)), and the same with the feed-forward network."),
        mistakes=(
            Mistake(_pre_norm, "that is pre-norm. Here the sub-layer reads x as it is, and the norm takes the sum"),
            Mistake(_norm_of_what_is_written, "the norm takes only what the sub-layer writes: it must take the sum"),
            Mistake(lambda x, attend, norm_1, feed_forward, norm_2: norm_2(feed_forward(norm_1(attend(x)))),
                    "the residual connections are missing: x + … before each norm"),
            Mistake(lambda x, attend, norm_1, feed_forward, norm_2: post_norm(x, attend, norm_1, feed_forward, norm_1),
                    "attend_norm is used twice; each sub-layer has a norm of its own"),
            Mistake(_residual_behind_the_norm, "a norm in front and none at the end: this block ends with a norm"),
            Mistake(_from_the_start, "the second sum must start from what the first sub-layer left, not from the x that came in"),
        )),
    "4.4": Exercise(
        title="parameters of an encoder block",
        reference=3_152_384,
        tolerance=1e-7,
        tell=lambda observed, expected, place: f"{observed:,.0f} is not right. hint(\"4.4\") helps",
        worked="Attention 1,050,624 (exercise 2.3), feed-forward 2·512·2048 + 2048 + 512, norms 2·2·512: together 3,152,384.",
        hints=("Attention is exercise 2.3: 1,050,624.",
               "The feed-forward network has two matrices of 512 × 2048, and two biases of different length.",
               "Two norms, each with a gain and a bias of 512."),
        mistakes=(
            Mistake(3_150_336, "attention and feed-forward are right; each of the two norms has a gain and a bias of 512"),
            Mistake(3_151_360, "one norm is missing, or the norms' biases are: two norms, each with gain and bias"),
            Mistake(3_145_728, "the matrices are right. Add the biases and the norms"),
            Mistake(3_147_776, "the matrices and norms are right. Every linear layer has a bias, too"),
            Mistake(4_204_032, "that has a second attention: an encoder block has no cross-attention"),
            Mistake(2_103_296, "the feed-forward network has two matrices, there and back"),
        )),
    "4.5": Exercise(
        title="where attention costs as much as the feed-forward network",
        reference=break_even,
        inputs=_widths,
        tell=lambda observed, expected, place: "the sub-layers cost differently there. hint(\"4.5\") helps",
        hints=("From the table: attention takes 8·n·d² + 4·n²·d operations, the feed-forward network 4·n·d·d_ff.",
               "Set them equal, and divide by 4·n·d.", "2·d_model + n = d_ff"),
        mistakes=(
            Mistake(lambda d_model, d_ff: d_ff, "the projections are missing: 8·n·d² belongs to the attention sub-layer"),
            Mistake(lambda d_model, d_ff: 2 * d_model, "right for d_ff = 4·d_model only: use d_ff"),
            Mistake(lambda d_model, d_ff: d_ff + 2 * d_model, "there the n² products equal all the rest; here the projections are on attention's side"),
            Mistake(lambda d_model, d_ff: 6 * d_model, "that is where the n² products equal all the rest, if d_ff = 4·d"),
            Mistake(lambda d_model, d_ff: d_ff - d_model, "four projections take 8·n·d²: four matrices, two operations each"),
            Mistake(lambda d_model, d_ff: 2 * (d_ff - 2 * d_model), "two products have n²: the scores, and the mixture of values"),
        )),
    "4.6": Exercise(
        title="a block with three bugs",
        reference=repaired_block,
        inputs=_x_and_sub_layers,
        observe=_observe_block,
        hints=("Complaint 1: over what does x.mean() average? Each token must be normalised by itself.",
               "Complaint 2: a pre-norm block adds to the x that came in. What does this one add to?",
               "Complaint 3: F.dropout has a third argument, training, which is True if nobody says otherwise."),
        mistakes=(
            Mistake(_block(whole=(0, 1, 2), behind=True, alive=True), "all three bugs are still there"),
            Mistake(_block(behind=True, alive=True), "the norm is right now. The sum and dropout are not"),
            Mistake(_block(whole=(0, 1, 2), alive=True), "the sum is right now. The norm and dropout are not"),
            Mistake(_block(whole=(0, 1, 2), behind=True), "dropout is right now. The norm and the sum are not"),
            Mistake(_block(whole=(0, 1, 2)), "one bug is left: the mean and the deviation are those of the whole batch"),
            Mistake(_block(whole=(1, 2)), "one bug is left: your norm is over a whole sentence, so later words change earlier ones"),
            Mistake(_block(behind=True), "one bug is left: the sum must start from x itself, not from the normalised x"),
            Mistake(_block(alive=True), "one bug is left: dropout is on whatever `training` says"),
            Mistake(_block(never=True), "dropout never happens now: it belongs into training"),
        )),
}
