"""Every picture of the course: drawn from numbers as lessons have them; and from odd ones drawn, or refused by ValueError."""

import contextlib
import math
import warnings

import numpy
import pytest
import torch
from fuzzing import public
from hypothesis import HealthCheck, given, settings, strategies
from matplotlib.figure import Figure

from shared import alignments, figures, languages, sketches, text_figures, training_figures, writing
from shared.figures import attention_boxes, generation

MODULES = (alignments, attention_boxes, figures, generation, sketches, text_figures, training_figures, writing)
NO_PICTURES = {"array", "new", "set_style", "steps_of", "marked", "with_key", "smoothed", "kinds_of_words", "Diagram"}      # see tests/test_figures.py
ODD = [math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-30, 1e30]
WORDS = ["the", "cat", "slept"]
STEPS = [[(("a",), -0.1, "open"), (("b",), -2.5, "dropped")], [(("a", "."), -0.3, "ended"), (("a", "b"), -1.5, "open")]]
STORIES = languages.load("stories")
MASK = torch.ones(3, 3, dtype=torch.bool).tril()
PICTURES = {                    # n(*shape) gives numbers between 0 and 1
    "alignments.links": lambda n: alignments.links([(["forty", "two"], ["zwei", "und", "vierzig"], [(0, 2), (1, 0)])] * 2),
    "alignments.whole": lambda n: alignments.whole(lessons=True),
    "alignments.three_masks": lambda n: alignments.three_masks({"own": (MASK, WORDS, WORDS), "memory": (MASK[:1], WORDS, WORDS)}),
    "alignments.written": lambda n: alignments.written({"one": (n(2, 3), "ab", WORDS), "two": (n(2, 3), "ab", WORDS)}),
    "alignments.paired": lambda n: alignments.paired(WORDS, "abcd", n(4, 3)),
    "alignments.tree": lambda n: alignments.tree(STEPS + [[(("a", "b", "c"), float(n(1)), "open")]], most=2),
    "alignments.overlap": lambda n: alignments.overlap(["the", "the", "cat"], WORDS),
    "alignments.kinds": lambda n: alignments.kinds({"trained": {"right": float(n(1)), "wrong": 0.3}, "new": {"wrong": 0.5}}),
    "figures.attention_boxes.who_purred": lambda n: attention_boxes.who_purred(),
    "figures.attention_boxes.layer": lambda n: attention_boxes.layer(("scale",)),
    "figures.attention_map": lambda n: figures.attention_map(n(3, 3), WORDS),
    "figures.attention_maps": lambda n: figures.attention_maps({"one": n(3, 3), "two": n(3, 3)}, WORDS, columns=1),
    "figures.matrices": lambda n: figures.matrices([("q", n(2, 2), "query", ["a", "b"], ["c", "d"]), "·", ("row", -n(2), "score")]),
    "figures.bars": lambda n: figures.bars({"one": n(3), "two": n(3)}, WORDS, even=float(n(1))),
    "figures.curves": lambda n: figures.curves([1, 2, 4], {"one": n(3), "two": (n(3), n(3), n(3))}, floors={"floor": float(n(1))}, log="x"),
    "figures.dots": lambda n: figures.dots({"a": {"one": n(2), "two": n(1)}}, {"a": {"one": float(n(1))}}, {"floor": 0.1}, bars=True),
    "figures.masks": lambda n: figures.masks({"causal": MASK, "none": n(3, 3) > 0.5}, WORDS),
    "figures.generation.may_follow": lambda n: generation.may_follow(STORIES, "kim found a big cake .", (2, 4)),
    "figures.generation.first_stories": lambda n: generation.first_stories({"one": "kim found a big kite . end eve"}, STORIES, "title"),
    "figures.generation.shifted": lambda n: generation.shifted("kim found a big", n(3).clamp(1e-9, 1).nan_to_num(0.5).tolist()),
    "figures.generation.descent": lambda n: generation.descent(n(20).tolist(), STORIES),
    "figures.generation.plateaus": lambda n: generation.plateaus({"names": n(9), "things": n(9), "the rest": n(9)}),
    "figures.generation.below_the_floor": lambda n: generation.below_the_floor({"one": n(9), "two": n(9), "three": n(5)}, 0.6),
    "figures.generation.knobs": lambda n: generation.knobs(n(3), {"k = 2": n(3), "p": n(3)}, WORDS, "title"),
    "figures.generation.pages": lambda n: generation.pages({"one": "ROMEO:\nWhat light\n" * 9, "two": ""}, "title"),
    "sketches.query_among_keys": lambda n: sketches.query_among_keys(n(2), n(3, 2), WORDS, n(3)),
    "sketches.paths": lambda n: sketches.paths(WORDS),
    "sketches.split_and_merge": lambda n: sketches.split_and_merge(8, 2, WORDS),
    "sketches.clock_hands": lambda n: sketches.clock_hands(n(3, 4)),
    "sketches.encodings": lambda n: sketches.encodings({"one": n(6, 4), "two": n(6, 4)}),
    "sketches.turned_pairs": lambda n: sketches.turned_pairs((1.0, 0.0), tuple(n(2).tolist()), [(0, 1), (2, 3)], float(n(1))),
    "sketches.pre_and_post": lambda n: sketches.pre_and_post(),
    "text_figures.labelled": lambda n: text_figures.labelled([[("may", "B-date", "O"), ("sleeps", "O")], [("x", "B-other")]], notes=["one", "two"]),
    "text_figures.guesses": lambda n: text_figures.guesses(WORDS, n(3), n(3)),
    "text_figures.against_ceilings": lambda n: text_figures.against_ceilings(WORDS, n(3), n(3)),
    "text_figures.influence_maps": lambda n: text_figures.influence_maps({"one": n(3, 3), "two": n(3, 3)}, WORDS),
    "text_figures.shares": lambda n: text_figures.shares({"all": {"model": n(3), "best": n(1)}, "new": {"model": n(1)}}),
    "text_figures.losses": lambda n: text_figures.losses({"a": float(n(1)), "b": 0.2}, {"a": 0.5, "b": 0.7}, 0.4),
    "training_figures.pieces": lambda n: training_figures.pieces({"bytes": ["a", "b", " c"], "pieces": ["ab", " c"]}),
    "training_figures.batches": lambda n: training_figures.batches({"drawn": [[(3, 4), (1, 2)], [(2, 2)]], "sorted": [[(3, 3)]]}, ("German", "English")),
    "training_figures.formats": lambda n: training_figures.formats({"half": (abs(float(n(1))), 6e4, 1e-3)}, marks={"a gradient": 1e-8}),
    "training_figures.runs": lambda n: training_figures.runs([1, 2, 3], {"one": n(3), "two": n(2)}, floors={"floor": 0.1}, dashed=("two",)),
    "training_figures.stacked": lambda n: training_figures.stacked({"one": {"read": float(n(1)), "write": 2.0}, "two": {"read": 1.0}}),
    "writing.next_words": lambda n: writing.next_words({"one": n(3), "two": n(3)}, WORDS, model={"one": n(3), "two": n(3)}),
    "writing.lines": lambda n: writing.lines({"one": WORDS * 9}, columns=40, impossible={"one": [True, False, False] * 9}, shade={"one": n(27)}),
    "writing.cache": lambda n: writing.cache(WORDS, 1, 2),
    "writing.reading": lambda n: writing.reading(WORDS * 9, n(27), n(3), WORDS),
    "writing.exchange": lambda n: writing.exchange({"temperature": {"0.5": (0.5, 1.0), "1": (float(n(1)), 2.0)}, "top-k": {"3": (0.9, 0.5)}}, 1.5),
}


def numbers(*shape):
    """Different numbers above 0 and below 1."""
    size = math.prod(shape)
    return torch.arange(1, size + 1).reshape(shape) / (size + 1)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_can_be_shown(name):
    figure = PICTURES[name](numbers)
    figure.set_dpi(40)
    figure.canvas.draw()
    assert isinstance(figure, Figure) and figure.axes and any(ax.get_children() for ax in figure.axes)


@pytest.mark.parametrize("name", PICTURES)
@settings(max_examples=7, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(odd=strategies.sampled_from(ODD))
def test_of_odd_numbers_there_is_a_picture_or_a_clear_error(name, odd):
    def with_odd(*shape):
        found = numbers(*shape)
        found.view(-1)[0] = odd
        return found

    with warnings.catch_warnings(action="ignore"), contextlib.suppress(ValueError):
        assert isinstance(PICTURES[name](with_odd), Figure)


def test_every_function_that_draws_is_here():
    drawing = {f"{module.__name__.removeprefix('shared.')}.{name}" for module in MODULES for name in public(module) if name not in NO_PICTURES}
    assert set(PICTURES) == drawing


def test_a_searchs_steps_are_those_of_a_tree():
    class Step:
        ids, log_probs = torch.tensor([[[0], [1]]]), torch.tensor([[-0.5, -1.5]])
        ended, open = torch.tensor([[False, True]]), torch.tensor([[True, False]])

    assert alignments.steps_of([Step], "ab") == [[(("a",), -0.5, "open"), (("b",), -1.5, "ended")]]
    looked_at = [("a", -0.5), ("b", -1.5), ("c", -2.5)]
    assert alignments.marked([(looked_at, looked_at[1:2], looked_at[:1])]) == [
        [("a", -0.5, "open"), ("b", -1.5, "ended"), ("c", -2.5, "dropped")]]


def test_a_key_is_added_below():
    figure = text_figures.with_key(figures.dots({"a": {"one": numpy.array([0.1, 0.2])}}, bars=True))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean of the seeds", "a recorded seed", "this run"]
