"""What can be known of a study before any work: whether its parts fit each other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError, PulsefrontError, ToolMissing
from pulsefront.estimators.pulses.windows import leading_edge_windows
from pulsefront.evaluate import split_grid, split_offsets
from pulsefront.events.external import open_external
from pulsefront.extras import require
from pulsefront.firmware import load_board
from pulsefront.firmware.rtl.projects.unrolled import require_alkaid
from pulsefront.firmware.rtl.resources.count import family_of
from pulsefront.firmware.rtl.targets import LANGUAGES
from pulsefront.firmware.rtl.tools import find_tool
from pulsefront.firmware.targets import HLS_TARGETS
from pulsefront.networks.cost import minimal_cost
from pulsefront.search.part import demand_of_budget
from pulsefront.simulate.coincidences.settings import check_pair
from pulsefront.simulate.scan.settings import check_scan, scan_positions
from pulsefront.studies.kinds import AnyStudy, kind_of
from pulsefront.studies.kinds.augment import check_augment
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.folding import fold_of
from pulsefront.studies.kinds.motion.data import INPUT_FORMAT
from pulsefront.studies.kinds.motion.settings import MotionStudy, RecordedScan
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.timing.others import require_enough
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.proof import board_of_export
from pulsefront.studies.settings import ScanStudy, ValidationDesign
from pulsefront.studies.tables.settings import TableSettings
from pulsefront.studies.uncertainty.possible import require_errors
from pulsefront.toml_lines import line_of

__all__ = ["early_problems", "most_test_vectors"]

Check = Callable[[], Any]

LEAST_OFFSETS = 7
"""Of these, four train, and of the three between them one selects and two test."""


def early_problems(study: AnyStudy, file: Path) -> list[PulsefrontError]:
    """Return all that would stop the run later, with file and line where the file says it.

    Parameters
    ----------
    file
        The study file, which measured files are relative to.
    """
    found: list[PulsefrontError] = []

    def attempt(check: Check, *where: int | str) -> Any:
        """Return what *check* returns; keep its error for the key at *where*."""
        try:
            return check()
        except PulsefrontError as error:
            found.append(_located(error, file, where))
            return None

    attempt(lambda: require("train", "firmware", needed_for="a study"))
    targets = study.export.targets
    if any(one in HLS_TARGETS for one in targets):
        attempt(_require_compiler)
    if any(one in LANGUAGES for one in targets):
        attempt(require_alkaid)
    if "rtl_gates" in targets:
        attempt(lambda: find_tool("yosys"))
    if study.tables is not None:
        for check in _checks_of_tables(study, study.tables):
            attempt(check, "tables")
    regions = study.region_settings
    if regions is not None and any(one in HLS_TARGETS for one in regions.targets):
        attempt(_require_compiler, "regions")
    attempt(study.search.network.check, "search", "network")
    attempt(lambda: _require_grid(study), "search")
    if study.search.device != "cpu":
        attempt(lambda: _require_device(study.search.device), "search", "device")
    attempt(lambda: load_board(study.export.board), "export", "board")
    attempt(lambda: _require_part(study), "budget")
    if isinstance(study, MotionStudy):
        for number, one in enumerate(study.recorded):
            attempt(partial(_require_scan, one, file.parent), "recorded", number)
        attempt(lambda: _require_budget(study, None), "budget")
    else:
        name = study.detector
        detector = attempt(lambda: load_detector(name), "detector")
        if detector is not None:
            for where, check in _checks_of_kind(study, detector):
                attempt(check, *where)
            attempt(lambda: _require_budget(study, detector), "budget")
    attempt(lambda: require_errors(kind_of(study)), "uncertainty")
    attempt(lambda: _require_vectors(study), "verification")
    for number, design in enumerate(study.diagnosis.validation if study.diagnosis else ()):
        attempt(partial(_require_groups, study, design), "diagnosis", "validation", number)
    if study.measured is not None:
        measured = study.measured
        attempt(lambda: open_external(file.parent / measured.path), "measured")
    for number, chosen in enumerate(study.external):
        if chosen.detector is not None:
            attempt(partial(load_detector, chosen.detector), "external", number, "detector")
        if chosen.measured is not None:
            path = file.parent / chosen.measured.path
            attempt(partial(open_external, path), "external", number, "measured")
    return found


def _located(error: PulsefrontError, file: Path, where: tuple[int | str, ...]) -> PulsefrontError:
    """Return *error* with the line of the key at *where* that it is about, if it names no file."""
    if error.file is None and where:
        names = tuple(str(error.field).split(".")) if error.field else ()
        own = [name for name in names if name not in where]
        error.file, error.field = file, ".".join(map(str, (*where, *own)))
        error.line = line_of(file.read_text(), (*where, *own)) if file.is_file() else None
    return error


def _checks_of_tables(study: AnyStudy, tables: TableSettings) -> Iterator[Check]:
    """Yield what firmware of the tables, and counting its gates, takes."""
    if any(one in HLS_TARGETS for one in tables.targets):
        yield _require_compiler
    if tables.count_gates or any(one in LANGUAGES for one in tables.targets):
        yield require_alkaid
    if tables.count_gates:
        yield lambda: find_tool("yosys")
        yield lambda: family_of(load_board(board_of_export(study)).part)


def _require_compiler() -> None:
    if shutil.which("g++") is None:
        raise ToolMissing(
            "g++",
            needed_for="hls4ml's C simulation",
            install="apt-get install g++ (Debian), or leave hls4ml out of export.targets",
        )


def _require_device(name: str) -> None:
    from pulsefront.networks.device import require_device

    require_device(name)


def _require_grid(study: AnyStudy) -> None:
    if "row_column" not in study.search.shapes:
        return
    sums = isinstance(study, PositionStudy) and study.events.inputs != "charges"
    if sums or not isinstance(study, ScanStudy):
        raise ConfigError(
            "the network of this study reads no rows and columns of photosensors",
            field="shapes",
            value="row_column",
            remedy="leave it out",
        )


def _require_scan(one: RecordedScan, folder: Path) -> None:
    for field, name in (("path", one.path), ("mapping", one.mapping), ("elements", one.elements)):
        if name is not None and not (folder / name).is_file():
            raise ConfigError(
                "no such file",
                field=field,
                value=str(name),
                remedy="files are relative to the study file",
            )


def _checks_of_kind(
    study: CrystalStudy | PositionStudy | TimingStudy, detector: Detector
) -> Iterator[tuple[tuple[str, ...], Check]]:
    """Yield what must hold of a kind of study and a detector, and which key it is about."""
    if isinstance(study, TimingStudy):
        coincidences = study.coincidences
        yield ("detector",), lambda: detector.waveform_digitizer
        if detector.digitizer is not None:
            for check in (_require_windows, _require_trigger, _require_quiet_baseline):
                yield ("events",), partial(check, study, detector)
        if coincidences is not None:
            if detector.digitizer is not None:
                yield ("coincidences",), lambda: check_pair((detector, detector), coincidences)
            yield ("coincidences", "offsets_mm"), lambda: _require_offsets(coincidences.offsets_mm)
            yield ("augment",), partial(require_enough, study)
        return
    yield ("detector",), lambda: detector.charge_readout
    yield ("events",), partial(fold_of, study)
    if study.augment is not None:
        yield ("augment",), partial(check_augment, study, detector)
    scan = study.scan
    if scan is not None:
        yield ("scan",), lambda: check_scan(detector, scan)
        yield ("scan",), lambda: _split_of_scan(study)
    if isinstance(study, CrystalStudy) and detector.crystal.element_count < 2:
        yield ("detector",), lambda: _refuse_one_crystal(detector)


def _require_windows(study: TimingStudy, detector: Detector) -> None:
    """Cut the windows of one empty record."""
    chosen, digitizer = study.events, detector.waveform_digitizer
    leading_edge_windows(
        np.zeros((1, digitizer.samples), np.uint16),
        baseline_samples=chosen.baseline_samples,
        threshold_adc=chosen.trigger_adc,
        before=chosen.samples_before,
        after=chosen.samples_after,
    )


def _require_trigger(study: TimingStudy, detector: Detector) -> None:
    chosen, digitizer = study.events, detector.waveform_digitizer
    highest = 2**digitizer.adc_bits - 1 - round(digitizer.baseline_adc)
    if chosen.trigger_adc > highest:
        raise ConfigError(
            "is above all that the digitizer records",
            field="trigger_adc",
            value=chosen.trigger_adc,
            remedy=f"at most {highest}: {digitizer.adc_bits} bits less the baseline",
        )


def _require_quiet_baseline(study: TimingStudy, detector: Detector) -> None:
    chosen, digitizer = study.events, detector.waveform_digitizer
    if chosen.baseline_samples > digitizer.pre_trigger_samples:
        raise ConfigError(
            f"reach into the pulse, which begins after {digitizer.pre_trigger_samples} samples",
            field="baseline_samples",
            value=chosen.baseline_samples,
            remedy=f"at most {digitizer.pre_trigger_samples}",
        )


def _require_offsets(offsets_mm: tuple[float, ...]) -> None:
    if len(offsets_mm) < LEAST_OFFSETS:
        raise ConfigError(
            "are too few: a bias needs two test offsets between those that train",
            value=len(offsets_mm),
            remedy=f"give at least {LEAST_OFFSETS}",
        )


def _refuse_one_crystal(detector: Detector) -> None:
    raise ConfigError(
        "has one crystal only, and nothing to tell apart",
        value=detector.name,
        remedy="name a detector with elements, or make this a position study",
    )


def most_test_vectors(study: AnyStudy) -> int | None:
    """Return the test vectors there are if every event passes; None for measured data."""
    if isinstance(study, TimingStudy):
        coincidences = study.coincidences
        if coincidences is None:
            return None
        split = split_offsets(np.arange(len(coincidences.offsets_mm)), seed=study.seed)
        return 2 * len(split.test) * coincidences.events_per_offset
    if isinstance(study, MotionStudy):
        chosen = study.simulated
        if chosen is None or any(one.part == "test" for one in study.recorded):
            return None
        return 2 * chosen.patients_test * int(chosen.duration_s / study.trace.interval_s)
    return None if study.scan is None else _split_of_scan(study)


def _split_of_scan(study: ScanStudy) -> int:
    """Return the test events of a scan.

    Raises
    ------
    DataError
        The scan has too few positions for three parts.
    """
    if study.scan is None or study.scan.geometry in {"flood", "internal"}:
        raise ConfigError(
            "gives no positions to learn",
            field="geometry",
            value=None if study.scan is None else study.scan.geometry,
            remedy="use pencil, fan or side",
        )
    index, _, events = scan_positions(study.scan)
    if study.scan.geometry == "fan":
        row = index[:, 1] == 0
        index, events = index[row], events[row]
    return int(events[split_grid(index, seed=study.seed).test].sum())


def _require_vectors(study: AnyStudy) -> None:
    """Compare the vectors that the proof wants with the most that the test set can hold."""
    try:
        most = most_test_vectors(study)
    except PulsefrontError:
        return  # what is wrong with the scan is told where it is checked
    wanted = study.verification.held_out_vectors
    if most is not None and most < wanted:
        raise ConfigError(
            f"the test set can hold {most:,} vectors at most",
            field="held_out_vectors",
            value=wanted,
            remedy="simulate more events, or compare fewer vectors",
        )


def _require_groups(study: AnyStudy, design: ValidationDesign) -> None:
    """Check that simulated events have the label of a design, and not too many of it."""
    if study.measured is not None or (isinstance(study, MotionStudy) and study.recorded):
        return  # what the manifest says is read with the events
    if design.group != "position":
        raise ConfigError(
            "is a label of measured events alone",
            field="group",
            value=design.group,
            remedy='use group = "position"',
        )
    count = _training_positions(study)
    if design.design == "leave_one_group_out" and count > design.most_groups:
        raise ConfigError(
            f"would train on {count} divisions, one for each training position",
            field="most_groups",
            value=design.most_groups,
            remedy="raise it, or take k_fold, which leaves out several positions at a time",
        )
    if count < 4:
        raise ConfigError(
            f"needs more than the {count} positions that train",
            field="design",
            value=design.design,
            remedy="scan more positions",
        )


def _training_positions(study: AnyStudy) -> int:
    if isinstance(study, TimingStudy):
        coincidences = study.coincidences
        offsets = () if coincidences is None else coincidences.offsets_mm
        return len(split_offsets(np.arange(len(offsets)), seed=study.seed).train)
    if isinstance(study, MotionStudy):
        return 0 if study.simulated is None else study.simulated.patients_train
    if study.scan is None:
        return 0
    index, _, _ = scan_positions(study.scan)
    return len(split_grid(index, seed=study.seed).train)


def _require_part(study: AnyStudy) -> None:
    """Check the board of the budget, its rate, and that yosys is there if it is to count."""
    demand = demand_of_budget(study.budget)
    if demand is not None and study.budget.count_gates:
        family_of(demand.board.part)
        find_tool("yosys")


def _require_budget(study: AnyStudy, detector: Detector | None) -> None:
    """Compare the budget with the smallest network that any search could end with."""
    if isinstance(study, MotionStudy) or detector is None:
        outputs, bits = 2, INPUT_FORMAT.width
    elif isinstance(study, TimingStudy):
        outputs, bits = 1, detector.waveform_digitizer.adc_bits + 1
    else:
        bits = detector.charge_readout.adc_bits
        outputs = 3 if study.measured is None else 2
        if isinstance(study, CrystalStudy):
            outputs = detector.crystal.element_count
    layers = 1 + (study.search.network.convolution is not None)
    study.budget.require_possible(minimal_cost(layers, outputs, bits, study.search.floor_bits))
