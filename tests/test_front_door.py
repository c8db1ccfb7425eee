"""What `import pulsefront` offers, and that it waits for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pulsefront
from pulsefront.fixed_point import FixedPointModel
from toys_firmware import small_model

HEAVY = ("numba", "numpy", "onnx", "pandas", "pydantic", "sklearn", "torch")
LONGEST_IMPORT_S = 0.3
"""Of processor time: a notebook's first line is not waited for."""


def test_nothing_heavy_is_loaded_with_the_package() -> None:
    code = f"import sys, pulsefront; print([one for one in {HEAVY} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_import_takes_no_time() -> None:
    code = "import time; t = time.process_time(); import pulsefront; print(time.process_time() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < LONGEST_IMPORT_S


@pytest.mark.parametrize("name", [one for one in pulsefront.__all__ if not one.startswith("_")])
def test_every_name_of_the_front_door_is_there(name: str) -> None:
    assert callable(getattr(pulsefront, name))
    assert name in dir(pulsefront)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'train_everything'"):
        _ = pulsefront.train_everything


def test_a_model_says_in_a_line_and_a_table_what_it_is(tmp_path) -> None:
    small_model().save(tmp_path / "model.json")
    model = FixedPointModel.load(tmp_path / "model.json")
    assert repr(model).startswith(f"<FixedPointModel {model.name}: ")
    assert f"{model.cost().macs:,} MACs" in repr(model)
    assert len(repr(model)) < 300
    page = model._repr_html_()
    assert page.count("<tr>") == 1 + len(model.layers)
    assert "fixed&lt;" in page
