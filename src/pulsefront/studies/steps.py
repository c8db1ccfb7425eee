"""Steps that are done once: each written whole, keyed by the hash of everything it depends on.

A run directory holds one folder per step. A folder appears by a rename when its step has
succeeded, together with ``step.json``: the step's key and the hash of each of its files. A run
that is killed at any moment leaves either the whole folder or none, and the next run goes on from
there. A step runs again only if its key has changed (its settings, the package's source, the
versions of the numerical libraries, or a step before it) or if its files were touched.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pulsefront
from pulsefront import plugins
from pulsefront.errors import DataError, PulsefrontError
from pulsefront.evaluate.record import Record
from pulsefront.files import atomic_directory, hash_file, hash_json

__all__ = ["Step", "StepContext", "StepRecord", "locked", "read_step", "run_steps"]

NUMERICAL_LIBRARIES = (
    "h5py",
    "hls4ml",
    "numba",
    "numpy",
    "onnx",
    "onnxruntime",
    "scikit-learn",
    "scipy",
    "torch",
    "xraydb",
)


@dataclass(frozen=True)
class StepContext:
    """What a step sees while it runs.

    Attributes
    ----------
    folder
        Where the step writes its files.
    checkpoint
        A folder that survives a kill, for steps that save their own progress; removed when the
        step is done.
    cache
        A folder shared by all steps and runs of this directory.
    steps
        The folder that holds the folders of all steps, each under its name.
    """

    folder: Path
    checkpoint: Path
    cache: Path
    steps: Path


@dataclass(frozen=True)
class Step:
    """One step: its name, what it does, and the plain settings that its result depends on."""

    name: str
    title: str
    work: Callable[[StepContext], None]
    settings: Any
    after: tuple[str, ...] = ()


class StepRecord(Record):
    """``step.json``: when a step counts as done."""

    step: str
    key: str
    """hash of everything that the step depends on"""
    seconds: float
    files: dict[str, str]
    """the step's files with the hash of each"""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold *directory* for one run at a time.

    Raises
    ------
    PulsefrontError
        Another run holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PulsefrontError(
                "another run is working in this folder",
                file=directory,
                remedy="wait for it or choose another --out",
            ) from None
        yield


def run_steps(
    steps: Sequence[Step], directory: Path, say: Callable[[str], None]
) -> tuple[StepRecord, ...]:
    """Run *steps* in their order in *directory*, skipping those already done.

    Parameters
    ----------
    say
        Called with one line of text when a step starts, ends or is skipped.

    Returns
    -------
    What was written of each step; its files lie in the folder ``steps/NAME``.
    """
    keys: dict[str, str] = {}
    records = []
    for number, step in enumerate(steps, 1):
        folder = directory / "steps" / step.name
        key = _key(step, keys)
        label = f"[{number}/{len(steps)}] {step.title}"
        if _is_done(folder, key):
            say(f"{label}: done before")
        else:
            say(f"{label} …")
            seconds = _run(step, key, folder, directory)
            say(f"{label}: {seconds:.0f} s")
        keys[step.name] = key
        records.append(read_step(folder))
    return tuple(records)


def _run(step: Step, key: str, folder: Path, directory: Path) -> float:
    start = time.monotonic()
    _sweep(folder)
    # The checkpoint carries the key, so that a changed study never resumes an old search.
    checkpoint = directory / "checkpoints" / f"{step.name}-{key[:16]}"
    cache = directory / "cache"
    for path in (checkpoint, cache):
        path.mkdir(parents=True, exist_ok=True)
    with atomic_directory(folder) as temporary:
        step.work(StepContext(temporary, checkpoint, cache, directory / "steps"))
        seconds = time.monotonic() - start
        files = {
            str(path.relative_to(temporary)): hash_file(path)
            for path in sorted(temporary.rglob("*"))
            if path.is_file()
        }
        record = StepRecord(step=step.name, key=key, seconds=round(seconds, 3), files=files)
        record.write(temporary / "step.json")
    shutil.rmtree(checkpoint, ignore_errors=True)
    return seconds


def _sweep(folder: Path) -> None:
    """Remove what earlier, killed runs of the step left behind."""
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)


def _key(step: Step, keys: Mapping[str, str]) -> str:
    return hash_json(
        {
            "step": step.name,
            "settings": step.settings,
            "after": {name: keys[name] for name in step.after},
            "source": source_hash() + plugins.fingerprint(),
            "libraries": {name: version(name) for name in NUMERICAL_LIBRARIES},
        }
    )


@functools.cache
def source_hash() -> str:
    """Return the SHA-256 over the package's source files that can change a study's result."""
    package = Path(pulsefront.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package)
        if name.parts[0] not in ("cli", "qc", "report"):
            digest.update(str(name).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _is_done(folder: Path, key: str) -> bool:
    try:
        record = read_step(folder)
    except DataError:
        return False
    return record.key == key and all(
        (folder / name).is_file() and hash_file(folder / name) == digest
        for name, digest in record.files.items()
    )


def read_step(folder: Path) -> StepRecord:
    """Return what was written of the step whose *folder* this is.

    Raises
    ------
    DataError
        The step is not done, or was done by another version.
    """
    return StepRecord.read(folder / "step.json")
