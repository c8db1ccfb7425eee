"""Results as frozen records that are written as flat JSON, and read back from it.

Results are handed on as records, never as dictionaries: a field that is missing fails at import
or in mypy, not after the work. In JSON a record keeps three habits that tables and notebooks like:

- an `Interval` is written as ``name``, ``name_low`` and ``name_high``;
- one field marked `INLINE` spreads its entries among the record's own keys;
- a field whose default is None is left out where it is None.

The schema of these files comes from the same classes (`Record.model_json_schema`), and their
documentation from the schema.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pulsefront.config import describe, without_serializer
from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval
from pulsefront.files import write_json

__all__ = ["INLINE", "Intervals", "Record", "Unbounded", "finite"]

Unbounded = Annotated[float, BeforeValidator(lambda value: math.inf if value is None else value)]
"""A number that may be infinite; JSON has null in its place."""

INLINE: Final = "inline"
"""Annotation of the one mapping field whose entries stand among the record's own keys."""

ENDS = ("", "_low", "_high")


class Record(BaseModel):
    """Base of everything that is written as a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, content: Any) -> Any:
        """Put flat keys back into intervals and the inline mapping."""
        if not isinstance(content, Mapping) or not cls._has_flat_fields():
            return content
        rest = dict(content)
        for name, field in cls.model_fields.items():
            if _is_interval(field) and not isinstance(rest.get(name), Interval) and name in rest:
                rest[name] = _interval(rest, name)
        inline = cls._inline()
        if inline is not None and inline not in rest:
            loose = {key: rest.pop(key) for key in [*rest] if key not in cls.model_fields}
            rest[inline] = loose
        return rest

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content = handler(self)
        flat: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is None and field.default is None and not field.is_required():
                continue
            if isinstance(value, Interval):
                flat |= value.as_dict(name)
            elif INLINE in field.metadata:
                flat |= content[name]
            else:
                flat[name] = content[name]
        return flat

    @classmethod
    def _inline(cls) -> str | None:
        return next((n for n, f in cls.model_fields.items() if INLINE in f.metadata), None)

    @classmethod
    def _has_flat_fields(cls) -> bool:
        return cls._inline() is not None or any(map(_is_interval, cls.model_fields.values()))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the keys as they are written."""
        found = handler(without_serializer(schema))
        target = handler.resolve_ref_schema(found)
        target["description"] = (cls.__doc__ or "").strip()
        describe(cls, target)
        properties = target.get("properties", {})
        for name, field in cls.model_fields.items():
            if _is_interval(field):
                said = properties.pop(name, {}).get("description", "")
                for end, words in zip(ENDS, ("", "lower end", "upper end"), strict=True):
                    text = f"{words} of the confidence interval" if words else said
                    properties[name + end] = {"type": "number", "description": text}
                if name in target.get("required", []):
                    target["required"] += [name + end for end in ENDS[1:]]
            elif INLINE in field.metadata:
                said = properties.pop(name, {})
                target["additionalProperties"] = {
                    **_values(said),
                    "description": said.get("description", ""),
                }
                if name in target.get("required", []):
                    target["required"].remove(name)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; numbers that are not finite become None."""
        content: dict[str, Any] = finite(self.model_dump(mode="json"))
        return content

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_json(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record that `write` wrote.

        Raises
        ------
        DataError
            The file is missing, or is of another version or kind.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=path) from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise DataError(
                f"is no {cls.__name__} of this version: {first['msg'].lower()}",
                file=path,
                field=".".join(map(str, first["loc"])) or None,
                remedy="run the study again; it repeats only what has changed",
            ) from None


class Intervals(BaseModel):
    """Metrics of one estimator by name: with an interval, or as a plain number."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    intervals: dict[str, Interval]
    numbers: dict[str, int | float] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, content: Any) -> Any:
        if not isinstance(content, Mapping) or isinstance(content.get("intervals"), Mapping):
            return content
        names = [name for name in content if f"{name}_low" in content]
        ends = {name + end for name in names for end in ENDS}
        return {
            "intervals": {name: _interval(dict(content), name) for name in names},
            "numbers": {name: value for name, value in content.items() if name not in ends},
        }

    @model_serializer(mode="plain")
    def _spread(self) -> dict[str, float]:
        flat: dict[str, float] = {}
        for name, interval in self.intervals.items():
            flat |= interval.as_dict(name)
        return flat | self.numbers

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the flat table."""
        return {
            "type": "object",
            "description": "each metric under its name, its interval under name_low and name_high",
            "additionalProperties": {"type": "number"},
        }

    def __contains__(self, name: object) -> bool:
        return name in self.intervals

    def __getitem__(self, name: str) -> Interval:
        return self.intervals[name]


def finite(value: Any) -> Any:
    """Return *value* with infinities and NaN as None, as JSON wants it."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _interval(flat: dict[str, Any], name: str) -> Interval | None:
    """Take the three keys of an interval out of *flat*; None where it was none."""
    value, low, high = (flat.pop(name + end, None) for end in ENDS)
    return None if value is None or low is None or high is None else Interval(value, low, high)


def _is_interval(field: FieldInfo) -> bool:
    return field.annotation is Interval or Interval in get_args(field.annotation)


def _values(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("additionalProperties", {})
    return dict(found) if isinstance(found, Mapping) else {}
