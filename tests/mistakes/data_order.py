"""Mistakes in the order of batches, above all where a run continues within an epoch."""

from . import Mistake

OWN = "        restore_random_states(own, self.generators)\n        _set_states"
SKIPPED = "itertools.islice(loader, done - 1)"

MISTAKES = (
    Mistake("epochs all the same", "epoch, done = epoch + 1, 0", "epoch, done = 0, 0"),
    Mistake("an empty epoch is passed over for ever", "            refuse.empty_epoch(epoch, done)\n", "            done or 1 / 0\n"),
    Mistake("the epoch shuffled anew", "        restore_random_states(start_here, self.generators)\n        loader", "        loader"),
    Mistake("the loader's generators not set back", '        _set_states(sources, start["sources"])\n', ""),
    Mistake("the loader's generators left behind", "        _set_states(sources, now)\n", ""),
    Mistake("a loader draws from training's randomness", OWN, "        _set_states"),
    Mistake("one batch skipped too few", SKIPPED, "itertools.islice(loader, max(0, done - 2))"),
    Mistake("batches not skipped", SKIPPED, "itertools.islice(loader, 0)"),
    Mistake("examples changed as at the start of the epoch", "        if last and last.before and", "        if False and"),
    Mistake("other batches not named", "fingerprint(last.sample) != fingerprint(sampled(batch))", "False"),
    Mistake("a missing end not named", "if skipped < done:", "if False:"),
    Mistake("a sample changes with its batch", "// SAMPLED + 1].clone()", "// SAMPLED + 1]"),
    Mistake("shapes alone compared", "return [str(batch.dtype), tuple(batch.shape), _spread(batch)]", "return [str(batch.dtype), tuple(batch.shape)]"),
    Mistake("texts not compared", "        return [batch]\n", "        return [type(batch).__name__]\n"),
    Mistake("sources not remembered in a checkpoint", "self.now if self.sources is None else [randomness.state_of(source) for source in self.sources]", "[]"),
    Mistake("what was drawn before a failed step forgotten", "collections.deque(maxlen=keep)", "collections.deque(maxlen=1)"),
)
