"""Where does the missing hydrogen go? Fragments of molecules, and a network that answers with a density.

A fragment is a molecule without some of its hydrogens. One of its heavy atoms, the focus, has lost at least
one; the direction from the focus to a lost hydrogen is the target. The network returns the coefficients of a
density on the sphere around the focus (`sphere`), and the loss is -log p(target).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import graphs
from tutorial_utils.arguments import explain
from tutorial_utils.datasets import Dataset
from tutorial_utils.generation import sphere
from tutorial_utils.nn import EquivariantNetwork

ELEMENTS = ("H", "C", "N", "O", "S")
CUTOFF = 3.0  # Å: the next two atoms along a chain
# Å, from a heavy atom to its hydrogens: the longest in `molecules_hf` is below, the next neighbour above
BOND = 1.6
LENGTHS = {"C": 1.10, "N": 1.02, "O": 0.97, "S": 1.35}  # Å, of bonds to hydrogen
# for `training.fit`: the table's trainings, and the notebook's
TRAINING = {"epochs": 5, "batch_size": 64, "learning_rate": 1e-2, "decay": 0.02, "quiet": True}
HIDDEN = {0: 16, 1: 8, 2: 6, 3: 4, 4: 3}  # channels of degree l


def parents(atoms: Atoms) -> np.ndarray:
    """Return for each hydrogen the index of its heavy atom; -1 for lone ones and for heavy atoms."""
    found = np.full(len(atoms), -1)
    distances = atoms.get_all_distances()
    heavy = np.flatnonzero(atoms.numbers > 1)
    for i in np.flatnonzero(atoms.numbers == 1):
        if len(heavy) and distances[i, heavy].min() < BOND:
            found[i] = heavy[distances[i, heavy].argmin()]
    return found


def fragment(atoms: Atoms, kept: Bool[np.ndarray, " atoms"], *, focus: int, target: int) -> Data:
    """Turn a molecule into a graph of the atoms kept, with a focus and the direction of a lost hydrogen.

    Args:
        atoms: the whole molecule.
        kept: which atoms are still there.
        focus: index of the atom that lost a hydrogen.
        target: index of that hydrogen.

    Raises:
        ValueError: if the focus is lost, or the target is not.
    """
    if not kept[focus] or kept[target]:
        raise ValueError(f"kept: the focus {focus} has to be among the atoms kept, the target {target} not")
    here = np.zeros(len(atoms))
    here[focus] = 1.0
    n = atoms.positions[target] - atoms.positions[focus]
    return graphs.to_graph(
        atoms[kept], CUTOFF, atom={"focus": here[kept, None]}, system={"direction": n / np.linalg.norm(n)}
    )


def fragments(
    structures: Sequence[Atoms], *, each: int, seed: int = 0, most: int | None = None
) -> list[Data]:
    """Make fragments: remove hydrogens at random, at least one, and take one of those lost as the target.

    Args:
        structures: molecules; those without a hydrogen on a heavy atom give none.
        each: fragments a molecule.
        seed: of the choices.
        most: how many hydrogens may be lost; None: all.
    """
    rng, found = np.random.default_rng(seed), []
    for atoms in structures:
        parent = parents(atoms)
        hydrogens = np.flatnonzero(parent >= 0)
        for _ in range(each if len(hydrogens) else 0):
            lost = rng.choice(
                hydrogens,
                size=rng.integers(1, min(most or len(hydrogens), len(hydrogens)) + 1),
                replace=False,
            )
            kept = np.ones(len(atoms), dtype=bool)
            kept[lost] = False
            target = int(rng.choice(lost))
            found.append(fragment(atoms, kept, focus=int(parent[target]), target=target))
    return found


def folds(molecules: Dataset, *, parts: int = 5, seed: int = 0) -> list[np.ndarray]:
    """Deal the molecules, not the geometries, into parts: the names in each."""
    names = np.unique(molecules["name"])
    return [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(names), parts)]


class HydrogenNetwork(nn.Module):
    """Coefficients of the density around the focus of each fragment, (graphs, (lmax + 1)²).

    * c(R x) = D(R) c(x): the density turns with the fragment, and reflects with it.
    * All networks have the same hidden features up to ``hidden_lmax``; only the density's degree changes.
    """

    def __init__(self, lmax: int, *, hidden_lmax: int = 3):
        """Build it with random weights.

        Args:
            lmax: degree of the density.
            hidden_lmax: degree of the features, at least `lmax` if it is larger.
        """
        super().__init__()
        top = max(lmax, hidden_lmax)
        hidden = "+".join(f"{HIDDEN[l]}x{l}{'eo'[l % 2]}" for l in range(top + 1))
        self.network = EquivariantNetwork(
            ELEMENTS, sphere.irreps(lmax), irreps_hidden=hidden, cutoff=CUTOFF, per="atom",
            inputs={"focus": "0e"},
        )  # fmt: skip

    def forward(self, graph: Data) -> Float[Tensor, "graphs lm"]:
        """Return the coefficients at the focus of each fragment."""
        return self.network(graph)[graphs.follow(graph, self).focus[:, 0] > 0]


def loss(model: nn.Module, batch: Batch) -> Tensor:
    """Return the mean of -log p(direction of the lost hydrogen), nats, as `training.fit` takes it."""
    return -sphere.log_density(model(batch), batch.direction).mean()


@torch.no_grad()
def place(
    model: nn.Module,
    skeleton: Atoms,
    wanted: Sequence[int],
    *,
    lengths: Mapping[str, float] = LENGTHS,
    seed: int = 0,
) -> Atoms:
    """Put hydrogens on heavy atoms, one after the other: each sees those that are there already.

    Args:
        model: gives coefficients, as `HydrogenNetwork`.
        skeleton: heavy atoms.
        wanted: how many hydrogens each of them shall get.
        lengths: element -> length of its bond to hydrogen, Å.
        seed: of the sampling.

    Returns:
        the molecule.
    """
    generator = torch.Generator().manual_seed(seed)
    atoms = skeleton.copy()
    for focus in [i for i, number in enumerate(wanted) for _ in range(number)]:
        here = np.zeros((len(atoms), 1))
        here[focus] = 1.0
        graph = graphs.to_graph(atoms, CUTOFF, atom={"focus": here})
        n = sphere.sample(model(graph)[0].cpu(), 1, generator=generator)[0].numpy()
        atoms += Atoms("H", [atoms.positions[focus] + lengths[skeleton.symbols[focus]] * n])
    return atoms


explain(globals())
