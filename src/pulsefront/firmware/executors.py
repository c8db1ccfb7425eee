"""The registry of executors: every way in which `verify` computes a model's integers.

A room that writes a new form of a model adds one line here, name → executor; the order is that of
the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pulsefront.firmware.c99.execute import c99_executors
from pulsefront.firmware.executor import Executor, ExportFolder, Inputs, Outputs
from pulsefront.firmware.hls4ml.execute import hls4ml_executors
from pulsefront.firmware.onnx.exact import run_onnx
from pulsefront.firmware.onnx.qonnx import run_qonnx
from pulsefront.firmware.rtl.bench.simulate import rtl_executors
from pulsefront.firmware.targets import EXACT_GRAPH, QONNX_GRAPH

__all__ = ["EXECUTORS"]


def _emulator(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
    """Run the model as users do: by the compiled chain where there is one.

    The golden vectors come from the general emulator, so that each proves the other.
    """
    for arrays in sets:
        only = next(iter(arrays.values())) if len(arrays) == 1 else dict(arrays)
        found = folder.model.run(only)
        yield found if isinstance(found, dict) else {folder.model.outputs[0]: found}


def _onnxruntime(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
    for arrays in sets:
        yield run_onnx(folder.directory / EXACT_GRAPH, arrays)


def _qonnx(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
    for arrays in sets:
        yield run_qonnx(folder.directory / QONNX_GRAPH, folder.model, arrays)


EXECUTORS: Mapping[str, Executor] = {
    "emulator": Executor("model.json", _emulator),
    "onnxruntime": Executor(EXACT_GRAPH, _onnxruntime),
    "qonnx": Executor(QONNX_GRAPH, _qonnx),
    **hls4ml_executors(),
    **c99_executors(),
    **rtl_executors(),
}
