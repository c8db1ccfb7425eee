"""What an export says of its inputs: how they come from the charges of an event."""

from __future__ import annotations

from pulsefront.firmware.contents import Contents
from pulsefront.firmware.targets import FRONT_END, QONNX_GRAPH, REAL_TARGETS
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.normalise import SumNormalisation

__all__ = ["before_network", "fold_lines"]


def before_network(contents: Contents) -> list[str]:
    """Return the section of a README on what comes before the network; nothing if nothing does."""
    found = contents.preparation
    if found is None:
        return []
    lines = [
        "## Before the network",
        "",
        f"**The network does not read the charges as they come** (x, {found.bits} bits, unsigned),",
        "but what is made of them, in this order:",
        "",
    ]
    if found.normalisation is not None:
        lines += _normalised(found.normalisation)
    if found.fold is not None:
        lines += fold_lines(found.fold, found.classes)
    if found.drop_bits:
        lines.append(
            f"- without their {found.drop_bits} lowest bits: divided by {1 << found.drop_bits}, "
            "rounded down"
        )
    where = (
        f"`{FRONT_END}/` computes it"
        if FRONT_END in contents.targets
        else "No file here computes it: compute it before, or export with `--front-end`"
    )
    back = ", and what comes after the network" if found.fold is not None else ""
    return [
        *lines,
        "",
        f"{where}{back}.",
        *_in_counts(contents, found.drop_bits),
        "Vectors, executors and golden files of this folder hold what the network reads.",
    ]


def _in_counts(contents: Contents, drop_bits: int) -> list[str]:
    """Return which graphs take counts, and drop the lowest bits themselves."""
    files = {"qonnx": QONNX_GRAPH, **{name: one.file for name, one in REAL_TARGETS.items()}}
    written = [f"`{file}`" for target, file in files.items() if target in contents.targets]
    if not drop_bits or not written:
        return []
    takes = "takes" if len(written) == 1 else "take"
    return [
        f"{', '.join(written)} {takes} real values, in counts: the lowest bits are dropped in",
        "there, all else comes before.",
    ]


def _normalised(made: SumNormalisation) -> list[str]:
    return [
        f"- brought to a sum of {made.total}: with S the sum of all channels of the event, also of",
        f"  those that the network does not read, r = {made.total}·2^{made.shift} / S and",
        f"  z = (x·r + 2^{made.shift - 1}) / 2^{made.shift}, both rounded down; z is at most",
        f"  {(1 << made.charge_bits) - 1}, and 0 without light",
    ]


def fold_lines(
    mirrors: Mirrors, classes: Mirrors | None = None, charges: str = "the charges as they come"
) -> list[str]:
    """Return how an event is turned before a network and its answer after it.

    The turn is seen from *charges*; the answer is x and y first, or a score for each of a grid of
    *classes*.
    """
    columns, rows = mirrors.columns, mirrors.rows
    lines = [
        f"- turned by the mirrors of a grid of {columns} columns and {rows} rows, channel number",
        f"  {columns}·row + column: with a = Σ x·(2·column − {columns - 1}) and",
        f"  b = Σ x·(2·row − {rows - 1}), x {charges}, the event is mirrored in x",
        f"  where a < 0 (column becomes {columns - 1} − column) and in y where b < 0 (row becomes",
        f"  {rows - 1} − row)",
    ]
    if mirrors.diagonal:
        lines[-1] += ", then rows and columns exchanged where |b| > |a|"
    if classes is not None:
        width = classes.columns
        lines.append(
            f"- the answer is turned back: score number {width}·row + column is that of the"
        )
        if mirrors.diagonal:
            lines.append(
                "  crystal with row and column exchanged where those of the charges were, then"
            )
        return [
            *lines,
            f"  column {width - 1} − column where mirrored in x, and row {classes.rows - 1} − row",
            "  where mirrored in y",
        ]
    lines.append("- the answer is turned back: its first two elements, x and y, are")
    if mirrors.diagonal:
        lines.append("  exchanged where rows and columns were, then each is")
    return [*lines, "  of the opposite sign where the event was mirrored"]
