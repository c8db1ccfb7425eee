"""The tile of tiles.py in 16-bit integers: int16 × int16 products added in pairs to int32 sums.

Two inputs and the two weights that meet them lie side by side in 32 bits; a processor multiplies
both pairs and adds the products in one instruction (x86: ``pmaddwd``), and with VNNI adds to the
sum in the same one (``vpdpwssd``): twice the products of a float32 instruction. Without VNNI it
takes two, and nothing is gained. So this kernel is taken where the processor has VNNI and the
proof shows that inputs, weights and activations fit 16 bits and sums 32. Measured on a Zen 5 beside
the float32 tile: 1.5 to 1.8 times as fast for 1,024 events of networks of 2,500 to 25,000
multiply-accumulates, equal for one event of the smaller ones; ``make bench`` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import config, njit, types
from numba.extending import intrinsic

from pulsefront.fixed_point.tiles import BLOCK, ROWS, VECTOR_BYTES, VECTORS

__all__ = ["LANES", "NARROW_IS_FASTER", "run_narrow_chain"]

Array = npt.NDArray[Any]

_FEATURES = binding.get_host_cpu_features()
_OTHER_PROCESSOR = bool(getattr(config, "CPU_NAME", None))  # NUMBA_CPU_NAME: code for another one
NARROW_IS_FASTER = not _OTHER_PROCESSOR and all(
    _FEATURES.get(name, False) for name in ("avx512vnni", "avx512bw")
)
"""Whether the processor multiplies and adds 16-bit integers faster than it does float32."""

LANES = VECTOR_BYTES // 4
"""Outputs per vector."""

_INT32 = ir.IntType(32)
_SUMS = ir.VectorType(_INT32, LANES)
_PAIRS = ir.VectorType(ir.IntType(16), 2 * LANES)
_RESULTS = ir.VectorType(ir.IntType(16), LANES)


def _tile(rows: int, vectors: int, *, wide: bool) -> Any:
    """Return an intrinsic that computes *rows* events × *vectors* of outputs.

    Its arguments are 64-bit integers: the addresses of the first source row, of the weights, of
    offset, shift, low and high, and of the first target row; then the number of pairs per sum, and
    the strides of source, weights and target in bytes. Each output becomes
    (sum + offset) >> shift, limited to low … high, as int16, or with *wide* as int32.
    """

    @intrinsic
    def compute(
        typing_context: Any,  # noqa: ARG001 - numba passes types by these names
        source: Any,  # noqa: ARG001
        weights: Any,  # noqa: ARG001
        offset: Any,  # noqa: ARG001
        shift: Any,  # noqa: ARG001
        low: Any,  # noqa: ARG001
        high: Any,  # noqa: ARG001
        target: Any,  # noqa: ARG001
        pairs: Any,  # noqa: ARG001
        source_stride: Any,  # noqa: ARG001
        weight_stride: Any,  # noqa: ARG001
        target_stride: Any,  # noqa: ARG001
    ) -> Any:
        return types.void(*(types.intp,) * 11), _TileCode(rows, vectors, wide)

    return compute


@dataclass(frozen=True)
class _TileCode:
    """Generator of a tile's LLVM code; numba calls it with the builder and the arguments."""

    rows: int
    vectors: int
    wide: bool

    def __call__(self, context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        source, weights, *constants, target = arguments[:7]
        pairs, source_stride, weight_stride, target_stride = arguments[7:]
        word = source.type
        sums = self._products(builder, source, weights, pairs, source_stride, weight_stride)
        kind = _SUMS if self.wide else _RESULTS
        for v in range(self.vectors):
            at = word(VECTOR_BYTES * v)
            offset, shift, low, high = (
                _load(builder, builder.add(one, at), _SUMS) for one in constants
            )
            place = builder.add(target, word(VECTOR_BYTES * v if self.wide else 2 * LANES * v))
            for row in range(self.rows):
                value = builder.add(sums[row * self.vectors + v], offset)
                value = builder.ashr(value, shift)
                value = builder.select(builder.icmp_signed(">", value, low), value, low)
                value = builder.select(builder.icmp_signed("<", value, high), value, high)
                if not self.wide:
                    value = builder.trunc(value, _RESULTS)
                pointer = builder.inttoptr(place, kind.as_pointer())
                builder.store(value, pointer, align=2)
                place = builder.add(place, target_stride)
        return context.get_dummy_value()

    def _products(
        self,
        builder: Any,
        source: Any,
        weights: Any,
        pairs: Any,
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
        sums = [builder.phi(_SUMS) for _ in range(self.rows * self.vectors)]
        columns = [
            _load(builder, builder.add(place, word(VECTOR_BYTES * v)), _PAIRS)
            for v in range(self.vectors)
        ]
        shift = builder.mul(index, word(4))
        results = []
        for row in range(self.rows):
            pair = _spread(builder, builder.add(starts[row], shift))
            for v in range(self.vectors):
                products = _added_in_pairs(builder, pair, columns[v])
                results.append(builder.add(sums[row * self.vectors + v], products))
        following = builder.add(index, word(1))
        index.add_incoming(word(0), before)
        index.add_incoming(following, body)
        place.add_incoming(weights, before)
        place.add_incoming(builder.add(place, weight_stride), body)
        for one, result in zip(sums, results, strict=True):
            one.add_incoming(ir.Constant(_SUMS, None), before)
            one.add_incoming(result, body)
        builder.cbranch(builder.icmp_signed("<", following, pairs), body, after)
        builder.position_at_end(after)
        return results


def _load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=4)


def _spread(builder: Any, address: Any) -> Any:
    """Return a vector that repeats the pair at *address*."""
    value = builder.load(builder.inttoptr(address, _INT32.as_pointer()), align=2)
    nothing = ir.Constant(_SUMS, ir.Undefined)
    first = builder.insert_element(nothing, value, _INT32(0))
    zeros = ir.Constant(ir.VectorType(_INT32, LANES), None)
    return builder.bitcast(builder.shuffle_vector(first, nothing, zeros), _PAIRS)


def _added_in_pairs(builder: Any, a: Any, b: Any) -> Any:
    """Return a[2k] · b[2k] + a[2k+1] · b[2k+1] in 32 bits."""
    if NARROW_IS_FASTER:
        # By name: LLVM does not find it in the pattern once several rows share the weights.
        name = "llvm.x86.avx512.pmaddw.d.512"
        known = builder.module.globals.get(name)
        kind = ir.FunctionType(_SUMS, [_PAIRS, _PAIRS])
        return builder.call(known or ir.Function(builder.module, kind, name), [a, b])
    nothing = ir.Constant(_PAIRS, ir.Undefined)
    products = []
    for first in (0, 1):
        chosen = ir.Constant(ir.VectorType(_INT32, LANES), list(range(first, 2 * LANES, 2)))
        parts = [
            builder.sext(builder.shuffle_vector(one, nothing, chosen), _SUMS) for one in (a, b)
        ]
        products.append(builder.mul(*parts))
    return builder.add(*products)


_FULL, _FULL_LAST = _tile(ROWS, VECTORS, wide=False), _tile(ROWS, 1, wide=False)
_SINGLE, _SINGLE_LAST = _tile(1, VECTORS, wide=False), _tile(1, 1, wide=False)
_WIDE, _WIDE_SINGLE = _tile(ROWS, 1, wide=True), _tile(1, 1, wide=True)


@njit(nogil=True, cache=True)
def _run_layer(
    source: int, target: int, stride: int, events: int, row: Array, start: int, last: int
) -> None:
    """Run one layer; all addresses and strides in bytes, *row* is (pairs, n_out, padded, …).

    The *last* layer stores 32 bits a number.
    """
    pairs, padded = row[0], row[2]
    step = 4 * padded
    offsets = start + step * pairs
    target_stride = 2 * stride if last else stride
    event = 0
    while event < events:
        # One or two events left over are done alone; more fill a tile with stale rows.
        many = events - event > 2
        x, y = source + event * stride, target + event * target_stride
        column = 0
        while column < padded:
            at = 4 * column
            w, o, s = start + at, offsets + at, offsets + step + at
            low, high = offsets + 2 * step + at, offsets + 3 * step + at
            if last:
                t = y + at
                if many:
                    _WIDE(x, w, o, s, low, high, t, pairs, stride, step, target_stride)
                else:
                    _WIDE_SINGLE(x, w, o, s, low, high, t, pairs, stride, step, target_stride)
                column += LANES
                continue
            t = y + 2 * column
            if padded - column >= VECTORS * LANES:
                if many:
                    _FULL(x, w, o, s, low, high, t, pairs, stride, step, stride)
                else:
                    _SINGLE(x, w, o, s, low, high, t, pairs, stride, step, stride)
                column += VECTORS * LANES
            else:
                if many:
                    _FULL_LAST(x, w, o, s, low, high, t, pairs, stride, step, stride)
                else:
                    _SINGLE_LAST(x, w, o, s, low, high, t, pairs, stride, step, stride)
                column += LANES
        event += ROWS if many else 1


@njit(nogil=True, cache=True)
def run_narrow_chain(
    source: Array, table: Array, constants: Array, buffer: Array, result: Array
) -> bool:
    """Run a chain of dense layers (see chain.py) on integers (event, n_in).

    *buffer* is int16: two halves of activations, and one twice as wide for the last results.
    Returns whether every input was within its format.
    """
    if source.shape[0] == 0:
        return True
    width = table[0, 2]
    half = (BLOCK + ROWS) * width
    wide = buffer[2 * half :].view(np.int32)
    lowest = highest = source[0, 0]
    stride = 2 * width
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
            last = int(index == table.shape[0] - 1)
            base = buffer.ctypes.data
            start = constants.ctypes.data + 4 * table[index, 3]
            y = base + 2 * (2 * half if last else there)
            _run_layer(base + 2 * here, y, stride, events, table[index], start, last)
            here, there = there, here
        for event in range(events):
            values32 = wide[event * width : event * width + result.shape[1]]
            for channel in range(values32.size):
                result[first + event, channel] = np.int64(values32[channel])
    inside: bool = np.int64(lowest) >= table[0, 0] and np.int64(highest) <= table[0, 1]
    return inside
