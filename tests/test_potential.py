"""A network in use: inputs beside the elements, units, a loss, ASE, files, a compiler, another device."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from e3nn import o3
from toy_models import ethanol, salt

from tutorial_utils import graphs, nn, training
from tutorial_utils.symmetry import random_rotation, rotate

HIDDEN = "6x0e+4x1o+3x2e"


def potential(**options):
    network = nn.EquivariantNetwork(["H", "C", "O", "Na", "Cl"], "0e", irreps_hidden=HIDDEN, **options)
    energies = {"H": -13.6, "C": -1030.0, "O": -2040.0, "Na": -4410.0, "Cl": -12500.0}
    return nn.Potential(network, energies=energies, scale=0.5)


def test_the_last_layer_computes_what_the_outputs_need():
    model = nn.EquivariantNetwork(["O"], "0e", irreps_hidden="32x0e+16x1o+8x2e", layers=3)
    assert [str(layer.irreps_out) for layer in model.layers] == 2 * ["32x0e+16x1o+8x2e"] + ["32x0e"]
    # 1e is reached in the second layer, and no dipole of the third needs 0o
    model = nn.EquivariantNetwork(["O"], "1o", irreps_hidden="8x0e+8x0o+8x1o+8x1e", layers=2)
    assert [str(layer.irreps_out) for layer in model.layers] == ["8x0e+8x1o", "8x1o"]


def test_a_field_of_the_structure_or_of_each_atom_turns_along(rng):
    model = nn.EquivariantNetwork(["H", "C", "O"], "1o", irreps_hidden=HIDDEN, inputs={"E": "1o", "q": "0e"})
    atoms, E, R = ethanol(), torch.tensor([0.3, -0.2, 0.5]), random_rotation(rng)

    def dipole(atoms, E, q=1.0):
        return model(graphs.to_graph(atoms, 4.0, system={"E": E, "q": q}))[0]

    turned = dipole(rotate(atoms, R), torch.tensor(R) @ E)
    torch.testing.assert_close(turned, torch.tensor(R) @ dipole(atoms, E))
    assert not torch.allclose(dipole(atoms, -E), dipole(atoms, E))
    assert not torch.allclose(dipole(atoms, E, 0.0), dipole(atoms, E))
    each = graphs.to_graph(atoms, 4.0, atom={"E": E.expand(9, 3)}, system={"q": 1.0})
    torch.testing.assert_close(model(each)[0], dipole(atoms, E))
    two = [graphs.to_graph(atoms, 4.0, system={"E": sign * E, "q": 1.0}) for sign in (1, -1)]
    torch.testing.assert_close(model(graphs.batch(two)), torch.stack([dipole(atoms, E), dipole(atoms, -E)]))
    with pytest.raises(ValueError, match="input 'E'"):
        model(graphs.to_graph(atoms, 4.0, system={"q": 1.0}))
    with pytest.raises(ValueError, match="input 'q'"):
        model(graphs.to_graph(atoms, 4.0, system={"E": E, "q": [1.0, 2.0]}))


def test_an_order_parameter_chooses_among_the_domains_of_a_square():
    square = torch.tensor([[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]])
    order = o3.spherical_harmonics("2e", torch.tensor([1.0, 0, 0]), True)
    order = order - o3.spherical_harmonics("2e", torch.tensor([0.0, 1, 0]), True)  # x² - y²
    options = {"irreps_hidden": "8x0e+8x1o+8x2e", "cutoff": 4.0, "per": "atom"}
    model = nn.EquivariantNetwork(["C"], "1o", inputs={"order": "2e"}, **options)

    def move(sign):
        return model(graphs.to_graph(Atoms("C4", square), 4.0, system={"order": sign * order}))

    pattern = square * torch.tensor([1.0, -1, 0])
    silent, plus, minus = ((move(sign) * pattern).sum() for sign in (0.0, 1.0, -1.0))
    assert abs(silent) < 1e-10 < 1e-3 < abs(plus)
    torch.testing.assert_close(minus, -plus)


def test_reference_energies_and_scale_add_up():
    model, graph = potential(), graphs.to_graph(salt(), 4.0)
    torch.testing.assert_close(model(graph), -16910.0 + 0.5 * model.network(graph))
    with pytest.raises(ValueError, match="energies: C has none"):
        nn.Potential(nn.EquivariantNetwork(["H", "C"], "0e", irreps_hidden=HIDDEN), energies={"H": -13.6})
    with pytest.raises(ValueError, match="network: an energy"):
        nn.Potential(nn.EquivariantNetwork(["H"], "1o", irreps_hidden=HIDDEN))


def test_the_calculator_has_forces_and_a_stress_that_are_slopes_of_its_energy():
    atoms = salt().repeat((2, 1, 1))
    atoms.rattle(0.1, seed=0)
    atoms.calc = nn.Calculator(potential())
    F, σ, step = atoms.get_forces(), voigt_6_to_full_3x3_stress(atoms.get_stress()), 1e-4

    still, unstrained = np.zeros((4, 3)), np.zeros((3, 3))

    def energy(*, strain=unstrained, move=still):
        other = atoms.copy()
        other.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
        other.positions += move
        other.calc = atoms.calc
        return other.get_potential_energy()

    push = np.zeros((4, 3))
    push[1, 2] = step
    assert F[1, 2] == pytest.approx((energy(move=-push) - energy(move=push)) / (2 * step), rel=1e-4)
    for i, j in ((0, 0), (0, 1), (2, 2)):
        ε = np.zeros((3, 3))
        ε[i, j] += step / 2
        ε[j, i] += step / 2
        slope = (energy(strain=ε) - energy(strain=-ε)) / (2 * step) / atoms.get_volume()
        assert σ[i, j] == pytest.approx(slope, rel=1e-3, abs=1e-8)


def test_energies_and_forces_are_learnt_together():
    frames = []
    for seed in range(6):
        atoms = ethanol()
        atoms.rattle(0.1, seed=seed)
        frames.append(graphs.to_graph(atoms, 4.0))
    teacher, pupil, loss = potential(), potential(layers=1), nn.energy_and_forces(energy=1.0, force=1.0)
    for frame in frames:
        frame.energy, frame.forces = teacher(frame)[0].detach(), nn.forces(teacher, frame).detach()
    before = loss(pupil, graphs.batch(frames)).item()
    training.fit(pupil, loss, train=frames, valid=[], epochs=30, learning_rate=1e-2, quiet=True)
    assert loss(pupil, graphs.batch(frames)).item() < 0.5 * before


def test_a_file_builds_its_network_again(tmp_path):
    torch.set_default_dtype(torch.float32)
    model = potential(inputs={"q": "0e"}, layers=3, neighbours=5.0)
    training.save(tmp_path / "model.pt", model, note="x")
    torch.set_default_dtype(torch.float64)
    again, graph = nn.load(tmp_path / "model.pt"), graphs.to_graph(salt(), 4.0, system={"q": 1.0})
    assert torch.equal(again(graph), model.eval()(graph)) and again(graph).dtype == torch.float32
    assert again.network.recipe == model.network.recipe
    training.save(tmp_path / "line.pt", torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="weights only"):
        nn.load(tmp_path / "line.pt")


def test_the_compiler_finds_no_branch_that_depends_on_data():
    model = potential()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    graph = graphs.batch([graphs.to_graph(a, 5.0) for a in (salt(), ethanol())])
    torch.testing.assert_close(compiled(model.prepare(graph)), model(graph))


def test_the_product_can_be_replaced():
    def scalars_only(irreps_in, irreps_edge, wanted):
        return nn.network.depthwise_product(irreps_in, irreps_edge[:1], wanted)

    class Narrow(torch.nn.Module):
        def __init__(self, *irreps):
            super().__init__()
            self.inner = scalars_only(*irreps)
            self.irreps_out, self.weight_numel = self.inner.irreps_out, self.inner.weight_numel

        def forward(self, h, Y, weights):
            return self.inner(h, Y[:, :1], weights)

    model = nn.EquivariantNetwork(["Na", "Cl"], "0e", irreps_hidden="8x0e", product=Narrow)
    assert model(graphs.to_graph(salt(), 4.0)).isfinite().all() and model.recipe is None


def test_a_molecule_has_no_stress():
    with pytest.raises(ValueError, match="graph: expected crystals"):
        nn.stress(potential(), graphs.to_graph(ethanol(), 4.0))
