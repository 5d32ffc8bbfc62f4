"""Other kernels and layouts beside e3nn's, on a CPU: the same numbers, and in what time.

sphericart's spherical harmonics; cuEquivariance's product of features with an edge's direction by its method
for tests ("naive"), in e3nn's layout and in its own; and e3nn's own product in the modes that it offers.
Conventions found, and asserted by the differences: sphericart's polar axis is z, so it is given (z, x, y) in
place of (x, y, z), and its harmonics times sqrt(4 pi) are e3nn's "component"; cuEquivariance sorts its paths
and their weights by the result, true tensors before pseudotensors; no sign and no factor differs.

Run it with ``make bench`` or ``python benchmarks/kernels.py``; it prints differences and ratios of times, and
stores them beside itself. With --store it also writes the table that session 8 shows (dataset
`kernel_speed`). sphericart-torch and cuequivariance-torch are no dependencies of this package: what is not
installed is named and left out. Processor time of one thread; the shortest of rounds in which all variants
take turns. Forward pass, float32.
"""

import argparse
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded

import e3nn
import torch
from e3nn import o3
from timing import machine, rounded, seconds, store, version

EDGES, DEGREES, ROUNDS = 500, (4, 8), 30
FEATURES, DIRECTION = o3.Irreps("16x0e + 16x1o + 16x2e"), o3.Irreps("0e + 1o + 2e")
COLUMNS = ("package", "version", "what", "difference", "milliseconds", "ratio")
TABLE = Path(__file__).parents[1] / "src/tutorial_utils/datasets/bundled/kernel_speed.json"

Call = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """A kernel and e3nn's default for the same numbers, in e3nn's order."""

    package: str
    what: str
    kernel: Call
    default: Call
    reorder: Callable[[torch.Tensor], torch.Tensor] = lambda result: result  # takes no part in the time

    def difference(self) -> float:
        """Give the largest difference, over the largest number."""
        kernel, default = self.reorder(self.kernel()), self.default()
        return ((kernel - default).abs().max() / default.abs().max()).item()


def harmonics() -> Iterator[Pair]:
    """Spherical harmonics by sphericart."""
    from sphericart.torch import SphericalHarmonics

    r = torch.randn(EDGES, 3)
    z_polar = r[:, [2, 0, 1]].contiguous()
    for lmax in DEGREES:
        kernel, degrees = SphericalHarmonics(lmax), list(range(lmax + 1))
        yield Pair(
            "sphericart-torch",
            f"harmonics, l_max {lmax}",
            lambda kernel=kernel: math.sqrt(4 * math.pi) * kernel(z_polar),
            lambda degrees=degrees: o3.spherical_harmonics(degrees, r, True, "component"),
        )


def product(**options: object) -> o3.TensorProduct:
    """Every path of features with the direction, each to results of its own, sorted by their irrep."""
    paths = [
        (i, j, ir) for i, (_, a) in enumerate(FEATURES) for j, (_, b) in enumerate(DIRECTION) for ir in a * b
    ]
    # stable, cuEquivariance's order: true tensors before pseudotensors, then in order of the factors
    paths.sort(key=lambda path: (path[2].l, path[2].p != (-1) ** path[2].l))
    results = o3.Irreps([(FEATURES[i].mul, ir) for i, _, ir in paths])
    instructions = [(i, j, k, "uvu", True) for k, (i, j, _) in enumerate(paths)]
    return o3.TensorProduct(
        FEATURES, DIRECTION, results, instructions, shared_weights=False, internal_weights=False, **options
    )


def factors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, harmonics of the direction, and a weight for each path, channel and edge."""
    Y = o3.spherical_harmonics(DIRECTION, torch.randn(EDGES, 3), True, "component")
    return FEATURES.randn(EDGES, -1), Y, torch.randn(EDGES, product().weight_numel)


def exchanged(x: torch.Tensor, irreps: o3.Irreps, *, to_ir_mul: bool) -> torch.Tensor:
    """Move features between the layouts mul_ir (e3nn's) and ir_mul."""
    parts = []
    for (mul, ir), part in zip(irreps, irreps.slices(), strict=True):
        block = x[:, part].unflatten(1, (mul, ir.dim) if to_ir_mul else (ir.dim, mul))
        parts.append(block.mT.flatten(1))
    return torch.cat(parts, dim=1)


def products() -> Iterator[Pair]:
    """The product by cuEquivariance."""
    import cuequivariance as cue
    from cuequivariance_torch import ChannelWiseTensorProduct

    default, (h, Y, weights) = product(), factors()
    for layout in (cue.mul_ir, cue.ir_mul):
        kernel = ChannelWiseTensorProduct(
            cue.Irreps("O3", str(FEATURES)), cue.Irreps("O3", str(DIRECTION)), layout=layout,
            shared_weights=False, internal_weights=False, method="naive",
        )  # fmt: skip
        own = layout == cue.ir_mul
        given = exchanged(h, FEATURES, to_ir_mul=True) if own else h
        yield Pair(
            "cuequivariance-torch",
            f"product, naive, {'ir_mul' if own else 'mul_ir'}",
            lambda kernel=kernel, given=given: kernel(given, Y, weights),
            lambda: default(h, Y, weights),
            lambda x, own=own: exchanged(x, default.irreps_out, to_ir_mul=False) if own else x,
        )


def modes() -> Iterator[Pair]:
    """The product by e3nn in its own modes; the default is eager from torch 2.10 on."""
    default, given = product(), factors()
    eager = e3nn.get_optimization_defaults()["jit_mode"]
    kernels = {
        "one einsum a path": product(_specialized_code=False),
        "einsums in order given": product(_optimize_einsums=False),
    }
    for mode in ("script", "inductor"):
        e3nn.set_optimization_defaults(jit_mode=mode)
        kernels[f"jit_mode {mode}"] = product()
    e3nn.set_optimization_defaults(jit_mode=eager)
    kernels["torch.compile"] = torch.compile(product(), fullgraph=True)
    for name, kernel in kernels.items():
        yield Pair(
            "e3nn",
            f"product, {name}",
            lambda kernel=kernel: kernel(*given),
            lambda: default(*given),
        )


def pairs() -> Iterator[Pair]:
    """Build all that is installed."""
    for package, build in {"sphericart": harmonics, "cuequivariance": products, "e3nn": modes}.items():
        try:
            yield from build()
        except ImportError as reason:
            print(f"{package}: left out, {reason}")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write the table that the course shows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    for pair in pairs():
        calls = {"kernel": pair.kernel, "default": pair.default}
        for _ in range(3):  # the first calls allocate and compile
            difference = pair.difference()
        t = seconds(calls, ROUNDS)
        rows.append(
            (pair.package, version(pair.package), pair.what, rounded(difference),
             rounded(1e3 * t["kernel"]), rounded(t["kernel"] / t["default"]))
        )  # fmt: skip
        print(dict(zip(COLUMNS, rows[-1], strict=True)))
    result = {
        "machine": f"{machine()}, 1 thread",
        "date": date.today().isoformat(),
        "versions": {"e3nn": e3nn.__version__, "torch": torch.__version__},
        "edges": EDGES,
        "features": str(FEATURES),
        "beside_e3nn": [dict(zip(COLUMNS, row, strict=True)) for row in rows],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if arguments.store:
        store(TABLE, COLUMNS, rows, result)


if __name__ == "__main__":
    main()
