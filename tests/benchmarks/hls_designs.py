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
from typing import Any

import h5py
import numpy as np
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
            model = _uw(row) if row["id"].startswith("uw/") else _project(row)
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


def _project(row: dict[str, str]) -> FixedPointModel:
    """Return the network of an hls4ml project: dense layers, ReLU, quantizers; no softmax."""
    base = row["path"].split("/myproject_prj/")[0] + "/firmware"
    if row["id"] == "camilla/a":
        base = "vivadohls/model_single_dense/hls4ml_prj/firmware"

    def text(name: str) -> str:
        return _git(row, f"{base}/{name}").decode()

    defines, parameters, source = text("defines.h"), text("parameters.h"), text("myproject.cpp")
    types = {
        name: kind for kind, name in re.findall(r"typedef (ap_u?fixed<[^>]*>) (\w+);", defines)
    }
    configs = dict(re.findall(r"struct (config\d+) : \S+ \{(.*?)\n\};", parameters, re.DOTALL))
    quantizers: dict[str, Any] = {}
    if "h_quantize" in source:
        for name, body in QUANTIZER.findall(text("nnet_utils/nnet_code_gen.h")):
            quantizers[name] = CHANNEL.findall(body)
    layers: list[Layer] = []
    names: dict[str, str] = {}
    port: Input | None = None
    dead: dict[str, list[int]] = {}
    calls = re.findall(r"nnet::(\w+)<([^;]*?)>\((\w+), (\w+)(?:, (\w+), (\w+))?\);", source)
    for kind, arguments, before, after, weight, bias in calls:
        kinds = [one.strip() for one in arguments.split(",")]
        if port is None:
            size = int(re.search(r"n_in = (\w+);", parameters)[1].replace("N_INPUT_1_1", "16"))
            port = Input("x", (size,), _format(types[kinds[0]]))
            names[before] = "x"
        if kind == "dense":
            config = configs[kinds[2]]
            accumulator = re.search(r"typedef (.*?) accum_t;", config)[1]
            wanted = [
                re.search(rf"typedef (.*?) {one}_t;", config)[1] for one in ("weight", "bias")
            ]
            numbers = [
                np.array(
                    [float(one) for one in text(f"weights/{name}.txt").split(",") if one.strip()]
                )
                for name in (weight, bias)
            ]
            weights = numbers[0].reshape(-1, len(numbers[1]))
            layers.append(
                _dense(
                    after,
                    names[before],
                    weights,
                    numbers[1],
                    tuple(_format(types.get(one, one)) for one in wanted),
                    _assignment(types.get(accumulator, accumulator)),
                    _assignment(types[kinds[1]]),
                    dead.get(before, []),
                )
            )
            names[after] = after
        elif kind == "relu":
            layers.append(Relu(after, (names[before],), _assignment(types[kinds[1]])))
            names[after] = after
        elif kind in quantizers:
            channels = quantizers[kind]
            dead[after] = [int(one[0]) for one in channels if not one[2]]
            to = _by_channel(channels)
            if before in names and names[before] == "x":
                port = replace(port, format=to.container)
                names[after] = "x"
            else:
                last = layers[-1]
                layers[-1] = replace(last, to=to)
                names[after] = names[before]
    assert port is not None
    last = layers[-1].name
    return FixedPointModel("net", (port,), tuple(layers), (last,))


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
