"""Invariants: nothing a rotation changes, each component what its label says, equal to other programs."""

from functools import partial

import featomic
import numpy as np
import pyscal3
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import atomic_numbers
from e3nn import o3

from tutorial_utils.descriptors import environments, project
from tutorial_utils.descriptors.bond_order import steinhardt, wigner_3j
from tutorial_utils.descriptors.invariants import (
    bispectrum,
    bispectrum_labels,
    norms,
    part,
    power_spectrum,
    power_spectrum_labels,
)
from tutorial_utils.descriptors.radial import SphericalBessel, overlap
from tutorial_utils.descriptors.smeared import (
    GaussianOrbitals,
    Smeared,
    chebyshev,
    smeared_environments,
    soap,
    soap_labels,
)
from tutorial_utils.graphs import edge_vectors, to_graph

RADIAL, LMAX = SphericalBessel(3, 4.0), 4
EVEN = [norms, power_spectrum, bispectrum]


def cloud(*shape: int) -> torch.Tensor:
    return 1.3 * torch.randn(*shape, 3)


def of(invariant, vectors, **options):
    return invariant(project(vectors, RADIAL, LMAX), **options)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / a.abs().max())


@pytest.mark.parametrize("invariant", EVEN)
def test_rotations_reflections_and_the_order_of_neighbours_change_nothing(invariant):
    vectors, R = cloud(6), o3.rand_matrix()
    assert of(invariant, vectors).abs().max() > 0.1
    for moved in (vectors @ R.T, -vectors @ R.T, vectors[[3, 0, 5, 1, 2, 4]]):
        assert relative(of(invariant, vectors), of(invariant, moved)) < 1e-12


def test_odd_bispectrum_tells_hands_apart_and_is_zero_without_a_hand():
    vectors, R = cloud(6), o3.rand_matrix()
    b = of(bispectrum, vectors, parity="odd")
    assert b.abs().max() > 1e-3
    assert torch.allclose(b, of(bispectrum, vectors @ R.T, parity="odd"), atol=1e-12)
    assert torch.allclose(b, -of(bispectrum, -vectors, parity="odd"), atol=1e-12)
    flat = vectors * torch.tensor([1.0, 1.0, 0.0])
    assert of(bispectrum, flat @ R.T, parity="odd").abs().max() < 1e-12


def test_every_component_is_what_its_label_says():
    c = project(cloud(2, 5), RADIAL, LMAX)
    for k, ((n, l), (m, same)) in enumerate(power_spectrum_labels(3, LMAX)):
        assert l == same
        expected = (part(c, l)[:, n] * part(c, l)[:, m]).sum(-1)
        assert torch.allclose(power_spectrum(c)[:, k], expected, atol=1e-12)
    for parity in ("even", "odd", "both"):
        found, labels = bispectrum(c, parity=parity), bispectrum_labels(3, LMAX, parity=parity)
        assert found.shape == (2, len(labels)) and len(set(labels)) == len(labels)
        for b, label in zip(found.T, labels, strict=True):
            factors = [part(c, l)[:, n] for n, l in label]
            C = o3.wigner_3j(*(l for _, l in label), dtype=torch.float64)
            assert torch.allclose(b, torch.einsum("ijk,ai,aj,ak->a", C, *factors), atol=1e-12)


@pytest.mark.parametrize("functions", [1, 2, 3])
def test_the_bispectrum_lists_all_products_that_do_not_vanish(functions):
    """Every triple of coefficients, in any order, is in the list, or equal to another, or zero for all c."""
    c = torch.randn(40, functions, 9)
    listed = bispectrum(c, parity="both")
    for l in np.ndindex(3, 3, 3):
        if not abs(l[0] - l[1]) <= l[2] <= l[0] + l[1]:
            continue
        C = o3.wigner_3j(*l, dtype=torch.float64)
        for n in np.ndindex(functions, functions, functions):
            b = torch.einsum("ijk,ai,aj,ak->a", C, *(part(c, l[i])[:, n[i]] for i in range(3)))
            same = ((listed - b[:, None]).abs().amax(0) < 1e-10) | (
                (listed + b[:, None]).abs().amax(0) < 1e-10
            )
            assert b.abs().max() < 1e-10 or same.any()


@pytest.mark.parametrize(("invariant", "order"), [(power_spectrum, 2), (bispectrum, 3)])
def test_body_order(invariant, order):
    """Of ν neighbours at a time: the part that needs ν + 1 neighbours together is zero, that of ν is not."""
    vectors = torch.nn.functional.normalize(cloud(order + 1), dim=-1)

    def together(number: int) -> float:
        total = 0
        for subset in range(2**number):
            weights = torch.tensor([float(subset >> j & 1) for j in range(order + 1)])
            c = project(vectors, RADIAL, LMAX, weights=weights)
            total = total + (-1) ** int(weights.sum()) * invariant(c)
        return float(total.abs().max())

    assert together(order) > 1e-2 and together(order + 1) < 1e-12


@pytest.mark.parametrize("invariant", EVEN)
def test_gradients_are_right_and_never_nan(invariant):
    vectors = cloud(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: of(invariant, v), vectors)
    collinear = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, 0, 4.0]])
    for special in (collinear, torch.zeros(0, 3), torch.zeros(1, 3), torch.tensor([[4.0, 0, 0]])):
        special = special.clone().requires_grad_()
        of(invariant, special).sum().backward()
        assert special.grad.isfinite().all()
    assert (of(invariant, torch.zeros(0, 3)) == 0).all()


def test_batches_and_jacobians_of_batches():
    vectors = cloud(2, 3, 5)
    b = of(bispectrum, vectors)
    assert b.shape == (2, 3, len(bispectrum_labels(3, LMAX)))
    assert torch.allclose(b[1, 2], of(bispectrum, vectors[1, 2]), atol=1e-13)
    J = torch.func.vmap(torch.func.jacfwd(lambda v: of(bispectrum, v)))(vectors[0])
    assert torch.allclose(J[1], torch.func.jacrev(lambda v: of(bispectrum, v))(vectors[0, 1]), atol=1e-12)


def test_shapes_that_make_no_sense_are_named():
    for c in (torch.zeros(9), torch.zeros(3, 8), torch.zeros(3, 0)):
        with pytest.raises(ValueError, match=r"c: expected \(..., functions, \(lmax\+1\)²\)"):
            power_spectrum(c)
    with pytest.raises(ValueError, match="parity: expected 'even', 'odd' or 'both'"):
        bispectrum(torch.zeros(1, 4), parity="e")


def octagon(*corners: int) -> torch.Tensor:
    angles = torch.tensor(corners) * torch.pi / 4
    return 1.5 * torch.stack([angles.cos(), angles.sin(), 0 * angles], -1)


def test_the_octagon_pair_has_one_power_spectrum_and_two_bispectra():
    first, second = octagon(0, 1, 3, 4), octagon(0, 1, 2, 5)
    for radial in (RADIAL, SphericalBessel(5, 3.0)):
        a, b = (project(v, radial, 6) for v in (first, second))
        assert relative(power_spectrum(a), power_spectrum(b)) < 1e-10
        assert relative(bispectrum(a), bispectrum(b)) > 0.1


def handed_pair(h: float = 0.6) -> list[torch.Tensor]:
    """±u, ±v, e1 and ±e2: one has a mirror, the other is chiral, but three neighbours at a time match."""
    u, v, e1, e2 = torch.tensor([[1, 0, h], [0, 1, h], [1, 0, 0], [0, 1, 0.0]])
    return [torch.stack([u, v, -u, -v, e1, sign * e2]) for sign in (1, -1)]


def triangles_pair() -> list[torch.Tensor]:
    """Two triangles, turned against each other, above and below, and one more atom above or below.

    The kind of pair that Pozdnyakov et al. give in doi:10.1103/PhysRevLett.125.166001.
    """
    angles, turn = torch.deg2rad(torch.tensor([0.0, -70.0, 160.0])), torch.deg2rad(torch.tensor(50.0))
    upper, lower = (torch.stack([a.cos(), 0 * a, a.sin()], 1) for a in (angles, angles + turn))
    up = torch.tensor([[0.0, 1.0, 0.0]])
    base = torch.cat([0.7 * upper + 0.9 * up, 0.7 * lower - 0.9 * up])
    return [torch.cat([base, sign * 1.8 * up]) for sign in (1, -1)]


def five_bodies(c: torch.Tensor) -> torch.Tensor:
    """Scalar products of all (c_1 ⊗ c_2 → 1): four neighbours at a time."""
    C = o3.wigner_3j(1, 2, 1, dtype=torch.float64)
    x = torch.einsum("ijk,ai,bj->abk", C, part(c, 1), part(c, 2)).flatten(0, 1)
    return x @ x.T


@pytest.mark.parametrize(
    ("pair", "odd_sees_it"), [(handed_pair, True), (triangles_pair, False)], ids=["hand", "triangles"]
)
def test_pairs_that_not_even_the_bispectrum_tells_apart(pair, odd_sees_it):
    c, d = (project(x, RADIAL, 6) for x in pair())
    for same in (norms, power_spectrum, bispectrum):
        assert relative(same(c), same(d)) < 1e-10
    odd = [bispectrum(x, parity="odd") for x in (c, d)]
    assert ((odd[0] - odd[1]).abs().max() > 1e-2) == odd_sees_it
    assert relative(five_bodies(c), five_bodies(d)) > 1e-2


def test_the_handed_pair_is_one_shape_when_it_is_flat():
    assert relative(*(five_bodies(project(x, RADIAL, 6)) for x in handed_pair(0.0))) < 1e-10


CRYSTALS = {
    "fcc": (bulk("Cu", "fcc", 3.6, cubic=True).repeat(3), 3.1),
    "bcc": (bulk("Fe", "bcc", 2.87, cubic=True).repeat(4), 3.4),
    "hcp": (bulk("Mg", "hcp", a=3.2, c=5.2).repeat((4, 4, 3)), 3.7),
    "diamond": (bulk("Si", "diamond", 5.43, cubic=True).repeat(2), 2.8),
}
DEGREES = list(range(2, 11))


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("amplitude", [0.0, 0.15])
@pytest.mark.parametrize("name", CRYSTALS)
def test_steinhardt_equals_pyscal3_for_every_l(name, amplitude, averaged):
    atoms, cutoff = CRYSTALS[name][0].copy(), CRYSTALS[name][1]
    atoms.rattle(amplitude, seed=1)
    ours = steinhardt(to_graph(atoms, cutoff), DEGREES, averaged=averaged)
    pyscal3.find_neighbors(atoms, method="cutoff", cutoff=cutoff)
    q = pyscal3.steinhardt_parameter(atoms, DEGREES, averaged=averaged)
    w = pyscal3.wigner_w_parameter(atoms, DEGREES, averaged=averaged)
    for column, l in enumerate(DEGREES):
        assert np.abs(ours.q[:, column].numpy() - q[column]).max() < 1e-10, f"q_{l}"
        sure = ours.q[:, column].numpy() > 1e-4  # where q_l = 0, w_l divides round-off by round-off
        assert np.abs(ours.w[:, column].numpy() - w[column])[sure].max(initial=0) < 1e-8, f"w_{l}"


def test_steinhardt_of_perfect_crystals_is_that_of_the_literature():
    """Perfect fcc and hcp, first shell, and bcc, two shells: values that every table gives."""
    known = {
        "fcc": (0.19094, 0.57452, -0.01316),
        "hcp": (0.09722, 0.48476, -0.01244),
        "bcc": (0.0363, 0.51069, 0.01316),
    }
    ideal = {"hcp": bulk("Mg", "hcp", a=3.2, c=3.2 * np.sqrt(8 / 3)).repeat(4)}
    for name, expected in known.items():
        atoms = ideal.get(name, CRYSTALS[name][0])
        found = steinhardt(to_graph(atoms, CRYSTALS[name][1]), (4, 6))
        assert np.allclose([*found.q[0], found.w[0, 1]], expected, atol=1.5e-4)


@pytest.mark.parametrize("l", range(0, 12, 2))
def test_sign_of_the_3j_symbols(l):
    """(l l l; 0 0 0) is (-1)^(l/2) times something positive; e3nn's is always positive here."""
    assert (wigner_3j(l)[l, l, l] > 0) == (l % 4 == 0)
    assert o3.wigner_3j(l, l, l, dtype=torch.float64)[l, l, l] > 0
    assert wigner_3j(l + 1).abs().max() == 0


def test_steinhardt_of_vectors_and_of_nothing():
    atoms, cutoff = CRYSTALS["fcc"]
    with pytest.raises(ValueError, match="at least one"):
        steinhardt(torch.zeros(0, 3))
    graph = to_graph(atoms, cutoff)
    first = edge_vectors(graph)[graph.edge_index[1] == 0]
    for ours, theirs in zip(steinhardt(first, (4, 6)), steinhardt(graph, (4, 6)), strict=True):
        assert torch.allclose(ours, theirs[0], atol=1e-12)
    alone = steinhardt(to_graph(Atoms("He"), 3.0), (4, 6), averaged=True)
    assert (alone.q == 0).all() and (alone.w == 0).all()
    with pytest.raises(ValueError, match="averaged: needs a graph"):
        steinhardt(first, averaged=True)
    with pytest.raises(ValueError, match="degrees"):
        steinhardt(first, ())


SIZE, L, CUTOFF, WIDTH = 5, 4, 4.5, 0.35
SMEARED = Smeared(GaussianOrbitals(SIZE, CUTOFF), L, width=WIDTH, cutoff=CUTOFF)


def of_featomic(atoms: Atoms, centre: bool) -> dict:
    """SOAP by featomic: {(atom, element, n, element', n', l): value}, its own normalisation."""
    calculator = featomic.SoapPowerSpectrum(
        cutoff={"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": WIDTH, "center_atom_weight": float(centre)},
        basis={
            "type": "TensorProduct",
            "max_angular": L,
            "radial": {"type": "Gto", "max_radial": SIZE - 1, "radius": CUTOFF},
            "spline_accuracy": 1e-10,
        },
    )
    found = {}
    for key, block in calculator.compute([atoms]).items():
        for row, (_, atom) in zip(np.asarray(block.values), block.samples.values.tolist(), strict=True):
            for value, (l, n, m) in zip(row, block.properties.values.tolist(), strict=True):
                found[atom, int(key["neighbor_1_type"]), n, int(key["neighbor_2_type"]), m, l] = value
    return found


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize(
    ("atoms", "elements"),
    [
        (bulk("Cu", "fcc", 3.6, cubic=True), ["Cu"]),
        (bulk("NaCl", "rocksalt", 5.6, cubic=True), ["Cl", "Na"]),
        (molecule("CH3CH2OH"), ["H", "C", "O"]),
    ],
    ids=["Cu", "NaCl", "ethanol"],
)
def test_soap_equals_featomic(atoms, elements, centre):
    """Up to what is documented: featomic's (-1)^l, and √2 for a pair of one element, which it lists twice."""
    atoms = atoms.copy()
    atoms.rattle(0.1, seed=3)
    theirs = of_featomic(atoms, centre)
    ours = soap(atoms, SMEARED, elements=elements, centre=centre)
    largest, compared = 0.0, 0
    for p, ((a, n), (b, m), l) in zip(ours.T.tolist(), soap_labels(SMEARED, elements=elements), strict=True):
        first, second = (atomic_numbers[a], n), (atomic_numbers[b], m)
        twice = 2**0.5 if a == b and n != m else 1.0
        for atom, value in enumerate(p):
            keys = ((atom, *first, *second, l), (atom, *second, *first, l))
            expected = next((theirs[key] for key in keys if key in theirs), 0.0)
            largest = max(largest, abs(value / twice - (-1) ** l * expected))
            compared += expected != 0
    assert largest < 1e-8 and compared > 0.7 * ours.numel()
    squares = sum(value**2 for key, value in theirs.items() if key[0] == 0)
    assert abs(squares - float(ours[0] @ ours[0])) < 1e-8


def test_gaussians_spread_as_direct_integration_says():
    """c_nlm of one Gaussian, by summing it over a fine grid of points."""
    radial, r = SphericalBessel(3, 4.0), torch.tensor([0.9, -0.7, 1.1])
    smeared = Smeared(radial, 3, width=0.4)
    found = smeared_environments(
        Atoms("HHe", [[0, 0, 0], r.tolist()]), smeared, elements=["He", "H"], centre=False
    )
    line = torch.linspace(-4, 4, 81)
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    g = torch.exp(-(points - r).square().sum(-1) / (2 * 0.4**2)) * (torch.pi * 0.4**2) ** -0.75 * 0.1**3
    expected = project(points, radial, 3, weights=g)
    assert torch.allclose(found[0, 0], expected, atol=1e-3 * expected.abs().max().item())
    narrow = Smeared(radial, 3, width=0.02)  # a narrow Gaussian is a Dirac delta times its integral
    delta = smeared_environments(
        Atoms("HHe", [[0, 0, 0], r.tolist()]), narrow, elements=["He", "H"], centre=False
    )
    integral = (2 * 0.02 * torch.pi**0.5) ** 1.5
    assert torch.allclose(delta[0, 0] / integral, project(r[None], radial, 3), rtol=0.02, atol=1e-3)


def test_smeared_functions():
    G = GaussianOrbitals(6, 4.0)
    assert torch.allclose(overlap(G, G, 2), torch.eye(6), atol=1e-10)
    x = torch.linspace(-1, 1, 50)
    assert torch.allclose(chebyshev(x, 20), torch.cos(torch.arange(20) * torch.acos(x)[:, None]), atol=1e-12)
    r = torch.tensor([0.0, 1.0, 4.2, CUTOFF, 9.0], requires_grad=True)
    S = partial(SMEARED, lmax=SMEARED.lmax)
    assert (S(r)[3:].abs() < 1e-15).all() and (S(r)[0, 1:].abs() < 1e-10).all()
    assert torch.autograd.gradcheck(S, (torch.tensor([0.3, 1.0, 4.2], requires_grad=True),))
    S(r).sum().backward()
    assert r.grad.isfinite().all() and r.grad[3:].abs().max() < 1e-10
    for wrong in ({"width": 0.0}, {"width": 0.3, "smoothing": 9.0}):
        with pytest.raises(ValueError, match=r"width: expected|smoothing: expected"):
            Smeared(G, 2, **{"cutoff": 4.0, **wrong})


def test_soap_has_the_laws_of_a_descriptor():
    atoms = bulk("NaCl", "rocksalt", 5.6, cubic=True)
    atoms.rattle(0.1, seed=0)
    p = soap(atoms, SMEARED, elements=["Na", "Cl"])
    turned = atoms.copy()
    turned.set_cell(atoms.cell @ o3.rand_matrix().numpy().T, scale_atoms=True)
    assert relative(p, soap(turned, SMEARED, elements=["Na", "Cl"])) < 1e-10
    larger = soap(atoms.repeat((2, 1, 1)), SMEARED, elements=["Na", "Cl"], chunk=3)
    assert relative(p, larger[:8]) < 1e-10 and relative(p, larger[8:]) < 1e-10
    with pytest.raises(ValueError, match=r"elements: atom \d is Cl"):
        soap(atoms, SMEARED, elements=["Na"])


def test_forces_through_soap_are_minus_the_gradient():
    atoms = molecule("CH3CH2OH")
    graph = to_graph(atoms, CUTOFF)
    graph.pos.requires_grad_()
    w = torch.randn(len(soap_labels(SMEARED, elements=["H", "C", "O"])))
    energy = (soap(graph, SMEARED, elements=["H", "C", "O"]) @ w).sum()
    (gradient,) = torch.autograd.grad(energy, graph.pos)
    assert gradient.sum(0).abs().max() < 1e-10
    energies = []
    for step in (1e-4, -1e-4):
        moved = atoms.copy()
        moved.positions[2, 1] += step
        energies.append(float((soap(moved, SMEARED, elements=["H", "C", "O"]) @ w).sum()))
    assert abs((energies[0] - energies[1]) / 2e-4 - float(gradient[2, 1])) < 1e-6


def test_invariants_of_a_crystal_are_those_of_its_supercell():
    atoms = bulk("NaCl", "rocksalt", 5.6)
    c = environments(atoms, RADIAL, LMAX, elements=["Na", "Cl"])
    d = environments(atoms.repeat(2), RADIAL, LMAX, elements=["Na", "Cl"])
    assert relative(bispectrum(c.flatten(1, 2))[0], bispectrum(d.flatten(1, 2))[6]) < 1e-12


def test_whole_numbers_are_not_cut_to_whole_constants():
    """Coefficients and distances typed without a decimal point."""
    c, r, basis = torch.arange(18).reshape(2, 9), torch.tensor([1, 2]), SphericalBessel(3, 4.0)
    torch.testing.assert_close(bispectrum(c), bispectrum(c / 1))
    torch.testing.assert_close(basis(r, 2), basis(r / 1, 2))
