"""What more events, other windows and larger networks could give a timing study: float networks.

``python tests/benchmarks/told_truth.py timing_bgo_cherenkov --seed 20262031 --events 16000 --keep
FILE`` trains a float network that is told the true arrival of each detector, with *events* of every
source offset, and with ``--differences`` one that learns from known differences as studies do. It
prints the study's central width on selection and on test events and the FWHM of both together.
``--keep`` names a store of the events, which is written where it is not there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from pulsefront.evaluate.metrics import GAUSSIAN_FWHM_FRACTION, central_width, fwhm
from pulsefront.events import store
from pulsefront.networks.candidate import initial_candidate
from pulsefront.networks.deploy import predict
from pulsefront.networks.settings import LossSettings, MlpSettings, TrainingSettings
from pulsefront.networks.training import prepare, repeatable, train
from pulsefront.studies.kinds.timing.data import coarse_ns, generate, learning_task, split
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.load import load_study


def arguments() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="coincidences of each offset")
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the training events")
    parser.add_argument("--before", type=int)
    parser.add_argument("--after", type=int)
    parser.add_argument("--differences", action="store_true")
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 32])
    parser.add_argument("--epochs", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=6e-3)
    parser.add_argument("--optimizer", choices=("adamw", "soap"), default="adamw")
    return parser.parse_args()


def main() -> None:
    """Print one line."""
    asked = arguments()
    study, file = load_study(asked.study)
    assert isinstance(study, TimingStudy), "a timing study is needed"
    assert study.coincidences is not None, "a study of simulated events is needed"
    window = {"samples_before": asked.before, "samples_after": asked.after}
    given = {name: value for name, value in window.items() if value is not None}
    study = study.model_copy(
        update={
            "seed": asked.seed,
            "coincidences": study.coincidences.model_copy(
                update={"events_per_offset": asked.events}
            ),
            "events": study.events.model_copy(update=given),
        }
    )
    if not asked.keep.exists():
        store.write(generate(study, asked.keep.parent, file.parent), asked.keep)
    parts = split(study, store.read(asked.keep)).parts
    task = learning_task(study, parts)
    coarse, rows = coarse_ns(study, parts.events), parts.split.train
    random = np.random.default_rng(asked.seed)
    rows = np.sort(random.choice(rows, round(asked.share * len(rows)), replace=False))
    loss = LossSettings(
        kind="coincidence" if asked.differences else "regression",
        huber=study.loss.huber,
        cauchy=study.loss.cauchy,
    )
    if asked.differences:
        labels = task.targets[rows]
        data = prepare(task.inputs[rows], labels, task.input_format, loss, coarse=coarse[rows])
    else:
        arrival = (parts.events["true_arrival_ns"][rows] - coarse[rows]).reshape(-1, 1)
        inputs = task.inputs[rows].reshape(-1, task.n_in)
        data = prepare(inputs, arrival, task.input_format, loss)
    start = initial_candidate(MlpSettings(hidden=tuple(asked.hidden)), task.n_in, 1, seed=10)
    training = TrainingSettings(
        epochs=asked.epochs,
        batch=asked.batch,
        learning_rate=asked.rate,
        optimizer=asked.optimizer,
    )
    with repeatable():
        (trained,) = train([start], data, training, seed=3)
    fraction = study.events.core_fraction or GAUSSIAN_FWHM_FRACTION
    said, both = [], []
    for part, some in (("selection", parts.split.selection), ("test", parts.split.test)):
        inputs = task.inputs[some].reshape(-1, task.n_in)
        found = predict(trained, data.scaling, inputs, task.input_format, task.output_format)
        times = found.reshape(-1, 2) + coarse[some]
        residual = 1000.0 * (times[:, 0] - times[:, 1] - task.targets[some])
        said.append(f"{part} {central_width(residual, fraction):.1f} ps")
        both.append(residual - np.median(residual))
    width = fwhm(np.concatenate(both), study.statistics.bin_ps)
    sys.stdout.write(f"{len(rows):,} coincidences: {', '.join(said)}, FWHM {width:.1f} ps\n")


if __name__ == "__main__":
    main()
