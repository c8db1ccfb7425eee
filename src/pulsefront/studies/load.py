"""Study files by path or by the name of one that ships."""

from __future__ import annotations

from pathlib import Path

from pulsefront.config import load_toml, validate
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory
from pulsefront.studies.kinds import STUDY_FILES, AnyStudy

__all__ = ["load_study"]


def load_study(path: str | Path) -> tuple[AnyStudy, Path]:
    """Read a study file, or one that ships by its name; returns the study and its path.

    Raises
    ------
    ConfigError
        No such file or shipped study, an unknown key, or a value that does not fit.
    """
    file = _find(Path(path))
    content = load_toml(file)
    kind = content.get("kind")
    if kind not in STUDY_FILES:
        raise ConfigError(
            "a study needs a kind",
            file=file,
            field="kind",
            value=kind,
            remedy=f"use one of {', '.join(map(repr, STUDY_FILES))}",
        )
    return validate(STUDY_FILES[str(kind)], content, file=file), file


def _find(path: Path) -> Path:
    shipped = sim_data_directory() / "studies" / f"{path}.toml"
    return shipped if not path.exists() and path.suffix == "" and shipped.is_file() else path
