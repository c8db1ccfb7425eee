"""The command line: one thin command per verb, heavy imports only where a command needs them."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, NoReturn

import typer

import pulsefront
from pulsefront.errors import PulsefrontError
from pulsefront.extras import missing_extra

__all__ = ["app", "main"]

GO_ON = ("run", "simulate", "qc")
"""Commands that go on where they were stopped."""

app = typer.Typer(
    name="pulsefront",
    help="Small neural networks for radiation-detector front ends, proved to the bit, "
    "and quality control of the scanners behind them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(f"pulsefront {pulsefront.__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error instead of one line.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that come before the command."""


def _register() -> None:
    from pulsefront.cli import (
        calibration,
        data,
        files,
        firmware,
        fit,
        imports,
        list_mode,
        mapping,
        monitor,
        motion,
        outputs,
        pulses,
        qc,
        recalibrate,
        simulation,
        study,
        trust,
    )

    commands = (
        files.new,
        files.check,
        files.schema,
        study.run,
        study.compare,
        study.gallery,
        simulation.simulate,
        trust.published,
        trust.sensitivity,
        data.ingest,
        data.inspect,
        mapping.mapping,
        pulses.pickoff,
        pulses.charges,
        calibration.coincidences,
        calibration.calibrate,
        calibration.split,
        list_mode.petsird,
        firmware.export,
        fit.fit,
        firmware.verify,
        recalibrate.recalibrate,
    )
    for command in commands:
        app.command()(command)
    app.command("import")(imports.import_network)
    app.command("help")(files.help_key)
    app.add_typer(motion.app, name="motion")
    app.add_typer(monitor.app, name="monitor")
    app.add_typer(qc.app, name="qc")
    outputs.guard_outputs(app)


_register()


def main() -> NoReturn:
    """Run the command line; what a user can mend, and Ctrl-C, become one line and an exit code."""
    try:
        app()
    except BaseException as error:
        told = None if "--debug" in sys.argv[1:2] else _told(error)
        if told is None:
            raise
        _fail(*told)
    sys.exit(0)


def _told(error: BaseException) -> tuple[str, int] | None:
    """Return the line and the exit code of an error; None where it is no user's."""
    if _was_interrupted(error):
        return f"interrupted{_kept(sys.argv[1:])}", 130
    if isinstance(error, PulsefrontError):
        return str(error), error.exit_code
    if isinstance(error, ModuleNotFoundError):
        missing = missing_extra(error, needed_for="this command")
        return None if missing is None else (str(missing), missing.exit_code)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; free some space and run the command again", 2
    return None


def _was_interrupted(error: BaseException | None) -> bool:
    """Return whether Ctrl-C is behind an error: what it breaks off may fail once more."""
    seen: set[int] = set()  # an error may be its own cause
    while error is not None and not isinstance(error, KeyboardInterrupt):
        if id(error) in seen:
            return False
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return error is not None


def _kept(words: list[str]) -> str:
    """Return what an interrupted command leaves behind, by its words."""
    command = next((word for word in words if not word.startswith("-")), "")
    if command in GO_ON:
        return "; run the same command again to go on"
    if command == "ingest" and "--append" in words:
        return "; the events that were added by then stay in the store"
    if "--synthesize" in words:  # the export may be there, and its synthesis not
        return ""
    return "; nothing was written"


def _fail(line: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"pulsefront: {line}\n")
    sys.exit(exit_code)
