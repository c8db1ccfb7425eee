"""Layers of several sources: their streams wait for each other in queues."""

from __future__ import annotations

from collections.abc import Sequence

from pulsefront.firmware.rtl.language.verilog import instance, wires
from pulsefront.firmware.rtl.layers.assign import CLOCK, Stream, assigned, register_slice
from pulsefront.firmware.rtl.time_shared.memories import matrix_numbers
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan, queue_bits
from pulsefront.firmware.rtl.time_shared.stages import kept_format, matrix_parameters, stage
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.layers import Add, ChosenDense, Concatenate, LayerStep

__all__ = ["stage"]


@stage.register
def _chosen(
    layer: ChosenDense,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,
) -> list[str]:
    """Return queues of elements and numbers, and the sums with the weights of a number."""
    numbers, matrix = matrix_numbers(step), plan.matrices[layer.name]
    stem, kept = f"{target.stem}_sum", kept_format(step, numbers)
    tensor, number = step.sources
    formats = [tensor.format, number.format]
    lines, (given, chosen) = _queued(step, sources, target, plan, formats)
    sets = {"SETS": matrix.sets, "SET_WIDTH": number.format.width}
    return [
        *lines,
        *wires(stem, numbers.sum_width),
        *instance(
            "pf_sets",
            f"u__{layer.name}",
            {**matrix_parameters(step, numbers, matrix), **sets},
            {**CLOCK, **given.ports("in"), **chosen.ports("number"),
             **Stream(stem, kept).ports("out")},
        ),
        *assigned(step, Stream(stem, kept), target, layer.assignment),
    ]  # fmt: skip


@stage.register
def _concatenate(
    layer: Concatenate,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,
) -> list[str]:
    """Return queues of every source, and their elements in turn."""
    result = step.exact.format
    lines, streams = _queued(step, sources, target, plan)
    lengths = [one.shape[-1] for one in step.sources]
    first, length = streams[0], lengths[0]
    for number, (second, more) in enumerate(zip(streams[1:], lengths[1:], strict=True), 1):
        stem = f"{target.stem}_joined{number}"
        joined = Stream(stem, result)
        lines += [
            *wires(stem, result.width),
            *instance(
                "pf_concatenate",
                f"u__{layer.name}_{number}",
                {"WIDTH": result.width, "FIRST": length, "SECOND": more},
                {**CLOCK, **first.ports("a"), **second.ports("b"), **joined.ports("out")},
            ),
        ]
        first, length = joined, length + more
    return [*lines, *register_slice(f"{target.stem}_slice", result.width, first, target)]


@stage.register
def _add(
    layer: Add,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,
) -> list[str]:
    """Return queues of every source, and the sums of their elements."""
    result = step.exact.format
    lines, (first, *others) = _queued(step, sources, target, plan)
    for number, second in enumerate(others, 1):
        stem = f"{target.stem}_added{number}"
        added = Stream(stem, result)
        lines += [
            *wires(stem, result.width),
            *instance(
                "pf_add",
                f"u__{layer.name}_{number}",
                {"WIDTH": result.width},
                {**first.ports("a"), **second.ports("b"), **added.ports("out")},
            ),
        ]
        first = added
    return [*lines, *assigned(step, first, target, layer.assignment, registered=True)]


def _queued(
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,
    formats: Sequence[FixedPointFormat] = (),
) -> tuple[list[str], list[Stream]]:
    """Return a queue of each source at the format of the exact result, or at its own of *formats*.

    Lines, and what they give. Each holds the events that its source gives before the last of the
    sources has its first.
    """
    lines, streams = [], []
    wanted = formats or (step.exact.format,) * len(sources)
    for number, (tensor, source, result) in enumerate(
        zip(step.sources, sources, wanted, strict=True)
    ):
        stem = f"{target.stem}_from{number}"
        shift = result.fraction - tensor.format.fraction
        lines += [
            *wires(stem, result.width),
            *instance(
                "pf_fifo",
                f"{stem}_queue",
                {"WIDTH": result.width, "DEPTH_LOG2": queue_bits(step, tensor, plan)},
                {
                    **CLOCK,
                    "in_valid": f"{source.stem}_valid",
                    "in_ready": f"{source.stem}_ready",
                    "in_data": source.value(result.width, shift),
                    **Stream(stem, result).ports("out"),
                },
            ),
        ]
        streams.append(Stream(stem, result))
    return lines, streams
