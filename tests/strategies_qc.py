"""Small QC logs, fleets and histories for the tests of the qc room."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa
from hypothesis import strategies as st

from pulsefront.qc.features.history import UnitHistory, history_from_frames
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet, build_fleet
from pulsefront.qc.readers.open import ReadingPlan, open_source
from pulsefront.qc.records import LIMIT_COLUMNS, MEASUREMENT_COLUMNS, Batch, frame_of
from pulsefront.qc.simulate.fleet import SimulatedUnit, simulate_units
from pulsefront.qc.simulate.settings import FailureRates, FleetSettings, SiteProfile
from pulsefront.qc.site import Mapping, Site, TableColumns
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.ledger import begin_reading, recorded
from pulsefront.qc.store.rows.writing import Writing
from pulsefront.qc.store.tables import schema

DAY = 86_400
NOW = 1_800_000_000
"""The present of tests, 2027-01-15: records after it are refused."""

CAME = 1_700_000_000
"""When records came that a test puts into a store itself, 2023-11-14; none was measured then."""

TABLE_COLUMNS = TableColumns(unit_id="Scanner", test="Test", value="Value", measured_at="Date")
TABLE_HEAD = "Scanner,Test,Value,Date\n"

RATES = FailureRates(
    gain_drift=0.8,
    efficiency_loss=0.8,
    high_voltage=0.6,
    timing_drift=0.5,
    sudden=0.2,
    cooling=0.1,
    slow_sensitivity_loss=0.3,
)


def tiny_fleet(
    *, scanners: int = 8, years: float = 2.0, modules: int = 3, seed: int = 1
) -> FleetSettings:
    """Return a fleet that fails often enough to be judged on."""
    return FleetSettings(
        name="tiny",
        seed=seed,
        start="2021-01-01",
        years=years,
        modules=modules,
        sites=(
            SiteProfile(name="east", scanners=scanners // 2),
            SiteProfile(name="west", scanners=scanners - scanners // 2, weekend_qc=True),
        ),
        failures=RATES,
    )


@lru_cache
def tiny_units(scanners: int = 8, years: float = 2.0, seed: int = 1) -> tuple[SimulatedUnit, ...]:
    """Return the simulated units of a tiny fleet."""
    return tuple(simulate_units(tiny_fleet(scanners=scanners, years=years, seed=seed)))


def history_of(unit: SimulatedUnit) -> UnitHistory:
    """Return a simulated unit's history."""
    return history_from_frames(unit.units, unit.measurements, unit.events, unit.services)


@lru_cache
def tiny_samples(scanners: int = 12, years: float = 3.0) -> Fleet:
    """Return features and labels of a tiny fleet."""
    units = tiny_units(scanners, years)
    return build_fleet([history_of(u) for u in units], Target(2, 28), daily_from=0.45)


def measurements(size: int = 5, **columns: object):
    """Return a frame of daily measurements of one test of one unit."""
    days = np.arange(size) * DAY
    content = {
        "measured_at": days,
        "available_at": days + 600,
        "unit_id": "PET1",
        "component_id": "block1",
        "test": "gain",
        "value": np.linspace(1.0, 2.0, size),
        "measurement_unit": "keV",
        "row": np.arange(2, size + 2),
        **columns,
    }
    return frame_of(MEASUREMENT_COLUMNS, content)


def writing_of(
    connection: sa.Connection, name: str, *, arrived_at: int = CAME, not_before: int = 0
) -> Writing:
    """Return on whose behalf the rows of a file of that name, and of one content, are written."""
    plan = ReadingPlan(Path(name))
    identity = plan.identity(name)
    return begin_reading(
        connection, plan, name, recorded(connection, [identity]).get(identity),
        arrived_at=arrived_at, not_before=not_before, new_turn=False,
    )  # fmt: skip


def stored_measurements(store: Store, unit_id: str) -> pd.DataFrame:
    """Return all measurements of a unit with every column, in series and time order."""
    m, s, c, o = schema.measurement, schema.series, schema.context, schema.source
    query = (
        sa.select(
            s.c.unit_id, s.c.component_id, s.c.test, m.c.value,
            s.c.measurement_unit.label("measurement_unit"),
            *(c.c[name] for name in LIMIT_COLUMNS),
            c.c.status, m.c.measured_at, m.c.available_at, o.c.source_hash,
            c.c.baseline_id, c.c.software_version,
        )
        .join_from(m, s, m.c.series_id == s.c.series_id)
        .join(c, m.c.context_id == c.c.context_id)
        .join(o, m.c.source_id == o.c.source_id)
        .where(s.c.unit_id == unit_id)
        .order_by(s.c.component_id, s.c.test, s.c.measurement_unit, m.c.measured_at)
    )  # fmt: skip
    return store.frame(query)


def iso_time(seconds: float) -> str:
    """Return an instant as YYYY-MM-DDThh:mm:ssZ."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_log(path: Path, site: Site | None = None):
    """Return all rows of a file: measurements, services, rejects, notes."""
    batches = list(open_source(path, site or Site(), now_s=NOW).batches())
    return (
        pd.concat([b.measurements for b in batches], ignore_index=True),
        pd.concat([b.services for b in batches], ignore_index=True),
        [r for b in batches for r in b.rejects],
        [n for b in batches for n in b.notes],
    )


def read_table(folder: Path, text: str, *, encoding="utf-8", columns=TABLE_COLUMNS, **mapping):
    """Return all rows of a table that is written to *folder* and read by a mapping."""
    path = folder / "x_daily.csv"
    path.write_bytes(text.encode(encoding))
    site = Site(mappings={"*_daily.csv": Mapping(columns=columns, **mapping)})
    return read_log(path, site)


def siemens_report(
    path: Path,
    *,
    scan: str = "2014-01-02T08:24:12+01:00",
    setup: str = "2013-12-30T09:11:24+01:00",
    blocks: int = 4,
    values: tuple[float, ...] | None = None,
    head: str = "",
) -> Path:
    """Write a small daily-QC report of the shape that the console writes."""
    values = values or tuple(0.5 for _ in range(blocks))
    texts = "".join(f"<bValue>{v:.3f}</bValue>" for v in values)
    crates = "".join("<cDEA>0</cDEA>" for _ in range(blocks))
    numbers = "".join(f"<dBlock>{k}</dBlock>" for k in range(blocks))

    def item(tag: str, low: str, high: str, unit: str, value: str, value_unit: str) -> str:
        return (
            f"<{tag}><aUpperBound><aValue>{high}</aValue><bMeasure>{unit}</bMeasure></aUpperBound>"
            f"<bLowerBound><aValue>{low}</aValue><bMeasure>{unit}</bMeasure></bLowerBound>"
            f"<cBlkValue><aValue>{value}</aValue><bMeasure>{value_unit}</bMeasure></cBlkValue>"
            f"<dDecision>Passed</dDecision></{tag}>"
        )

    path.write_text(
        f'<?xml version="1.0" encoding="utf-8" ?>{head}<SystemQualityReport>'
        f"<BlockEfficiency><aBlockNumber>{blocks}</aBlockNumber>"
        f"<bValues>{texts}{crates}{numbers}</bValues></BlockEfficiency>"
        f"<bScandate>{scan}</bScandate><dInputforComputation><cLastSuccessfulSetup>"
        f"<LastSetupDateTime>{setup}</LastSetupDateTime></cLastSuccessfulSetup>"
        "<dICSName>PETCTD1</dICSName><eICSSWVersion>VG40C</eICSSWVersion>"
        "<fSystemType>1104</fSystemType></dInputforComputation>"
        "<fDetailedSystemQualityReport><aItem>"
        + item("bBlockEfficiency", "80", "120", "%", "0", "Block_Outside_Range")
        + item("fECF", "2e+007", "4e+007", "Bq*s/ECAT counts", "2.767e+007", "Bq*s/ECAT counts")
        + "</aItem></fDetailedSystemQualityReport></SystemQualityReport>",
        encoding="utf-8",
    )
    return path


plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200)
"""Any text that a file may hold."""


SITE_OF_CASES = Site(
    site="s", mappings={"*_daily.csv": Mapping(table="measurement", columns=TABLE_COLUMNS)}
)
"""A site with one mapping, that of tables in the long form."""


def write_daily(path: Path, *rows: str, head: str = TABLE_HEAD) -> Path:
    """Write a table of measurements, a row a reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "".join(f"{row}\n" for row in rows))
    return path


def values_of(store: Store, unit_id: str = "PET1") -> list[float]:
    """Return the values that count for a unit today, in series and time order."""
    return stored_measurements(store, unit_id)["value"].tolist()


def fill_store(store: Store, units: tuple[SimulatedUnit, ...]) -> None:
    """Put all records of simulated units into a store."""
    for unit in units:
        with store.writing() as connection:
            writing = writing_of(connection, unit.unit_id)
            batch = Batch(unit.measurements, unit.units, unit.events, unit.services)
            store.add(connection, batch, writing)
