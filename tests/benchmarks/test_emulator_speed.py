"""The emulator beside hls4ml's C simulation, the alkaid interpreter, and ONNX Runtime.

The same 64-32-16-2 network (2,592 multiply-accumulates) in one thread each, timed in turns in one
run, after the integers have been shown to be equal. Ratios are printed; they are what counts, for
absolute times drift with the machine's load.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alkaid_fixed_point import alkaid_logic
from pulsefront.firmware import export_model
from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.csim import CSimulation
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.onnx.real import write_real_onnx
from pulsefront.fixed_point import estimate_resources
from pulsefront.fixed_point.emulator import chain, tile_code
from toys_firmware import mlp

MODEL = mlp(64, 32, 16, 2)
MACS = 64 * 32 + 32 * 16 + 16 * 2
EVENTS = np.random.default_rng(0).integers(0, 4096, (16_384, 64)).astype(np.uint16)


def in_turns(
    *calls: Callable[[], Any], rounds: int = 60, seconds: float = 2.0, best: bool = False
) -> list[float]:
    """Return the median, or the *best*, time of each call in seconds, taken in turns."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    for _ in range(rounds):
        for taken, call in zip(times, calls, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        if time.perf_counter() > end and len(times[0]) > 10:
            break
    return [float(min(taken) if best else np.median(taken)) for taken in times]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 1)


def onnx_session(folder: Path) -> Any:
    ort = pytest.importorskip("onnxruntime")
    write_real_onnx(MODEL, folder / "float.onnx", int8=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(folder / "float.onnx"), options, ["CPUExecutionProvider"])


@pytest.mark.parametrize("batch", [1, 2, 4, 8, 16, 32, 64, 256, 1024, 4096, 16_384])
def test_against_onnxruntimes_float_graph(batch: int, tmp_path: Path) -> None:
    session = onnx_session(tmp_path)
    events = EVENTS[:batch]
    reals = events.astype(np.float32)
    steps = session.run(None, {"x": reals})[0] * 2.0 ** MODEL.tensors["dense2"].format.fraction
    # The float graph does not round in between: close in range, and that is all it is.
    assert np.corrcoef(np.ravel(steps), np.ravel(MODEL.run(events)))[0, 1] > 0.99 or batch < 8
    ours, theirs = in_turns(lambda: MODEL.run(events), lambda: session.run(None, {"x": reals}))
    print(f"\nbatch {batch}: {theirs / ours:.2f} x ONNX Runtime, {1e6 * ours / batch:.4f} us/event")  # noqa: T201
    assert theirs / ours > (1.0 if batch <= 64 else 0.7)


@pytest.mark.parametrize("batch", [1, 64, 1024, 16_384])
@pytest.mark.parametrize("sizes", [(64, 32, 16, 2), (64, 128, 128, 4)])
def test_sixteen_bit_products_beside_float32_ones(
    sizes: tuple[int, ...], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = EVENTS[:batch]
    models = []
    for narrow in (True, False):
        monkeypatch.setattr(chain, "NARROW_IS_FASTER", narrow)
        models.append(mlp(*sizes))
        kind = np.dtype(models[-1].emulator._chain.constants.dtype)
        assert kind == (np.int32 if narrow else np.float32)
    narrow_model, float_model = models
    np.testing.assert_array_equal(narrow_model.run(events), float_model.run(events))
    ours, theirs = in_turns(lambda: narrow_model.run(events), lambda: float_model.run(events))
    text = f"{theirs / ours:.2f} x the float32 kernel, {1e6 * ours / batch:.4f} us/event"
    print(f"\nint16 x int16 to int32, {sizes}, batch {batch}: {text}")  # noqa: T201
    assert not tile_code.NARROW_IS_FASTER or theirs / ours > 0.9


def test_one_event_takes_less_than_two_microseconds() -> None:
    event = EVENTS[0]
    np.testing.assert_array_equal(MODEL.run_one(event), MODEL.run(EVENTS[:1])[0])

    def many() -> None:
        for _ in range(1000):
            MODEL.run_one(event)

    (taken,) = in_turns(many)
    print(f"\nrun_one: {1e3 * taken:.3f} us")  # noqa: T201
    assert taken / 1000 < 2e-6


def test_against_hls4mls_predict(tmp_path: Path) -> None:
    write_hls4ml(MODEL, tmp_path / "project", board=load_board())
    events = EVENTS[:500]
    with CSimulation(tmp_path / "project", MODEL) as simulation:
        np.testing.assert_array_equal(simulation.run({"x": events})["dense2"], MODEL.run(events))
        # hls4ml's predict calls the library once per event from Python, as is done here.
        function = ctypes.CDLL(str(simulation.library)).mlp_double
        function.argtypes = [ctypes.c_void_p] * 2
        source = np.ascontiguousarray(events.astype(np.float64))
        result = np.zeros((len(events), 2))

        def predict() -> None:
            for event in range(len(events)):
                function(source[event].ctypes.data, result[event].ctypes.data)

        theirs, ours = in_turns(predict, lambda: MODEL.run(EVENTS), rounds=11, seconds=20)
    ratio = (theirs / len(events)) / (ours / len(EVENTS))
    print(f"\n{ratio:.0f} x hls4ml's C simulation ({1e6 * theirs / len(events):.1f} us/event)")  # noqa: T201
    assert ratio > 200


def test_against_the_alkaid_interpreter() -> None:
    logic = alkaid_logic(MODEL)
    events = EVENTS[:4096]
    reals = events.astype(np.float64)
    found = logic.predict(reals, n_threads=1) * 2.0 ** MODEL.tensors["dense2"].format.fraction
    np.testing.assert_array_equal(found, MODEL.run(events))
    theirs, ours = in_turns(
        lambda: logic.predict(reals, n_threads=1), lambda: MODEL.run(events), seconds=10
    )
    ratio = theirs / ours
    print(f"\n{ratio:.1f} x the alkaid interpreter ({1e6 * theirs / len(events):.2f} us/event)")  # noqa: T201
    assert ratio > 3


def test_as_a_fraction_of_the_machines_matrix_product_rate() -> None:
    a = np.random.default_rng(1).normal(size=(1024, 1024)).astype(np.float32)
    product, ours = in_turns(lambda: a @ a, lambda: MODEL.run(EVENTS), seconds=5, best=True)
    peak = 1024**3 / product
    rate = MACS * len(EVENTS) / ours
    share = f"{100 * rate / peak:.0f} % of float32 GEMM's {peak / 1e9:.0f}"
    print(f"\n{rate / 1e9:.1f} GMAC/s, {share}")  # noqa: T201
    assert rate > 0


def test_writing_a_project_takes_less_than_a_second(tmp_path: Path) -> None:
    write_hls4ml(MODEL, tmp_path / "warm", board=load_board())
    times = []
    for number in range(5):
        start = time.perf_counter()
        write_hls4ml(MODEL, tmp_path / str(number), board=load_board())
        times.append(time.perf_counter() - start)
    print(f"\ncomplete hls4ml project of 64-32-16-2: {np.median(times):.2f} s")  # noqa: T201
    assert np.median(times) < 1.0


def test_a_complete_export_with_vectors_and_graph(tmp_path: Path) -> None:
    export_model(MODEL, tmp_path / "warm")
    start = time.perf_counter()
    export_model(MODEL, tmp_path / "out")
    print(f"\ncomplete export of 64-32-16-2: {time.perf_counter() - start:.2f} s")  # noqa: T201


def test_estimating_resources_is_cheap_enough_for_a_search() -> None:
    (taken,) = in_turns(lambda: estimate_resources(MODEL))
    print(f"\nresources of 64-32-16-2 estimated in {1e3 * taken:.2f} ms")  # noqa: T201
    assert taken < 0.01


@pytest.mark.parametrize("batch", [1, 64, 16_384])
def test_run(batch: int, benchmark: Any) -> None:
    benchmark(MODEL.run, EVENTS[:batch])
