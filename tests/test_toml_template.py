"""A written template is TOML, holds what was chosen, and names every key with its meaning."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pulsefront.config import key_texts, validate
from pulsefront.files import sim_data_directory
from pulsefront.studies.kinds import STUDY_FILES
from pulsefront.studies.settings import StudyBase
from pulsefront.toml_template import commented_toml

STUDIES = sorted((sim_data_directory() / "studies").glob("*.toml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_what_was_chosen_comes_back_and_the_rest_is_a_comment(path: Path) -> None:
    content = tomllib.loads(path.read_text())
    model = STUDY_FILES[content["kind"]]
    text = commented_toml(model, content, heading="A study")
    assert text.startswith("# A study\n")
    assert tomllib.loads(text) == content
    for name in model.model_fields:
        assert f"{name} =" in text or f"[{name}]" in text or f"[{name}]]" in text


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_comments_can_be_taken_at_their_word(path: Path) -> None:
    # Every default that stands as a comment is a valid value of its key.
    content = tomllib.loads(path.read_text())
    model = STUDY_FILES[content["kind"]]
    text = commented_toml(model, content, heading="A study")
    opened = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        key = bare.split(" = ", 1)[0]
        is_default = line.startswith("# ") and key.isidentifier() and not bare.endswith("=")
        opened.append(bare if is_default else line)
    # Tables that are only comments keep their header as one: their keys stay out here.
    top = "\n".join(opened).split("\n[", 1)[0]
    validate(model, {**content, **tomllib.loads(top)}, file=path)


def test_every_key_of_a_study_has_its_meaning_beside_it() -> None:
    for model in STUDY_FILES.values():
        texts = key_texts(model)
        assert set(StudyBase.model_fields) <= set(texts), set(StudyBase.model_fields) - set(texts)
