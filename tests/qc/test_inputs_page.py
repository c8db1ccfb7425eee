"""The page about inputs shows site files that are valid, and every key of a mapping."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pulsefront.qc.site import Mapping, Site

PAGE = Path(__file__).parents[2] / "docs" / "qc_inputs.md"


def test_examples_are_valid_site_files():
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        Site.model_validate(tomllib.loads(block))


def test_every_key_of_a_mapping_has_its_meaning():
    text = PAGE.read_text()
    missing = [name for name in Mapping.model_fields if f"| `{name}` |" not in text]
    assert not missing
