"""Wrong arguments are named, whatever library stumbles over them; all public functions are tried."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from tutorial_utils import (
    arguments,
    densities,
    descriptors,
    gauge,
    graphs,
    groups,
    nn,
    phonons,
    scaling,
    symmetry,
    tensors,
    training,
    viz,
)
from tutorial_utils.fields import cosmos, fluid
from tutorial_utils.generation import flow, sphere, torus

WATER = molecule("H2O")
GRAPH = graphs.to_graph(WATER, 3.0)
GROUP = groups.molecular("Td")
BESSEL = descriptors.SphericalBessel(3, 4.0)
FREQUENCIES = np.arange(0, 1001.0, 20)
STIFFNESS = np.einsum("ij,kl->ijkl", np.eye(3), np.eye(3))
NETWORK = nn.EquivariantNetwork(["H", "O"], "0e", irreps_hidden="4x0e", layers=1)

# function -> arguments that it takes
CALLS = [
    (symmetry.rotate, WATER, np.eye(3)),
    (symmetry.translate, GRAPH, np.ones(3)),
    (symmetry.permute, WATER, np.arange(3)),
    (symmetry.supercell, bulk("Cu"), 2),
    (symmetry.stabiliser, WATER),
    (symmetry.equivariance_report, lambda _: np.ones(1), WATER, "0e"),
    (graphs.to_graph, WATER, 3.0),
    (graphs.within, GRAPH, 2.0),
    (graphs.batch, [GRAPH, GRAPH]),
    (groups.character_table, groups.molecular("C3v")),
    (groups.multiplication_table, GROUP),
    (groups.space_group, bulk("Cu")),
    (groups.spherical_harmonics, 2, np.ones((4, 3))),
    (groups.wigner_D, 2, np.eye(3)),
    (tensors.independent_constants, tensors.ELASTIC, GROUP),
    (tensors.rotate_tensor, tensors.ELASTIC, STIFFNESS, np.eye(3)),
    (tensors.from_voigt, tensors.ELASTIC, np.eye(6)),
    (nn.EquivariantNetwork, ["H"], "0e"),
    (nn.CoordinateMLP, 3, 1),
    (nn.Potential, NETWORK),
    (NETWORK, graphs.to_graph(WATER, 4.0)),
    (densities.Basis({"H": {0: (1.0,)}}).irreps, "H"),
    (densities.molecules, WATER),
    (phonons.broaden, np.ones((2, 3)), FREQUENCIES, 20.0),
    (phonons.moment, FREQUENCIES, np.ones(51), 2),
    (phonons.heat_capacity, FREQUENCIES, np.ones(51), 300.0),
    (phonons.mesh, 2),
    (phonons.predict, [bulk("MgO", "rocksalt", a=4.2)]),
    (gauge.ring, 4, 0.1),
    (gauge.ground_energy, gauge.ring(4, 0.1), 2),
    (sphere.log_density, torch.ones(4), torch.ones(3)),
    (torus.distance, bulk("Cu"), bulk("Cu")),
    (torus.lattice_turns, np.eye(3)),
    (flow.effective_size, torch.zeros(3)),
    (fluid.gradient, torch.ones(3, 4, 4, 4)),
    (cosmos.separations, torch.eye(3)),
    (scaling.grid, 2),
    (training.read, "nowhere.pt"),
    (viz.structure, WATER),
    (viz.spherical_surface, torch.ones(9)),
    (viz.level_set, np.random.default_rng(0).random((4, 4, 4)), 0.5),
]
NONSENSE = [
    None,
    "x",
    [],
    {},
    -1,
    float("nan"),
    object(),
    [None],
    [[1], [2, 3]],
    WATER,
    [WATER],
    GRAPH,
    Atoms(),
]
NONSENSE += [np.array(["a", "b"]), np.zeros((0, 3)), np.full((3, 3), np.nan), torch.ones(2), lambda *_: None]


def test_nonsense_in_place_of_any_argument_ends_in_a_value_error_or_works():
    foreign = []
    for function, *given in CALLS:
        for place, nonsense in ((n, each) for n in range(len(given)) for each in NONSENSE):
            try:
                function(*given[:place], nonsense, *given[place + 1 :])
            except (ValueError, FileNotFoundError):
                pass
            except Exception as error:
                name = getattr(function, "__name__", function)
                foreign.append(f"{name}, argument {place} = {nonsense!r}: {type(error).__name__}: {error}")
    assert foreign == []


def test_the_argument_at_fault_is_named_and_what_was_expected():
    for call, message in (
        (lambda: symmetry.translate(WATER, "x"), r"^shift: expected an array of finite numbers \(3\), got"),
        (lambda: gauge.ring([4]), r"^sites: expected a whole number, got a list, \[4\]"),
        (lambda: descriptors.harmonics(torch.ones(3), "2"), "^lmax: expected a whole number, got the text"),
        (
            lambda: nn.EquivariantNetwork(["H"], "banana"),
            "^irreps_out: the text 'banana' cannot be used here",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_shapes_that_do_not_go_together_are_named():
    """In a fresh interpreter: the check of shapes in these tests would stand between call and failure."""
    program = (
        "import numpy as np; from tutorial_utils import phonons; "
        "phonons.moment(np.arange(51.0), np.ones(50), 2)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ArgumentError: dos: expected" in done.stderr


def test_what_is_no_fault_of_an_argument_stays_as_it_is():
    def broken(atoms):
        raise KeyError("of the user's own")

    with pytest.raises(KeyError, match="of the user's own"):
        symmetry.equivariance_report(broken, WATER, "1o")
    with pytest.raises(TypeError, match=r"missing (1|a) required"):
        symmetry.translate(WATER)
    with pytest.raises(TypeError, match="unexpected keyword"):
        symmetry.translate(WATER, np.ones(3), axis=1)


def test_the_outermost_call_names_its_own_argument():
    module = {"__name__": __name__, "inner": None, "outer": None}

    def inner(width: int) -> int:
        return [0] * width

    def outer(size: int) -> int:
        return module["inner"](size)

    module["inner"], module["outer"] = arguments._explained(inner), arguments._explained(outer)
    with pytest.raises(ValueError, match="size: expected a whole number"):
        module["outer"]("three")


def test_lists_of_elements_are_lists_of_different_symbols():
    for elements in ({"H", "O"}, "HO", [], ["H", "H"], ["Zz"], [["H"]], None):
        for network in (lambda e: nn.EquivariantNetwork(e, "0e"), phonons.SpectrumNetwork):
            with pytest.raises(ValueError, match=r"^elements: expected"):
                network(elements)
