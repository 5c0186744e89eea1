"""Interruptions of commands, wherever they come."""

import signal
import sys
import time

import pytest

from keras_seg_cli.interruption import Terminated, sigterm_raised

pytestmark = pytest.mark.tensorflow_only  # Nothing of Keras runs.


class Finalized:
    """An object during whose finalizer a signal comes."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)
        time.sleep(0.001)


@pytest.fixture
def interruptible():
    """Ctrl+C, which processes in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_finalizer_is_not_dropped(number, capsys, interruptible):
    hook, handler = sys.unraisablehook, signal.getsignal(signal.SIGTERM)
    kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
    with pytest.raises(kind) as found, sigterm_raised():
        one = Finalized(number)
        del one
        for _ in range(2000):
            time.sleep(0.001)
        pytest.fail("The signal was dropped.")
    assert found.type is kind
    assert capsys.readouterr().err == ""
    assert (sys.unraisablehook, signal.getsignal(signal.SIGTERM)) == (hook, handler)


def test_other_exceptions_of_finalizers_are_shown_as_ever(monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)

    class Failing:
        def __del__(self):
            raise OSError("of the finalizer")

    with sigterm_raised():
        one = Failing()
        del one
    assert [str(unraisable.exc_value) for unraisable in shown] == ["of the finalizer"]
