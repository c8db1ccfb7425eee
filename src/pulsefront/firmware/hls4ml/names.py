"""Names that an hls4ml project cannot have: refused before a compiler stumbles over them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path

from pulsefront.errors import ExportError
from pulsefront.firmware.hls4ml.namespace import namespace_of
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["refuse_names", "refuse_shadowed_weights"]

HEADERS = """
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>
#include "ap_fixed.h"
#include "nnet_utils/nnet_common.h"
"""
"""What a project and its test bench include."""


def refuse_names(model: FixedPointModel) -> None:
    """Refuse names that C++, the headers of a project or hls4ml's own files have taken.

    Raises
    ------
    ExportError
        Names the name, and what has it.
    """
    inputs = [one.name for one in model.inputs]
    names = [model.name, *inputs, *(one.name for one in model.layers)]
    lowered: dict[str, str] = {}
    for name in names:
        if name.lower() in lowered:
            raise ExportError(
                f"hls4ml does not tell {lowered[name.lower()]!r} from {name!r}",
                remedy="use names that differ in more than case",
            )
        lowered[name.lower()] = name
        if name in RESERVED:
            raise _taken(name, "a word of C++ or of hls4ml")
        if name in _macros():
            raise _taken(name, "a macro of the headers that the project includes")
    if model.name in RESERVED_FOR_MODELS or model.name.endswith("_t"):
        raise _taken(model.name, "the name of a file or a type beside the model's")
    for name in inputs:
        if re.fullmatch(r"(layer|config)\d+\w*|\w+_t", name) or name == namespace_of(model.name):
            raise _taken(name, "a name that hls4ml gives itself")


def _taken(name: str, by: str) -> ExportError:
    return ExportError(f"{name!r} is {by}", remedy="use another name")


def refuse_shadowed_weights(model: FixedPointModel, project: Path) -> None:
    """Refuse an input that has the name of an array of weights in a written *project*.

    Raises
    ------
    ExportError
        The top function would read its argument in place of the weights.
    """
    for one in model.inputs:
        if any(project.glob(f"**/weights/{one.name}.h")):
            raise _taken(one.name, "the name of an array of weights in the project")


@cache
def _macros() -> frozenset[str]:
    """Return the macros that g++ knows after a project's headers."""
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        return frozenset()
    templates = Path(spec.origin).parent / "templates" / "vivado"
    command = ["g++", "-dM", "-E", "-std=c++11", "-x", "c++", "-"]
    command += [f"-I{templates}", f"-I{templates / 'ap_types'}"]
    done = subprocess.run(  # noqa: S603 - a fixed command line of this file
        command, input=HEADERS, capture_output=True, text=True, check=False
    )
    return frozenset(re.findall(r"^#define (\w+)", done.stdout, re.MULTILINE))


# C++ up to 2023, its alternative spellings, and the names of hls4ml's own types and namespaces.
RESERVED = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
    char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
    constinit continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long main mutable namespace new nnet noexcept
    not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
    requires return short signed sizeof static static_assert static_cast struct switch template
    this thread_local throw true try typedef typeid typename union unsigned using virtual void
    volatile wchar_t while xor xor_eq input_t result_t NULL EOF errno std hls ap_fixed ap_ufixed
    ap_int ap_uint input loaded_weights
    """.split()  # noqa: SIM905 - a list of a hundred quoted words reads worse
)

# Files and variables that stand beside a model's function; the project would take one for another.
RESERVED_FOR_MODELS = frozenset(
    """
    ap_common ap_decl build daylight defines environ firmware FILE hls4ml myproject parameters
    project signgam strategy tb_data timezone tzname weights
    """.split()  # noqa: SIM905 - as above
)
