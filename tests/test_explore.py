"""Pictures and explorers outside a notebook: what is displayed, with which text, and how it answers to a control."""

import base64
import io
import time
import types

import ipywidgets
import pytest
from matplotlib.figure import Figure
from PIL import Image

from shared import explore as module
from shared.explore import explore, show


def draw(width=3, kind="line", dots=False):
    figure = Figure(figsize=(4, 2))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], linewidth=width, marker="o" if dots else None)
    axes.set_title(kind)
    return figure


@pytest.fixture
def screen(monkeypatch):
    """What would be on the screen: `shown`, a list of (data, metadata), and `updates` of the first display."""
    shown, updates = [], []

    def display(data, raw, metadata=None, display_id=None):
        assert raw
        shown.append((data, metadata))
        return types.SimpleNamespace(display_id="the picture") if display_id else None

    def update_display(data, raw, metadata, display_id):
        assert raw
        assert display_id == "the picture"
        updates.append((data, metadata))

    monkeypatch.setattr(module, "display", display)
    monkeypatch.setattr(module, "update_display", update_display)
    return types.SimpleNamespace(shown=shown, updates=updates)


@pytest.fixture
def widgets(monkeypatch):
    """The controls that `explore` makes, by name."""
    made, make = {}, module._control

    def kept(name, value):
        made[name] = make(name, value)
        return made[name]

    monkeypatch.setattr(module, "_control", kept)
    return made


def test_a_picture_is_a_png_with_a_text_alternative(screen):
    show(draw(), "a line that rises")
    [(data, metadata)] = screen.shown
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "[picture: a line that rises]"
    assert metadata == {"image/png": {"alt": "a line that rises"}}
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).format == "PNG"


def test_the_same_input_gives_the_same_bytes(screen):
    show(draw(), "a line")
    show(draw(), "a line")
    show(draw(width=4), "a line")
    first, second, other = (data["image/png"] for data, _ in screen.shown)
    assert first == second
    assert first != other


def test_the_picture_comes_first_and_needs_no_control(screen):
    explore(draw, "a line", width=(1, 9, 3), kind=["line", "curve"])
    show(draw(width=3, kind="line"), "a line")
    picture, controls, reference = screen.shown
    assert picture == reference
    assert controls[0]["text/plain"] == "[controls: width, kind – run this cell to use them]"
    assert controls[0]["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert screen.updates == []


def test_a_control_redraws_the_same_display(screen, widgets):
    explore(draw, "a line", width=(1, 9, 3), kind=["line", "curve"], dots=False)
    widgets["width"].value = 5
    widgets["kind"].value = "curve"
    widgets["dots"].value = True
    expected = [draw(5), draw(5, "curve"), draw(5, "curve", True)]
    assert screen.updates == [module._bundle(figure, "a line", small=False) for figure in expected]
    widgets["dots"].value = True                            # the same value again: nothing to draw
    assert len(screen.updates) == 3


def test_a_control_answers_in_time(screen, widgets):
    explore(draw, "a line", width=(1, 9, 3))
    seconds = []
    for value in (4, 5, 6):
        start = time.perf_counter()
        widgets["width"].value = value
        seconds.append(time.perf_counter() - start)
    assert len(screen.updates) == 3
    assert min(seconds) <= 0.3


@pytest.mark.parametrize(("spec", "kind", "value"), [
    ((1, 9, 3), ipywidgets.IntSlider, 3),
    ((0.0, 1.0, 0.5), ipywidgets.FloatSlider, 0.5),
    ((0, 1, 0.5), ipywidgets.FloatSlider, 0.5),
    ((1, 9, 9), ipywidgets.IntSlider, 9),
    (["a", "b"], ipywidgets.Dropdown, "a"),
    ([4, 8], ipywidgets.Dropdown, 4),
    (True, ipywidgets.Checkbox, True),
    ("some words", ipywidgets.Text, "some words"),
])
def test_every_kind_of_control(spec, kind, value):
    control = module._control("number_of_heads", spec)
    assert (type(control), control.value) == (kind, value)
    assert control.description == "number_of_heads"
    if isinstance(spec, tuple):
        assert (control.min, control.max) == spec[:2]
