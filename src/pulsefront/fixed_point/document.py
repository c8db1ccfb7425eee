"""A fixed-point model as a JSON document with a schema version, and back.

Integers stay integers, so the round trip is exact; what the reader does not know it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.files import write_text
from pulsefront.fixed_point import layers as kinds
from pulsefront.fixed_point.format import Assignment, FixedPointFormat
from pulsefront.fixed_point.layers import INSTEAD, Input, Layer, refuse
from pulsefront.fixed_point.real_values import format_of_scale

if TYPE_CHECKING:
    from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["SCHEMA", "from_json", "load", "save", "to_json"]

SCHEMA = 1
"""Version of the document; a reader refuses any that is newer."""

LAYERS: dict[str, type[Layer]] = {
    kind.kind: kind
    for kind in (
        kinds.AveragePool,
        kinds.Clip,
        kinds.Concatenate,
        kinds.Conv1d,
        kinds.Dense,
        kinds.Flatten,
        kinds.HardTanh,
        kinds.MaxPool,
        kinds.Quantize,
        kinds.Relu,
        kinds.WindowSum,
    )
}

Model = TypeVar("Model", bound="FixedPointModel")


def to_json(model: FixedPointModel) -> dict[str, Any]:
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


def save(model: FixedPointModel, path: str | Path) -> None:
    """Write *model* to *path* as JSON, atomically: one line per layer field."""
    write_text(path, dumps(model))


def dumps(model: FixedPointModel) -> str:
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
        name=_text(document["name"], "name"),
        inputs=tuple(_input(entry) for entry in _list(document["inputs"], "inputs")),
        layers=tuple(_read_layer(entry) for entry in _list(document["layers"], "layers")),
        outputs=tuple(_text(name, "outputs") for name in _list(document["outputs"], "outputs")),
    )


def _input(entry: Any) -> Input:
    keys = {"name", "shape", "format"}
    _check_keys(entry, keys, keys, "an input")
    name = _text(entry["name"], "name")
    shape = tuple(_integer(length, "shape") for length in _list(entry["shape"], "shape"))
    with _placed(f"input {name!r}, format"):
        return Input(name, shape, _read_format(entry["format"]))


def _read_layer(entry: Any) -> Layer:
    if not isinstance(entry, dict):
        raise PrecisionError("a layer is no object", field="layers", value=type(entry).__name__)
    name = _text(entry.get("name"), "name of a layer")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in LAYERS:
        if str(kind).lower().replace("_", "") in INSTEAD:
            raise refuse(name, str(kind))
        raise PrecisionError(
            f"layer {name!r} is of an unknown kind",
            value=kind,
            remedy=f"known: {', '.join(sorted(LAYERS))}",
        )
    cls = LAYERS[kind]
    known = {field.name for field in fields(cls)}
    _check_keys(entry, known | {"kind"}, known | {"kind"}, f"layer {name!r}")
    values = {}
    for key in known:
        where = f"layer {name!r}, {key}"
        with _placed(where):
            values[key] = _value(where, key, entry[key])
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


def _value(where: str, key: str, value: Any) -> Any:
    if value is None:
        return None
    if key in ("to", "accumulator"):
        keys = {"format", "rounding", "overflow"}
        _check_keys(value, keys, keys, where)
        return Assignment(_formats(value["format"]), value["rounding"], value["overflow"])
    if key in ("weight_format", "bias_format"):
        return _formats(value)
    if key in ("weights", "bias"):
        return _array(where, value)
    if key == "name":
        return _text(value, where)
    if key == "inputs":
        return tuple(_text(one, where) for one in _list(value, where))
    if key == "padding":
        return tuple(_integer(one, where) for one in _list(value, where))
    return _integer(value, where)


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


def _formats(value: Any) -> FixedPointFormat | tuple[FixedPointFormat, ...]:
    if isinstance(value, list):
        return tuple(_read_format(one) for one in value)
    return _read_format(value)


def _read_format(value: Any) -> FixedPointFormat:
    keys = {"width", "integer", "signed"}
    if isinstance(value, Mapping) and isinstance(value.get("scale"), (int, float)):
        width = _integer(value.get("width"), "width")
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


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise PrecisionError(f"{where} is no list", value=type(value).__name__)
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise PrecisionError(f"{where} is no text", value=value)
    return value


def _integer(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise PrecisionError(f"{where} is no integer", value=value)
    return value
