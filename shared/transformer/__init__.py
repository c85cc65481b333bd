"""What the lessons build, generated from the notebooks by `make export`: it imports torch and itself only."""
from .attention import *  # noqa: F403
from .multi_head import *  # noqa: F403
from .positions import *  # noqa: F403
from .blocks import *  # noqa: F403
from .encoder import *  # noqa: F403
from .decoder import *  # noqa: F403
from .seq2seq import *  # noqa: F403
from .tokenizers import *  # noqa: F403
from .training import *  # noqa: F403
