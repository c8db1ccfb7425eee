"""The test bench of models with several inputs and outputs, every layer, built by g++."""

from __future__ import annotations

import subprocess

import pytest

from strategies_fixed_point import random_model, side_by_side
from toys_firmware import project_of

pytestmark = pytest.mark.peer


def test_a_dozen_random_models_pass_and_one_wrong_bit_fails(tmp_path):
    model = side_by_side([random_model(seed, f"n{seed}", most=2) for seed in range(300, 312)])
    folder, sets = project_of(model, tmp_path / "project")
    run = ["bash", "run_testbench.sh"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PASS: {sum(len(one) for one in sets)} vectors" in done.stdout
    path = folder / "tb_data" / f"expected_{model.outputs[-1]}.txt"
    lines = path.read_text().splitlines()
    first, *rest = lines[5].split()
    lines[5] = " ".join([str(int(first) ^ 1), *rest])
    path.write_text("\n".join(lines) + "\n")
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"FAIL: vector 5, {model.outputs[-1]}[0]: expected {int(first) ^ 1}" in done.stdout
