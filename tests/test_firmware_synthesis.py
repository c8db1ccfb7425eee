"""Synthesis: a missing tool is named, a present one is run and its report read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware import export_model
from pulsefront.firmware.checksums import changed_files
from pulsefront.firmware.export import synthesize_export
from pulsefront.firmware.synthesis import read_report
from test_firmware_export import small_model

REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
  <ReportVersion><Version>2023.2</Version></ReportVersion>
  <PerformanceEstimates>
    <SummaryOfTimingAnalysis>
      <unit>ns</unit><EstimatedClockPeriod>3.412</EstimatedClockPeriod>
    </SummaryOfTimingAnalysis>
    <SummaryOfOverallLatency>
      <Best-caseLatency>9</Best-caseLatency><Worst-caseLatency>11</Worst-caseLatency>
      <Interval-min>1</Interval-min><Interval-max>2</Interval-max>
    </SummaryOfOverallLatency>
  </PerformanceEstimates>
  <AreaEstimates>
    <Resources><BRAM_18K>0</BRAM_18K><DSP>3</DSP><FF>512</FF><LUT>2048</LUT></Resources>
  </AreaEstimates>
</profile>
"""


def fake_tool(folder: Path, script: str) -> None:
    tool = folder / "vitis-run"
    tool.write_text(f"#!/bin/bash\n{script}\n")
    tool.chmod(0o755)


@pytest.fixture
def exported(tmp_path):
    return export_model(small_model(), tmp_path / "out", targets=["hls4ml"])


def test_a_missing_tool_is_named_and_the_export_stays(exported, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(ToolMissing, match=r"vitis-run is needed .* builds there unchanged"):
        synthesize_export(exported)
    assert changed_files(exported.directory) == {}


def test_a_present_tool_is_run_in_a_copy_and_its_report_read(exported, tmp_path, monkeypatch):
    (tmp_path / "report.xml").write_text(REPORT)
    place = "tiny_prj/solution1/syn/report"
    fake_tool(
        tmp_path,
        f'[ "$*" = "--tcl build_prj.tcl --mode hls" ] && mkdir -p {place} && '
        f"cp {tmp_path}/report.xml {place}/csynth.xml",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    report = synthesize_export(exported)["Vitis"]
    assert report.resources == {"BRAM_18K": 0, "DSP": 3, "FF": 512, "LUT": 2048}
    assert report.latency_cycles == (9, 11)
    assert report.initiation_interval == (1, 2)
    assert (report.tool, report.version, report.clock_period_ns) == ("Vitis HLS", "2023.2", 3.412)
    assert not (exported.directory / "hls4ml_vitis" / "synthesis.log").exists()


@pytest.mark.parametrize(
    ("script", "problem"),
    [("exit 3", "Vitis ended with status 3"), ("true", "Vitis left no csynth")],
)
def test_a_tool_that_fails_points_to_its_log(exported, tmp_path, monkeypatch, script, problem):
    fake_tool(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ExportError, match=rf"synthesis\.log: {problem}"):
        synthesize_export(exported)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<profile>", "cannot be read as a synthesis report"),
        ("<profile/>", "lacks a figure"),
        (REPORT.replace("<Interval-min>1", "<Interval-min>?"), "no number"),
    ],
)
def test_a_report_that_is_not_understood_is_an_error(tmp_path, text, problem):
    (tmp_path / "csynth.xml").write_text(text)
    with pytest.raises(ExportError, match=problem):
        read_report(tmp_path / "csynth.xml")


def test_the_command_says_which_tool_is_missing_after_a_complete_export(tmp_path, monkeypatch):
    from test_firmware_cli import app

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    small_model().save(tmp_path / "model.json")
    arguments = [
        "export",
        str(tmp_path / "model.json"),
        "-o",
        str(tmp_path / "out"),
        "--synthesize",
    ]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ToolMissing)
    assert (tmp_path / "out" / "SHA256SUMS").exists()
