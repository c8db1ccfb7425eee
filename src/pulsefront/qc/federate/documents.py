"""What passes between the sites and the coordinator, as JSON.

A *plan* goes to every site; each answers with a *contribution*, which names the plan that it
answers by hash. Contributions hold counts, sums over component-days and medians: their size does
not depend on how many records a site has, and no name of a scanner or component is in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pulsefront.config import validate
from pulsefront.errors import ConfigError, QCDataError
from pulsefront.files import hash_json
from pulsefront.qc.documents import Document, Range

__all__ = [
    "Contribution",
    "Description",
    "FeatureMoments",
    "FederatedResult",
    "FederationPlan",
    "ModelPoint",
    "ModelSums",
    "PlanSettings",
    "SiteJudgement",
    "Stage",
    "Summary",
    "read_contribution",
    "read_plan",
]

Stage = Literal["describe", "fit", "judge", "done"]
Read = TypeVar("Read", bound=Document)


class PlanSettings(Document):
    """What all sites agree on before the first round.

    Attributes
    ----------
    train_until, calibrate_until
        Shares of a site's own time: what trains, then what its own base rate is found on; the
        rest judges.
    folds
        Parts that each site's scanners are cut in. Every fold has a model that has not seen its
        scanners; one more model has seen all.
    ridge
        Half of it times the sum of squared weights is taken off the log-likelihood.
    least_share_known
        Share of rows that a feature must be known in to be used.
    """

    lead_days: int = 2
    horizon_days: int = 28
    train_until: float = 0.6
    calibrate_until: float = 0.75
    folds: int = 5
    ridge: float = 10.0
    least_share_known: float = 0.002
    seed: int = 0
    confidence: float = 0.95


class ModelPoint(Document):
    """Where a model stands: weights of the scaled features, then the bias.

    ``objective`` is the penalized log-likelihood at ``before``; empty and None before the first
    sums have come in.
    """

    point: tuple[float, ...] = ()
    before: tuple[float, ...] = ()
    objective: float | None = None
    settled: bool = False


class FederationPlan(Document):
    """What the sites are to answer now.

    ``models`` has one entry per fold, of the model without it, and the model of all scanners last.
    """

    format: Literal["pulsefront-qc-federation"] = "pulsefront-qc-federation"
    stage: Stage = "describe"
    round: int = 0
    settings: PlanSettings = PlanSettings()
    sites: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    unit_tests: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    median: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    models: tuple[ModelPoint, ...] = ()

    @property
    def hash(self) -> str:
        """The name that contributions answer to."""
        return hash_json(self.model_dump(mode="json"))


class FeatureMoments(Document):
    """Of log(1 + x) of one feature: rows in which it is known, sum, sum of squares, median."""

    known: int
    total: float
    total_squares: float
    median: float


class Description(Document):
    """What a site has, in the round before the first fit."""

    kind: Literal["description"] = "description"
    plan: str
    site: str
    tests: tuple[str, ...]
    unit_tests: tuple[str, ...]
    codes: tuple[str, ...]
    units: int
    rows: int
    rows_before_failure: int
    moments: Mapping[str, FeatureMoments]


class ModelSums(Document):
    """The log-likelihood of a site's rows about a point, to second order.

    ``information`` is the upper triangle of minus its second derivative, row by row.
    """

    point: tuple[float, ...]
    log_likelihood: float
    gradient: tuple[float, ...]
    information: tuple[float, ...]


class Summary(Document):
    """A site's answer to one round of the fit, model by model."""

    kind: Literal["summary"] = "summary"
    plan: str
    site: str
    models: tuple[ModelSums, ...]


class SiteJudgement(Document):
    """What the federated model is worth on a site's own scanners at later times.

    Every scanner is judged by the model that has not seen it. ``gain`` is the mean log loss of
    the site's own model, or of its base rate where it could not train one, less that of the
    federated one, per component-day; ``standard_error`` belongs to it.
    """

    kind: Literal["judgement"] = "judgement"
    plan: str
    site: str
    units: int
    rows: int
    rows_before_failure: int
    failures_trained_on: int
    failures_judged: int
    own_model: bool
    log_loss_own: float
    log_loss_federated: float
    gain: Range
    standard_error: float | None
    average_precision_own: float | None
    average_precision_federated: float | None
    gain_average_precision: Range
    log_loss_pooled: float | None = None
    gain_over_pooled: Range | None = None


class FederatedResult(Document):
    """All judgements, and the gain over all component-days of all sites."""

    plan: str
    confidence: float
    rounds: int
    features: int
    judgements: tuple[SiteJudgement, ...]
    gain: Range


Contribution = Description | Summary | SiteJudgement
_KINDS: Mapping[str, type[Contribution]] = {
    "description": Description, "summary": Summary, "judgement": SiteJudgement
}  # fmt: skip


def read_plan(path: Path) -> FederationPlan:
    """Read a plan.

    Raises
    ------
    QCDataError
        The file is missing or no plan.
    """
    content = _content(path)
    if content.get("format") != FederationPlan().format:
        raise QCDataError(
            "is no plan of a federation",
            file=path,
            field="format",
            value=content.get("format"),
            remedy="give what pulsefront qc federate plan or combine wrote",
        )
    return _validated(FederationPlan, content, path)


def read_contribution(path: Path) -> Contribution:
    """Read what a site sent.

    Raises
    ------
    QCDataError
        The file is missing or no contribution.
    """
    content = _content(path)
    kind = _KINDS.get(str(content.get("kind")))
    if kind is None:
        raise QCDataError(
            "is no contribution of a site",
            file=path,
            field="kind",
            value=content.get("kind"),
            remedy="give what pulsefront qc federate site wrote",
        )
    return _validated(kind, content, path)


def _content(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise QCDataError(
            f"cannot be read: {error}", file=path, remedy="give a file of pulsefront qc federate"
        ) from None
    if not isinstance(content, dict):
        raise QCDataError(
            "holds no document", file=path, remedy="give a file of pulsefront qc federate"
        )
    return content


def _validated(cls: type[Read], content: dict[str, object], path: Path) -> Read:
    try:
        return validate(cls, content, file=path)
    except ConfigError as error:
        raise QCDataError(
            error.problem, file=path, field=error.field, value=error.value,
            remedy="give a file of this version of pulsefront qc federate",
        ) from None  # fmt: skip
