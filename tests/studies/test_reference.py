"""The reference pages in docs are those that the models make."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.studies.reference import pages

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_says_what_the_models_say(name: str) -> None:
    assert (FOLDER / name).read_text() == pages()[name], (
        "run python -m pulsefront.studies.reference docs/reference"
    )


def test_every_key_of_the_test_record_is_told() -> None:
    text = pages()["results.md"]
    for key in ("`best_baseline`", "`bias_over_offset`", "`gain_percent_low`", "`limit`"):
        assert key in text
