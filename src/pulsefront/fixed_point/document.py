"""A fixed-point model as a JSON document with a schema version, and back.

Integers stay integers, so the round trip is exact; what the reader does not know it refuses. The
fields of a layer are read by their types (`_READERS`), so that a new layer needs nothing here.

Own code and not pydantic: weights go through NumPy, formats and modes through the checks of their
own classes, a foreign layer or a scale gets its own way out, and every error names the layer; what
is left for a schema are names of keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.files import write_text
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Formats, Integers
from pulsefront.fixed_point.layers import Layer, refuse
from pulsefront.fixed_point.layers.base import KINDS
from pulsefront.fixed_point.layers.unsupported import INSTEAD
from pulsefront.fixed_point.real_values import format_of_scale
from pulsefront.fixed_point.specification import Specification
from pulsefront.fixed_point.tensors import Input

__all__ = ["SCHEMA", "from_json", "load", "save", "to_json"]

SCHEMA = 1
"""Version of the document; a reader refuses any that is newer."""

Model = TypeVar("Model", bound=Specification)


def to_json(model: Specification) -> dict[str, Any]:
    """Return *model* as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "kind": "pulsefront fixed-point model",
        "name": model.name,
        "inputs": [
            {"name": one.name, "shape": list(one.shape), "format": _format(one.format)}
            for one in model.inputs
        ],
        "layers": [_layer(layer) for layer in model.layers],
        "outputs": list(model.outputs),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    content: dict[str, Any] = {"kind": layer.kind}
    for field in fields(layer):
        content[field.name] = _plain(getattr(layer, field.name))
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, Assignment):
        return {
            "format": _plain(value.format),
            "rounding": str(value.rounding),
            "overflow": str(value.overflow),
        }
    if isinstance(value, FixedPointFormat):
        return _format(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, np.integer) else value


def _format(one: FixedPointFormat) -> dict[str, Any]:
    return {"width": one.width, "integer": one.integer, "signed": one.signed}


def save(model: Specification, path: str | Path) -> None:
    """Write *model* to *path* as JSON, atomically: one line per layer field."""
    write_text(path, dumps(model))


def dumps(model: Specification) -> str:
    """Return the JSON text of *model*; the same model gives the same bytes."""
    document = to_json(model)
    layers = document.pop("layers")
    lines = [f' "{key}": {_line(value)},' for key, value in document.items() if key != "outputs"]
    blocks = [
        "  {\n"
        + ",\n".join(f'   "{key}": {_line(value)}' for key, value in layer.items())
        + "\n  }"
        for layer in layers
    ]
    lines.append(' "layers": [\n' + ",\n".join(blocks) + "\n ],")
    lines.append(f' "outputs": {_line(document["outputs"])}')
    return "{\n" + "\n".join(lines) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def load(model_class: type[Model], path: str | Path) -> Model:
    """Read a model of *model_class* from a JSON file.

    Raises
    ------
    PrecisionError
        Names the file and what in it is not understood.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PrecisionError("no such file", file=path) from None
    except OSError as error:
        raise PrecisionError(f"cannot be read: {error.strerror}", file=path) from None
    except ValueError as error:
        raise PrecisionError(f"is no JSON: {error}", file=path) from None
    try:
        return from_json(model_class, document)
    except PrecisionError as error:
        error.file = error.file or path
        raise


def from_json(model_class: type[Model], document: Any) -> Model:
    """Return the model that *document* describes.

    Raises
    ------
    PrecisionError
        The document is of another kind or a newer schema, lacks a key, or holds one that is not
        known.
    """
    if not isinstance(document, dict) or document.get("kind") != "pulsefront fixed-point model":
        raise PrecisionError("is no fixed-point model", remedy="pass a model.json of an export")
    schema = document.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise PrecisionError(
            "is no schema version", field="schema", value=schema, remedy="export the model again"
        )
    if schema > SCHEMA:
        raise PrecisionError(
            f"is of schema {schema}, newer than {SCHEMA}, the newest that this version reads",
            field="schema",
            remedy="upgrade pulsefront",
        )
    expected = {"schema", "kind", "name", "inputs", "layers", "outputs"}
    _check_keys(document, expected, expected, "the model")
    return model_class(
        name=_text("name", document["name"]),
        inputs=tuple(_input(entry) for entry in _list("inputs", document["inputs"])),
        layers=tuple(_read_layer(entry) for entry in _list("layers", document["layers"])),
        outputs=_texts("outputs", document["outputs"]),
    )


def _input(entry: Any) -> Input:
    keys = {"name", "shape", "format"}
    _check_keys(entry, keys, keys, "an input")
    name = _text("name", entry["name"])
    shape = _integers("shape", entry["shape"])
    with _placed(f"input {name!r}, format"):
        return Input(name, shape, _read_format(entry["format"]))


def _read_layer(entry: Any) -> Layer:
    if not isinstance(entry, dict):
        raise PrecisionError("a layer is no object", field="layers", value=type(entry).__name__)
    name = _text("name of a layer", entry.get("name"))
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        if str(kind).lower().replace("_", "") in INSTEAD:
            raise refuse(name, str(kind))
        raise PrecisionError(
            f"layer {name!r} is of an unknown kind",
            value=kind,
            remedy=f"known: {', '.join(sorted(KINDS))}",
        )
    cls = KINDS[kind]
    readers = _readers(cls)
    keys = {"kind", *readers}
    _check_keys(entry, keys, keys, f"layer {name!r}")
    values = {}
    for key, read in readers.items():
        where = f"layer {name!r}, {key}"
        with _placed(where):
            values[key] = read(where, entry[key])
    return cls(**values)


@contextmanager
def _placed(where: str) -> Iterator[None]:
    """Tell an error in a value with the place of the value."""
    try:
        yield
    except PrecisionError as error:
        if where not in error.problem:
            error.problem = f"{where}: {error.problem}"
        raise


Reader = Callable[[str, Any], Any]
"""From the place of a value, for errors, and the value in JSON to the value of a field."""


@cache
def _readers(cls: type[Layer]) -> dict[str, Reader]:
    """Return how each field of a layer is read, by its type.

    Raises
    ------
    PrecisionError
        A field has a type that documents do not hold.
    """
    hints = get_type_hints(cls)
    found = {}
    for field in fields(cls):
        hint = hints[field.name]
        for kind, read in _READERS:
            if hint == kind:
                found[field.name] = read
            elif hint == kind | None:
                found[field.name] = _or_none(read)
        if field.name not in found:
            raise PrecisionError(
                f"documents hold no {hint}", field=f"{field.name} of {cls.__name__}"
            )
    return found


def _or_none(read: Reader) -> Reader:
    return lambda where, value: None if value is None else read(where, value)


def _array(where: str, value: Any) -> Any:
    try:
        array = np.array(value)
    except ValueError:
        raise PrecisionError(f"{where}: rows differ in length") from None
    if array.dtype.kind in "iu" and (array.dtype.kind == "i" or array.max(initial=0) < 1 << 63):
        return array.astype(np.int64)
    wrong = next((one for one in array.flat if not _is_raw(one)), None)
    if isinstance(wrong, float) and not np.isfinite(wrong):
        raise PrecisionError(
            f"{where}: a number is not finite",
            value=float(wrong),
            remedy="train again: the training diverged",
        )
    raise PrecisionError(
        f"{where}: raw integers of at most 64 bits are needed",
        value=wrong.item() if isinstance(wrong, np.generic) else wrong,
        remedy="divide real values by their format's step and round them",
    )


def _is_raw(one: Any) -> bool:
    """Whether *one*, from an array that may hold reals or objects, is a 64-bit integer."""
    if isinstance(one, float):
        return one.is_integer() and abs(one) < 2.0**53
    return isinstance(one, (int, np.integer)) and -(1 << 63) <= int(one) < 1 << 63


def _assignment(where: str, value: Any) -> Assignment:
    keys = {"format", "rounding", "overflow"}
    _check_keys(value, keys, keys, where)
    return Assignment(_formats(where, value["format"]), value["rounding"], value["overflow"])


def _formats(_: str, value: Any) -> Formats:
    if isinstance(value, list):
        return tuple(_read_format(one) for one in value)
    return _read_format(value)


def _read_format(value: Any) -> FixedPointFormat:
    keys = {"width", "integer", "signed"}
    if isinstance(value, Mapping) and isinstance(value.get("scale"), (int, float)):
        width = _integer("width", value.get("width"))
        found = format_of_scale(width, value["scale"], field="scale")
        raise PrecisionError(
            "a format has integer bits instead of a scale",
            field="scale",
            value=value["scale"],
            remedy=f'write "integer": {found.integer}',
        )
    _check_keys(value, keys, keys, "a format")
    if not isinstance(value["signed"], bool):
        raise PrecisionError(
            "is neither true nor false", field="signed of a format", value=value["signed"]
        )
    return FixedPointFormat(value["width"], value["integer"], value["signed"])


def _check_keys(entry: Any, known: set[str], needed: set[str], where: str) -> None:
    if not isinstance(entry, Mapping):
        raise PrecisionError(f"{where} is no object", value=type(entry).__name__)
    for key in entry:
        if key not in known:
            raise PrecisionError(
                f"{where} has an unknown key",
                field=str(key),
                remedy=f"known: {', '.join(sorted(known))}",
            )
    for key in sorted(needed):
        if key not in entry:
            raise PrecisionError(f"{where} lacks a key", field=key)


def _list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise PrecisionError(f"{where} is no list", value=type(value).__name__)
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise PrecisionError(f"{where} is no text", value=value)
    return value


def _texts(where: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(where, one) for one in _list(where, value))


def _integer(where: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise PrecisionError(f"{where} is no integer", value=value)
    return value


def _integers(where: str, value: Any) -> tuple[int, ...]:
    return tuple(_integer(where, one) for one in _list(where, value))


_READERS: tuple[tuple[Any, Reader], ...] = (
    (str, _text),
    (tuple[str, ...], _texts),
    (int, _integer),
    (tuple[int, int], _integers),
    (tuple[int, ...], _integers),
    (Integers, _array),
    (FixedPointFormat, lambda _, value: _read_format(value)),
    (Formats, _formats),
    (Assignment, _assignment),
)
"""The types that a layer's field may have, each or None too, with the reader of each."""
