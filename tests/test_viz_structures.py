"""Structures: the turning one and the picture that stands for it show the same, and bad input is named."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.distance import pdist

from tutorial_utils import viz
from tutorial_utils.viz.picture import view_angle, view_rotation

ALT = "The error falls to 0.1 eV/Å with 100 geometries"


def svg(shown: viz.Structure) -> ElementTree.Element:
    return ElementTree.fromstring(shown.picture)


def marks(shown: viz.Structure, name: str) -> list[ElementTree.Element]:
    return svg(shown).findall(f".//{{http://www.w3.org/2000/svg}}{name}")


def test_the_picture_shows_what_the_viewer_shows():
    shown = viz.structure(molecule("H2O"), vectors=np.eye(3), tensors=np.eye(3), labels="element")
    assert len(marks(shown, "circle")) == 3
    assert len(marks(shown, "line")) == 2 + 3  # bonds and shafts
    assert len(marks(shown, "ellipse")) == 1
    assert [mark.text for mark in marks(shown, "text")].count("H") == 2
    assert shown.commands.count("addArrow") == 3
    assert shown.commands.count("ellipsoid(") == 1
    page = shown.html(ALT)
    source = re.search(r'src="data:image/svg\+xml,([^"]*)"', page)[1]
    ElementTree.fromstring(unquote(source))


def test_the_picture_lies_within_its_frame():
    shown = viz.structure(bulk("Si", cubic=True), vectors=[5.0, 5, 5], vector_scale=1)
    x, y, width, height = map(float, svg(shown).attrib["viewBox"].split())
    for mark in marks(shown, "line"):
        for end in ("1", "2"):
            assert x <= float(mark.attrib[f"x{end}"]) <= x + width
            assert y <= float(mark.attrib[f"y{end}"]) <= y + height


def test_the_view_is_a_rotation_that_looks_at_z_upright():
    R = view_rotation()
    assert np.allclose(R @ R.T, np.eye(3))
    assert np.linalg.det(R) == pytest.approx(1)
    up = R @ [0, 0, 1]
    assert up[1] > 0.8
    assert abs(up[0]) < 1e-12


def test_no_atom_of_a_small_molecule_hides_another():
    """Ammonia, whichever way it stands: a fixed view hides one hydrogen in some of them."""
    hidden, seen = [], []
    for angle in range(0, 120, 5):
        atoms = molecule("NH3")
        atoms.rotate(angle, "z")
        for found, R in ((hidden, view_rotation()), (seen, view_rotation(view_angle(atoms)))):
            found.append(pdist((atoms.positions @ R.T)[:, :2]).min())
    assert min(hidden) < 0.1 and min(seen) > 0.35  # Å between centres
    assert view_angle(bulk("Si", cubic=True)) == -40


@pytest.mark.parametrize("seed", range(5))
def test_an_ellipse_outlines_its_ellipsoid(seed):
    """No point of {T n} lies outside the drawn ellipse, and some lie on it."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(3, 3))
    T = A + A.T
    shown = viz.structure(Atoms("H"), tensors=T, tensor_scale=1.0)
    ellipse = marks(shown, "ellipse")[0].attrib
    rx, ry = float(ellipse["rx"]) / 60, float(ellipse["ry"]) / 60
    turn = np.radians(-float(re.search(r"rotate\(([-\d.]+)\)", ellipse["transform"])[1]))
    n = rng.normal(size=(20_000, 3))
    points = (n / np.linalg.norm(n, axis=1, keepdims=True)) @ (view_rotation() @ T).T[:, :2]
    along = points @ [np.cos(turn), np.sin(turn)]
    across = points @ [-np.sin(turn), np.cos(turn)]
    assert ((along / rx) ** 2 + (across / ry) ** 2).max() == pytest.approx(1, abs=0.05)


def test_arrows_without_a_scale_are_at_most_as_long_as_said():
    field = viz.structure(molecule("H2O"), vectors=np.array([[0, 0, 1e-5], [0, 1e-6, 0], [0, 0, 0]])).fields[
        0
    ]
    assert np.linalg.norm(field.values, axis=-1).max() == pytest.approx(1.8)
    fixed = viz.structure(molecule("H2O"), vectors=np.ones((3, 3)), vector_scale=0.1).fields[0]
    assert np.allclose(fixed.values, 0.1)


def test_one_scale_holds_for_all_frames_and_names():
    frames = [molecule("H2O")] * 2
    shown = viz.structure(frames, vectors={"a": [[0, 0, 1], [0, 0, 2]], "b": [[1, 0, 0], [0, 0, 0]]})
    a, b = shown.fields
    assert a.values[1, 0, 2] == pytest.approx(2 * a.values[0, 0, 2]) == pytest.approx(2 * b.values[0, 0, 0])
    assert a.color != b.color


def test_a_single_vector_starts_at_the_centre_and_one_for_each_atom_on_it():
    water = molecule("H2O")
    assert np.allclose(
        viz.structure(water, vectors=[0, 0, 1.0]).fields[0].points, water.positions.mean(axis=0)
    )
    assert np.allclose(viz.structure(water, vectors=np.eye(3)).fields[0].points[0], water.positions)


def test_frames_bring_a_slider_with_their_names():
    frames = [molecule("H2O") for _ in range(3)]
    shown = viz.structure(frames, values=[0.0, 45.0, 90.0], label="turn", unit="°")
    assert shown.steps == ("0 °", "45 °", "90 °")
    page = shown.html(ALT)
    assert 'type="range" min="0" max="2"' in page
    assert 'aria-label="turn"' in page
    assert "range" not in viz.structure(molecule("H2O")).html(ALT).split("<script>")[0]
    moving = viz.structure(frames, playing=True).html(ALT).split("<script>")[0]
    assert "data-playing" in moving and "data-playing" not in page.split("<script>")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vectors": np.ones((2, 3))}, r"vectors must be finite, of shape \(3, 3\) or \(3\), got \(2, 3\)"),
        ({"vectors": [0, 0, np.nan]}, "vectors must be finite"),
        ({"tensors": np.ones(3)}, r"tensors must be finite, of shape \(3, 3, 3\) or \(3, 3\), got \(3,\)"),
        ({"labels": ["O"]}, "labels must hold one text for each of the 3 atoms, got 1"),
        ({"labels": "name"}, "labels must be 'element', 'index'"),
        ({"style": "cartoon"}, "style must be one of ball-and-stick, stick, sphere, got 'cartoon'"),
        ({"values": [1, 2]}, "values must have one entry for each of the 1 frames, got 2"),
    ],
)
def test_what_does_not_fit_a_structure_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        viz.structure(molecule("H2O"), **arguments)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        ([], "a list of at least one"),
        (Atoms(), "the structure has no atoms"),
        ([molecule("H2O"), "H2O"], "expected an ase.Atoms, got str"),
    ],
)
def test_no_structure_is_refused(atoms, message):
    with pytest.raises(ValueError, match=message):
        viz.structure(atoms)


def test_frames_of_different_atoms_are_refused():
    with pytest.raises(ValueError, match="same elements in the same order"):
        viz.structure([molecule("H2O"), molecule("CO2")])
