"""Stages of a search on disk: each appears whole, and a killed search goes on after the last."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import ConfigError, DataError
from pulsefront.files import write_bytes, write_json
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.precision import ChannelFormats, Precision
from pulsefront.networks.settings import Convolution

__all__ = ["SearchCheckpoint"]

SIMPLE_FORMATS = ("weight_bits", "bias_bits", "activation_bits", "activation_fraction")


class SearchCheckpoint:
    """A folder with one ``.npz`` per finished stage and the fingerprint of the search.

    Raises
    ------
    ConfigError
        The folder belongs to another search.
    """

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        self.folder = folder
        if folder is None:
            return
        label = folder / "search.json"
        if label.exists():
            found = json.loads(label.read_text()).get("fingerprint")
            if found != fingerprint:
                raise ConfigError(
                    "is the checkpoint of another search (data, settings or budget differ)",
                    file=folder,
                    remedy="choose another checkpoint folder or remove this one",
                )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(label, {"fingerprint": fingerprint})

    def save(self, stage: str, candidates: Sequence[Candidate], record: dict[str, Any]) -> None:
        """Write a finished stage."""
        if self.folder is None:
            return
        arrays: dict[str, Any] = {}
        described = []
        for n, candidate in enumerate(candidates):
            arrays[f"{n}_inputs"] = candidate.kept_inputs
            for layer, (weight, bias) in enumerate(
                zip(candidate.weights, candidate.biases, strict=True)
            ):
                arrays[f"{n}_weight_{layer}"] = weight
                arrays[f"{n}_bias_{layer}"] = bias
            described.append(
                {
                    "seed": candidate.seed,
                    "layers": len(candidate.weights),
                    "precision": asdict(candidate.precision) if candidate.precision else None,
                    "convolution": (
                        candidate.convolution.model_dump() if candidate.convolution else None
                    ),
                }
            )
        text = json.dumps({"candidates": described, "record": record})
        buffer = io.BytesIO()
        np.savez(buffer, text=np.frombuffer(text.encode(), np.uint8), **arrays)
        write_bytes(self.folder / f"{stage}.npz", buffer.getvalue())

    def load(self, stage: str) -> tuple[list[Candidate], dict[str, Any]] | None:
        """Return a finished stage, or None.

        Raises
        ------
        DataError
            The file is damaged.
        """
        if self.folder is None or not (self.folder / f"{stage}.npz").exists():
            return None
        path = self.folder / f"{stage}.npz"
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                content = json.loads(stored["text"].tobytes())
                candidates = [
                    Candidate(
                        stored[f"{n}_inputs"],
                        tuple(stored[f"{n}_weight_{i}"] for i in range(one["layers"])),
                        tuple(stored[f"{n}_bias_{i}"] for i in range(one["layers"])),
                        _precision(one["precision"]),
                        one["seed"],
                        Convolution(**one["convolution"]) if one["convolution"] else None,
                    )
                    for n, one in enumerate(content["candidates"])
                ]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                f"is damaged: {error}", file=path, remedy="remove it; the stage is done again"
            ) from None
        return candidates, content["record"]


def _precision(stored: dict[str, Any] | None) -> Precision | None:
    if stored is None:
        return None
    fractions = tuple(tuple(layer) for layer in stored["weight_fraction"])
    simple = {key: tuple(stored[key]) for key in SIMPLE_FORMATS}
    widths, channels = stored["channel_bits"], stored.get("channels")
    return Precision(
        **simple,
        weight_fraction=fractions,
        per_channel=stored["per_channel"],
        channel_bits=None if widths is None else tuple(tuple(layer) for layer in widths),
        channels=None if channels is None else ChannelFormats.stored(channels),
    )
