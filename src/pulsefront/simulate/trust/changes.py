"""Changes of single constants of a detector, named by where they stand in its file.

A key is a path with dots: ``crystal.sides.reflectivity``, ``photosensor.sptr_sigma_ps``,
``layers.0.refractive_index``, ``material.light_yield_per_mev``. A key that a section lacks but the
sections within it have stands for all of those: ``crystal.reflectivity`` for both faces,
``material.rise_ns`` for every component of the decay. A table is changed by a factor.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pulsefront.config import validate
from pulsefront.detector import Detector, Efficiencies
from pulsefront.errors import ConfigError

__all__ = [
    "Changed",
    "Varied",
    "applies",
    "changed",
    "cut_efficiencies",
    "set_constants",
    "varied_of",
    "with_changes",
]


@dataclass(frozen=True)
class Changed:
    """A new value of a constant: itself, or a *factor* on what the file says."""

    value: Any
    factor: bool = False

    def __str__(self) -> str:
        """Return it as `varied_of` reads it."""
        shown = f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        return f"x{shown}" if self.factor else shown


@dataclass(frozen=True)
class Varied:
    """A constant and the values that it is given, one after the other."""

    key: str
    values: tuple[Changed, ...]
    source: str = ""


def varied_of(text: str, field: str = "--vary") -> Varied:
    """Return what ``KEY=A:B`` or ``KEY=A,B,C`` says; ``x0.9`` is a factor.

    Raises
    ------
    ConfigError
        There is no key or no value.
    """
    key, equals, values = text.partition("=")
    parts = [part.strip() for part in values.replace(":", ",").split(",") if part.strip()]
    if not equals or not key.strip() or not parts:
        raise ConfigError(
            "says no constant and values",
            field=field,
            value=text,
            remedy="such as crystal.reflectivity=0.9:0.98 or photosensor.pde=x0.8,x1.2",
        )
    return Varied(key.strip(), tuple(_changed_of(part) for part in parts))


def _changed_of(text: str) -> Changed:
    factor = text[0] in "x×" and len(text) > 1
    try:
        return Changed(float(text[1:] if factor else text), factor)
    except ValueError:
        return Changed(text)


def with_changes(detector: Detector, changes: Mapping[str, Any]) -> Detector:
    """Return *detector* with constants set one after the other; see `changed`."""
    for key, value in changes.items():
        detector = changed(detector, key, Changed(value))
    return detector


def set_constants(detector: Detector, texts: Sequence[str]) -> Detector:
    """Return *detector* as ``KEY=VALUE`` texts make it.

    Raises
    ------
    ConfigError
        A text gives no value or several, or does not fit.
    """
    for text in texts:
        varied = varied_of(text, "--set")
        if len(varied.values) != 1:
            raise ConfigError(
                "takes one value",
                field="--set",
                value=text,
                remedy="several are for --vary",
            )
        detector = changed(detector, varied.key, varied.values[0])
    return detector


def changed(detector: Detector, key: str, change: Changed) -> Detector:
    """Return *detector* with one constant changed; its name says so.

    Raises
    ------
    ConfigError
        There is no such constant, or it cannot have the value.
    """
    path = key.split(".")
    made: Detector = _set(detector, path, change, key, before="")
    return made.model_copy(update={"name": f"{detector.name}, {key} {change}"})


def applies(detector: Detector, varied: Varied) -> bool:
    """Return whether *detector* has the constant and it is not 0 where factors are given."""
    try:
        return any(
            changed(detector, varied.key, change).model_dump(exclude={"name"})
            != detector.model_dump(exclude={"name"})
            for change in varied.values
        )
    except ConfigError:
        return False


def cut_efficiencies(detector: Detector, key: str, change: Changed) -> str:
    """Return what to say of efficiencies that a factor would raise above 1; empty if none.

    Raises
    ------
    ConfigError
        As `changed` does.
    """
    made = changed(detector, key, change)
    if not change.factor or not isinstance(change.value, float):
        return ""
    pairs = [
        (one, after)
        for before, now in zip(_efficiencies(detector), _efficiencies(made), strict=True)
        if before != now
        for one, after in zip(before.value, now.value, strict=True)
    ]
    cut = [one for one, after in pairs if after < one * change.value]
    if not cut:
        return ""
    return (
        f"{key} {change}: {len(cut)} of {len(pairs)} efficiencies would be above 1, up to "
        f"{max(cut) * change.value:.3g}; they are cut to 1, so that the factor is less than told"
    )


def _efficiencies(model: Any) -> Iterator[Efficiencies]:
    """Yield every table of efficiencies within a section."""
    if isinstance(model, Efficiencies):
        yield model
    elif isinstance(model, BaseModel):
        for name in type(model).model_fields:
            yield from _efficiencies(getattr(model, name))
    elif isinstance(model, tuple):
        for one in model:
            yield from _efficiencies(one)


def _set(model: Any, path: list[str], change: Changed, key: str, before: str) -> Any:
    """Return a section with the constant at *path* changed; *before* is where the section is."""
    name, rest = path[0], path[1:]
    fields = type(model).model_fields
    if name not in fields:
        if not rest:
            return _set_within(model, name, change, key, before)
        raise _unknown(model, name, key, before)
    part = getattr(model, name)
    if part is None:
        raise ConfigError(
            "the detector has no such section or value", field=key, value=f"{before}{name}"
        )
    new = _changed_part(part, rest, change, key, f"{before}{name}.")
    if isinstance(model, Detector):
        return model.model_copy(update={name: new})
    content = {k: getattr(model, k) for k in model.model_fields_set} | {name: new}
    try:
        return validate(type(model), {k: _plain(v) for k, v in content.items()})
    except ConfigError as error:
        raise ConfigError(
            error.problem, field=key, value=str(change), remedy=error.remedy
        ) from None


def _changed_part(part: Any, rest: list[str], change: Changed, key: str, before: str) -> Any:
    """Return what becomes of the value of a key, which may be a section, several, or a number."""
    if not rest:
        return _scaled(part, change, key)
    if isinstance(part, BaseModel):
        return _set(part, rest, change, key, before)
    if not isinstance(part, tuple):
        raise ConfigError("is no section", field=key, value=before.rstrip("."))
    if not rest[0].isdigit():
        return tuple(_set(one, rest, change, key, before) for one in part)
    number = int(rest[0])
    if number >= len(part):
        raise ConfigError(
            f"there are {len(part)}, counted from 0", field=key, value=f"{before}{number}"
        )
    one = _changed_part(part[number], rest[1:], change, key, f"{before}{number}.")
    return (*part[:number], one, *part[number + 1 :])


def _set_within(model: Any, name: str, change: Changed, key: str, before: str) -> Any:
    """Change a key in all sections within one that have it; first in those that set it."""
    have = [
        (path, section) for path, section in _sections(model) if name in type(section).model_fields
    ]
    setting = [path for path, section in have if name in section.model_fields_set]
    paths = setting or [path for path, _ in have]
    if not paths:
        raise _unknown(model, name, key, before)
    for path in paths:
        model = _set(model, [*path, name], change, key, before)
    return model


def _sections(model: BaseModel) -> Iterator[tuple[list[str], BaseModel]]:
    for name in type(model).model_fields:
        part = getattr(model, name)
        if isinstance(part, BaseModel):
            yield [name], part
        elif isinstance(part, tuple):
            for number, one in enumerate(part):
                if isinstance(one, BaseModel):
                    yield [name, str(number)], one


def _scaled(part: Any, change: Changed, key: str) -> Any:
    if isinstance(part, Efficiencies) and change.factor:
        value = tuple(min(1.0, one * change.value) for one in part.value)
        return part.model_copy(update={"value": value})
    if isinstance(part, BaseModel) or (
        isinstance(part, tuple)
        and part
        and not change.factor
        and not isinstance(change.value, tuple | list)
    ):
        raise ConfigError(
            "holds several numbers",
            field=key,
            value=str(change),
            remedy="name one of them, or give a factor for a table, such as x0.9",
        )
    if not change.factor:
        return change.value
    if isinstance(part, bool) or not isinstance(part, int | float):
        raise ConfigError("is no number that a factor could change", field=key, value=str(change))
    return part * change.value


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    return value


def _unknown(model: Any, name: str, key: str, before: str) -> ConfigError:
    known = [*type(model).model_fields]
    for _, section in _sections(model):
        known += type(section).model_fields
    near = difflib.get_close_matches(name, known, n=1)
    return ConfigError(
        "there is no such constant",
        field=key,
        value=f"{before}{name}",
        remedy=f"did you mean {before}{near[0]}?" if near else "see the detector's file",
    )
