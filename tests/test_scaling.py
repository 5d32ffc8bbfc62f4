"""Fast products agree with Clebsch-Gordan's, path by path; the share of broken symmetry is what was
planted."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from e3nn import o3

from tutorial_utils import datasets, graphs, groups, nn, scaling, symmetry
from tutorial_utils.scaling import edge, learnt, sphere, stopwatch
from tutorial_utils.studies.augmentation import Frames


def path_weights(lmax, channels=3):
    degrees = range(lmax + 1)
    return [torch.randn(channels, 2 * min(l1, l3) + 1) for l1 in degrees for l3 in degrees]


def turned(lmax, R):
    return groups.D(o3.Irreps([(1, (l, 1)) for l in range(lmax + 1)]), R)


def rotation(seed=0):
    return torch.tensor(symmetry.random_rotation(np.random.default_rng(seed)))


def test_paths_span_exactly_the_maps_that_commute_with_rotations_about_the_edge():
    about_y = torch.tensor([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]])
    for l1, l3 in np.ndindex(5, 5):
        D1, D3 = (groups.wigner_D(l, about_y.numpy()) for l in (l1, l3))
        for maps in (scaling.path_maps(l1, l3), scaling.axis_maps(l1, l3)):
            assert np.abs(D3 @ maps - maps @ D1).max() < 1e-12
            assert np.linalg.matrix_rank(maps.reshape(len(maps), -1)) == 2 * min(l1, l3) + 1
        # brute force: the null space of the condition, for an angle that is no fraction of a turn
        size = (2 * l1 + 1) * (2 * l3 + 1)
        condition = np.kron(D3, np.eye(2 * l1 + 1)) - np.kron(np.eye(2 * l3 + 1), D1.T)
        assert size - np.linalg.matrix_rank(condition, tol=1e-9) == 2 * min(l1, l3) + 1
        swapped = np.einsum("pk,kij->pij", edge.exchange(l1, l3), scaling.axis_maps(l1, l3))
        assert np.abs(swapped - scaling.path_maps(l1, l3)).max() < 1e-12


def test_odd_paths_are_those_that_a_mirror_through_the_edge_breaks():
    mirror = np.diag([-1.0, 1, 1])
    for l1, l3 in ((1, 1), (2, 2), (1, 3), (3, 2)):
        # harmonics: inversion gives (-1)^l
        M1, M3 = (groups.wigner_D(l, mirror, parity=(-1) ** l) for l in (l1, l3))
        for l2, path in zip(range(abs(l1 - l3), l1 + l3 + 1), scaling.path_maps(l1, l3), strict=True):
            sign = 1 if (l1 + l2 + l3) % 2 == 0 else -1
            assert np.abs(M3 @ path @ M1.T - sign * path).max() < 1e-12


def test_the_edge_frame_leads_from_y_to_the_edge_also_along_the_axes():
    r = torch.cat([torch.randn(20, 3), torch.eye(3), -torch.eye(3)])
    R = scaling.along(r)
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R))
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(len(r)))
    torch.testing.assert_close(R[:, :, 1], r / r.norm(dim=1, keepdim=True))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_so2_layer_equals_e3nn(dtype, tolerance):
    torch.set_default_dtype(dtype)
    h, r = torch.randn(30, 3, 25), torch.randn(30, 3)
    weights = path_weights(4)
    one, other = (f(4, weights)(h, r) for f in (scaling.SO2Convolution, scaling.CGConvolution))
    assert one.dtype == dtype
    assert (one - other).abs().max() < tolerance * other.abs().max()


def test_the_so2_layer_does_not_notice_which_frame_is_taken(monkeypatch):
    h, r = torch.randn(10, 3, 16), torch.randn(10, 3)
    layer = scaling.SO2Convolution(3, path_weights(3))
    before, old = layer(h, r), edge.along
    about_y = torch.tensor([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]])
    monkeypatch.setattr(edge, "along", lambda r: old(r) @ about_y)
    torch.testing.assert_close(layer(h, r), before)


def test_the_grid_takes_means_exactly():
    for degree in (0, 1, 5, 8):
        points, weights = scaling.grid(degree)
        assert weights.sum().item() == pytest.approx(1)
        Y = o3.spherical_harmonics(range(degree + 1), points, True, "component")
        mean = weights @ Y
        assert mean[0].item() == pytest.approx(1)
        assert not degree or mean[1:].abs().max() < 1e-12


def test_the_product_is_every_even_path_and_the_bracket_every_odd_one():
    counts = {0: 0, 1: 0}
    for l1, l2 in np.ndindex(5, 5):
        for l3 in range(abs(l1 - l2), l1 + l2 + 1):
            a, b = torch.zeros((l1 + 1) ** 2), torch.zeros((l2 + 1) ** 2)
            a[l1**2 :], b[l2**2 :] = torch.randn(2 * l1 + 1), torch.randn(2 * l2 + 1)
            C = o3.wigner_3j(l1, l2, l3)
            right = torch.einsum("abc,a,b->c", C, a[l1**2 :], b[l2**2 :])
            products = [f(a, b, lmax=l3)[l3**2 :] for f in (scaling.pointwise, scaling.bracket)]
            odd = (l1 + l2 + l3) % 2
            assert products[1 - odd].norm() < 1e-10
            cosine = products[odd] @ right / (products[odd].norm() * right.norm())
            assert abs(cosine).item() == pytest.approx(1, abs=1e-9)
            counts[odd] += 1
    assert counts == {0: 55, 1: 30}


def test_products_turn_with_their_factors():
    a, b, R = torch.randn(16), torch.randn(9), rotation()
    for product in (scaling.pointwise, scaling.bracket):
        after = product(turned(3, R) @ a, turned(2, R) @ b, lmax=4)
        torch.testing.assert_close(after, turned(4, R) @ product(a, b, lmax=4))
    torch.testing.assert_close(scaling.bracket(a, b, lmax=3), -scaling.bracket(b, a, lmax=3))


def test_a_coarse_grid_breaks_the_symmetry():
    a, R = torch.randn(9), rotation()
    D = turned(2, R)
    right, coarse = (
        (
            sphere.pointwise(D @ a, D @ a, a @ D.T, lmax=2, degree=d)
            - D @ sphere.pointwise(a, a, a, lmax=2, degree=d)
        )
        .abs()
        .max()
        for d in (None, 4)
    )
    assert right < 1e-10 < 1e-3 < coarse


def test_coefficients_of_no_full_degree_are_refused():
    with pytest.raises(ValueError, match="coefficients: expected"):
        scaling.pointwise(torch.randn(4), torch.randn(5), lmax=1)


def test_the_exponent_of_a_power_law_is_found():
    p, error = scaling.exponent([1, 2, 4, 8], [3 * n**2.5 for n in (1, 2, 4, 8)])
    assert p == pytest.approx(2.5) and error < 1e-6
    with pytest.raises(ValueError, match="degrees: expected three"):
        scaling.exponent([1, 2], [1, 2])


def test_the_timed_products_make_as_many_outputs_as_they_say():
    for lmax in (1, 2):
        calls = stopwatch.products(lmax, edges=4, channels=2)
        results = {name: call() for name, call in calls.items()}
        assert {r.shape for r in results.values()} == {(4, 2, (lmax + 1) ** 2)}
        torch.testing.assert_close(results[stopwatch.CG], results[stopwatch.SO2])
        layer = scaling.CGConvolution(lmax, path_weights(lmax))
        assert len(layer.product.instructions) == stopwatch.outputs(stopwatch.CG, lmax)


def test_the_stored_kernels_gave_e3nns_numbers():
    kernels = datasets.load("kernel_speed")
    assert set(kernels["package"]) == {"sphericart-torch", "cuequivariance-torch", "e3nn"}
    assert np.all(kernels["difference"] < 1e-5)
    ratios = kernels["ratio"]
    assert np.all(np.isfinite(ratios)) and np.all(ratios > 0)


# ---- learnt symmetry


def frames(n=400, atoms=3):
    return Frames(torch.randn(n, atoms, 3), torch.randn(n, atoms, 3), torch.tensor([6, 8, 1]))


def test_an_equivariant_answer_has_no_broken_part_and_a_fixed_one_is_broken_altogether():
    some = frames()
    _, share = scaling.split_loss(lambda pos: 0.3 * pos, some)
    assert share < 1e-12
    loss, _ = scaling.split_loss(lambda pos: 0 * pos, some)
    assert loss == pytest.approx(1)
    exact = Frames(some.pos, some.pos, some.numbers)  # right on average, and noise beside it
    _, share = scaling.split_loss(lambda pos: pos + torch.randn_like(pos), exact)
    assert share == pytest.approx(1, abs=0.02)


def test_the_share_does_not_depend_on_the_number_of_rotations():
    def constant(pos):  # what it adds never turns: the mean over rotations is zero
        return 0.5 * pos + torch.tensor([1.0, 0, 0])

    shares = [scaling.split_loss(constant, frames(2000), rotations=k)[1] for k in (2, 16)]
    assert shares[0] == pytest.approx(shares[1], rel=0.1)
    with pytest.raises(ValueError, match="rotations: expected 2"):
        scaling.split_loss(constant, frames(), rotations=1)


def test_test_frames_come_after_the_training_frames():
    ethanol = datasets.load("ethanol_xtb")
    seen, late = scaling.in_time(ethanol)
    positions = torch.tensor(np.array([atoms.positions for atoms in ethanol.structures]))
    torch.testing.assert_close(seen.pos, positions[: len(seen)])
    first = (positions - late.pos[0]).abs().amax(dim=(1, 2)).argmin()
    assert first >= len(seen) + learnt.GAP and len(late) == learnt.TEST_FRAMES


def test_the_transformer_ignores_the_origin_and_the_order_of_like_atoms():
    model = scaling.Transformer(torch.tensor([6, 1, 1]))
    pos = torch.randn(5, 3, 3)
    torch.testing.assert_close(model(pos + 7.0), model(pos))
    torch.testing.assert_close(model(pos[:, [0, 2, 1]]), model(pos)[:, [0, 2, 1]])


def test_training_is_repeatable_and_looks_when_asked():
    some = frames(40)
    runs = [list(learnt.train(some, some, steps=3, looks=(1,), seed=1)) for _ in range(2)]
    assert runs[0] == runs[1] and [row[0] for row in runs[0]] == [1, 3]
    with pytest.raises(ValueError, match="schedule: expected one of"):
        next(learnt.train(some, some, steps=1, schedule="linear"))


def test_a_small_share_in_the_stored_table_goes_with_a_loss_of_nothing_learnt():
    table = datasets.load("learnt_symmetry")
    assert len(set(table["seed"].tolist())) >= 3
    small = table["loss"][table["share"] < 0.02]
    assert len(small) and small.min() > 0.9
    assert (table["share"][table["loss"] < 0.5] > 0.02).all()


# ---- Fock matrices


def test_a_fock_matrix_turns_with_the_molecule_under_proper_and_improper_rotations():
    pytest.importorskip("pyscf")
    from tutorial_utils.scaling import fock

    water = molecule("H2O")
    field = fock.hartree_fock(water)
    P = field.get_init_guess()
    for R in (rotation().numpy(), -rotation(1).numpy()):
        other = water.copy()
        other.positions = water.positions @ R.T
        again = fock.hartree_fock(other)
        D = fock.orbital_D(again.mol, R)
        np.testing.assert_allclose(D @ D.T, np.eye(len(D)), atol=1e-10)
        np.testing.assert_allclose(again.get_ovlp(), D @ field.get_ovlp() @ D.T, atol=1e-8)
        np.testing.assert_allclose(again.get_fock(dm=D @ P @ D.T), D @ field.get_fock(dm=P) @ D.T, atol=1e-7)


def test_internal_coordinates_and_frame_turn_as_they_should():
    from tutorial_utils.scaling import fock

    atoms = molecule("CH3OH")
    R = rotation().numpy()
    other = atoms.copy()
    other.positions = atoms.positions @ R.T + 3.0
    np.testing.assert_allclose(fock.frame(other.positions), R @ fock.frame(atoms.positions), atol=1e-12)
    q = fock.internal([atoms, other])
    np.testing.assert_allclose(q[0], q[1], atol=1e-12)
    assert q.shape[1] == 3 * len(atoms) - 6


def test_a_polynomial_is_fitted_exactly():
    from tutorial_utils.scaling import fock

    rng = np.random.default_rng(0)
    q, weights = rng.normal(size=(60, 3)), rng.normal(size=(10, 2, 2))
    F = np.einsum("gt,tab->gab", fock.monomials(q, 2), weights)
    centre, found = fock.fit(q[:40], F[:40], degree=2)
    predicted = np.einsum("gt,tab->gab", fock.monomials(q[40:] - centre, 2), found)
    np.testing.assert_allclose(predicted, F[40:], atol=1e-9)


def test_published_potentials_are_complete_and_say_what_the_session_says():
    table = datasets.load("published_potentials")
    assert len(table["model"]) == 52 == len(set(table["record"].tolist()))
    worst = np.argsort(table["kappa_srme"])[-5:]
    assert (table["forces"][worst] == "direct").sum() == 4 == (table["forces"] == "direct").sum()
    assert ((table["F1"] > 0) & (table["F1"] < 1)).all()
    assert ((table["kappa_srme"] > 0) & (table["kappa_srme"] < 2)).all()


class EdgeProduct(torch.nn.Module):
    """The depthwise product of a network's layer, each edge in its own axes: two numbers for each m."""

    def __init__(self, irreps_in, irreps_edge, wanted):
        super().__init__()
        product = nn.network.depthwise_product(irreps_in, irreps_edge, wanted)
        self.irreps_in, self.irreps_out = product.irreps_in1, product.irreps_out
        self.weight_numel, self.paths = product.weight_numel, product.instructions

    def forward(self, h, Y, weights):
        R = scaling.along(Y[:, 1:4])  # the first degree is the direction
        turn_in, turn_out = (groups.D(irreps, R) for irreps in (self.irreps_in, self.irreps_out))
        x, out, begin = torch.einsum("eij,ei->ej", turn_in, h), h.new_zeros(len(h), self.irreps_out.dim), 0
        for path in self.paths:
            (mul, a), (_, c) = self.irreps_in[path.i_in1], self.irreps_out[path.i_out]
            numbers = torch.tensor(scaling.path_maps(a.l, c.l)[path.i_in2 - abs(a.l - c.l)])
            part = x[:, self.irreps_in.slices()[path.i_in1]].reshape(len(x), mul, a.dim)
            w, begin = weights[:, begin : begin + mul, None], begin + mul
            found = c.dim**0.5 * w * (part @ numbers.T)
            out[:, self.irreps_out.slices()[path.i_out]] = found.flatten(1)
        return torch.einsum("eij,ej->ei", turn_out, out)


def test_a_network_takes_the_product_in_the_axes_of_each_edge():
    """In the place of its convolution's: the same weights give the same numbers."""
    options = {"irreps_hidden": "4x0e+4x1o+4x2e+4x1e", "layers": 2, "cutoff": 4.0}
    usual, along_edges = (
        nn.EquivariantNetwork(["H", "C", "O"], "0e+1o+1e", product=product, **options)
        for product in (None, EdgeProduct)
    )
    along_edges.load_state_dict(usual.state_dict(), strict=False)
    graph = graphs.to_graph(molecule("CH3CH2OH"), 4.0)
    torch.testing.assert_close(along_edges(graph), usual(graph))
