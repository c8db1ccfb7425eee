"""Cards: what a model, or a set of events, is for, is made from, and where it fails.

Plain Markdown beside the file, for those who get it without the report. Like the checklist they
are filled from a record; a part that the record lacks is named as missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulsefront.report.render import format_cell

__all__ = ["CARD_PARTS", "DATA_PARTS", "CardPart", "data_card", "model_card"]


@dataclass(frozen=True)
class CardPart:
    """A part of the card: its key in the record and its heading."""

    key: str
    title: str


CARD_PARTS = (
    CardPart("model", "Model"),
    CardPart("intended_use", "Intended use"),
    CardPart("data", "Data it was made from"),
    CardPart("performance", "Performance"),
    CardPart("subgroups", "Subgroups"),
    CardPart("formats", "Formats and cost"),
    CardPart("verification", "Verification"),
    CardPart("limits", "Limits, and where it should not be used"),
    CardPart("reproduction", "How to repeat it"),
)

DATA_PARTS = (
    CardPart("events", "Events"),
    CardPart("source", "Where they come from"),
    CardPart("columns", "Columns of an event"),
    CardPart("labels", "Labels"),
    CardPart("parts", "Parts, and what none has in common with another"),
    CardPart("left_out", "Events left out"),
    CardPart("others", "Other sets"),
    CardPart("coverage", "What is covered, and what is not"),
    CardPart("limits", "Limits"),
    CardPart("reproduction", "How to read and repeat it"),
)


def model_card(
    title: str, record: Mapping[str, Any], front_matter: Mapping[str, Any] | None = None
) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    title
        Heading of the card.
    record
        Part key → text, list of texts, or mapping of names to values; a list of mappings becomes
        a table. Parts beyond `CARD_PARTS` follow at the end under their own names.
    front_matter
        What model hubs read before the text, between lines of dashes: YAML, in which every value
        is written as JSON.
    """
    return _card(title, record, CARD_PARTS, front_matter)


def data_card(
    title: str, record: Mapping[str, Any], front_matter: Mapping[str, Any] | None = None
) -> str:
    """Return the card of a set of events as Markdown; parameters as `model_card`."""
    return _card(title, record, DATA_PARTS, front_matter)


def _card(
    title: str,
    record: Mapping[str, Any],
    parts: Sequence[CardPart],
    front_matter: Mapping[str, Any] | None,
) -> str:
    known = {part.key for part in parts}
    others = [CardPart(key, _words(key).capitalize()) for key in record if key not in known]
    lines = [] if front_matter is None else _front_matter(front_matter)
    lines += [f"# {title}", ""]
    for part in (*parts, *others):
        content = record.get(part.key)
        body = _body(content) if content else ["Not recorded."]
        lines += [f"## {part.title}", "", *body, ""]
    return "\n".join(lines)


def _front_matter(values: Mapping[str, Any]) -> list[str]:
    # JSON is YAML, and needs no rule of when a text wants quotes.
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return ["---", *rows, "---", ""]


def _body(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, Mapping):
        return [f"- {_words(key)}: {_cell(value)}" for key, value in content.items()]
    if isinstance(content, Sequence) and all(isinstance(row, Mapping) for row in content):
        return _table(content)
    if isinstance(content, Sequence):
        return [f"- {_cell(item)}" for item in content]
    return [_cell(content)]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_words(column) for column in columns], ["---"] * len(columns)]
    cells += [[_cell(row.get(column)) for column in columns] for row in rows]
    return [f"| {' | '.join(row)} |" for row in cells]


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value)
    # A pipe would end the cell of a table, a line break its row.
    return " ".join(format_cell(value).replace("|", "\\|").split())


def _words(name: str) -> str:
    return name.replace("_", " ")
