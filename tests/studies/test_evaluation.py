"""Evaluation studies: nothing fitted, the plan first, one claim with its verdict."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError, ExportError, PulsefrontError
from pulsefront.evaluate import Interval
from pulsefront.events import store
from pulsefront.files import hash_json
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.evaluation.claim import Pilot, judge, power_for, refuse_too_few
from pulsefront.studies.evaluation.run import run_evaluation
from pulsefront.studies.evaluation.settings import Claim, EvaluationSet, EvaluationStudy
from pulsefront.studies.load import load_any_study, load_study

BASELINE = "digital CFD"


@pytest.fixture
def file_of(timing_run: Path, tmp_path: Path) -> Any:
    """Return a function that writes an evaluation of the small timing study."""

    def write(
        claim: str = "bound = 3000.0",
        data: str = "events = 300",
        frozen: str = "",
        development: Path = timing_run,
        seed: int = 7,
    ) -> Path:
        path = tmp_path / "evaluation.toml"
        path.write_text(
            f'study_type = "evaluation"\nname = "evaluated"\nseed = {seed}\n'
            f'[frozen]\ndevelopment = "{development}"\nbaseline = "{BASELINE}"\n{frozen}\n'
            f"[claim]\nreplicates = 400\n{claim}\n"
            f'[[external]]\nname = "specimen"\n{data}\n'
        )
        return path

    return write


def evaluate(path: Path, out: Path | None = None) -> dict[str, Any]:
    study, file = load_any_study(path)
    assert isinstance(study, EvaluationStudy)
    run = run_evaluation(study, file, out or path.parent / "out", lambda _: None)
    content: dict[str, Any] = json.loads((run / "results.json").read_text())
    return content


def test_a_frozen_export_is_evaluated_and_nothing_is_fitted(
    timing_run: Path, file_of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was fitted")

    monkeypatch.setattr("pulsefront.studies.kinds.timing.data.fit_all", refuse)
    monkeypatch.setattr("pulsefront.networks.training.train", refuse)
    results = evaluate(file_of())
    assert results["verdict"] == "confirmed"
    found = results["sets"][0]["found"]
    assert found["tested_high"] < found["threshold"] == 3000.0
    model = FixedPointModel.load(timing_run / "steps/export/firmware/model.json")
    assert results["plan"]["model_sha256"] == hash_json(model.to_json())
    assert results["plan"]["model_of_development"]
    assert results["opened"]["plan_sha256"] == results["plan"]["sha256"]
    assert results["opened"]["plan_written_at"] <= results["opened"]["opened_at"]
    assert results["sets"][0]["events_seen_in_development"] == 0
    assert list(results["sets"][0]["estimators"]) == ["network", BASELINE]
    assert results["sets"][0]["subgroups"]
    assert "Confirmed: the network" in (tmp_path / "out" / "report.html").read_text()


def test_a_plan_that_changed_after_the_data_were_opened_is_refused(file_of) -> None:
    before = evaluate(file_of())
    with pytest.raises(ConfigError, match="the plan has changed since the data were opened"):
        evaluate(file_of("bound = 2900.0"))
    again = evaluate(file_of())
    assert again["sets"] == before["sets"]
    assert again["opened"] == before["opened"]


def test_too_few_events_are_named_before_the_data_are_opened(file_of, tmp_path: Path) -> None:
    claim = "bound = 500.0\nexpected = 400.0\nstandard_error = 100.0\nstandard_error_events = 300"
    with pytest.raises(ConfigError, match=r"confirm the claim with a chance of 0\.\d+.*needed"):
        evaluate(file_of(claim))
    assert not (tmp_path / "out" / "opened.json").exists()
    done = CliRunner().invoke(app, ["check", str(tmp_path / "evaluation.toml")])
    assert done.exit_code == 2
    assert "external.0.events" in done.output
    results = evaluate(file_of(f"{claim}\nunderpowered = true"))
    assert results["sets"][0]["power"]["enough"] is False
    page = (tmp_path / "out" / "report.html").read_text()
    assert "fewer events than the claim needs" in page


def test_what_is_frozen_must_be_as_it_was_written(
    timing_run: Path, file_of, tmp_path: Path
) -> None:
    export = tmp_path / "export"
    shutil.copytree(timing_run / "steps/export/firmware", export)
    results = evaluate(file_of(frozen=f'model = "{export}"'), tmp_path / "whole")
    assert results["plan"]["model_of_development"]
    document = export / "model.json"
    document.write_text(document.read_text() + "\n")
    with pytest.raises(ExportError, match=r"model.json was changed since the export"):
        evaluate(file_of(frozen=f'model = "{export}"'))
    with pytest.raises(ExportError, match=r"model.json was changed since the export"):
        evaluate(file_of(frozen=f'model = "{document}"'))

    run = tmp_path / "run"
    shutil.copytree(timing_run, run)
    kept = run / "steps/baselines/frozen_2.npz"
    kept.write_bytes((run / "steps/baselines/frozen_3.npz").read_bytes())
    with pytest.raises(DataError, match="has changed since the development study wrote it"):
        evaluate(file_of(development=run))


def test_events_of_the_development_study_are_no_external_set(
    timing_run: Path, file_of, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"seed: would simulate what .* has seen"):
        evaluate(file_of(seed=load_study(timing_run / "study.toml")[0].seed))
    shutil.copy(timing_run / "steps/data/events.h5", tmp_path / "bench.h5")
    with pytest.raises(DataError, match=r"are among those of the development study"):
        evaluate(file_of(data='measured.path = "bench.h5"'))


def test_other_units_are_named(timing_run: Path, file_of, tmp_path: Path) -> None:
    events = store.read(timing_run / "steps/data/events.h5")
    slower = events.with_provenance({**events.provenance, "sample_interval_ns": 0.2})
    store.write(slower, tmp_path / "slower.h5")
    with pytest.raises(DataError, match=r"its samples are 0\.2 ns apart, .* some 1 ns apart"):
        evaluate(file_of(data='measured.path = "slower.h5"'))
    base = events["waveform_adc"][:, :, :16].mean(axis=2, keepdims=True)
    small = (base + 0.25 * (events["waveform_adc"] - base)).astype("uint16")
    store.write(events.with_columns({"waveform_adc": small}, {}), tmp_path / "small.h5")
    with pytest.raises(PulsefrontError, match=r"units or gain differ|events pass the selection"):
        evaluate(file_of(data='measured.path = "small.h5"'), tmp_path / "other")


def test_keys_that_would_fit_something_are_named(file_of, tmp_path: Path) -> None:
    path = file_of()
    path.write_text(path.read_text().replace("[claim]", "[search]\nmargin = 0.1\n[claim]"))
    with pytest.raises(ConfigError, match="an evaluation fits nothing, and search would"):
        load_any_study(path)
    with pytest.raises(ConfigError, match="is an evaluation study, which fits nothing"):
        load_study(file_of())
    refused = CliRunner().invoke(app, ["run", str(file_of()), "--workers", "2"])
    assert refused.exit_code
    assert "--workers: an evaluation study trains nothing" in str(refused.exception)


def test_new_begins_a_file_that_check_takes(timing_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    run = CliRunner().invoke
    made = run(app, ["new", "evaluation", "--like", str(timing_run), "--out", str(path)])
    assert made.exit_code == 0, made.output
    study, _ = load_any_study(path)
    assert isinstance(study, EvaluationStudy)
    assert study.frozen.development.parts[0] == ".."
    checked = run(app, ["check", str(path)])
    # The small network reaches so little that its own events may not do.
    assert "evaluation, " in checked.output
    assert "needed" in checked.output or checked.exit_code == 0, checked.output
    other = run(app, ["new", "evaluation", "--out", str(tmp_path / "other.toml")])
    assert "--like: an evaluation needs" in str(other.exception)


@pytest.mark.parametrize(
    ("claim", "interval", "verdict"),
    [
        ({"bound": 5.0}, (3.0, 4.9), "confirmed"),
        ({"bound": 5.0}, (3.0, 5.1), "not confirmed"),
        ({"bound": 5.0}, (5.1, 6.0), "contradicted"),
        ({"bound": 5.0, "direction": "above"}, (5.1, 6.0), "confirmed"),
        ({"bound": 5.0, "direction": "above"}, (3.0, 4.9), "contradicted"),
        ({"margin_percent": 5.0}, (5.1, 9.0), "confirmed"),
        ({"margin_percent": 5.0}, (0.1, 9.0), "not confirmed"),
        ({"margin_percent": -3.0}, (-2.9, 1.0), "confirmed"),
        ({"margin_percent": -3.0}, (-9.0, -3.1), "contradicted"),
    ],
)
def test_a_claim_is_judged_by_the_end_of_the_interval_that_it_is_about(
    claim: dict[str, Any], interval: tuple[float, float], verdict: str
) -> None:
    low, high = interval
    found = judge(Interval((low + high) / 2, low, high), Claim.model_validate(claim))
    assert found.verdict == verdict


def test_the_events_that_are_said_to_be_needed_give_the_power_asked_for() -> None:
    claim = Claim(margin_percent=0.0, power=0.9)
    chosen = EvaluationSet(name="bench")
    pilot = Pilot(4.0, 1000, 20, variance_within=4.0, variance_between=0.0)
    row = power_for(pilot, claim, chosen, None, 20)
    assert row.needed is not None
    assert row.enough is None
    just = power_for(pilot, claim, chosen, row.needed, 20)
    assert just.power == pytest.approx(0.9, abs=1e-3)
    assert power_for(pilot, claim, chosen, row.needed // 2, 20).enough is False
    # What differs between positions does not shrink with events at the same ones.
    spread = Pilot(4.0, 1000, 20, variance_within=1.0, variance_between=3.0)
    many = power_for(spread, claim, chosen, 10**9, 20)
    assert many.enough is False
    assert many.needed_positions is not None
    assert many.needed_positions > 20
    at = many.needed_positions
    assert power_for(spread, claim, chosen, many.needed, at).power == pytest.approx(0.9, abs=0.02)
    hopeless = Pilot(-1.0, 1000, 20, variance_within=4.0, variance_between=0.0)
    assert power_for(hopeless, claim, chosen, 1000, 20).needed is None


@pytest.mark.parametrize("claim", [{"margin_percent": 0.0}, {"bound": 5.0}])
def test_too_few_positions_are_not_called_too_few_events(claim: dict[str, float]) -> None:
    asked = Claim.model_validate(claim)
    spread = Pilot(4.0, 1000, 20, variance_within=1.0, variance_between=3.0)
    row = power_for(spread, asked, EvaluationSet(name="bench"), 10**6, 20)
    with pytest.raises(ConfigError) as error:
        refuse_too_few(row, asked, 0)
    assert "at 20 positions or offsets" in str(error.value)
    assert f"about {row.needed_positions:,} are needed" in str(error.value)
    assert "scan.pitch_mm" in str(error.value)
    ((name, said),) = re.findall(r"claim\.(margin_percent|bound) = (\S+);", str(error.value))
    reached = Claim.model_validate({name: float(said)})
    assert power_for(spread, reached, EvaluationSet(name="bench"), 10**6, 20).enough
    few = power_for(replace(spread, variance_between=0.0), asked, EvaluationSet(name="b"), 100, 20)
    with pytest.raises(ConfigError, match=r"at 20 positions or offsets are needed.*give more ev"):
        refuse_too_few(few, asked, 0)
