"""The augmentation experiment: rungs differ in one thing, nothing leaks, and the table says what is said."""

import augmentation as script
import numpy as np
import pytest
import torch

from tutorial_utils import datasets
from tutorial_utils.studies import augmentation
from tutorial_utils.studies.augmentation import (
    ARROWS,
    COORDINATES,
    EQUIVARIANT,
    INVARIANT,
    KERNEL,
    RIDGE,
    RUNGS,
)


@pytest.fixture(scope="module")
def ethanol():
    return datasets.load("ethanol_xtb")


@pytest.fixture(scope="module")
def table():
    return datasets.load("augmentation")


@pytest.fixture(scope="module")
def frames(ethanol):
    return augmentation.split(ethanol, 5, seed=0)[0]


def test_turning_turns_forces_with_positions(frames):
    turned = frames.turned(3, np.random.default_rng(0))
    assert len(turned) == 15 and turned.numbers is frames.numbers
    before, after = (torch.cat([f.pos, f.forces], dim=1) for f in (frames, turned))
    before = before.repeat_interleave(3, dim=0)
    # lengths, angles and handedness of positions and forces together are what a rotation keeps
    torch.testing.assert_close(after @ after.mT, before @ before.mT)
    torch.testing.assert_close(torch.linalg.det(after[:, :3]), torch.linalg.det(before[:, :3]))
    assert (after[0] - after[1]).abs().max() > 0.5 < (after[0] - before[0]).abs().max()


def test_the_test_set_is_new_and_always_the_same(ethanol):
    def rows(frames):
        return {tuple(row) for row in frames.pos.flatten(start_dim=1).round(decimals=6).tolist()}

    train, valid, test = augmentation.split(ethanol, 300, seed=0)
    other, valid_again, test_again = augmentation.split(ethanol, 30, seed=1)
    assert [len(rows(f)) for f in (train, valid, test, other)] == [300, 100, 300, 30]
    assert not rows(train) & rows(valid) and not rows(train) & rows(test) and not rows(valid) & rows(test)
    assert rows(test) == rows(test_again) and rows(valid) == rows(valid_again)
    assert not rows(other) <= rows(train)


def test_two_rungs_are_equivariant_and_two_are_not(frames):
    R = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    for rung in RUNGS:
        torch.manual_seed(0)
        model = augmentation.MessagePassing(rung, frames.numbers).to(frames.pos)
        with torch.no_grad():
            before, after = model(frames.pos), model(frames.pos @ R.T)
        # R may be a reflection: forces turn along with it
        assert ((after - before @ R.T).abs().max() < 1e-5) == (rung in (INVARIANT, EQUIVARIANT))
        assert before.abs().max() > 1e-3


def test_all_rungs_share_weights_between_like_atoms_and_forget_the_origin(frames):
    order = torch.tensor([0, 1, 2, 8, 7, 6, 5, 4, 3])  # hydrogens
    for rung in RUNGS:
        model = augmentation.MessagePassing(rung, frames.numbers).to(frames.pos)
        with torch.no_grad():
            before = model(frames.pos)
            torch.testing.assert_close(model(frames.pos[:, order]), before[:, order])
            torch.testing.assert_close(model(frames.pos + 1.0), before, rtol=1e-4, atol=1e-5)


def test_an_atom_beyond_the_cutoff_is_not_seen(frames):
    for rung in RUNGS:
        model = augmentation.MessagePassing(rung, frames.numbers).to(frames.pos)
        pos = 2.1 * torch.eye(9, 3) * torch.arange(9)[:, None] + torch.arange(9)[:, None] * 5.0
        moved = pos.clone()
        moved[8] += 1.0
        with torch.no_grad():
            torch.testing.assert_close(model(moved[None].to(frames.pos)), model(pos[None].to(frames.pos)))


def test_a_step_away_from_the_best_weights_is_taken_back(frames, ethanol):
    valid = augmentation.split(ethanol, 5, seed=0)[1]
    torch.manual_seed(0)
    model = augmentation.MessagePassing(INVARIANT, frames.numbers).to(frames.pos)
    seen = []

    def watch(module, inputs, output):
        if not torch.is_grad_enabled():
            seen.append((output - valid.forces).norm(dim=-1).mean().item())

    model.register_forward_hook(watch)
    augmentation.fit(model, frames, valid, steps=40)
    assert len(seen) == 20
    with torch.no_grad():
        assert augmentation.error(model, valid).item() == pytest.approx(min(seen))


def test_kernel_ridge_reproduces_what_it_was_shown(frames):
    assert augmentation.ridge(frames, frames, frames, gaussian=True) < 0.1
    assert augmentation.ridge(frames, frames, frames, gaussian=False) < 0.1


def test_errors_name_the_argument(ethanol):
    with pytest.raises(ValueError, match="model: expected one of"):
        augmentation.measure(ethanol, "perceptron", n=10)
    with pytest.raises(ValueError, match="rung: expected one of"):
        augmentation.MessagePassing("perceptron", torch.tensor([1]))
    with pytest.raises(ValueError, match="n: expected 1 to 1100"):
        augmentation.split(ethanol, 1101, seed=0)
    with pytest.raises(ValueError, match="k: expected a number of orientations"):
        augmentation.measure(ethanol, RIDGE, n=10, k=-1)


def errors(table, model, n, k=1, longer=False):
    chosen = (table["model"] == model) & (table["n"] == n) & (table["k"] == k)
    chosen &= (table["steps"] > augmentation.STEPS) == longer
    assert chosen.sum() >= 3
    return table["error"][chosen]


def test_the_table_holds_the_whole_grid_of_the_script(table):
    columns = ("model", "n", "k", "seed", "steps")
    rows = list(zip(*(table[name].tolist() for name in columns), strict=True))
    assert len(script.SEEDS) >= 3 and sorted(rows) == sorted(script.points()) and len(set(rows)) == len(rows)


@pytest.mark.parametrize("n", script.ROTATIONS)
def test_augmentation_helps_and_does_not_reach_the_equivariant_twin(table, n):
    once, most = (errors(table, COORDINATES, n, k) for k in (1, 500))
    twin = errors(table, EQUIVARIANT, n)
    assert most.mean() < once.mean()
    assert (most / twin).min() > 2


def test_one_orientation_of_thirty_geometries_teaches_nothing(table):
    zero = np.linalg.norm(datasets.load("ethanol_xtb")["forces"], axis=-1).mean()
    assert errors(table, COORDINATES, 30).mean() > 0.9 * zero
    # at n = 300 the seeds overlap: with the geometries come three hundred orientations
    assert errors(table, COORDINATES, 300).min() < errors(table, COORDINATES, 300, 500).max()


def test_most_of_the_gap_is_the_way_in_which_forces_are_made(table):
    never, once = errors(table, COORDINATES, 100, 0), errors(table, COORDINATES, 100)
    assert once.min() > 1.3 * never.max()  # being tested in other orientations costs
    ten, most = errors(table, COORDINATES, 100, 10), errors(table, COORDINATES, 100, 500)
    assert max(ten.max(), most.max()) < once.min()  # augmentation helps each seed
    assert ten.mean() < 1.1 * most.mean()  # ten orientations as much as five hundred
    assert (never / errors(table, EQUIVARIANT, 100)).min() > 2  # a standard orientation closes no gap
    best = min((errors(table, COORDINATES, 100, k) for k in (10, 100, 500)), key=np.mean)
    twin, invariant = errors(table, EQUIVARIANT, 100), errors(table, INVARIANT, 100)
    arrows = errors(table, ARROWS, 100)
    assert twin.max() < invariant.min() and arrows.max() < 1.2 * invariant.min()
    assert best.mean() - arrows.mean() > 3 * (arrows.mean() - twin.mean())


@pytest.mark.parametrize(("n", "least", "most"), [(30, 0.15, 0.25), (100, 0, 0.1), (300, 0, 0.1)])
def test_exact_equivariance_is_a_small_step_and_helps_most_where_geometries_are_few(table, n, least, most):
    raw, arrows, invariant, twin = (errors(table, rung, n).mean() for rung in RUNGS)
    assert least < 1 - invariant / arrows < most
    assert raw - arrows > 3 * (arrows - twin)
    assert errors(table, INVARIANT, n).min() > errors(table, EQUIVARIANT, n).max()


def test_a_standard_orientation_does_not_help_where_forces_are_sums_of_arrows(table):
    never, once = errors(table, ARROWS, 100, 0), errors(table, ARROWS, 100)
    assert never.mean() == pytest.approx(once.mean(), rel=0.05)


def test_four_times_the_steps_do_not_close_the_gap(table):
    long, twin = (
        errors(table, COORDINATES, 100, 500, longer=True),
        errors(table, EQUIVARIANT, 100, longer=True),
    )
    assert long.max() < 0.8 * errors(table, COORDINATES, 100, 500).min()
    assert twin.max() < errors(table, EQUIVARIANT, 100).min()
    assert (long / twin).min() > 2


def test_regularised_fits_to_turned_coordinates_learn_next_to_nothing(table):
    zero = np.linalg.norm(datasets.load("ethanol_xtb")["forces"], axis=-1).mean()
    for fit in (RIDGE, KERNEL):
        assert errors(table, fit, 100).min() > 0.9 * zero  # one orientation each
        assert errors(table, fit, 100, 10).min() > 0.8 * zero
        assert errors(table, fit, 100, 0).max() < 0.75 * zero  # never turned
