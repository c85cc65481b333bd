"""What a computation costs is counted right."""

import pytest
import torch

from shared import counts


def test_flops_of_a_matrix_product_are_two_for_each_multiplication():
    assert counts.flops(torch.matmul, torch.zeros(3, 4), torch.zeros(4, 5)) == 2 * 3 * 4 * 5
    assert counts.flops(torch.add, torch.zeros(3), torch.zeros(3)) == 0


def test_the_longest_chain_grows_with_every_step_that_must_wait():
    x = torch.ones(3, requires_grad=True)

    def chain(steps):
        y = x
        for _ in range(steps):
            y = torch.tanh(y)
        return counts.longest_chain(y)

    assert chain(7) - chain(3) == 4
    assert chain(3000) - chain(1000) == 2000                        # no recursion limit


def test_what_runs_side_by_side_does_not_add_up():
    x = torch.ones(3, requires_grad=True)
    one, two = torch.tanh(x), torch.tanh(torch.tanh(x))
    assert counts.longest_chain(one + two) == counts.longest_chain(two) + 1
    assert counts.longest_chain(sum(torch.tanh(x) for _ in range(2))) == counts.longest_chain(one) + 2     # 0 + a, + b


def test_a_chain_without_gradients_is_refused():
    with pytest.raises(ValueError, match="requires_grad"):
        counts.longest_chain(torch.ones(3).tanh())


def test_kept_tensors_are_counted_once_each():
    x = torch.ones(10, 10, requires_grad=True)
    assert counts.kept_for_backward(torch.tanh, x) == 100           # its result
    assert counts.kept_for_backward(torch.mul, x, x) == 100         # x, for both sides
    assert counts.kept_for_backward(torch.add, x, x) == 0
    assert counts.kept_for_backward(lambda y: y.tanh().exp(), x) == 200
