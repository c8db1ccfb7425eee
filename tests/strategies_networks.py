"""Small synthetic detectors for the tests of networks and search: no simulation needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def light_response(
    events: int, *, channels: int = 8, seed: int = 0, photons: float = 1500.0
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return counts (event, channels²) and positions (event, xyz) of a toy monolithic crystal.

    Each photosensor sees the solid angle of an isotropic flash at (x, y, depth) in a
    50×50×16 mm block; photon numbers are Poisson.
    """
    random = np.random.default_rng(seed)
    position = _positions(random, events)
    share = _light_shares(position, channels)
    energy = random.normal(1.0, 0.04, (events, 1))
    counts = random.poisson(photons * 4 * share * energy + 2.0)
    return np.clip(counts, 0, 4095).astype(np.uint16), position


def light_and_energy(
    events: int, *, seed: int = 0
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return counts (event, 64) as of `light_response`, and x, y, depth in mm and energy in keV."""
    random = np.random.default_rng(seed)
    position = _positions(random, events)
    energy_kev = random.uniform(200.0, 600.0, (events, 1))
    counts = random.poisson(12.0 * energy_kev * _light_shares(position, 8) + 2.0)
    targets = np.concatenate([position, energy_kev], axis=1)
    return np.clip(counts, 0, 4095).astype(np.uint16), targets


def _positions(random: np.random.Generator, events: int) -> NDArray[np.float64]:
    return np.stack(
        [
            random.uniform(-23, 23, events),
            random.uniform(-23, 23, events),
            np.minimum(random.exponential(11.5, events), 15.0),
        ],
        axis=1,
    )


def _light_shares(position: NDArray[np.float64], channels: int) -> NDArray[np.float64]:
    """Return the share of an isotropic flash that each of channels² photosensors sees."""
    pitch = 50.0 / channels
    centre = (np.arange(channels) - (channels - 1) / 2) * pitch
    x = np.tile(centre, channels)
    y = np.repeat(centre, channels)
    height = 17.0 - position[:, 2:3]
    squared = (position[:, :1] - x) ** 2 + (position[:, 1:2] - y) ** 2 + height**2
    share: NDArray[np.float64] = pitch**2 * height / (4 * np.pi * squared**1.5)
    return share


@dataclass(frozen=True)
class Coincidences:
    """Aligned windows (event, 2, sample), coarse times (event, 2), known difference, all in ns."""

    windows: NDArray[np.uint16]
    coarse_ns: NDArray[np.float64]
    known_ns: NDArray[np.float64]
    offset: NDArray[np.int64]


def coincidences(
    events: int, *, samples: int = 12, seed: int = 0, interval_ns: float = 1.0
) -> Coincidences:
    """Return digitized bi-exponential pulses of a toy pair with a source at 9 offsets."""
    random = np.random.default_rng(seed)
    offset = random.integers(-4, 5, events)
    known = offset * 0.0667 * 2
    start = random.uniform(0.0, interval_ns, events) + 20.0 * interval_ns
    arrival = np.stack([start + known / 2, start - known / 2], axis=1)
    arrival += random.normal(0.0, 0.03, arrival.shape)
    grid = np.arange(48) * interval_ns
    since = np.clip(grid - arrival[..., None], 0.0, None)
    energy = random.normal(1.0, 0.05, (events, 2, 1))
    pulse = energy * (np.exp(-since / 40.0) - np.exp(-since / 3.0)) * 3000.0
    pulse = pulse + random.normal(0.0, 6.0, pulse.shape) + 200.0
    counts = np.clip(np.round(pulse), 0, 4095).astype(np.uint16)
    above = (counts > 400).argmax(-1)
    first = above - samples // 3
    windows = np.take_along_axis(counts, first[..., None] + np.arange(samples), axis=-1)
    return Coincidences(windows, above * interval_ns, known, offset)


def scattered_array(
    events: int, *, rows: int = 8, columns: int = 8, seed: int = 0
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return counts (event, rows · columns) and the crystal of first interaction (event,).

    A toy array of 3 mm crystals, one photosensor each: four in ten gamma rays of 511 keV scatter
    once, with the recoil energies of Klein and Nishina (1929), and are absorbed a few crystals
    further; one count is 0.25 keV, resolution 12 % FWHM at 511 keV, 2 % of the light crosses to
    each of the four neighbours.
    """
    random = np.random.default_rng(seed)
    first = np.stack([random.integers(2, n - 2, events) for n in (rows, columns)], 1)
    cosine = random.uniform(-1, 1, 8 * events)
    ratio = 1.0 / (2.0 - cosine)
    chance = ratio**2 * (ratio + 1.0 / ratio - 1.0 + cosine**2) / 2.0
    cosine = cosine[random.uniform(0, 1, len(cosine)) < chance][:events]
    left = 511.0 / (2.0 - cosine)
    # A softer gamma ray is absorbed sooner; across the axis it moves by the sine of its angle.
    path = random.exponential(4.0 * (left / 300.0) ** 1.5)
    across = path * np.sqrt(1.0 - cosine**2)
    turn = random.uniform(0, 2 * np.pi, events)
    move = np.stack([across * np.cos(turn), across * np.sin(turn)], 1) / 3.0
    second = np.clip(np.rint(first + move), 0, (rows - 1, columns - 1)).astype(int)
    scatters = random.uniform(0, 1, events) < 0.4
    deposit = np.zeros((events, rows, columns))
    place = np.arange(events)
    deposit[place, first[:, 0], first[:, 1]] = np.where(scatters, 511.0 - left, 511.0)
    deposit[place, second[:, 0], second[:, 1]] += np.where(scatters, left, 0.0)
    padded = np.pad(deposit, ((0, 0), (1, 1), (1, 1)))
    beside = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
    light = 0.92 * deposit + 0.02 * beside
    light = light + random.normal(0, 1, light.shape) * 26.0 * np.sqrt(light / 511.0)
    counts = np.clip(np.rint(4.0 * light + random.normal(0, 8, light.shape)), 0, 4095)
    return counts.reshape(events, -1).astype(np.uint16), first[:, 0] * columns + first[:, 1]
