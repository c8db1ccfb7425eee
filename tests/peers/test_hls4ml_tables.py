"""Tables of sigmoid and tanh beside hls4ml's own, compiled from its headers: equal, or by how much.

hls4ml fills 1024 entries over −8 … 8 (tanh −4 … 4), truncated to ten fraction bits, and takes the
entry at or beyond the input toward zero. At inputs that its entries are of, and truncated to no
more than ten bits, both are the same numbers; rounding to the nearest is not its own.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulsefront.fixed_point import Assignment, FixedPointFormat, function_table

pytestmark = pytest.mark.peer

PROGRAM = """
#include <cmath>
#include <cstdio>
#include "ap_fixed.h"
#include "nnet_utils/nnet_activation.h"
typedef {reads} in_t;
typedef {result} out_t;
struct settings : nnet::activ_config {{
    static const unsigned n_in = 1;
    static const unsigned table_size = 1024;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
    typedef ap_fixed<18, 8> table_t;
}};
int main() {{
    for (long n = {low}; n <= {high}; n++) {{
        in_t x[1] = {{ (in_t)std::ldexp((double)n, {down}) }};
        out_t y[1];
        nnet::{function}<in_t, out_t, settings>(x, y);
        std::printf("%ld\\n", (long)std::ldexp(y[0].to_double(), {up}));
    }}
}}
"""


def hls4ml_entries(function: str, reads: FixedPointFormat, to: Assignment, folder: Path):
    package = importlib.util.find_spec("hls4ml")
    if package is None or package.origin is None or shutil.which("g++") is None:
        pytest.skip("hls4ml or g++ is not installed")
    headers = Path(package.origin).parent / "templates" / "vivado"
    one = to.container
    text = PROGRAM.format(
        reads=f"ap_{'' if reads.signed else 'u'}fixed<{reads.width},{reads.integer}>",
        result=f"ap_fixed<{one.width},{one.integer},AP_{to.rounding},AP_{to.overflow}>",
        low=reads.minimum, high=reads.maximum, down=-reads.fraction, up=one.fraction,
        function=function,
    )  # fmt: skip
    (folder / "table.cpp").write_text(text)
    includes = [f"-I{headers}", f"-I{headers / 'ap_types'}"]
    command = ["g++", "-O1", "-w", "-std=c++14", *includes, "table.cpp", "-o", "table"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([folder / "table"], check=True, capture_output=True, text=True)
    return np.array(done.stdout.split(), dtype=int)


@pytest.mark.parametrize(
    ("function", "reads"),
    [("sigmoid", FixedPointFormat(8, 4)), ("sigmoid", FixedPointFormat(10, 4)),
     ("tanh", FixedPointFormat(8, 3)), ("tanh", FixedPointFormat(10, 3))],
)  # fmt: skip
def test_entries_that_are_truncated_are_hls4mls(function, reads, tmp_path) -> None:
    to = Assignment(FixedPointFormat(11, 1), "TRN", "SAT")
    table = function_table("t", "x", function, reads, to)
    found = hls4ml_entries(function, reads, to, tmp_path)
    different = int((found != table.entries).sum())
    print(f"\n{function} of {reads}: {different} of {len(found)} entries differ")  # noqa: T201
    assert different == 0


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
def test_between_its_entries_and_at_the_nearest_step_hls4ml_is_told_to_differ(
    function, tmp_path
) -> None:
    reads, to = FixedPointFormat(12, 4), Assignment(FixedPointFormat(11, 1), "RND", "SAT")
    table = function_table("t", "x", function, reads, to)
    found = hls4ml_entries(function, reads, to, tmp_path)
    off = np.abs(found - table.entries)
    print(f"\n{function} of {reads}: {(off > 0).sum()} of {len(off)} differ, by up to {off.max()}")  # noqa: T201
    assert off.max() > 1
