"""The models of a store: which one scores, which one is tried beside it, and who decided so.

Models are kept whole in the store, so that a backup of it is enough to go on and every model can
be rolled back to. The *champion* opens alerts; the *challenger* is scored beside it every night
and opens none. Every decision has a reason, and decisions are only ever added.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.alerts.ledger import next_number, rows_of
from pulsefront.qc.models.files.model_file import (
    FailureModel,
    ModelInvalid,
    model_bytes,
    model_of_bytes,
)
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema

__all__ = [
    "ModelChange",
    "RegisteredModel",
    "Role",
    "drop",
    "load_role",
    "promote",
    "register",
    "registered_models",
    "roll_back",
]

Role = Literal["champion", "challenger", ""]

_WAIT_S = 600.0  # a training is not lost because a night is being scored
_FIRST = "the first model of this store"


@dataclass(frozen=True)
class ModelChange:
    """One decision about a model: *registered*, *promoted*, *rolled back to* or *dropped*."""

    kind: str
    made_s: int
    who: str
    why: str


@dataclass(frozen=True)
class RegisteredModel:
    """A model of the store, its role and the decisions about it."""

    model_hash: str
    name: str
    role: Role
    changes: tuple[ModelChange, ...]


def registered_models(store: Store) -> tuple[RegisteredModel, ...]:
    """Return all models in the order in which they were registered."""
    with store.engine.connect() as connection:
        return _registered(connection)


def _registered(connection: sa.Connection) -> tuple[RegisteredModel, ...]:
    m, c = tables.model, tables.model_change
    names = dict(connection.execute(sa.select(m.c.model_hash, m.c.name)).all())
    log = rows_of(connection, sa.select(c).order_by(c.c.change_id))
    champions, challenger = _roles(log)
    found: dict[str, list[ModelChange]] = {}
    for row in log:
        change = ModelChange(row["kind"], row["made_at"], row["who"], row["why"])
        found.setdefault(row["model_hash"], []).append(change)

    def role(model_hash: str) -> Role:
        if champions and model_hash == champions[-1]:
            return "champion"
        return "challenger" if model_hash == challenger else ""

    return tuple(
        RegisteredModel(model_hash, names[model_hash], role(model_hash), tuple(changes))
        for model_hash, changes in found.items()
    )


def _roles(log: list[dict[str, Any]]) -> tuple[list[str], str]:
    """Return the champions up to the present one, and the challenger or nothing."""
    champions: list[str] = []
    challenger = ""
    for row in log:
        model_hash = row["model_hash"]
        if row["kind"] == "registered":
            challenger = model_hash
        elif row["kind"] == "promoted":
            champions.append(model_hash)
        elif row["kind"] == "rolled back to":
            champions.pop()
        if challenger == model_hash and row["kind"] != "registered":
            challenger = ""
    return champions, challenger


def load_role(store: Store, role: Role) -> FailureModel | None:
    """Return the model that has a role; None where none has it.

    Raises
    ------
    ModelInvalid
        Its content is damaged.
    """
    found = [model for model in registered_models(store) if model.role == role]
    if not found:
        return None
    m = tables.model
    with store.engine.connect() as connection:
        query = sa.select(m.c.content).where(m.c.model_hash == found[0].model_hash)
        content = connection.execute(query).scalar_one()
    model = model_of_bytes(bytes(content), Path(f"model {found[0].model_hash[:16]} of the store"))
    if model.file_hash != found[0].model_hash:
        raise ModelInvalid(
            "the model in the store is not the one that was registered",
            field=found[0].model_hash[:16],
            remedy="restore the store, or roll back",
        )
    return model


def register(store: Store, model: FailureModel, *, who: str, why: str = "") -> Role:
    """Keep a trained model: the first one as champion, a later one as challenger.

    Returns
    -------
    Role
        What the model now is. One that is known already keeps its role.

    Raises
    ------
    ModelInvalid
        It looks at no test that the store holds.
    """
    content = model_bytes(model)
    model_hash = model_of_bytes(content, Path("the trained model")).file_hash
    with locked(store.url, wait_s=_WAIT_S), store.writing() as connection:
        _refuse_other_tests(connection, model)
        known = {found.model_hash: found.role for found in _registered(connection)}
        if known.get(model_hash):
            return known[model_hash]
        if model_hash not in known:
            values = {"model_hash": model_hash, "name": model.name, "content": content}
            connection.execute(sa.insert(tables.model).values(values))
        _note(connection, model_hash, "registered", who, why)
        if not any(role == "champion" for role in known.values()):
            _note(connection, model_hash, "promoted", who, _FIRST)
            return "champion"
    return "challenger"


def _refuse_other_tests(connection: sa.Connection, model: FailureModel) -> None:
    """Refuse a model that could score nothing here; a store without records tells nothing."""
    stored = set(connection.execute(sa.select(schema.series.c.test).distinct()).scalars())
    # A test that stands in two units of measurement bears them in its name.
    if stored and not any(
        test in stored or test.rpartition(" [")[0] in stored for test in model.schema.tests
    ):
        raise ModelInvalid(
            "the model was trained on other tests than the store holds",
            field="tests",
            value=", ".join(model.schema.tests[:5]),
            remedy="register a model of this site, or train one on this store",
        )


def promote(store: Store, name: str, *, who: str, why: str) -> RegisteredModel:
    """Make a model the champion from the next night on.

    Parameters
    ----------
    name
        The beginning of its hash; empty for the challenger.

    Raises
    ------
    QCDataError
        There is no such model or it is the champion already; or the reason is empty.
    """
    with locked(store.url), store.writing() as connection:
        model = _find(connection, name)
        if model.role == "champion":
            raise QCDataError("is the champion already", field="model", value=model.model_hash[:16])
        _note(connection, model.model_hash, "promoted", who, _reason(why))
    return model


def roll_back(store: Store, *, who: str, why: str) -> RegisteredModel:
    """Make the champion before the present one the champion again.

    Raises
    ------
    QCDataError
        There was none before; or the reason is empty.
    """
    with locked(store.url), store.writing() as connection:
        c = tables.model_change
        champions, _ = _roles(rows_of(connection, sa.select(c).order_by(c.c.change_id)))
        if len(champions) < 2:
            raise QCDataError(
                "there was no champion before the present one",
                remedy="pulsefront qc models list shows the models; promote one of them",
            )
        _note(connection, champions[-2], "rolled back to", who, _reason(why))
        return _find(connection, champions[-2])


def drop(store: Store, name: str, *, who: str, why: str) -> RegisteredModel:
    """Score the challenger no more; it stays in the store.

    Raises
    ------
    QCDataError
        It is not the challenger; or the reason is empty.
    """
    with locked(store.url), store.writing() as connection:
        model = _find(connection, name)
        if model.role != "challenger":
            raise QCDataError("is not the challenger", field="model", value=model.model_hash[:16])
        _note(connection, model.model_hash, "dropped", who, _reason(why))
    return model


def _find(connection: sa.Connection, name: str) -> RegisteredModel:
    found = [
        model
        for model in _registered(connection)
        if (model.model_hash.startswith(name) if name else model.role == "challenger")
    ]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} models whose hash begins so" if found else "no such model"
    raise QCDataError(
        f"there are {what}" if found else f"there is {what}",
        field="model",
        value=name or "the challenger",
        remedy="pulsefront qc models list shows them",
    )


def _reason(why: str) -> str:
    text = " ".join(why.split())
    if not text:
        raise QCDataError("must not be empty", field="why", remedy="say it in a few words")
    return text


def _note(connection: sa.Connection, model_hash: str, kind: str, who: str, why: str) -> None:
    table = tables.model_change
    connection.execute(
        sa.insert(table).values(
            change_id=next_number(connection, table.c.change_id), model_hash=model_hash,
            kind=kind, made_at=int(time.time()), who=who, why=why,
        )
    )  # fmt: skip
