"""What lets `record_attention` listen to a layer. Written by hand."""

import torch
from torch import nn


class Recorded(nn.Module):
    """A module that can keep the attention weights that it computes: `recorded` is a list while somebody listens."""

    recorded = None

    @property
    def is_recorded(self):
        return self.recorded is not None

    def record(self, weights):
        """Keep `weights`, detached, if somebody listens.

        What activation checkpointing computes a second time, within the backward pass, is not kept again.
        """
        if self.recorded is not None and not _within_backward():
            self.recorded.append(weights.detach())

    def __getstate__(self):
        return {**self.__dict__, "recorded": None}              # a copy does not listen


def _within_backward():
    task = getattr(torch._C, "_current_graph_task_id", None)    # PyTorch has no public name for it
    return task is not None and not torch.compiler.is_compiling() and task() != -1
