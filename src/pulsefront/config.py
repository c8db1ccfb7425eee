"""TOML files checked against frozen pydantic models, with errors a user can act on."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from pulsefront.errors import ConfigError
from pulsefront.toml_lines import line_of

__all__ = [
    "FrozenModel",
    "TableCell",
    "describe",
    "key_texts",
    "load_toml",
    "problems",
    "validate",
    "without_serializer",
]


class TableCell(str):
    """A word of a table in text, where a number has no other form: it may stand for one."""

    __slots__ = ()


_INNER = ("schema", "items_schema", "values_schema", "fields", "choices", "definitions", "steps")
"""Where schemas lie in a schema; not the keys of tables, which TOML has as words."""


def _of_its_type(schema: Any) -> Any:
    """Return a schema whose numbers and truth values take nothing that would have to be turned.

    Pydantic's strict mode refuses paths, tuples and the numbers of NumPy as well.
    """
    if isinstance(schema, (list, tuple)):
        return type(schema)(_of_its_type(one) for one in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in ("int", "float", "bool"):
        told = _is_truth_value if kind == "bool" else _is_number
        return core_schema.no_info_before_validator_function(told, cast("CoreSchema", schema))
    if kind == "function-before" and schema["function"]["function"] in (
        _is_truth_value,
        _is_number,
    ):
        return schema
    if kind is None:  # fields by their names, or a tagged union's choices
        return {name: _of_its_type(one) for name, one in schema.items()}
    return {name: _of_its_type(one) if name in _INNER else one for name, one in schema.items()}


def _is_number(given: Any) -> Any:
    if isinstance(given, bool):
        raise PydanticCustomError("number", "input should be a number, and this is true or false")
    if isinstance(given, (str, bytes)) and not isinstance(given, TableCell):
        raise PydanticCustomError("number", "input should be a number, without quotes")
    return given


def _is_truth_value(given: Any) -> Any:
    if isinstance(given, (str, bytes)):
        raise PydanticCustomError("truth", "input should be true or false, without quotes")
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        raise PydanticCustomError("truth", "input should be true or false, and this is a number")
    return given


class FrozenModel(BaseModel):
    """Base of every configuration: frozen, unknown keys refused, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse words and truth values for numbers, and either for the other."""
        schema: CoreSchema = _of_its_type(handler(source))
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the keys by the texts below them."""
        found = handler(schema)
        describe(cls, handler.resolve_ref_schema(found))
        return found

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read and check a TOML file.

        Raises
        ------
        ConfigError
            The file is missing, is no TOML, or has a key or value that does not fit.
        """
        return validate(cls, load_toml(path), file=path)


def without_serializer(schema: CoreSchema) -> CoreSchema:
    """Return the schema of the fields: what a wrap serializer returns is not told by types."""
    inner: dict[str, Any] = {k: v for k, v in schema.items() if k != "serialization"}
    if str(inner.get("type", "")).startswith("function-") and "schema" in inner:
        # A validator stands around the model.
        inner["schema"] = without_serializer(inner["schema"])
    return inner


def describe(model: type[BaseModel], schema: JsonSchemaValue) -> None:
    """Give the keys of a model's JSON schema the texts that stand below its attributes.

    Only when a schema is asked for: pydantic's ``use_attribute_docstrings`` reads the source of
    every model at import, which takes longer than all else that a small command imports.
    """
    texts = key_texts(model)
    for name, part in schema.get("properties", {}).items():
        if name in texts:
            part.setdefault("description", texts[name])


@cache
def key_texts(model: type[BaseModel]) -> dict[str, str]:
    """Return what stands below each attribute of a model: the meaning of its key."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base.__module__.startswith("pydantic"):
            continue
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = node.body if isinstance(node, ast.ClassDef) else []
        for line, below in pairwise(body):
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                texts[line.target.id] = inspect.cleandoc(below.value.value)
    return texts


Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: str | Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises
    ------
    ConfigError
        The file is missing, unreadable or no TOML.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError("no such file", file=path, remedy=_near_files(path)) from None
    except IsADirectoryError:
        raise ConfigError("is a folder, not a TOML file", file=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not valid TOML: {error}", file=path) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None


def _near_files(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else None
    names = [entry.name for entry in folder.iterdir() if entry.is_file()] if folder else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / near[0]}?" if near else "check the path"


def validate(
    model: type[Model], content: Mapping[str, Any], *, file: str | Path | None = None
) -> Model:
    """Return *content* as a checked *model*; *file* is where it stands, None of arguments.

    Raises
    ------
    ConfigError
        Names *file*, line, the first key that does not fit, its value, and the nearest valid key
        where the key is unknown; and how many more there are.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first, *others = _problems_of(error, model, file)
        if others:
            more = ", ".join(one.field or "" for one in others)
            found = f"{len(others)} more: "
            found += more if file is None else f"pulsefront check {Path(file).name} lists them"
            first.remedy = f"{first.remedy}; {found}" if first.remedy else found
        raise first from None


def problems(
    model: type[BaseModel], content: Mapping[str, Any], *, file: str | Path
) -> tuple[ConfigError, ...]:
    """Return everything in *content* that does not fit *model*, in the order of the lines."""
    try:
        model.model_validate(content)
    except ValidationError as error:
        found = _problems_of(error, model, file)
        return tuple(sorted(found, key=lambda one: one.line or 0))
    return ()


def _problems_of(
    error: ValidationError, model: type[BaseModel], file: str | Path | None
) -> list[ConfigError]:
    try:
        text = "" if file is None else Path(file).read_text()
    except (OSError, UnicodeDecodeError):
        text = ""
    errors = _of_one_member(error.errors(include_url=False))
    within = {one["loc"][:end] for one in errors for end in range(len(one["loc"]))}
    # A list whose only item is wrong counts as empty: what is wrong in the item says more.
    errors = [one for one in errors if one["type"] != "too_short" or one["loc"] not in within]
    # A misspelt key is both unknown and missing: the unknown one says more.
    errors.sort(key=lambda one: one["type"] != "extra_forbidden")
    return [_problem(one, model, file, text) for one in errors]


_KINDS = ("function-before[", "tuple[", "list[")
"""How pydantic's names of a value's kinds begin."""


def _of_one_member(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return errors of values that may be of two kinds as those of the kind that was meant.

    pydantic tells what each kind has against the value, and names the kind in the location.
    """
    kinds: dict[tuple[int | str, ...], dict[str, list[ErrorDetails]]] = {}
    for one in errors:
        tags = [at for at, part in enumerate(one["loc"]) if str(part).startswith(_KINDS)]
        # A key that a user made up may be called so, too.
        for at in tags[:1] if one["type"] != "extra_forbidden" else []:
            kinds.setdefault(one["loc"][:at], {}).setdefault(str(one["loc"][at]), []).append(one)
    found = []
    for one in errors:
        place = next((at for at in range(len(one["loc"])) if one["loc"][:at] in kinds), -1)
        if place < 0:
            found.append(one)
            continue
        several = kinds[one["loc"][:place]]
        own = [key for key, some in several.items() if not some[0]["type"].endswith("_type")]
        # A list was meant where something in it is wrong.
        meant = max(own or several, key=lambda key: max(len(it["loc"]) for it in several[key]))
        if one["loc"][place] == meant:
            found.append({**one, "loc": (*one["loc"][:place], *one["loc"][place + 1 :])})
    return found


def _problem(
    error: ErrorDetails, model: type[BaseModel], file: str | Path | None, text: str
) -> ConfigError:
    location = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    if file is not None:
        # TOML has lists; what they become here is no word of the file.
        message = message.replace("a valid tuple", "a list, in brackets").replace("Tuple ", "List ")
    given = error.get("input")
    key, rest = _key_of(message, model, location)
    if error["type"] == "value_error" and key is not None:
        # What stands between keys is told of the table that holds them: the text names the key.
        location, message = (*location, key), rest
        given = given.get(key) if isinstance(given, Mapping) else None
    field = ".".join(str(part) for part in location) or None
    line = line_of(text, location)
    if error["type"] == "extra_forbidden":
        siblings = sorted(_siblings(model, location))
        near = difflib.get_close_matches(str(location[-1]), siblings, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(siblings)}"
        return ConfigError("unknown key", file=file, line=line, field=field, remedy=remedy)
    message = message[:1].lower() + message[1:]
    if error["type"] == "missing":
        remedy = f"pulsefront help {location[-1]} tells what it means"
        return ConfigError("is missing", file=file, line=line, field=field, remedy=remedy)
    return ConfigError(message, file=file, line=line, field=field, value=_short(given))


def _key_of(
    message: str, model: type[BaseModel], location: Sequence[int | str]
) -> tuple[str | None, str]:
    """Return the key below *location* with which a message begins, and the rest of the message."""
    first, _, rest = message.partition(" ")
    key = first.removesuffix(":")
    known = key in _siblings(model, (*location, key)) and not rest.startswith("and ")
    return (key, rest) if known else (None, message)


def _short(value: object) -> object:
    """Return *value*, or None where it is too long to say in a line."""
    return value if len(repr(value)) <= 80 else None


def _siblings(model: type[BaseModel], location: Sequence[int | str]) -> set[str]:
    """Return the valid keys beside the unknown one at *location*."""
    current: Any = model
    for part in location[:-1]:
        candidates = [m for m in _models_in(current) if isinstance(part, str)]
        named = [m for m in candidates if part in m.model_fields]
        if named:
            current = named[0].model_fields[str(part)].annotation
        # An index or the tag of a union selects among the models already at hand.
        elif isinstance(part, str):
            tagged = [m for m in candidates if _has_tag(m, part)]
            current = tagged[0] if tagged else current
    return {name for m in _models_in(current) for name in m.model_fields}


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    return any(tag in getattr(f.annotation, "__args__", ()) for f in model.model_fields.values())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models_in(part)]
