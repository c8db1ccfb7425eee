"""What a night costs: ``pulsefront qc night`` on 1,000 scanners, as the timer starts it.

The store holds two months of 40 readings a day for each scanner. A first night reads them all and
leaves its checkpoints; then the logs of the next day come, an export a site, and the night that
is timed ingests them, scores every component, takes the alerts on and writes the files. It is a
process of its own: its time includes the start of Python, and its memory is its own. Its CPU
time and the peak of its memory are printed beside the aims, 15 s and 2 GiB, with how much is
missing. The aim of memory is asserted; that of time is missed on slow processors and busy ones, so
a bound of twice the aim is asserted, which a night that reads whole histories does not keep.

How long the history is does not matter to that night, which reads what is not behind a checkpoint;
the first night after a restore does read it all (see test_qc_throughput).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from test_qc_throughput import OUT, fleet

from postgresql import postgresql_database, postgresql_server
from pulsefront.files import write_json
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.files.registry import register
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.score import score
from pulsefront.qc.records import Batch
from pulsefront.qc.simulate.fleet import SimulatedUnit, simulate_units
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, iso_date
from strategies_qc import history_of, writing_of

UNITS = int(os.environ.get("PULSEFRONT_QC_NIGHT_UNITS", "1000"))
HISTORY_DAYS, SITES = 60, 20
AIM_S, AIM_GIB = 15.0, 2.0

SITE = """\
site = "bench"
[mappings."*_night.csv"]
table = "measurement"
date_order = "ymd"
"""


class Cost(NamedTuple):
    """What a process took."""

    code: int
    wall_s: float
    cpu_s: float
    peak_gib: float
    said: str


@pytest.fixture(scope="module")
def templates():
    """A few scanners with two years of QC each."""
    return list(simulate_units(fleet(12, years=2.0)))


@pytest.fixture(scope="module")
def model(templates, tmp_path_factory):
    """The model that ships, trained on them."""
    histories = build_fleet([history_of(unit) for unit in templates], Target(), daily_from=0.7)
    path = tmp_path_factory.mktemp("model") / "model.zip"
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    save_model(fit_model(histories, plan, name="blend"), path)
    return load_model(path)


def last_night_of(templates: list[SimulatedUnit]) -> int:
    """Return the end of the last day that all templates have whole."""
    return min(int(t.measurements["measured_at"].max()) for t in templates) // DAY_S * DAY_S


def fill(store: Store, templates: list[SimulatedUnit], as_of_s: int) -> None:
    """Put the last days of the templates into the store, again and again under new names."""
    few = []
    for template in templates:
        m = template.measurements
        recent = (m["measured_at"] > as_of_s - HISTORY_DAYS * DAY_S) & (m["measured_at"] < as_of_s)
        few.append((template, m[recent]))
    for k in range(UNITS):
        template, rows = few[k % len(few)]
        name = f"scanner-{k:04d}"
        with store.writing() as connection:
            writing = writing_of(connection, name)
            others = (template.units, template.events, template.services)
            batch = Batch(*(frame.assign(unit_id=name) for frame in (rows, *others)))
            store.add(connection, batch, writing)


def write_logs(folder: Path, templates: list[SimulatedUnit], as_of_s: int) -> int:
    """Write the logs of the day after a night, as consoles export them; return their rows."""
    names = ["unit_id", "component_id", "test", "value", "measurement_unit", "reference",
             "action_low", "tolerance_low", "tolerance_high", "action_high", "measured_at",
             "baseline_id", "software_version"]  # fmt: skip
    tables = []
    for template in templates:
        m = template.measurements
        day = m[(m["measured_at"] >= as_of_s) & (m["measured_at"] < as_of_s + DAY_S)]
        when = pd.to_datetime(day["measured_at"], unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        tables.append(day.assign(measured_at=when)[names].to_csv(index=False))
    (folder / "logs").mkdir(parents=True)
    heads, bodies = zip(*(table.split("\n", 1) for table in tables), strict=True)
    for site in range(SITES):
        parts = [f"{heads[0]}\n"]
        for k in range(site, UNITS, SITES):
            template = k % len(templates)
            parts.append(bodies[template].replace(templates[template].unit_id, f"scanner-{k:04d}"))
        (folder / "logs" / f"site{site}_night.csv").write_text("".join(parts))
    columns = ", ".join(f'{name} = "{name}"' for name in names)
    (folder / "site.toml").write_text(f"{SITE}columns = {{ {columns} }}\n")
    return sum(tables[k % len(tables)].count("\n") - 1 for k in range(UNITS))


def timed(folder: Path, url: str, as_of_s: int) -> Cost:
    """Run the command as the timer does."""
    day = iso_date(as_of_s - DAY_S)
    command = [
        sys.executable, "-c", "from pulsefront.cli.main import main; main()",
        "qc", "night", folder, "--db", url, "--as-of", day,
    ]  # fmt: skip
    begin = time.monotonic()
    with (folder / "said").open("w") as said:
        process = subprocess.Popen([str(c) for c in command], stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        process.returncode,
        time.monotonic() - begin,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 2**20,
        (folder / "said").read_text(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_night_of_a_thousand_scanners_keeps_to_its_time_and_memory(
    kind, templates, model, tmp_path
):
    as_of_s = last_night_of(templates) - DAY_S
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/qc.db"
        if kind == "postgresql":
            url = stack.enter_context(postgresql_database(stack.enter_context(postgresql_server())))
        store = stack.enter_context(Store(url))
        fill(store, templates, as_of_s)
        register(store, model, who="bench")
        first = score(store, model, as_of_s, tmp_path / "out")
        before = store.count(schema.measurement)
        rows = write_logs(tmp_path, templates, as_of_s)
        cost = timed(tmp_path, url, as_of_s + DAY_S)
        assert cost.code == 0, cost.said
        assert store.count(schema.measurement) == before + rows
        day = iso_date(as_of_s)
        content = json.loads((tmp_path / "out" / f"scores_{day}.json").read_text())
        # As many components as on the night before, and the same scores as from the first record.
        assert len(content["scores"]) == len(first.rows)
        some = {f"scanner-{k:04d}" for k in range(0, UNITS, 100)}
        again = score(store, model, as_of_s + DAY_S, None, from_first=True, dry_run=True)
        assert [s["probability"] for s in content["scores"] if s["unit_id"] in some] == [
            row.probability for row in again.rows if row.unit_id in some
        ]
    found = {
        "units": UNITS, "records": before, "night_rows": rows, "wall_s": round(cost.wall_s, 2),
        "cpu_s": round(cost.cpu_s, 2), "peak_gib": round(cost.peak_gib, 3),
        "first_night_records": first.records_read,
    }  # fmt: skip
    over_s = cost.cpu_s - AIM_S
    told = f"misses its {AIM_S:g} s by {over_s:.1f} s" if over_s > 0 else f"keeps its {AIM_S:g} s"
    print(f"{kind}: {cost.cpu_s:.1f} s of CPU time {told}", found, cost.said)  # noqa: T201
    write_json(OUT / f"qc_night_{kind}.json", found | {"over_the_aim_s": round(over_s, 2)})
    assert cost.cpu_s < 2 * AIM_S
    assert cost.peak_gib < AIM_GIB
