"""What every command checks first: that it overwrites neither what it reads nor a device."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from pulsefront.files import refuse_inputs, refuse_target

__all__ = ["guard_outputs"]

OUTPUTS = ("out", "figure", "trace", "prometheus")
"""Names of the parameters that say what is written."""

NO_INPUTS = (*OUTPUTS, "light_maps")
"""Parameters beside which a file of the user's may be written."""

FOLDERS = ("pickoff", "export", "fit", "recalibrate", "run")
"""Commands that write a folder; of the ones of qc, their own checks tell."""

FILLED = ("fit", "run")
"""Commands that add to their folder, in which an input may lie, and replace it not."""

REPLACES_ITS_INPUT = ("combine",)
"""Commands whose output may take the place of what is read."""


class _GuardedCommand(TyperCommand):
    """A command that looks at what it would overwrite before it is run."""

    of_group = False
    """Whether it is one of a group, whose own checks tell of folders."""

    def invoke(self, ctx: Any) -> Any:  # typer brings its own click, or takes the other
        name = ctx.info_name or ""
        inputs = [value for key, value in ctx.params.items() if key not in NO_INPUTS]
        for key in OUTPUTS:
            given = ctx.params.get(key)
            if given is None:
                continue
            target, field = Path(given), f"--{key}"
            filled = target.is_dir() and (self.of_group or name in FILLED)
            if not filled:
                refuse_target(target, folder=not self.of_group and name in FOLDERS, field=field)
            if not filled and name not in REPLACES_ITS_INPUT:
                refuse_inputs(target, _files_in(inputs), field=field)
        return super().invoke(ctx)


class _GuardedGroupCommand(_GuardedCommand):
    of_group = True


def guard_outputs(app: typer.Typer, *, group: bool = False) -> None:
    """Let every command of *app*, those of its groups too, check what it would overwrite."""
    for command in app.registered_commands:
        command.cls = _GuardedGroupCommand if group else _GuardedCommand
    for inner in app.registered_groups:
        if inner.typer_instance is not None:
            guard_outputs(inner.typer_instance, group=True)


def _files_in(values: Any) -> Iterator[Path]:
    """Yield the files and folders that values of parameters name, and those that are listed in
    a manifest or a file of settings."""
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, list | tuple):
            yield from _files_in(value)
        elif isinstance(value, str | Path) and _is_there(Path(value)):
            path = Path(value)
            yield path
            yield from (path.parent / name for name in _listed(path))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that can be no path
        return False


def _listed(path: Path) -> Iterator[str]:
    """Yield the texts of a file of settings, and the files of a manifest."""
    suffix = path.suffix.lower()
    if suffix == ".toml":
        try:
            yield from _texts(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # what is wrong with it, the command says
            return
    elif suffix == ".csv" and path.is_file():
        from pulsefront.errors import PulsefrontError
        from pulsefront.events.manifest import is_manifest, load_manifest

        try:
            scans = load_manifest(path).scan if is_manifest(path) else ()
        except PulsefrontError:
            return
        yield from (str(file) for scan in scans for file in scan.files)


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for inner in content.values() if isinstance(content, dict) else content:
            yield from _texts(inner)
