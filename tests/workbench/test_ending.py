"""A signal is raised in the main thread once; one that is ignored stays so, and all are as before at the end."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from chaos.workbench.ending import Signalled, heeded


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_raised_and_later_ones_change_nothing(number: signal.Signals) -> None:
    # whoever runs the tests in the background has the signal ignored
    inherited = signal.signal(number, signal.SIG_DFL)
    cleaned: list[bool] = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            cleaned.append(True)

    try:
        with pytest.raises(Signalled) as raised, heeded():
            work()
        after = signal.getsignal(number)
    finally:
        signal.signal(number, inherited)

    assert raised.value.number == number
    assert str(raised.value) == number.name
    assert cleaned
    assert after == signal.SIG_DFL
    assert not isinstance(raised.value, Exception)


def test_one_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeded():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_hears_none() -> None:
    found: list[object] = []

    def elsewhere() -> None:
        with heeded():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert found == [before]
