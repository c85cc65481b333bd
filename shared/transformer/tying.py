"""Parameters that are one tensor under several names, and stay so. Written by hand.

PyTorch unties them silently: `load_state_dict(assign=True)` gives each name a tensor of its own, and so does `to_empty` on a
model that was made on the meta device.
"""

from torch import nn

from . import refuse


class TiedModel(nn.Module):
    """A model with tied parameters, `tie("embedding.weight", "output.weight")`.

    They are tied again after loading, `to_empty` and everything that replaces parameters, unless somebody had untied them by
    hand. A state dict with two different tensors for tied names is refused, one with a single name fills the others.
    """

    def __init__(self):
        super().__init__()
        self._ties, self._to_tie = [], []
        self.register_load_state_dict_pre_hook(_before_loading)
        self.register_load_state_dict_post_hook(_after_loading)

    def tie(self, first, *others):
        """From now on the parameters named `others` are that named `first`."""
        self._ties.append((first, *others))
        self._share((first, *others))

    def is_tied(self):
        """Whether all parameters that were tied are still one tensor."""
        return all(map(self._are_one, self._ties))

    def _are_one(self, names):
        try:
            first, *others = map(self.get_parameter, names)
        except AttributeError:                                  # a part was replaced by one that has no such parameter
            return False
        return all(other is first for other in others)

    def _tied_now(self):
        return [names for names in self._ties if self._are_one(names)]

    def _share(self, names):
        first = self.get_parameter(names[0])
        for name in names[1:]:
            module, _, parameter = name.rpartition(".")
            setattr(self.get_submodule(module), parameter, first)

    def _apply(self, fn, recurse=True):
        tied = self._tied_now()
        super()._apply(fn, recurse)
        for names in tied:
            self._share(names)
        return self


def _before_loading(model, state_dict, prefix, *_):
    model._to_tie = model._tied_now()
    for names in model._to_tie:
        given = {prefix + name: state_dict[prefix + name] for name in names if prefix + name in state_dict}
        refuse.different_tied_tensors(given)
        for name in names if given else ():
            state_dict.setdefault(prefix + name, next(iter(given.values())))


def _after_loading(model, _):
    for names in model._to_tie:
        model._share(names)
