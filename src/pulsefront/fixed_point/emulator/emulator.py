"""The emulator: a fixed-point model as a list of stages over chunks of events.

The proof of every sum's range chooses the number type of every stage: a float32 matrix product
is exact below 2^24 and runs at the speed of the machine's vector registers, a float64 one below
2^53, and 64-bit integers carry the rest. A chain of dense layers that fits 16-bit integers with
32-bit sums runs in those where the processor multiplies them faster (tile_code.py). Results are
integers in every case, and the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.emulator.chain import chain_of
from pulsefront.fixed_point.emulator.links import links_of
from pulsefront.fixed_point.emulator.stages import (
    CHUNK,
    Array,
    Stage,
    Values,
    link_stage,
    step_stage,
)
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.specification import Specification

__all__ = ["Emulator"]

FAST_TYPES = frozenset(np.dtype(one) for one in (np.int16, np.uint16, np.int32, np.int64))
"""Input types that the compiled chain takes as they are."""
WIDER = {
    np.dtype(np.int8): np.int16,
    np.dtype(np.uint8): np.uint16,
    np.dtype(np.uint32): np.int64,
}

EVENTS_PER_THREAD = 16384
"""Fewer events are not worth a thread of their own."""


class Emulator:
    """Runs a `Specification`; made once per model by `FixedPointModel.emulator`."""

    def __init__(self, model: Specification) -> None:
        self._inputs = model.inputs
        self._outputs = {name: model.tensors[name].shape for name in model.outputs}
        self._single = len(model.inputs) == len(model.outputs) == 1
        self._stages = _stages(model)
        self._chain = chain_of(model)

    def run(self, arrays: Mapping[str, Array]) -> dict[str, Integers]:
        """Run checked inputs (see ``model.input_arrays``), shape (event, …) each."""
        events = len(next(iter(arrays.values())))
        results = {
            name: np.empty((events, *shape), dtype=np.int64)
            for name, shape in self._outputs.items()
        }

        def part(first: int, last: int) -> bool:
            for start in range(first, last, CHUNK):
                chunk = slice(start, min(start + CHUNK, last))
                values: Values = {name: array[chunk] for name, array in arrays.items()}
                for stage in self._stages:
                    stage(values)
                for name, result in results.items():
                    result[chunk] = values[name]
            return True

        _in_threads(part, events)
        return results

    def run_fast(self, array: Array, result: Integers | None = None) -> Integers | None:
        """Run integers (event, n_in) in one compiled call; None where that is not possible.

        Results go into *result*, C-contiguous, where it is given. Not possible where the model is
        no chain of dense layers, or *array* is of another shape or type, or holds a value outside
        the input's format.
        """
        chain = self._chain
        if chain is None or array.ndim != 2 or array.shape[1] != self._inputs[0].shape[0]:
            return None
        if array.dtype not in FAST_TYPES:
            wider = WIDER.get(array.dtype)
            if wider is None:
                return None
            array = array.astype(wider)
        if not (array.flags.c_contiguous and array.flags.writeable):
            # Numba would compile once more for each of these.
            array = array.copy(order="C")
        if result is None:
            result = np.empty((array.shape[0], chain.outputs), dtype=np.int64)
        if array.shape[0] < 2 * EVENTS_PER_THREAD:
            return result if chain.run(array, result) else None

        def part(first: int, last: int) -> bool:
            return chain.run(array[first:last], result[first:last])

        return result if _in_threads(part, array.shape[0]) else None

    def run_one(self, integers: Array, out: Integers | None = None) -> Integers:
        """Run one event of a model with one input and one output; the result goes into *out*."""
        if not self._single:
            raise PrecisionError(
                "run_one takes a model with one input and one output", remedy="use run"
            )
        source = self._inputs[0]
        array = np.asarray(integers)
        (shape,) = self._outputs.values()
        if out is not None and (out.shape != shape or out.dtype != np.int64):
            raise PrecisionError(
                f"the result goes into an int64 array of shape {shape}",
                field="out",
                value=(out.shape, str(out.dtype)),
            )
        if array.ndim == 1:
            row = np.empty((1, *shape), dtype=np.int64) if out is None else out[None]
            if row.flags.c_contiguous and self.run_fast(array[None], row) is not None:
                return row[0] if out is None else out
        if array.shape != source.shape or array.dtype.kind not in "iu":
            raise PrecisionError(
                f"input {source.name!r} takes integers of shape {source.shape}",
                value=(array.shape, str(array.dtype)),
            )
        if not source.format.holds(int(array.min()), int(array.max())):
            raise PrecisionError(
                f"input {source.name!r} lies outside {source.format}",
                value=(int(array.min()), int(array.max())),
            )
        result: Integers = next(iter(self.run({source.name: array[None]}).values()))[0]
        if out is None:
            return result
        out[...] = result
        return out


def _most_threads() -> int:
    return int(getattr(numba.config, "NUMBA_NUM_THREADS", 1))


def _in_threads(part: Callable[[int, int], bool], events: int) -> bool:
    """Call *part* on ranges of events, in threads where there are enough events for it.

    The number of threads is numba's: the processors at hand, or ``NUMBA_NUM_THREADS``.
    """
    threads = min(_most_threads(), events // EVENTS_PER_THREAD)
    if threads < 2:
        return part(0, events)
    edges = [events * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        return all(list(pool.map(part, edges[:-1], edges[1:])))


def _stages(model: Specification) -> list[Stage]:
    """Return one stage per layer; a matrix and what is fused to it become one."""
    return [
        step_stage(one) if isinstance(one, LayerStep) else link_stage(one)
        for one in links_of(model.steps, model.outputs)
    ]
