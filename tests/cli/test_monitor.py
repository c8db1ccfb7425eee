"""`pulsefront monitor`: a reference, checks with a history, exit codes."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError, PrecisionError
from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from strategies_monitor import anger, charges


def run(*arguments: object):
    return CliRunner().invoke(app, ["monitor", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    anger().save(tmp_path / "model.json")
    np.save(tmp_path / "reference.npy", charges(10_000, 0))
    done = run(
        "profile", tmp_path / "model.json", "--events", tmp_path / "reference.npy",
        "--out", tmp_path / "p.npz",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "10,000 vectors of 16 inputs" in done.output
    return tmp_path


def test_a_quiet_check_and_one_with_a_dead_channel(folder) -> None:
    np.save(folder / "a.npy", charges(3000, 1))
    gains = np.ones(16)
    gains[2] = 0
    np.savetxt(folder / "b.txt", charges(3000, 2, gains), fmt="%d")
    history = folder / "history.json"
    quiet = run("check", folder / "p.npz", folder / "a.npy", "--history", history,
                "--at", "2026-11-29T10:00")  # fmt: skip
    assert quiet.exit_code == 0, quiet.output
    assert quiet.output.startswith("nothing has moved")
    dead = run("check", folder / "p.npz", folder / "b.txt", "--history", history,
               "--at", "2026-11-29T11:00", "--out", folder / "page.html",
               "--prometheus", folder / "m.prom", "--json")  # fmt: skip
    assert dead.exit_code == 1, dead.output
    told = json.loads(dead.output)
    assert told["moved"][0] == "gain of input 2"
    assert told["quantities"][0]["since"] == "2026-11-29T11:00:00+00:00"
    assert len(json.loads(history.read_text())["checks"]) == 2
    assert "gain of input 2" in (folder / "page.html").read_text()
    assert "pulsefront_monitor_moved" in (folder / "m.prom").read_text()
    again = run("check", folder / "p.npz", folder / "b.txt", "--history", history)
    assert isinstance(again.exception, DataError)
    assert "nothing is counted twice" in str(again.exception)


def test_wrong_use_is_one_line(folder) -> None:
    np.save(folder / "a.npy", charges(3000, 1))
    bad = run("check", folder / "p.npz", folder / "a.npy", "--at", "yesterday")
    assert isinstance(bad.exception, ConfigError)
    assert "is no instant" in str(bad.exception)
    alone = run("profile", folder / "model.json")
    assert isinstance(alone.exception, ConfigError)
    assert "does not say what it sees" in str(alone.exception)
    none = run("check", folder / "model.json", folder / "a.npy")
    assert isinstance(none.exception, DataError)
    assert "is no whole monitor profile" in str(none.exception)
    events = run("check", folder / "p.npz", folder / "model.json")
    assert isinstance(events.exception, DataError)
    assert "cannot be read as integers" in str(events.exception)


def test_a_table_with_commas_is_read_too(folder) -> None:
    np.savetxt(folder / "a.csv", charges(3000, 1), fmt="%d", delimiter=",")
    done = run("check", folder / "p.npz", folder / "a.csv")
    assert done.exit_code == 0, done.output


def test_nothing_that_is_read_is_overwritten(folder) -> None:
    np.save(folder / "a.npy", charges(3000, 1))
    before = (folder / "p.npz").read_bytes()
    for target in ("p.npz", "a.npy"):
        done = run("check", folder / "p.npz", folder / "a.npy", "--prometheus", folder / target)
        assert isinstance(done.exception, ConfigError), done.output
    assert (folder / "p.npz").read_bytes() == before


def test_an_empty_file_is_no_alarm(folder) -> None:
    (folder / "empty.npy").touch()
    done = run("check", folder / "p.npz", folder / "empty.npy")
    assert isinstance(done.exception, DataError)
    assert "cannot be read as integers" in str(done.exception)


def test_a_reference_that_never_varies_is_named(folder) -> None:
    still = charges(3000, 1)
    still[:, 4] = 0
    np.save(folder / "still.npy", still)
    done = run("profile", folder / "model.json", "--events", folder / "still.npy", "-o",
               folder / "q.npz")  # fmt: skip
    assert "never varies, and is not watched: input 4" in done.output


def test_raw_counts_and_events_of_a_model_that_takes_integers_are_told_apart(tmp_path) -> None:
    source = Input("x", (2,), FixedPointFormat(9, 12, signed=False))
    dense = Dense("y", ("x",), np.eye(2, dtype=np.int64), FixedPointFormat(2, 2))
    FixedPointModel("net", (source,), (dense,), ("y",)).save(tmp_path / "model.json")
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4096, (2000, 2))
    np.save(tmp_path / "steps.npy", counts >> 3)
    np.save(tmp_path / "counts.npy", counts)
    done = run("profile", tmp_path / "model.json", "--events", tmp_path / "steps.npy", "--out",
               tmp_path / "p.npz")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "raw integers of x, ufixed<9,12>: 1 stands for 8" in done.output
    raw = run("check", tmp_path / "p.npz", tmp_path / "counts.npy")
    assert isinstance(raw.exception, PrecisionError)
    assert "a step is 2^3 ADC counts: shift them right by 3" in str(raw.exception)
    with h5py.File(tmp_path / "events.h5", "w") as file:
        file.attrs["x"] = 1
    store = run("check", tmp_path / "p.npz", tmp_path / "events.h5")
    assert isinstance(store.exception, DataError)
    assert "is a file of events" in str(store.exception)
    assert "pulsefront monitor profile RUN" in str(store.exception)
