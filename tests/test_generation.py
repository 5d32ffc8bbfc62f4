"""Densities on the sphere and flow matching: normalised, equivariant, exact where an exact value is known."""

import math

import numpy as np
import pytest
import torch
from ase.build import molecule
from scipy.stats import wasserstein_distance

from tutorial_utils import datasets, graphs, symmetry
from tutorial_utils.generation import clusters, flow, hydrogens, sphere, trials


@pytest.fixture(scope="module")
def lj13():
    return datasets.load("lj13")


@pytest.fixture
def Q():
    return -torch.tensor(symmetry.random_rotation(np.random.default_rng(0)))  # a reflection too


def noise(number=6):
    return clusters.prior(number, generator=torch.Generator().manual_seed(1))


# ---- densities on the sphere


def test_a_density_is_normalised_and_turns_with_its_coefficients(Q):
    for lmax in range(5):
        c = torch.randn((lmax + 1) ** 2)
        points, areas = sphere.directions(60)
        log_p = sphere.log_density(c.expand(len(points), -1), points)
        assert abs((log_p.exp() * areas).sum() - 1) < 1e-3
        turned = sphere.log_density(
            (sphere.irreps(lmax).D_from_matrix(Q) @ c).expand(len(points), -1), points @ Q.T
        )
        torch.testing.assert_close(turned, log_p, atol=5e-3, rtol=0)


def test_one_vector_has_a_known_density():
    """exp(κ cos θ) integrates to 4π sinh κ / κ: von Mises and Fisher's density."""
    κ = 3.0
    c = torch.tensor([0.0, 0.0, κ / 3**0.5, 0.0])  # component normalisation: Y_1 = √3 (x, y, z)
    n = torch.tensor([0.0, 1.0, 0.0])
    assert abs(sphere.log_density(c, n) - (κ - math.log(4 * math.pi * math.sinh(κ) / κ))) < 1e-6
    assert abs(sphere.log_density(torch.zeros(1), n) + sphere.UNIFORM) < 1e-6
    assert sphere.mode(c) @ n > math.cos(math.radians(3))
    drawn = sphere.sample(c, 4000, generator=torch.Generator().manual_seed(0))
    assert abs(drawn[:, 1].mean() - (1 / math.tanh(κ) - 1 / κ)) < 0.03


def test_wrong_numbers_of_coefficients_and_degrees_are_refused():
    with pytest.raises(ValueError, match=r"coefficients: expected \(l \+ 1\)²"):
        sphere.log_density(torch.zeros(5), torch.ones(3))
    with pytest.raises(ValueError, match="lmax: expected a degree"):
        sphere.irreps(-1)


# ---- hydrogens


def test_hydrogens_know_their_heavy_atom():
    ethanol = molecule("CH3CH2OH")
    found = hydrogens.parents(ethanol)
    assert sorted(np.bincount(found[found >= 0]).tolist()) == [1, 2, 3]
    assert (found[ethanol.numbers > 1] == -1).all()
    assert (hydrogens.parents(molecule("H2")) == -1).all()


def test_a_fragment_points_from_its_focus_to_a_lost_hydrogen():
    ethanol = molecule("CH3CH2OH")
    parent = hydrogens.parents(ethanol)
    for graph in hydrogens.fragments([ethanol], each=20):
        (focus,) = torch.nonzero(graph.focus[:, 0])[:, 0]
        ends = torch.tensor(ethanol.positions[parent >= 0]) - graph.pos[focus]
        assert (torch.nn.functional.normalize(ends, dim=1) @ graph.direction[0]).max() > 1 - 1e-9
        assert graph.num_nodes < len(ethanol)
    kept = np.ones(9, dtype=bool)
    with pytest.raises(ValueError, match="kept: the focus"):
        hydrogens.fragment(ethanol, kept, focus=0, target=4)
    single = hydrogens.fragments([ethanol], each=5, most=1)
    assert {graph.num_nodes for graph in single} == {8}


def test_no_molecule_is_in_two_folds():
    data = datasets.load("molecules_hf")
    parts = hydrogens.folds(data)
    assert len(parts) == 5 and sorted(np.concatenate(parts)) == sorted(set(data["name"]))


def test_the_network_turns_and_two_bare_carbons_get_a_ring(Q):
    graph = hydrogens.fragments([molecule("CH3CH2OH")], each=1)[0]
    bare = molecule("C2H6")[:2]
    for lmax in (1, 3):
        model = hydrogens.HydrogenNetwork(lmax)
        D = sphere.irreps(lmax).D_from_matrix(Q)
        with torch.no_grad():
            before, after = model(graph), model(symmetry.rotate(graph, Q.numpy()))
            torch.testing.assert_close(after, before @ D.T)
            assert before.abs().max() > 1e-3
            ring = model(graphs.to_graph(bare, hydrogens.CUTOFF, atom={"focus": [[1.0], [0.0]]}))[0]
        bond = torch.tensor(bare.positions[1] - bare.positions[0])
        spin = torch.linalg.matrix_exp(torch.linalg.cross(torch.eye(3), bond.expand(3, 3) / bond.norm()))
        torch.testing.assert_close(sphere.irreps(lmax).D_from_matrix(spin) @ ring, ring)


def test_hydrogens_are_placed_where_they_are_asked_for():
    model = hydrogens.HydrogenNetwork(1)
    grown = hydrogens.place(model, molecule("C2H6")[:2], [3, 1], lengths={"C": 1.1})
    assert grown.get_chemical_formula() == "C2H4"
    parent = grown.get_all_distances()[2:, :2]
    np.testing.assert_allclose([parent[i, 0] for i in range(3)] + [parent[3, 1]], 1.1)


# ---- clusters


def test_the_energy_agrees_with_a_sum_over_pairs_and_keeps_its_symmetries(Q):
    x = noise(2)
    by_hand = sum(
        ((x[0, i] - x[0, j]).norm() ** -12 - 2 * (x[0, i] - x[0, j]).norm() ** -6)
        for i in range(13) for j in range(i)
    ) + x[0].square().sum() / 2  # fmt: skip
    torch.testing.assert_close(clusters.energy(x)[0], by_hand)
    changed = x[:, torch.randperm(13)] @ Q.T + 3.0
    torch.testing.assert_close(clusters.energy(changed), clusters.energy(x), rtol=1e-6, atol=1e-6)


def test_the_prior_lives_in_36_dimensions():
    x = noise(4000)
    assert x.mean(dim=1).abs().max() < 1e-12
    assert abs(x.square().sum(dim=(1, 2)).mean() - 36) < 0.6
    # the mean of -log p is the entropy of a normal density in 36 dimensions
    assert abs(-clusters.log_prior(x).mean() - 18 * (1 + math.log(2 * math.pi))) < 0.3


def test_without_forces_between_particles_the_chain_samples_the_trap(monkeypatch):
    monkeypatch.setattr(clusters, "_share", lambda x, i, depth: x.square().sum(dim=(1, 2)) / 2)
    x, accepted = clusters.sample(400, 60, every=30, seed=0)
    assert x.shape == (1, 400, 13, 3) and 0.3 < accepted < 1
    assert abs(x[-1].square().sum(dim=(1, 2)).mean() - 36) < 2


def test_what_a_moved_particle_changes_is_the_difference_of_energies():
    x = noise(3)
    moved = x.clone()
    moved[:, 4] += 0.3
    moved = clusters.centre(moved)
    for depth in (1.0, 2.0):
        torch.testing.assert_close(
            clusters._share(moved, 4, depth) - clusters._share(x, 4, depth),
            clusters.energy(moved, depth=depth) - clusters.energy(x, depth=depth),
        )


def test_wells_twice_as_deep_hold_a_droplet_together(lj13):
    """Each pair counted twice: the samples that papers share, whose spread is 0.68."""
    x, _ = clusters.sample(48, 500, every=50, seed=0, depth=2.0)
    assert abs(x.std() - 0.68) < 0.02
    assert abs(clusters.energy(x, depth=2.0).mean() + 43) < 2
    ours = torch.cat(trials.split(lj13))
    assert abs(ours.std() - 0.876) < 0.01 and abs(clusters.energy(ours).mean() - 0.5) < 0.3


def test_the_bundled_samples_obey_the_virial_theorem(lj13):
    """⟨x · ∇E⟩ = 36 for exp(-E): a check that knows nothing of how the samples were made."""
    _, test = trials.split(lj13)
    x = test.requires_grad_()
    (slope,) = torch.autograd.grad(clusters.energy(x).sum(), x)
    virial = (x * slope).sum(dim=(1, 2)).detach()
    assert abs(virial.mean() - 36) < 4 * virial.std() / 500**0.5


# ---- flows


def test_the_field_is_equivariant_and_the_transformer_only_renumbers(Q):
    x, t, order = noise(), torch.rand(6), torch.randperm(13)
    for field, turns in ((flow.EquivariantField(), True), (flow.PlainField(), False)):
        with torch.no_grad():
            v = field(x, t)
            torch.testing.assert_close(field(x[:, order], t), v[:, order])
            torch.testing.assert_close(field(x + 1.5, t), v)
            assert ((field(x @ Q.T, t) - v @ Q.T).norm() / v.norm() < 1e-10) == turns
            assert v.mean(dim=1).abs().max() < 1e-12 < v.abs().max()


def test_assigned_pairs_are_the_same_cluster_and_closer(Q):
    x0, x1 = noise(), noise().flip(0)

    def far(y):
        return (x0 - y).flatten(1).norm(dim=1)

    best = flow.assign(x0, x1)
    assert (far(best) < far(flow.renumber(x0, x1))).all() and (far(flow.renumber(x0, x1)) < far(x1)).all()
    torch.testing.assert_close(clusters.energy(best), clusters.energy(x1))
    # a turned and renumbered copy is found again
    copy = (x0 @ (torch.eye(3) + 0.01 * torch.randn(3, 3)))[:, torch.randperm(13)]
    assert far(flow.renumber(x0, copy)).max() < 0.5
    torch.testing.assert_close(flow.turn(x0, x0 @ Q.T), x0)


def test_a_linear_field_has_a_known_flow_and_density():
    """dx/dt = x stretches by e and lowers log p by the number of dimensions."""
    x0 = noise()

    def exact(field, x, t):
        return field(x, t), torch.full((len(x),), 36.0)

    path = flow.integrate(lambda x, t: x, x0, steps=10, divergence=exact)
    torch.testing.assert_close(path.x, math.e * x0, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(path.log_p, clusters.log_prior(x0) - 36)
    torch.testing.assert_close(path.length, path.straight)


def test_the_exact_divergence_agrees_with_finite_differences():
    field, x, t = flow.EquivariantField(width=8), noise(1), torch.tensor([0.3])
    total, h = 0.0, 1e-5
    with torch.no_grad():
        for k in range(39):
            step = torch.zeros(39)
            step[k] = h
            up, down = (field(x + s * step.view(1, 13, 3), t).flatten()[k] for s in (1, -1))
            total += (up - down).item() / (2 * h)
    assert abs(flow.exact(field, x, t)[1].item() - total) < 1e-5


def test_log_p_is_invariant(Q):
    field, x0, order = flow.EquivariantField(width=8), noise(3), torch.randperm(13)
    one, other = (flow.integrate(field, x, steps=4, divergence=flow.exact) for x in (x0, x0[:, order] @ Q.T))
    torch.testing.assert_close(one.log_p, other.log_p, atol=1e-8, rtol=0)
    torch.testing.assert_close(one.x[:, order] @ Q.T, other.x)


def test_effective_sizes_at_their_limits():
    assert flow.effective_size(torch.full((50,), 900.0)) == pytest.approx(1)
    assert flow.effective_size(torch.tensor([0.0] * 49 + [80.0])) == pytest.approx(1 / 50)


def test_a_short_training_lowers_the_loss_and_is_repeatable(lj13):
    train, test = trials.split(lj13)
    first = trials.train(trials.UNASSIGNED, train, steps=2)[2]
    field, steps, later = trials.train(trials.UNASSIGNED, train, steps=30)
    assert steps == 31 and later < 0.8 * first
    again = trials.train(trials.UNASSIGNED, train, steps=30)[2]
    assert later == again
    W1, inside, detour, ess, error = trials.evaluate(field, test[:50], likelihood=False, seed=0)
    assert W1 > 0 and 0 <= inside <= 1 and detour >= 1 and math.isnan(ess) and error < 1e-10
    with pytest.raises(ValueError, match="model: expected one of"):
        trials.new_field("diffusion")


def test_wasserstein_agrees_with_scipy():
    a, b = torch.randn(700), 2 + torch.randn(900)
    assert trials.wasserstein(a, b) == pytest.approx(wasserstein_distance(a, b), rel=0.02)


# ---- the tables that the notebook reads


def test_a_density_needs_degree_two_and_gains_little_from_degree_three():
    table = datasets.load("hydrogens")
    assert set(table["fold"]) == set(range(5)) and len(set(table["seed"])) >= 3
    by_degree = [table["nll"][table["lmax"] == L] for L in (1, 2, 3)]
    assert (by_degree[0] < sphere.UNIFORM).all()
    assert (by_degree[1] < by_degree[0] - 0.5).all()
    assert by_degree[2].mean() < by_degree[1].mean() and (by_degree[2] < by_degree[1]).mean() < 1


def test_completed_molecules_keep_their_bonds_and_move_less_than_those_of_chance():
    table = datasets.load("completed_molecules")
    of = {source: table["source"] == source for source in ("data", "network", "uniform")}
    valid, moved = table["valid"].astype(bool), table["moved"]
    assert valid[of["data"]].all() and valid[of["network"]].mean() > 0.95 > valid[of["uniform"]].mean()
    floor, network, chance = (np.nanmedian(moved[rows]) for rows in of.values())
    assert floor < network < chance / 2


def test_assignment_straightens_paths_and_only_the_transformer_breaks_the_law():
    table = datasets.load("flow_matching")
    of = {model: table["model"] == model for model in trials.MODELS}
    detour, violation = table["detour"], table["violation"]
    assert detour[of[trials.ASSIGNED]].max() < 2 < detour[of[trials.UNASSIGNED]].min()
    assert (violation > 1e-2).tolist() == of[trials.PLAIN].tolist()
    assert np.isnan(table["ess"]).tolist() == of[trials.PLAIN].tolist()
    assert (table["ess"][~of[trials.PLAIN]] < 1).all()


def test_the_shipped_field_makes_better_samples_than_a_new_one(lj13):
    _, test = trials.split(lj13)
    torch.manual_seed(0)
    inside = [
        trials.evaluate(f, test[:300], likelihood=False, seed=0)[1]
        for f in (trials.shipped(), flow.EquivariantField())
    ]
    assert inside[0] > 0.6 > 0.1 > inside[1]
