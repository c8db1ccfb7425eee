"""The reference pages of measured files are those that the models make."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.measured.reference import pages

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_says_what_the_models_say(name: str) -> None:
    assert (FOLDER / name).read_text() == pages()[name], (
        "run python -m pulsefront.measured.reference docs/reference"
    )


def test_every_key_has_a_meaning() -> None:
    for name, text in pages().items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        silent = [row for row in rows if row.split("|")[-2].strip() == ""]
        assert silent == [], name
