"""How near the network comes to what any unbiased estimator of time could reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pulsefront.detector import load_detector
from pulsefront.estimators.timing.bounds import waveform_bound_ps
from pulsefront.estimators.timing.discriminators import Sampling, prepare_pulses
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings
from pulsefront.simulate.light.map import light_map_for
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.timing.photon_limit import PhotonLimit, photon_limit
from pulsefront.studies.kinds.timing.records import TimingLimit
from pulsefront.studies.kinds.timing.settings import TimingStudy

__all__ = ["timing_limit"]


def timing_limit(
    study: TimingStudy,
    parts: SplitEvents,
    *,
    network_ps: float,
    classical_ps: float,
    classical_low_ps: float,
    cache: Path,
) -> TimingLimit:
    """Return the bound on the CTR that the study names, and the share of the gap closed.

    Parameters
    ----------
    network_ps, classical_ps
        CTR FWHM of the network and of the best classical estimator on the test set.
    classical_low_ps
        Lower end of the interval of the latter: where it reaches the bound, there is no gap that
        a share could be told of.
    cache
        Folder of the light map.
    """

    def closed(bound_ps: float) -> float | None:
        gap = classical_ps - bound_ps
        return 100.0 * (classical_ps - network_ps) / gap if classical_low_ps > bound_ps else None

    if study.limit == "photons":
        limit = _photon_bound(study, parts, cache)
        return TimingLimit(
            kind="photons",
            bound_ctr_fwhm_ps=limit.ctr_fwhm_ps,
            bound_ctr_fwtm_ps=limit.ctr_fwtm_ps,
            gap_closed_percent=closed(limit.ctr_fwhm_ps),
            scintillation_photoelectrons=limit.scintillation_photoelectrons,
            cherenkov_photoelectrons=limit.cherenkov_photoelectrons,
        )
    bound = _waveform_bound(study, parts)
    return TimingLimit(kind="waveforms", bound_ctr_fwhm_ps=bound, gap_closed_percent=closed(bound))


def _photon_bound(study: TimingStudy, parts: SplitEvents, cache: Path) -> PhotonLimit:
    detector = load_detector(study.detector)
    coincidences = study.coincidences or CoincidenceSettings()
    settings = coincidences.light_map.model_copy(update={"transit_times": True})
    return photon_limit(
        detector,
        light_map_for(detector, settings, cache=cache),
        np.asarray(parts.events["depth_mm"], np.float64).reshape(-1),
        study.seed,
        study.statistics.bin_ps,
    )


def _waveform_bound(study: TimingStudy, parts: SplitEvents) -> float:
    train = parts.events.select(parts.split.train)
    interval = float(train.provenance["sample_interval_ns"])
    pulses = prepare_pulses(
        train["waveform_adc"], Sampling(interval, study.events.baseline_samples)
    )
    return waveform_bound_ps(
        np.concatenate(pulses),
        np.concatenate([train["true_arrival_ns"][:, side] for side in (0, 1)]),
        interval,
    )
