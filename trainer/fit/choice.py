"""Which number of threads is the fastest: measured while they train, since no number changes a bit of the result."""

from __future__ import annotations

from ...kernels import Plan

# Of a first trial, which finds the numbers that are much slower, and of those that decide: a number must win one of them
# clearly, or two, as the machine's speed may change between two trials. Where several threads begin together, the system
# loses 0.7 ms at the median: too much of a short trial to decide by.
TRIAL, DECISION = 5e-3, 20e-3  # seconds
START = 0.7e-3  # seconds
# For so long after threads have been woken, the system, or that which the machine is a part of, may have two of them on one
# processor. This is not measured.
WAKING = 5e-3  # seconds
# After a first trial in which more threads took up to so many times as long for a row, they are given the longer ones; and
# fewer threads, which are awake, so that a short trial says more of them.
MORE_PROMISING, FEWER_PROMISING = 1.4, 1.15
STEPS = 2
# A call ends after a step, so that it may be a little shorter.
ENOUGH = 0.75
# A trial is worth it where the time that trials lose is so small a part of all.
LOST = 0.005
# In trials: when the first one comes, and the time between the first ones, which grows while the number stays.
FIRST, INTERVAL, GROWTH = 4, 10, 2.0
LONGEST_INTERVAL = 10.0  # seconds
# Another number must be faster by so much: two of them that are equally fast are not taken by turns.
GAIN, CLEAR_GAIN = 0.02, 0.12
# A row that takes so many times as long as before: the machine has become busy.
JUMP = 1.5
# Several threads are looked at so often, within an epoch, too: where others need a processor, they take 20 times as long.
LONGEST_CALL = 0.5  # seconds
# Bytes a second of parameters that move into the workspace and out of it, and seconds that it takes to wake a thread.
MOVED, WOKEN = 2e9, 50e-6
# Row numbers a second.
CHECKED = 1e9


class ThreadChoice:
    """The number of threads for each call, by the times that calls have taken.

    most: no call gets more. first: what is begun with. step: seconds that one thread takes for a step, roughly. cut: seconds
    that it costs to end a call and begin another.

    size: threads of the next call. limit: seconds after which that call should end, None for any number.
    """

    def __init__(self, most: int, first: int, step: float, cut: float) -> None:
        self.size, self._usual, self.most, self.cut = min(first, most), min(first, most), most, cut
        self._trial = max(TRIAL, STEPS * step, 5.0 * cut)
        self._decision = max(DECISION, self._trial)
        self._longest = max(LONGEST_CALL, 4.0 * cut / LOST)
        self._clock = self._lost = self._rows = self._seconds = 0.0
        self._calls = 0
        self._usual_call = WOKEN  # seconds of a call that nothing here cuts short, as far as is known
        self._next, self._interval = FIRST * self._trial, INTERVAL * self._trial
        self._rate: float | None = None  # seconds a row, as last measured
        self._comparing = self._warm = False
        self._awake = 1  # threads of the last call
        self._waking = self._woken = 0.0  # seconds that are left of waking, and that it has cost since the last trials
        self._turn = 0
        self._promising = 0  # the number that is given longer trials, or none
        self._won = False  # whether it was faster in one of these
        self._failed = False  # whether another number was no better than the usual one, since that was taken

    @property
    def limit(self) -> float | None:
        if self.most == 1:
            return None
        if self.size > self._awake:
            return WAKING
        if self._waking > 0.0:
            return self._waking
        if self._comparing or not self._warm:
            return self._length - self._seconds
        left = max(self._next - self._clock, self._trial)
        return min(left, self._longest) if self._usual > 1 else left

    def record(self, rows: int, seconds: float) -> None:
        """What the last call has done, and how long it took."""
        if self.most == 1:
            return
        limit = self.limit
        if self.size > self._awake:
            self._waking = WAKING
        self._awake = self.size
        if not self._warm:  # kernels may have been compiled, and threads started
            self._warm = True
            return
        self._clock += seconds
        if self._waking > 0.0:
            left = self._waking - seconds
            self._waking = left if left > (1.0 - ENOUGH) * WAKING else 0.0
            self._woken += max(0.0, seconds - rows * self._rate) if self._rate is not None else 0.0
            return
        self._rows += rows
        self._seconds += seconds
        self._calls += 1
        if not self._comparing:
            cut = limit is not None and seconds >= ENOUGH * limit
            self._usual_call = max(self._usual_call, seconds) if cut else seconds
        if self._seconds >= ENOUGH * self._length:
            rate = self._without_starts() / self._rows
            if self.size == self._usual:
                self._look(rate)
            else:
                self._judge(rate)
            self._rows = self._seconds = 0.0
            self._calls = 0

    @property
    def _length(self) -> float:
        """Seconds of the trial under way."""
        return self._decision if self._promising else self._trial

    def _without_starts(self) -> float:
        """The seconds of the last calls, but for those by which a trial, being short, begins more often than other calls."""
        if self.size == 1:
            return self._seconds
        more_often = self._calls - self._seconds / self._usual_call
        return max(0.5 * self._seconds, self._seconds - START * max(0.0, more_often))

    def _look(self, rate: float) -> None:
        """At the usual number's time for a row."""
        busy = self._usual > 1 and self._rate is not None and rate > JUMP * self._rate
        jumped, due = busy and self._lost < LOST * self._clock, self._clock >= self._next
        self._rate = rate
        if self._comparing or jumped:
            self._try_another(fewer=jumped and not self._comparing)
        elif due:
            self._comparing = True  # first a call as short as the trial with the usual number

    def _try_another(self, fewer: bool) -> None:
        """A number near the usual one, by turns; fewer: where the machine has become busy."""
        self._comparing = True
        if self._promising:
            self.size = self._promising
            return
        usual = self._usual
        near = [n for n in dict.fromkeys((usual // 2, usual - 1, usual + 1, 2 * usual)) if 1 <= n <= self.most]
        self.size = near[0 if fewer else self._turn % len(near)]
        self._turn += 1

    def _judge(self, rate: float) -> None:
        """After a trial: the number is given a longer one, or is taken after it has won enough of these, or left."""
        assert self._rate is not None
        promising = MORE_PROMISING if self.size > self._usual else FEWER_PROMISING
        if not self._promising and rate < promising * self._rate:
            self._promising = self.size
            return
        faster = self._promising and rate < (1.0 - GAIN) * self._rate
        if faster and not self._won and rate > (1.0 - CLEAR_GAIN) * self._rate:
            self._won, self.size = True, self._usual
            return
        self._promising, self._won = 0, False
        if faster:
            self._usual, self._rate, self._interval = self.size, rate, INTERVAL * self._trial
            self._failed = False
        else:
            lost = 3.0 * self.cut + self._woken + max(0.0, self._seconds - self._rows * self._rate)
            self._lost += lost
            # A first trial that fails may have met a disturbance, and is no reason to wait long.
            self._interval = max(min(GROWTH * self._interval, LONGEST_INTERVAL), lost / LOST if self._failed else 0.0)
            self._failed = True
        self.size, self._comparing, self._woken = self._usual, False, 0.0
        self._next = self._clock + self._interval


def seconds_of_a_cut(plan: Plan, itemsize: int, vectors: int, n_rows: int) -> float:
    """What it costs to end a call and begin another: so many vectors like theta move out of the workspace and into it, and the
    order of the rows is checked again."""
    return WOKEN + 2.0 * vectors * plan.n_parameters * itemsize / MOVED + n_rows / CHECKED
