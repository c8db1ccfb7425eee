"""The yardsticks of the benchmarks measure what they say."""

from __future__ import annotations

import time

import pytest

import machine
from machine import cpu_seconds


class Clock:
    """A CPU clock that *work* moves by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "process_time", lambda: self.now)


def test_the_median_round_counts_after_one_call_to_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    durations = iter([9.0, 1.0, 5.0, 2.0])

    def work() -> None:
        clock.now += next(durations)

    assert cpu_seconds(work, rounds=3) == 2.0


def test_short_work_is_repeated_until_the_clock_can_see_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        clock.now += machine.LEAST_ROUND_S / 8

    assert cpu_seconds(work, rounds=2) == pytest.approx(machine.LEAST_ROUND_S / 8)
    assert calls == 1 + 2 * 8


@pytest.mark.parametrize(
    ("rate", "counted"),
    [
        (lambda: machine.macs_per_s.__wrapped__(64), 64**3),
        (lambda: machine.copied_bytes_per_s.__wrapped__(1 << 16), 1 << 16),
        (lambda: machine.fft_points_per_s.__wrapped__(512, rows=4), 512 * 4),
        (machine.python_steps_per_s.__wrapped__, 100_000),
    ],
    ids=["gemm", "copy", "fft", "python"],
)
def test_a_rate_is_what_is_counted_over_the_time_it_took(
    rate, counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_seconds(work, **_) -> float:
        work()
        return 2.0

    monkeypatch.setattr(machine, "cpu_seconds", two_seconds)
    assert rate() == counted / 2.0
