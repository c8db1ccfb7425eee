"""The wheel, installed elsewhere: without extras a QC host's work, with each of them what it adds,
with all of them the main job.

`make package` runs it; it installs from a package index, and downloads what all extras need.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from pulsefront.extras import PACKAGES
from studies_small import TIMING_CHANGES, small

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONAL = [package for packages in PACKAGES.values() for package in packages]


def run(*arguments: object, folder: Path) -> str:
    """Run a program as a user would who has never seen the checkout; return what it says."""
    environment = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    result = subprocess.run(
        [str(one) for one in arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=REPOSITORY)
    (built,) = folder.iterdir()
    return built


def installed(wheel: Path, folder: Path, extras: str = "", beside: Path | None = None) -> Path:
    """Return the folder of programs of a new environment with the wheel and *extras* in it.

    What the environment *beside* holds is there, too, and need not be installed again.
    """
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    if beside is not None:
        (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
        (other,) = (beside.parent / "lib").glob("python*/site-packages")
        (packages / "beside.pth").write_text(f"{other}\n")
    constraints = REPOSITORY / "constraints.txt"
    run(programs / "pip", "install", "-q", "-c", constraints, f"{wheel}{extras}", folder=folder)
    found = run(
        programs / "python", "-c", "import pulsefront as p; print(p.__file__)", folder=folder
    )
    roots = [folder] if beside is None else [folder, beside.parent]
    assert any(Path(found).is_relative_to(root) for root in roots)
    return programs


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and no extras."""
    return installed(wheel, tmp_path_factory.mktemp("base"))


def test_the_wheel_carries_what_ships_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "pulsefront/sim_data/studies/timing_lyso_pair.toml" in names
    assert "pulsefront/firmware_export/reference/model.json" in names
    assert {Path(name).parts[0] for name in names} == {
        "pulsefront",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    assert not [name for name in names if name.endswith((".pyc", ".nbc", ".nbi"))]


def test_what_an_index_asks_of_wheel_and_sdist(wheel: Path, tmp_path: Path) -> None:
    run(
        sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, folder=REPOSITORY
    )
    (sdist,) = tmp_path.iterdir()
    told = run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, folder=tmp_path)
    assert told.count("PASSED") == 2


def test_the_base_install_simulates_and_does_qc(base: Path, tmp_path: Path) -> None:
    programs = base
    absent = f"from importlib.util import find_spec; print([find_spec(p) for p in {OPTIONAL}])"
    assert run(programs / "python", "-c", absent, folder=tmp_path) == f"{[None] * len(OPTIONAL)}\n"
    pulsefront = programs / "pulsefront"
    assert "simulate" in run(pulsefront, "--help", folder=tmp_path)
    told = run(
        pulsefront, "simulate", "bgo_pair_3x3x15", "--events", 200, "--out", "a.h5", folder=tmp_path
    )
    assert "a.h5" in told
    assert "200 events" in run(pulsefront, "inspect", "a.h5", folder=tmp_path)
    run(pulsefront, "qc", "demo", "--out", "qc", folder=tmp_path)
    assert (tmp_path / "qc" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("extra", PACKAGES)
def test_each_extra_brings_what_it_names_and_the_program_runs(
    extra: str, base: Path, wheel: Path, tmp_path: Path
) -> None:
    programs = installed(wheel, tmp_path, f"[{extra}]", beside=base)
    # Keras asks for a back-end, which the user brings: it is there and is not loaded.
    here = "find_spec(one).name if one == 'keras' else import_module(one).__name__"
    code = (
        "from importlib import import_module\n"
        "from importlib.util import find_spec\n"
        "from pulsefront.extras import PACKAGES, require\n"
        f"require({extra!r}, needed_for='this')\n"
        f"print(*({here} for one in PACKAGES[{extra!r}]))\n"
    )
    found = run(programs / "python", "-W", "ignore", "-c", code, folder=tmp_path)
    assert found.split()[-len(PACKAGES[extra]) :] == list(PACKAGES[extra])
    told = run(programs / "python", "-m", "pulsefront", "--version", folder=tmp_path)
    assert told.startswith("pulsefront ")


def test_with_all_extras_it_runs_the_main_job(wheel: Path, tmp_path: Path) -> None:
    programs = installed(wheel, tmp_path, "[all]")
    study = small("timing_lyso_pair", TIMING_CHANGES, targets='["onnx", "hls4ml"]')
    (tmp_path / "study.toml").write_text(study)
    run(programs / "pulsefront", "run", "study.toml", "--out", "run", folder=tmp_path)
    proof = json.loads((tmp_path / "run" / "results.json").read_text())["verification"]
    assert {row["backend"] for row in proof["rows"]} == {"emulator", "onnxruntime", "hls4ml Vitis"}
    assert proof["mismatches"] == 0
    assert (tmp_path / "run" / "report.html").exists()
