"""Mistakes among processes that train together."""

from . import Mistake

MISTAKES = (
    Mistake("all processes take the same batches", "itertools.islice(batches, rank(), None, world())", "itertools.islice(batches, 0, None, world())"),
    Mistake("each process takes all batches", "itertools.islice(batches, rank(), None, world())", "iter(batches)"),
    Mistake("sums of one process alone", "    dist.all_reduce(numbers)\n", ""),
    Mistake("states of one process for all", "        dist.all_gather_object(things, thing)\n", "        pass\n"),
    Mistake("each decides by itself", "        dist.broadcast_object_list(things)\n", "        pass\n"),
    Mistake("gradients stay in their process", "return torch.nn.parallel.DistributedDataParallel(model) if world() > 1 else model", "return model"),
    Mistake("not compiled", "model = torch.compile(model) if compile else model", "model = model"),
    Mistake("the last gradients stay in their process", "if last or world() == 1 else", "if not last or world() == 1 else"),
)
