"""Spectra from structures: the laws of crystals hold, sums are edges added up, strangers are refused."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc100, make_supercell, molecule
from ase.spacegroup import crystal
from e3nn import o3
from scipy.spatial.transform import Rotation

from tutorial_utils import graphs, training
from tutorial_utils.nn.network import RadialBasis, depthwise_product, envelope
from tutorial_utils.phonons import network, species, sums

ELEMENTS = ["Mg", "O", "Ti", "Cu"]
HIDDEN = {0: "12x0e", 1: "12x0e+6x1o", 2: "12x0e+6x1o+4x2e"}


@pytest.fixture(scope="module", params=HIDDEN, ids=lambda lmax: f"l={lmax}")
def model(request) -> network.SpectrumNetwork:
    torch.manual_seed(request.param)
    return network.SpectrumNetwork(ELEMENTS, irreps_hidden=HIDDEN[request.param]).eval()


def rutile() -> Atoms:
    """TiO2: six atoms, no two axes alike in length, directions that matter."""
    return crystal(
        ("Ti", "O"), [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.59, 4.59, 2.96, 90, 90, 90]
    )


def spectrum(model: network.SpectrumNetwork, atoms: Atoms) -> torch.Tensor:
    with torch.no_grad():
        return model(sums.lattice_sums(atoms, lmax=model.lmax))[0]


# --- laws ---


def transformed() -> dict[str, Atoms]:
    """The same crystal, written down differently."""
    R = Rotation.random(rng=np.random.default_rng(0)).as_matrix()
    turned, mirrored, shifted, sheared = (rutile() for _ in range(4))
    turned.set_cell(turned.cell.array @ R.T, scale_atoms=True)
    mirrored.set_cell(mirrored.cell.array @ np.diag([1.0, 1.0, -1.0]), scale_atoms=True)
    shifted.positions += [0.3, -1.2, 7.7]
    sheared.set_cell(np.array([[1, 0, 0], [2, 1, 0], [0, -1, 1]]) @ sheared.cell.array)
    return {
        "turned": turned,
        "mirrored": mirrored,
        "shifted": shifted,
        "another cell": sheared,
        "permuted": rutile()[[3, 0, 5, 1, 4, 2]],
        "supercell": rutile().repeat((2, 1, 3)),
        "slanted supercell": make_supercell(rutile(), [[1, 1, 0], [0, 1, 0], [1, 0, 2]]),
    }


def test_one_crystal_has_one_spectrum(model) -> None:
    expected = spectrum(model, rutile()).numpy()
    for name, atoms in transformed().items():
        assert spectrum(model, atoms).numpy() == pytest.approx(expected, abs=1e-10), name


def test_primitive_and_conventional_cell(model) -> None:
    small, large = bulk("MgO", "rocksalt", a=4.21), bulk("MgO", "rocksalt", a=4.21, cubic=True)
    assert (len(small), len(large)) == (2, 8)
    assert spectrum(model, small).numpy() == pytest.approx(spectrum(model, large).numpy(), abs=1e-10)


def test_geometry_matters_unless_there_are_no_layers(model) -> None:
    salt, other = bulk("MgO", "rocksalt", a=4.21), bulk("MgO", "cesiumchloride", a=2.6)
    assert (spectrum(model, salt) - spectrum(model, other)).abs().max() > 1e-5
    blind = network.SpectrumNetwork(ELEMENTS, irreps_hidden="8x0e", layers=0).eval()
    assert torch.equal(spectrum(blind, salt), spectrum(blind, other))


def test_batches_are_as_one_by_one(model) -> None:
    crystals = [rutile(), bulk("Cu"), bulk("MgO", "rocksalt", a=4.21)]
    with torch.no_grad():
        together = model(graphs.batch(sums.crystals(crystals, lmax=model.lmax)))
    alone = torch.stack([spectrum(model, atoms) for atoms in crystals])
    assert together.numpy() == pytest.approx(alone.numpy(), abs=1e-10)


def test_the_input_is_left_as_it_is(model) -> None:
    graph = sums.lattice_sums(rutile(), lmax=model.lmax)
    before = {key: value.clone() for key, value in graph.to_dict().items() if isinstance(value, torch.Tensor)}
    with torch.no_grad():
        first, second = model(graph), model(graph)
    assert torch.equal(first, second)
    assert all(torch.equal(graph[key], value) for key, value in before.items())


def test_spectra_change_smoothly_as_neighbours_leave(model) -> None:
    """Around the lattice constant at which a shell of copper crosses the cutoff."""
    a = np.sqrt(2 / 3) * sums.CUTOFF
    near, at, far = (spectrum(model, bulk("Cu", a=a + d)) for d in (-1e-4, 0.0, 1e-4))
    assert (near - 2 * at + far).abs().max() < 1e-6


def test_positive_and_begins_with_the_given_spectrum() -> None:
    start = torch.linspace(0.01, 1, 51)
    found = network.SpectrumNetwork(ELEMENTS, start=start).eval()
    with torch.no_grad():
        found.head.weight.zero_()
    assert spectrum(found, rutile()).numpy() == pytest.approx(start.numpy(), abs=1e-6)
    wild = network.SpectrumNetwork(ELEMENTS).eval()
    with torch.no_grad():
        wild.head.weight.mul_(100)
    assert spectrum(wild, rutile()).min() >= 0


def test_an_atom_that_is_wholly_one_element_is_that_element(model) -> None:
    plain, mixed = (sums.lattice_sums(rutile(), lmax=model.lmax) for _ in range(2))
    mixed.shares = torch.nn.functional.one_hot(mixed.atomic_numbers, len(model.table)).to(model.table)
    with torch.no_grad():
        assert torch.allclose(model(mixed), model(plain), atol=1e-10)


def test_a_mixed_atom_goes_from_one_element_to_the_other(model) -> None:
    """A virtual crystal knows no order of its parts, and moves away from an end with the share."""
    graph = sums.lattice_sums(bulk("Cu", a=3.8), lmax=model.lmax)
    found = []
    for share in (0.0, 0.1, 0.9, 1.0):
        graph.shares = torch.zeros(1, len(model.table))
        graph.shares[0, 29], graph.shares[0, 22] = 1 - share, share  # Cu and Ti
        with torch.no_grad():
            found.append(model(graph)[0])
    titanium = spectrum(model, bulk("Ti", "fcc", a=3.8))
    assert torch.allclose(found[-1], titanium, atol=1e-10)
    assert 0 < (found[1] - found[0]).norm() < (found[2] - found[0]).norm()
    assert (found[2] - titanium).norm() < (found[1] - titanium).norm()


# --- lattice sums ---


@pytest.mark.parametrize("lmax", [0, 2])
def test_sums_are_the_edgewise_tensor_product(lmax: int) -> None:
    """Σ_j h_j ⊗ G_ij = Σ_edges h_j ⊗ Y(r̂) R(r), where R is linear in the radial functions."""
    hidden = o3.Irreps(HIDDEN[lmax])
    layer = network.product(hidden, sums.sums_irreps(lmax), hidden)
    edges, pairs = graphs.to_graph(rutile(), sums.CUTOFF), sums.lattice_sums(rutile(), lmax=lmax)
    h = torch.randn(6, hidden.dim)

    j, i = pairs.edge_index
    summed = torch.zeros(6, layer.irreps_out.dim).index_add(0, i, layer(h[j], pairs.sums))

    r = graphs.edge_vectors(edges)
    irreps = o3.Irreps.spherical_harmonics(lmax)
    Y = o3.spherical_harmonics(irreps, r, normalize=True, normalization="component")
    product = depthwise_product(hidden, irreps, hidden)
    w = torch.cat([w.reshape(-1, sums.RADIAL) for w in layer.weight_views()])  # (paths · channels, radial)
    b = RadialBasis(sums.RADIAL, sums.CUTOFF)(r.norm(dim=1)) * envelope(r.norm(dim=1) / sums.CUTOFF)[:, None]
    # e3nn divides a path by the root of what it sums over, here the radial functions
    R = b @ w.T / sums.RADIAL**0.5
    j, i = edges.edge_index
    edgewise = torch.zeros(6, product.irreps_out.dim).index_add(0, i, product(h[j], Y, R))

    assert len(j) > 3 * len(pairs.edge_index[0])
    assert summed.detach().numpy() == pytest.approx(edgewise.detach().numpy(), abs=1e-6)


def test_sums_turn_as_their_irreps() -> None:
    R = Rotation.random(rng=np.random.default_rng(2)).as_matrix()
    turned = rutile()
    turned.set_cell(turned.cell.array @ R.T, scale_atoms=True)
    D = sums.sums_irreps(2).D_from_matrix(torch.tensor(R))
    before, after = (sums.lattice_sums(atoms, lmax=2) for atoms in (rutile(), turned))
    assert torch.equal(before.edge_index, after.edge_index)
    assert after.sums.numpy() == pytest.approx((before.sums @ D.T).numpy(), abs=1e-10)


def test_a_site_of_inversion_has_no_odd_sums() -> None:
    graph = sums.lattice_sums(bulk("MgO", "rocksalt", a=4.21), lmax=1)
    assert graph.sums[:, : sums.RADIAL].abs().max() > 0.1
    assert graph.sums[:, sums.RADIAL :].abs().max() < 1e-10


# --- elements ---


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, (1, 1, 0)), (8, (16, 2, 0)), (26, (8, 4, 0)), (57, (3, 6, 1)), (72, (4, 6, 0)), (83, (15, 6, 0))],
)
def test_places_in_the_periodic_table(number: int, expected: tuple) -> None:
    assert species.place(number) == expected


def test_descriptors_are_scaled_and_tell_elements_apart() -> None:
    rows = species.descriptors()[1:]
    assert rows.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-10)
    assert rows.std(axis=0) == pytest.approx(np.ones(5))
    assert len(np.unique(rows.round(6), axis=0)) == species.LARGEST
    near = np.linalg.norm(rows[[18, 36]] - rows[54], axis=1)  # K and Rb seen from Cs
    assert near.max() < np.linalg.norm(rows[8] - rows[54])  # than F


# --- training ---


def test_loss_is_zero_for_the_truth_and_feels_distance() -> None:
    grid = torch.arange(51.0)

    def loss(centre: float, height: float = 1.0) -> float:
        def fixed(_) -> torch.Tensor:
            return height * torch.exp(-((grid - centre) ** 2) / 2)[None]

        class Batch:
            dos = torch.exp(-((grid - 10) ** 2) / 2)[None]

        return float(network.spectrum_loss(fixed, Batch))

    assert loss(10) == pytest.approx(0, abs=1e-10)
    assert loss(10, height=7.0) == pytest.approx(0, abs=1e-10)  # only the shape counts
    assert loss(40) > loss(25) + 0.05 > loss(11)


def test_a_network_learns_two_crystals_by_heart() -> None:
    torch.manual_seed(0)
    dos = np.stack([np.exp(-(((np.arange(51) - c) / 4) ** 2)) for c in (10, 30)])
    data = sums.crystals([bulk("Cu"), rutile()], dos)
    model = network.SpectrumNetwork(["Cu", "Ti", "O"], irreps_hidden="16x0e", dropout=0.0)
    history = training.fit(model, network.spectrum_loss, train=data, valid=[], epochs=80, quiet=True)
    assert history.train[-1] < 0.002 < 0.05 < history.train[0]


# --- what is no crystal ---


@pytest.mark.parametrize(
    ("atoms", "complaint"),
    [
        (molecule("H2O"), "periodic along all axes"),
        (fcc100("Cu", (1, 1, 3), vacuum=6.0), "periodic along all axes"),
        (Atoms("Cu", cell=[20, 20, 20], pbc=True), "a molecule or loose atoms"),
        (Atoms("Cu", cell=[2.5, 20, 20], pbc=True), "a wire"),
        (Atoms("Cu", cell=[2.5, 2.5, 20], pbc=True), "a slab"),
        (Atoms("MgO", [[0, 0, 0], [0.4, 0, 0]], cell=[4, 4, 4], pbc=True), r"Mg.* and O.* overlap.*0\.40 Å"),
        (bulk("MgO", "rocksalt", a=1.5), "overlap"),
        (Atoms("Cu", cell=np.zeros((3, 3)), pbc=True), "no volume"),
    ],
)
def test_what_is_no_crystal_is_refused(atoms: Atoms, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        sums.lattice_sums(atoms)


def test_layered_crystals_are_crystals() -> None:
    """Graphite: sheets 3.35 Å apart; and sheets further apart than the cutoff, as some published ones are."""
    for c in (6.7, 11.0):
        graphite = crystal(
            ("C", "C"),
            [(0, 0, 0.25), (1 / 3, 2 / 3, 0.25)],
            spacegroup=194,
            cellpar=[2.46, 2.46, c, 90, 90, 120],
        )
        assert sums.lattice_sums(graphite).sums.isfinite().all()


def test_strangers_are_named(model) -> None:
    with pytest.raises(ValueError, match="holds Zn, which the network was not trained on"):
        model(sums.lattice_sums(bulk("Zn"), lmax=model.lmax))
    with pytest.raises(ValueError, match=rf"lmax={model.lmax}"):
        model(sums.lattice_sums(bulk("Cu"), lmax=model.lmax + 1))
    with pytest.raises(ValueError, match="numbers a pair, got none"):
        model(graphs.to_graph(bulk("Cu"), 4.0))
    with pytest.raises(ValueError, match="symbols up to Rn"):
        network.SpectrumNetwork(["U", "O"])
    with pytest.raises(ValueError, match="expected a list of symbols"):
        network.SpectrumNetwork("Cu")


def test_weights_survive_a_checkpoint(model, tmp_path) -> None:
    training.save(tmp_path / "spectra.pt", model, elements=list(model.elements))
    other = network.SpectrumNetwork(ELEMENTS, irreps_hidden=HIDDEN[model.lmax]).eval()
    assert training.load(tmp_path / "spectra.pt", other)["elements"] == ELEMENTS
    assert torch.equal(spectrum(other, rutile()), spectrum(model, rutile()))


def test_without_distances_only_the_composition_counts() -> None:
    torch.manual_seed(0)
    blind = network.SpectrumNetwork(ELEMENTS, irreps_hidden=HIDDEN[0]).eval()

    def seen(atoms: Atoms, *, volume: bool = False) -> torch.Tensor:
        with torch.no_grad():
            return blind(sums.cell_averages(atoms, volume=volume))[0]

    salt = seen(bulk("MgO", "rocksalt", a=4.2))
    assert torch.allclose(seen(bulk("MgO", "cesiumchloride", a=2.6)), salt)
    # with the volume: another structure of the same density is the same, a larger crystal is not
    dense, same = (bulk("MgO", "rocksalt", a=4.2), bulk("MgO", "cesiumchloride", a=4.2 / 4 ** (1 / 3)))
    assert torch.allclose(seen(dense, volume=True), seen(same, volume=True))
    assert torch.allclose(seen(dense, volume=True), seen(dense.repeat(2), volume=True))
    assert not torch.allclose(seen(dense, volume=True), seen(bulk("MgO", "rocksalt", a=4.5), volume=True))
    assert torch.allclose(seen(bulk("MgO", "rocksalt", a=4.2).repeat(2)), salt)
    assert not torch.allclose(seen(bulk("CuO", "rocksalt", a=4.2)), salt)
