"""Runs to a file: resumed at the missing shards, the same for any workers, never half-written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.simulate import LightMapSettings, ScanSettings, light_map_for, scan_plan
from pulsefront.simulate.run.campaign import run_to_file, shard_folder
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.shards import child_seed, iterate_shards, shard_sizes

MAP = LightMapSettings(pitch_mm=12.0, depth_pitch_mm=8.0, photons=500)
SCAN = ScanSettings(pitch_mm=2.0, half_extent_mm=10.0, light_map=MAP)
EVENTS = 20_000


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    detector = load_detector("lyso_monolithic_50x50x16")
    light_map = light_map_for(detector, MAP, cache=tmp_path_factory.mktemp("maps"))
    return scan_plan(detector, SCAN, 3, events=EVENTS, light_map=light_map)


@pytest.fixture
def app() -> object:
    import typer

    from pulsefront.cli.simulation import simulate

    command = typer.Typer()
    command.command()(simulate)
    return command


class Killed(Executor):
    """Does some shards and then dies."""

    def __init__(self, after: int) -> None:
        self.left = after

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        if self.left == 0:
            future.set_exception(KeyboardInterrupt())
        else:
            self.left -= 1
            future.set_result(fn(*args, **kwargs))
        return future


def test_a_killed_run_goes_on_with_the_missing_shards_and_ends_the_same(
    plan: Plan, tmp_path: Path
) -> None:
    whole, resumed = tmp_path / "whole.h5", tmp_path / "resumed.h5"
    assert run_to_file(plan, whole) == EVENTS
    with pytest.raises(KeyboardInterrupt):
        run_to_file(plan, resumed, executor=Killed(3))
    assert not resumed.exists()
    assert len(list(shard_folder(resumed).glob("shard_*.h5"))) == 3
    done: list[int] = []
    run_to_file(plan, resumed, report=lambda now, total: done.append(now))
    # Two shards were left of five; three count as done from the start.
    assert done == [4 * 4096, EVENTS]
    assert not shard_folder(resumed).exists()
    one, other = store.read(whole), store.read(resumed)
    for name in one.columns:
        np.testing.assert_array_equal(one[name], other[name])
    assert one.provenance == other.provenance


def test_shards_of_another_run_are_refused(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "events.h5"
    with pytest.raises(KeyboardInterrupt):
        run_to_file(plan, out, executor=Killed(1))
    detector = load_detector("lyso_monolithic_50x50x16")
    other = scan_plan(detector, SCAN, 4, events=EVENTS, light_map=light_map_for(detector, MAP))
    with pytest.raises(ConfigError, match="another run"):
        run_to_file(other, out)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_the_file_is_the_same_for_one_two_or_eight_workers(
    plan: Plan, tmp_path: Path, workers: int
) -> None:
    with ThreadPoolExecutor(workers) as pool:
        run_to_file(plan, tmp_path / "events.h5", executor=pool)
    table = store.read(tmp_path / "events.h5")
    expected = plan.run()
    for name in expected.columns:
        np.testing.assert_array_equal(table[name], expected[name])


def test_events_are_shared_out_in_proportion(plan: Plan) -> None:
    table = plan.run()
    assert len(table) == EVENTS
    odd = table["grid_index"] % 2
    assert (odd[:, 0] == odd[:, 1]).all()
    # 6 × 6 even positions of 200 and 5 × 5 odd ones of 100.
    assert (odd[:, 0] == 0).mean() == pytest.approx(7200 / 9700, abs=1e-3)


def test_children_of_a_seed_are_those_that_spawning_gives() -> None:
    spawned = np.random.SeedSequence(5).spawn(3)[2].spawn(2)[1]
    np.testing.assert_array_equal(child_seed(5, 2, 1).generate_state(4), spawned.generate_state(4))


def test_only_a_bounded_number_of_shards_is_ahead() -> None:
    made: list[int] = []
    sizes = shard_sizes(10_000, 10)
    results = iterate_shards(lambda i: i, lambda i: made.append(i) or (i,), range(1000), sizes)
    next(results)
    assert len(made) <= 64
    results.close()  # type: ignore[attr-defined]
    assert shard_sizes(25, 10) == (10, 10, 5)


def test_the_command_writes_a_store_and_says_so(app: object, tmp_path: Path) -> None:
    out = tmp_path / "events.h5"
    settings = tmp_path / "scan.toml"
    settings.write_text(
        "pitch_mm = 5.0\nhalf_extent_mm = 10.0\n[light_map]\npitch_mm = 25.0\n"
        "depth_pitch_mm = 16.0\nphotons = 500\n"
    )
    arguments = ["lyso_monolithic_50x50x16", "--out", out, "--events", 500, "--settings", settings]
    arguments += ["--perturb", "misalignment"]
    result = CliRunner().invoke(app, [str(part) for part in arguments])  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    assert "500 events" in result.output
    table = store.read(out)
    assert len(table) == 500
    assert table.provenance["detector"].endswith("perturbed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.h5", "scan.toml"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--perturb", "gravity"], "no such mismatch"),
        (["--events", "0"], "must be at least 1"),
        (["--workers", "0"], "must be at least 1"),
        (["--workers", "2", "--scheduler", "tcp://nowhere:1"], "together with"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    app: object, tmp_path: Path, extra: list[str], message: str
) -> None:
    settings = tmp_path / "scan.toml"
    settings.write_text(
        "half_extent_mm = 0.0\n[light_map]\npitch_mm = 50.0\ndepth_pitch_mm = 16.0\nphotons = 100\n"
    )
    arguments = ["lyso_monolithic_50x50x16", "--out", str(tmp_path / "no.h5"), "--events", "5"]
    result = CliRunner().invoke(app, [*arguments, "--settings", str(settings), *extra])  # type: ignore[arg-type]
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
    assert not (tmp_path / "no.h5").exists()


def test_a_run_killed_by_signal_9_goes_on_where_it_was(plan: Plan, tmp_path: Path) -> None:
    settings = tmp_path / "scan.toml"
    settings.write_text(
        "pitch_mm = 2.0\nhalf_extent_mm = 10.0\n"
        "[light_map]\npitch_mm = 12.0\ndepth_pitch_mm = 8.0\nphotons = 500\n"
    )
    out, events = tmp_path / "events.h5", 80_000
    program = "from pulsefront.cli.main import main; main()"
    arguments = ["simulate", "lyso_monolithic_50x50x16", "--out", str(out), "--seed", "3"]
    arguments += ["--events", str(events), "--settings", str(settings)]
    run = subprocess.Popen([sys.executable, "-c", program, *arguments])
    folder = shard_folder(out)
    while run.poll() is None and len(list(folder.glob("shard_*.h5"))) < 3:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    made = len(list(folder.glob("shard_*.h5")))
    assert not out.exists()
    assert 3 <= made < events // 4096
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)
    detector = load_detector("lyso_monolithic_50x50x16")
    whole = scan_plan(detector, SCAN, 3, events=events, light_map=light_map_for(detector, MAP))
    expected, found = whole.run(), store.read(out)
    for name in expected.columns:
        np.testing.assert_array_equal(found[name], expected[name])
