"""Synthesis: a missing tool is named, a present one is run and its report read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware import export_model
from pulsefront.firmware.checksums import changed_files
from pulsefront.firmware.export import synthesize_export
from pulsefront.firmware.hls4ml.synthesis import TOOLS, find_tool
from pulsefront.firmware.hls4ml.synthesis_report import find_report, read_report
from toys_firmware import small_model

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


# The structure of Intel's reports as hls4ml 1.3.0 reads them; no such tool is at hand.
INTEL_REPORT = """var loopsJSON={"columns":["", "Pipelined"],"children":[]};
var areaJSON={"name":"tiny","total":[4321,8765,12,34,56],"total_percent":[1,2,3,4,5]};
var fileJSON=[{"path":"tiny.cpp"}];"""
INTEL_RUN = 'var verifJSON={"functions":[{"name":"tiny","data":["10","21,25,22.5","1,2,1.1"]}]};'
ONEAPI_REPORT = """{"name":"Available","data":[854400,1708800,2713,1518,0]}
{"name":"Total","data":[1234.0,2345.0,3,4,5]}"""
ONEAPI_LOOPS = """{"name":"Tiny","af":"240.5","ii":"1","lt":"17.000000"}
{"name":"Tiny.B1","af":"480.0","ii":"n/a","lt":"3.000000"}"""


def fake_tool(folder: Path, script: str, name: str = "vitis-run") -> None:
    tool = folder / name
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


def test_only_vitis_hls_of_older_releases_is_used_too(exported, tmp_path, monkeypatch):
    (tmp_path / "report.xml").write_text(REPORT)
    place = "tiny_prj/solution1/syn/report"
    fake_tool(
        tmp_path,
        f'[ "$*" = "-f build_prj.tcl" ] && mkdir -p {place} && '
        f"cp {tmp_path}/report.xml {place}/csynth.xml",
        "vitis_hls",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert synthesize_export(exported)["Vitis"].resources["LUT"] == 2048
    assert "vitis_hls -f build_prj.tcl" in (exported.directory / "README.md").read_text()


@pytest.mark.parametrize(
    ("script", "problem"),
    [("exit 3", "Vitis ended with status 3"), ("true", "Vitis left no report")],
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


def intel_report(folder: Path, *, run: bool) -> Path:
    (folder / "report_data.js").write_text(INTEL_REPORT)
    if run:
        (folder / "verification_data.js").write_text(INTEL_RUN)
    return folder / "report_data.js"


def test_a_report_of_intels_compiler_has_a_latency_only_after_a_run(tmp_path):
    report = read_report(intel_report(tmp_path, run=False), "Quartus")
    assert report.resources == {"ALUT": 4321, "FF": 8765, "RAM": 12, "DSP": 34, "MLAB": 56}
    assert report.latency_cycles is None
    after = read_report(intel_report(tmp_path, run=True), "Quartus")
    assert (after.latency_cycles, after.initiation_interval) == ((21, 25), (1, 2))
    assert (after.resources, after.origin) == (report.resources, "Intel HLS compiler")
    assert str(after).startswith("4,321 ALUT, 8,765 FF")


def test_a_report_of_oneapi_gives_its_slowest_loop(tmp_path):
    (tmp_path / "summary.ndjson").write_text(ONEAPI_REPORT)
    (tmp_path / "loop_attr.ndjson").write_text(ONEAPI_LOOPS)
    report = read_report(tmp_path / "summary.ndjson", "oneAPI")
    assert report.resources == {"ALUT": 1234, "FF": 2345, "RAM": 3, "DSP": 4, "MLAB": 5}
    assert (report.latency_cycles, report.initiation_interval) == ((17, 17), (1, 1))
    assert report.clock_period_ns == pytest.approx(1000 / 240.5)


def test_a_report_of_vivado_names_its_dsps_otherwise(tmp_path):
    (tmp_path / "csynth.xml").write_text(REPORT.replace("DSP", "DSP48E"))
    report = read_report(tmp_path / "csynth.xml", "Vivado")
    assert (report.resources["DSP48E"], report.resources["LUT"]) == (3, 2048)
    assert (report.latency_cycles[1], report.initiation_interval[1]) == (11, 2)
    assert report.origin == "Vivado HLS 2023.2"


@pytest.mark.parametrize(
    ("backend", "name", "text", "problem"),
    [
        ("Quartus", "report_data.js", "var fileJSON=[];", "areaJSON: lacks a figure"),
        ("Quartus", "report_data.js", "var areaJSON={total", "cannot be read as a synthesis"),
        ("Quartus", "report_data.js", 'var areaJSON={"total":[1,2]};', "no number"),
        ("oneAPI", "summary.ndjson", '{"name":"Available"}', "Total: lacks a figure"),
        ("oneAPI", "summary.ndjson", '{"name":"Total","data":["?",2,3,4,5]}', "no number"),
        ("Catapult", "rtl.rpt", "", "back-end whose reports are not read"),
    ],
)
def test_reports_of_other_tools_that_are_not_understood_are_errors(
    tmp_path, backend, name, text, problem
):
    (tmp_path / name).write_text(text)
    with pytest.raises(ExportError, match=problem):
        read_report(tmp_path / name, backend)


@pytest.mark.parametrize(
    ("target", "backend", "script", "place"),
    [
        (
            "hls4ml_vivado",
            "Vivado",
            '[ "$*" = "-f build_prj.tcl" ]',
            "tiny_prj/solution1/syn/report/csynth.xml",
        ),
        (
            "hls4ml_quartus",
            "Quartus",
            'touch tiny-fpga; [[ "$*" == *"-o tiny-fpga" ]]',
            "tiny-fpga.prj/reports/lib/report_data.js",
        ),
    ],
)
def test_the_tools_of_other_back_ends_are_run_as_their_projects_want(
    tmp_path, monkeypatch, target, backend, script, place
):
    exported = export_model(small_model(), tmp_path / "out", targets=[target])
    text = REPORT if place.endswith("xml") else INTEL_REPORT
    (tmp_path / "report").write_text(text)
    folder = Path(place).parent
    script = f"{script} && mkdir -p {folder} && cp {tmp_path}/report {place}"
    fake_tool(tmp_path, script, TOOLS[backend][0])
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    report = synthesize_export(exported)[backend]
    assert report.resources.get("LUT", report.resources.get("ALUT")) in (2048, 4321)
    assert changed_files(exported.directory) == {}


@pytest.mark.parametrize("backend", sorted(TOOLS))
def test_without_its_tool_every_back_end_names_it(tmp_path, monkeypatch, backend):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    tool = TOOLS[backend][0].replace("+", r"\+")
    with pytest.raises(ToolMissing, match=f"^{tool} is needed for synthesis with {backend}"):
        find_tool(backend)


def test_catapults_report_is_left_to_the_reader(tmp_path):
    assert find_report(tmp_path, "Catapult") is None
