"""Faces: Fresnel, facets and reflectors against formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from numba import njit
from scipy import stats

from pulsefront.detector import Surface
from pulsefront.simulate.light.surfaces import (
    ABSORBED,
    ESCAPED,
    INSIDE,
    Face,
    face_of,
    facet,
    fresnel_reflectance,
    lambertian,
    meet_surface,
)
from pulsefront.simulate.records import record_array
from pulsefront.simulate.run.random import new_state
from strategies_detector import BARE, FOIL, GROUND_WITH_TEFLON, cosines, refractive_indices

COUNT = 100_000


@njit
def many(
    state: np.ndarray, a: float, b: float, c: float, index: float, face: Face, count: int
) -> tuple[np.ndarray, np.ndarray]:
    status, out = np.empty(count, np.int64), np.empty((count, 3))
    for i in range(count):
        status[i], out[i, 0], out[i, 1], out[i, 2] = meet_surface(state, a, b, c, index, face)
    return status, out


@njit
def many_facets(state: np.ndarray, sigma: float, count: int) -> np.ndarray:
    out = np.empty((count, 3))
    for i in range(count):
        out[i] = facet(state, sigma)
    return out


@njit
def many_lambertian(state: np.ndarray, count: int) -> np.ndarray:
    out = np.empty((count, 3))
    for i in range(count):
        out[i] = lambertian(state)
    return out


def meet(surface: Surface, angle_deg: float, index: float = 1.82) -> tuple[np.ndarray, np.ndarray]:
    state = new_state(np.random.SeedSequence(4))
    angle = math.radians(angle_deg)
    (face,) = record_array(Face, [face_of(surface)])
    return many(state, math.sin(angle), 0.0, math.cos(angle), index, face, COUNT)


@given(n1=refractive_indices, n2=refractive_indices, cosine=cosines)
def test_reflectance_is_a_probability_and_the_same_from_both_sides(
    n1: float, n2: float, cosine: float
) -> None:
    there = fresnel_reflectance(n1, n2, cosine)
    assert 0.0 <= there <= 1.0 + 1e-12
    sine = n1 / n2 * math.sqrt(1 - cosine**2)
    if sine < 0.999:
        back = fresnel_reflectance(n2, n1, math.sqrt(1 - sine**2))
        assert back == pytest.approx(there, abs=1e-9)
    elif sine > 1.0:
        assert there == 1.0


def test_reflectance_at_normal_incidence_and_at_brewsters_angle() -> None:
    assert fresnel_reflectance(1.82, 1.0, 1.0) == pytest.approx((0.82 / 2.82) ** 2)
    brewster = math.atan(1.0 / 1.82)
    senkrecht = math.sin(brewster - (math.pi / 2 - brewster)) ** 2
    assert fresnel_reflectance(1.82, 1.0, math.cos(brewster)) == pytest.approx(senkrecht / 2)


def test_a_bare_polished_face_reflects_by_fresnel_and_lets_the_rest_out() -> None:
    status, out = meet(BARE, 20.0)
    share = (status == INSIDE).mean()
    expected = fresnel_reflectance(1.82, 1.0, math.cos(math.radians(20)))
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / COUNT)
    assert set(np.unique(status)) == {INSIDE, ESCAPED}
    np.testing.assert_allclose(
        out[status == INSIDE].mean(axis=0),
        [math.sin(math.radians(20)), 0, -math.cos(math.radians(20))],
        atol=1e-12,
    )


def test_beyond_the_critical_angle_everything_is_reflected_also_by_a_foil_behind_air() -> None:
    for surface in (BARE, FOIL):
        status, _ = meet(surface, 40.0)
        assert (status == INSIDE).all()


def test_a_foil_behind_air_loses_its_absorption_only_on_what_leaves_the_crystal() -> None:
    status, _ = meet(FOIL, 0.0)
    r = fresnel_reflectance(1.82, 1.0, 1.0)
    rho = 0.98
    # Light in the gap goes to and fro until it is absorbed or back: a geometric series.
    inside = r + (1 - r) ** 2 * rho / (1 - r * rho)
    assert abs((status == INSIDE).mean() - inside) < 4 * math.sqrt(inside * (1 - inside) / COUNT)
    assert set(np.unique(status)) == {INSIDE, ABSORBED}


def test_paint_in_contact_reflects_diffusely_with_its_reflectivity() -> None:
    paint = Surface(reflector="diffuse", reflectivity=0.9, gap_index=None)
    status, out = meet(paint, 70.0)
    assert abs((status == INSIDE).mean() - 0.9) < 4 * math.sqrt(0.09 / COUNT)
    cosine = -out[status == INSIDE, 2]
    # Lambert: the squared cosine is uniform.
    assert stats.kstest(cosine**2, "uniform").pvalue > 0.01


def test_light_that_stays_inside_always_points_inside_with_length_one() -> None:
    for surface in (BARE, FOIL, GROUND_WITH_TEFLON):
        for angle in (0.0, 30.0, 60.0, 89.0):
            status, out = meet(surface, angle)
            stays = out[status == INSIDE]
            assert (stays[:, 2] < 0).all()
            np.testing.assert_allclose(np.linalg.norm(stays, axis=1), 1.0, atol=1e-9)


def test_facet_slopes_follow_the_unified_distribution() -> None:
    sigma = 0.2
    normals = many_facets(new_state(np.random.SeedSequence(6)), sigma, COUNT)
    alpha = np.arccos(normals[:, 2])
    grid = np.linspace(0, math.pi / 2, 20_001)
    density = np.sin(grid) * np.exp(-(grid**2) / (2 * sigma**2))
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    cumulative /= cumulative[-1]
    assert stats.kstest(alpha, lambda a: np.interp(a, grid, cumulative)).pvalue > 0.01


def test_lambertian_directions_have_uniform_squared_cosine() -> None:
    v = many_lambertian(new_state(np.random.SeedSequence(7)), COUNT)
    assert (v[:, 2] < 0).all()
    assert stats.kstest(v[:, 2] ** 2, "uniform").pvalue > 0.01


def test_back_scatter_returns_where_it_came_from() -> None:
    _, out = meet(Surface(specular_spike=0.0, back_scatter=1.0), 60.0)
    np.testing.assert_allclose(
        out[0], [-math.sin(math.radians(60)), 0, -math.cos(math.radians(60))]
    )
