"""What a notebook starts from: `start` sets it up, the other names are the helpers that a lesson's cells use."""

import logging

import torch

from . import claims, counts, datasets, figures, languages, pairs, properties, sketches
from .claims import claim
from .evidence import record, recorded
from .exercises import check, hint, solution
from .explore import explore, show
from .figures import attention_boxes
from .fit import fit
from .settings import device, fast_precision, generator, pick, seed

__all__ = ["attention_boxes", "check", "claim", "counts", "datasets", "device", "explore", "fast_precision", "figures", "fit",
           "generator", "hint", "languages", "pairs", "pick", "properties", "record", "recorded", "seed", "show", "sketches",
           "solution", "start"]


def start(lesson):
    """Set a lesson up: seed, device and plot style. `lesson` is its number, such as "01"."""
    claims.set_lesson(lesson)
    torch.manual_seed(seed())
    if device().type != "cpu":
        torch.set_default_device(device())
    figures.set_style()
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
