"""The network of a finished motion study, as `pulsefront motion` uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pulsefront.errors import ConfigError
from pulsefront.motion.detectors.network import EvidenceNetwork
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds.motion.measure import network_of
from pulsefront.studies.kinds.motion.records import MotionTest
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.load import load_study

__all__ = ["DeployedNetwork", "network_of_run"]


@dataclass(frozen=True)
class DeployedNetwork:
    """A network with the threshold and the interval that it was tuned for."""

    network: EvidenceNetwork
    threshold: float
    interval_s: float


def network_of_run(run: Path) -> DeployedNetwork:
    """Return the exported network of a run directory.

    Raises
    ------
    ConfigError
        The folder holds no finished motion study.
    """
    folders = RunFolders(run / "steps")
    study = load_study(run / "study.toml")[0] if (run / "study.toml").is_file() else None
    if not isinstance(study, MotionStudy) or not folders.evaluation.is_file():
        raise ConfigError(
            "holds no finished study of motion",
            file=run,
            field="--model",
            remedy="name the directory of a run, such as out/motion_brain, or a file that "
            "pulsefront motion train wrote",
        )
    test = MotionTest.read(folders.evaluation)
    return DeployedNetwork(network_of(folders), test.thresholds["network"], study.trace.interval_s)
