"""The networks keep the laws they claim, end smoothly at the cutoff, and give forces that are gradients."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from torch_geometric.data import Data
from toy_models import ethanol, salt

from tutorial_utils import graphs, nn, training
from tutorial_utils.nn.network import envelope
from tutorial_utils.symmetry import equivariance_report, permute, random_rotation, rotate, supercell
from tutorial_utils.testing import EnergyMixin, ModelMixin

CUTOFF = 4.0
ALL = "2x0e+0o+1e+1o+2e+2o"
HIDDEN = "6x0e+4x0o+4x1e+4x1o+3x2e+3x2o"
ELEMENTS = ["H", "C", "O", "Na", "Cl"]


def network(irreps_out=ALL, **options):
    options = {"irreps_hidden": HIDDEN, "layers": 3, "cutoff": CUTOFF} | options
    return nn.EquivariantNetwork(ELEMENTS, irreps_out, **options)


def graph(atoms, cutoff=CUTOFF):
    return graphs.to_graph(atoms, cutoff)


def shaken(atoms, seed=0):
    atoms = atoms.copy()
    atoms.rattle(0.1, seed=seed)
    return atoms


class TestSums(ModelMixin):
    irreps_out, size, structures = ALL, "extensive", (ethanol, salt)

    def build(self):
        return network()


class TestMeans(ModelMixin):
    irreps_out, size, structures = ALL, "intensive", (salt, ethanol)

    def build(self):
        return network(reduce="mean")


class TestAtoms(ModelMixin):
    irreps_out, per, structures = ALL, "atom", (ethanol, salt)

    def build(self):
        return network(per="atom")


class TestEnergies(EnergyMixin):
    size, structures = "extensive", (lambda: shaken(ethanol()), salt)

    def build(self):
        return network("0e", layers=2)


@pytest.mark.parametrize(("reduce", "size"), [("sum", "extensive"), ("mean", "intensive")])
def test_a_supercell_gives_the_same_per_cell(reduce, size):
    model = network("0e+1o", reduce=reduce)
    crystal = salt()
    report = equivariance_report(lambda atoms: model(graph(atoms)), crystal, "0e+1o", size=size, trials=2)
    assert report.passed, report
    other = {"extensive": "intensive", "intensive": "extensive"}[size]
    wrong = equivariance_report(lambda atoms: model(graph(atoms)), crystal, "0e+1o", size=other, trials=2)
    assert wrong.first_failure[0] == "supercell"


def test_far_molecules_do_not_know_of_each_other():
    model, water = network("0e"), molecule("H2O")
    far = water.copy()
    far.translate([3 * CUTOFF, 0, 0])
    torch.testing.assert_close(model(graph(water + far)), 2 * model(graph(water)))


def test_a_graph_made_for_a_longer_cutoff_changes_nothing():
    model = network()
    torch.testing.assert_close(model(graph(ethanol(), 8.0)), model(graph(ethanol())))


def test_a_batch_built_of_tensors_does_as_well_as_one_of_structures():
    """As molecules move under a field: new neighbours at every step, and gradients reach what moves them."""
    model, joined = network("0e+1o", layers=2), graphs.batch([graph(molecule(m)) for m in ("H2O", "CH4")])
    pos, which = joined.pos.clone().requires_grad_(), joined.batch
    near = (torch.cdist(pos, pos) < CUTOFF) & (which[:, None] == which) & ~torch.eye(len(pos), dtype=bool)
    centre, neighbour = near.nonzero().T
    by_hand = Data(
        pos=pos, atomic_numbers=joined.atomic_numbers, edge_index=torch.stack([neighbour, centre]),
        edge_shift=torch.zeros(len(centre), 3), cell=torch.zeros(2, 3, 3), pbc=torch.zeros(2, 3, dtype=bool),
        batch=which, num_graphs=2,
    )  # fmt: skip
    torch.testing.assert_close(model(by_hand), model(joined))
    (slope,) = torch.autograd.grad(model(by_hand)[:, 0].sum(), pos)
    torch.testing.assert_close(-slope, nn.forces(lambda g: model(g)[:, :1], joined).detach())


def test_the_envelope_ends_with_slope_and_curvature_zero():
    x = torch.tensor([0.0, 0.3, 1.0, 1.2], requires_grad=True)
    value = envelope(x)
    (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x)
    ends = torch.tensor([0, 2, 3])
    torch.testing.assert_close(value[ends], torch.tensor([1.0, 0.0, 0.0]), atol=1e-12, rtol=0)
    for derivative in (slope, curvature):
        torch.testing.assert_close(derivative[ends], torch.zeros(3), atol=1e-11, rtol=0)
    assert slope[1] < 0


def test_forces_leave_the_graph_alone_and_work_without_gradients():
    model, g = network("0e", layers=1), graph(ethanol())
    pos = g.pos
    wanted = nn.forces(model, g)
    with torch.no_grad():
        found = nn.forces(model, g)
    torch.testing.assert_close(found, wanted.detach())
    assert not found.requires_grad and wanted.requires_grad
    assert g.pos is pos and not pos.requires_grad


@pytest.mark.parametrize(
    "atoms",
    [
        Atoms("O"),
        Atoms("OH", [[0, 0, 0], [0, 9, 0]]),
        Atoms("HOH", [[-1, 0, 0], [0, 0, 0], [1, 0, 0]]),
        salt(),
    ],
    ids=["one atom", "no neighbours", "in a line", "images of itself"],
)
def test_gradients_are_finite_and_reach_the_weights(atoms):
    model = network("0e", layers=2)
    g = graph(atoms)
    loss = model(g).square().sum() + nn.forces(model, g).square().sum()
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert model.embedding.weight.grad.abs().max() > 0


def test_one_can_train_on_forces():
    model = network("0e", layers=2)
    nn.forces(model, graph(shaken(ethanol()))).square().sum().backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0}
    # the constant of the energy has no force
    assert silent == {"head.bias"}


def melt():
    """Molten salt: in the crystal, vectors nearly cancel."""
    atoms = supercell(salt(), (2, 2, 2))
    atoms.rattle(0.6, seed=0)
    return atoms


def each_irrep(irreps):
    return zip(irreps, irreps.slices(), strict=True)


@pytest.mark.parametrize(("structure", "neighbours"), [(ethanol, 8), (melt, 12)], ids=["ethanol", "melt"])
def test_untrained_numbers_are_of_the_order_of_one(structure, neighbours):
    # Few channels and products of many weights: some networks are five times larger than most, so the mean
    # of a few dozen wanders. Drawing the weights anew is quicker than building.
    atoms, total, draws = graph(shaken(structure())), 0.0, 150
    model = network("8x0e+8x1o+8x2e", per="atom", layers=2, neighbours=neighbours)
    with torch.no_grad():
        for _ in range(draws):
            for name, weight in model.named_parameters():
                if name != "head.bias":
                    weight.normal_()
            total = total + model(atoms).square().mean(dim=0)
    size = {str(ir): (total[p].mean() / draws) ** 0.5 for ir, p in each_irrep(model.irreps_out)}
    assert all(0.7 < value < 2.5 for value in size.values()), size


def test_planar_molecules_show_that_outputs_obey_the_mirror():
    # a pseudoscalar must change sign in the mirror plane that leaves benzene as it is
    y = network("0e+0o", layers=3)(graph(molecule("C6H6")))[0]
    assert abs(y[1]) < 1e-12 < abs(y[0])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: network("3o"), ["irreps_out", "3o", "irreps_hidden"]),
        (lambda: network("1e", layers=1), ["1e", "out of reach", "add layers"]),
        (lambda: network("0e", per="molecule"), ["per", "molecule"]),
        (lambda: network("0e", reduce="max"), ["reduce", "max"]),
        (lambda: network("0e", irreps_hidden="4x1o"), ["irreps_hidden", "0e"]),
        (lambda: nn.EquivariantNetwork("HC", "0e"), ["elements", "HC"]),
        (lambda: nn.EquivariantNetwork(["H", "Xy"], "0e"), ["elements", "Xy"]),
        (lambda: nn.EquivariantNetwork(["H", "H"], "0e"), ["elements", "H"]),
        (lambda: network()(graph(molecule("SiH4"))), ["Si", "not trained on"]),
    ],
)
def test_errors_name_the_argument_and_the_cure(build, words):
    with pytest.raises(ValueError) as error:
        build()
    assert all(word in str(error.value) for word in words), error.value


def test_a_network_built_in_float32_stays_there():
    torch.set_default_dtype(torch.float32)
    model = network("0e+1o", layers=2)
    assert model(graph(ethanol())).dtype == torch.float32
    report = equivariance_report(lambda atoms: model(graph(atoms)), ethanol(), "0e+1o", trials=2)
    assert report.passed and report.tolerance == 1e-4, report


# --- the plain models -------------------------------------------------------------------------------------


def laws_of(model, irreps_out, per="system"):
    laws = ["rotation", "parity", "translation"]
    f = lambda atoms: model(graph(atoms, 1.0))  # noqa: E731
    return equivariance_report(f, shaken(ethanol()), irreps_out, per=per, laws=laws, trials=3)


@pytest.mark.parametrize("per", ["system", "atom"])
def test_scalars_times_vectors_give_vectors(per):
    report = laws_of(nn.ScalarsTimesVectors(9, per=per), "1o", per)
    assert report.passed and not report.vacuous, report


def test_distances_give_scalars_and_nothing_else():
    assert laws_of(nn.InvariantMLP(9, 2), "2x0e").passed
    assert laws_of(nn.InvariantMLP(9, 3), "1o").first_failure == ("rotation", "1o")


@pytest.mark.parametrize(("outputs", "irreps"), [(3, "1o"), (1, "0e")])
def test_raw_coordinates_know_translations_only(outputs, irreps):
    report = laws_of(nn.CoordinateMLP(9, outputs), irreps)
    failing = {law for (law, _), error in report.errors.items() if error > report.tolerance}
    assert failing == {"rotation", "parity"}


def test_none_of_the_plain_models_knows_that_hydrogens_are_alike():
    atoms = shaken(ethanol())
    first, second = [i for i, symbol in enumerate(atoms.symbols) if symbol == "H"][:2]
    order = np.arange(9)
    order[[first, second]] = second, first
    for model in (nn.CoordinateMLP(9, 1), nn.InvariantMLP(9, 1), nn.ScalarsTimesVectors(9)):
        assert not torch.allclose(model(graph(atoms)), model(graph(permute(atoms, order))))


def net(forces, pos):
    return forces.sum(dim=0), torch.linalg.cross(pos, forces).sum(dim=0)


def test_forces_from_distances_add_up_to_nothing_and_turn_nothing():
    g = graph(shaken(ethanol()))
    direct = nn.ScalarsTimesVectors(9, per="atom")(g)
    derived = nn.forces(nn.InvariantMLP(9, 1), g)
    for forces in (direct, derived):
        assert forces.abs().max() > 1e-3
        assert all(total.abs().max() < 1e-12 for total in net(forces, g.pos))


def test_a_gradient_is_scalars_times_vectors():
    energy, g = nn.InvariantMLP(9, 1), graph(shaken(ethanol()))
    distances = energy.features(g).detach().requires_grad_()
    (slope,) = torch.autograd.grad(energy.mlp(energy.inputs(distances)).sum(), distances)
    vectors = nn.ScalarsTimesVectors(9, per="atom")
    vectors.mlp = torch.nn.Identity()
    vectors.inputs = torch.nn.Module()
    vectors.inputs.forward = lambda _: -slope / distances
    torch.testing.assert_close(vectors(g), nn.forces(energy, g))


@pytest.mark.parametrize("kind", [nn.CoordinateMLP, nn.InvariantMLP, nn.ScalarsTimesVectors])
def test_standardised_inputs_have_mean_zero_and_spread_one(kind):
    model = kind(9) if kind is nn.ScalarsTimesVectors else kind(9, 1)
    g = graphs.batch([graph(shaken(ethanol(), seed)) for seed in range(20)])
    before = model(g)
    nn.standardise(model, g)
    x = model.inputs(model.features(g))
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(x.shape[1]), atol=1e-10, rtol=0)
    torch.testing.assert_close(x.std(dim=0), torch.ones(x.shape[1]))
    assert not torch.allclose(model(g), before)
    assert "inputs.mean" in model.state_dict()


def test_one_loop_trains_them_all():
    rng = np.random.default_rng(0)
    frames = [shaken(ethanol(), seed) for seed in range(12)]
    frames = [rotate(atoms, random_rotation(rng)) for atoms in frames]
    charges = np.array([0.1, 0.2, -0.6, 0.3, 0, 0, 0, 0, 0])
    data = [graphs.to_graph(a, CUTOFF, system={"dipole": charges @ a.positions}) for a in frames]
    models = [
        nn.CoordinateMLP(9, 3),
        nn.InvariantMLP(9, 3),
        nn.ScalarsTimesVectors(9),
        network("1o", layers=1, irreps_hidden="8x0e+8x1o"),
    ]
    loss = lambda model, batch: (model(batch) - batch.dipole).square().mean()  # noqa: E731
    for model in models:
        if not isinstance(model, nn.EquivariantNetwork):
            nn.standardise(model, graphs.batch(data))
        start = loss(model, graphs.batch(data)).item()
        training.fit(model, loss, train=data, valid=[], epochs=40, learning_rate=3e-3, quiet=True)
        assert loss(model, graphs.batch(data)).item() < 0.5 * start, type(model)


@pytest.mark.parametrize("kind", [nn.CoordinateMLP, nn.InvariantMLP])
def test_plain_models_name_what_is_wrong(kind):
    with pytest.raises(ValueError, match="no multiple of 9"):
        kind(9, 1)(graph(molecule("H2O")))
    with pytest.raises(ValueError, match="per: expected"):
        kind(9, 1, per="graph")
