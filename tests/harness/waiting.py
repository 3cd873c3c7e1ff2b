"""Waiting for a condition, with a deadline. Nothing in the suites sleeps to synchronise."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.1


class Late(AssertionError):
    """The condition did not hold before its deadline."""


class Final(AssertionError):
    """No waiting mends this."""


def wait_for(condition: Callable[[], T], deadline_s: float, what: str, poll_s: float = POLL_S) -> T:
    """Returns the first true result of `condition`; an exception counts as not
    yet, unless it is final."""
    end = time.monotonic() + deadline_s
    while True:
        last: object
        try:
            result = condition()
            if result:
                return result
            last = result
        except Final:
            raise
        except Exception as error:  # whatever it is, it is part of the message
            last = error
        if time.monotonic() >= end:
            raise Late(f"{what}: not within {deadline_s} s; last: {last!r}")
        time.sleep(poll_s)
