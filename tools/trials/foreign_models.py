"""Equivariance reports of other people's models, with random weights, and of calculators.

    python tools/trials/foreign_models.py    prints a table: model, output, verdict, named cause

It runs what the Python that runs it has installed, and says what is not; of `make test-everywhere` too. No
code of a foreign model is here: each is built by its own package.
"""

import contextlib
import importlib.metadata
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, molecule

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from trials import NotHere, Result
from tutorial_utils import graphs, symmetry
from tutorial_utils.symmetry import Law, equivariance_report

WHERE = "other people's models"
CUTOFF = 4.0


@dataclass(frozen=True)
class Case:
    """One report: what is asked of which function.

    Attributes:
        output: what it predicts.
        f: the function of atoms.
        atoms: the structure.
        irreps: of the output.
        options: further arguments of the report.
    """

    output: str
    f: Callable[[Atoms], Any]
    atoms: Atoms
    irreps: str
    options: dict = field(default_factory=dict)


def ethanol() -> Atoms:
    return molecule("CH3CH2OH")


def copper() -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.05, seed=0)
    return atoms


def of_calculator(calculator: Any, atoms: Atoms, names: Sequence[str], **options: Any) -> Iterator[Case]:
    """Ask a calculator for energy, forces, stress."""
    asked = {
        "energy": ("0e", {"size": "extensive"} if atoms.pbc.any() else {}),
        "forces": ("1o", {"per": "atom"}),
        "stress": ("0e+2e", {"size": "intensive"}),
    }
    for name in names:
        irreps, known = asked[name]
        f = symmetry.of_calculator(calculator, name)
        yield Case(name, f, atoms, irreps, known | options)


def emt() -> Iterator[Case]:
    from ase.calculators.emt import EMT

    yield from of_calculator(EMT(), copper(), ("energy", "forces", "stress"))


def lennard_jones() -> Iterator[Case]:
    from ase.calculators.lj import LennardJones

    calculator = LennardJones(sigma=2.3, epsilon=0.4, rc=5.0, smooth=True)
    yield from of_calculator(calculator, copper(), ("energy", "forces", "stress"))


def tblite() -> Iterator[Case]:
    from tblite.ase import TBLite

    calculator = TBLite(method="GFN2-xTB", accuracy=1e-4, verbosity=0)
    # a self-consistent cycle stops when it is good enough, long before round-off
    yield from of_calculator(calculator, ethanol(), ("energy", "forces"), tolerance=1e-6)


def mace() -> Iterator[Case]:
    from e3nn import o3
    from mace import modules
    from mace.calculators import MACECalculator

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        model = modules.ScaleShiftMACE(
            r_max=CUTOFF, num_bessel=8, num_polynomial_cutoff=5, max_ell=2, interaction_cls=block,
            interaction_cls_first=block, num_interactions=2, num_elements=3, correlation=2,
            hidden_irreps=o3.Irreps("16x0e+16x1o"), MLP_irreps=o3.Irreps("16x0e"),
            gate=torch.nn.functional.silu, atomic_energies=np.array([[-13.6, -1029.0, -2042.0]]),
            avg_num_neighbors=8.0, atomic_numbers=[1, 6, 8], atomic_inter_scale=1.0,
            atomic_inter_shift=0.0,
        )  # fmt: skip
        name = str(dtype).removeprefix("torch.")
        calculator = MACECalculator(models=model, device="cpu", default_dtype=name)
        single = {"tolerance": 1e-4} if dtype == torch.float32 else {}
        for case in of_calculator(calculator, ethanol(), ("energy", "forces"), **single):
            yield Case(f"{case.output}, {name}", case.f, case.atoms, case.irreps, case.options)


def nequip() -> Iterator[Case]:
    from nequip.data import from_ase
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
    from nequip.model import NequIPGNNModel
    from nequip.utils.global_state import set_global_state

    set_global_state()
    names = ["C", "H", "O"]
    model = NequIPGNNModel(
        seed=0, model_dtype="float64", r_max=CUTOFF, type_names=names, num_layers=2, l_max=2,
        num_features=8, avg_num_neighbors=8.0,
        per_type_energy_shifts={"C": -1029.0, "H": -13.6, "O": -2042.0},
    )  # fmt: skip
    types, neighbours = ChemicalSpeciesToAtomTypeMapper(names), NeighborListTransform(CUTOFF)

    def predict(name: str) -> Callable[[Atoms], torch.Tensor]:
        return lambda atoms: model(neighbours(types(from_ase(atoms))))[name]

    yield Case("energy", predict("total_energy"), ethanol(), "0e")
    yield Case("forces", predict("forces"), ethanol(), "1o", {"per": "atom"})


def sevennet() -> Iterator[Case]:
    from sevenn.calculator import SevenNetCalculator

    torch.set_default_dtype(torch.float32)
    calculator = SevenNetCalculator("7net-0", device="cpu")
    asked, options = ("energy", "forces"), {"trials": 3, "tolerance": 1e-5}
    yield from of_calculator(calculator, copper(), asked, **options)
    for case in of_calculator(calculator, copper(), asked, group="SO(3)", **options):
        yield Case(f"{case.output} in SO(3)", case.f, case.atoms, case.irreps, case.options)


def within_reach(
    pos: torch.Tensor, r: float, batch: torch.Tensor, max_num_neighbors: int = 32, **_: Any
) -> torch.Tensor:
    """Stand in for torch_cluster's radius_graph, which is compiled: the same pairs, without a limit."""
    near = (torch.cdist(pos.detach(), pos.detach()) < r) & ~torch.eye(len(pos), dtype=torch.bool)
    return near.nonzero().T.flip(0)


def triplets(edge_index: torch.Tensor, num_nodes: int) -> tuple[torch.Tensor, ...]:
    """Stand in for what DimeNet++ finds with torch_sparse: edges k -> j -> i, with k and i different."""
    j, i = edge_index
    kj, ji = ((i[:, None] == j) & (j[:, None] != i)).nonzero().T
    return i, j, i[ji], j[ji], j[kj], kj, ji


def on_positions(model: torch.nn.Module) -> Callable[[Atoms], Any]:
    """Call a model of torch_geometric: elements, positions, batch."""

    def f(atoms: Atoms) -> Any:
        pos = torch.tensor(atoms.positions, dtype=torch.get_default_dtype())
        return model(torch.tensor(atoms.numbers), pos, torch.zeros(len(atoms), dtype=torch.long))

    return f


def schnet() -> Iterator[Case]:
    from torch_geometric.nn.models import schnet

    schnet.radius_graph = within_reach
    model = schnet.SchNet(
        hidden_channels=32, num_filters=32, num_interactions=2, num_gaussians=20, cutoff=CUTOFF
    )
    yield Case("energy", on_positions(model.eval()), ethanol(), "0e")
    dipole = schnet.SchNet(32, 32, 2, 20, CUTOFF, dipole=True)
    yield Case("norm of a dipole", on_positions(dipole.eval()), ethanol(), "0e")


def dimenet() -> Iterator[Case]:
    from torch_geometric.nn.models import dimenet

    dimenet.radius_graph, dimenet.triplets = within_reach, triplets
    for start in ("zeros", "glorot_orthogonal"):
        model = dimenet.DimeNetPlusPlus(32, 1, 2, 16, 8, 16, 4, 4, cutoff=CUTOFF, output_initializer=start)
        yield Case(f"energy, last layer {start}", on_positions(model.eval()), ethanol(), "0e")


def visnet() -> Iterator[Case]:
    from torch_geometric.nn.models import visnet

    visnet.radius_graph = lambda pos, r, batch, loop=False, **options: torch.cat(
        [within_reach(pos, r, batch), *([torch.arange(len(pos)).repeat(2, 1)] if loop else [])], dim=1
    )
    model = visnet.ViSNet(
        lmax=2, num_layers=2, hidden_channels=32, num_heads=4, cutoff=CUTOFF, derivative=True
    )
    f = on_positions(model.eval())
    yield Case("energy", lambda atoms: f(atoms)[0], ethanol(), "0e")
    yield Case("forces", lambda atoms: f(atoms)[1], ethanol(), "1o", {"per": "atom"})


def moves_along() -> Law:
    """The law of new positions: they move with the old ones."""
    return Law(
        "moves along",
        sample=lambda rng, x: torch.tensor(rng.normal(size=3)),
        act_in=lambda shift, x: symmetry.translate(x, shift),
        act_out=lambda shift, y: y + shift.to(y),
    )


def on_tokens(model: Callable[..., Any], atoms: Atoms) -> Any:
    pos = torch.tensor(atoms.positions, dtype=torch.get_default_dtype())
    return model(torch.tensor(atoms.numbers)[None], pos[None])


def egnn() -> Iterator[Case]:
    from egnn_pytorch import EGNN_Network

    model = EGNN_Network(num_tokens=10, dim=16, depth=2).eval()
    yield Case("features", lambda atoms: on_tokens(model, atoms)[0][0], ethanol(), "16x0e", {"per": "atom"})
    new = lambda atoms: on_tokens(model, atoms)[1][0]  # noqa: E731
    yield Case("new positions", new, ethanol(), "1o", {"per": "atom"})
    laws = ["rotation", "parity", "permutation", moves_along()]
    yield Case("new positions, a law of their own", new, ethanol(), "1o", {"per": "atom", "laws": laws})


def equiformer() -> Iterator[Case]:
    from equiformer_pytorch import Equiformer

    torch.set_default_dtype(torch.float32)  # its tables are
    model = Equiformer(
        num_tokens=10, dim=(16, 16), dim_head=(8, 8), heads=(2, 2), depth=2, num_degrees=2
    ).eval()
    per_atom = {"per": "atom"}

    def predict(degree: int) -> Callable[[Atoms], torch.Tensor]:
        def f(atoms: Atoms) -> torch.Tensor:
            mask = torch.ones(1, len(atoms), dtype=torch.bool)
            return on_tokens(lambda z, r: getattr(model(z, r, mask), f"type{degree}"), atoms)[0]

        return f

    yield Case("type 0", predict(0), ethanol(), "16x0e", per_atom)
    yield Case("type 1", predict(1), ethanol(), "16x1o", per_atom)
    yield Case("type 1 in SO(3)", predict(1), ethanol(), "16x1o", per_atom | {"group": "SO(3)"})


def torchmd() -> Iterator[Case]:
    from torchmdnet.models.tensornet import TensorNet

    model = TensorNet(
        hidden_channels=16, num_layers=1, num_rbf=8, cutoff_upper=CUTOFF, max_z=10, dtype=torch.float64
    )
    f = on_positions(model.eval())
    yield Case("features", lambda atoms: f(atoms)[0], ethanol(), "16x0e", {"per": "atom"})


def painn() -> Iterator[Case]:
    torch.utils.data.dataloader.T_co = TypeVar("T_co")  # a name that torch has no longer
    import schnetpack
    from schnetpack import properties

    torch.set_default_dtype(torch.float32)
    radial = schnetpack.nn.GaussianRBF(n_rbf=8, cutoff=CUTOFF)
    cut = schnetpack.nn.CosineCutoff(CUTOFF)
    model = schnetpack.representation.PaiNN(16, 2, radial, cutoff_fn=cut).eval()

    def vectors(atoms: Atoms) -> torch.Tensor:
        graph = graphs.to_graph(atoms, CUTOFF)
        inputs = {
            properties.Z: graph.atomic_numbers,
            properties.Rij: graphs.edge_vectors(graph),
            properties.idx_i: graph.edge_index[1],
            properties.idx_j: graph.edge_index[0],
        }
        return model(inputs)["vector_representation"]

    yield Case("vectors (atoms, 3, channels)", vectors, ethanol(), "16x1o", {"per": "atom"})
    turned = lambda atoms: vectors(atoms).transpose(1, 2)  # noqa: E731
    yield Case("vectors (atoms, channels, 3)", turned, ethanol(), "16x1o", {"per": "atom"})


def orb() -> Iterator[Case]:
    from orb_models.forcefield import pretrained
    from orb_models.forcefield.atomic_system import SystemConfig
    from orb_models.forcefield.calculator import ORBCalculator

    torch.set_default_dtype(torch.float32)
    config = SystemConfig(radius=6.0, max_num_neighbors=200)
    model = pretrained.orb_v3_direct_architecture(
        latent_dim=32, num_message_passing_steps=2, device=torch.device("cpu"), system_config=config
    )
    calculator = ORBCalculator(model.eval(), device="cpu")
    yield from of_calculator(calculator, copper(), ("energy", "forces"), trials=3, tolerance=1e-4)


# The model, the package it is from, and its cases.
MODELS: dict[str, tuple[str, Callable[[], Iterator[Case]]]] = {
    "EMT": ("ase", emt),
    "Lennard-Jones": ("ase", lennard_jones),
    "GFN2-xTB": ("tblite", tblite),
    "SchNet": ("torch-geometric", schnet),
    "DimeNet++": ("torch-geometric", dimenet),
    "ViSNet": ("torch-geometric", visnet),
    "PaiNN": ("schnetpack", painn),
    "TensorNet": ("torchmd-net", torchmd),
    "MACE": ("mace-torch", mace),
    "NequIP": ("nequip", nequip),
    "SevenNet-0": ("sevenn", sevennet),
    "Orb (direct)": ("orb-models", orb),
    "EGNN": ("egnn-pytorch", egnn),
    "Equiformer": ("equiformer-pytorch", equiformer),
}


def verdicts(name: str) -> Iterator[tuple[str, str, str]]:
    """Give output, verdict and named cause of each case of a model, or why it was not run."""
    package, cases = MODELS[name]
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    try:
        importlib.metadata.version(package)
        for case in cases():
            report = equivariance_report(case.f, case.atoms, case.irreps, **case.options)
            law, ir = report.first_failure or ("", "")
            failed = f"FAILED: {law} of {ir}, {report.errors[law, ir]:.1e}" if law else ""
            yield case.output, failed or ("VACUOUS" if report.vacuous else "passed"), report.suspect
    except importlib.metadata.PackageNotFoundError:
        yield "", "not run", f"{package} is not installed"
    except Exception as problem:  # whatever a foreign package raises
        yield "", "not run", f"{type(problem).__name__}: {str(problem).splitlines()[0][:100]}"


def table(names: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Give model with version, output, verdict and cause."""
    for name in names:
        package = MODELS[name][0]
        found = [each.version for each in importlib.metadata.distributions(name=package)]
        with contextlib.redirect_stdout(sys.stderr):  # some print what they compile
            rows = list(verdicts(name))
        for output, verdict, cause in rows:
            yield f"{name} ({package} {found[0]})" if found else name, output, verdict, cause


def run(folder: Path) -> list[Result]:
    """Report on every model that is installed."""
    found = [row for row in table(list(MODELS)) if row[2] != "not run"]
    if {model.split()[0] for model, *_ in found} <= {"EMT", "Lennard-Jones"}:  # ASE is always there
        raise NotHere("no other package's model is installed")
    return [Result(f"{model}, {output}", verdict, cause) for model, output, verdict, cause in found]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("| model | output | verdict | named cause |\n|---|---|---|---|")
    for row in table(sys.argv[1:] or list(MODELS)):
        print("| " + " | ".join(row) + " |", flush=True)
