"""Sphinx extension: the reference of commands, made from the command line that it describes.

The page is written before the sources are read; ``tests/docs/test_command_pages.py`` fails where a
command, an argument or an option says nothing of itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

__all__ = ["commands", "page", "setup", "undocumented"]

PAGE = Path("generated", "commands.md")
HEAD = """# Commands

Made from the program itself: `pulsefront COMMAND --help` prints the same. A mistake in what was
given ends a command with one line and exit code 2, integers that differ with 1, a program or
records that are missing with 3; `pulsefront --debug COMMAND` shows the traceback of an error.
"""
WIDTH = 10_000
"""Columns of the terminal for which help is asked, so that no line of it is broken."""


def commands(group: Any = None, path: tuple[str, ...] = ("pulsefront",)) -> Iterator[Any]:
    """Yield every command with its words, ``(words, command)``, in the order of ``--help``."""
    if group is None:
        from pulsefront.cli.main import app

        group = typer.main.get_command(app)
    for name, command in group.commands.items():
        words = (*path, name)
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield words, command


def _context(words: tuple[str, ...], command: Any) -> Any:
    return command.context_class(command, info_name=" ".join(words), max_content_width=WIDTH)


def _parameters(words: tuple[str, ...], command: Any) -> list[tuple[str, str, str]]:
    """Return the kind, the spelling and the help of each argument and option but ``--help``."""
    context = _context(words, command)
    shown = [one for one in command.params if one.name != "help"]
    records = [(one.param_type_name, one.get_help_record(context)) for one in shown]
    return [(kind, *record) for kind, record in records if record is not None]


def undocumented() -> list[str]:
    """Return the commands, arguments and options without a word of what they do."""
    silent = []
    for words, command in commands():
        if not (command.help or "").strip():
            silent.append(" ".join(words))
        # The default and the range, in brackets at the end, are no words of it.
        silent += [
            f"{' '.join(words)} {spelling}"
            for _, spelling, told in _parameters(words, command)
            if not re.sub(r"\s*\[[^\]]*\]$", "", told)
        ]
    return silent


def _escaped(text: str) -> str:
    """Return plain text as Markdown that shows it, on one line."""
    return re.sub(r"([*<>\[\]_|])", r"\\\1", " ".join(text.split()))


def _section(words: tuple[str, ...], command: Any) -> str:
    paragraphs = inspect.cleandoc(command.help or "").replace("\b", "").split("\n\n")
    usage = command.get_usage(_context(words, command)).removeprefix("Usage: ")
    parameters = _parameters(words, command)
    lines = [f"## {' '.join(words)}", "", "```text", " ".join(usage.split()), "```", ""]
    lines += [_escaped(paragraph) + "\n" for paragraph in paragraphs]
    if parameters:
        lines += ["| | |", "|---|---|"]
    for _, spelling, told in parameters:
        lines.append(f"| `{spelling.replace('|', chr(92) + '|')}` | {_escaped(told)} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the page in Markdown."""
    return "\n".join([HEAD, *(_section(words, command) for words, command in commands())])


def setup(app: Any) -> dict[str, bool]:
    """Write the page into the sources; Sphinx calls this."""
    target = Path(app.srcdir) / PAGE
    target.parent.mkdir(exist_ok=True)
    text = page()
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
    return {"parallel_read_safe": True}
