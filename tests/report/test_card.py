"""A model card holds what the record holds and says what it lacks."""

from __future__ import annotations

import pytest

from pulsefront.evaluate import Interval
from pulsefront.report.card import CARD_PARTS, DATA_PARTS, data_card, model_card


def test_every_part_is_there_and_missing_ones_say_so() -> None:
    card = model_card("A network", {"intended_use": "List-mode position."})
    headings = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert headings == [part.title for part in CARD_PARTS]
    assert card.startswith("# A network\n")
    assert "List-mode position." in card
    assert card.count("Not recorded.") == len(CARD_PARTS) - 1


def test_mappings_lists_and_tables() -> None:
    record = {
        "formats": {"weight_bytes": 7104, "inputs": ["a", "b"]},
        "limits": ["no pile-up", "one detector"],
        "performance": [
            {"estimator": "network", "fwhm_mm": Interval(0.46, 0.45, 0.47)},
            {"estimator": "k-NN | tuned", "note": "line\nbreak"},
        ],
    }
    card = model_card("x", record)
    assert (
        "- weight bytes: 7\N{NARROW NO-BREAK SPACE}104" in card or "- weight bytes: 7 104" in card
    )
    assert "- inputs: a, b" in card
    assert "- no pile-up\n- one detector" in card
    assert "| estimator | fwhm mm | note |" in card
    assert "| network | 0.460 [0.450, 0.470] | – |" in card
    assert "| k-NN \\| tuned | – | line break |" in card


def test_a_part_of_ones_own_comes_last() -> None:
    card = model_card("x", {"ethical_notes": "none", "limits": "some"})
    assert card.rstrip().endswith("## Ethical notes\n\nnone")


def test_front_matter_is_yaml_that_hubs_read() -> None:
    yaml = pytest.importorskip("yaml")
    matter = {"library_name": "pulsefront", "tags": ["a: b", "γ"], "model-index": [{"name": "x"}]}
    card = model_card("A network", {}, matter)
    _, front, text = card.split("---\n", 2)
    assert yaml.safe_load(front) == matter
    assert text.lstrip().startswith("# A network\n")


def test_a_data_card_has_its_own_parts_and_names_what_is_missing() -> None:
    card = data_card("Events", {"left_out": {"with_status": 3}})
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == [
        part.title for part in DATA_PARTS
    ]
    assert "- with status: 3" in card
    assert card.count("Not recorded.") == len(DATA_PARTS) - 1
