"""Results to MLflow without MLflow: one line, before anything is done. With it: tests/peers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ToolMissing
from pulsefront.studies.tracking import log_to_mlflow


def test_without_mlflow_the_line_says_what_to_install_and_no_run_begins(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ToolMissing, match=r"mlflow is needed for.*pip install mlflow"):
        log_to_mlflow(tmp_path, "bench")
    out = tmp_path / "run"
    found = CliRunner().invoke(
        app, ["run", "timing_lyso_pair", "--out", str(out), "--mlflow", "bench"]
    )
    assert isinstance(found.exception, ToolMissing)
    assert not out.exists()
