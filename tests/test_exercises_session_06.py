"""Exercises of session 6: correct answers pass, typical mistakes get the message that names them."""

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils.conventions import quantum_chemistry_to_e3nn

BASIS = "unc-def2-universal-jfit"


# ---- 6.1: electrons


def least(c, J, q, N):
    response = np.linalg.solve(J, q)
    return c + (N - q @ c) / (q @ response) * response


def bordered(c, J, q, N):  # the same as one linear system
    A = np.block([[J, -q[:, None]], [q[None], np.zeros((1, 1))]])
    return np.linalg.solve(A, np.append(J @ c, N))[:-1]


def scaled(c, J, q, N):
    return c * N / (q @ c)


def stiffer(c, J, q, N):
    return least(c, J + 0.01 * np.eye(len(q)), q, N)


def along_q(c, J, q, N):
    return c + q * (N - q @ c) / (q @ q)


def untouched(c, J, q, N):
    return c


def single(c, J, q, N):
    return least(*(np.asarray(x, dtype=np.float32) for x in (c, J, q, N)))


def ten(c, J, q, N):
    return least(c, J, q, 10)


def only_more(c, J, q, N):
    return least(c, J, q, max(N, q @ c))


def not_quite_least(c, J, q, N):
    direction = np.linalg.solve(J, q)
    direction[0] *= 1.5
    return c + (N - q @ c) / (q @ direction) * direction


# ---- 6.2: order


def renamed(l):
    P = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    return o3.Irrep(l, 1).D_from_matrix(P) if l > 1 else torch.eye(2 * l + 1)


def inverse(l):
    return renamed(l).T


def nothing(l):
    return torch.eye(2 * l + 1)


def vectors_too(l):
    P = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    return o3.Irrep(l, 1).D_from_matrix(P)


def mirrored(l):
    return (-1) ** l * renamed(l)


# ---- 6.3: a loss


def root(predicted, target, M, electrons):
    Δ = predicted - target
    return (Δ @ M @ Δ / electrons).clamp(min=1e-20).sqrt()


def clamped(predicted, target, M, electrons):
    Δ = predicted - target
    return (Δ @ M @ Δ / electrons).clamp(min=1e-3).sqrt()


def for_ten(predicted, target, M, electrons):
    return root(predicted, target, M, 10.0)


def per_function(predicted, target, M, electrons):
    return root(predicted, target, M, len(target))


def summand(predicted, target, M, electrons):
    Δ = predicted - target
    return (Δ @ M @ Δ / electrons + 1e-6).sqrt()


def half_detached(predicted, target, M, electrons):
    Δ = predicted - target
    return (Δ.detach() @ M @ Δ / electrons).clamp(min=1e-20).sqrt()


# ---- 6.5: the range of messages


def row(spacing=4.8, middle=True):
    atoms = Atoms()
    for x in (0.0, spacing, 2 * spacing) if middle else (0.0, 2 * spacing):
        one = molecule("H2O")
        one.positions += [x, 0, 0] - one.positions[0]
        atoms += one
    return atoms


def pair(spacing=4.8, middle=True, atom=-3, step=0.05):
    atoms = row(spacing, middle)
    moved = atoms.copy()
    moved.positions[atom] += [step, 0, 0]
    return atoms, moved


def oxygens():
    atoms = Atoms("OOO", [[x, 0, 0] for x in (0.0, 4.8, 9.6)])
    moved = atoms.copy()
    moved.positions[2, 0] += 0.05
    return atoms, moved


# ---- 6.6: irreps


def shells(symbol, basis=BASIS):
    from pyscf import gto

    atom = gto.M(atom=symbol, basis=basis, spin=None, verbose=0)
    return [atom.bas_angular(n) for n in range(atom.nbas)]


def irreps_of(symbol):
    degrees = shells(symbol)
    return o3.Irreps([(degrees.count(l), (l, (-1) ** l)) for l in sorted(set(degrees))])


def as_text(symbol):  # a string will do
    return "+".join(f"1x{l}{'eo'[l % 2]}" for l in shells(symbol))


def all_even(symbol):
    degrees = shells(symbol)
    return o3.Irreps([(degrees.count(l), (l, 1)) for l in sorted(set(degrees))])


def contracted(symbol):
    degrees = shells(symbol, BASIS.removeprefix("unc-"))
    return o3.Irreps([(degrees.count(l), (l, (-1) ** l)) for l in sorted(set(degrees))])


def both_parities(symbol):
    return irreps_of(symbol) + o3.Irreps("3x1e")


def with_one_more_p(symbol):
    return irreps_of(symbol) + o3.Irreps("1x1o" if symbol == "O" else "")


def components(symbol):
    degrees = shells(symbol)
    return o3.Irreps([((2 * l + 1) * degrees.count(l), (l, (-1) ** l)) for l in sorted(set(degrees))])


RIGHT = [
    ("6.1", lambda *case: torch.tensor(least(*case), requires_grad=True)),
    ("6.3", lambda p, t, M, N: ((p - t) @ M @ (p - t) / N + 1e-12).sqrt()),
    ("6.4", [4.0, 3.0, 2.0, 1.0]),
    ("6.6", lambda symbol: [str(irrep) for irrep in irreps_of(symbol)]),
    ("6.1", least),
    ("6.1", bordered),
    ("6.1", single),
    ("6.2", renamed),
    ("6.2", quantum_chemistry_to_e3nn),
    ("6.2", lambda l: renamed(l).numpy()),
    ("6.3", root),
    ("6.3", lambda p, t, M, N: ((p - t) @ M @ (p - t) / N + 1e-20).sqrt()),
    ("6.4", {0: 4, 1: 3, 2: 2, 3: 1}),
    ("6.4", {L: torch.tensor(4 - L) for L in range(4)}),
    ("6.5", pair()),
    ("6.5", list(pair(atom=-1, step=0.1))),
    ("6.5", pair(spacing=4.95)),
    ("6.5", pair(step=1e-6)),
    ("6.6", irreps_of),
    ("6.6", as_text),
]
WRONG = [
    ("6.1", lambda c, J, q, N: 2 * c - least(c, J, q, N), "the sign of N - q·c"),
    ("6.1", lambda c, J, q, N: least(c, J, q, N) - c, "the change alone"),
    ("6.1", lambda c, J, q, N: c + (N - q @ c) / (q @ J @ q) * (J @ q), "where solve(J, q) is meant"),
    ("6.3", lambda p, t, M, N: (p - t).square().mean().sqrt(), "M and the electrons are missing"),
    ("6.1", scaled, "but all is scaled"),
    ("6.1", along_q, "not in energy: use J"),
    ("6.1", untouched, "0.1 are missing"),
    ("6.1", only_more, "0.4 are too many"),
    ("6.1", ten, "a 10 in the place of N"),
    ("6.1", stiffer, "added to J"),
    ("6.1", not_quite_least, "% more than the least possible"),
    ("6.2", nothing, "You only reorder components"),
    ("6.2", inverse, "inverse"),
    ("6.2", vectors_too, "nothing is to be done"),
    ("6.2", mirrored, "The sign is wrong"),
    ("6.3", clamped, "clamp that is too large"),
    ("6.3", half_detached, "detached"),
    ("6.3", for_ten, "a fixed number in the place of electrons"),
    ("6.3", per_function, "not by the number of functions"),
    ("6.3", summand, "a summand under the root"),
    ("6.3", lambda p, t, M, N: (p - t) @ M @ (p - t) / N, "This is the square"),
    ("6.3", lambda p, t, M, N: ((p - t) @ (p - t) / N).sqrt(), "M is not used"),
    ("6.3", lambda p, t, M, N: ((p - t) @ M @ (p - t)).sqrt(), "electrons are missing"),
    ("6.3", lambda p, t, M, N: ((p - t) @ M @ (p - t) / N).sqrt(), "not finite"),
    ("6.3", lambda p, t, M, N: root(p, t, M, N).detach(), "No gradient"),
    ("6.3", lambda p, t, M, N: ((p - t) @ M @ (p - t) / N + 1e-4).sqrt(), "Suspect a summand"),
    ("6.4", {0: "4", 1: "3", 2: "2", 3: "1"}, "K should be one number"),
    ("6.4", {0: 4, 1: 4, 2: 4, 3: 4}, "not the least"),
    ("6.4", {0: 4, 1: 3, 2: 1, 3: 1}, "never give 4e"),
    ("6.4", 4, "Give a number for each"),
    ("6.5", pair(middle=False), "has not noticed"),
    ("6.5", pair(spacing=3.0), "has to stay beyond 9"),
    ("6.5", pair(spacing=5.2), "end at 10"),
    ("6.5", pair(spacing=4.999), "what changes is too little"),
    ("6.5", oxygens(), "molecules of water"),
    ("6.5", pair(step=3.0), "The second structure"),
    ("6.5", (row(), row()), "0 atoms have moved"),
    ("6.5", row(), "Give a pair"),
    ("6.6", all_even, "inversion fails for 1e"),
    ("6.6", contracted, "has to begin with unc-"),
    ("6.6", with_one_more_p, "the one more p that section 2 adds"),
    ("6.6", components, "components were counted, not shells"),
    ("6.6", both_parities, "of degree l = 1, but"),
]

TestAnswers = exercise_tests(6, RIGHT, WRONG)
