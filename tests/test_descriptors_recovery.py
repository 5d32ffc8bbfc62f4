"""Geometry from invariants: it comes back; distances ignore what invariants ignore; ranks are predicted."""

import numpy as np
import pandas as pd
import pytest
import torch

from tutorial_utils import datasets, groups, symmetry
from tutorial_utils.descriptors import SphericalBessel, recovery

RADIAL = SphericalBessel(3, 3.0)
TETRAHEDRON = 1.09 / 3**0.5 * np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
OCTAHEDRON = 1.56 * np.concatenate([np.eye(3), -np.eye(3)])
BASE = [[1.6, 0, 0.4], [-1.6, 0, 0.4], [0, 1.6, 0.4], [0, -1.6, 0.4]]
PYRAMID = np.array([*BASE, [0, 0, -1.5]])
SITES = {"Td": TETRAHEDRON, "Oh": OCTAHEDRON, "C4v": PYRAMID}


def describe(vectors):
    return recovery.spectra(vectors, RADIAL, 4)


def cloud(rng, number=1, neighbours=5):
    return recovery.random_starts(number, neighbours, shortest=1.0, longest=2.5, rng=rng)


def test_jacobian_is_that_of_finite_differences(rng):
    x = cloud(rng, number=2)
    J = recovery.jacobian(describe, x)
    assert J.shape == (2, describe(x).shape[1], 15)
    step = 1e-5 * torch.eye(15)[7].reshape(5, 3)
    difference = (describe(x + step) - describe(x - step)) / 2e-5
    torch.testing.assert_close(J[..., 7], difference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("group", SITES)
def test_rank_at_a_symmetric_site_is_the_number_of_A1_modes(group):
    x, operations = SITES[group], np.array(groups.molecular(group))
    moved = np.einsum("gij,nj->gni", operations, x)
    unmoved = (np.linalg.norm(moved - x, axis=-1) < 1e-6).sum(1)
    modes = unmoved * np.trace(operations, axis1=1, axis2=2)
    turns = np.linalg.det(operations) * np.trace(operations, axis1=1, axis2=2)
    assert recovery.rank(describe, torch.tensor(x)) == round((modes - turns).mean())


def test_rank_without_symmetry_is_all_but_the_rotations(rng):
    assert recovery.rank(describe, cloud(rng)[0]) == 3 * 5 - 3


@pytest.mark.parametrize("neighbours", [4, 6])
def test_random_environment_comes_back(rng, neighbours):
    wanted = cloud(rng, neighbours=neighbours)[0]
    starts = recovery.closest(describe, describe(wanted), cloud(rng, 1000, neighbours), 32)
    found = recovery.recover(describe, describe(wanted), starts)
    assert found.solved and recovery.rmsd(found.best, wanted) < 1e-4


def test_no_residual_grows_and_bookkeeping_is_right(rng):
    wanted, starts, seen = cloud(rng)[0], cloud(rng, 8), []
    target = describe(wanted)
    found = recovery.recover(
        describe, target, starts, steps=5, stop=None, watch=lambda x, r: seen.append((x, r))
    )
    residuals = torch.stack([r for _, r in seen])
    assert found.steps == len(seen) == 5
    assert (residuals.diff(dim=0) <= 0).all() and (residuals[-1] < residuals[0]).any()
    assert torch.equal(found.vectors, seen[-1][0][found.order])
    torch.testing.assert_close(
        found.residuals, (describe(found.vectors) - target).norm(dim=1) / target.norm()
    )


def test_a_start_keeps_its_symmetry_and_so_an_octahedron_is_found(rng):
    starts = recovery.symmetric_starts(48, 6, shortest=1.0, longest=2.5, rng=rng)
    assert starts.shape == (48, 6, 3)
    wanted = torch.tensor(OCTAHEDRON) @ torch.tensor(symmetry.random_rotation(rng)).T
    found = recovery.recover(describe, describe(wanted), starts, steps=60, stop=3)
    assert recovery.rmsd(found.best, wanted) < 0.05
    start = torch.tensor(OCTAHEDRON) * torch.tensor([1.0, 1.0, 1.2])  # D4h
    end = recovery.recover(describe, describe(cloud(rng, neighbours=6)[0]), start[None], steps=5).best
    quarter_turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert recovery.rmsd(end, start) > 1e-3
    assert torch.cdist(end @ quarter_turn.T, end).min(dim=1).values.max() < 1e-8


def test_turned_starts_take_turned_steps(rng):
    """The damping does not depend on the axes: walk and turn, or turn and walk."""
    wanted, starts = cloud(rng)[0], cloud(rng, 6)
    R = torch.tensor(symmetry.random_rotation(rng))
    there = recovery.recover(describe, describe(wanted), starts, steps=5, stop=None)
    turned = recovery.recover(describe, describe(wanted), starts @ R.T, steps=5, stop=None)
    assert torch.equal(there.order, turned.order)
    assert (there.vectors @ R.T - turned.vectors).abs().max() < 1e-9
    assert (there.vectors - starts[there.order]).norm() > 1


def test_symmetric_starts_are_orbits(rng):
    for x in recovery.symmetric_starts(10, 8, shortest=1.0, longest=2.0, rng=rng):
        lengths = x.norm(dim=1)
        assert lengths.min() > 1 - 1e-6 and lengths.max() < 2 + 1e-6 and torch.pdist(x).min() > 1e-6


def test_species_come_back_too(rng):
    wanted, metal = cloud(rng, neighbours=4)[0], torch.tensor([1.0, 1, 0, 0])
    radial = SphericalBessel(2, 3.0)

    def with_species(x):
        weights = torch.stack([x[..., 3], 1 - x[..., 3]], dim=-1)
        c = recovery.project(x[..., :3], radial, 3, weights=weights).flatten(-3, -2)
        return torch.cat([recovery.power_spectrum(c), recovery.bispectrum(c)], dim=-1)

    target = with_species(torch.cat([wanted, metal[:, None]], dim=1))
    starts = torch.cat([cloud(rng, 600, 4), torch.tensor(rng.uniform(size=(600, 4, 1)))], dim=-1)
    found = recovery.recover(with_species, target, recovery.closest(with_species, target, starts, 32))
    assert found.solved
    kinds = found.best[:, 3].round()
    assert recovery.rmsd(found.best[:, :3], wanted, species=(kinds, metal)) < 1e-4


def test_rmsd_ignores_rotation_reflection_and_order(rng):
    for neighbours in (1, 2, 3, 8, 12):
        x = cloud(rng, neighbours=neighbours)[0]
        R = torch.tensor(symmetry.random_rotation(rng))
        y = (x @ -R.T)[torch.tensor(rng.permutation(neighbours))]
        assert recovery.rmsd(x, y) < 1e-6
        noise = 0.01 * torch.tensor(rng.normal(size=y.shape))
        assert recovery.rmsd(x, y + noise) <= noise.pow(2).sum(1).mean().sqrt() + 1e-12


def test_rmsd_sees_distances_angles_and_species(rng):
    x = torch.tensor(OCTAHEDRON)
    assert recovery.rmsd(x, 1.1 * x) == pytest.approx(0.156, abs=1e-6)
    line = torch.tensor([[1.0, 0, 0], [-1, 0, 0]])
    bent = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    # the best of both ends is 45° away: |2 sin 22.5°|
    assert recovery.rmsd(line, bent) == pytest.approx(2 * np.sin(np.pi / 8), abs=1e-6)
    cis, trans = torch.tensor([1, 1, 0, 0, 0, 0]), torch.tensor([1, 0, 0, 1, 0, 0])
    assert recovery.rmsd(x, x, species=(cis, trans)) > 0.5
    assert recovery.rmsd(x, x, species=(trans, torch.tensor([0, 1, 0, 0, 1, 0]))) < 1e-6


def test_errors_name_the_shapes(rng):
    x = cloud(rng, 2)
    with pytest.raises(ValueError, match=r"target: expected \(276,\)"):
        recovery.recover(describe, torch.ones(7), x)
    with pytest.raises(ValueError, match="not all of them zero"):
        recovery.recover(describe, torch.zeros(276), x)
    with pytest.raises(ValueError, match=r"expected the same \(neighbours, 3\)"):
        recovery.rmsd(x[0], x[0, :4])
    with pytest.raises(ValueError, match="species"):
        recovery.rmsd(x[0], x[1], species=(torch.zeros(5), torch.ones(5)))


@pytest.fixture(scope="module")
def runs():
    return pd.DataFrame(datasets.load("recovery").arrays)


def test_stored_runs_account_for_every_start(runs):
    walks = runs.experiment.map({"sites": 64, "table": 64, "map": 16})
    assert (runs[["right", "wrong", "stuck"]].sum(axis=1) == walks).all()
    results = ["right", "wrong", "stuck", "rmsd", "steps"]
    assert not runs.duplicated([name for name in runs if name not in results]).any()
    table = runs[runs.experiment == "table"]
    assert len(table) == 50 and (table.rmsd < 0.05).sum() >= 48


def test_orbits_find_symmetric_sites_that_random_starts_miss(runs):
    sites = runs[runs.experiment == "sites"].groupby(["starts", "lmax", "site"]).right.sum()
    assert (sites.loc["symmetric"] > 0).all() and (sites.loc["random", 4, ["bcc", "fcc"]] == 0).all()


def test_stored_map_tells_the_two_failures_apart(runs):
    """Invariants that are too few lead astray and more of them do not; those of high degree get stuck."""
    rows = runs[runs.experiment == "map"]
    assert rows.seed.nunique() == 20
    each = rows.assign(astray=rows.wrong > 0, stuck=(rows.wrong == 0) & (rows.right == 0))
    share = each.groupby(["invariants", "size", "lmax"])[["astray", "stuck"]].mean()
    astray, stuck = share.astray, share.stuck
    assert astray.loc["both", 1, 4] > 0.8 and astray.loc["both", 2, 4] == 0
    assert astray.loc["power", 2, 4] > 0.8 and astray.loc["power", 3, 4] == 0
    for order in ("both", "power"):
        assert stuck.loc[order, 3, 6] > stuck.loc[order, 3, 4]
    assert all(stuck.loc["power", size, 6] > stuck.loc["both", size, 6] for size in (2, 3))


def test_a_stored_run_comes_out_again(runs):
    row = runs[(runs.experiment == "table") & (runs.neighbours == 4)].iloc[0]
    rng = np.random.default_rng([4, int(row.seed)])
    wanted = cloud(rng, neighbours=4)[0]
    starts = recovery.closest(describe, describe(wanted), cloud(rng, 4096, 4), 64)
    found = recovery.recover(describe, describe(wanted), starts)
    assert abs(found.steps - row.steps) <= 1 and recovery.rmsd(found.best, wanted) < 0.05
