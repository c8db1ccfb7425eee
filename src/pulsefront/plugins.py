"""What other packages add, found by their entry points; nothing is loaded until it is asked for.

A package names in its ``pyproject.toml`` what it adds, by the groups of `GROUPS`;
``docs/plugins.md`` tells what each has to be, and has an example.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pulsefront.errors import PulsefrontError

__all__ = ["GROUPS", "fingerprint", "plugins"]

Kind = Literal["readers", "qc_readers", "estimators", "boards"]

GROUPS: dict[Kind, str] = {
    "readers": "pulsefront.readers",
    "qc_readers": "pulsefront.qc_readers",
    "estimators": "pulsefront.estimators",
    "boards": "pulsefront.boards",
}
"""Groups of entry points by what they add."""


@cache
def _found(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUPS[kind]), key=lambda one: one.name))


@cache
def plugins(kind: Kind) -> dict[str, Any]:
    """Return what installed packages add, by name, in the order of names.

    Raises
    ------
    PulsefrontError
        One cannot be loaded, or two have the same name: which package, and why.
    """
    loaded: dict[str, Any] = {}
    for one in _found(kind):
        if one.name in loaded:
            raise PulsefrontError(
                "two packages add the same",
                field=GROUPS[kind],
                value=one.name,
                remedy="uninstall one of them",
            )
        try:
            loaded[one.name] = one.load()
        except Exception as error:
            raise PulsefrontError(
                f"what {_package(one)} adds cannot be loaded: {type(error).__name__}: {error}",
                field=GROUPS[kind],
                value=one.name,
                remedy="mend or uninstall that package",
            ) from error
    return loaded


def fingerprint() -> str:
    """Return a hash of all that is added, empty where nothing is: results depend on it.

    Versions alone would not tell of a package that is being worked on; the files that entry points
    name are read.
    """
    found = [(kind, one) for kind in GROUPS for one in _found(kind)]
    if not found:
        return ""
    digest = hashlib.sha256()
    for kind, one in found:
        digest.update(f"{kind} {one.name} {one.value} {_package(one)}\n".encode())
        spec = find_spec(one.module)
        if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
            digest.update(Path(spec.origin).read_bytes())
    return digest.hexdigest()


def _package(one: EntryPoint) -> str:
    return "a package" if one.dist is None else f"{one.dist.name} {one.dist.version}"
