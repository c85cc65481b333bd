"""The batches of a run, epoch by epoch, and what decides their order, so that a resumed run sees the same ones.

Written by hand. A loader that shuffles draws from some source of random numbers when its epoch begins: PyTorch's own,
or a generator that it holds. So the states of all sources are kept as they were at that moment. To continue within an
epoch they are set back, the batches that are done are drawn once more and dropped, and then all sources continue from
where training was. A fingerprint of the last batch tells whether the batches are the same.
"""

import collections
import dataclasses
import itertools
import warnings
import zlib

import torch

from . import processes, randomness, refuse
from .checkpointing import random_states, restore_random_states

END = object()
SAMPLED = 256                           # numbers of a tensor that its fingerprint is made of


@dataclasses.dataclass
class Drawn:
    """One batch that was drawn: all that is needed to draw the ones after it."""

    progress: tuple                     # epoch, batches of it that are drawn by then
    start: dict                         # random states when the epoch began, with those of the loader's own sources
    sources: list | None                # the loader's own sources; None in what was read from a checkpoint
    before: dict | None                 # random states before this batch was drawn; None if it is the first one
    sample: list | int | None           # some numbers of the batch, or their fingerprint; None without checkpoints
    now: list = dataclasses.field(default_factory=list)                     # the sources' states in the checkpoint

    def state_dict(self):
        """What a checkpoint keeps."""
        return {"progress": self.progress, "start": self.start, "before": self.before, "sources": self.states_now(),
                "fingerprint": fingerprint(self.sample)}

    def states_now(self):
        """The states of the loader's own sources: of now, or of when the checkpoint was made."""
        return self.now if self.sources is None else [randomness.state_of(source) for source in self.sources]


class DataOrder:
    """Draws batches, and remembers of the last ones what `Drawn` holds.

    keep: how many of them.   watched: whether there will be checkpoints, so that fingerprints are needed.
    """

    def __init__(self, generators, keep, watched):
        self.generators, self.watched = generators, watched
        self.drawn = collections.deque(maxlen=keep)

    def stream(self, batches, progress):
        """Batches without end, after `progress`: pairs of (epoch, batches of it drawn by then) and a batch."""
        epoch, done = progress
        while True:
            loader, start, sources = self._again(batches, epoch, done) if done else self._begun(batches, epoch)
            while True:
                before = random_states([*self.generators, *sources]) if self.watched and done else None
                batch = next(loader, END)
                if batch is END:
                    break
                done += 1
                sample = sampled(batch) if self.watched else None
                self.drawn.append(Drawn((epoch, done), start, sources, before, sample))
                yield (epoch, done), batch
            refuse.empty_epoch(epoch, done)
            epoch, done = epoch + 1, 0

    def last(self, progress):
        """What is known of the batch that was drawn last at `progress`; None if nothing is."""
        return next((drawn for drawn in self.drawn if drawn.progress == tuple(progress)), None)

    def state_dict(self, progress):
        """What a checkpoint keeps; None before the first batch."""
        drawn = self.last(progress)
        return None if drawn is None else drawn.state_dict()

    def load_state_dict(self, state):
        """Continue from there. state: None if nothing is known of the batches, as in checkpoints of older versions."""
        self.drawn.clear()
        if state is not None:
            self.drawn.append(Drawn(tuple(state["progress"]), state["start"], None, state["before"],
                                    state["fingerprint"], state["sources"]))

    def _begun(self, batches, epoch):
        """A new epoch: its iterator, the random states before it was made, and the loader's own sources.

        Several processes begin with the states of the first one, or each would shuffle in its own way.
        """
        together = processes.world() > 1
        own = random_states(self.generators) if together else None
        start = processes.of_first(own if together else random_states(self.generators))
        if together:
            restore_random_states(start | {"cuda": []}, self.generators)
        loader = batches(epoch)
        sources = self._sources_of(loader)
        start |= {"sources": [randomness.state_of(source) for source in sources], "workers": _has_workers(loader)}
        loader = iter(loader)
        if together:
            loader = self._same_everywhere(loader, epoch)
            if processes.rank() > 0:
                restore_random_states(own, self.generators)
        return loader, start, sources

    def _same_everywhere(self, loader, epoch):
        """The iterator, after a look at its first batch: a loader shuffles when that is drawn."""
        first = next(loader, END)
        prints = processes.gathered(None if first is END else fingerprint(sampled(first)))
        if len(set(prints)) > 1 and processes.rank() == 0:
            warnings.warn(f"batches({epoch}) gives other batches in each process, of which each takes its share only: "
                          "some will be used twice, others never", stacklevel=2)
        return itertools.chain([] if first is END else [first], loader)

    def _again(self, batches, epoch, done):
        """An epoch of which `done` batches are used already, as `_begun` and the loop after it had left it."""
        last, own = self.last((epoch, done)), random_states(self.generators)
        start, now = (last.start, last.states_now()) if last else (own | {"sources": []}, [])
        # the states when the epoch began, in which the loader shuffles
        start_here = start | {"cuda": start["cuda"] if processes.world() == 1 else []}
        restore_random_states(start_here, self.generators)
        loader = batches(epoch)
        if start.get("workers", _has_workers(loader)) != _has_workers(loader):
            _change_workers(loader)
            restore_random_states(start_here, self.generators)
        sources = self._sources_of(loader)
        _set_states(sources, start["sources"])
        loader = iter(loader)
        # the batches that are done; the last one in the states in which it was drawn
        skipped = sum(1 for _ in itertools.islice(loader, done - 1))
        if last and last.before and len(last.before["generators"]) == len(self.generators) + len(sources):
            restore_random_states(last.before, [*self.generators, *sources])
        batch = next(loader, END)
        _compare(epoch, done, skipped + (batch is not END), last, batch)
        # the states of now
        restore_random_states(own, self.generators)
        _set_states(sources, now)
        if last:
            last.sources = sources                                          # one that was read had none
        return loader, start, sources

    def _sources_of(self, loader):
        """The loader's own sources, without those that are kept anyway."""
        kept = {id(source) for source in self.generators}
        return [source for source in randomness.sources_in(loader) if id(source) not in kept]


def _has_workers(loader):
    """Whether a DataLoader has persistent workers already: it then begins an epoch without drawing a seed for them."""
    return getattr(loader, "persistent_workers", False) is True and getattr(loader, "_iterator", None) is not None


def _change_workers(loader):
    """Start a DataLoader's persistent workers, or end them, so that the next epoch begins as it had begun."""
    if _has_workers(loader):
        loader._iterator = None
    elif getattr(loader, "persistent_workers", False) is True:
        iter(loader)


def _set_states(sources, states):
    """Set the sources back, if they are as many as the states; if they are others, the fingerprint shows it."""
    if len(sources) == len(states):
        for source, state in zip(sources, states):
            try:
                randomness.set_state(source, state)
            except (TypeError, ValueError, RuntimeError):
                continue


def _compare(epoch, done, skipped, last, batch):
    """Warn if the batches up to here are not those that the run had seen."""
    if processes.rank() > 0:                                   # augmented by each process in its own way
        return
    if skipped < done:
        warnings.warn(f"batches({epoch}) gives {skipped} batches, fewer than the {done} that were used before the run "
                      "was interrupted: training continues with the next epoch", stacklevel=2)
    elif last and last.sample is not None and fingerprint(last.sample) != fingerprint(sampled(batch)):
        warnings.warn(f"batches({epoch}) gives other batches than before the run was interrupted: its batch {done} "
                      "differs, so that some examples may be used twice in this epoch, others not at all", stacklevel=2)


# ---- Fingerprints


def sampled(batch, depth=0):
    """Some numbers of a batch, evenly spread over each of its tensors; a list that does not change with the batch."""
    if isinstance(batch, torch.Tensor):
        return [str(batch.dtype), tuple(batch.shape), _spread(batch)]
    if isinstance(batch, (str, bytes, int, float, type(None))):
        return [batch]
    if hasattr(batch, "dtype") and hasattr(batch, "ravel"):                 # an array of NumPy
        numbers = batch.ravel()
        return [str(batch.dtype), tuple(batch.shape), numbers[::len(numbers) // SAMPLED + 1].tolist()]
    if isinstance(batch, (list, tuple)):
        parts = batch
    else:
        parts = itertools.chain(*(batch if isinstance(batch, dict) else getattr(batch, "__dict__", {})).items())
    name = [type(batch).__name__]
    return name if depth == 5 else name + [sampled(part, depth + 1) for part in itertools.islice(parts, SAMPLED)]


def _spread(tensor):
    """Some of its numbers, as a copy on its own device, which need not wait for it."""
    try:
        tensor = tensor.detach()
        while not tensor.is_contiguous() and tensor.numel() > 2 ** 16 and len(tensor):
            tensor = tensor[0]                                              # a whole copy would take its time
        tensor = tensor.reshape(-1)
        return tensor[::tensor.numel() // SAMPLED + 1].clone()
    except RuntimeError:                                                    # sparse, nested
        return None


def fingerprint(sample):
    """The checksum of a sample, itself for a checksum."""
    return sample if isinstance(sample, int) else zlib.crc32(repr(_listed(sample)).encode("utf-8", "surrogatepass"))


def _listed(sample):
    if isinstance(sample, torch.Tensor):
        return sample.tolist()
    return [_listed(part) for part in sample] if isinstance(sample, list) else sample
