"""Fitted classical estimators as files, so that an evaluation meets the very one that was tuned.

Plain values and arrays under the name of the class that they belong to: nothing in such a file is
executed, and nothing is fitted when it is read. The table of what was tried stays behind.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["freeze_estimator", "thaw_estimator"]

ROOMS = ("pulsefront.estimators.", "pulsefront.fixed_point.fold")
"""Where the classes are that a file may name; those of other packages are not written."""

FORMAT = "pulsefront frozen estimator 1"


class _NotPlain(Exception):
    """Something that is neither a plain value, an array nor a record of ours."""


def freeze_estimator(fitted: Any, path: Path) -> bool:
    """Write a fitted estimator; return whether it could be.

    Those that hold objects of other libraries, as boosted trees do, cannot: nothing is written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        about = {"format": FORMAT, "estimator": _plain(fitted, arrays)}
    except _NotPlain:
        return False
    content: dict[str, Any] = {"about": np.array(json.dumps(about)), **arrays}
    np.savez(path, **content)
    return True


def thaw_estimator(path: Path) -> Any:
    """Return the estimator that `freeze_estimator` wrote: the same numbers, to the bit.

    Raises
    ------
    DataError
        The file cannot be read, or holds something else.
    """
    try:
        with np.load(path) as content:
            arrays = dict(content)
        about = json.loads(str(arrays.pop("about")))
        if about["format"] != FORMAT:
            raise ValueError(about["format"])
        return _thawed(about["estimator"], arrays)
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        raise DataError(
            "holds no frozen estimator of this version",
            file=path,
            remedy="run the development study again; it repeats only what has changed",
        ) from error


def _plain(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return _plain(value.item(), arrays)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple):
        return {"tuple": [_plain(one, arrays) for one in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[str(key), _plain(one, arrays)] for key, one in value.items()]}
    kind = type(value)
    if is_dataclass(value) and kind.__module__.startswith(ROOMS):
        return {
            "class": f"{kind.__module__}:{kind.__name__}",
            "fields": {
                one.name: _plain(() if one.name == "table" else getattr(value, one.name), arrays)
                for one in fields(value)
                if one.init
            },
        }
    raise _NotPlain(kind)


def _thawed(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    match value:
        case {"float": text}:
            return float(text)
        case {"array": name}:
            return arrays[name]
        case {"tuple": items}:
            return tuple(_thawed(one, arrays) for one in items)
        case {"mapping": pairs}:
            return {key: _thawed(one, arrays) for key, one in pairs}
        case {"class": named, "fields": content}:
            module, name = named.split(":")
            if not module.startswith(ROOMS):
                raise ValueError(named)
            kind = getattr(importlib.import_module(module), name)
            if not (isinstance(kind, type) and is_dataclass(kind)):
                raise ValueError(named)
            return kind(**{key: _thawed(one, arrays) for key, one in content.items()})
        case _:
            return value
