"""A head for the error, trained with the network or beside the finished one: costs and worth.

    python tests/benchmarks/joint_head.py RUN [--seeds 1 2 3] [--events 100000]

RUN is the directory of a finished position study; it is only read. Float networks of the study's
shape are trained on the same events from the same seeds: alone, and with one more output for the
quantile of the error, whose loss weighs a tenth of that of the position or as much. Beside the
first a head of 16 nodes is trained afterwards. Told on selection events: median error, and by how
much it falls where the head keeps 70 % of them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.position.data import truth_mm
from pulsefront.studies.load import load_study

EPOCHS, BATCH, RATE = 12, 1024, 4e-3
QUANTILE, KEPT = 0.5, 0.7
NODES = 16


def trained(parameters, loss, events: int, seed: int, epochs: int = EPOCHS) -> None:
    """Minimize *loss* of minibatches under a one-cycle rate."""
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    steps = epochs * (events // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(events, generator=random)
    for step in range(steps):
        start = step % (events // BATCH) * BATCH
        if start == 0:
            order = torch.randperm(events, generator=random)
        optimizer.zero_grad()
        loss(order[start : start + BATCH]).backward()
        optimizer.step()
        schedule.step()


def quantile_loss(told: torch.Tensor, errors: torch.Tensor) -> torch.Tensor:
    """Return the mean quantile loss of what is *told* of *errors*."""
    off = told - errors
    return torch.maximum(-QUANTILE * off, (1 - QUANTILE) * off).mean()


def main() -> None:
    """Train and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--events", type=int, default=100_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    study = load_study(given.run / "study.toml")[0]
    kind, folders = kind_of(study), RunFolders(given.run / "steps")
    parts = read_split(folders)
    labels = kind.learning_task(parts, folders).targets
    chosen = np.random.default_rng(0).permutation(parts.split.train)[: given.events]
    rows = (chosen, parts.split.selection)
    events = [parts.events.select(one) for one in rows]
    raw = [kind.network_inputs(one).astype(np.float32) for one in events]
    mean, scale = raw[0].mean(0), np.maximum(raw[0].std(0), 0.1 * raw[0].std(0).max())
    inputs = [torch.from_numpy((one - mean) / scale) for one in raw]
    target = torch.from_numpy(labels[rows[0]].astype(np.float32))
    truth = [torch.from_numpy(truth_mm(one).astype(np.float32)) for one in events]
    middle, spread = target.mean(0), target.std(0)
    weights = torch.tensor(study.loss.output_weights or (1.0,) * target.shape[1])
    cauchy = study.loss.cauchy or 1.0
    first, second = study.search.network.hidden

    def position_loss(mm: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        off = (mm - target[batch]) / spread
        return torch.log1p((off.square() * weights).sum(1) / cauchy**2).mean()

    def told(name: str, seed: int, errors: torch.Tensor, scores: torch.Tensor) -> None:
        kept = errors[scores.argsort()[: round(KEPT * len(errors))]]
        fall = 100 * (1 - kept.median() / errors.median())
        sys.stdout.write(
            f"seed {seed}, {name}: median error {errors.median():.4f} mm, falls by {fall:.1f} %\n"
        )
        sys.stdout.flush()

    for seed in given.seeds:
        for weight in (0.0, 0.1, 1.0):
            torch.manual_seed(seed)
            outputs = target.shape[1] + (weight > 0)
            lower = nn.Sequential(nn.Linear(inputs[0].shape[1], first), nn.ReLU())
            upper = nn.Sequential(nn.Linear(first, second), nn.ReLU(), nn.Linear(second, outputs))

            def loss(batch: torch.Tensor, lower=lower, upper=upper, weight=weight) -> torch.Tensor:
                found = upper(lower(inputs[0][batch]))
                mm = found[:, : target.shape[1]] * spread + middle
                total = position_loss(mm, batch)
                if weight:
                    errors = (mm.detach() - truth[0][batch]).norm(dim=1)
                    total = total + weight * quantile_loss(found[:, -1] + 1.0, errors)
                return total

            trained([*lower.parameters(), *upper.parameters()], loss, len(target), seed)
            with torch.no_grad():
                hidden = [lower(one) for one in inputs]
                found = [upper(one) for one in hidden]
                errors = [
                    (one[:, : target.shape[1]] * spread + middle - true).norm(dim=1)
                    for one, true in zip(found, truth, strict=True)
                ]
            if weight:
                told(f"with a head of weight {weight:g}", seed, errors[1], found[1][:, -1])
                continue
            head = nn.Sequential(nn.Linear(first, NODES), nn.ReLU(), nn.Linear(NODES, 1))
            trained(
                head.parameters(),
                lambda batch, head=head, hidden=hidden, errors=errors: quantile_loss(
                    head(hidden[0][batch])[:, 0] + 1.0, errors[0][batch]
                ),
                len(target),
                seed,
            )
            with torch.no_grad():
                told("a head beside the finished one", seed, errors[1], head(hidden[1])[:, 0])


if __name__ == "__main__":
    main()
