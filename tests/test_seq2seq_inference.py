"""What puts a model into eval() for a while leaves no trace."""

from properties_searches import evaluates

from shared.transformer import inference


def test_it_leaves_no_trace():
    evaluates(inference)
