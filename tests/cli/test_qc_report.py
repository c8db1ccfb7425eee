"""Pages from the command line: of the newest night, of a night named, of few scanners."""

from __future__ import annotations

import stat
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pulsefront.cli.qc import app
from pulsefront.errors import PulsefrontError
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.files.registry import register
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.store.database import Store
from pulsefront.qc.times import iso_date
from strategies_qc import DAY, fill_store, tiny_samples, tiny_units

runner = CliRunner()


def call(*arguments: object) -> tuple[int, str]:
    """Run a command as main does: an error of ours becomes its exit code."""
    result = runner.invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, PulsefrontError):
        return result.exception.exit_code, str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store of eight scanners and a model, and a day about a month before its end."""
    folder = tmp_path_factory.mktemp("site")
    units = tiny_units(8, 2.0)
    with Store(folder / "qc.db") as store:
        fill_store(store, units)
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    save_model(fit_model(tiny_samples(8, 2.0), plan, name="hazard"), folder / "model.zip")
    last_s = int(units[0].measurements["available_at"].max()) // DAY * DAY
    return SimpleNamespace(
        folder=folder, first_s=last_s - 40 * DAY, names=[u.unit_id for u in units]
    )


@pytest.fixture
def site(filled, tmp_path):
    """A copy of it that a test may change."""
    (tmp_path / "qc.db").write_bytes((filled.folder / "qc.db").read_bytes())
    return SimpleNamespace(
        db=tmp_path / "qc.db", out=tmp_path / "out", model=filled.folder / "model.zip",
        first_s=filled.first_s, names=filled.names,
    )  # fmt: skip


def day_of(site, night: int) -> str:
    return iso_date(site.first_s + (night - 1) * DAY)


def score(site, night: int) -> None:
    code, output = call("score", "--db", site.db, "--model", site.model, "--out", site.out,
                        "--as-of", day_of(site, night))  # fmt: skip
    assert code == 0, output


def report(site, path, *more):
    return call("report", "--db", site.db, "--model", site.model, "--out", path, *more)


def test_score_writes_the_page_of_the_newest_night_and_never_goes_back(site):
    page = site.out / "night.html"
    score(site, 0)
    first = page.read_bytes()
    score(site, 3)
    newest = page.read_bytes()
    assert newest != first
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    score(site, 1)
    assert page.read_bytes() == newest
    score(site, 3)
    assert page.read_bytes() == newest
    page.unlink()
    score(site, 1)
    assert page.read_bytes() == newest


def test_night_is_told_again_by_its_day(site, tmp_path):
    score(site, 0)
    first = (site.out / "night.html").read_bytes()
    score(site, 2)
    code, output = report(site, tmp_path / "again.html", "--as-of", day_of(site, 0))
    assert code == 0, output
    assert (tmp_path / "again.html").read_bytes() == first
    code, output = report(site, tmp_path / "newest.html")
    assert code == 0, output
    assert (tmp_path / "newest.html").read_bytes() == (site.out / "night.html").read_bytes()


def test_page_of_named_scanners_shows_these_alone(site, tmp_path):
    score(site, 0)
    path = tmp_path / "one.html"
    code, output = report(site, path, "--unit", site.names[0])
    assert code == 0, output
    assert site.names[0] in path.read_text()
    assert not any(name in path.read_text() for name in site.names[1:])
    code, output = report(site, path, "--unit", "no such")
    assert code == 3
    assert "no such unit on that night" in output


def test_what_cannot_be_told_is_said_with_its_code(site, tmp_path):
    path = tmp_path / "page.html"
    assert report(site, path) == (3, "no night has been scored; run pulsefront qc score")
    score(site, 0)
    code, output = report(site, path, "--as-of", day_of(site, 5))
    assert (code, "has not been scored" in output) == (3, True)
    code, output = call("report", "--db", site.db)
    assert (code, "--out" in output) == (2, True)
    code, output = call("report", tmp_path / "backtest.json", "--db", site.db)
    assert (code, "give one of the two" in output) == (2, True)
    assert call("report")[0] == 2
    assert not path.exists()


def test_model_that_scored_is_given_or_taken_from_the_store(site, tmp_path):
    score(site, 0)
    path = tmp_path / "page.html"
    code, output = call("report", "--db", site.db, "--out", path)
    assert (code, "give its file with --model" in output) == (4, True)
    with Store(site.db) as store:
        register(store, load_model(site.model), who="ada")
    assert call("report", "--db", site.db, "--out", path)[0] == 0
    assert path.read_bytes() == (site.out / "night.html").read_bytes()


def test_store_is_copied_and_the_copy_scores_the_same(site, tmp_path):
    score(site, 0)
    code, output = call("copy", site.db, tmp_path / "new.db")
    assert code == 0, output
    assert "rows copied and compared" in output
    other = SimpleNamespace(**{**vars(site), "db": tmp_path / "new.db", "out": tmp_path / "other"})
    for each in (site, other):
        score(each, 1)
    ours, theirs = (
        {
            path.name: path.read_bytes()
            for path in each.out.iterdir()
            if day_of(site, 1) in path.name
        }
        for each in (site, other)
    )
    assert ours == theirs
    assert len(ours) == 2
    code, output = call("copy", site.db, tmp_path / "new.db")
    assert (code, "give an empty database" in output) == (3, True)
    assert call("copy", tmp_path / "none.db", tmp_path / "third.db")[0] == 3
