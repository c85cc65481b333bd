"""Pictures show what they are given, in the course's one visual language."""

import io

import pytest
import torch
from matplotlib.figure import Figure

from shared import figures, sketches

TOKENS = ["the", "cat", "slept"]
WEIGHTS = torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.001, 0.5, 0.499]], requires_grad=True)
KEYS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]])


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


@pytest.mark.parametrize("draw", [
    lambda: figures.attention_map(WEIGHTS, TOKENS, title="found"),
    lambda: figures.attention_maps({"one": WEIGHTS, "two": WEIGHTS}, TOKENS, title="found"),
    lambda: figures.matrices([("q", KEYS, "query", TOKENS, ["a", "b"]), "·", ("row", KEYS[0], "score")], title="found"),
    lambda: figures.bars({"one": WEIGHTS[0]}, TOKENS, title="found"),
    lambda: figures.curves([1, 2, 4], {"one": [1, 2, 3], "two": ([1, 2, 3], [0, 1, 2], [2, 3, 4])}, title="found"),
    lambda: figures.masks({"causal": WEIGHTS > 0}, TOKENS, title="found"),
    lambda: figures.dots({"a": {"one": [1, 2]}, "b": {"one": 3}}, {"a": {"one": 1.5}}, {"floor": 2}, "found", bars=True, sharex=False),
    lambda: figures.attention_maps({"one": WEIGHTS, "two": WEIGHTS, "three": WEIGHTS}, TOKENS, title="found", columns=2),
    lambda: sketches.split_and_merge(8, 2, TOKENS, "found"),
    lambda: sketches.query_among_keys(KEYS[0], KEYS, TOKENS, WEIGHTS[1], "found"),
    lambda: sketches.paths(TOKENS, "found"),
    lambda: sketches.pre_and_post("found"),
])
def test_every_picture_is_a_figure_with_its_title(draw):
    figure = draw()
    figure.savefig(io.BytesIO())
    assert isinstance(figure, Figure)
    assert "found" in texts(figure)


def test_an_attention_map_has_the_scale_0_to_1_and_leaves_exact_zeros_blank():
    figure = figures.attention_map(WEIGHTS, TOKENS)
    (mesh,) = figure.axes[0].collections
    assert mesh.get_clim() == (0, 1)
    numbers = [text for text in texts(figure) if text[0].isdigit()]
    assert numbers == ["1.00", "0.25", "0.75", "0.00", "0.50", "0.50"]      # 0.001 is shown as 0.00, the three 0 not at all
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == TOKENS


def test_numbers_of_a_map_are_white_on_dark_squares_only():
    figure = figures.attention_map(WEIGHTS, TOKENS)
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours == {"1.00": "white", "0.75": "white", "0.50": figures.INK, "0.25": figures.INK, "0.00": figures.INK, "": figures.INK}


def test_maps_in_two_columns_name_their_axes_at_the_edges_only():
    figure = figures.attention_maps(dict.fromkeys("abcd", WEIGHTS), TOKENS, columns=2)
    assert [bool(ax.get_ylabel()) for ax in figure.axes] == [True, False, True, False]
    assert [bool(ax.get_xlabel()) for ax in figure.axes] == [False, False, True, True]


@pytest.mark.parametrize("weights", [WEIGHTS[:2], WEIGHTS[:, :2], WEIGHTS[None]])
def test_a_map_that_does_not_fit_its_names_is_refused(weights):
    with pytest.raises(ValueError, match="do not fit 3 targets and 3 sources"):
        figures.attention_map(weights, TOKENS)


def test_queries_keys_and_values_have_colours_of_their_own():
    colours = [figures.QUERY, figures.KEY, figures.VALUE, figures.WRONG, figures.OTHER, figures.WEIGHT, figures.INK]
    assert len(set(colours)) == len(colours)


def test_names_of_curves_that_end_together_are_kept_apart():
    figure = figures.curves([1, 2], {"one": [0.0, 1.0], "two": [1.0, 1.0], "three": [2.0, 1.001]})
    figure.savefig(io.BytesIO())
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in figure.axes[0].texts)
    assert all(upper <= lower for (_, upper), (lower, _) in zip(boxes, boxes[1:]))


def test_floors_marks_and_live_points_are_drawn_and_named():
    figure = figures.curves([1, 2], {"one": ([1, 2], [0, 1], [2, 3])}, floors={"entropy": 0.5}, marks={"here": 1.5},
                            live={"one": [1.5, 2.5]}, log="x")
    assert {"entropy", "here", "one"} <= set(texts(figure))
    assert [list(line.get_ydata()) for line in figure.axes[0].lines if line.get_marker() == "o"] == [[1.5, 2.5]]


@pytest.mark.parametrize("value", [torch.ones(2, dtype=torch.bfloat16), torch.ones(2, requires_grad=True), [1, 2],
                                   torch.tensor([True, False])])
def test_anything_with_numbers_can_be_drawn(value):
    assert figures.array(value).shape == (2,)
