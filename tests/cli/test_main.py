"""The command line starts fast, says errors in one line, and a page shows every command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from pulsefront.cli.main import app, main

REPOSITORY = Path(__file__).resolve().parents[2]
# Written by hand: what is generated would name every command without a word of why.
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
HEAVY = ("torch", "hls4ml", "onnx", "onnxruntime", "numba", "sklearn", "pandas", "matplotlib")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pulsefront", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            found += commands(command, (*path, name))
        else:
            found.append((*path, name))
    return found


ALL_COMMANDS = commands(typer.main.get_command(app))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pulsefront.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"loaded = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=" ".join)
def test_command_has_help_and_stands_on_a_page(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) > 4
    shown = rf"\bpulsefront {' '.join(command)}(?![\w-])"
    assert any(re.search(shown, page.read_text()) for page in PAGES)


def test_error_is_one_line_and_exit_code(tmp_path: Path) -> None:
    result = run("run", str(tmp_path / "no.toml"))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("pulsefront: ")
    assert "no such file" in result.stderr
    assert result.stdout == ""


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    result = run("--debug", "run", str(tmp_path / "no.toml"))
    assert result.returncode != 0
    assert "Traceback" in result.stderr


def test_unknown_command_and_version() -> None:
    assert run("rnu").returncode == 2
    assert run("--version").stdout.startswith("pulsefront ")


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def interrupt_and_stumble(*_: object, **__: object) -> None:
    """As h5py does where Ctrl-C breaks a write off and the file cannot be closed."""
    try:
        raise KeyboardInterrupt
    finally:
        raise RuntimeError("Can't decrement id ref count")


@pytest.mark.parametrize("stop", [interrupt, interrupt_and_stumble])
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("ingest a.dat --out b.h5", "nothing was written"),
        ("ingest a.dat --out b.h5 --append", "the events that were added by then stay"),
        ("pickoff a.dat --out b", "nothing was written"),
        ("inspect a.dat", "nothing was written"),
        ("run timing_lyso_pair", "run the same command again to go on"),
    ],
)
def test_ctrl_c_is_one_line(
    words: str,
    kept: str,
    stop: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """ingest ended in 82 lines of traceback, pickoff without a word."""
    for name in (
        "pulsefront.events.ingest.ingest",
        "pulsefront.events.ingest.open_sources",
        "pulsefront.studies.run.run_study",
    ):
        monkeypatch.setattr(name, stop)
    monkeypatch.setattr(sys, "argv", ["pulsefront", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err.splitlines()
    assert ended.value.code == 130
    assert len(told) == 1
    assert told[0].startswith("pulsefront: interrupted; ")
    assert kept in told[0]
