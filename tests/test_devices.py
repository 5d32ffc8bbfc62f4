"""Networks are trained and used on a second device, in single and double precision, as on the first.

The device is that of `tutorial_utils.testing`: it computes on the CPU, so results are the same to the last
bit, and it refuses what was left behind.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule
from torch_geometric.data import Data
from toy_models import ethanol

from tutorial_utils import datasets, graphs, nn, phonons, training
from tutorial_utils.densities import network as densities
from tutorial_utils.descriptors.radial import SphericalBessel
from tutorial_utils.generation import hydrogens, torus
from tutorial_utils.molecular_dynamics.baselines import AngularNetwork
from tutorial_utils.phonons.network import SpectrumNetwork, spectrum_loss
from tutorial_utils.phonons.sums import crystals
from tutorial_utils.testing import Distant, Elsewhere

ELEMENTS = ["H", "C", "O"]


class Training(NamedTuple):
    """What a network of the course is trained on, and by which loss."""

    build: Callable[[], torch.nn.Module]
    data: Callable[[], list[Data]]
    loss: training.Loss


def forces_of_ethanol() -> list[Data]:
    energy, forces = torch.ones(()), torch.ones(9, 3)
    return [graphs.to_graph(ethanol(), 4.0, system={"energy": energy}, atom={"forces": forces})] * 3


def waters() -> list[Data]:
    water = datasets.load("water_clusters_pbe").structures[0][:3]
    count = densities.WATER.irreps("O").dim + 2 * densities.WATER.irreps("H").dim
    return [densities.as_graph(densities.Density(water, torch.ones(count), densities.WATER), 5.0)] * 3


SALTS = [bulk("NaCl", "rocksalt", a=a) for a in (5.2, 5.5, 5.8)]


def salts() -> list[Data]:
    return crystals(SALTS, dos=np.random.default_rng(0).uniform(size=(3, 51)))


def potential() -> nn.Potential:
    network = nn.EquivariantNetwork(ELEMENTS, "0e", irreps_hidden="4x0e+2x1o+2x2e")
    return nn.Potential(network, energies=dict.fromkeys(ELEMENTS, -1.0))


TRAININGS = {
    "potential": Training(potential, forces_of_ethanol, nn.energy_and_forces()),
    "angles": Training(
        lambda: AngularNetwork(ELEMENTS, SphericalBessel(3, 4.0), hidden=(8,)),
        forces_of_ethanol,
        nn.energy_and_forces(),
    ),
    "density": Training(
        lambda: densities.DensityNetwork(irreps_hidden="4x0e+2x1o", irreps_last="4x0e+2x1o"),
        waters,
        densities.root_error,
    ),
    "spectrum": Training(lambda: SpectrumNetwork(["Na", "Cl"], irreps_hidden="8x0e"), salts, spectrum_loss),
    "crystals": Training(
        lambda: torus.CrystalField("4x0e+2x1o"),
        lambda: torus.lines([bulk("NaCl", "rocksalt", a=5.6)], torus.Prior(SALTS), each=3),
        torus.loss,
    ),
    "hydrogens": Training(
        lambda: hydrogens.HydrogenNetwork(1, hidden_lmax=1),
        lambda: hydrogens.fragments([molecule("C2H6")], each=3),
        hydrogens.loss,
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TRAININGS)
def test_training_on_another_device_is_the_same(name: str, dtype: torch.dtype) -> None:
    task = TRAININGS[name]
    data = task.data()  # in double precision
    torch.set_default_dtype(dtype)

    def run(model: torch.nn.Module) -> training.History:
        torch.manual_seed(1)  # of what drops out
        return training.fit(
            model, task.loss, train=data[:2], valid=data[2:], epochs=1, batch_size=1, quiet=True
        )

    near = task.build()
    far = copy.deepcopy(near)
    here = run(near)
    with Elsewhere():
        far.to("meta")
        assert run(far) == here
        for weight, same in zip(far.parameters(), near.parameters(), strict=True):
            assert isinstance(weight.data, Distant) and weight.dtype == dtype
            assert torch.equal(weight.here, same)


def density_of_water(model: torch.nn.Module) -> np.ndarray:
    return densities.density_of(model, datasets.load("water_clusters_pbe").structures[0][:3]).coefficients


def forces_of_calculator(model: torch.nn.Module) -> np.ndarray:
    atoms = ethanol()
    atoms.calc = nn.Calculator(model)
    return atoms.get_forces()


@pytest.mark.parametrize(
    ("name", "predict"),
    [
        ("density", density_of_water),
        ("potential", forces_of_calculator),
        ("spectrum", lambda model: phonons.Ensemble([model]).predict([bulk("NaCl", "rocksalt", a=5.6)])[0]),
    ],
)
def test_predictions_come_back_from_another_device(name: str, predict: Callable) -> None:
    model = TRAININGS[name].build()
    here = predict(model)
    with Elsewhere():
        there = predict(model.to("meta"))
        assert not isinstance(there, Distant)
        np.testing.assert_array_equal(np.asarray(there), np.asarray(here))


@pytest.mark.parametrize("name", TRAININGS)
def test_a_graph_follows_the_network_that_is_asked(name: str) -> None:
    """Of another precision, and left on the other device."""
    (graph, *_), model = TRAININGS[name].data(), TRAININGS[name].build().eval()
    near, _ = torch.utils._pytree.tree_flatten(model(graph))  # one answer, or several
    with Elsewhere():
        far, _ = torch.utils._pytree.tree_flatten(model.float().to("meta")(graph))
        for found, wanted in zip(far, near, strict=True):
            assert isinstance(found, Distant) and found.dtype == torch.float32
            scale = wanted.detach().abs().max().item()
            torch.testing.assert_close(found.here.to(wanted), wanted, rtol=1e-3, atol=1e-3 * scale)


def test_what_generates_works_on_another_device() -> None:
    field, network = torus.CrystalField("4x0e+2x1o"), hydrogens.HydrogenNetwork(1, hidden_lmax=1)
    carbon, salt = molecule("C2H6")[:2], bulk("NaCl", "rocksalt", a=5.6)

    def made() -> np.ndarray:
        placed = hydrogens.place(network, carbon, [3, 3])
        return np.concatenate([placed.positions, torus.generate(field, [salt], steps=2)[-1][0].positions])

    here = made()
    with Elsewhere():
        field.to("meta"), network.to("meta")
        np.testing.assert_array_equal(made(), here)
