"""Mistakes in the states of sources of random numbers, and in finding them."""

from . import Mistake

MISTAKES = (
    Mistake("states of NumPy's sources kept as arrays", 'return state.tolist() if hasattr(state, "tolist") else state', "return state"),
    Mistake("a generator function not looked into", "if inspect.isgenerator(thing):", "if False:"),
    Mistake("map not looked into", "if isinstance(thing, (map, filter, zip, enumerate)):", "if False:"),
    Mistake("NumPy's generators not found", 'return type(thing).__module__.startswith("numpy.random")', 'return type(thing).__module__.startswith("random")'),
    Mistake("Python's generators not found", "if isinstance(thing, (torch.Generator, random.Random)):\n        return True", "if isinstance(thing, torch.Generator):\n        return True"),
    Mistake("only the loader itself looked at", "elif depth < DEEP:", "elif depth < 1:"),
    Mistake("state of PyTorch's generators not set", "        source.set_state(state)\n    elif isinstance", "        source.manual_seed(0)\n    elif isinstance"),
    Mistake("state of Python's generators not set", "        source.setstate(state)", "        source.seed(0)"),
    Mistake("state of NumPy's generators not set", "        source.bit_generator.state = state", "        pass"),
    Mistake("NumPy's own source not set", "        numpy.random.set_state(state)", "        pass"),
)
