"""How the tests look at errors: not only that there is one, but that it says what was given and what is allowed."""

import pytest


def refused(error, message, call):
    """`call` raises `error` whose text contains every part of `message`; parts are joined by " … "."""
    with pytest.raises(error) as caught:
        call()
    for part in message.split(" … "):
        assert part in str(caught.value)
