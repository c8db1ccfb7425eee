"""The registry of executors: a line in it is a row of the table, whatever becomes of the others."""

from __future__ import annotations

import pytest

from pulsefront.errors import ExportError, ToolMissing, VerificationFailed
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.executor import Executor
from pulsefront.firmware.executors import EXECUTORS
from toys_firmware import small_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("executors") / "tiny"
    export_model(small_model(), folder, targets=["onnx"])
    return folder


def emulated(folder, sets):
    for arrays in sets:
        yield folder.model.emulator.run(arrays)


def wrong_in_one(folder, sets):
    for arrays in sets:
        found = folder.model.emulator.run(arrays)
        found["position"][-1, 1] += 1
        yield found


def without_its_tool(folder, sets):
    raise ToolMissing("gates", needed_for="counting", install="install it with: apt-get")
    yield


def broken(folder, sets):
    yield from emulated(folder, sets[:1])
    raise ExportError("does not compile", file="net.v")


def added(monkeypatch, **runs):
    registry = {name: Executor("model.json", run) for name, run in runs.items()}
    monkeypatch.setattr("pulsefront.firmware.verify.EXECUTORS", {**registry, **EXECUTORS})


def test_an_absent_tool_is_named_and_the_others_run(exported, monkeypatch):
    added(monkeypatch, gates=without_its_tool, more=emulated)
    result = verify_export(exported)
    assert result.passed
    assert "gates is needed for counting" in result.rows[0].status
    assert {row.backend for row in result.exact_rows} == {"more", "emulator", "onnxruntime"}
    assert "not run: gates is needed" in result.table()


def test_one_wrong_integer_and_one_that_does_not_build_are_lines_of_the_table(
    exported, monkeypatch
):
    added(monkeypatch, wrong=wrong_in_one, breaks=broken)
    result = verify_export(exported)
    lines = {line.split()[0]: line for line in result.table().splitlines()}
    assert "DIFFERENT" in lines["wrong"]
    assert "cannot run: net.v: does not compile" in result.table()
    with pytest.raises(VerificationFailed, match=r"wrong differs .* output position\[1\]"):
        result.raise_on_failure()


def test_a_slow_executor_runs_some_of_each_set(exported, monkeypatch):
    slow = Executor("model.json", emulated, most_vectors=20)
    monkeypatch.setattr("pulsefront.firmware.verify.EXECUTORS", {"slow": slow})
    result = verify_export(exported)
    assert [(row.vector_set, row.vectors) for row in result.rows] == [
        ("extremes", 20),
        ("random", 20),
    ]
    assert result.passed


def test_vectors_are_drawn_on_request_and_a_slow_executor_runs_some_of_them(exported, monkeypatch):
    slow = Executor("model.json", emulated, most_vectors=20, most_drawn=30)
    registry = {"slow": slow, "fast": Executor("model.json", emulated)}
    monkeypatch.setattr("pulsefront.firmware.verify.EXECUTORS", registry)
    rows = verify_export(exported, drawn=5000).rows
    drawn = {row.backend: row.vectors for row in rows if row.vector_set == "drawn"}
    assert drawn == {"slow": 30, "fast": 5000}
    with pytest.raises(ExportError, match="no number of vectors"):
        verify_export(exported, drawn=-1)


def test_a_difference_in_a_drawn_vector_alone_is_found(exported, monkeypatch):
    golden = {row.vectors for row in verify_export(exported).rows}

    def wrong_in_drawn(folder, sets):
        for arrays in sets:
            found = folder.model.emulator.run(arrays)
            found["position"][-1, 0] += len(found["position"]) not in golden
            yield found

    added(monkeypatch, wrong=wrong_in_drawn)
    verify_export(exported).raise_on_failure()
    with pytest.raises(VerificationFailed, match="drawn"):
        verify_export(exported, drawn=700).raise_on_failure()


def test_seconds_are_left_out_where_two_runs_are_to_give_the_same(exported):
    result = verify_export(exported)
    assert result.to_json()["rows"][0]["seconds"] > 0
    assert "seconds" not in result.to_json(timed=False)["rows"][0]
    assert "seconds" not in result.table(timed=False)
    assert result.table(timed=False) == verify_export(exported).table(timed=False)
