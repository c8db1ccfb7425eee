"""Assignment to a fixed-point format as ONNX nodes: every rounding, every overflow, exact."""

from __future__ import annotations

import numpy as np

from pulsefront.errors import ExportError
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Overflow, Rounding

__all__ = ["assign_nodes", "limit_nodes"]


def assign_nodes(graph: GraphBuilder, value: str, fraction: int, to: Assignment) -> str:
    """Return *value* (raw integers with *fraction*) assigned to ``to``, channels last."""
    formats = to.formats
    whole = to.container.fraction
    shifts = [fraction - one.fraction for one in formats]
    if graph.kind is np.int64:
        value = _rounded_integers(graph, value, shifts, to.rounding)
    else:
        scale = _channels([2.0**-shift for shift in shifts])
        if any(shifts):
            value = graph.node("Mul", [value, graph.real(scale)])
        if any(shift > 0 for shift in shifts):
            value = _rounded_reals(graph, value, to.rounding)
    value = _limited(graph, value, formats, to.overflow)
    up = [1 << (whole - one.fraction) for one in formats]
    return graph.node("Mul", [value, graph.number(_channels(up))]) if max(up) > 1 else value


def limit_nodes(
    graph: GraphBuilder, value: str, target: FixedPointFormat, overflow: Overflow
) -> str:
    """Return *value*, raw integers at the fraction of *target*, after overflow."""
    return _limited(graph, value, (target,), overflow)


def _channels(numbers: list[float] | list[int]) -> np.ndarray:
    return np.array(numbers[0] if len(numbers) == 1 else numbers)


def _rounded_reals(graph: GraphBuilder, value: str, rounding: Rounding) -> str:
    half = graph.real(0.5)
    match rounding:
        case Rounding.TRN:
            return graph.node("Floor", [value])
        case Rounding.RND:
            return graph.node("Floor", [graph.node("Add", [value, half])])
        case Rounding.RND_MIN_INF:
            return graph.node("Ceil", [graph.node("Sub", [value, half])])
        case Rounding.RND_CONV:
            return graph.node("Round", [value])
    # The rest treat both signs alike.
    sign = graph.node("Sign", [value])
    size = graph.node("Abs", [value])
    match rounding:
        case Rounding.TRN_ZERO:
            size = graph.node("Floor", [size])
        case Rounding.RND_INF:
            size = graph.node("Floor", [graph.node("Add", [size, half])])
        case Rounding.RND_ZERO:
            size = graph.node("Ceil", [graph.node("Sub", [size, half])])
    return graph.node("Mul", [sign, size])


def _rounded_integers(
    graph: GraphBuilder, value: str, shifts: list[int], rounding: Rounding
) -> str:
    if max(shifts) > 61:
        raise ExportError(
            f"an assignment drops {max(shifts)} bits, more than ONNX integers can",
            remedy="give the tensor before it fewer fraction bits",
        )
    left = [1 << max(-shift, 0) for shift in shifts]
    if max(left) > 1:
        value = graph.node("Mul", [value, graph.number(_channels(left))])
    if max(shifts) <= 0:
        return value
    step = graph.number(_channels([1 << max(shift, 0) for shift in shifts]))
    # Mod takes the sign of the divisor, so that this is the floor.
    rest = graph.node("Mod", [value, step])
    floor = graph.node("Div", [graph.node("Sub", [value, rest]), step])
    zero = graph.number(0)
    negative = graph.node("Less", [value, zero])
    if rounding is Rounding.TRN:
        return floor
    if rounding is Rounding.TRN_ZERO:
        above = graph.node("Greater", [rest, zero])
        return graph.node(
            "Add", [floor, graph.cast(graph.node("And", [negative, above]), np.int64)]
        )
    # Twice the rest against the step; a channel without dropped bits has rest 0 and step 1.
    double = graph.node("Add", [rest, rest])
    up = graph.node("Greater", [double, step])
    tie = graph.node("Equal", [double, step])
    match rounding:
        case Rounding.RND:
            up = graph.node("Or", [up, tie])
        case Rounding.RND_ZERO:
            up = graph.node("Or", [up, graph.node("And", [tie, negative])])
        case Rounding.RND_INF:
            up = graph.node("Or", [up, graph.node("And", [tie, graph.node("Not", [negative])])])
        case Rounding.RND_CONV:
            odd = graph.node(
                "Equal", [graph.node("Mod", [floor, graph.number(2)]), graph.number(1)]
            )
            up = graph.node("Or", [up, graph.node("And", [tie, odd])])
    return graph.node("Add", [floor, graph.cast(up, np.int64)])


def _limited(
    graph: GraphBuilder, value: str, formats: tuple[FixedPointFormat, ...], overflow: Overflow
) -> str:
    low = graph.number(_channels([one.minimum for one in formats]))
    high = graph.number(_channels([one.maximum for one in formats]))
    match overflow:
        case Overflow.SAT:
            return graph.node("Min", [graph.node("Max", [value, low]), high])
        case Overflow.SAT_SYM:
            low = graph.number(_channels([one.symmetric_minimum for one in formats]))
            return graph.node("Min", [graph.node("Max", [value, low]), high])
        case Overflow.SAT_ZERO:
            outside = graph.node(
                "Or", [graph.node("Less", [value, low]), graph.node("Greater", [value, high])]
            )
            return graph.node("Where", [outside, graph.number(0), value])
        case Overflow.WRAP:
            widths = [one.width for one in formats]
            above = graph.node("Sub", [value, low])
            if graph.kind is np.int64:
                step = graph.number(_channels([1 << width for width in widths]))
                return graph.node("Add", [graph.node("Mod", [above, step]), low])
            turns = graph.node(
                "Floor",
                [graph.node("Mul", [above, graph.real(_channels([2.0**-w for w in widths]))])],
            )
            step = graph.real(_channels([2.0**w for w in widths]))
            return graph.node("Sub", [value, graph.node("Mul", [turns, step])])
