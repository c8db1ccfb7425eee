"""Reference pages out of the models themselves: every key, its type, its default, its meaning.

A page is made from the JSON schema of a pydantic model, so that it cannot say what the code does
not do; a test holds the pages in ``docs`` against it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

__all__ = ["default_in_words", "reference_page", "type_in_words"]

Schema = Mapping[str, Any]


def reference_page(
    models: Sequence[type[BaseModel]],
    title: str,
    intro: str,
    *,
    mode: Literal["validation", "serialization"] = "serialization",
) -> str:
    """Return a page in Markdown: a table for each of *models* and for every model inside them.

    Parameters
    ----------
    title, intro
        Heading and first paragraph.
    mode
        "validation" for files that are read, "serialization" for those that are written.
    """
    sections: dict[str, list[str]] = {}
    for model in models:
        schema = model.model_json_schema(mode=mode)
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
        (key, type_in_words(part), default_in_words(part, required=key in required), _words(part))
        for key, part in schema.get("properties", {}).items()
    ]
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        rows.append(("…", type_in_words(others), "", _words(others) or "any number of keys"))
    table = ["| key | type | default | meaning |", "|---|---|---|---|"]
    table += [f"| {_code(key)} | {kind} | {value} | {words} |" for key, kind, value, words in rows]
    words = inspect.cleandoc(schema.get("description", "")).splitlines()
    return [f"## {name}", "", *words, "", *table, ""]


def _code(key: str) -> str:
    return key if key == "…" else f"`{key}`"


def type_in_words(schema: Schema) -> str:
    """Return a type in words; limits follow it."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema or "oneOf" in schema:
        choices = schema.get("anyOf") or schema["oneOf"]
        return " or ".join(type_in_words(part) for part in choices if part.get("type") != "null")
    if schema.get("type") == "array":
        inside = schema.get("prefixItems")
        if inside and "items" not in schema:
            return f"[{', '.join(map(type_in_words, inside))}]"
        return f"list of {type_in_words(schema.get('items', {}))}"
    if schema.get("type") == "object":
        inside = schema.get("additionalProperties")
        return f"table of {type_in_words(inside)}" if isinstance(inside, Mapping) else "table"
    return str(schema.get("type", "any")) + _limits(schema)


def _limits(schema: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    return f", {', '.join(found)}" if found else ""


def default_in_words(schema: Schema, *, required: bool) -> str:
    """Return a default as JSON; nothing where the key must be given."""
    if required:
        return ""
    value = schema.get("default")
    if isinstance(value, Mapping) and value:
        return "its defaults"
    return "absent" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _words(schema: Schema) -> str:
    return " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
