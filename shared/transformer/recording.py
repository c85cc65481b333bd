"""What lets `record_attention` and `get_attention_maps` see the weights of a layer. Written by hand."""

import torch
from torch import nn


class RecordedAttention(nn.Module):
    """A layer with heads whose weights can be seen: `recorded` is a list while `record_attention` listens."""

    recorded = None

    def attend(self, query, key, value, mask, need_weights, is_causal=False):
        """`self.attention` of queries, keys and values (B, H, length, d_head) → output, and weights or None.

        The weights are computed, and kept, while somebody listens. What activation checkpointing computes a second
        time, within the backward pass, is not kept again.
        """
        if self.recorded is None:
            return self.attention(query, key, value, mask, need_weights, is_causal)
        output, weights = self.attention(query, key, value, mask, True, is_causal)
        if not _within_backward():
            self.recorded.append(weights.detach())
        return output, weights if need_weights else None

    def get_attention_maps(self, query, key=None, value=None, mask=None):
        """The weights of every head, (B, H, T, S); arguments as in `forward`; in training mode after dropout."""
        return self(query, key, value, mask, average_weights=False)[1]

    def __getstate__(self):
        return {**self.__dict__, "recorded": None}              # a copy does not listen


def _within_backward():
    task = getattr(torch._C, "_current_graph_task_id", None)    # PyTorch has no public name for it
    return task is not None and not torch.compiler.is_compiling() and task() != -1
