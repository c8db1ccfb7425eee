"""The lines that the README gives for a notebook run as they stand, with fewer events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pulsefront
from pulsefront.fixed_point import FixedPointModel

README = Path(__file__).resolve().parents[2] / "README.md"
EVENTS = "800"


def lines_of_the_readme() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (found,) = [one for one in blocks if "point_source_scan" in one]
    assert len(found.splitlines()) <= 10
    return found


def test_the_readmes_lines_give_firmware_that_verifies(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    lines, changed = re.subn(r"(?<=events=)[\d_]+", EVENTS, lines_of_the_readme())
    assert changed == 1
    assert lines.rstrip().endswith('pf.verify_export("firmware").raise_on_failure()')
    kept: list[Any] = []
    verify = pulsefront.verify_export
    monkeypatch.setattr(
        pulsefront, "verify_export", lambda folder: kept.append(verify(folder)) or kept[0],
        raising=False,
    )  # fmt: skip
    names: dict[str, Any] = {}
    exec(compile(lines, str(README), "exec"), names)  # noqa: S102 - the README's own
    exported = FixedPointModel.load("firmware/model.json")
    assert exported.to_json() == names["network"].model.to_json()
    assert "median 3-D error (mm)" in capsys.readouterr().out
    (verified,) = kept
    assert verified.passed
    compared = {row.backend for row in verified.exact_rows if row.integers}
    assert compared == {"emulator", "onnxruntime", "hls4ml Vitis"}
