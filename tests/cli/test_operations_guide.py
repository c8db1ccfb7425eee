"""What the operations guide tells people to type exists, and no exit code is left out of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from pulsefront.cli.main import app
from pulsefront.cli.qc_night import _MEANINGS
from pulsefront.qc.nightly.site_folder import init_site

GUIDE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
_COMMAND = re.compile(r"pulsefront (qc [^`\n|]*)")


def commands() -> list[str]:
    """Return every command of the guide, as it is typed, without its comment."""
    found = [match[1].split("  #")[0].strip() for match in _COMMAND.finditer(GUIDE)]
    return sorted({text for text in found if "…" not in text})


def test_guide_names_commands():
    assert len(commands()) > 20


@pytest.mark.parametrize("text", commands())
def test_command_of_the_guide_and_its_options_exist(text):
    words = shlex.split(text)
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        name = words.pop(0)
        assert name in command.commands, text
        command = command.commands[name]
    if not words:  # named, not typed
        return
    options = {name: p for p in command.params for name in p.opts if p.param_type_name == "option"}
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    given, values = set(), 0
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            assert word in options, (text, word)
            given.add(options[word].name)
            if not options[word].is_flag:
                assert words, text
                words.pop(0)
        else:
            values += 1
    assert values >= sum(p.required for p in arguments), text
    if given:
        assert {p.name for p in options.values() if p.required} <= given, text


def test_guide_says_what_each_exit_code_asks_for():
    section = GUIDE.partition("## What each exit code asks for")[2].partition("\n## ")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert set(_MEANINGS) <= told


def test_guide_tells_what_every_advice_of_the_page_asks_for():
    source = Path(__file__).parents[2] / "src/pulsefront/qc/pages/night/advice.py"
    kinds = set(re.findall(r'Advice\(\n\s+"\w+",\n\s+"([^"]+)"', source.read_text("utf-8")))
    assert len(kinds) >= 6
    section = GUIDE.partition("## What each alert asks for")[2].partition("\n## ")[0]
    for kind in (kinds - {"alerts"}) | {"new alert", "open alert"}:
        assert kind in section, kind


def test_guide_names_every_file_of_the_site_folder(tmp_path):
    for path in init_site(tmp_path / "site"):
        assert f"`{path.name}`" in GUIDE


def test_links_of_the_guide_lead_somewhere():
    heads = re.findall(r"^## (.+)$", GUIDE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) == anchors
