"""Assignment in every mode against the ``ap_fixed`` that hls4ml bundles, value by value."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulsefront.fixed_point import Assignment, FixedPointFormat, Overflow, Rounding, assign

pytestmark = pytest.mark.peer

SOURCES = (FixedPointFormat(9, 5), FixedPointFormat(8, 3, signed=False))
TARGETS = (
    FixedPointFormat(4, 3),
    FixedPointFormat(4, 3, signed=False),
    FixedPointFormat(5, 6),
    FixedPointFormat(3, -1),
    FixedPointFormat(1, 1),
    FixedPointFormat(1, 2, signed=False),
    FixedPointFormat(11, 4),
)
CASES = list(itertools.product(SOURCES, TARGETS, Rounding, Overflow))


def ap_type(one: FixedPointFormat, modes: str = "") -> str:
    return f"ap_{'' if one.signed else 'u'}fixed<{one.width},{one.integer}{modes}>"


def program() -> str:
    """Return C++ that prints, a line per case, the raw result of every source value."""
    lines = ['#include "ap_fixed.h"', "#include <cmath>", "#include <cstdio>", "int main() {"]
    for source, target, rounding, overflow in CASES:
        target_type = ap_type(target, f",AP_{rounding},AP_{overflow}")
        lines.append(
            f"{{ for (long n = {source.minimum}; n <= {source.maximum}; n++) {{ "
            f"{ap_type(source)} x = std::ldexp((double)n, {-source.fraction}); "
            f"{target_type} y = x; "
            f'std::printf("%ld ", (long)std::ldexp(y.to_double(), {target.fraction})); }} '
            'std::printf("\\n"); }'
        )
    return "\n".join([*lines, "return 0; }"]) + "\n"


def test_every_value_in_every_mode(tmp_path: Path) -> None:
    package = importlib.util.find_spec("hls4ml")
    if package is None or package.origin is None or shutil.which("g++") is None:
        pytest.skip("hls4ml or g++ is not installed")
    headers = Path(package.origin).parent / "templates" / "vivado" / "ap_types"
    (tmp_path / "cases.cpp").write_text(program())
    command = ["g++", "-O0", "-w", "-std=c++14", f"-I{headers}", "cases.cpp", "-o", "cases"]
    subprocess.run(command, cwd=tmp_path, check=True)
    text = subprocess.run([tmp_path / "cases"], check=True, capture_output=True, text=True).stdout
    lines = text.splitlines()
    assert len(lines) == len(CASES)
    for line, (source, target, rounding, overflow) in zip(lines, CASES, strict=True):
        found = np.array(line.split(), dtype=int)
        values = np.arange(source.minimum, source.maximum + 1)
        expected = assign(values, source.fraction, Assignment(target, rounding, overflow))
        np.testing.assert_array_equal(
            found, expected, err_msg=f"{source} to {target} {rounding} {overflow}"
        )
