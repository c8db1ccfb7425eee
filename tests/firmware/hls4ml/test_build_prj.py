"""The documented synthesis: hls4ml's own build_prj.tcl, with a stand-in for the vendor's tool."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pulsefront.firmware import export_model
from toys_firmware import small_model

pytestmark = pytest.mark.skipif(
    shutil.which("tclsh") is None, reason="tclsh is not installed: apt-get install tcl"
)
STAND_IN = Path(__file__).with_name("vendor_stand_in.tcl")


def build(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tclsh", str(STAND_IN)],
        cwd=project,
        env={**os.environ, "PROJECT_HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("target", "io_type"),
    [
        pytest.param("hls4ml", "io_stream", marks=pytest.mark.slow),
        ("hls4ml_vivado", "io_parallel"),
        pytest.param("hls4ml", "io_parallel", marks=pytest.mark.slow),
        pytest.param("hls4ml_vivado", "io_stream", marks=pytest.mark.slow),
    ],
)
def test_it_simulates_the_golden_vectors_twice_and_ends_in_test_passed(tmp_path, target, io_type):
    if target == "hls4ml_vivado" and io_type == "io_stream":
        pytest.skip("the same bench as with Vitis")
    export_model(small_model(), tmp_path / "out", targets=[target], io_type=io_type)
    (project,) = (tmp_path / "out").glob("hls4ml_*")
    done = build(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASS: 1024 vectors, 2048 integers compared, 0 different") == 2
    assert "INFO: Test PASSED" in done.stdout
    logs = [project / "tb_data" / f"{name}_results.log" for name in ("csim", "rtl_cosim")]
    expected = (project / "tb_data" / "expected_position.txt").read_text()
    assert [log.read_text() for log in logs] == [expected, expected]


def test_one_wrong_expected_integer_ends_it(tmp_path):
    export_model(small_model(), tmp_path / "out", targets=["hls4ml"], io_type="io_stream")
    project = tmp_path / "out" / "hls4ml_vitis"
    path = project / "tb_data" / "expected_position.txt"
    first, second = path.read_text().split(maxsplit=1)
    path.write_text(f"{int(first) + 1} {second}")
    done = build(project)
    assert done.returncode != 0
    assert "FAIL: vector 0, position[0]" in done.stdout
    assert "Test PASSED" not in done.stdout
