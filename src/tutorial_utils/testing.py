"""Tests that any equivariant model inherits: say how it is built, and they ask what it has to obey.

    from tutorial_utils import nn
    from tutorial_utils.testing import ModelMixin

    class TestDipoles(ModelMixin):
        irreps_out, structures = "1o", (ethanol,)

        def build(self):
            return nn.EquivariantNetwork(["H", "C", "O"], "1o")

`EnergyMixin` adds what a potential owes: forces that are a gradient. Any model will do that returns one row a
system or an atom for a graph of `graph` and for a batch of `batch`; override both for another kind of input.
A model has to work on a second device too: on a GPU, or where there is none, on `Elsewhere`.
Tolerances are those of double precision: call ``torch.set_default_dtype(torch.float64)`` in conftest.py, and
``pytest.register_assert_rewrite("tutorial_utils.testing")``, so that a failure shows its numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from ase import Atoms
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch_geometric.data import Data

from tutorial_utils import graphs, nn, training
from tutorial_utils.extras import extra
from tutorial_utils.symmetry import equivariance_report

with extra("test"):
    import pytest


class ModelMixin:
    """Laws of every equivariant model; override the attributes, `build`, and if need be `graph` and `batch`.

    Attributes:
        irreps_out: what one row of the output is.
        per: one row a system, or one an atom.
        size: how a system's output grows with the crystal; None leaves supercells out.
        cutoff: of the graph, Å.
        structures: functions that make structures to test on, none of them planar or in a line.
        atom: an element the model knows; three of its atoms test the cutoff.
    """

    irreps_out: ClassVar[str]
    per: ClassVar[Literal["system", "atom"]] = "system"
    size: ClassVar[Literal["intensive", "extensive"] | None] = None
    cutoff: ClassVar[float] = 4.0
    structures: ClassVar[tuple[Callable[[], Atoms], ...]]
    atom: ClassVar[str] = "O"

    def build(self) -> torch.nn.Module:
        """Return the model with random weights, in the default dtype."""
        raise NotImplementedError

    def graph(self, atoms: Atoms) -> Data:
        """Make the model's input."""
        return graphs.to_graph(atoms, self.cutoff)

    def batch(self, parts: Sequence[Data]) -> Data:
        """Join several inputs to one."""
        return graphs.batch(parts)

    @pytest.fixture(scope="class")
    def built(self) -> torch.nn.Module:
        """The model in its state for prediction, built once for all tests."""
        return self.build().eval()

    @pytest.fixture
    def model(self, built: torch.nn.Module) -> torch.nn.Module:
        """The model, without the gradients that another test has left."""
        built.zero_grad()
        return built

    def test_there_is_one_finite_row_a_system_or_an_atom(self, model: torch.nn.Module) -> None:
        """Nothing divides by zero, and the rows are as many as `per` says."""
        for make in self.structures:
            atoms = make()
            y = model(self.graph(atoms))
            assert len(y) == (len(atoms) if self.per == "atom" else 1)
            assert y.isfinite().all() and y.dtype == torch.get_default_dtype()

    def test_a_gradient_reaches_every_weight(self, model: torch.nn.Module) -> None:
        """No weight is left out of training."""
        model(self.batch([self.graph(make()) for make in self.structures])).square().sum().backward()
        used = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        assert [name for name, grad in used.items() if grad is None or not grad.abs().max() > 0] == []
        assert all(grad is not None and grad.isfinite().all() for grad in used.values())

    def test_a_batch_gives_what_its_graphs_give_alone(self, model: torch.nn.Module) -> None:
        """Structures of one batch do not know of each other."""
        parts = [self.graph(make()) for make in (*self.structures, lambda: Atoms(self.atom))]
        alone = torch.cat([model(part) for part in parts])
        torch.testing.assert_close(model(self.batch(parts)), alone)
        torch.testing.assert_close(model(self.batch(parts[::-1]))[-len(model(parts[0])) :], model(parts[0]))

    def test_every_irrep_turns_mirrors_and_permutes_as_it_should(self, model: torch.nn.Module) -> None:
        """An equivariance report passes for each structure, and not vacuously."""
        for make in self.structures:
            atoms = make()
            size = self.size if atoms.pbc.any() else None
            f = lambda atoms: model(self.graph(atoms))  # noqa: E731
            report = equivariance_report(f, atoms, self.irreps_out, per=self.per, size=size, trials=3)
            assert report.passed, report
            assert report.vacuous == (), report

    def test_an_atom_that_leaves_the_cutoff_leaves_without_a_jump(self, model: torch.nn.Module) -> None:
        """The output is continuous at the cutoff."""
        output = lambda distance: model(self.graph(self.leaving(distance)))[:1]  # noqa: E731
        scale = (output(0.75 * self.cutoff) - output(self.cutoff + 0.1)).abs().max()
        jump = output(self.cutoff - 1e-3) - output(self.cutoff + 1e-3)
        floor = round_off(output(self.cutoff))
        assert scale > floor, "nothing is felt at three quarters of the cutoff"
        assert jump.abs().max() < 1e-6 * scale + floor

    def test_weights_survive_a_file(self, model: torch.nn.Module, tmp_path: Path) -> None:
        """Everything that is random in a model is saved with it."""
        _, other = self.build(), self.build().eval()  # a seed may have made the first like the model
        g = self.graph(self.structures[0]())
        assert not torch.equal(model(g), other(g))
        training.save(tmp_path / "weights.pt", model, cutoff=self.cutoff)  # read with weights_only
        assert training.load(tmp_path / "weights.pt", other) == {"cutoff": self.cutoff}
        torch.testing.assert_close(other(g), model(g), rtol=0, atol=0)

    def test_it_keeps_its_precision_and_its_device(self, model: torch.nn.Module) -> None:
        """Given an input of its own kind, it says the same in single and double precision, here and there."""
        graph = self.graph(self.structures[0]())
        y = model(graph).detach()
        for dtype in (torch.float32, torch.float64):
            other = self.twin(model).to(dtype)
            found = other(graphs.follow(graph, other))
            assert found.dtype == dtype
            torch.testing.assert_close(found.to(y), y, rtol=1e-3, atol=1e-3 * float(y.abs().max()))
        with second_device() as device:
            far = self.twin(model).to(device)
            found = far(graphs.follow(graph, far))
            assert found.device.type == device.type
            torch.testing.assert_close(found.cpu(), y, rtol=1e-5, atol=1e-5 * float(y.abs().max()))

    def twin(self, model: torch.nn.Module) -> torch.nn.Module:
        """Build another model with the same weights."""
        other = self.build().eval()
        other.load_state_dict(model.state_dict())
        return other

    def leaving(self, distance: float) -> Atoms:
        """Three atoms, the third of which goes along x, Å; the second is out of its reach at the end."""
        return Atoms(3 * [self.atom], [[0, 0, 0], [0, self.cutoff / 4, 0], [distance, 0, 0]])


class EnergyMixin(ModelMixin):
    """Laws of a potential: `ModelMixin` with one ``0e`` a system, and forces of its own if it has them."""

    irreps_out = "0e"

    def forces(self, model: torch.nn.Module, graph: Data) -> Tensor:
        """Return the forces that the model claims, (atoms, 3) eV/Å; override it for a head of forces."""
        return nn.forces(model, graph)

    def test_forces_are_minus_the_gradient_of_the_energy(self, model: torch.nn.Module) -> None:
        """Held against differences of the energy."""
        atoms, step = self.structures[0](), 1e-4  # Å
        claimed = self.forces(model, self.graph(atoms)).detach()
        for atom, axis in ((0, 0), (1, 1), (len(atoms) - 1, 2)):
            plus, minus = (model(self.graph(moved(atoms, atom, axis, s))).item() for s in (step, -step))
            slope, floor = (plus - minus) / (2 * step), round_off(plus) / step
            assert abs(claimed[atom, axis].item() + slope) < 1e-5 * claimed.abs().max().item() + floor

    def test_the_hessian_is_symmetric(self, model: torch.nn.Module) -> None:
        """From differences of the forces: autograd's second derivative is symmetric for any energy."""
        atoms, step = self.structures[0](), 1e-4  # Å
        columns = []
        for atom, axis in np.ndindex(len(atoms), 3):
            plus, minus = (
                self.forces(model, self.graph(moved(atoms, atom, axis, s))).detach() for s in (step, -step)
            )
            columns.append((minus - plus).flatten() / (2 * step))
        hessian = torch.stack(columns)
        floor = round_off(model(self.graph(atoms)), *columns) / step
        assert (hessian - hessian.T).abs().max() < 1e-5 * hessian.abs().max() + floor

    def test_forces_add_up_to_zero_and_turn_along(self, model: torch.nn.Module) -> None:
        """Nothing pushes the whole, and forces are vectors."""
        f = lambda atoms: self.forces(model, self.graph(atoms))  # noqa: E731
        for make in self.structures:
            floor = round_off(model(self.graph(make())))
            assert f(make()).sum(dim=0).abs().max() < 1e-10 * f(make()).abs().max() + floor
            report = equivariance_report(f, make(), "1o", per="atom", trials=2)
            assert report.passed and not report.vacuous, report

    def test_an_atom_that_leaves_the_cutoff_leaves_without_a_jump_in_its_force(
        self, model: torch.nn.Module
    ) -> None:
        """The energy has no kink at the cutoff."""
        force = lambda distance: self.forces(model, self.graph(self.leaving(distance)))[2, 0].item()  # noqa: E731
        jump, scale = force(self.cutoff - 1e-3) - force(self.cutoff + 1e-3), force(self.cutoff / 2)
        assert abs(jump) < 1e-3 * abs(scale) + round_off(model(self.graph(self.leaving(self.cutoff))))

    def test_one_can_train_on_forces(self, model: torch.nn.Module) -> None:
        """A loss of forces has a gradient."""
        self.forces(model, self.graph(self.structures[0]())).square().sum().backward()
        assert any(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def moved(atoms: Atoms, atom: int, axis: int, step: float) -> Atoms:
    """Return a copy with one atom displaced by ``step``, Å."""
    copy = atoms.copy()
    copy.positions[atom, axis] += step
    return copy


def round_off(*values: Tensor | float) -> float:
    """What round-off may do to sums that are as large as these values: a hundred times the last digit.

    A force of 1e-10 eV/Å beside an energy of 1 eV is made of terms that cancel, and is no better known.
    """
    size = max(float(abs(torch.as_tensor(value).detach()).max()) for value in values)
    return 100 * torch.finfo(torch.get_default_dtype()).eps * size


HERE, THERE = torch.device("cpu"), torch.device("meta")


@contextmanager
def second_device() -> Iterator[torch.device]:
    """Give a GPU; where there is none, the device of `Elsewhere`."""
    if torch.cuda.is_available():
        yield torch.device("cuda")
    else:
        with Elsewhere():
            yield THERE


class Distant(torch.Tensor):
    """A tensor that says it is on "meta", and holds its values on the CPU."""

    @staticmethod
    def __new__(cls, here: Tensor) -> "Distant":  # noqa: D102
        return torch.Tensor._make_wrapper_subclass(
            cls, here.shape, dtype=here.dtype, strides=here.stride(), device=THERE
        )

    def __init__(self, here: Tensor):
        self.here = here

    def tolist(self) -> list:
        """Return the values."""
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):  # type: ignore[override]
        with Elsewhere() as mode:
            return mode.__torch_dispatch__(function, types, args, kwargs)


class Elsewhere(TorchDispatchMode):
    """A second device where there is no GPU: it computes on the CPU, but refuses what was left there.

        with Elsewhere():
            model.to("meta")

    Tensors that are sent to the device "meta" keep their values. An operation on tensors of both devices
    raises, as it would on a GPU; numbers (tensors without axes) may come along.
    """

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given, _ = tree_flatten((args, kwargs or {}))
        far = [x for x in given if isinstance(x, Distant)]
        near = [x for x in given if isinstance(x, torch.Tensor) and not isinstance(x, Distant) and x.ndim]
        move = function in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        if far and near and not move:
            raise RuntimeError(f"{function}: expected all tensors to be on the same device")
        inner = lambda x: x.here if isinstance(x, Distant) else HERE if x == THERE else x  # noqa: E731
        is_device = lambda x: isinstance(x, torch.device | Distant)  # noqa: E731
        strip = lambda x: inner(x) if is_device(x) else x  # noqa: E731
        found = function(*tree_map(strip, args), **tree_map(strip, kwargs or {}))
        target = (kwargs or {}).get("device", THERE if far else HERE)
        if target is None:
            target = THERE if far else HERE
        if function is torch.ops.aten.copy_.default or function.__name__.split(".")[0].endswith("_"):
            return args[0]
        wrap = lambda x: Distant(x) if isinstance(x, torch.Tensor) else x  # noqa: E731
        return tree_map(wrap, found) if torch.device(target) == THERE else found
