"""Train networks on known spectra, and let several of them predict together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from jaxtyping import Float
from torch import nn
from torch_geometric.data import Data

from tutorial_utils import graphs, training
from tutorial_utils.conventions import default_dtype
from tutorial_utils.phonons.network import SpectrumNetwork, spectrum_loss
from tutorial_utils.phonons.spectra import peaked
from tutorial_utils.phonons.sums import crystals

PRETRAINED = Path(__file__).with_name("ensemble.pt")
BATCH = 64  # crystals predicted at once
# Weights decay fast, for 1200 crystals are few; their running means are steadier than they are.
LEARNING_RATE, WEIGHT_DECAY, AVERAGE = 8e-3, 0.2, 0.98


def train(
    known: Sequence[Data],
    *,
    valid: Sequence[Data] = (),
    irreps_hidden: str = "96x0e",
    layers: int = 2,
    elements: Sequence[str] | None = None,
    epochs: int = 40,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> tuple[SpectrumNetwork, training.History]:
    """Train one network.

    Args:
        known: graphs of `sums.crystals` with their spectra.
        valid: the same; they pick the best epoch.
        irreps_hidden: features of an atom; the graphs' sums have to reach their highest degree.
        layers: of the network; 0: it sees the formula only.
        elements: symbols that it shall know; by default those in `known`.
        epochs: passes through `known`.
        seed: of initial weights, dropout and order.
        device: where to train; the network stays there, and graphs follow it.

    Returns:
        The network, and how its training went.
    """
    torch.manual_seed(seed)
    spectra = torch.cat([graph.dos for graph in known])
    network = SpectrumNetwork(
        elements or elements_of(known),
        irreps_hidden=irreps_hidden,
        layers=layers,
        points=spectra.shape[1],
        start=spectra.mean(dim=0),
    ).to(device)
    history = training.fit(
        network,
        spectrum_loss,
        train=known,
        valid=valid,
        epochs=epochs,
        learning_rate=LEARNING_RATE,
        decay=0.0,
        weight_decay=WEIGHT_DECAY,
        average=AVERAGE,
        seed=seed,
    )
    return network, history


def elements_of(known: Sequence[Data]) -> list[str]:
    """Return the symbols of all elements in some graphs, by atomic number."""
    numbers = torch.cat([graph.atomic_numbers for graph in known]).unique()
    return [chemical_symbols[int(n)] for n in numbers]


@dataclass(frozen=True)
class Ensemble:
    """Networks that were trained alike, from different random weights.

    Attributes:
        networks: at least one, all of the same degree.
    """

    networks: Sequence[SpectrumNetwork]

    def __repr__(self) -> str:
        first = self.networks[0]
        known = f"{len(first.elements)} elements"
        return f"Ensemble({len(self.networks)} networks, {first.irreps_hidden}, {known})"

    def predict(
        self, structures: Iterable[Atoms]
    ) -> tuple[Float[np.ndarray, "crystals points"], Float[np.ndarray, "crystals points"]]:
        """Predict densities of states of crystals, each with the maximum 1.

        Returns:
            The mean of the networks' spectra, and their standard deviation, which says where they disagree.

        Raises:
            ValueError: for a structure that is no crystal, or an element that no network was trained on.
        """
        data = crystals(structures, lmax=self.networks[0].lmax)
        each = np.stack([peaked(evaluate(network, data)) for network in self.networks])
        mean = each.mean(axis=0)
        height = mean.max(axis=-1, keepdims=True)
        return mean / height, each.std(axis=0) / height


@torch.no_grad()
def evaluate(network: nn.Module, data: Sequence[Data]) -> Float[np.ndarray, "crystals points"]:
    """Return a network's spectra of graphs as they come out; graphs follow its dtype and device."""
    network.eval()
    found = []
    for n in range(0, len(data), BATCH):
        found.append(network(graphs.batch(data[n : n + BATCH])))
    return torch.cat(found).double().cpu().numpy()


def save(path: str | Path, ensemble: Ensemble) -> None:
    """Write an ensemble to a file, its weights in half precision: half the size, the same spectra."""
    built = [network.arguments for network in ensemble.networks]
    training.save(path, nn.ModuleList(ensemble.networks), dtype=torch.half, networks=built)


def load(path: str | Path, *, device: str | torch.device = "cpu") -> Ensemble:
    """Read an ensemble that `save` has written.

    Its networks calculate in double precision, whatever torch's default is.

    Raises:
        ValueError: if the file holds something else.
    """
    stored = training.read(path)
    if "networks" not in stored["metadata"]:
        raise ValueError(f"path: {path} holds no ensemble of spectrum networks; prediction.save writes one")
    with default_dtype(torch.float64):
        networks = [SpectrumNetwork(**each) for each in stored["metadata"]["networks"]]
    nn.ModuleList(networks).to(device).eval().load_state_dict(stored["weights"])
    return Ensemble(networks)


@cache
def pretrained(device: str | torch.device = "cpu") -> Ensemble:
    """Return the ensemble that reference_data/phonon_networks.py has trained on the published spectra."""
    return load(PRETRAINED, device=device)


def predict(
    structures: Iterable[Atoms], *, device: str | torch.device = "cpu"
) -> tuple[Float[np.ndarray, "crystals points"], Float[np.ndarray, "crystals points"]]:
    """Predict densities of states at 0, 20, … 1000 1/cm by the shipped ensemble: see `Ensemble.predict`."""
    return pretrained(device).predict(structures)
