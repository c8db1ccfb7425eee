"""The reference of commands has all of them, and every option says what it does."""

from __future__ import annotations

import command_pages


def test_every_command_argument_and_option_says_what_it_does() -> None:
    assert command_pages.undocumented() == []


def test_what_says_nothing_is_found(monkeypatch) -> None:
    import typer

    app = typer.Typer()

    @app.command()
    def silent(depth: int = 1) -> None: ...

    @app.command()
    def told(depth: int = typer.Option(1, help="How deep.")) -> None:
        """Say something."""

    monkeypatch.setattr("pulsefront.cli.main.app", app)
    assert [one.split()[1] for one in command_pages.undocumented()] == ["silent", "silent"]


def test_the_page_has_every_command_and_is_plain_where_markdown_would_read_signs() -> None:
    page = command_pages.page()
    words = [" ".join(words) for words, _ in command_pages.commands()]
    assert len(words) > 40
    assert [one for one in words if f"\n## {one}\n" not in page] == []
    assert "--scheduler" in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    # two cells a row: a bar in a choice of values is no border
    assert [row for row in rows if row.replace("\\|", "").count("|") != 3] == []
