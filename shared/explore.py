"""Pictures in a lesson: `show` displays one, `explore` displays one that answers to controls."""

import base64
import io

from IPython.display import display, update_display
from matplotlib.figure import Figure
from PIL import Image

from . import checks


def show(figure, alt=None):
    """Display a matplotlib `Figure` as a PNG with a text alternative (what a person who cannot see it should know).

    alt: by default what the function that drew the figure left in `figure.alt`.
    """
    data, metadata = _bundle(figure, getattr(figure, "alt", "") if alt is None else alt)
    display(data, raw=True, metadata=metadata)


def explore(draw, alt=None, **controls):
    """Show `draw(...)` as a picture, and below it one control for each argument; moving one redraws the picture.

    draw: a pure function of the controls' values that returns a matplotlib `Figure` (made with `Figure()`, not pyplot).
    controls: `name=(low, high, start)` a slider (whole numbers if all three are whole), `name=[a, b, c]` a choice
    (starting at the first), `name=True` a check box, `name="text"` a text field.   alt: as in `show`.
    The picture is there without any control being touched, so a printed or exported lesson shows it too.
    """
    from ipywidgets import HBox

    widgets = {name: _control(name, value) for name, value in controls.items()}

    def picture(small):
        return _bundle(draw(**{name: widget.value for name, widget in widgets.items()}), alt, small)

    data, metadata = picture(small=True)
    handle = display(data, raw=True, metadata=metadata, display_id=True)

    def redraw(_):
        data, metadata = picture(small=False)
        update_display(data, raw=True, metadata=metadata, display_id=handle.display_id)

    for widget in widgets.values():
        widget.observe(redraw, "value")
    box = HBox(list(widgets.values()), layout={"flex_flow": "row wrap"})
    view = box._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    text = f"[controls: {', '.join(widgets)} – run this cell to use them]"
    display({"text/plain": text, "application/vnd.jupyter.widget-view+json": view}, raw=True)


def _bundle(figure, alt, small=True):
    """What Jupyter displays, and its metadata. `small`: a third of the bytes for a file, not worth its time while live.

    What a trained model wrote, `figure.seen`, is in the metadata alone: for a screen reader, and not for tests to compare.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"a picture must be a matplotlib Figure, got {type(figure).__name__}")
    alt = getattr(figure, "alt", "") if alt is None else alt
    checks.kind("alt", alt, str)
    if not alt:
        raise ValueError("a picture needs a text alternative: alt must not be empty")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", pil_kwargs={"compress_level": 1})
    if small:
        picture = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        picture.save(buffer, "png", optimize=True)
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    seen = f"{alt} {getattr(figure, 'seen', '')}".strip()
    return {"image/png": png, "text/plain": f"[picture: {alt}]"}, {"image/png": {"alt": seen}}


def _control(name, value):
    import ipywidgets

    options = {"description": name, "style": {"description_width": "initial"}}
    if isinstance(value, bool):
        return ipywidgets.Checkbox(value=value, **options)
    if isinstance(value, str):
        return ipywidgets.Text(value=value, **options)
    if isinstance(value, list) and value:
        return ipywidgets.Dropdown(options=value, value=value[0], **options)
    if isinstance(value, tuple) and len(value) == 3:
        low, high, start = value
        if not all(type(number) in (int, float) for number in value):
            raise TypeError(f"control {name}: low, high and start must be numbers, got {value}")
        if not (low <= start <= high and low < high):
            raise ValueError(f"control {name}: start must lie between low and high, and low below high, got {value}")
        if all(isinstance(number, int) for number in value):
            return ipywidgets.IntSlider(min=low, max=high, value=start, **options)
        return ipywidgets.FloatSlider(min=low, max=high, value=start, step=(high - low) / 50, **options)
    raise TypeError(f"control {name} must be (low, high, start), a non-empty list, a bool or a text, got {value!r}")
