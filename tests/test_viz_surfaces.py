"""Surfaces around atoms are closed, look outwards and lie where the function has its value."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from tutorial_utils import viz
from tutorial_utils.viz.display import compact

ORIGIN, SPACING = np.array([-2.0, -2.5, -2.2]), 0.2
GRID = np.stack(np.meshgrid(*[o + SPACING * np.arange(25) for o in ORIGIN], indexing="ij"), -1)


def ball(centre=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Minus the distance from the centre."""
    return -np.linalg.norm(GRID - centre, axis=-1)


def volume(mesh: viz.Mesh) -> float:
    """By Gauss's theorem; negative if the triangles look inside."""
    a, b, c = (mesh.vertices[mesh.triangles[:, n]] for n in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.fixture
def sphere() -> viz.Mesh:
    return viz.level_set(ball(), -1.5, origin=ORIGIN, spacing=SPACING)


def test_vertices_lie_on_the_surface(sphere: viz.Mesh) -> None:
    assert np.linalg.norm(sphere.vertices, axis=1) == pytest.approx(1.5, abs=0.01)


def test_the_surface_is_closed_and_looks_outwards(sphere: viz.Mesh) -> None:
    assert volume(sphere) == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.02)
    edges = np.concatenate([sphere.triangles[:, [n, (n + 1) % 3]] for n in range(3)])
    there = {tuple(edge) for edge in edges}
    assert len(there) == len(edges)
    assert {(b, a) for a, b in there} == there  # each edge is passed once in each direction
    vertices, faces = len(np.unique(edges)), len(sphere.triangles)
    assert vertices - len(edges) // 2 + faces == 2  # Euler: one sphere, no hole


def test_a_hollow_looks_outwards_too() -> None:
    """Inside is where f is higher: around a hole that is outside the sphere."""
    hole = viz.level_set(-ball(), 1.5, origin=ORIGIN, spacing=SPACING)
    assert volume(hole) == pytest.approx(-4 / 3 * np.pi * 1.5**3, rel=0.02)


def test_two_bodies_have_two_surfaces() -> None:
    two = np.maximum(ball((-1, -1, 0)), ball((1, 1, 0)))
    mesh = viz.level_set(two, -0.7, origin=ORIGIN, spacing=SPACING)
    assert volume(mesh) == pytest.approx(2 * 4 / 3 * np.pi * 0.7**3, rel=0.06)


def test_a_figure_with_colours_and_one_with_numbers(sphere: viz.Mesh) -> None:
    water = molecule("H2O")
    water.positions *= 1.1  # hot bonds are bonds too
    plain = viz.surfaces(water, {"gain": (sphere, "blue"), "loss": (sphere, "vermillion")})
    assert [trace.name for trace in plain.data if trace.type == "mesh3d"] == ["gain", "loss"]
    bonds = plain.data[0]
    assert bonds.x.count(None) == 2
    numbers = viz.surfaces(water, {"potential": (sphere, sphere.vertices[:, 2])}, unit="V")
    trace = numbers.data[-1]
    assert trace.cmax == -trace.cmin == pytest.approx(1.5, abs=0.02)
    assert trace.colorbar.title.text == "potential, V"
    weight = len(str([compact(trace.to_plotly_json()) for trace in numbers.data]))
    assert weight < 150_000
    assert len(viz.surfaces(Atoms("O"), {}).data) == 2


@pytest.mark.parametrize(("values", "level"), [(ball(), 1.0), (ball()[0], -1.0), (ball(), -100.0)])
def test_what_cannot_be_drawn_is_refused(values, level) -> None:
    with pytest.raises(ValueError, match="level must lie between"):
        viz.level_set(values, level)
