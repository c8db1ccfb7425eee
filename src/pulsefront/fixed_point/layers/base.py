"""What every layer of a fixed-point model is: its protocol, and the register of kinds.

A layer is frozen; every number in it is an integer, every format explicit. It computes exactly
and then, where it has a field ``to`` that is not None, assigns the result to a format; otherwise
the result keeps every bit, in the format that the proven interval asks for.

A new kind of layer is one class, under `register_layer`, that says what it computes (`bounds`,
`operation`) and, where that is more than nothing, what it costs (`arithmetic`, `circuit`). Its
fields are its document. Each writer of firmware then needs one function for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.format import Assignment, Integers
from pulsefront.fixed_point.tensors import Tensor

__all__ = [
    "KINDS",
    "Arithmetic",
    "Array",
    "Bounds",
    "Fusion",
    "InnerAssignment",
    "Layer",
    "LayerStep",
    "Operation",
    "register_layer",
]

Array = npt.NDArray[Any]

Operation = Callable[..., Array]
"""From the arrays of a layer's sources, shape (event, …), raw integers in any number type that
holds them, to its exact result."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """What a layer's exact result can be.

    *low* and *high* are the interval of each element, raw integers with *fraction* fraction bits;
    *magnitude* bounds the absolute value of every partial sum on the way, in any order.
    """

    low: Integers
    high: Integers
    fraction: int
    magnitude: int


@dataclass(frozen=True)
class InnerAssignment:
    """An assignment within a layer, before its result: *label* tells what is assigned.

    Values with *fraction* fraction bits are assigned to ``to``; rounded, they lie within *reach*.
    """

    label: str
    to: Assignment
    fraction: int
    reach: tuple[int, int]


@dataclass(frozen=True)
class Fusion:
    """That a layer can be the end of the matrix product before it.

    Values below *lowest* (None: no limit) become *lowest*, then the layer's assignment follows.
    """

    lowest: int | None = None


@dataclass(frozen=True)
class Arithmetic:
    """What a layer stores and multiplies per event; `cost.Cost` says what each figure means."""

    weight_bits: int = 0
    macs: int = 0
    bops: float = 0.0
    ebops: int = 0


@dataclass(frozen=True, eq=False)
class Layer(ABC):
    """What all layers have: a unique *name* and the names of the tensors that they read."""

    name: str
    inputs: tuple[str, ...]

    kind: ClassVar[str]
    """Name of the kind in documents."""
    reads: ClassVar[int | None] = 1
    """Number of tensors that it reads; None: one or more."""
    fusion: ClassVar[Fusion | None] = None
    """How it can end a matrix product; None where it cannot."""

    def __post_init__(self) -> None:
        # A lone string is taken as one name, not as its letters.
        names: str | tuple[str, ...] = self.inputs
        inputs = (names,) if isinstance(names, str) else tuple(names)
        object.__setattr__(self, "inputs", inputs)
        if len(inputs) != (self.reads or max(len(inputs), 1)):
            wanted = {None: "one or more tensors", 1: "one tensor"}
            raise PrecisionError(
                f"layer {self.name!r}: {self.kind} reads "
                f"{wanted.get(self.reads, f'{self.reads} tensors')}",
                value=inputs,
            )

    @property
    def assignment(self) -> Assignment | None:
        """The assignment at the end, the field ``to``; None where every bit is kept."""
        to: Assignment | None = getattr(self, "to", None)
        return to

    @abstractmethod
    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return what the exact result can be, given the intervals of the sources.

        Raises
        ------
        PrecisionError
            The shape of a source does not fit, or 64 bits do not suffice.
        """

    @abstractmethod
    def operation(self, step: LayerStep) -> Operation:
        """Return the function that computes the exact result of a chunk of events."""

    def inner_assignments(
        self,
        sources: tuple[Tensor, ...],  # noqa: ARG002 - for layers that have some
    ) -> tuple[InnerAssignment, ...]:
        """Return the assignments before the result; most layers have none."""
        return ()

    def arithmetic(self, step: LayerStep) -> Arithmetic:  # noqa: ARG002
        """Return what is stored and multiplied; nothing, unless a layer says otherwise."""
        return Arithmetic()

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return the circuit up to the exact result; None where it is wires alone."""
        return None


@dataclass(frozen=True, eq=False)
class LayerStep:
    """One layer with what goes in and what comes out.

    ``exact`` is the result before the assignment, with every bit; ``result`` the tensor after it.
    ``magnitude`` bounds the absolute value of every partial sum on the way to ``exact``, in any
    order of summation: below 2^24 a float32 matrix product is exact, below 2^53 a float64 one.
    """

    layer: Layer
    sources: tuple[Tensor, ...]
    exact: Tensor
    result: Tensor
    magnitude: int


KINDS: dict[str, type[Layer]] = {}
"""Every kind of layer by its name in documents."""

Kind = TypeVar("Kind", bound=type[Layer])


def register_layer(cls: Kind) -> Kind:
    """Make a kind of layer known to documents; a decorator.

    Raises
    ------
    PrecisionError
        Another class has the same ``kind``.
    """
    known = KINDS.setdefault(cls.kind, cls)
    if known is not cls:
        raise PrecisionError(f"the layer kind {cls.kind!r} is taken", value=known.__name__)
    return cls
