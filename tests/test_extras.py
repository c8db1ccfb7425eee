"""The extras that the code names are those that can be installed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from pulsefront import extras
from pulsefront.errors import ToolMissing
from pulsefront.extras import PACKAGES, missing_extra, require

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
DEVELOPMENT = {"all", "bench", "dev", "docs", "peers", "test"}


def names(requirements: list[str]) -> set[str]:
    found = [re.match(r"[\w.-]+", requirement) for requirement in requirements]
    return {match[0].lower() for match in found if match is not None}


def test_packages_are_those_of_the_extras_in_pyproject() -> None:
    given = PROJECT["optional-dependencies"]
    assert set(PACKAGES) == set(given) - DEVELOPMENT
    for extra, packages in PACKAGES.items():
        assert set(packages) == names(given[extra])


def test_all_holds_every_extra_that_a_user_adds() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert everything == f"pulsefront[{','.join(sorted(PACKAGES))}]"


def test_no_package_of_an_extra_is_in_the_base_install() -> None:
    optional = {package for packages in PACKAGES.values() for package in packages}
    assert not optional & names(PROJECT["dependencies"])


def test_what_the_package_imports_is_what_it_asks_for() -> None:
    renamed = {"scikit-learn": "sklearn"}
    asked = {renamed.get(name, name) for name in names(PROJECT["dependencies"])}
    optional = {package for packages in PACKAGES.values() for package in packages}
    # a part of Numba, of Jinja2, of pydantic
    parts = {"llvmlite", "markupsafe", "pydantic_core"}
    missing = imported() - asked - optional - parts - set(sys.stdlib_module_names)
    # Brevitas is there where a user's own module has its layers, MLflow and hist where
    # a group works with them.
    assert missing == {"pulsefront", "brevitas", "hist", "mlflow"}


def imported() -> set[str]:
    """Return the top-level names of all that the package imports, also within functions."""
    found: set[str] = set()
    for file in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    def block(*absent: str) -> None:
        monkeypatch.setattr(extras, "find_spec", lambda name: None if name in absent else name)

    return block


def test_what_is_installed_is_not_asked_for(without) -> None:
    without()
    require(*PACKAGES, needed_for="everything")


def test_an_absent_extra_is_named_with_what_it_is_for(without) -> None:
    without("onnxruntime", "hls4ml")
    with pytest.raises(ToolMissing) as caught:
        require("firmware", needed_for="an export")
    assert str(caught.value) == (
        "onnxruntime is needed for an export and was not found; pip install 'pulsefront[firmware]'"
    )


def test_all_absent_extras_are_installed_by_one_command(without) -> None:
    without("torch", "onnx", "uproot")
    with pytest.raises(ToolMissing) as caught:
        require("train", "parquet", "firmware", needed_for="a study")
    assert caught.value.tool == "torch"
    assert caught.value.install == "pip install 'pulsefront[train,firmware]'"


@pytest.mark.parametrize(("name", "extra"), [("torch", "train"), ("hls4ml.backends", "firmware")])
def test_a_failed_import_names_its_extra(name: str, extra: str) -> None:
    error = ModuleNotFoundError(f"No module named {name!r}", name=name)
    missing = missing_extra(error, needed_for="this")
    assert missing is not None
    assert missing.install == f"pip install 'pulsefront[{extra}]'"


@pytest.mark.parametrize("name", ["numpy", None])
def test_a_failed_import_of_anything_else_is_not_explained_away(name: str | None) -> None:
    assert missing_extra(ModuleNotFoundError("No module", name=name), needed_for="this") is None
