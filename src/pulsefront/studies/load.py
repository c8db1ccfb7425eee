"""Study files by path or by the name of one that ships."""

from __future__ import annotations

from pathlib import Path

from pulsefront.config import load_toml, validate
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.kinds import STUDY_FILES, AnyStudy

__all__ = ["load_any_study", "load_study", "study_path"]


def load_any_study(path: str | Path) -> tuple[AnyStudy | EvaluationStudy, Path]:
    """Read a study file of either type, or one that ships by its name.

    Raises
    ------
    ConfigError
        As `load_study`.
    """
    file = study_path(Path(path))
    content = load_toml(file)
    if content.get("study_type") == "evaluation":
        return validate(EvaluationStudy, content, file=file), file
    return load_study(file)


def load_study(path: str | Path) -> tuple[AnyStudy, Path]:
    """Read the file of a development study, or one that ships by its name; with its path.

    Raises
    ------
    ConfigError
        No such file or shipped study, an evaluation study, an unknown key, or a value that does not
        fit.
    """
    file = study_path(Path(path))
    content = load_toml(file)
    if content.get("study_type") == "evaluation":
        raise ConfigError(
            "is an evaluation study, which fits nothing; a development study is needed here",
            file=file,
            field="study_type",
        )
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


def study_path(path: Path) -> Path:
    """Return *path*, or that of the shipped study which it names."""
    shipped = sim_data_directory() / "studies" / f"{path}.toml"
    return shipped if not path.exists() and path.suffix == "" and shipped.is_file() else path
