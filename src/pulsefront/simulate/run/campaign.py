"""Many events to one file: shard by shard, resumable, in bounded memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.files import hash_json, write_json
from pulsefront.progress import Report, silent
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.shards import iterate_shards

__all__ = ["run_to_file", "shard_folder"]


def shard_folder(out: str | Path) -> Path:
    """Return the folder beside *out* that holds the shards while it is being made."""
    out = Path(out)
    return out.with_name(f"{out.name}.shards")


def run_to_file(
    plan: Plan,
    out: str | Path,
    *,
    executor: Executor | None = None,
    report: Report = silent,
) -> int:
    """Run *plan* into the event store *out*; return the number of events.

    Every shard is written, whole or not at all, to a folder beside *out*. A run that was killed
    goes on with the missing shards; the folder goes away when *out* is written. Memory holds a
    bounded number of shards, whatever the number of events.

    Raises
    ------
    ConfigError
        The folder holds shards of another detector, settings, seed or number of events; or *out*
        is a file that is no store.
    """
    out = Path(out)
    store.refuse_other(out)
    folder = shard_folder(out)
    _claim(folder, plan)
    numbers = range(len(plan.sizes))
    missing = [number for number in numbers if not _shard_file(folder, number).exists()]
    results = iterate_shards(
        plan.work, plan.arguments, missing, plan.sizes, executor=executor, report=report
    )
    for number, result in results:
        store.write(plan.table(number, result), _shard_file(folder, number))

    def tables() -> Iterator[EventTable]:
        for number in numbers:
            yield store.read(_shard_file(folder, number))

    count = store.write_stream(tables(), out)
    shutil.rmtree(folder)
    return count


def _shard_file(folder: Path, number: int) -> Path:
    return folder / f"shard_{number:06d}.h5"


def _claim(folder: Path, plan: Plan) -> None:
    """Make sure that the folder, new or left by an earlier run, belongs to *plan*."""
    key = hash_json(dict(plan.identity))
    marker = folder / "plan.json"
    if marker.exists():
        try:
            found = json.loads(marker.read_text()).get("sha256")
        except (OSError, ValueError):
            found = None
        if found != key:
            raise ConfigError(
                "holds the shards of another run",
                file=folder,
                field="sha256",
                value=found,
                remedy="finish that run, remove the folder, or choose another --out",
            )
        return
    write_json(marker, {"sha256": key, "plan": dict(plan.identity)})
