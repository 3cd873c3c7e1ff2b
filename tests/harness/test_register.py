"""The oracle itself: what it accepts and what it must not."""

import time

import pytest

from .register import Register, Wrong
from .values import Value


def _value(sequence: int) -> Value:
    return Value(1, "k", sequence, 100)


def _now() -> float:
    return time.monotonic()


def _put(register: Register, name: str, acknowledge: bool = True):
    write = register.invoke(_value(int(name)), name)
    if acknowledge:
        register.acknowledge(write)
    return write


def test_a_new_key_is_absent() -> None:
    register = Register("k")
    assert register.observe(None, _now(), "read") is None
    with pytest.raises(Wrong):
        register.observe("1", _now(), "read")


def test_an_acknowledged_write_must_be_seen() -> None:
    register = Register("k")
    _put(register, "1")
    assert register.observe("1", _now(), "read") == _value(1)
    with pytest.raises(Wrong):
        register.observe(None, _now(), "read")


def test_an_overwritten_value_must_not_come_back() -> None:
    register = Register("k")
    _put(register, "1")
    _put(register, "2")
    with pytest.raises(Wrong):
        register.observe("1", _now(), "read")


def test_a_read_that_began_before_may_show_either() -> None:
    register = Register("k")
    _put(register, "1")
    began = _now()
    _put(register, "2")
    register.observe("1", began, "read")
    register.observe("2", began, "read")


def test_a_write_of_unknown_outcome_may_show_up_at_any_time() -> None:
    register = Register("k")
    _put(register, "1")
    _put(register, "2", acknowledge=False)
    register.observe("1", _now(), "read")
    _put(register, "3")
    register.observe("3", _now(), "read")
    register.observe("2", _now(), "read")


def test_once_seen_it_has_taken_effect() -> None:
    register = Register("k")
    _put(register, "1")
    _put(register, "2", acknowledge=False)
    register.observe("2", _now(), "read")
    with pytest.raises(Wrong):
        register.observe("1", _now(), "read")
    _put(register, "3")
    with pytest.raises(Wrong):
        register.observe("2", _now(), "read")


def test_a_delete_is_a_write() -> None:
    register = Register("k")
    _put(register, "1")
    register.acknowledge(register.invoke(None, None))
    assert register.observe(None, _now(), "read") is None
    with pytest.raises(Wrong):
        register.observe("1", _now(), "read")


def test_two_values_are_never_alike() -> None:
    bodies = {Value(1, key, sequence, 100).body() for key in ("a", "b") for sequence in range(50)}
    assert len(bodies) == 100 and all(len(body) == 100 for body in bodies)
