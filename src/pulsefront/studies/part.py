"""How the final network fits the part that the budget of a study names."""

from __future__ import annotations

from pulsefront.errors import ConfigError
from pulsefront.firmware.fit import Choice, counted
from pulsefront.fixed_point import FixedPointModel
from pulsefront.search.part import part_of
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.records import PartRecord
from pulsefront.studies.settings import StudyBase
from pulsefront.studies.steps import StepContext

__all__ = ["part_step"]


def part_step(study: StudyBase, context: StepContext) -> None:
    """Choose the design of the final network, let yosys count it if asked, and write it down.

    Raises
    ------
    ConfigError
        The budget names no part.
    ToolMissing
        yosys is to count, and is not installed.
    """
    folders = RunFolders(context.steps)
    part = part_of(study.budget)
    if part is None:
        raise ConfigError("names no part", field="budget.board")
    model = FixedPointModel.load(folders.model)
    choice = part.choice(model)
    if study.budget.count_gates:
        choice = counted(model, choice)
    _record(choice).write(context.folder / folders.part.name)


def _record(choice: Choice) -> PartRecord:
    design, demand = choice.design, choice.demand
    return PartRecord(
        summary=str(choice),
        fits=choice.fits,
        board=demand.board.name,
        part=demand.board.part,
        events_per_second_wanted=demand.rate_hz,
        events_per_second=choice.events_per_second,
        clock_mhz=demand.clock_mhz,
        latency_ns=choice.latency_ns,
        strategy=design.strategy,
        multipliers=dict(design.multipliers),
        dsp_multipliers=design.dsp_multipliers,
        reuse_factors=dict(design.reuse_factors),
        used=dict(design.used),
        shares=choice.shares,
        limited_by=choice.limit,
        origin=design.origin,
        export=choice.export_options,
    )
