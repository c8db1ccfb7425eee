"""Every key of every file, to look one up."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pulsefront.errors import ConfigError
from pulsefront.reference import default_in_words, type_in_words
from pulsefront.studies.files.kinds import FILE_KINDS

__all__ = ["FileKey", "all_keys", "find_keys"]

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class FileKey:
    """One key: in which files it stands, where in them, and what it means.

    ``path`` is dotted; ``[]`` follows an array of tables. ``default`` is empty where the key must
    be given.
    """

    files: tuple[str, ...]
    path: str
    type: str
    default: str
    meaning: str

    @property
    def name(self) -> str:
        """The key alone."""
        return self.path.rsplit(".", 1)[-1].removesuffix("[]")

    @property
    def plain_type(self) -> str:
        """The type without Markdown."""
        return re.sub(r"\[(\w+)\]\(#\w+\)", "table", self.type).replace("`", "")


def find_keys(words: str) -> list[FileKey]:
    """Return all keys that are called *words*, or whose path ends with it.

    Raises
    ------
    ConfigError
        There is none; names those that are nearest.
    """
    wanted = words.replace("[]", "")
    keys = all_keys()
    found = [
        key for key in keys if f".{key.path}".replace("[]", "").endswith(f".{wanted}") and wanted
    ]
    if found:
        return found
    names = sorted({key.name for key in keys})
    near = difflib.get_close_matches(wanted.rsplit(".", 1)[-1], names, n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(near)}?" if near else "pulsefront help lists the files"
    raise ConfigError("no file has such a key", field="KEY", value=words, remedy=remedy)


@cache
def all_keys() -> tuple[FileKey, ...]:
    """Return the keys of all files, in the order of the files; one where variants share it."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for kind in FILE_KINDS:
        for variant, model in kind.models.items():
            name = f"{variant} {kind.name}".strip()
            schema = model.model_json_schema(mode="validation")
            for path, part, required in _properties(schema, schema.get("$defs", {}), ""):
                meaning = " ".join(str(part.get("description", "")).split())
                default = default_in_words(part, required=required)
                row = (path, type_in_words(part), default, meaning)
                found.setdefault(row, []).append(name)
    return tuple(FileKey(tuple(files), *row) for row, files in found.items())


def _properties(
    schema: Schema, definitions: Schema, prefix: str
) -> Iterator[tuple[str, Schema, bool]]:
    """Yield the path of every key, its schema, and whether it must be given."""
    for key, part in schema.get("properties", {}).items():
        inside, suffix = _table_in(part, definitions)
        path = f"{prefix}{key}{suffix}"
        yield path, part, key in schema.get("required", [])
        for table in inside:
            yield from _properties(table, definitions, f"{path}.")


def _table_in(part: Schema, definitions: Schema) -> tuple[list[Schema], str]:
    """Return the tables that a key may hold, and what marks the path to their keys."""
    if "$ref" in part:
        return [definitions[part["$ref"].removeprefix("#/$defs/")]], ""
    if part.get("type") == "array" and isinstance(part.get("items"), Mapping):
        inside, _ = _table_in(part["items"], definitions)
        return inside, "[]" if inside else ""
    if isinstance(part.get("additionalProperties"), Mapping):
        inside, _ = _table_in(part["additionalProperties"], definitions)
        return inside, ".NAME" if inside else ""
    tables: list[Schema] = []
    for choice in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        tables += _table_in(choice, definitions)[0]
    return tables, ""
