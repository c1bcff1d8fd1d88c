"""Signals that wait: handlers run at once, and what they raise is raised once, at the end of the block."""

import signal
import threading
import time

import pytest
from tileprop.kernels.interrupts import HeldSignals

# ruff: noqa: PT012, what is tested is when the block raises

pytestmark = [
    pytest.mark.plain,
    pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="the system sends no signals to itself"),
]


def send(number=signal.SIGINT):
    signal.pthread_kill(threading.main_thread().ident, number)
    time.sleep(0)  # a handler runs between two instructions


def test_an_interrupt_waits_for_the_end_of_the_block():
    steps = []
    with pytest.raises(KeyboardInterrupt):
        with HeldSignals():
            send()
            steps.append("after the signal")
        steps.append("after the block")
    assert steps == ["after the signal"]


def test_handlers_are_put_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with HeldSignals():
        assert signal.getsignal(signal.SIGINT) is not before[signal.SIGINT]
    with pytest.raises(ValueError, match="of the block"), HeldSignals():
        raise ValueError("of the block")
    assert {number: signal.getsignal(number) for number in before} == before


def test_the_block_is_told_each_time():
    told = []
    with pytest.raises(KeyboardInterrupt), HeldSignals(lambda: told.append(1)) as signals:
        send()
        send()
        assert not signals.impatient
    assert len(told) == 2


def test_a_second_interrupt_much_later_means_now(monkeypatch):
    monkeypatch.setattr("tileprop.kernels.interrupts.TOGETHER", 0.01)
    with pytest.raises(KeyboardInterrupt), HeldSignals() as signals:
        send()
        time.sleep(0.05)
        assert not signals.impatient
        send()
        assert signals.impatient


@pytest.mark.parametrize("error", [SystemExit, TimeoutError])
def test_whatever_a_handler_raises_is_kept(error):
    def handler(number, frame):
        raise error(f"by signal {number}")

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(error, match="by signal"), HeldSignals():
            send(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_raises_nothing_ends_nothing():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with HeldSignals(lambda: seen.append("told")):
            send(signal.SIGTERM)
            assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_outermost_block_answers():
    steps = []
    with pytest.raises(KeyboardInterrupt), HeldSignals():
        with HeldSignals():
            send()
        steps.append("after the inner block")
    assert steps == ["after the inner block"]


def test_other_threads_hold_nothing():
    handlers = []

    def hold():
        with HeldSignals():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]


@pytest.mark.parametrize("leaving", [False, True])
def test_a_signal_while_handlers_are_replaced_leaves_none_behind(monkeypatch, leaving):
    """The handler of SIGTERM raises when that of SIGINT is replaced already, or not yet put back."""

    def exit_now(number, frame):
        raise SystemExit

    replace, waiting = signal.signal, [not leaving]

    def replace_and_send(number, handler):
        replaced = replace(number, handler)
        first = signal.SIGINT if not leaving else signal.SIGTERM
        if waiting[0] and number == first:
            waiting[0] = False
            send(signal.SIGTERM)
        return replaced

    before = replace(signal.SIGTERM, exit_now)
    try:
        monkeypatch.setattr(signal, "signal", replace_and_send)
        with pytest.raises(SystemExit), HeldSignals():
            waiting[0] = True
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler  # left behind
        with pytest.raises(KeyboardInterrupt), HeldSignals():
            send()
        with pytest.raises(KeyboardInterrupt):
            send()
            time.sleep(1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        replace(signal.SIGTERM, before)
        replace(signal.SIGINT, signal.default_int_handler)
