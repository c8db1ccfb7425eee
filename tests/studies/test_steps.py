"""Steps run once, survive kills, and notice every change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pulsefront.errors import PulsefrontError
from pulsefront.studies.steps import Step, StepContext, locked, run_steps
from pulsefront.studies.work import parameters_at_ends


def chain(calls: list[str], second: object = 2) -> list[Step]:
    def write(name: str, after: str | None = None):
        def work(context: StepContext) -> None:
            calls.append(name)
            text = (context.steps / after / "out.txt").read_text() if after else ""
            (context.folder / "out.txt").write_text(text + name)

        return work

    return [
        Step("a", "first", write("a"), 1),
        Step("b", "second", write("b", "a"), second, after=("a",)),
        Step("c", "third", write("c", "b"), 3, after=("b",)),
    ]


def test_steps_run_in_order_and_only_once(tmp_path: Path) -> None:
    calls: list[str] = []
    run_steps(chain(calls), tmp_path, lambda _: None)
    assert (tmp_path / "steps" / "c" / "out.txt").read_text() == "abc"
    run_steps(chain(calls), tmp_path, lambda _: None)
    assert calls == ["a", "b", "c"]


def test_changed_setting_repeats_the_step_and_those_after_it(tmp_path: Path) -> None:
    calls: list[str] = []
    run_steps(chain(calls), tmp_path, lambda _: None)
    run_steps(chain(calls, second=99), tmp_path, lambda _: None)
    assert calls == ["a", "b", "c", "b", "c"]


@pytest.mark.parametrize("damage", ["changed", "removed"])
def test_touched_file_repeats_its_step(tmp_path: Path, damage: str) -> None:
    calls: list[str] = []
    run_steps(chain(calls), tmp_path, lambda _: None)
    victim = tmp_path / "steps" / "b" / "out.txt"
    victim.write_text("x") if damage == "changed" else victim.unlink()
    run_steps(chain(calls), tmp_path, lambda _: None)
    assert calls == ["a", "b", "c", "b"]
    assert victim.read_text() == "ab"


def test_failed_step_leaves_nothing(tmp_path: Path) -> None:
    def fail(context: StepContext) -> None:
        (context.folder / "half.txt").write_text("half")
        raise PulsefrontError("no")

    with pytest.raises(PulsefrontError):
        run_steps([Step("a", "first", fail, None)], tmp_path, lambda _: None)
    assert list((tmp_path / "steps").iterdir()) == []


def test_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(PulsefrontError, match="another run"),
        locked(tmp_path),
    ):
        pass


def test_killed_step_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from pulsefront.studies.steps import Step, run_steps

        def work(context):
            (context.folder / "half.txt").write_text("half")
            saved = context.checkpoint / "saved.txt"
            if not saved.exists():
                saved.write_text("progress")
                os.kill(os.getpid(), signal.SIGKILL)
            (context.folder / "half.txt").unlink()
            (context.folder / "out.txt").write_text(saved.read_text())

        run_steps([Step("a", "first", work, None)], Path(sys.argv[1]), lambda _: None)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "steps" / "a").exists()
    subprocess.run(command, check=True, env=dict(os.environ))
    assert [p.name for p in (tmp_path / "steps").iterdir()] == ["a"]
    assert (tmp_path / "steps" / "a" / "out.txt").read_text() == "progress"
    record = json.loads((tmp_path / "steps" / "a" / "step.json").read_text())
    assert list(record["files"]) == ["out.txt"]
    assert list((tmp_path / "checkpoints").iterdir()) == []


@pytest.mark.parametrize(
    ("fraction", "delay_ns", "ends"),
    [
        (0.2, 3.0, ()),
        (0.4, 3.0, ("fraction",)),
        (0.2, 1.0, ("delay_ns",)),
        (0.1, 8.0, ("fraction",)),
    ],
)
def test_a_best_setting_at_the_end_of_those_tried_is_told(
    fraction: float, delay_ns: float, ends: tuple[str, ...]
) -> None:
    table = [
        # The longest delay gave too few estimates to count.
        {"fraction": f, "delay_ns": d, "named": "x", "ctr_fwhm_ps": None if d == 16.0 else 100.0}
        for f in (0.1, 0.2, 0.4)
        for d in (1.0, 3.0, 8.0, 16.0)
    ]
    chosen = {"fraction": fraction, "delay_ns": delay_ns, "named": "x"}
    expected = ends if delay_ns != 8.0 else (*ends, "delay_ns")
    assert parameters_at_ends(chosen, table) == expected
    assert parameters_at_ends({"leaves": 8}, [{"leaves": 8}, {"leaves": 31}]) == ()
