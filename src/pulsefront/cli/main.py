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
        list_mode,
        mapping,
        outputs,
        pulses,
        qc,
        simulation,
        study,
    )

    commands = (
        files.new,
        files.check,
        study.run,
        study.gallery,
        simulation.simulate,
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
        firmware.fit,
        firmware.verify,
    )
    for command in commands:
        app.command()(command)
    app.command("help")(files.help_key)
    app.add_typer(qc.app, name="qc")
    outputs.guard_outputs(app)


_register()


def main() -> NoReturn:
    """Run the command line; a `PulsefrontError` becomes one line and its exit code."""
    debug = "--debug" in sys.argv[1:2]
    try:
        app()
    except PulsefrontError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        missing = missing_extra(error, needed_for="this command")
        if debug or missing is None:
            raise
        _fail(str(missing), missing.exit_code)
    except OSError as error:
        if debug or error.errno != errno.ENOSPC:
            raise
        _fail("the disk is full; free some space and run the command again", 2)
    except KeyboardInterrupt:
        _fail("interrupted; run the same command again to go on", 130)
    sys.exit(0)


def _fail(line: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"pulsefront: {line}\n")
    sys.exit(exit_code)
