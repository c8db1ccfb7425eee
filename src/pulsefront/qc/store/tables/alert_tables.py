"""The tables of what follows from scores: runs, alerts, messages, models and what they were worth.

Changes of alerts and of the model in use are only ever added; what stands beside them as a state
is what the last change left.
"""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.qc.store.tables.schema import score
from pulsefront.qc.store.tables.shared import Text, Time, metadata, number, text, time

__all__ = [
    "ALERT_TABLES",
    "alert",
    "alert_change",
    "alert_night",
    "fill_score_runs",
    "input_drift",
    "message",
    "model",
    "model_change",
    "score_outcome",
    "score_run",
]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


# What stands beside the rows of a run. `role` is that of its model: champion or challenger.
score_run = sa.Table(
    "score_run",
    metadata,
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("as_of", Time, nullable=False, index=True),
    sa.Column("role", Text, nullable=False),
    sa.Column("model_hash", Text, nullable=False),
    text("model_name"),
    sa.Column("data_hash", Text, nullable=False),
    text("code"),
    sa.Column("threshold", sa.Float),
    sa.Column("false_alerts_per_unit_year", sa.Float),
    sa.Column("confidence", sa.Float),
    number("units"),
    number("quarantined"),
    # As JSON: the reason by unit.
    text("failed_units"),
    time("made_at"),
)

# The nights that took the alerts on; `last_change` is the last change that they then had.
alert_night = sa.Table(
    "alert_night",
    metadata,
    sa.Column("as_of", Time, primary_key=True, autoincrement=False),
    sa.Column("run_id", Text, nullable=False),
    number("last_change"),
    # As JSON: the units that could not be scored, whose alerts wait.
    text("waiting_units"),
)

alert = sa.Table(
    "alert",
    metadata,
    _number("alert_id"),
    sa.Column("unit_id", Text, nullable=False),
    sa.Column("component_id", Text, nullable=False),
    sa.Column("opened_at", Time, nullable=False),
    sa.Column("quiet_until", Time, nullable=False),
    # When everything that could happen to it has been logged.
    sa.Column("decided_at", Time, nullable=False),
    sa.Column("lead_days", sa.Integer, nullable=False),
    sa.Column("horizon_days", sa.Integer, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("model_hash", Text, nullable=False),
    sa.Column("run_id", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    number("low_nights"),
    time("snoozed_until"),
    sa.Column("outcome", Text, nullable=False),
    sa.UniqueConstraint("unit_id", "component_id", "opened_at"),
    sa.Index("alert_state", "state"),
)

alert_change = sa.Table(
    "alert_change",
    metadata,
    _number("change_id"),
    sa.Column("alert_id", sa.Integer, nullable=False, index=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("as_of", Time, nullable=False),
    time("made_at"),
    text("who"),
    text("why"),
    # As told with the change: empty where a change has none.
    sa.Column("probability", sa.Float),
    time("snoozed_until"),
    text("outcome"),
    sa.Column("lead_days", sa.Float),
)

# Messages to be sent and sent; `name` is what they are about, so that nothing is told twice.
message = sa.Table(
    "message",
    metadata,
    _number("message_id"),
    sa.Column("channel", Text, nullable=False),
    sa.Column("recipient", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    # waiting, sending, sent, refused (for good), doubtful (cut off while it was handed over), or
    # mentioned (doubtful, and a later message said so).
    sa.Column("state", Text, nullable=False),
    # As JSON: subject, text and facts.
    sa.Column("content", Text, nullable=False),
    number("attempts"),
    time("first_tried_at"),
    time("tried_at"),
    time("next_at"),
    text("error"),
    sa.UniqueConstraint("channel", "recipient", "name"),
    sa.Index("message_state", "state"),
)

# Models that were registered, whole: a store can be rolled back wherever it is restored.
model = sa.Table(
    "model",
    metadata,
    sa.Column("model_hash", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

model_change = sa.Table(
    "model_change",
    metadata,
    _number("change_id"),
    sa.Column("model_hash", Text, nullable=False),
    # registered, promoted, rolled back to, or dropped.
    sa.Column("kind", Text, nullable=False),
    time("made_at"),
    text("who"),
    text("why"),
)

# What became of the scores of a night, by unit and by range of probability; `judged_at` is the
# night that could tell. A night without a row to judge has one of no unit.
score_outcome = sa.Table(
    "score_outcome",
    metadata,
    sa.Column("model_hash", Text, primary_key=True),
    sa.Column("as_of", Time, primary_key=True, autoincrement=False),
    sa.Column("unit_id", Text, primary_key=True),
    sa.Column("range", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("expected", sa.Float, nullable=False),
    sa.Column("observed", sa.Integer, nullable=False),
    sa.Column("judged_at", Time, nullable=False),
)

# How far the inputs of a night lay from those of the training.
input_drift = sa.Table(
    "input_drift",
    metadata,
    sa.Column("model_hash", Text, primary_key=True),
    sa.Column("as_of", Time, primary_key=True, autoincrement=False),
    sa.Column("input", Text, primary_key=True),
    sa.Column("index", sa.Float, nullable=False),
    # NULL where the training's history was too short to tell.
    sa.Column("threshold", sa.Float),
)

ALERT_TABLES = (
    score_run, alert_night, alert, alert_change, message, model, model_change, score_outcome,
    input_drift,
)  # fmt: skip


def fill_score_runs(connection: sa.Connection) -> None:
    """Give each run of an older store its row, as far as its scores tell."""
    s = score.c
    runs = (
        sa.select(
            s.run_id, sa.func.min(s.as_of), sa.literal("champion"),
            sa.func.min(s.model_hash), sa.func.min(s.data_hash),
        ).group_by(s.run_id)
    )  # fmt: skip
    names = ["run_id", "as_of", "role", "model_hash", "data_hash"]
    connection.execute(sa.insert(score_run).from_select(names, runs))
