"""The best-practice topics, answered from the record of what was done.

No sentence is written by hand: a topic names the entries of the record that answer it, and is
"not done" with a reason where they are missing. Topics after the SNMMI AI Task Force's
recommendations for algorithm development in nuclear medicine (Bradshaw et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulsefront.errors import DataError

__all__ = ["TOPICS", "Answer", "Topic", "fill_checklist"]


@dataclass(frozen=True)
class Topic:
    """A topic: its key in the record, its title, what is asked, and the entries that answer it."""

    key: str
    title: str
    question: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """A topic's answer; ``done`` is False where ``text`` says why there is none."""

    topic: Topic
    done: bool
    text: str


TOPICS = (
    Topic(
        "task",
        "Task definition",
        "Which task, for whom, for what use, to which requirement in numbers?",
        ("task", "user", "use", "requirement"),
    ),
    Topic("study_type", "Study type", "Development or evaluation?", ("study_type",)),
    Topic(
        "plan",
        "Risk and statistical plan",
        "Which metrics, margins, tests and seeds were fixed before the test set was opened?",
        ("risk", "plan_sha256"),
    ),
    Topic(
        "bias",
        "Bias anticipation",
        "Which detectors, positions, energies, rates and perturbations are covered, which not?",
        ("covered", "missing"),
    ),
    Topic(
        "set_sizes",
        "Set sizes",
        "Were the sizes of training and test set justified?",
        ("events_train", "events_selection", "events_test"),
    ),
    Topic(
        "learning_curve",
        "Learning curve",
        "How does the result depend on the number of training events?",
        ("learning_curve",),
    ),
    Topic(
        "data_decisions",
        "Data decisions",
        "Which events were excluded, by which rule, how many?",
        ("exclusions",),
    ),
    Topic(
        "reference",
        "Reference standard, label quality",
        "What is the truth, and how uncertain is it?",
        ("reference_standard", "label_uncertainty"),
    ),
    Topic(
        "quantity",
        "Quantity against quality",
        "How many events at how many positions?",
        ("positions", "events_per_position"),
    ),
    Topic(
        "comparison",
        "Model comparison, baseline",
        "Which other estimators, tuned how, were compared?",
        ("baselines", "baseline_candidates_tried"),
    ),
    Topic(
        "selection",
        "Selection and tuning",
        "How many candidates were tried, and on which events were they chosen?",
        ("candidates_tried", "chosen_on"),
    ),
    Topic(
        "stability",
        "Stability",
        "How much does the result change between initializations?",
        ("initializations", "spread_over_initializations"),
    ),
    Topic(
        "ablation",
        "Ablation",
        "What could be removed, and at what cost?",
        ("ablation_steps_tried", "ablation_steps_accepted"),
    ),
    Topic(
        "cross_validation",
        "Cross validation",
        "Do the results hold on other folds?",
        ("cross_validation",),
    ),
    Topic(
        "leakage",
        "Leakage",
        "Do training and test share events, positions, runs or neighbours?",
        ("leak_test_passed", "minimum_distance_mm"),
    ),
    Topic(
        "test_set",
        "Test set, target population",
        "What is the test set, and how does it differ from the use?",
        ("test_set", "differs_from_use"),
    ),
    Topic("external", "External sets", "Was other data tried?", ("external_sets",)),
    Topic(
        "metrics",
        "Metrics",
        "Which metrics, with which intervals?",
        ("metrics", "interval_method"),
    ),
    Topic(
        "interpretability",
        "Interpretability",
        "Which inputs matter?",
        ("importance",),
    ),
    Topic(
        "sharing",
        "Reporting, sharing",
        "What is shared, and which commands repeat the study?",
        ("artefacts", "commands"),
    ),
    Topic(
        "transparency",
        "Transparency",
        "Where does it fail, and where should it not be used?",
        ("limits",),
    ),
    Topic(
        "reproducibility",
        "Reproducibility",
        "What must be the same for the same numbers?",
        ("study_sha256", "seed", "versions"),
    ),
    Topic(
        "sham",
        "Sham data",
        "What does the pipeline find in randomized labels?",
        ("sham_result",),
    ),
    Topic(
        "uncertainty",
        "Uncertainty",
        "Does an estimate come with its uncertainty, or no decision?",
        ("uncertainty",),
    ),
    Topic(
        "monitoring",
        "Monitoring",
        "How is drift in use noticed?",
        ("monitoring",),
    ),
)

_UNITS = {
    "_mm": " mm",
    "_ps": " ps",
    "_ns": " ns",
    "_kev": " keV",
    "_bytes": " bytes",
    "_s": " s",
}


def fill_checklist(
    record: Mapping[str, Mapping[str, Any]], topics: tuple[Topic, ...] = TOPICS
) -> tuple[Answer, ...]:
    """Answer every topic from the record of a study.

    Parameters
    ----------
    record
        Topic key → entries (plain values, lists, dictionaries; units in their names). Entries
        beyond those a topic asks for are told too. A topic that was left out on purpose holds
        ``{"not_done": "the reason"}``; one that is absent is not done either.

    Raises
    ------
    DataError
        The record has a topic that does not exist.
    """
    known = {topic.key for topic in topics}
    unknown = sorted(set(record) - known)
    if unknown:
        raise DataError(
            "no such best-practice topic",
            field=unknown[0],
            remedy=f"topics: {', '.join(sorted(known))}",
        )
    return tuple(_answer(topic, record.get(topic.key)) for topic in topics)


def _answer(topic: Topic, entries: Mapping[str, Any] | None) -> Answer:
    if entries is None:
        return Answer(topic, done=False, text="not done: the study has no record of it")
    if "not_done" in entries:
        return Answer(topic, done=False, text=f"not done: {entries['not_done']}")
    missing = [name for name in topic.entries if _is_empty(entries.get(name))]
    if missing:
        names = ", ".join(_words(name) for name in missing)
        return Answer(topic, done=False, text=f"not done: the record does not say {names}")
    order = [*topic.entries, *(name for name in entries if name not in topic.entries)]
    parts = [f"{_words(name)}: {_say(name, entries[name])}" for name in order]
    return Answer(topic, done=True, text="; ".join(parts))


def _is_empty(value: Any) -> bool:
    # 0 and False are answers; nothing, an empty text and an empty list are not.
    return value is None or (not isinstance(value, bool | int | float) and len(value) == 0)


def _words(name: str) -> str:
    for suffix in _UNITS:
        name = name.removesuffix(suffix)
    return name.replace("_", " ")


def _say(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")
        number = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
        return number + unit
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)} {_say(key, item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_say(name, item) for item in value)
    return str(value)
