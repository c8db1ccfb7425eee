"""The reference that a deployed network is compared with: a sample of what it was made for.

A profile keeps events, not figures of them: everything a check compares is worked out of them when
it is asked for, and a later version may ask more of an old profile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

import pulsefront
from pulsefront.errors import DataError, PrecisionError
from pulsefront.files import atomic_path, hash_json
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.document import from_json
from pulsefront.fixed_point.specification import how_to_fit
from pulsefront.monitor.batch import WatchedEvents

__all__ = ["MOST_EVENTS", "Profile", "Watched", "make_profile"]

SCHEMA_VERSION = 1
FORMAT = "pulsefront monitor profile"

MOST_EVENTS = 100_000
"""Of the sample: 10,000 new events are then compared with an error a tenth larger than that of a
reference without end. Of 64 channels the inputs take 8 MB, and the charges as much."""


@dataclass(frozen=True)
class Profile:
    """A network with a sample of the events that it was made for.

    Attributes
    ----------
    model
        Of one input tensor of one dimension, and one output tensor.
    reference
        The sample.
    input_names, output_names
        Names of the channels or samples of the input, and of the numbers of the output.
    output_unit
        Unit of the outputs.
    study
        The study file as data, where new events are to be read as the study reads them.
    made_at
        ISO 8601, UTC.
    channel_names
        Names of the channels, where the reference holds their charges.
    """

    model: FixedPointModel
    reference: WatchedEvents
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    output_unit: str = ""
    study: Mapping[str, Any] | None = None
    made_at: str = ""
    channel_names: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """What tells this profile from any other: network and sample."""
        return hash_json([self.model.to_json(), self.reference.sha256()])

    def outputs(self, inputs: NDArray[np.integer]) -> NDArray[np.float64]:
        """Run the network: (vector, output) in the output's unit."""
        (output,) = self.model.output_formats.values()
        return np.asarray(output.values(self.model.run(inputs.astype(np.int64))), np.float64)

    def watched(self, batch: WatchedEvents) -> Watched:
        """Return what gains are told from: charges where both know them, else the inputs.

        Inputs may be places of a folded event, or brought to one sum: a channel that fails moves
        many of them, and what all channels lose none.
        """
        if self.reference.charges is None or batch.charges is None:
            return Watched(self.input_names, self.reference.inputs, batch.inputs)
        return Watched(self.channel_names, self.reference.charges, batch.charges)

    @property
    def still(self) -> tuple[str, ...]:
        """Names of what never varies in the reference, and is therefore not watched."""
        watched = self.watched(self.reference)
        spreads = watched.reference.std(axis=0)
        return tuple(n for n, spread in zip(watched.names, spreads, strict=True) if not spread > 0)

    def usable(self, batch: WatchedEvents) -> WatchedEvents:
        """Return *batch* if the network can read it.

        Raises
        ------
        DataError
            Another number of inputs or channels, or values outside the input's format.
        """
        known, given = self.reference.charges, batch.charges
        if known is not None and given is not None and known.shape[1] != given.shape[1]:
            raise DataError(
                f"holds {given.shape[1]} channels, the reference {known.shape[1]}",
                field="charges",
                remedy="check events of the detector and study that the profile was made of",
            )
        wanted, found = len(self.input_names), batch.inputs.shape[1]
        if wanted != found:
            raise DataError(
                f"holds {found} inputs for a network that reads {wanted}",
                field="inputs",
                remedy="check events of the detector and study that the profile was made of",
            )
        (port,) = self.model.inputs
        low, high = batch.inputs.min(), batch.inputs.max()
        if low < port.format.minimum or high > port.format.maximum:
            raise DataError(
                f"values from {low} to {high} are outside the network's input format {port.format}",
                field="inputs",
                remedy=how_to_fit(port.format, int(low), int(high))
                if port.format.fraction < 0
                else "give integers as the front end counts them",
            )
        return batch

    def save(self, path: str | Path) -> None:
        """Write the profile as one .npz file, whole or not at all."""
        about = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "pulsefront": pulsefront.__version__,
            "made_at": self.made_at,
            "model": self.model.to_json(),
            "input_names": self.input_names,
            "channel_names": self.channel_names,
            "output_names": self.output_names,
            "output_unit": self.output_unit,
            "study": self.study,
            "spectra": list(self.reference.spectra),
            "counts": {name: list(pair) for name, pair in self.reference.counts.items()},
            "duration_s": self.reference.duration_s,
        }
        arrays: dict[str, Any] = {
            f"spectrum_{k}": np.asarray(charges, np.float32)
            for k, charges in enumerate(self.reference.spectra.values())
        }
        if self.reference.charges is not None:
            arrays["charges"] = self.reference.charges.astype(np.uint16)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                about=np.frombuffer(json.dumps(about).encode(), np.uint8),
                inputs=_narrow(self.reference.inputs),
                **arrays,
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a profile.

        Raises
        ------
        DataError
            The file is no profile, is damaged, or of a newer version.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                inputs = arrays["inputs"].astype(np.int64)
                charges = arrays["charges"].astype(np.int64) if "charges" in arrays else None
                spectra = {
                    name: arrays[f"spectrum_{k}"].astype(np.float64)
                    for k, name in enumerate(about["spectra"])
                }
        except FileNotFoundError:
            raise DataError("there is no such file", file=path) from None
        except Exception as error:  # a zip, JSON or key error: what is damaged does not matter
            raise DataError(
                "is no whole monitor profile", file=path, remedy="make it again"
            ) from error
        if about.get("format") != FORMAT or about["schema_version"] > SCHEMA_VERSION:
            raise DataError(
                "is of a newer version", file=path, field="schema_version", remedy="upgrade"
            )
        try:
            model = from_json(FixedPointModel, about["model"])
        except PrecisionError as error:
            raise DataError(f"holds a network that cannot be read: {error}", file=path) from None
        counts = {name: (int(some), int(of)) for name, (some, of) in about["counts"].items()}
        return cls(
            model,
            WatchedEvents(inputs, spectra, counts, about["duration_s"], charges),
            tuple(about["input_names"]),
            tuple(about["output_names"]),
            about["output_unit"],
            about["study"],
            about["made_at"],
            tuple(about.get("channel_names", ())) or _channel_names(charges),
        )


@dataclass(frozen=True)
class Watched:
    """What gains are told from: (vector, column) of the reference and of new events."""

    names: tuple[str, ...]
    reference: NDArray[np.integer]
    new: NDArray[np.integer]


def _channel_names(charges: NDArray[np.integer] | None) -> tuple[str, ...]:
    return () if charges is None else tuple(f"channel {k}" for k in range(charges.shape[1]))


def _narrow(inputs: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the same integers in the narrowest type that holds them."""
    for kind in (np.int16, np.int32):
        if inputs.min() >= np.iinfo(kind).min and inputs.max() <= np.iinfo(kind).max:
            return inputs.astype(kind)
    return inputs.astype(np.int64)


def make_profile(
    model: FixedPointModel,
    reference: WatchedEvents,
    *,
    input_names: tuple[str, ...] = (),
    output_names: tuple[str, ...] = (),
    output_unit: str = "",
    study: Mapping[str, Any] | None = None,
    seed: int = 0,
    channel_names: tuple[str, ...] = (),
) -> Profile:
    """Return the profile of *model* on events that stand for its normal work.

    Raises
    ------
    DataError
        The model has several inputs or outputs or an input that is no vector, the events do not
        fit it, or names are of another number.
    """
    shapes = [port.shape for port in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 1 or len(model.outputs) != 1:
        raise DataError(
            "only a network of one input vector and one output can be monitored",
            field="model",
            value=[list(shape) for shape in shapes],
        )
    inputs = shapes[0][0]
    sample = reference.reduced(MOST_EVENTS, np.random.default_rng(seed))
    profile = Profile(
        model,
        sample,
        input_names or tuple(f"input {k}" for k in range(inputs)),
        output_names,
        output_unit,
        study,
        datetime.now(UTC).isoformat(timespec="seconds"),
        channel_names or _channel_names(sample.charges),
    )
    if sample.charges is not None and len(profile.channel_names) != sample.charges.shape[1]:
        raise DataError(
            f"{len(channel_names)} names for {sample.charges.shape[1]} channels",
            field="channel_names",
        )
    profile.usable(sample)
    outputs = profile.outputs(sample.inputs[:1]).shape[1]
    if not output_names:
        port = model.outputs[0]
        names = tuple(f"{port} {k}" for k in range(outputs)) if outputs > 1 else (port,)
        return replace(profile, output_names=names)
    if len(output_names) != outputs:
        raise DataError(f"{len(output_names)} names for {outputs} outputs", field="output_names")
    return profile
