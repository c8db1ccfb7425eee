"""Two detectors that face each other as a scanner in the terms of PETSIRD.

The axis from side 0 to side 1 is x of the gantry, its origin the middle; y and z are x and y of the
detector of side 1, and side 0 is turned by 180° about z. Elements are boxes where the detector's
file has them. Efficiencies are not known: all are 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.events.light import LIGHT_MM_PER_NS

__all__ = ["LIGHT_MM_PER_PS", "PairBins", "header_of"]

LIGHT_MM_PER_PS = LIGHT_MM_PER_NS / 1e3
MOST_EFFICIENCIES = 512
"""Detection bins of a module from which its pairs' efficiencies, all 1, are left out: they would
take more room than the events."""

CRYSTAL = 1
"""Number of the first material."""


@dataclass(frozen=True)
class PairBins:
    """Edges of the bins, as the float32 that the file holds.

    Attributes
    ----------
    energy_kev
        (bin + 1,) of either side.
    tof_mm
        (bin + 1,) of (t₁ − t₀)·c/2: side 1 stands first.
    """

    energy_kev: NDArray[np.float32]
    tof_mm: NDArray[np.float32]

    @property
    def energies(self) -> int:
        """Return the number of energy bins."""
        return len(self.energy_kev) - 1


def header_of(
    detectors: tuple[Detector, Detector],
    bins: PairBins,
    *,
    distance_mm: float,
    ctr_fwhm_ps: float,
    energy_resolution: float,
    only_pairs: bool,
) -> Any:
    """Return the header, a `petsird.Header`.

    Equal detectors are two modules of one type, others one module each of two types.

    Parameters
    ----------
    distance_mm
        Between the entrance faces.
    energy_resolution
        FWHM at 511 keV, as a share of it.
    only_pairs
        Whether hits with several partners were left out.
    """
    import petsird

    first, second = detectors
    alike = second is first or second == first
    placed = [_side_0(distance_mm), _side_1(distance_mm)]
    groups = [(first, placed)] if alike else [(first, placed[:1]), (second, placed[1:])]
    types = len(groups)
    tof = petsird.BinEdges(edges=bins.tof_mm)
    energy = petsird.BinEdges(edges=bins.energy_kev)
    policy = petsird.CoincidencePolicy
    scanner = petsird.ScannerInformation(
        model_name=first.name if alike else f"{first.name} and {second.name}",
        scanner_geometry=petsird.ScannerGeometry(
            replicated_modules=[
                petsird.ReplicatedDetectorModule(
                    object=_module(detector, CRYSTAL + number),
                    transforms=[petsird.RigidTransformation(matrix=m) for m in matrices],
                )
                for number, (detector, matrices) in enumerate(groups)
            ]
        ),
        bulk_materials=[
            _material(detector, CRYSTAL + number) for number, (detector, _) in enumerate(groups)
        ],
        collimator_type="NONE",
        tof_bin_edges=[[tof] * (i + 1) for i in range(types)],
        tof_resolution=[[ctr_fwhm_ps * LIGHT_MM_PER_PS / 2] * (i + 1) for i in range(types)],
        event_energy_bin_edges=[energy] * types,
        energy_resolution_at_511=[energy_resolution] * types,
        prompt_event_policy=policy.REJECT_HIGHER_MULTIPLES if only_pairs else policy.OTHER,
        detection_efficiencies=_efficiencies(groups, bins.energies),
    )
    return petsird.Header(scanner=scanner)


def _side_1(distance_mm: float) -> NDArray[np.float32]:
    """Return how a place in a detector, whose depth is its z, lies in the gantry."""
    return np.array([[0, 0, 1, distance_mm / 2], [1, 0, 0, 0], [0, 1, 0, 0]], np.float32)


def _side_0(distance_mm: float) -> NDArray[np.float32]:
    return np.array([[0, 0, -1, -distance_mm / 2], [-1, 0, 0, 0], [0, 1, 0, 0]], np.float32)


def _module(detector: Detector, material: int) -> Any:
    import petsird

    x, y, z = (size / 2 for size in detector.crystal.element_size_mm)
    # The order of corners of petsird's own examples: one face, then the one across.
    corners = [
        (-x, -y, 0), (-x, -y, 2 * z), (-x, y, 2 * z), (-x, y, 0),
        (x, -y, 0), (x, -y, 2 * z), (x, y, 2 * z), (x, y, 0),
    ]  # fmt: skip
    box = petsird.BoxShape(
        corners=[petsird.Coordinate(c=np.array(corner, np.float32)) for corner in corners]
    )
    still = np.eye(3, 4, dtype=np.float32)
    transforms = []
    for centre in detector.crystal.element_centres_mm:
        matrix = still.copy()
        matrix[:2, 3] = centre
        transforms.append(petsird.RigidTransformation(matrix=matrix))
    return petsird.DetectorModule(
        detecting_elements=petsird.ReplicatedBoxSolidVolume(
            object=petsird.BoxSolidVolume(shape=box, material_id=material), transforms=transforms
        )
    )


def _material(detector: Detector, number: int) -> Any:
    import petsird
    import xraydb

    material = detector.material
    counts = xraydb.chemparse(material.formula)
    masses = {name: xraydb.atomic_mass(name) * count for name, count in counts.items()}
    total = sum(masses.values())
    return petsird.BulkMaterial(
        id=number,
        name=material.name,
        density=material.density_g_cm3,
        atoms=[
            petsird.Atom(
                mass_number=round(xraydb.atomic_mass(name)),
                atomic_number=xraydb.atomic_number(name),
            )
            for name in counts
        ],
        mass_fractions=[mass / total for mass in masses.values()],
    )


def _efficiencies(groups: list[tuple[Detector, list[NDArray[np.float32]]]], energies: int) -> Any:
    """Return that all efficiencies are 1, and that only the two sides are in coincidence."""
    import petsird

    each = [detector.crystal.element_count * energies for detector, _ in groups]
    found = petsird.DetectionEfficiencies(
        method_description="not measured: all are 1",
        calibration_factor=1.0,
        detection_bin_efficiencies=[
            [1.0] * (count * len(matrices))
            for count, (_, matrices) in zip(each, groups, strict=True)
        ],
    )
    if max(each) > MOST_EFFICIENCIES:
        return found
    ones = petsird.ModulePairEfficiencies(values=[[1.0] * each[0]] * each[-1], sgid=0)
    if len(groups) == 1:
        found.module_pair_sgidlut = [[[[-1], [0, -1]]]]
        found.module_pair_efficiencies_vectors = [[[ones]]]
    else:
        found.module_pair_sgidlut = [[[[-1]]], [[[0]], [[-1]]]]
        found.module_pair_efficiencies_vectors = [[[]], [[ones], []]]
    return found
