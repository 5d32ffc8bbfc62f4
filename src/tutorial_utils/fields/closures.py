"""What smoothing hides of a flow, guessed from what it leaves: closures for the subgrid stress.

A closure takes the velocity gradient A (points, 3, 3) at a point and returns the trace-free subgrid stress
τ (points, 3, 3) there, in units where the filter width and the usual size of A are 1. Two laws bind it:

* turned: τ(R A Rᵀ) = R τ(A) Rᵀ, which three of the four networks have to learn or are built to obey;
* scaled: all four see the shape A/|A| and the logarithm of |A|, and give |A|² times what they learn, so that
  they differ in symmetry only.

Sources: J. Smagorinsky, Mon. Weather Rev. 91, 99 (1963); R. A. Clark, J. H. Ferziger, W. C. Reynolds,
J. Fluid Mech. 91, 1 (1979); S. B. Pope, J. Fluid Mech. 72, 331 (1975); J. Ling, A. Kurzawski, J. Templeton,
J. Fluid Mech. 807, 155 (2016).
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from e3nn import o3
from e3nn.nn import Gate
from jaxtyping import Float
from torch import Tensor, nn

from tutorial_utils import symmetry, training
from tutorial_utils.arguments import explain
from tutorial_utils.datasets import Dataset
from tutorial_utils.fields.fluid import trace_free

Matrices = Float[Tensor, "points 3 3"]
Closure = Callable[[Matrices], Matrices]

TENSORS, EQUIVARIANT = "tensor basis", "equivariant network"
PLAIN, AUGMENTED = "plain network", "plain network, augmented"
MODELS = (TENSORS, EQUIVARIANT, PLAIN, AUGMENTED)
# other widths, rates and decays make the plain network no better
WIDTH, STEPS, BATCH, LEARNING_RATE, DECAY = 48, 1500, 256, 4e-3, 1e-4
ROTATIONS = 24  # of each point, where broken equivariance is measured


@dataclass(frozen=True)
class Points:
    """Velocity gradients and subgrid stresses at points of a flow.

    Attributes:
        gradient: A_ij = ∂u_i/∂x_j (points, 3, 3) over its root mean square in the flow's training points.
        stress: trace-free (points, 3, 3), over its root mean square there.
    """

    gradient: Matrices
    stress: Matrices

    def __len__(self) -> int:
        return len(self.gradient)

    def __getitem__(self, index: Tensor | slice) -> "Points":
        return Points(self.gradient[index], self.stress[index])

    def turned(self, R: Float[Tensor, "points 3 3"] | Float[Tensor, "3 3"]) -> "Points":
        """Return the same points, seen by somebody who has turned."""
        return Points(R @ self.gradient @ R.mT, R @ self.stress @ R.mT)


def units(dataset: Dataset, flow: str) -> tuple[float, float]:
    """Return root mean squares of gradient and stress in a flow's training points, the units of `parts`."""
    here = (dataset["flow"] == flow) & dataset["train"]
    if not here.any():
        raise ValueError(f"flow: expected one of {sorted(set(dataset['flow']))}, got {flow!r}")
    A, τ = ((dataset[name][here] ** 2).sum(axis=(1, 2)).mean() ** 0.5 for name in ("gradient", "stress"))
    return A, τ


def parts(dataset: Dataset, flow: str) -> tuple[Points, Points, Points]:
    """Return a flow's points to train on, for validation and, later in time, for tests.

    The last training snapshot is for validation; a pause lies before the first test.
    """
    unit_A, unit_τ = units(dataset, flow)
    here, seen = dataset["flow"] == flow, dataset["train"]
    last = dataset["time"] == dataset["time"][seen].max()
    A, τ = (torch.tensor(dataset[name]).to(torch.get_default_dtype()) for name in ("gradient", "stress"))
    τ = trace_free(τ)  # rounding in the file leaves a trace
    rows = (here & seen & ~last, here & seen & last, here & ~seen)
    train, valid, test = (Points(A[r] / unit_A, τ[r] / unit_τ) for r in map(torch.tensor, rows))
    return train, valid, test


# ---- formulas


def clark(A: Matrices) -> Matrices:
    """Return the first term of an expansion in the filter width: A Aᵀ, up to a number."""
    return trace_free(A @ A.mT)


def smagorinsky(A: Matrices) -> Matrices:
    """Return the stress of an eddy viscosity that grows with the strain: -|S| S, up to a number."""
    S = (A + A.mT) / 2
    return -S.square().sum(dim=(1, 2), keepdim=True).sqrt() * S


def quadratic(A: Matrices) -> Float[Tensor, "points terms 3 3"]:
    """Return all l = 2 products of two gradients, and Smagorinsky's: S², W², SW - WS and -|S| S."""
    S, W = (A + A.mT) / 2, (A - A.mT) / 2
    return torch.stack([trace_free(S @ S), trace_free(W @ W), S @ W - W @ S, smagorinsky(A)], dim=1)


def fitted(terms: Callable[[Matrices], Tensor], seen: Points) -> Closure:
    """Fit one number for each term by least squares.

    Args:
        terms: from A to (points, 3, 3), or (points, terms, 3, 3).
        seen: points to fit.
    """

    def columns(A: Matrices) -> Float[Tensor, "points terms 3 3"]:
        found = terms(A)
        return found if found.dim() == 4 else found[:, None]

    X = columns(seen.gradient).transpose(0, 1).flatten(1).T
    numbers = torch.linalg.lstsq(X, seen.stress.flatten()[:, None]).solution[:, 0]
    return lambda A: torch.einsum("t,ptij->pij", numbers, columns(A))


# ---- networks


def shape_and_size(A: Matrices) -> tuple[Matrices, Float[Tensor, "points 1"]]:
    """Return A/|A| times √3 and log |A|."""
    size = A.square().sum(dim=(1, 2)).sqrt().clamp(min=1e-9)
    return A * (math.sqrt(3) / size)[:, None, None], size.log()[:, None]


def size_squared(A: Matrices) -> Float[Tensor, "points 1 1"]:
    """Return |A|²."""
    return A.square().sum(dim=(1, 2), keepdim=True)


def layers(inputs: int, outputs: int) -> nn.Sequential:
    """Build a network of two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, outputs)
    )


def pope(A: Matrices) -> tuple[Float[Tensor, "points 5"], Float[Tensor, "points 10 3 3"]]:
    """Return five invariants of a trace-free A, and ten tensors that span every l = 2 answer."""
    S, W = (A + A.mT) / 2, (A - A.mT) / 2
    S2, W2 = S @ S, W @ W
    tensors = [
        S,
        S @ W - W @ S,
        S2,
        W2,
        W @ S2 - S2 @ W,
        W2 @ S + S @ W2,
        W @ S @ W2 - W2 @ S @ W,
        S @ W @ S2 - S2 @ W @ S,
        W2 @ S2 + S2 @ W2,
        W @ S2 @ W2 - W2 @ S2 @ W,
    ]
    products = [S2, W2, S2 @ S, W2 @ S, W2 @ S2]
    traces = [p.diagonal(dim1=1, dim2=2).sum(dim=1) for p in products]
    return torch.stack(traces, dim=1), torch.stack([trace_free(t) for t in tensors], dim=1)


class TensorBasis(nn.Module):
    """Ten tensors made of A, each times a function of five invariants: equivariant by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = layers(6, 10)

    def forward(self, A: Matrices) -> Matrices:
        """Predict the stress."""
        shape, size = shape_and_size(A)
        invariants, tensors = pope(shape)
        c = self.coefficients(torch.cat([invariants, size], dim=1))
        return size_squared(A) * torch.einsum("pt,ptij->pij", c, tensors)


class EquivariantStress(nn.Module):
    """A network on irreps: A is 1e (the vorticity) and 2e (the strain), the answer is 2e."""

    def __init__(self, hidden: str = "16x0e + 6x1e + 6x2e") -> None:
        super().__init__()
        irreps = o3.Irreps("1x0e + 1x1e + 1x2e")
        self.register_buffer("two", o3.wigner_3j(1, 1, 2) * math.sqrt(5))
        self.register_buffer("one", o3.wigner_3j(1, 1, 1) * math.sqrt(3))
        steps: list[nn.Module] = []
        scalars, tensors = (o3.Irreps([x for x in o3.Irreps(hidden) if (x.ir.l == 0) == s]) for s in (1, 0))
        for _ in range(2):
            gates = o3.Irreps(f"{tensors.num_irreps}x0e")
            gate = Gate(scalars, [torch.nn.functional.silu], gates, [torch.sigmoid], tensors)
            steps += [_Square(irreps, gate.irreps_in), gate]
            irreps = gate.irreps_out
        self.steps = nn.Sequential(*steps, o3.Linear(irreps, "2e"))

    def forward(self, A: Matrices) -> Matrices:
        """Predict the stress."""
        shape, size = shape_and_size(A)
        spin = torch.einsum("pij,ijm->pm", shape, self.one.to(A))
        strain = torch.einsum("pij,ijm->pm", shape, self.two.to(A))
        found = self.steps(torch.cat([size, spin, strain], dim=1))
        return size_squared(A) * torch.einsum("pm,ijm->pij", found, self.two.to(A))


class _Square(nn.Module):
    """The features, and products of them: channel by channel, for each way to make an irrep of two."""

    def __init__(self, irreps_in: o3.Irreps, irreps_out: o3.Irreps, channels: int = 6) -> None:
        super().__init__()
        few = o3.Irreps([(channels, ir) for _, ir in irreps_in])
        kinds = {ir for _, ir in irreps_out}
        paths = [
            (i, j, ir)
            for i, (_, a) in enumerate(few)
            for j, (_, b) in enumerate(few)
            for ir in a * b
            if i <= j and ir in kinds
        ]
        self.few = o3.Linear(irreps_in, few)
        self.product = o3.TensorProduct(
            few,
            few,
            [(channels, ir) for _, _, ir in paths],
            [(i, j, n, "uuu", False) for n, (i, j, _) in enumerate(paths)],
        )
        self.linear = o3.Linear(irreps_in + self.product.irreps_out, irreps_out, biases=True)

    def forward(self, x: Float[Tensor, "points dim"]) -> Float[Tensor, "points out"]:
        few = self.few(x)
        return self.linear(torch.cat([x, self.product(few, few)], dim=1))


class Plain(nn.Module):
    """A network on the nine numbers of A, which knows nothing of turns."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("two", o3.wigner_3j(1, 1, 2) * math.sqrt(5))
        self.layers = layers(10, 5)

    def forward(self, A: Matrices) -> Matrices:
        """Predict the stress."""
        shape, size = shape_and_size(A)
        found = self.layers(torch.cat([shape.flatten(1), size], dim=1))
        return size_squared(A) * torch.einsum("pm,ijm->pij", found, self.two.to(A))


def new(model: str) -> nn.Module:
    """Build one of `MODELS` with random weights."""
    if model not in MODELS:
        raise ValueError(f"model: expected one of {MODELS}, got {model!r}")
    return {TENSORS: TensorBasis, EQUIVARIANT: EquivariantStress}.get(model, Plain)()


# ---- training and measuring


def error(closure: Closure, points: Points) -> float:
    """Return the mean square error over the mean square of the stress: 0 is perfect, zeros score 1."""
    with torch.no_grad():
        away = closure(points.gradient) - points.stress
    return (away.square().sum() / points.stress.square().sum()).item()


def broken(closure: Closure, points: Points) -> tuple[float, float]:
    """Return the error in random orientations, and the share of it that is broken equivariance."""
    R = turns(len(points) * ROTATIONS, seed=1)
    many = torch.arange(len(points)).repeat_interleave(ROTATIONS)
    turned = points[many].turned(R)
    with torch.no_grad():
        back = (R.mT @ closure(turned.gradient) @ R).unflatten(0, (-1, ROTATIONS))
    return symmetry.split_error(back, points.stress)


def turns(number: int, *, seed: int) -> Float[Tensor, "number 3 3"]:
    """Draw random rotations."""
    rng = np.random.RandomState(seed)  # the older kind of generator: the stored table was made with it
    return torch.tensor(symmetry.random_rotations(number, rng), dtype=torch.get_default_dtype())


def train(model: str, seen: Points, valid: Points, *, steps: int = STEPS, seed: int = 0) -> nn.Module:
    """Train one of `MODELS`, and return it as it was when its error on the validation points was least.

    Args:
        model: one of `MODELS`; `AUGMENTED` sees every batch in new random orientations.
        seen: training points.
        valid: validation points.
        steps: of AdamW; the learning rate falls to zero along half a cosine.
        seed: of weights, batches and orientations.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = new(model)

    def loss() -> Tensor:
        batch = seen[torch.tensor(rng.integers(len(seen), size=BATCH))]
        if model == AUGMENTED:
            batch = batch.turned(turns(BATCH, seed=int(rng.integers(2**31))))
        return (network(batch.gradient) - batch.stress).square().mean()

    best, least = network.state_dict(), math.inf
    rule = {"learning_rate": LEARNING_RATE, "decay": 0.0, "weight_decay": DECAY}
    for step in training.descend(network, loss, steps=steps, **rule):
        if step % 50 == 0 and (now := error(network, valid)) < least:
            best, least = copy.deepcopy(network.state_dict()), now
    network.load_state_dict(best)
    return network


explain(globals())
