"""Errors say one line and keep their parts."""

from __future__ import annotations

import inspect
import pickle

import pytest

from pulsefront import errors


def test_all_names_are_the_public_exceptions() -> None:
    public = {
        name
        for name, item in vars(errors).items()
        if inspect.isclass(item) and issubclass(item, Exception) and not name.startswith("_")
    }
    assert set(errors.__all__) == public
    assert list(errors.__all__) == sorted(errors.__all__)


def test_tree_in_the_docstring_names_every_error() -> None:
    assert errors.__doc__ is not None
    for name in errors.__all__:
        assert name in errors.__doc__


EXAMPLES = [
    errors.ConfigError(
        "unknown key", file="a.toml", field="data.pich", remedy="did you mean 'pitch'?"
    ),
    errors.TruncatedFile("wave0.dat", byte_offset=2000, events_kept=3),
    errors.OverflowPossible("dense_1", interval=(-300, 200), missing_bits=1),
    errors.UnsupportedLayer("act", problem="sigmoid", remedy="use ReLU"),
    errors.BudgetError("weight_bytes", limit=100, best=120, remedy="raise it"),
    errors.VerificationFailed(
        "onnx", vector=7, output="x", expected=3, got=4, mismatches=1, compared=10
    ),
    errors.ToolMissing("g++", needed_for="C simulation", install="apt-get install g++"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_error_is_one_line_and_survives_pickling(error: errors.PulsefrontError) -> None:
    assert "\n" not in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
    assert error.exit_code != 0


def test_line_names_file_field_value_and_remedy() -> None:
    error = errors.ConfigError("is too large", file="a.toml", field="pde", value=1.5, remedy="≤ 1")
    assert str(error) == "a.toml: pde: is too large (got 1.5); ≤ 1"


def test_verification_failure_names_both_integers() -> None:
    text = str(EXAMPLES[5])
    assert "vector 7" in text
    assert "expected 3, got 4" in text
