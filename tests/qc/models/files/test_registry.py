"""Champion and challenger: every decision with a reason, and every model there to go back to."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.models.files.model_file import ModelInvalid
from pulsefront.qc.models.files.registry import (
    drop,
    load_role,
    promote,
    register,
    registered_models,
    roll_back,
)
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


@pytest.fixture
def models(hazard):
    """Three models that differ."""
    return [replace(hazard, name=name) for name in ("first", "second", "third")]


def roles(store):
    return {model.name: model.role for model in registered_models(store)}


def test_first_model_is_champion_and_the_next_ones_are_challengers_in_turn(store, models):
    assert [register(store, model, who="ada") for model in models] == [
        "champion", "challenger", "challenger",
    ]  # fmt: skip
    assert roles(store) == {"first": "champion", "second": "", "third": "challenger"}
    assert load_role(store, "champion").name == "first"
    assert load_role(store, "challenger").name == "third"


def test_model_that_is_known_keeps_its_role(store, models):
    register(store, models[0], who="ada")
    register(store, models[1], who="ada")
    assert register(store, models[0], who="ada") == "champion"
    assert register(store, models[1], who="ada") == "challenger"
    assert roles(store) == {"first": "champion", "second": "challenger"}


def test_promoted_model_is_rolled_back_from_with_reasons_kept(store, models):
    for model in models[:2]:
        register(store, model, who="ada")
    promote(store, "", who="ada", why="twice the lead")
    assert roles(store) == {"first": "", "second": "champion"}
    roll_back(store, who="ben", why="false alerts on PET2")
    assert roles(store) == {"first": "champion", "second": ""}
    found = {m.name: [(c.kind, c.who, c.why) for c in m.changes] for m in registered_models(store)}
    assert found == {
        "first": [
            ("registered", "ada", ""),
            ("promoted", "ada", "the first model of this store"),
            ("rolled back to", "ben", "false alerts on PET2"),
        ],
        "second": [("registered", "ada", ""), ("promoted", "ada", "twice the lead")],
    }
    with pytest.raises(QCDataError, match="no champion before"):
        roll_back(store, who="ben", why="again")


def test_model_comes_back_from_the_store_to_the_bit(store, models):
    register(store, models[0], who="ada")
    loaded = load_role(store, "champion")
    assert loaded.schema == models[0].schema
    assert (loaded.inputs.edges == models[0].inputs.edges).all()
    assert loaded.file_hash == registered_models(store)[0].model_hash


def test_any_model_can_be_promoted_by_the_beginning_of_its_hash(store, models):
    for model in models:
        register(store, model, who="ada")
    second = registered_models(store)[1]
    assert promote(store, second.model_hash[:10], who="ada", why="x").name == "second"
    assert roles(store) == {"first": "", "second": "champion", "third": "challenger"}


def test_dropped_challenger_is_scored_no_more(store, models):
    for model in models[:2]:
        register(store, model, who="ada")
    drop(store, "", who="ada", why="worse on late units")
    assert load_role(store, "challenger") is None
    # Trained again it is tried again.
    assert register(store, models[1], who="ada") == "challenger"
    assert load_role(store, "challenger").name == "second"


@pytest.mark.parametrize("why", ["", "  "])
def test_decision_without_a_reason_is_refused(store, models, why):
    for model in models[:2]:
        register(store, model, who="ada")
    for act in (
        lambda: promote(store, "", who="ada", why=why),
        lambda: drop(store, "", who="ada", why=why),
    ):
        with pytest.raises(QCDataError, match="why"):
            act()
    promote(store, "", who="ada", why="x")
    with pytest.raises(QCDataError, match="why"):
        roll_back(store, who="ada", why=why)


def test_model_that_is_not_there_is_refused(store, models):
    register(store, models[0], who="ada")
    for name in ("", "ffff0000"):
        with pytest.raises(QCDataError, match="no such model"):
            promote(store, name, who="ada", why="x")
    champion = registered_models(store)[0].model_hash
    with pytest.raises(QCDataError, match="champion already"):
        promote(store, champion[:8], who="ada", why="x")
    with pytest.raises(QCDataError, match="not the challenger"):
        drop(store, champion[:8], who="ada", why="x")


def test_model_that_was_damaged_in_the_store_is_refused(store, models):
    register(store, models[0], who="ada")
    register(store, models[1], who="ada")
    m = tables.model
    with store.writing() as connection:
        other = connection.execute(sa.select(m.c.content).where(m.c.name == "second")).scalar()
        connection.execute(sa.update(m).where(m.c.name == "first").values(content=other))
    with pytest.raises(ModelInvalid, match="not the one that was registered"):
        load_role(store, "champion")
