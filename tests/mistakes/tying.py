"""Mistakes in what keeps parameters one tensor."""

from . import Mistake

MISTAKES = (
    Mistake("tied once, and not after loading", "        model._share(names)\n", "        pass\n"),
    Mistake("not tied again by what replaces parameters", "        for names in tied:\n            self._share(names)\n", ""),
    Mistake("what was untied by hand is tied again", "if self._are_one(names)]", "]"),
    Mistake("different tensors load silently", "        refuse.different_tied_tensors(given)\n", ""),
    Mistake("a name that is missing is not filled", "for name in names if given else ():", "for name in ():"),
    Mistake("the first of the others alone is tied", "for name in names[1:]:", "for name in names[1:2]:"),
    Mistake("equal is not one", "all(other is first for other in others)", "all(other.equal(first) for other in others)"),
    Mistake("names without the prefix", "{prefix + name: state_dict[prefix + name] for name in names if prefix + name in state_dict}",
            "{name: state_dict[name] for name in names if name in state_dict}"),
)
