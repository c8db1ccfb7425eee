"""A matrix-product tile in vector registers, with rounding and saturation at its end.

Numba's loop vectorizer keeps sums in memory; these intrinsics write the LLVM vector operations
down, so that a tile of rows × vectors of outputs stays in registers from the first product to the
stored numbers. Sums are exact by the caller's proof, so neither the order of the additions nor
their fusion with the products can show.

There are two kinds. In float32 or float64 one number of the source is spread over a vector and
multiplied by a vector of weights. In 16-bit integers two inputs and the two weights that meet
them lie side by side in 32 bits; a processor multiplies both pairs and adds the products in one
instruction (x86: ``pmaddwd``), and with VNNI adds to the sum in the same one (``vpdpwssd``): twice
the products of a float32 instruction. Without VNNI it takes two, and nothing is gained. So the
second kind is taken where the processor has VNNI and the proof shows that inputs, weights and
activations fit 16 bits and sums 32. Measured on a Zen 5 beside the float32 tile: 1.5 to 1.8 times
as fast for 1,024 events of networks of 2,500 to 25,000 multiply-accumulates, equal for one event
of the smaller ones; ``make bench`` prints it.

Numba's cache of compiled chains looks at the file tiles.py alone: change a line there too when
the code here changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic

__all__ = ["BLOCK", "NARROW_IS_FASTER", "ROWS", "VECTORS", "VECTOR_BYTES", "tile"]

BLOCK = 96
"""Events per pass: their activations stay in the first-level cache."""

VECTOR_BYTES = 64
"""One vector: 512 bits; a processor with narrower registers uses two or four of its own."""

_FEATURES = binding.get_host_cpu_features()

# Sums of a tile, columns and a spread value must fit the registers: 32 wide ones, or 16 narrow.
WIDE = bool(_FEATURES.get("avx512f", False))
ROWS = 8 if WIDE else 3
"""Events per tile."""
VECTORS = 2 if WIDE else 1
"""Vectors of outputs per tile."""

_OTHER_PROCESSOR = bool(getattr(config, "CPU_NAME", None))  # NUMBA_CPU_NAME: code for another one
NARROW_IS_FASTER = not _OTHER_PROCESSOR and all(
    _FEATURES.get(name, False) for name in ("avx512vnni", "avx512bw")
)
"""Whether the processor multiplies and adds 16-bit integers faster than it does float32."""


def tile(rows: int, vectors: int) -> Any:
    """Return an intrinsic that computes *rows* events × *vectors* of outputs.

    The type of its first argument chooses the code: float32 and float64 for these, int16 for
    16-bit integers with results of 16 bits, int32 for the same with results of 32. The others are
    64-bit integers: the addresses of the first source row, of the weights, of the four rows of
    constants after them, and of the first target row; then the number of products per sum (of
    pairs of products in 16-bit integers), and the strides of source, weights and target in bytes.

    Each output becomes floor(sum · scale + offset), in integers (sum + offset) >> shift, limited
    to low … high; the four rows are scale or shift, offset, low, and high.
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
        if isinstance(like, types.Float):
            code: _TileCode = _FloatTile(rows, vectors, like.bitwidth // 8)
        else:
            code = _PairTile(rows, vectors, wide=like.bitwidth == 32)
        return types.void(like, *(types.intp,) * 11), code

    return compute


@dataclass(frozen=True)
class _TileCode(ABC):
    """Generator of a tile's LLVM code; numba calls it with the builder and the arguments."""

    rows: int
    vectors: int

    @property
    @abstractmethod
    def sums(self) -> Any:
        """Vector type of sums and constants."""

    @property
    def columns(self) -> Any:
        """Vector type of the weights."""
        return self.sums

    @property
    def results(self) -> Any:
        """Vector type of the results."""
        return self.sums

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of a constant, and of the source's part of a product."""

    @property
    def result_size(self) -> int:
        """Bytes of a result."""
        return self.size

    @abstractmethod
    def spread(self, builder: Any, address: Any) -> Any:
        """Return a vector that repeats what lies at *address*."""

    @abstractmethod
    def added(self, builder: Any, total: Any, value: Any, column: Any) -> Any:
        """Return *total* + *value* · *column*."""

    @abstractmethod
    def rounded(self, builder: Any, total: Any, scale: Any, offset: Any) -> Any:
        """Return *total* after offset, scale or shift, and floor."""

    @abstractmethod
    def limited(self, builder: Any, value: Any, low: Any, high: Any) -> Any:
        """Return *value* limited to *low* … *high*, in the type of the results."""

    def __call__(self, context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        source, weights, *constants, target = arguments[1:8]
        count, source_stride, weight_stride, target_stride = arguments[8:]
        word = source.type
        sums = self._products(builder, source, weights, count, source_stride, weight_stride)
        result_bytes = VECTOR_BYTES // self.size * self.result_size
        for v in range(self.vectors):
            at = word(VECTOR_BYTES * v)
            scale, offset, low, high = (
                self._load(builder, builder.add(one, at), self.sums) for one in constants
            )
            address = builder.add(target, word(result_bytes * v))
            for row in range(self.rows):
                value = self.rounded(builder, sums[row * self.vectors + v], scale, offset)
                value = self.limited(builder, value, low, high)
                pointer = builder.inttoptr(address, self.results.as_pointer())
                builder.store(value, pointer, align=self.result_size)
                address = builder.add(address, target_stride)
        return context.get_dummy_value()

    def _load(self, builder: Any, address: Any, kind: Any) -> Any:
        return builder.load(builder.inttoptr(address, kind.as_pointer()), align=self.size)

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
        index, row_of_weights = builder.phi(word), builder.phi(word)
        sums = [builder.phi(self.sums) for _ in range(self.rows * self.vectors)]
        columns = [
            self._load(builder, builder.add(row_of_weights, word(VECTOR_BYTES * v)), self.columns)
            for v in range(self.vectors)
        ]
        shift = builder.mul(index, word(self.size))
        results = []
        for row in range(self.rows):
            value = self.spread(builder, builder.add(starts[row], shift))
            for v, column in enumerate(columns):
                known = sums[row * self.vectors + v]
                results.append(self.added(builder, known, value, column))
        following = builder.add(index, word(1))
        index.add_incoming(word(0), before)
        index.add_incoming(following, body)
        row_of_weights.add_incoming(weights, before)
        row_of_weights.add_incoming(builder.add(row_of_weights, weight_stride), body)
        for one, result in zip(sums, results, strict=True):
            one.add_incoming(ir.Constant(self.sums, None), before)
            one.add_incoming(result, body)
        builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        builder.position_at_end(after)
        return results


def _repeated(builder: Any, value: Any, lanes: int) -> Any:
    """Return a vector of *lanes* times a scalar."""
    nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(first, nothing, zeros)


def _intrinsic(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call one of LLVM's own functions."""
    kind = ir.FunctionType(result, [one.type for one in arguments])
    known = builder.module.globals.get(name)
    return builder.call(known or ir.Function(builder.module, kind, name), arguments)


@dataclass(frozen=True)
class _FloatTile(_TileCode):
    """Products in floats of *bytes_* bytes."""

    bytes_: int

    @property
    def size(self) -> int:
        return self.bytes_

    @property
    def _scalar(self) -> Any:
        return ir.FloatType() if self.size == 4 else ir.DoubleType()

    @property
    def sums(self) -> Any:
        return ir.VectorType(self._scalar, VECTOR_BYTES // self.size)

    def spread(self, builder: Any, address: Any) -> Any:
        value = builder.load(builder.inttoptr(address, self._scalar.as_pointer()))
        return _repeated(builder, value, VECTOR_BYTES // self.size)

    def added(self, builder: Any, total: Any, value: Any, column: Any) -> Any:
        # One instruction where the processor has one for it.
        product = builder.fmul(value, column, flags=("contract",))
        return builder.fadd(product, total, flags=("contract",))

    def rounded(self, builder: Any, total: Any, scale: Any, offset: Any) -> Any:
        value = self.added(builder, offset, total, scale)
        name = f"llvm.floor.v{VECTOR_BYTES // self.size}f{8 * self.size}"
        return _intrinsic(builder, name, self.sums, [value])

    def limited(self, builder: Any, value: Any, low: Any, high: Any) -> Any:
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        return builder.select(builder.fcmp_ordered("<", value, high), value, high)


@dataclass(frozen=True)
class _PairTile(_TileCode):
    """Products of 16-bit integers, added in pairs to 32 bits; *wide* stores results of 32."""

    wide: bool

    @property
    def size(self) -> int:
        return 4

    @property
    def result_size(self) -> int:
        return 4 if self.wide else 2

    @property
    def sums(self) -> Any:
        return ir.VectorType(ir.IntType(32), VECTOR_BYTES // 4)

    @property
    def columns(self) -> Any:
        return ir.VectorType(ir.IntType(16), VECTOR_BYTES // 2)

    @property
    def results(self) -> Any:
        return ir.VectorType(ir.IntType(8 * self.result_size), VECTOR_BYTES // 4)

    def spread(self, builder: Any, address: Any) -> Any:
        pair = ir.IntType(32).as_pointer()
        value = builder.load(builder.inttoptr(address, pair), align=2)
        return builder.bitcast(_repeated(builder, value, VECTOR_BYTES // 4), self.columns)

    def added(self, builder: Any, total: Any, value: Any, column: Any) -> Any:
        return builder.add(total, self._added_in_pairs(builder, value, column))

    def _added_in_pairs(self, builder: Any, a: Any, b: Any) -> Any:
        """Return a[2k] · b[2k] + a[2k+1] · b[2k+1] in 32 bits."""
        if NARROW_IS_FASTER:
            # By name: LLVM does not find it in the pattern once several rows share the weights.
            return _intrinsic(builder, "llvm.x86.avx512.pmaddw.d.512", self.sums, [a, b])
        nothing = ir.Constant(self.columns, ir.Undefined)
        indices = ir.VectorType(ir.IntType(32), VECTOR_BYTES // 4)
        products = []
        for first in (0, 1):
            chosen = ir.Constant(indices, list(range(first, VECTOR_BYTES // 2, 2)))
            parts = [
                builder.sext(builder.shuffle_vector(one, nothing, chosen), self.sums)
                for one in (a, b)
            ]
            products.append(builder.mul(*parts))
        return builder.add(*products)

    def rounded(self, builder: Any, total: Any, scale: Any, offset: Any) -> Any:
        return builder.ashr(builder.add(total, offset), scale)

    def limited(self, builder: Any, value: Any, low: Any, high: Any) -> Any:
        value = builder.select(builder.icmp_signed(">", value, low), value, low)
        value = builder.select(builder.icmp_signed("<", value, high), value, high)
        return value if self.wide else builder.trunc(value, self.results)
