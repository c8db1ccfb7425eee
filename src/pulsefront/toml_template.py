"""TOML files written for people: every key of a model with its meaning, what is chosen filled in.

Keys that are left at their default are there as comments, so that a file says all that could be
said in it; it comes from the models and cannot name a key that does not exist.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pulsefront.config import key_texts

__all__ = ["commented_toml"]

WIDTH = 96


def commented_toml(model: type[BaseModel], chosen: Mapping[str, Any], *, heading: str) -> str:
    """Return a TOML file for *model*.

    Parameters
    ----------
    chosen
        Values by key, nested as in the file; keys that are not among them become comments with
        their default. A list of mappings becomes an array of tables.
    heading
        Comment at the top.
    """
    lines = [*_comment(heading), *_table(model, chosen, ())]
    return "\n".join(lines).strip() + "\n"


def _table(
    model: type[BaseModel], chosen: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[str]:
    """Yield the keys of a table, then the tables inside it."""
    texts = key_texts(model)
    inside = []
    for name, field in model.model_fields.items():
        given = chosen.get(name)
        part = _model_of(field, given)
        named = _is_named(field)
        if part is not None and isinstance(chosen.get(name, {}), Mapping | Sequence):
            inside.append((name, field, part, texts.get(name, "")))
        elif not (named and given):
            yield from _key(name, field, chosen, texts.get(name, ""))
    for name, field in model.model_fields.items():
        if _is_named(field) and _model_of(field) is None and chosen.get(name):
            yield from ("", *_comment(texts.get(name, "")), f"[{'.'.join((*path, name))}]")
            yield from (f"{_key_word(key)} = {_value(one)}" for key, one in chosen[name].items())
    # What is chosen comes first: a reader sees it without turning pages.
    inside.sort(key=lambda one: chosen.get(one[0]) is None)
    for name, field, part, text in inside:
        if _is_named(field):
            yield ""
            yield from _comment(text)
            for key, one in (chosen.get(name) or {}).items():
                yield f"[{'.'.join((*path, name, _key_word(key)))}]"
                yield from _table(part, one, (*path, name, key))
                yield ""
        else:
            yield from _inner(name, field, part, text, chosen, (*path, name))


def _is_named(field: FieldInfo) -> bool:
    """Whether a key holds a table in which the user chooses the names."""
    return get_origin(field.annotation) is dict


def _key_word(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key, ensure_ascii=False)


def _key(name: str, field: FieldInfo, chosen: Mapping[str, Any], text: str) -> Iterator[str]:
    if text:
        yield from _comment(text)
    if chosen.get(name) is not None:
        yield f"{name} = {_value(chosen[name])}"
    elif field.is_required():
        yield f"# {name} =  (must be given)"
    else:
        default = field.get_default(call_default_factory=True)
        yield f"# {name} = {'' if default is None else _value(default)}".rstrip()


def _inner(
    name: str,
    field: FieldInfo,
    part: type[BaseModel],
    text: str,
    chosen: Mapping[str, Any],
    path: tuple[str, ...],
) -> Iterator[str]:
    """Yield a table or an array of tables; as comments where none is chosen or needed."""
    header = ".".join(path)
    given = chosen.get(name)
    yield ""
    if text or part.__doc__:
        yield from _comment(text or _first_line(part))
    if isinstance(given, Sequence):
        for one in given:
            yield f"[[{header}]]"
            yield from _table(part, one, path)
            yield ""
        return
    many = "tuple" in str(field.annotation) or "list" in str(field.annotation)
    if given is None and not field.is_required():
        default = field.get_default(call_default_factory=True)
        values = default.model_dump(mode="json") if isinstance(default, BaseModel) else {}
        yield f"# [[{header}]]" if many else f"# [{header}]"
        for line in _table(part, values, path):
            yield line if not line or line.startswith("#") else f"# {line}"
        return
    yield f"[{header}]"
    yield from _table(part, given or {}, path)


def _model_of(field: FieldInfo, given: object = None) -> type[BaseModel] | None:
    """Return the model of a table; of several that there may be, the one that *given* fits."""
    found = list(_models_in(field.annotation))
    if isinstance(given, Mapping) and len(found) > 1:
        found.sort(key=lambda model: len(set(given) - set(model.model_fields)))
    return found[0] if found else None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _first_line(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").strip().split("\n\n")[0].split())


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), WIDTH):
        yield f"# {line}"


def _value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{k} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{{inside}}}"
    if isinstance(value, list | tuple):
        parts = [_value(part) for part in value]
        flat = f"[{', '.join(parts)}]"
        if len(flat) <= WIDTH:
            return flat
        return "[\n" + "".join(f"    {part},\n" for part in parts) + "]"
    if isinstance(value, int | float):
        return repr(value)
    # A JSON string is a TOML basic string.
    return json.dumps(str(value), ensure_ascii=False)
