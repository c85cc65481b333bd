"""Known mistakes, those of published code and their like, each as a small patch of an exported part.

One module a part, each with MISTAKES. `python -m tests.mutants` plants them one at a time and names the tests that catch each.
"""

import dataclasses
import importlib
import pkgutil


@dataclasses.dataclass(frozen=True)
class Mistake:
    """`before`, which stands in the part exactly once, becomes `after`. exercise: the one that knows the same mistake."""

    name: str
    before: str
    after: str
    exercise: str = ""

    def plant(self, source):
        """The source with the mistake. Raises ValueError where `before` does not stand exactly once."""
        if source.count(self.before) != 1:
            raise ValueError(f"{self.name}: {self.before!r} stands {source.count(self.before)} times in the part, not once")
        return source.replace(self.before, self.after)


def all_mistakes():
    """Name of the part, such as "attention" → its mistakes."""
    parts = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {part: importlib.import_module(f"{__name__}.{part}").MISTAKES for part in parts}
