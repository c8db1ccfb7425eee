"""Which files users write, and which model says what may stand in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union

from pydantic import BaseModel, Field, TypeAdapter

from pulsefront.config import load_toml
from pulsefront.detector.detector import DetectorFile
from pulsefront.detector.materials import Material
from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.manifest import Manifest
from pulsefront.events.readers.tables.mapping import TableMapping
from pulsefront.firmware.board import Board
from pulsefront.firmware.front_end.settings import CHAIN_FILES
from pulsefront.qc.backtest.failure_mapping import FailureTables
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.kinds import STUDY_FILES

__all__ = ["FILE_KINDS", "FileKind", "kind_of_file", "kind_of_name"]

Content = Mapping[str, Any]


@dataclass(frozen=True)
class FileKind:
    """One kind of file.

    ``models`` says what may stand in it, by the value of ``kind`` where that tells variants apart;
    ``fits`` whether some content is of this kind.
    """

    name: str
    what: str
    models: Mapping[str, type[BaseModel]]
    fits: Callable[[Content], bool]

    def model_of(self, content: Content) -> type[BaseModel]:
        """Return the model of the file's variant; of any where it names none that there is."""
        return self.models.get(str(content.get("kind", "")), next(iter(self.models.values())))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the file, by which editors complete and check it.

        It says which keys there are, their types, ranges, defaults and meaning; what stands between
        several keys, and beyond the file, only `check` sees.
        """
        models = tuple(self.models.values())
        whole: Any = models[0]
        if len(models) > 1:
            whole = Annotated[Union[models], Field(discriminator="kind")]  # noqa: UP007 - of a tuple
        found = TypeAdapter(whole).json_schema(mode="validation")
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _any_of(*keys: str) -> Callable[[Content], bool]:
    return lambda content: any(key in content for key in keys)


# In the order in which they are tried: a study may name a detector, and a manifest has a kind too.
FILE_KINDS = (
    FileKind(
        "manifest",
        "point-source scans: which files, and where the source stood",
        {"": Manifest},
        lambda content: isinstance(content.get("scan"), list),
    ),
    FileKind(
        "failure_tables",
        "which tables of machine failures a back-test reads, and what their columns are",
        {"": FailureTables},
        lambda content: isinstance(content.get("failures"), list),
    ),
    FileKind(
        "front_end",
        "the chain around a network in firmware, from samples to records",
        CHAIN_FILES,
        _any_of("adc_bits", "energy_samples"),
    ),
    FileKind(
        "evaluation",
        "a frozen export on external data, and one claim",
        {"": EvaluationStudy},
        lambda content: content.get("study_type") == "evaluation",
    ),
    FileKind(
        "study",
        "the main job: what is simulated or read, learned, compared and exported",
        STUDY_FILES,
        _any_of("kind", "detector", "search", "scan", "coincidences"),
    ),
    FileKind(
        "detector",
        "crystal, layers, photosensors and electronics, each number with its source",
        {"": DetectorFile},
        _any_of("crystal", "sensors", "photosensor"),
    ),
    FileKind(
        "material",
        "a scintillator, each number with its source",
        {"": Material},
        _any_of("formula", "density_g_cm3", "decay"),
    ),
    FileKind(
        "mapping",
        "which array of a table is what, in which unit",
        {"": TableMapping},
        _any_of("columns"),
    ),
    FileKind(
        "board",
        "part and clock that firmware is written for",
        {"": Board},
        _any_of("part", "vendor"),
    ),
    FileKind(
        "pickoff",
        "how pulses are measured",
        {"": PickoffSettings},
        _any_of(*PickoffSettings.model_fields),
    ),
)


def kind_of_name(name: str) -> FileKind:
    """Return the kind of file that is called *name*.

    Raises
    ------
    ConfigError
        There is none.
    """
    for kind in FILE_KINDS:
        if kind.name == name:
            return kind
    names = ", ".join(kind.name for kind in FILE_KINDS)
    raise ConfigError("no such kind of file", field="KIND", value=name, remedy=f"one of {names}")


def kind_of_file(path: str | Path) -> tuple[FileKind, dict[str, Any]]:
    """Return what kind of file *path* is, by what stands in it, and its content.

    Raises
    ------
    ConfigError
        It is no TOML, or like none of the files that there are.
    """
    content = load_toml(path)
    for kind in FILE_KINDS:
        if kind.fits(content):
            return kind, content
    names = ", ".join(kind.name for kind in FILE_KINDS)
    raise ConfigError(
        "is like none of the files that pulsefront reads",
        file=path,
        remedy=f"there are {names}; pulsefront new writes a start of each",
    )
