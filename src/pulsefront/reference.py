"""Reference pages out of the models themselves: every key, its type, its default, its meaning.

A page is made from the JSON schema of a pydantic model, so that it cannot say what the code does
not do; a test holds the pages in ``docs`` against it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

__all__ = ["reference_page"]

Schema = Mapping[str, Any]


def reference_page(models: Sequence[type[BaseModel]], title: str, intro: str) -> str:
    """Return a page in Markdown: a table for each of *models* and for every model inside them.

    Parameters
    ----------
    title, intro
        Heading and first paragraph.
    """
    sections: dict[str, list[str]] = {}
    for model in models:
        schema = model.model_json_schema(mode="serialization")
        definitions: Schema = schema.get("$defs", {})
        sections.setdefault(model.__name__, _section(model.__name__, schema))
        for name in _in_order(schema, definitions):
            part = definitions[name]
            if part.get("properties") or part.get("additionalProperties"):
                sections.setdefault(name, _section(name, part))
    lines = [line for section in sections.values() for line in section]
    return "\n".join([f"# {title}", "", intro, "", *lines]).rstrip() + "\n"


def _in_order(schema: Schema, definitions: Schema) -> Iterator[str]:
    """Yield the definitions that *schema* names, as they are met when reading from the top."""
    seen: list[str] = []

    def visit(part: Any) -> None:
        if isinstance(part, Mapping):
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in seen:
                seen.append(name)
                visit(definitions[name])
            for value in part.values():
                visit(value)
        elif isinstance(part, list):
            for value in part:
                visit(value)

    visit({key: value for key, value in schema.items() if key != "$defs"})
    yield from seen


def _section(name: str, schema: Schema) -> list[str]:
    required = schema.get("required", [])
    rows = [
        (key, _type(part), _default(part, required=key in required), _words(part))
        for key, part in schema.get("properties", {}).items()
    ]
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        rows.append(("…", _type(others), "", _words(others) or "any number of keys"))
    table = ["| key | type | default | meaning |", "|---|---|---|---|"]
    table += [f"| {_code(key)} | {kind} | {value} | {words} |" for key, kind, value, words in rows]
    words = inspect.cleandoc(schema.get("description", "")).splitlines()
    return [f"## {name}", "", *words, "", *table, ""]


def _code(key: str) -> str:
    return key if key == "…" else f"`{key}`"


def _type(schema: Schema) -> str:
    """Return a type in words; limits follow it."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        kinds = [_type(part) for part in schema["anyOf"] if part.get("type") != "null"]
        return " or ".join(kinds)
    if schema.get("type") == "array":
        inside = schema.get("prefixItems")
        if inside and "items" not in schema:
            return f"[{', '.join(map(_type, inside))}]"
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        inside = schema.get("additionalProperties")
        return f"table of {_type(inside)}" if isinstance(inside, Mapping) else "table"
    return str(schema.get("type", "any")) + _limits(schema)


def _limits(schema: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    return f", {', '.join(found)}" if found else ""


def _default(schema: Schema, *, required: bool) -> str:
    if required:
        return ""
    value = schema.get("default")
    return "absent" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _words(schema: Schema) -> str:
    return " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
