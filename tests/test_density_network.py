"""The density network: right under all symmetries, cheap for large clusters, and able to learn."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from tutorial_utils import datasets, graphs, symmetry, training
from tutorial_utils.conventions import DEBYE
from tutorial_utils.densities import WATER, Density, error, load_density, network
from tutorial_utils.densities.network import DensityNetwork
from tutorial_utils.testing import ModelMixin


def dimer() -> Atoms:
    """Two molecules, no symmetry left."""
    a, b = molecule("H2O"), molecule("H2O")
    b.rotate(73, (0.3, 0.5, 0.8))
    b.translate((0.4, 1.7, 2.3))
    return a + b


def water_and_hydrogen() -> Atoms:
    return molecule("H2O") + Atoms("H", [[1.1, 1.9, -0.7]])


def small(**options) -> DensityNetwork:
    return DensityNetwork(irreps_hidden="8x0e+4x1o", irreps_last="8x0e+4x1o+2x2e+2x3o+2x4e", **options)


class TestCoefficients(ModelMixin):
    irreps_out, per, cutoff = str(WATER.irreps("O")), "atom", 5.0
    structures = (dimer, water_and_hydrogen)

    def build(self) -> DensityNetwork:
        return small()


@pytest.fixture
def clusters() -> datasets.Dataset:
    return datasets.load("water_clusters_pbe")


@pytest.fixture
def fitting():
    pytest.importorskip("pyscf")
    from tutorial_utils.densities import fitting

    return fitting


# --- symmetry ---


@pytest.mark.parametrize("mirror", [False, True])
def test_a_turned_cluster_has_the_turned_density(rng, mirror: bool) -> None:
    model, atoms = small(), dimer()
    R = symmetry.random_rotation(rng) * (-1 if mirror else 1)
    wanted = network.density_of(model, atoms).rotated(torch.tensor(R))
    found = network.density_of(model, wanted.atoms)
    torch.testing.assert_close(found.coefficients, wanted.coefficients)
    assert not torch.allclose(found.coefficients, network.density_of(model, atoms).coefficients, atol=1e-2)


def test_the_order_of_atoms_does_not_change_the_density(rng) -> None:
    model, atoms = small(), dimer()
    points = torch.tensor(rng.normal(size=(20, 3)))
    shuffled = atoms[rng.permutation(len(atoms))]
    assert list(shuffled.symbols) != list(atoms.symbols)
    values = [network.density_of(model, some).evaluate(points) for some in (atoms, shuffled)]
    torch.testing.assert_close(*values)


# --- what can come out ---


def coefficients_by_degree(model: DensityNetwork) -> dict[int, float]:
    """Largest coefficient of each degree, over the atoms of a dimer."""
    with torch.no_grad():
        c = model(graphs.to_graph(dimer(), model.cutoff))
    irreps = model.irreps_out
    return {ir.l: c[:, s].abs().max().item() for (_, ir), s in zip(irreps, irreps.slices(), strict=True)}


def test_scalars_inside_do_not_keep_degrees_from_coming_out() -> None:
    found = coefficients_by_degree(DensityNetwork(irreps_hidden="16x0e"))
    assert set(found) == {0, 1, 2, 3, 4} and min(found.values()) > 1e-3


def test_scalars_at_the_end_make_an_invariant_model() -> None:
    found = coefficients_by_degree(DensityNetwork(irreps_last="16x0e"))
    assert found.pop(0) > 1e-3
    assert set(found.values()) == {0.0}


def test_each_atom_has_the_functions_of_its_element() -> None:
    density = network.density_of(small(), dimer())
    assert str(density.irreps.simplify()) == str((2 * (WATER.irreps("O") + 2 * WATER.irreps("H"))).simplify())
    assert density.coefficients.dtype == torch.float64
    assert all(density.coefficients[s].abs().min() > 0 for s in WATER.slices(dimer().numbers))


def test_functions_of_one_atom_are_orthonormal_in_the_coordinates_of_the_network(fitting) -> None:
    for symbol in ("O", "H"):
        A = network.change_matrix(WATER, symbol)
        S = fitting.metrics(Atoms(symbol)).overlap
        torch.testing.assert_close(A @ S @ A.T, torch.eye(len(A)), atol=1e-8, rtol=0)


def test_changes_are_of_order_one_after_standardising(rng) -> None:
    model = small()
    atoms = [dimer() for _ in range(50)]
    sizes = torch.cat(
        [torch.full((mul * ir.dim,), 3.0**-ir.l) for mul, ir in Density(dimer(), torch.zeros(210)).irreps]
    )
    densities = [Density(a, 1 + sizes * torch.tensor(rng.normal(size=210))) for a in atoms]
    model.standardise(densities)
    c = torch.stack([d.coefficients for d in densities])[:, :73]  # the first oxygens
    oxygen = list(WATER.exponents).index("O")
    y = torch.linalg.solve(model.change[oxygen].T, (c - model.constant[oxygen]).T).T
    for (_, ir), s in zip(model.irreps_out, model.irreps_out.slices(), strict=True):
        assert y[:, s].square().mean().item() == pytest.approx(1, rel=0.3), ir
    assert model.constant[:, 12:].abs().max() == 0  # a constant vector would point somewhere


# --- large clusters ---


def test_blocks_of_edges_change_nothing(monkeypatch) -> None:
    model, big = small(), Atoms()
    for n in range(8):
        one = molecule("H2O")
        one.rotate(50 * n, (1, 2, 3 - n))
        one.translate((2.9 * (n % 2), 2.9 * (n // 2 % 2), 2.9 * (n // 4)))
        big += one
    whole = network.density_of(model, big).coefficients
    monkeypatch.setattr(network, "_EDGES", 40)
    torch.testing.assert_close(network.density_of(model, big).coefficients, whole)


def test_far_molecules_are_as_if_alone() -> None:
    model, near, far = small(), dimer(), dimer()
    far.positions[3:] += 20.0
    alone = network.density_of(model, near[:3]).coefficients
    torch.testing.assert_close(network.density_of(model, far).coefficients[:105], alone)
    assert not torch.allclose(network.density_of(model, near).coefficients[:105], alone, atol=1e-3)


# --- losses ---


@pytest.mark.parametrize("with_metric", [False, True])
def test_metric_errors_are_those_of_each_cluster_alone(rng, with_metric: bool) -> None:
    model = small()
    targets = [
        Density(a, torch.tensor(rng.normal(size=n))) for a, n in ((dimer(), 210), (molecule("H2O"), 105))
    ]
    metrics = [torch.diag(torch.tensor(rng.uniform(1, 2, size=len(t.coefficients)))) for t in targets]
    batch = graphs.batch(
        [
            network.as_graph(t, model.cutoff, metric=M if with_metric else None)
            for t, M in zip(targets, metrics, strict=True)
        ]
    )
    found = network.metric_errors(model, batch)
    for value, t, M in zip(found, targets, metrics, strict=True):
        delta = network.density_of(model, t.atoms).coefficients - t.coefficients
        wanted = delta @ M @ delta if with_metric else delta @ delta
        assert value.item() == pytest.approx(wanted.item() / t.atoms.numbers.sum())
    assert network.root_error(model, batch).item() == pytest.approx(found.sqrt().mean().item())


def test_it_learns_molecules_better_than_constant_atoms(clusters: datasets.Dataset, fitting) -> None:
    torch.manual_seed(0)
    densities = [load_density(clusters, n) for n in np.flatnonzero(clusters["molecules"] == 1)[:20]]
    model = small()
    model.standardise(densities[:16])
    data = [network.as_graph(d, model.cutoff, metric=fitting.metrics(d.atoms).overlap) for d in densities]
    constant = small()
    constant.load_state_dict(model.state_dict())
    for head in constant.heads:
        head.weight.data.zero_()
        head.bias.data.zero_()
    baseline = network.root_error(constant, graphs.batch(data[16:])).item()
    training.fit(
        model,
        network.root_error,
        train=data[:16],
        valid=[],
        epochs=25,
        learning_rate=0.05,
        decay=0.05,
        batch_size=4,
        quiet=True,
    )
    assert network.root_error(model, graphs.batch(data[16:])).item() < 0.2 * baseline


def test_electrons_are_counted_and_put_right(fitting) -> None:
    model, atoms = small(), dimer()
    raw = network.density_of(model, atoms)
    assert abs(raw.electrons().item() - 20) > 1e-3  # nothing has told the network
    right = raw.with_coefficients(fitting.metrics(atoms).with_electrons(raw.coefficients, 20.0))
    assert right.electrons().item() == pytest.approx(20, abs=1e-9)
    torch.testing.assert_close(right.dipole(), right.dipole(origin=(10.0, -4.0, 7.0)))
    assert not torch.allclose(raw.dipole(), raw.dipole(origin=(10.0, -4.0, 7.0)), atol=1e-3)


# --- what the package ships ---


@pytest.mark.skipif(not network.PRETRAINED.exists(), reason="water.pt is not trained yet")
class TestPretrained:
    def test_it_is_small_and_says_what_it_is(self) -> None:
        assert network.PRETRAINED.stat().st_size < 1_000_000
        metadata = torch.load(network.PRETRAINED, weights_only=True)["metadata"]
        assert metadata["licence"] == "CC-BY-4.0" and "PBE" in metadata["what"]

    @pytest.mark.parametrize(("molecules", "dipole"), [(4, 0.15), (6, 0.25), (12, 0.4), (20, 0.8)])
    def test_it_knows_polarisation(self, clusters, fitting, molecules: int, dipole: float) -> None:
        """Better than molecules alone by far, in the density and in the vector that says most."""
        model, found = network.pretrained(), []
        test = (clusters["split"] == "test") & (clusters["molecules"] == molecules)
        for n in np.flatnonzero(test)[:4]:
            true = load_density(clusters, int(n))
            alone = load_density(clusters, int(n), "monomer_coefficients")
            raw, grid = network.density_of(model, true.atoms), fitting.becke_grid(true.atoms, 0)
            c = fitting.metrics(true.atoms).with_electrons(raw.coefficients, 10.0 * molecules)
            found.append(
                [
                    float(error(raw, true, grid)),
                    float(error(alone, true, grid)),
                    float((raw.with_coefficients(c).dipole() - true.dipole()).norm()) / DEBYE,
                    abs(float(raw.electrons()) / (10 * molecules) - 1),
                ]
            )
        ours, apart, off, missing = np.mean(found, axis=0)
        assert ours < 0.28 * apart and off < dipole and missing < 0.002


def test_an_ion_is_given_away_by_its_electrons_alone() -> None:
    ion = Atoms("OHHH", [[0, 0, 0], [0.94, 0, 0.3], [-0.47, 0.81, 0.3], [-0.47, -0.81, 0.3]])  # H3O+
    assert abs(network.density_of(network.pretrained(), ion).electrons().item() - 10) > 0.3


def rows(study: str, measure: str, clusters: int | None = None) -> dict[tuple[str, int], float]:
    """Means over seeds, all numbers of training clusters or one: (model, molecules) -> value."""
    if "density_network" not in datasets.names():
        pytest.skip("density_network is not made yet")
    table = datasets.load("density_network")
    found: dict[tuple[str, int], list[float]] = {}
    columns = ("study", "model", "clusters", "molecules", "measure", "value")
    for which, model, count, size, name, value in zip(*(table[column] for column in columns), strict=True):
        if (which, name) == (study, measure) and clusters in (None, count):
            found.setdefault((str(model), int(size)), []).append(float(value))
    return {key: float(np.mean(values)) for key, values in found.items()}


@pytest.mark.parametrize("molecules", [4, 8, 12])
def test_the_metric_is_worth_its_place_in_the_loss(molecules: int) -> None:
    found = rows("losses", "error")
    assert found["overlap metric", molecules] < 0.7 * found["coefficients", molecules]
    assert found["overlap metric", molecules] < found["overlap metric, squared", molecules]


def test_only_larger_clusters_teach_what_happens_in_large_ones() -> None:
    """As a share of what isolated molecules miss: this is the answer that session 6 gives."""
    alone = rows("baselines", "error")
    found = rows("network", "error") | rows("transfer", "error")
    share = {(name, n): x / alone["isolated molecules", n] for (name, n), x in found.items() if n > 1}
    for size in (6, 8, 12, 20):
        falling = [share[name, size] for name in ("n ≤ 2", "n ≤ 3", "equivariant network", "n ≤ 8")]
        assert falling == sorted(falling, reverse=True)
        assert share["n ≤ 12", size] == pytest.approx(share["n ≤ 8", size], rel=0.1)  # twelves add little
    for size in (12, 20):
        assert share["equivariant network", size] > 1.2 * share["equivariant network", 6]  # fours: it climbs
        assert share["n ≤ 8", size] == pytest.approx(share["n ≤ 8", 6], rel=0.25)  # eights: almost flat


@pytest.mark.parametrize("measure", ["error", "dipole", "potential"])
def test_larger_training_clusters_teach_more_than_more_small_ones(measure: str) -> None:
    for size, gain in ((12, 0.75), (20, 0.8)):
        half, whole = (rows("learning", measure, count)["l ≤ 3", size] for count in (102, 204))
        fours, eights = (
            rows("network", measure)["equivariant network", size],
            rows("transfer", measure)["n ≤ 8", size],
        )
        assert whole > 0.85 * half and eights < gain * fours


def test_longer_training_helps_for_the_sizes_in_training_alone() -> None:
    """`losses` trains for a fifth of the steps of `network`."""
    for measure, worse in (("error", 1.0), ("dipole", 1.1)):
        short, long = rows("losses", measure), rows("network", measure)
        ratio = {n: long["equivariant network", n] / short["overlap metric", n] for n in (2, 4, 12)}
        assert ratio[2] < 0.9 and ratio[12] > worse
    eights, short = (rows(study, "error") for study in ("transfer", "losses"))
    assert eights["n ≤ 8", 20] < 0.8 * short["overlap metric", 20]  # fours that are not overtrained


def test_at_twenty_the_loss_does_more_for_the_dipole_than_larger_clusters() -> None:
    by_loss, by_size = rows("losses", "dipole"), rows("transfer", "dipole")
    assert by_loss["sum of both", 20] < 0.8 * by_size["n ≤ 12", 20]


@pytest.mark.parametrize("molecules", [6, 8, 12, 20])
def test_the_kernel_learns_from_larger_clusters_too_but_less(molecules: int) -> None:
    found, fours = rows("transfer", "error"), rows("baselines", "error")
    kernel = "kernel in the molecule's frame"
    with_twelves = found[f"{kernel}, n ≤ 12", molecules]
    assert 1.2 * found["n ≤ 12", molecules] < with_twelves < 0.85 * fours[kernel, molecules]


def test_the_kernel_wins_for_one_molecule_and_for_pairs() -> None:
    """It is tuned on validation clusters, and for larger clusters an honest rival still."""
    found = rows("baselines", "error") | rows("network", "error")
    share = {
        n: found["kernel in the molecule's frame", n] / found["equivariant network", n]
        for n in (1, 2, 3, 4, 6, 8, 12, 20)
    }
    assert max(share[1], share[2]) < 1 < min(share[n] for n in (4, 6, 8, 12, 20))
    assert share[3] == pytest.approx(1, rel=0.05) and share[12] < 1.3


def test_errors_stay_below_what_was_reached() -> None:
    """Mean ε (%) of clusters up to four molecules and of twelve; the shipped network, its dipoles (D) too.

    Hoped for were 0.13 and 0.40; of the shipped network 0.25 (12) and 0.30 (20 molecules), missed, and
    0.3 D at twelve, which is reached.
    """
    ours, shipped = rows("network", "error"), rows("shipped", "error")
    assert np.mean([ours["equivariant network", n] for n in (1, 2, 3, 4)]) < 0.18
    assert ours["equivariant network", 12] < 0.62
    assert shipped["shipped network", 8] < 0.36
    assert shipped["shipped network", 12] < 0.42 and shipped["shipped network", 20] < 0.46
    assert rows("shipped", "dipole")["shipped network", 12] < 0.3


def test_on_published_trimers_fine_tuning_does_not_beat_a_start_from_nothing() -> None:
    found = rows("published trimers", "error")
    assert found["from nothing", 3] < found["fine-tuned", 3] < 0.3 * found["shipped network", 3]


def test_the_coulomb_metric_is_the_best_for_dipoles() -> None:
    found = rows("losses", "dipole")
    for size in (2, 4, 8, 12):
        coulomb, overlap, plain = (
            found[name, size] for name in ("Coulomb metric", "overlap metric", "coefficients")
        )
        assert coulomb < 0.75 * overlap < overlap < 0.6 * plain


def test_both_metrics_together_give_good_densities_and_good_dipoles() -> None:
    error, dipole = rows("losses", "error"), rows("losses", "dipole")
    for size in (4, 8, 12, 20):
        assert error["sum of both", size] < 1.05 * error["overlap metric", size]
        assert dipole["sum of both", size] < 0.8 * dipole["overlap metric", size]
    far, shipped = rows("transfer", "dipole"), rows("shipped", "dipole")
    assert shipped["shipped network", 20] < 0.7 * far["n ≤ 12", 20]  # the same clusters, by S alone


def test_all_rungs_of_the_ladder_are_in_order() -> None:
    energy = rows("energy", "energy")
    for size in (2, 4, 6, 8):
        fitted, ours, alone, atoms = (
            energy[name, size]
            for name in ("fitted density", "shipped network", "isolated molecules", "constant atoms")
        )
        assert fitted < ours < alone < atoms
        assert fitted < 0.01  # kcal/mol


# --- bad input ---


def test_strange_elements_are_named() -> None:
    with pytest.raises(ValueError, match="holds N, which the network was not trained on; it knows H, O"):
        network.density_of(small(), molecule("NH3"))


def test_two_atoms_at_one_place_are_named() -> None:
    with pytest.raises(ValueError, match="atoms 0 and 3 are at one point"):
        network.density_of(small(), molecule("H2O") + molecule("H2O"))


@pytest.mark.parametrize("wrong", [{"irreps_hidden": "8x1o"}, {"irreps_last": "8x1o"}, {"layers": 0}])
def test_features_need_scalars(wrong: dict) -> None:
    with pytest.raises(ValueError, match="need scalars 0e, and layers at least 1"):
        DensityNetwork(**wrong)
