"""What is read off trajectories, against cases with a known answer."""

import math

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from tutorial_utils.molecular_dynamics import analysis


def test_rdf_of_an_ideal_gas_is_one(rng):
    gas = [Atoms("Ar200", positions=rng.random((200, 3)) * 8, cell=[8, 8, 8], pbc=True) for _ in range(40)]
    r, g = analysis.rdf(gas, 10.0, bins=20)
    assert r[0] == pytest.approx(0.25)
    np.testing.assert_allclose(g[4:], 1.0, atol=0.05)


def test_rdf_counts_the_neighbours_of_a_crystal():
    copper = bulk("Cu", a=3.61)
    r, g = analysis.rdf([copper], 3.1, bins=300)
    width = r[1] - r[0]
    shells = 4 / 3 * np.pi * ((r + width / 2) ** 3 - (r - width / 2) ** 3)
    assert (g * shells).sum() / copper.get_volume() == pytest.approx(12)
    assert r[g > 0] == pytest.approx([3.61 / 2**0.5], abs=width)


def test_rdf_refuses_a_cluster():
    with pytest.raises(ValueError, match="periodic in all directions"):
        analysis.rdf([Atoms("Cu")], 3.0)


def test_msd_of_free_flight_and_of_a_random_walk(rng):
    velocity = rng.normal(size=(50, 3))
    velocity -= velocity.mean(axis=0)
    flight = [Atoms("Cu50", positions=t * velocity) for t in range(20)]
    t = np.arange(11)
    np.testing.assert_allclose(analysis.msd(flight), t**2 * np.square(velocity).sum(axis=1).mean())

    steps = rng.normal(size=(400, 300, 3)).cumsum(axis=0)
    walk = analysis.msd([Atoms("Cu300", positions=x) for x in steps])
    np.testing.assert_allclose(walk[:20], 3 * np.arange(20), rtol=0.05)


def test_a_drifting_crystal_does_not_diffuse():
    copper = bulk("Cu", cubic=True)
    frames = []
    for t in range(10):
        frames.append(copper.copy())
        frames[-1].translate([0.3 * t, 0, 0])
    np.testing.assert_allclose(analysis.msd(frames), 0, atol=1e-20)


def oscillators(masses, frequencies, spacing, frames):
    """Atoms that swing with the same kinetic energy, at frequencies in THz."""
    trajectory = []
    for t in np.arange(frames) * spacing:
        atoms = Atoms("H" * len(masses), positions=np.zeros((len(masses), 3)), masses=masses)
        phase = np.cos(2 * np.pi * np.asarray(frequencies) * t)
        atoms.set_velocities(np.outer(phase / np.sqrt(masses), [1, 0, 0]))
        trajectory.append(atoms)
    return trajectory


def test_vibrational_dos_peaks_at_the_frequencies_whatever_the_masses():
    f, g = analysis.vibrational_dos(oscillators([1.0, 16.0], [12.0, 3.0], 0.005, 2000), 0.005)
    assert g.sum() * f[1] == pytest.approx(1)
    assert f[g.argmax()] in (pytest.approx(3.0, abs=0.1), pytest.approx(12.0, abs=0.1))
    low, high = g[(f > 2) & (f < 4)].sum(), g[(f > 11) & (f < 13)].sum()
    assert low == pytest.approx(high, rel=1e-3)
    assert (low + high) * f[1] == pytest.approx(1, abs=1e-3)


def test_vibrational_dos_needs_velocities():
    with pytest.raises(ValueError, match="velocities"):
        analysis.vibrational_dos([bulk("Cu")] * 4, 0.01)


@pytest.mark.parametrize("shift", [0.0, 0.4, 3.0])
def test_total_variation_of_two_gaussian_lines_is_an_error_function(shift):
    f = np.arange(0, 40, 0.01)
    g, h = (np.exp(-((f - centre) ** 2) / 2) / np.sqrt(2 * np.pi) for centre in (18, 18 + shift))
    assert analysis.total_variation(g, h, 0.01) == pytest.approx(math.erf(shift / 8**0.5), abs=1e-4)


def test_total_variation_refuses_what_is_no_density():
    f, g = analysis.vibrational_dos(oscillators([1.0], [5.0], 0.01, 400), 0.01)
    with pytest.raises(ValueError, match="second: its integral is 2"):
        analysis.total_variation(g, 2 * g, f[1])
    with pytest.raises(ValueError, match="second: expected"):
        analysis.total_variation(g, g[1:], f[1])


def test_conservation_tells_drift_from_fluctuation():
    time = np.linspace(0, 10, 2001)
    wave = 0.002 * np.sin(2 * np.pi * 7 * time)
    found = analysis.conservation(time, 10 * (0.001 * time + wave), atoms=10)
    assert found.drift == pytest.approx(0.001, rel=1e-2)
    assert found.fluctuation == pytest.approx(0.002 / 2**0.5, rel=1e-2)


def test_error_of_a_mean_is_right_for_independent_numbers(rng):
    """The spread of many means is what the error says."""
    samples = rng.normal(size=(400, 200))
    found = np.array([analysis.mean_and_error(x) for x in samples])
    assert np.sqrt(np.mean(found[:, 1] ** 2)) == pytest.approx(found[:, 0].std(), rel=0.12)


def test_blocks_see_what_single_steps_hide(rng):
    slow = np.repeat(rng.normal(size=10), 100)
    naive = slow.std() / len(slow) ** 0.5
    assert analysis.mean_and_error(slow)[1] > 5 * naive


def circle(points):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)[:, None] * 0.3 + 1.5


def test_loop_work_is_zero_for_a_gradient_and_an_area_for_a_curl():
    def morse(x):
        r = np.linalg.norm(x, axis=1, keepdims=True)
        decay = np.exp(-(r - 1.2))
        return -2 * (1 - decay) * decay * x / r

    assert abs(analysis.loop_work(morse, circle(200))) < 1e-10 * units.Hartree

    def whirl(x):
        return np.stack([-x[:, 1], x[:, 0], 0 * x[:, 0]], axis=1)

    assert analysis.loop_work(whirl, circle(200)) == pytest.approx(2 * np.pi * 0.3**2, rel=1e-3)


def test_wrapped_positions_are_no_diffusion():
    """An atom that flies through its cell: unwrapped it goes as t²; wrapped it would seem to stay."""
    flight = [bulk("Cu", cubic=True) for _ in range(12)]
    for n, frame in enumerate(flight):
        frame.positions[0, 0] += 0.7 * n
    speed = 0.7**2 * (3 / 4) ** 2 / 4 + 3 * (0.7 / 4) ** 2 / 4  # seen from the centre of mass
    np.testing.assert_allclose(analysis.msd(flight), speed * np.arange(7) ** 2)
    for frame in flight:
        frame.wrap()
    with pytest.raises(
        ValueError, match=r"frames: atom 0 jumps .* of lattice vector 0 before frame 6: .*wrapped"
    ):
        analysis.msd(flight)


def test_what_is_no_trajectory_is_named():
    copper = bulk("Cu", cubic=True)
    moving = copper.copy()
    moving.set_velocities(np.ones((4, 3)))
    exchanged = [Atoms("HO", [[0, 0, 0], [0, 0, 1]]), Atoms("OH", [[0, 0, 0], [0, 0, 1]])]
    for act, message in (
        (lambda: analysis.msd(exchanged), "number 1 stand in another order"),
        (lambda: analysis.rdf([copper], -3.0), "cutoff, bins: expected"),
        (lambda: analysis.rdf([copper], 3.0, bins=0), "cutoff, bins: expected"),
        (lambda: analysis.vibrational_dos([moving] * 2, 0.01), "four frames or more"),
        (lambda: analysis.vibrational_dos([moving] * 8, -0.01), "a time above 0 ps"),
        (lambda: analysis.conservation(np.arange(3.0), np.ones(3), atoms=0), "atoms: expected"),
        (lambda: analysis.mean_and_error([1.0, 2.0], blocks=1), "blocks: expected 2 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            act()
