"""Runs Geant4's optical photons in a 50×50×16 mm block; a program of its own.

Geant4 keeps its state in globals, so that each geometry needs a fresh process::

    python geant4_block.py SURFACE PHOTONS SEED OUT.npz DEPTH_MM ...

SURFACE is bare, polished or ground. The result holds, for each depth, the pixel of every photon
that entered the n = 1.52 window behind the block (8×8 pixels, -1 elsewhere), and its time. Only
optical physics is active, which needs none of Geant4's data files.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.pop("CI", None)
_FOLDER = Path(tempfile.mkdtemp(prefix="geant4-data-"))
(_FOLDER / "ENSDFSTATE.dat").write_text("")
os.environ["GEANT4_DATA_DIR"] = str(_FOLDER)
os.environ["G4ENSDFSTATEDATA"] = str(_FOLDER)

from geant4_pybind import *  # noqa: E402, F403 - the binding is meant to be used like this

SIZE_MM = (50.0, 50.0, 16.0)
ENERGY_EV = (2.0, 4.0)
CRYSTAL_INDEX = 1.82
REFLECTIVITY = 0.98
ABSORPTION_MM = 200.0
GROUND_SIGMA_RAD = math.radians(12.0)


def vector(*values: float) -> G4doubleVector:  # noqa: F405
    return G4doubleVector(list(values))  # noqa: F405


def optical_material(name: str, index: float, absorption_mm: float) -> G4Material:  # noqa: F405
    material = G4Material(name, 71.0, 175.0 * g / mole, 7.1 * g / cm3)  # noqa: F405
    table = G4MaterialPropertiesTable()  # noqa: F405
    energies = vector(*(e * eV for e in ENERGY_EV))  # noqa: F405
    table.AddProperty("RINDEX", energies, vector(index, index))
    table.AddProperty("ABSLENGTH", energies, vector(absorption_mm * mm, absorption_mm * mm))  # noqa: F405
    # After a reflection Geant4 goes on with the speed of light of the far side. Giving all the
    # crystal's keeps the times meaningful: nothing but the crystal is crossed by light we count.
    speed = c_light / CRYSTAL_INDEX  # noqa: F405
    table.AddProperty("GROUPVEL", energies, vector(speed, speed))
    material.SetMaterialPropertiesTable(table)
    return material


class Block(G4VUserDetectorConstruction):  # noqa: F405
    def __init__(self, surface: str) -> None:
        super().__init__()
        self.surface = surface

    def Construct(self) -> G4VPhysicalVolume:  # noqa: F405
        vacuum = optical_material("Outside", 1.0, 1e9)
        lyso = optical_material("Crystal", CRYSTAL_INDEX, ABSORPTION_MM)
        # What enters the window is absorbed at once, and its track ends there.
        resin = optical_material("Resin", 1.52, 1e-6)
        none = G4ThreeVector()  # noqa: F405
        world = G4LogicalVolume(G4Box("world", 200 * mm, 200 * mm, 200 * mm), vacuum, "world")  # noqa: F405
        self.world = G4PVPlacement(None, none, world, "world", None, False, 0)  # noqa: F405
        x, y, z = (s / 2 * mm for s in SIZE_MM)  # noqa: F405
        crystal = G4LogicalVolume(G4Box("crystal", x, y, z), lyso, "crystal")  # noqa: F405
        at = G4ThreeVector(0, 0, z)  # noqa: F405
        self.crystal = G4PVPlacement(None, at, crystal, "crystal", world, False, 0)  # noqa: F405
        window = G4LogicalVolume(G4Box("window", x, y, 0.5 * mm), resin, "window")  # noqa: F405
        at = G4ThreeVector(0, 0, 2 * z + 0.5 * mm)  # noqa: F405
        self.window = G4PVPlacement(None, at, window, "window", world, False, 0)  # noqa: F405
        if self.surface != "bare":
            self.add_reflector()
        return self.world

    def add_reflector(self) -> None:
        rough = self.surface == "ground"
        finish = groundbackpainted if rough else polishedbackpainted  # noqa: F405
        face = G4OpticalSurface("face", unified, finish, dielectric_dielectric)  # noqa: F405
        face.SetSigmaAlpha(GROUND_SIGMA_RAD if rough else 0.0)
        table = G4MaterialPropertiesTable()  # noqa: F405
        energies = vector(*(e * eV for e in ENERGY_EV))  # noqa: F405
        for key, value in (
            ("REFLECTIVITY", REFLECTIVITY),
            ("RINDEX", 1.0),
            ("SPECULARLOBECONSTANT", 1.0 if rough else 0.0),
            ("SPECULARSPIKECONSTANT", 0.0 if rough else 1.0),
            ("BACKSCATTERCONSTANT", 0.0),
        ):
            table.AddProperty(key, energies, vector(value, value))
        face.SetMaterialPropertiesTable(table)
        self.face = face
        self.border = G4LogicalBorderSurface("border", self.crystal, self.world, face)  # noqa: F405


class OpticalOnly(G4VModularPhysicsList):  # noqa: F405
    def __init__(self) -> None:
        super().__init__()
        self.SetVerboseLevel(0)
        self.RegisterPhysics(G4OpticalPhysics())  # noqa: F405

    def ConstructParticle(self) -> None:
        # The charged ones are asked for by the kernel, though nothing makes them.
        for particle in (G4OpticalPhoton, G4Gamma, G4Electron, G4Positron, G4Proton):  # noqa: F405
            particle.Definition()

    def SetCuts(self) -> None:
        pass


class Source(G4VUserPrimaryGeneratorAction):  # noqa: F405
    """Isotropic, randomly polarized photons from a point; many to an event."""

    per_event = 500

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.gun = G4ParticleGun(1)  # noqa: F405
        self.gun.SetParticleDefinition(G4OpticalPhoton.Definition())  # noqa: F405
        self.gun.SetParticleEnergy(3.0 * eV)  # noqa: F405
        self.depth_mm = 8.0

    def GeneratePrimaries(self, event: G4Event) -> None:  # noqa: F405
        self.gun.SetParticlePosition(G4ThreeVector(0.0, 0.0, self.depth_mm * mm))  # noqa: F405
        for _ in range(self.per_event):
            v = self.rng.normal(size=3)
            v /= np.linalg.norm(v)
            p = np.cross(v, self.rng.normal(size=3))
            p /= np.linalg.norm(p)
            self.gun.SetParticleMomentumDirection(G4ThreeVector(*v))  # noqa: F405
            self.gun.SetParticlePolarization(G4ThreeVector(*p))  # noqa: F405
            self.gun.GeneratePrimaryVertex(event)


class Collect(G4UserTrackingAction):  # noqa: F405
    def __init__(self) -> None:
        super().__init__()
        self.pixel: list[int] = []
        self.time_ns: list[float] = []

    def PostUserTrackingAction(self, track: G4Track) -> None:  # noqa: F405
        volume = track.GetVolume()
        if volume is None or volume.GetName() != "window":
            return
        at = track.GetPosition()
        ix, iy = (math.floor((u / mm + 25.0) / 6.25) for u in (at.x, at.y))  # noqa: F405
        self.pixel.append(iy * 8 + ix if 0 <= ix < 8 and 0 <= iy < 8 else -1)
        self.time_ns.append(track.GetGlobalTime() / ns)  # noqa: F405


class Actions(G4VUserActionInitialization):  # noqa: F405
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def Build(self) -> None:
        self.source, self.collect = Source(self.seed), Collect()
        self.SetUserAction(self.source)
        self.SetUserAction(self.collect)


def main(surface: str, photons: int, seed: int, out: str, depths_mm: list[float]) -> None:
    G4Random.setTheSeed(seed)  # noqa: F405
    manager = G4RunManagerFactory.CreateRunManager(G4RunManagerType.Serial)  # noqa: F405
    manager.SetUserInitialization(Block(surface))
    manager.SetUserInitialization(OpticalOnly())
    actions = Actions(seed)
    manager.SetUserInitialization(actions)
    manager.Initialize()
    result: dict[str, np.ndarray] = {}
    for number, depth in enumerate(depths_mm):
        actions.source.depth_mm = depth
        actions.collect.pixel, actions.collect.time_ns = [], []
        start = time.thread_time()
        manager.BeamOn(photons // Source.per_event)
        result[f"seconds_{number}"] = np.array(time.thread_time() - start)
        result[f"pixel_{number}"] = np.array(actions.collect.pixel, np.int32)
        result[f"time_ns_{number}"] = np.array(actions.collect.time_ns)
    np.savez(out, **result)


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        sys.argv[4],
        [float(a) for a in sys.argv[5:]],
    )
