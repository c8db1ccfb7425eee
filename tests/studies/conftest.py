"""A finished study that several files look at; none of them changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.studies.run import run_study
from studies_small import TIMING_CHANGES, small


@pytest.fixture(scope="session")
def timing_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timing")
    (folder / "study.toml").write_text(small("timing_lyso_pair", TIMING_CHANGES))
    return run_study(folder / "study.toml", folder / "run", lambda _: None)
