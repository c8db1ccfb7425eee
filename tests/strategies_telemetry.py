"""Simulated machines as the files in which public sets of hourly telemetry come."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pulsefront.qc.simulate.telemetry import TelemetrySettings, simulate_machines

_START = pd.Timestamp("2015-01-01")


def write_public_form(settings: TelemetrySettings, folder: Path) -> None:
    """Write telemetry, errors, maint, failures and machines as CSV files into a folder.

    Maintenance holds every replacement, those after a failure too.
    """
    files: dict[str, list[pd.DataFrame]] = {}

    def put(name: str, machine: int, times: pd.Series, **columns: object) -> None:
        content = {"datetime": pd.to_datetime(times, unit="s"), "machineID": machine, **columns}
        files.setdefault(name, []).append(pd.DataFrame(content))

    for number, unit in enumerate(simulate_machines(settings), start=1):
        wide = unit.measurements.pivot_table(index="measured_at", columns="test", values="value")
        readings = wide.rename(columns={"rotation": "rotate"}).reset_index()
        names = ("volt", "rotate", "pressure", "vibration")
        put("telemetry", number, readings["measured_at"], **{n: readings[n] for n in names})
        put("errors", number, unit.events["occurred_at"], errorID=unit.events["code"])
        done = unit.services
        put("maint", number, done["reported_at"], comp=done["component_id"])
        failed = done[done["kind"] == "corrective"]
        put("failures", number, failed["reported_at"], failure=failed["component_id"])
        about = unit.units.iloc[0]
        age = round((_START.timestamp() - about["installed_on"]) / 86_400 / 365.25, 2)
        machine = {"machineID": [number], "model": [about["model"]], "age": [age]}
        files.setdefault("machines", []).append(pd.DataFrame(machine))
    for name, parts in files.items():
        pd.concat(parts).to_csv(folder / f"{name}.csv", index=False)
