"""What all models that scored have been worth, the champion and those before and beside it."""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.qc.models.files.registry import registered_models
from pulsefront.qc.models.life.figures import model_life
from pulsefront.qc.models.life.worth import ModelLife
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.tables import alert_tables as tables

__all__ = ["lives_of"]


def lives_of(store: Store, *, confidence: float = 0.95) -> tuple[ModelLife, ...]:
    """Return the life of every model whose scores have a known outcome, the first one first."""
    roles = {model.model_hash: model.role for model in registered_models(store)}
    r = tables.score_run
    query = (
        sa.select(r.c.model_hash, sa.func.max(r.c.model_name), sa.func.min(r.c.as_of))
        .group_by(r.c.model_hash)
        .order_by(sa.func.min(r.c.as_of), r.c.model_hash)
    )
    with store.engine.connect() as connection:
        as_of_s = connection.execute(sa.select(sa.func.max(r.c.as_of))).scalar()
    if as_of_s is None:
        return ()
    services = services_as_of(store, as_of_s)
    with store.engine.connect() as connection:
        found = [
            model_life(
                connection, model_hash, services, as_of_s,
                name=name, role=roles.get(model_hash, ""), confidence=confidence,
            )
            for model_hash, name, _ in connection.execute(query).all()
        ]  # fmt: skip
    return tuple(life for life in found if life is not None)
