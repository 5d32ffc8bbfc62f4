"""The ladder of tensor models: what each can say by its form, a fair split, the stored learning curves."""

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from scipy.spatial.transform import Rotation

from tutorial_utils import datasets, graphs, symmetry
from tutorial_utils.nn.network import envelope
from tutorial_utils.studies import tensor_ladder as ladder


@pytest.fixture(scope="module")
def molecules() -> datasets.Dataset:
    return datasets.load("molecules_hf")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame(datasets.load("tensor_ladder").arrays)


def report(
    model: str, molecules: datasets.Dataset, irreps: str, *, equal: str = ladder.EQUAL_SCALARS
) -> symmetry.Report:
    network = ladder.build(model, equal=equal)

    def f(atoms: Atoms) -> torch.Tensor:
        with torch.no_grad():
            return network(graphs.batch([graphs.to_graph(atoms, ladder.CUTOFF)]))

    return symmetry.equivariance_report(f, molecules.structures[40], irreps)


# --- targets ---


def test_targets_keep_the_norm_and_the_trace() -> None:
    half = np.random.default_rng(0).normal(size=(4, 3, 3))
    alpha = half + half.transpose(0, 2, 1)
    y = ladder.targets(alpha, np.ones((4, 3)))
    trace = np.trace(alpha, axis1=1, axis2=2)
    traceless = alpha - trace[:, None, None] * np.eye(3) / 3
    assert y[:, :3].eq(1).all()
    assert y[:, 3].numpy() == pytest.approx(trace / 3)
    assert y[:, 4:].norm(dim=1).numpy() == pytest.approx(np.linalg.norm(traceless, axis=(1, 2)))


def test_targets_turn_as_1o_0e_2e() -> None:
    half = np.random.default_rng(0).normal(size=(3, 3))
    alpha, mu = half + half.T, half[0]
    R = -Rotation.random(random_state=1).as_matrix()  # with inversion
    D = ladder.IRREPS.D_from_matrix(torch.tensor(R))
    turned = ladder.targets((R @ alpha @ R.T)[None], (R @ mu)[None])
    assert torch.allclose(turned[0], D @ ladder.targets(alpha[None], mu[None])[0])


# --- models ---


@pytest.mark.parametrize("model", [ladder.CHARGES, ladder.VECTORS, ladder.TENSORS, ladder.FULL])
def test_models_with_the_right_form_are_equivariant(model: str, molecules: datasets.Dataset) -> None:
    for equal in ladder.HIDDEN[model]:
        found = report(model, molecules, "1o+0e+2e", equal=equal)
        assert found.passed, found
        assert not found.vacuous


def test_an_invariant_head_gives_invariants_and_no_tensors(molecules: datasets.Dataset) -> None:
    assert report(ladder.INVARIANT, molecules, "9x0e").passed
    assert report(ladder.INVARIANT, molecules, "1o+0e+2e").first_failure == ("rotation", "1o")


def test_raw_coordinates_obey_translation_only(molecules: datasets.Dataset) -> None:
    errors = report(ladder.COORDINATES, molecules, "1o+0e+2e").errors
    for irrep in ("1o", "0e", "2e"):
        assert errors["translation", irrep] < 1e-10
        assert min(errors[law, irrep] for law in ("rotation", "parity", "permutation")) > 1e-2


def test_molecules_of_a_batch_do_not_feel_each_other(molecules: datasets.Dataset) -> None:
    pair = [graphs.to_graph(molecules.structures[i], ladder.CUTOFF) for i in (0, 100)]
    for model in (*ladder.NETWORKS, ladder.FULL):
        network = ladder.build(model)
        together = network(graphs.batch(pair))
        assert torch.allclose(together[1], network(graphs.batch(pair[1:]))[0]), model


def test_both_comparisons_are_fair() -> None:
    last = ladder.weights(ladder.TENSORS)
    for model in ladder.HIDDEN:
        network = ladder.build(model, equal=ladder.EQUAL_SCALARS)
        graph_network = getattr(network, "network", network)
        assert graph_network.layers[0].irreps_out.count("0e") == 32
    for model in ladder.NETWORKS:
        assert ladder.weights(model, equal=ladder.EQUAL_WEIGHTS) == pytest.approx(last, rel=0.02)
    assert ladder.weights(ladder.FULL) > 10 * last


def test_the_number_of_neighbours_is_the_measured_one(molecules: datasets.Dataset) -> None:
    batch = graphs.batch([graphs.to_graph(atoms, ladder.CUTOFF) for atoms in molecules.structures])
    u = envelope(graphs.edge_vectors(batch).norm(dim=1) / ladder.CUTOFF)
    assert u.square().sum() / len(batch.pos) == pytest.approx(ladder.NEIGHBOURS, rel=0.05)


def test_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"model: expected one of .*coordinates"):
        ladder.build("transformer")
    with pytest.raises(ValueError, match="equal: expected one of"):
        ladder.build(ladder.FULL, equal=ladder.EQUAL_WEIGHTS)


# --- split, baselines, errors ---


def same(a, b) -> bool:
    return a.pos.shape == b.pos.shape and bool(torch.equal(a.pos, b.pos))


def test_no_test_molecule_is_trained_on(molecules: datasets.Dataset) -> None:
    parts, other = ladder.split(molecules, 12, seed=0), ladder.split(molecules, 50, seed=1)
    assert (len(parts.train), len(parts.new_molecules), len(parts.new_geometries)) == (48, 80, 12)
    assert all(same(a, b) for a, b in zip(parts.new_molecules, other.new_molecules, strict=True))
    formulas = {tuple(sorted(graph.atomic_numbers.tolist())) for graph in other.train}
    assert len(formulas) > 30
    for graph in parts.new_molecules + other.new_geometries:
        assert not any(same(graph, seen) for seen in other.train)


def test_too_many_molecules_are_refused(molecules: datasets.Dataset) -> None:
    with pytest.raises(ValueError, match="molecules: expected 1 to 50"):
        ladder.split(molecules, 51, seed=0)


def test_counting_finds_a_sum_over_elements(molecules: datasets.Dataset) -> None:
    parts = ladder.split(molecules, 50, seed=0)
    share = torch.tensor([0.5, 1.5, 1.0, 0.7, 2.5])
    for graph in parts.train + parts.new_molecules:
        graph.y[0, 3] = ladder.one_hot(graph.atomic_numbers).sum(dim=0) @ share
    counting = ladder.Counting(parts.train)
    assert torch.allclose(counting.share, share)
    assert ladder.errors(counting, parts.new_molecules)["mean polarizability"] < 1e-10


def test_errors_do_not_depend_on_the_orientation(molecules: datasets.Dataset) -> None:
    parts = ladder.split(molecules, 12, seed=0)
    predict = ladder.baseline(ladder.COUNTING, parts)
    R = Rotation.random(random_state=3).as_matrix()
    turned = molecules.arrays | {
        "dipole": molecules["dipole"] @ R.T,
        "polarizability": R @ molecules["polarizability"] @ R.T,
    }
    other = ladder.split(datasets.Dataset(molecules.card, molecules.structures, turned), 12, seed=0)
    assert ladder.errors(predict, other.new_molecules) == pytest.approx(
        ladder.errors(predict, parts.new_molecules)
    )


def test_training_learns_and_repeats_itself(molecules: datasets.Dataset) -> None:
    parts = ladder.split(molecules, 3, seed=0)
    before = ladder.errors(ladder.baseline(ladder.COUNTING, parts), parts.train)
    runs = [
        ladder.errors(ladder.train(ladder.VECTORS, parts, seed=0, steps=60), parts.train) for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert all(runs[0][target] < before[target] for target in ladder.TARGETS)


def test_rotated_copies_turn_targets_with_the_molecules(molecules: datasets.Dataset) -> None:
    train = ladder.split(molecules, 2, seed=0).train
    copies = ladder.rotated_copies(train, seed=0)
    assert len(copies) == ladder.ORIENTATIONS * len(train)
    predict = ladder.Predictor(ladder.build(ladder.TENSORS), ladder.Counting(train))
    before, after = ladder.errors(predict, train), ladder.errors(predict, copies)
    assert after == pytest.approx(before)  # so that a model that turns gains nothing from them
    assert not torch.allclose(copies[0].y[:, :3], train[0].y[:, :3])


# --- the stored table: what the notebook says of it ---


def mean(
    table: pd.DataFrame,
    model: str,
    target: str,
    *,
    test: str = "new molecules",
    molecules: int = 50,
    equal: str = ladder.EQUAL_SCALARS,
) -> float:
    rows = table[
        (table.model == model)
        & table.equal.isin([equal, "both"])
        & (table.target == target)
        & (table.test == test)
        & (table.molecules == molecules)
    ]
    assert len(rows) == 3, (model, target, test)
    return rows.error.mean()


def test_table_is_complete(table: pd.DataFrame) -> None:
    assert set(table.model) == {*ladder.BASELINES, *ladder.NETWORKS, ladder.FULL}
    assert set(table.molecules) == {12, 25, 50}
    assert not table.duplicated(["model", "equal", "molecules", "seed", "test", "target"]).any()
    assert set(table.test) == {"new molecules", "new geometries", "QM7-X"}


def test_only_heads_that_turn_learn_what_turns(table: pd.DataFrame) -> None:
    for target in ("dipole", "anisotropy"):
        without = mean(table, ladder.COUNTING, target)
        assert mean(table, ladder.INVARIANT, target) > 0.9 * without
        assert mean(table, ladder.COORDINATES, target) > 0.9 * without
        assert mean(table, ladder.TENSORS, target) < 0.7 * without


def test_coordinates_learn_what_turns_from_rotated_copies(table: pd.DataFrame) -> None:
    for target in ("dipole", "anisotropy"):
        known, new = (
            {
                model: mean(table, model, target, test=test)
                for model in (ladder.COUNTING, ladder.COPIES, ladder.TENSORS)
            }
            for test in ("new geometries", "new molecules")
        )
        assert known[ladder.COPIES] < 0.5 * known[ladder.COUNTING]
        assert 2 * new[ladder.TENSORS] < new[ladder.COPIES] < 0.95 * new[ladder.COUNTING]


def test_more_molecules_help_the_equivariant_models(table: pd.DataFrame) -> None:
    for model in (ladder.VECTORS, ladder.TENSORS):
        for target in ladder.TARGETS:
            assert mean(table, model, target) < mean(table, model, target, molecules=12)


def test_new_geometries_are_the_milder_test(table: pd.DataFrame) -> None:
    for target in ladder.TARGETS:
        assert mean(table, ladder.TENSORS, target, test="new geometries") < mean(
            table, ladder.TENSORS, target
        )


def test_the_traceless_part_needs_l_2_and_not_only_weights(table: pd.DataFrame) -> None:
    for equal in (ladder.EQUAL_SCALARS, ladder.EQUAL_WEIGHTS):
        best = mean(table, ladder.TENSORS, "anisotropy", equal=equal)
        for model in (ladder.VECTORS, ladder.CHARGES):
            assert best < 0.75 * mean(table, model, "anisotropy", equal=equal)


def test_dipoles_need_the_right_form_only(table: pd.DataFrame) -> None:
    right = [
        mean(table, model, "dipole", equal=equal)
        for model in (ladder.CHARGES, ladder.VECTORS, ladder.TENSORS)
        for equal in (ladder.EQUAL_SCALARS, ladder.EQUAL_WEIGHTS)
    ]
    assert max(right) < 1.2 * min(right)


def test_the_external_set_ranks_the_rungs_differently(table: pd.DataFrame) -> None:
    errors = {
        model: mean(table, model, "anisotropy", test="QM7-X")
        for model in (ladder.CHARGES, ladder.VECTORS, ladder.TENSORS)
    }
    assert max(errors.values()) < 0.8 * mean(table, ladder.COUNTING, "anisotropy", test="QM7-X")
    assert max(errors[ladder.CHARGES], errors[ladder.TENSORS]) < 0.75 * errors[ladder.VECTORS]
