"""A site with two years of QC and a model, made once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.store.database import Store
from strategies_qc import DAY, fill_store, tiny_samples, tiny_units


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A folder with a store and a model, and the last instant of its data."""
    folder = tmp_path_factory.mktemp("filled")
    units = tiny_units(8, 2.0)
    with Store(folder / "qc.db") as store:
        fill_store(store, units)
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    save_model(fit_model(tiny_samples(8, 2.0), plan, name="hazard"), folder / "model.zip")
    last_s = int(units[0].measurements["available_at"].max()) // DAY * DAY
    return SimpleNamespace(folder=folder, last_s=last_s, model=load_model(folder / "model.zip"))


@pytest.fixture
def site(filled, tmp_path):
    """A copy of it that a test may change."""
    (tmp_path / "qc.db").write_bytes((filled.folder / "qc.db").read_bytes())
    return SimpleNamespace(
        folder=tmp_path, db=tmp_path / "qc.db", out=tmp_path / "out", last_s=filled.last_s,
        model=filled.model, model_file=filled.folder / "model.zip",
    )  # fmt: skip
