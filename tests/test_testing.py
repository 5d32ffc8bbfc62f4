"""The inherited tests of models are worth something: each fails for a model with the fault it looks for."""

import itertools

import pytest
import torch
from toy_models import ethanol

from tutorial_utils import graphs, nn
from tutorial_utils.testing import EnergyMixin, ModelMixin

CUTOFF = 4.0


def shaken():
    atoms = ethanol()
    atoms.rattle(0.1, seed=0)
    return atoms


def sound(irreps, **options):
    options = {"irreps_hidden": "4x0e+4x1o", "layers": 1, "cutoff": CUTOFF} | options
    return nn.EquivariantNetwork(["H", "C", "O"], irreps, **options)


class Spoilt(torch.nn.Module):
    """A sound network, and what `fault(output, graph)` makes of its output."""

    def __init__(self, fault, irreps="0e+1o"):
        super().__init__()
        self.network, self.fault = sound(irreps), fault

    def forward(self, graph):
        return self.fault(self.network(graph), graph)


class Idle(Spoilt):
    """Has weights that nothing uses."""

    def __init__(self):
        super().__init__(lambda y, _: y)
        self.idle = torch.nn.Linear(2, 2)


class Unsaved(Spoilt):
    """Has a random number that is no parameter: a file does not keep it."""

    def __init__(self):
        scale = torch.rand(())
        super().__init__(lambda y, _: scale * y)


def near(y, graph, weight):
    """Add up `weight(length)` over the edges of each graph, as a scalar beside zeros for the rest."""
    length = graphs.edge_vectors(graph).norm(dim=1)
    which = graph.batch if "batch" in graph else torch.zeros_like(graph.atomic_numbers)
    total = y.new_zeros(len(y)).index_add(0, which[graph.edge_index[1]], weight(length))
    return total[:, None] * torch.eye(y.shape[1])[0]


class Vectors(ModelMixin):
    irreps_out, structures = "0e+1o", (shaken,)

    def build(self):
        return self.make()


class Axial(Vectors):
    """Claims that its vectors do not change sign under inversion."""

    irreps_out = "0e+1e"


FAULTS = [
    ("there_is_one_finite_row_a_system_or_an_atom", Vectors, lambda: Spoilt(lambda y, _: y / 0)),
    ("a_gradient_reaches_every_weight", Vectors, Idle),
    ("a_batch_gives_what_its_graphs_give_alone", Vectors, lambda: Spoilt(lambda y, _: y - y.mean(0) / 2)),
    (
        "every_irrep_turns_mirrors_and_permutes_as_it_should",
        Vectors,
        lambda: Spoilt(lambda y, _: torch.relu(y)),
    ),
    ("every_irrep_turns_mirrors_and_permutes_as_it_should", Axial, lambda: sound("0e+1o")),
    (
        "every_irrep_turns_mirrors_and_permutes_as_it_should",
        Vectors,
        lambda: Spoilt(lambda y, _: y * torch.tensor([1.0, 0, 0, 0])),
    ),
    (
        "an_atom_that_leaves_the_cutoff_leaves_without_a_jump",
        Vectors,
        lambda: Spoilt(lambda y, graph: y + near(y, graph, lambda r: (r < CUTOFF).to(r))),
    ),
    ("weights_survive_a_file", Vectors, Unsaved),
    ("it_keeps_its_precision_and_its_device", Vectors, lambda: Spoilt(lambda y, _: y.double())),
    (
        "it_keeps_its_precision_and_its_device",
        Vectors,
        lambda: Spoilt(lambda y, _: y + torch.ones(4).to(y.dtype)),
    ),
]


class Energies(EnergyMixin):
    structures = (shaken,)

    def build(self):
        return self.make()


class Scaled(Energies):
    """Forgets that energies were divided by their spread."""

    def forces(self, model, graph):
        return 2 * nn.forces(model, graph)


class Headed(Energies):
    """Predicts forces by a head of their own, beside the energy."""

    def forces(self, model, graph):
        return model.forces(graph)


class Detached(Energies):
    def forces(self, model, graph):
        return nn.forces(model, graph).detach()


def with_a_head():
    model = sound("0e")
    model.forces = sound("1o", per="atom")
    return model


def with_a_kink():
    """The energy is continuous at the cutoff, but its slope is not."""
    return Spoilt(lambda y, graph: y + near(y, graph, lambda r: (CUTOFF - r).clamp(min=0)), "0e")


FAULTS += [
    ("forces_are_minus_the_gradient_of_the_energy", Scaled, lambda: sound("0e")),
    ("forces_are_minus_the_gradient_of_the_energy", Headed, with_a_head),
    ("the_hessian_is_symmetric", Headed, with_a_head),
    ("forces_add_up_to_zero_and_turn_along", Headed, with_a_head),
    ("an_atom_that_leaves_the_cutoff_leaves_without_a_jump_in_its_force", Energies, with_a_kink),
    ("one_can_train_on_forces", Detached, lambda: sound("0e")),
]


@pytest.mark.parametrize(("test", "mixin", "make"), FAULTS)
def test_a_fault_is_found_by_the_test_that_looks_for_it(test, mixin, make, tmp_path):
    case = mixin()
    case.make = make
    folder = (tmp_path,) if test == "weights_survive_a_file" else ()
    # a backward pass without a graph is torch's own error
    with pytest.raises((AssertionError, RuntimeError)):
        getattr(case, f"test_{test}")(case.build().eval(), *folder)


def test_every_inherited_test_has_its_fault():
    tests = {name for mixin in (ModelMixin, EnergyMixin) for name in vars(mixin) if name.startswith("test_")}
    assert tests == {f"test_{test}" for test, *_ in FAULTS}


def test_a_sound_model_passes_where_others_fail(tmp_path):
    """Also one whose forces are 1e-10 eV/Å beside an energy of 1 eV, as an untrained EGNN's may be."""
    faint = lambda irreps: Spoilt(lambda y, _: 1e-10 * y + torch.eye(y.shape[1])[0].to(y), irreps)  # noqa: E731
    for make, case in itertools.product((sound, faint), (Vectors(), Energies())):
        case.make = lambda case=case, make=make: make(case.irreps_out)
        model = case.build().eval()
        energies = isinstance(case, EnergyMixin)
        for test in sorted({test for test, mixin, _ in FAULTS if issubclass(mixin, EnergyMixin) == energies}):
            model.zero_grad()
            folder = (tmp_path,) if test == "weights_survive_a_file" else ()
            getattr(case, f"test_{test}")(model, *folder)
