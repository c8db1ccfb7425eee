"""A matrix-product tile in vector registers, with rounding and saturation at its end.

Numba's loop vectorizer keeps sums in memory; this intrinsic writes the LLVM vector operations
down, so that a tile of rows × vectors of outputs stays in registers from the first product to the
stored integers. Sums are exact by the caller's proof, so neither the order of the additions nor
their fusion with the products can show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["BLOCK", "ROWS", "VECTOR_BYTES", "run_chain"]

Array = npt.NDArray[Any]

BLOCK = 96
"""Events per pass: their activations stay in the first-level cache."""

VECTOR_BYTES = 64
"""One vector: 512 bits; a processor with narrower registers uses two or four of its own."""

# Sums of a tile, columns and a spread value must fit the registers: 32 wide ones, or 16 narrow.
WIDE = bool(binding.get_host_cpu_features().get("avx512f", False))
ROWS = 8 if WIDE else 3
"""Events per tile."""
VECTORS = 2 if WIDE else 1
"""Vectors of outputs per tile."""


def _tile(rows: int, vectors: int) -> Any:
    """Return an intrinsic that computes *rows* events × *vectors* of outputs.

    Its first argument is any number of the float type to use. The others are 64-bit integers:
    the addresses of the first source row, of the weights, of
    scale, offset, low and high, and of the first target row; then the number of products per sum,
    and the strides of source, weights and target in bytes. Each output becomes
    floor(sum · scale + offset), limited to low … high.
    """

    @intrinsic
    def compute(
        typing_context: Any,  # noqa: ARG001 - numba passes types by these names
        like: Any,
        source: Any,  # noqa: ARG001
        weights: Any,  # noqa: ARG001
        scale: Any,  # noqa: ARG001
        offset: Any,  # noqa: ARG001
        low: Any,  # noqa: ARG001
        high: Any,  # noqa: ARG001
        target: Any,  # noqa: ARG001
        count: Any,  # noqa: ARG001
        source_stride: Any,  # noqa: ARG001
        weight_stride: Any,  # noqa: ARG001
        target_stride: Any,  # noqa: ARG001
    ) -> Any:
        code = _TileCode(like.bitwidth // 8, rows, vectors)
        return types.void(like, *(types.intp,) * 11), code

    return compute


@dataclass(frozen=True)
class _TileCode:
    """Generator of a tile's LLVM code; numba calls it with the builder and the arguments."""

    size: int
    rows: int
    vectors: int

    def __call__(self, context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        source, weights, scale, offset, low, high, target = arguments[1:8]
        count, source_stride, weight_stride, target_stride = arguments[8:]
        word = source.type
        sums = self._products(builder, source, weights, count, source_stride, weight_stride)
        floor = self._function(builder, "floor", 1)
        for v in range(self.vectors):
            at = word(VECTOR_BYTES * v)
            limits = [self._load(builder, builder.add(one, at)) for one in (low, high)]
            factor, term = (self._load(builder, builder.add(one, at)) for one in (scale, offset))
            place = builder.add(target, at)
            for row in range(self.rows):
                value = self._product_sum(builder, sums[row * self.vectors + v], factor, term)
                value = builder.call(floor, [value])
                above = builder.fcmp_ordered(">", value, limits[0])
                value = builder.select(above, value, limits[0])
                below = builder.fcmp_ordered("<", value, limits[1])
                value = builder.select(below, value, limits[1])
                builder.store(value, self._pointer(builder, place), align=self.size)
                place = builder.add(place, target_stride)
        return context.get_dummy_value()

    @property
    def _lanes(self) -> int:
        return VECTOR_BYTES // self.size

    @property
    def _scalar(self) -> Any:
        return ir.FloatType() if self.size == 4 else ir.DoubleType()

    @property
    def _vector(self) -> Any:
        return ir.VectorType(self._scalar, self._lanes)

    def _function(self, builder: Any, name: str, inputs: int) -> Any:
        full = f"llvm.{name}.v{self._lanes}f{8 * self.size}"
        known = builder.module.globals.get(full)
        kind = ir.FunctionType(self._vector, [self._vector] * inputs)
        return known or ir.Function(builder.module, kind, full)

    @staticmethod
    def _product_sum(builder: Any, a: Any, b: Any, c: Any) -> Any:
        """Return a · b + c; one instruction where the processor has one for it."""
        product = builder.fmul(a, b, flags=("contract",))
        return builder.fadd(product, c, flags=("contract",))

    def _pointer(self, builder: Any, address: Any) -> Any:
        return builder.inttoptr(address, self._vector.as_pointer())

    def _load(self, builder: Any, address: Any) -> Any:
        return builder.load(self._pointer(builder, address), align=self.size)

    def _spread(self, builder: Any, address: Any) -> Any:
        """Return a vector that repeats the number at *address*."""
        value = builder.load(builder.inttoptr(address, self._scalar.as_pointer()))
        nothing = ir.Constant(self._vector, ir.Undefined)
        first = builder.insert_element(nothing, value, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self._lanes), None)
        return builder.shuffle_vector(first, nothing, zeros)

    def _products(
        self,
        builder: Any,
        source: Any,
        weights: Any,
        count: Any,
        source_stride: Any,
        weight_stride: Any,
    ) -> list[Any]:
        """Return the sums of products, one vector per row and vector of outputs."""
        word = source.type
        starts = [source]
        for _ in range(self.rows - 1):
            starts.append(builder.add(starts[-1], source_stride))
        before = builder.block
        body = builder.append_basic_block("products")
        after = builder.append_basic_block("rounding")
        builder.branch(body)
        builder.position_at_end(body)
        index, place = builder.phi(word), builder.phi(word)
        sums = [builder.phi(self._vector) for _ in range(self.rows * self.vectors)]
        at = [builder.add(place, word(VECTOR_BYTES * v)) for v in range(self.vectors)]
        columns = [self._load(builder, one) for one in at]
        shift = builder.mul(index, word(self.size))
        results = []
        for row in range(self.rows):
            value = self._spread(builder, builder.add(starts[row], shift))
            for v in range(self.vectors):
                known = sums[row * self.vectors + v]
                results.append(self._product_sum(builder, value, columns[v], known))
        following = builder.add(index, word(1))
        index.add_incoming(word(0), before)
        index.add_incoming(following, body)
        place.add_incoming(weights, before)
        place.add_incoming(builder.add(place, weight_stride), body)
        for one, result in zip(sums, results, strict=True):
            one.add_incoming(ir.Constant(self._vector, None), before)
            one.add_incoming(result, body)
        builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        builder.position_at_end(after)
        return results


_FULL, _FULL_LAST = _tile(ROWS, VECTORS), _tile(ROWS, 1)
_SINGLE, _SINGLE_LAST = _tile(1, VECTORS), _tile(1, 1)


@njit(nogil=True, cache=True)
def _run_layer(
    like: float,
    size: int,
    source: int,
    target: int,
    stride: int,
    events: int,
    row: Array,
    start: int,
) -> None:
    """Run one layer; all addresses and strides in bytes, *row* is (n_in, n_out, padded, …)."""
    count, padded = row[0], row[2]
    lanes = VECTOR_BYTES // size
    step = size * padded
    scale = start + step * count
    event = 0
    while event < events:
        # One or two events left over are done alone; more fill a tile with stale rows.
        many = events - event > 2
        x, y = source + event * stride, target + event * stride
        column = 0
        while column < padded:
            at = size * column
            w, s, o = start + at, scale + at, scale + step + at
            low, high, t = scale + 2 * step + at, scale + 3 * step + at, y + at
            if padded - column >= VECTORS * lanes:
                if many:
                    _FULL(like, x, w, s, o, low, high, t, count, stride, step, stride)
                else:
                    _SINGLE(like, x, w, s, o, low, high, t, count, stride, step, stride)
                column += VECTORS * lanes
            else:
                if many:
                    _FULL_LAST(like, x, w, s, o, low, high, t, count, stride, step, stride)
                else:
                    _SINGLE_LAST(like, x, w, s, o, low, high, t, count, stride, step, stride)
                column += lanes
        event += ROWS if many else 1


@njit(nogil=True, cache=True)
def run_chain(source: Array, table: Array, constants: Array, buffer: Array, result: Array) -> bool:
    """Run a chain of dense layers (see chain.py) on integers (event, n_in).

    Returns whether every input was within its format.
    """
    if source.shape[0] == 0:
        return True
    width = table[0, 2]
    size = constants.itemsize
    half = buffer.size // 2
    lowest = highest = source[0, 0]
    for first in range(0, source.shape[0], BLOCK):
        events = min(BLOCK, source.shape[0] - first)
        for event in range(events):
            # Plain slices of one type each: so the loop becomes vector instructions.
            given = source[first + event]
            values = buffer[event * width : event * width + given.size]
            for channel in range(given.size):
                value = given[channel]
                lowest, highest = min(lowest, value), max(highest, value)
                values[channel] = value
        here, there = 0, half
        for index in range(1, table.shape[0]):
            base = buffer.ctypes.data
            start = constants.ctypes.data + size * table[index, 3]
            x, y = base + size * here, base + size * there
            _run_layer(constants[0], size, x, y, size * width, events, table[index], start)
            here, there = there, here
        for event in range(events):
            values = buffer[here + event * width : here + event * width + result.shape[1]]
            for channel in range(values.size):
                result[first + event, channel] = np.int64(values[channel])
    inside: bool = np.int64(lowest) >= table[0, 0] and np.int64(highest) <= table[0, 1]
    return inside
