"""Networks that others built with hls4ml, with what the vendor's tools made of them.

The table of results, ``designs.csv``, and the repositories that it names are no part of this
project; nothing of them is kept in it. ``PULSEFRONT_HLS_REPORTS`` names the folder of the table,
``PULSEFRONT_HLS_MIRROR`` one with a git directory ``OWNER+NAME/repo`` for each repository, as
``git clone --mirror`` makes it. A network is built from its project there as a `FixedPointModel`.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Layer,
    Relu,
)

__all__ = ["HlsDesign", "find_designs", "read_designs"]

ROOT = Path(__file__).parents[3]
REPORTS = Path(os.environ.get("PULSEFRONT_HLS_REPORTS", ROOT / "shared/data/hls_reports"))
MIRROR = Path(os.environ.get("PULSEFRONT_HLS_MIRROR", REPORTS / "repositories"))
BATCH_NORM_EPSILON = 1e-3
QUANTIZER = re.compile(r"void (\w+)\(input_t \*inp, output_t \*out\) \{(.*?)\n\}", re.DOTALL)
CHANNEL = re.compile(r"out\[(\d+)\] = (?:ap_(u?)fixed<(\d+),(-?\d+),AP_(\w+),AP_(\w+)>|0;)")
TYPE = re.compile(r"typedef (ap_u?fixed<[^>]*>) (\w+);")
CONFIG = re.compile(r"struct (config\d+) : \S+ \{(.*?)\n\};", re.DOTALL)
CALL = re.compile(r"nnet::(\w+)<([^;]*?)>\((\w+), (\w+)(?:, (\w+), (\w+))?\);")
FORMAT = re.compile(r"ap_(u?)fixed<(\d+),(-?\d+)(?:,AP_(\w+),AP_(\w+))?")


@dataclass(frozen=True)
class HlsDesign:
    """One synthesized network; *group* names what no two parts of a split may share.

    *found* are the counts of the report, None where it does not tell.
    """

    name: str
    group: str
    model: FixedPointModel
    device: str
    clock_period_ns: float
    reuse_factor: int
    multipliers: str
    routed: bool
    found: dict[str, int | None]


def find_designs() -> tuple[HlsDesign, ...]:
    """Return the designs, or skip the test that asks where they are absent."""
    if not (REPORTS / "designs.csv").exists():
        pytest.skip(f"no synthesis results in {REPORTS}: set PULSEFRONT_HLS_REPORTS")
    if not MIRROR.is_dir():
        pytest.skip(f"no repositories in {MIRROR}: set PULSEFRONT_HLS_MIRROR")
    return tuple(read_designs())


def read_designs() -> Iterator[HlsDesign]:
    """Return the designs of the table, each with its network."""
    with (REPORTS / "designs.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            model = _uw(row) if row["id"].startswith("uw/") else _Project(row).model()
            counts = {
                name: int(row[f"real_{name}"]) if row[f"real_{name}"] else None
                for name in ("lut", "ff", "dsp", "latency", "ii")
            }
            yield HlsDesign(
                row["id"],
                _group(row["id"]),
                model,
                row["device"],
                float(row["clock_ns"]),
                int(row["rf"]),
                row["mul_impl"],
                row["stage"] == "route",
                counts,
            )


def _group(name: str) -> str:
    """Return the network of a design; of those in several formats, each is one of its own."""
    author, _, network = name.partition("/")
    if author == "argy":
        return f"{author}/{network.partition('/')[0]}"
    return name if author == "uw" else author


def _git(row: dict[str, str], path: str) -> bytes:
    folder = MIRROR / row["repo"].replace("/", "+") / "repo"
    return subprocess.run(
        ["git", "-C", str(folder), "show", f"{row['commit']}:{path}"],
        capture_output=True,
        check=True,
    ).stdout


def _uw(row: dict[str, str]) -> FixedPointModel:
    """Return a network whose project is not there, from its Keras model: all of one format.

    The scaling after each layer is a layer of its own there: a diagonal matrix here.
    """
    content = io.BytesIO(_git(row, "src/hdl/Batchnorm-JetTagging/hls4ml/scripts/model.h5"))
    one = _format(f"ap_{row['input_type']}")
    layers: list[Layer] = []
    source = "x"
    with h5py.File(content) as file:
        tree = file["model_weights"]
        for number, name in enumerate(("fc1", "fc2", "fc3", "output"), 1):
            weights, bias = tree[f"{name}/{name}/kernel:0"][()], tree[f"{name}/{name}/bias:0"][()]
            layers.append(
                _dense(name, source, weights, bias, (one, one), Assignment(one), Assignment(one))
            )
            source = name
            norm = f"batch_norm{number}"
            if norm in tree:
                part = {
                    key: tree[f"{norm}/{norm}/{key}:0"][()]
                    for key in ("gamma", "beta", "moving_mean", "moving_variance")
                }
                scale = part["gamma"] / np.sqrt(part["moving_variance"] + BATCH_NORM_EPSILON)
                shift = part["beta"] - scale * part["moving_mean"]
                layers.append(
                    _dense(
                        norm,
                        source,
                        np.diag(scale),
                        shift,
                        (one, one),
                        Assignment(one),
                        Assignment(one),
                    )
                )
                source = f"relu{number}"
                layers.append(Relu(source, (norm,), Assignment(one)))
    return FixedPointModel("uw", (Input("x", (16,), one),), tuple(layers), (source,))


class _Project:
    """The network of an hls4ml project: dense layers, ReLU and quantizers; no softmax."""

    def __init__(self, row: dict[str, str]) -> None:
        self.row = row
        self.base = row["path"].split("/myproject_prj/")[0] + "/firmware"
        self.parameters = self.text("parameters.h")
        self.calls = self.text("myproject.cpp")
        self.types = {
            name: kind
            for kind, name in re.findall(
                r"typedef (ap_u?fixed<[^>]*>) (\w+);", self.text("defines.h")
            )
        }
        self.configs = dict(CONFIG.findall(self.parameters))
        self.quantizers: dict[str, list[tuple[str, ...]]] = {}
        if "h_quantize" in self.calls:
            for name, body in QUANTIZER.findall(self.text("nnet_utils/nnet_code_gen.h")):
                self.quantizers[name] = CHANNEL.findall(body)
        self.layers: list[Layer] = []
        # Tensors of ours by those of the project, and their channels that are always zero.
        self.names: dict[str, str] = {}
        self.dead: dict[str, list[int]] = {}
        self.port: Input | None = None

    def text(self, name: str) -> str:
        """Return a file of the firmware."""
        return _git(self.row, f"{self.base}/{name}").decode()

    def type_of(self, name: str) -> str:
        """Return a type by its name; without one it is written out."""
        return self.types.get(name, name)

    def model(self) -> FixedPointModel:
        """Return the network."""
        for kind, arguments, before, after, weights, bias in CALL.findall(self.calls):
            kinds = [one.strip() for one in arguments.split(",")]
            if self.port is None:
                size = re.search(r"n_in = (\w+);", self.parameters)[1].replace("N_INPUT_1_1", "16")
                self.port = Input("x", (int(size),), _format(self.types[kinds[0]]))
                self.names[before] = "x"
            if kind == "dense":
                self._dense(kinds, before, after, (weights, bias))
            elif kind == "relu":
                to = _assignment(self.types[kinds[1]])
                self.layers.append(Relu(after, (self.names[before],), to))
                self.names[after] = after
            elif kind in self.quantizers:
                self._quantize(self.quantizers[kind], before, after)
        assert self.port is not None
        return FixedPointModel("net", (self.port,), tuple(self.layers), (self.layers[-1].name,))

    def _dense(self, kinds: list[str], before: str, after: str, files: tuple[str, str]) -> None:
        config = self.configs[kinds[2]]

        def named(what: str) -> str:
            return self.type_of(re.search(rf"typedef (.*?) {what}_t;", config)[1])

        weights, bias = (self._numbers(name) for name in files)
        self.layers.append(
            _dense(
                after,
                self.names[before],
                weights.reshape(-1, len(bias)),
                bias,
                (_format(named("weight")), _format(named("bias"))),
                _assignment(named("accum")),
                _assignment(self.types[kinds[1]]),
                self.dead.get(before, []),
            )
        )
        self.names[after] = after

    def _numbers(self, name: str) -> npt.NDArray[np.float64]:
        words = self.text(f"weights/{name}.txt").split(",")
        return np.array([float(word) for word in words if word.strip()])

    def _quantize(self, channels: list[tuple[str, ...]], before: str, after: str) -> None:
        self.dead[after] = [int(one[0]) for one in channels if not one[2]]
        to = _by_channel(channels)
        if self.names.get(before) == "x":
            self.port = replace(self.port, format=to.container)
            self.names[after] = "x"
        else:
            self.layers[-1] = replace(self.layers[-1], to=to)
            self.names[after] = self.names[before]


def _dense(name, source, weights, bias, formats, accumulator, to, dead=()):
    raw = [
        np.clip(np.floor(values * 2.0**one.fraction + 1e-6), one.minimum, one.maximum).astype(
            np.int64
        )
        for values, one in zip((weights, bias), formats, strict=True)
    ]
    raw[0][list(dead)] = 0
    return Dense(name, (source,), raw[0], formats[0], raw[1], formats[1], to, accumulator)


def _format(text: str) -> FixedPointFormat:
    found = FORMAT.match(text.replace(" ", "")) or FORMAT.match(f"ap_{text}")
    assert found, text
    return FixedPointFormat(int(found[2]), int(found[3]), signed=not found[1])


def _assignment(text: str) -> Assignment:
    found = FORMAT.match(text.replace(" ", ""))
    assert found, text
    return Assignment(_format(text), found[4] or "TRN", found[5] or "WRAP")


def _by_channel(channels: list[tuple[str, ...]]) -> Assignment:
    live = [one for one in channels if one[2]]
    formats = []
    for one in channels:
        use = one if one[2] else live[0]
        formats.append(FixedPointFormat(int(use[2]), int(use[3]), signed=not use[1]))
    return Assignment(tuple(formats), live[0][4], live[0][5])
