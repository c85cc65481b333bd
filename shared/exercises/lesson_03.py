"""The exercises of lesson 03."""

import math

import torch

from . import Exercise, Mistake
from .draw import drawn, normal, of_trial


# 3.1 ------------------------------------------------------------------------------------------------------------------
def shift_matrix(offset, d_model):
    matrix = torch.zeros(d_model, d_model)
    for i in range(0, d_model, 2):
        angle = offset * 10000 ** (-i / d_model)
        sin, cos = math.sin(angle), math.cos(angle)
        matrix[i, i], matrix[i, i + 1] = cos, sin               # sin(a + b) = cos(b) sin(a) + sin(b) cos(a)
        matrix[i + 1, i], matrix[i + 1, i + 1] = -sin, cos      # cos(a + b) = -sin(b) sin(a) + cos(b) cos(a)
    return matrix


def _offset_and_width(generator):
    return drawn(generator, 1, 30), of_trial(generator, 8, 6, 10, 2, 12)


def _as_halves(offset, d_model):
    """The right matrix for the layout "halves"."""
    order = torch.cat([torch.arange(0, d_model, 2), torch.arange(1, d_model, 2)])
    return shift_matrix(offset, d_model)[order][:, order]


def _one_speed(offset, d_model):
    return torch.block_diag(*[shift_matrix(offset, 2)] * (d_model // 2))


def _doubled_twice(offset, d_model):
    return torch.block_diag(*[shift_matrix(offset * 10000 ** (-4 * i / d_model), 2) for i in range(d_model // 2)])


def _both_positive(offset, d_model):
    matrix = shift_matrix(offset, d_model)
    return matrix - 2 * matrix.tril(-1)


# 3.3 ------------------------------------------------------------------------------------------------------------------
def rotate_pairs(x, base=10000):
    places = torch.arange(x.size(0), device=x.device)
    frequencies = base ** (-torch.arange(0, x.size(1), 2, device=x.device) / x.size(1))
    angles = places[:, None] * frequencies                      # (T, d_head / 2)
    a, b = x[:, 0::2], x[:, 1::2]
    turned = torch.zeros_like(x)
    turned[:, 0::2] = a * angles.cos() - b * angles.sin()
    turned[:, 1::2] = a * angles.sin() + b * angles.cos()
    return turned


def _rows_and_base(generator):
    T, d_head, base = of_trial(generator, (6, 8, 10000), (5, 10, 500), (9, 4, 10000), (1, 6, 100), (4, 2, 20))
    return normal(generator, T, d_head), base


def _overwritten(x, base):
    """The second entry of a pair, computed from the first one's new value."""
    units = rotate_pairs(torch.eye(2, device=x.device)[0].repeat(x.size(0), x.size(1) // 2), base)
    cos, sin, first = units[:, 0::2], units[:, 1::2], rotate_pairs(x, base)[:, 0::2]
    return torch.stack([first, first * sin + x[:, 1::2] * cos], dim=-1).flatten(-2)


def _interleaved_again(halves):
    return torch.stack(halves.chunk(2, dim=-1), dim=-1).flatten(-2)


def _by_halves(x, base):
    """Entries i and i + d / 2 are partners."""
    return torch.cat([part for part in rotate_pairs(_interleaved_again(x), base).unflatten(-1, (-1, 2)).unbind(-1)], dim=-1)


def _from_one(x, base):
    return rotate_pairs(torch.cat([x[:1], x]), base)[1:]


def _backwards(x, base):
    return rotate_pairs(x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2), base).unflatten(-1, (-1, 2)).flip(-1).flatten(-2)


# 3.4 ------------------------------------------------------------------------------------------------------------------
def to_halves(weight, num_heads):
    heads = weight.unflatten(0, (num_heads, -1, 2))             # (H, d_head / 2, 2, d_model)
    return heads.transpose(1, 2).reshape(weight.shape)


def _weight_and_heads(generator):
    num_heads, d_head = of_trial(generator, (3, 8), (2, 6), (4, 10), (1, 12), (5, 4))
    return normal(generator, num_heads * d_head, num_heads * d_head), num_heads


# 3.5 ------------------------------------------------------------------------------------------------------------------
def repaired_scores(query, key):
    def turn(x, first):
        i = torch.arange(0, x.size(-1), 2, device=x.device)
        places = first + torch.arange(len(x), device=x.device)[:, None]
        angle = places * 10000.0 ** (-i / x.size(-1))
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1).flatten(-2)

    return turn(query, len(key) - len(query)) @ turn(key, 0).T


def _query_and_key(generator):
    T, S, d_head = of_trial(generator, (3, 8, 6), (1, 7, 8), (5, 5, 4), (2, 9, 10), (4, 6, 2))
    return normal(generator, T, d_head), normal(generator, S, d_head)


def _scores(first=None, together=False, exponent=1):
    """A variation of the reference: the place of the first query, one place for all queries, a doubled exponent."""
    def answer(query, key):
        def turn(x, places):
            angle = places[:, None] * 10000.0 ** (-exponent * torch.arange(0, x.size(-1), 2, device=x.device) / x.size(-1))
            a, b = x[..., 0::2], x[..., 1::2]
            return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1).flatten(-2)

        begin = len(key) - len(query) if first is None else first
        places = torch.arange(len(query), device=query.device) * (not together) + begin
        return turn(query, places) @ turn(key, torch.arange(len(key), device=key.device)).T
    return answer


EXERCISES = {
    "3.1": Exercise(
        title="the matrix that moves by some places",
        reference=shift_matrix,
        inputs=_offset_and_width,
        hints=("It is zero but for 2 × 2 blocks along the diagonal, one for each hand: rows and columns 2i and 2i + 1.",
               "Hand i turns by b = offset · 10000^(-2i / d_model). Row 2i must give sin(a + b), from entries sin a and cos a.",
               "The block is [[cos b, sin b], [-sin b, cos b]]."),
        mistakes=(
            Mistake(lambda offset, d_model: shift_matrix(offset, d_model).T,
                    "it turns the other way: that is the matrix for offset places *before*. Look at the sign of sin b"),
            Mistake(_both_positive, "both sines are positive; a rotation has one minus: the lower left entry of a block is -sin b"),
            Mistake(_as_halves, "right for the layout \"halves\"; here sin and cos of one hand are neighbours"),
            Mistake(_one_speed, "all hands turn equally fast: hand i has frequency 10000^(-2i / d_model)"),
            Mistake(_doubled_twice, "the hands slow down twice as fast as they should: is i counted in entries, and doubled again?"),
        )),
    "3.2": Exercise(
        title="the slowest hand's turn",
        reference=2 * math.pi * 10000 ** (510 / 512),
        tolerance=0.01,
        tell=lambda observed, expected, place: f"{observed:,.5g} is not right. The slowest hand is i = 255. hint(\"3.2\") helps",
        worked="Hand 255 turns by 10000^(-510/512) a place, so a turn of 2π takes 2π · 10000^(510/512) = 60,611 places.",
        hints=("512 entries are 256 hands, i = 0 to 255. By which angle does hand 255 turn from one place to the next?",
               "ω = 10000^(-510/512). A whole turn is 2π."),
        mistakes=(
            Mistake(2 * math.pi * 10000, "nearly: that would be hand 256. The last is i = 255, with exponent 510/512"),
            Mistake(10000 ** (510 / 512), "after so many places it has turned by 1 radian; a whole turn is 2π"),
            Mistake(10000, "after so many places it would have turned by about 1 radian; a whole turn is 2π"),
            Mistake(2 * math.pi * 10000 ** (255 / 512), "the exponent is 2i / d_model, with i = 255"),
            Mistake(2 * math.pi, "that is the *fastest* hand, i = 0"),
        )),
    "3.3": Exercise(
        title="rotary without complex numbers",
        reference=rotate_pairs,
        inputs=_rows_and_base,
        hints=("First the angles, (T, d_head / 2): place times frequency. Then all points at once: a = x[:, 0::2], b = x[:, 1::2].",
               "Two results of shape (T, d_head / 2) have to be dealt out again, one to the even entries, one to the odd.",
               "torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)"),
        mistakes=(
            Mistake(_by_halves, "you paired entry i with entry i + d_head / 2. That is the other layout; here partners are neighbours"),
            Mistake(lambda x, base: torch.cat(rotate_pairs(x, base).unflatten(-1, (-1, 2)).unbind(-1), dim=-1),
                    "turned rightly, and put together by halves: deal the results out again, one by one"),
            Mistake(_overwritten, "the first entry of a pair was changed before the second was computed from it: keep a and b"),
            Mistake(_from_one, "places count from 0: the first row stays as it is"),
            Mistake(_backwards, "it turns the other way: a·sin + b·cos belongs to the second entry, with a plus"),
            Mistake(lambda x, base: rotate_pairs(x, base=1), "all pairs turn equally fast: each has its own frequency, base^(-2i / d_head)"),
            Mistake(lambda x, base: rotate_pairs(x), "right for base 10000 only, which is a default: use `base`"),
        )),
    "3.4": Exercise(
        title="from one layout to the other",
        reference=to_halves,
        inputs=_weight_and_heads,
        hints=("Rows belong to the entries of the output. Cut them into heads first: weight.unflatten(0, (num_heads, -1)).",
               "Within a head, rows come in pairs: unflatten once more, to (H, d_head / 2, 2, d_model). Which axes change places?",
               "weight.unflatten(0, (num_heads, -1, 2)).transpose(1, 2).reshape(weight.shape)"),
        mistakes=(
            Mistake(lambda weight, num_heads: weight, "nothing was moved: rows 0 and 1 are partners as before"),
            Mistake(lambda weight, num_heads: to_halves(weight, 1),
                    "rows went from head to head: rearrange within each head"),
            Mistake(lambda weight, num_heads: weight.unflatten(0, (num_heads, 2, -1)).transpose(1, 2).reshape(weight.shape),
                    "that is the way back, from halves to interleaved"),
            Mistake(lambda weight, num_heads: to_halves(weight.T, num_heads).T,
                    "you rearranged columns. nn.Linear computes x @ weight.T: the *rows* make the entries of a query"),
        )),
    "3.5": Exercise(
        title="rotary for a cache, with two bugs",
        reference=repaired_scores,
        inputs=_query_and_key,
        hints=("Complaint one: at which place does `turn` see the second of the new words? And the third?",
               "Complaint two: with i = 0, 2, 4 …, what is the exponent of the last pair? It should be just above -1.",
               "Row p of the queries stands at place len(key) - len(query) + p; the exponent is -i / d_head when i steps by two."),
        mistakes=(
            Mistake(_scores(together=True, exponent=2), "both bugs are still there"),
            Mistake(_scores(exponent=2), "the places are right now. i already steps by two: 2 * i doubles the exponent twice"),
            Mistake(_scores(together=True), "the frequencies are right now. All new words still stand at the first one's place"),
            Mistake(_scores(first=0), "the queries restart at place 0: they are the *last* T of S places"),
            Mistake(lambda query, key: _scores()(query, key) / math.sqrt(query.size(1)), "right, but for the division: return the scores as they are"),
        )),
}
