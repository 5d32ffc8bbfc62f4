"""Exercises of session 2: correct answers pass, typical mistakes get the message that names them."""

import numpy as np
import torch
from e3nn import o3
from exercise_answers import exercise_tests

from tutorial_utils import groups, tensors

# ---- 2.1: axioms as tests


def all_axioms(table):
    return next(iter(groups.failed_axioms(table)), None)


def no_associativity(table):  # Latin square, identity, inverses: the loop passes
    everything = range(len(table))
    if not np.isin(table, everything).all():
        return "closure"
    units = [e for e in everything if all(table[e, g] == table[g, e] == g for g in everything)]
    if not units:
        return "identity"
    return None if (table == units[0]).any(axis=1).all() else "inverses"


def only_commuting(table):  # takes gh = hg for an axiom
    axioms = groups.failed_axioms(table)
    return axioms[0] if axioms else (None if (table == table.T).all() else "associativity")


def identity_is_zero(table):
    everything = np.arange(len(table))
    if not np.isin(table, everything).all():
        return "closure"
    if not (table[table] == table[:, table]).all():
        return "associativity"
    if not ((table[0] == everything) & (table[:, 0] == everything)).all():
        return "identity"
    return None if (table == 0).any(axis=1).all() else "inverses"


def one_sided(table):  # g e = g is enough
    everything = np.arange(len(table))
    if not np.isin(table, everything).all():
        return "closure"
    if not (table[table] == table[:, table]).all():
        return "associativity"
    units = [e for e in everything if (table[:, e] == everything).all()]
    return "identity" if not units else (None if (table == units[0]).any(axis=1).all() else "inverses")


def left_only(table):  # e g = g is enough
    return one_sided(table) if not np.isin(table, range(len(table))).all() else one_sided(table.T)


def largest_entry(table):  # lets negative numbers pass as elements
    return "closure" if table.max() >= len(table) else all_axioms(table % len(table))


# ---- 2.2: paths in a crystal


def _characters(irrep, operations):
    return o3.Irrep(irrep).D_from_matrix(torch.tensor(operations)).diagonal(dim1=-2, dim2=-1).sum(-1).numpy()


def right_paths(a, b, c, operations):
    return round(np.mean(np.prod([_characters(irrep, operations) for irrep in (a, b, c)], axis=0)))


def paths_of_O3(a, b, c, operations):
    return int(o3.Irrep(c) in o3.Irrep(a) * o3.Irrep(b))


def any_path(a, b, c, operations):
    return min(right_paths(a, b, c, operations), 1)


def paths_without_parity(a, b, c, operations):
    return right_paths(a[0] + "e", b[0] + "e", c[0] + "e", operations)


def truncated(a, b, c, operations):  # int where round is meant; the product of traces has round-off
    return int(np.mean(np.prod([_characters(irrep, operations) for irrep in (a, b, c)], axis=0)) - 1e-12)


def sum_not_mean(a, b, c, operations):
    return len(operations) * right_paths(a, b, c, operations)


def rotations_only(a, b, c, operations):
    return right_paths(a, b, c, operations[np.linalg.det(operations) > 0])


# ---- 2.3: counting irreps


def classes(table):
    return groups.conjugacy_classes(table)


def joined(table):
    back = groups.inverses(table)
    return len(classes(table)), len({frozenset([*c, *back[list(c)]]) for c in classes(table)})


def merged_left_out(table):
    back = groups.inverses(table)
    return len(classes(table)), sum(set(c) == set(back[list(c)]) for c in classes(table))


def single_operations(table):
    back = groups.inverses(table).tolist()
    return len(classes(table)), len({frozenset(pair) for pair in enumerate(back)})


# ---- 2.4: what the spectrometer sees

SEEN = {"BF3": (3, 3), "SF6": (2, 3), "CO2": (2, 1)}


# ---- 2.5: surprises without a centre

SURPRISES = {"not piezoelectric": {"432"}, "gyration without chirality": {"m", "mm2", "-4", "-42m"}}
ACHIRAL = SURPRISES["gyration without chirality"]


def dead(*names):
    return SURPRISES | {"not piezoelectric": set(names)}


def alive(*names):
    return SURPRISES | {"gyration without chirality": set(names)}


# ---- 2.6: the symmetry of a noisy tensor


def recognised(C, noise):
    return tensors.recognise(C, noise=noise).name


def smallest_misfit(C, noise):
    return min(tensors.fit_classes(C), key=lambda fit: fit.misfit).name


def one_noise(C, noise):  # forgets that 21 - n components of noise are removed
    return min(
        (fit for fit in tensors.fit_classes(C) if fit.misfit <= noise), key=lambda fit: fit.constants
    ).name


def no_bad_luck(C, noise):  # refuses whatever lies above the average
    fits = [fit for fit in tensors.fit_classes(C) if fit.misfit**2 <= (21 - fit.constants) * noise**2 + 1e-20]
    return min(fits, key=lambda fit: (fit.constants, fit.misfit)).name


def five_percent(C, noise):  # a threshold that does not know the noise
    fits = [fit for fit in tensors.fit_classes(C) if fit.misfit <= 0.05 * np.linalg.norm(C)]
    return min(fits, key=lambda fit: fit.constants).name


def not_turned(C, noise):  # projects in the axes of the laboratory
    for name, group in tensors.ELASTIC_CLASSES.items():
        if group is not None:
            kept = tensors.symmetrise(tensors.ELASTIC, C, groups.crystallographic(group))
            if np.linalg.norm(C - kept) < 3 * noise * 21**0.5:
                return name


RIGHT = [
    ("2.1", all_axioms),
    ("2.1", lambda table: None if all_axioms(table) is None else np.str_(all_axioms(table))),
    ("2.2", right_paths),
    ("2.2", lambda *case: float(right_paths(*case))),
    ("2.2", lambda *case: complex(right_paths(*case))),
    ("2.2", lambda *case: [torch.tensor(right_paths(*case))]),
    ("2.3", joined),
    ("2.3", lambda table: np.array(joined(table), dtype=float)),
    ("2.4", SEEN),
    ("2.4", {name: np.array(counts) for name, counts in SEEN.items()}),
    ("2.5", {question: ", ".join(classes) for question, classes in SURPRISES.items()}),
    ("2.5", SURPRISES),
    ("2.5", {question: sorted(classes) for question, classes in SURPRISES.items()}),
    ("2.6", recognised),
    ("2.6", lambda C, noise: np.str_(recognised(C, noise))),
]
WRONG = [
    ("2.1", no_associativity, "Associativity needs a test of its own"),
    ("2.1", only_commuting, "gh = hg"),
    ("2.1", identity_is_zero, "The identity is number 1"),
    ("2.1", one_sided, "on one side only"),
    ("2.1", left_only, "'the second of two', gh = h"),
    ("2.1", largest_entry, "NumPy takes it for the last one"),
    ("2.1", groups.failed_axioms, "expected None or one of"),
    ("2.1", lambda table: False, "expected None or one of"),
    (
        "2.2",
        lambda a, b, c, operations: right_paths(a, b, "0e", operations),
        "the third irrep, c, is missing",
    ),
    ("2.2", paths_of_O3, "all of O(3)"),
    ("2.2", any_path, "whether there is a path"),
    ("2.2", paths_without_parity, "Parity is missing"),
    ("2.2", sum_not_mean, "divide by the order"),
    ("2.2", truncated, "Use round"),
    ("2.2", rotations_only, "for rotations alone"),
    ("2.2", lambda a, b, c, operations: "one", "should be one number; got 'one'"),
    ("2.2", lambda a, b, c, operations: float("nan"), "should be one number; got nan"),
    ("2.2", lambda a, b, c, operations: 0.5, "whole number"),
    ("2.3", lambda table: joined(table)[::-1], "complex comes first"),
    ("2.3", lambda table: (len(classes(table)),) * 2, "Two complex conjugate irreps merge"),
    ("2.3", lambda table: (len(table),) * 2, "number of operations"),
    ("2.3", merged_left_out, "counts once, not never"),
    ("2.3", single_operations, "not whole classes"),
    ("2.3", lambda table: len(classes(table)), "expected two numbers"),
    ("2.3", lambda table: ("three", "two"), "should be one number; got 'three'"),
    ("2.3", lambda table: (joined(table)[0], joined(table)[1] + 0.9), "over the real numbers; you count"),
    ("2.4", {"BF3": (5, 5), "SF6": (6, 6), "CO2": (3, 1)}, "you count modes"),
    ("2.4", {"BF3": (5, 5), "SF6": (3, 3), "CO2": (4, 2)}, "all motions"),
    ("2.4", {"BF3": (3, 3), "SF6": (3, 2), "CO2": (1, 2)}, "exchanged"),
    ("2.4", {"BF3": (3, 3), "SF6": (2, 2), "CO2": (2, 2)}, "two indices"),
    ("2.4", {"BF3": (3, 4), "SF6": (2, 3), "CO2": (2, 1)}, "BF3: 4 Raman"),
    ("2.4", {"BF3": 3, "SF6": 2, "CO2": 2}, "infrared first"),
    ("2.4", {"BF3": (3, 3)}, "two numbers for each molecule"),
    ("2.4", SEEN | {"BF3": (3, None)}, "BF3: each count should be one number"),
    ("2.5", dead("432", "m-3m"), "m-3m does not belong there. It has an inversion"),
    ("2.5", dead("432", "-43m"), "-43m does not belong there. The piezoelectric tensor keeps 1"),
    ("2.5", dead(), "432 is missing. The piezoelectric tensor keeps 0"),
    ("2.5", alive(*ACHIRAL, "222"), "222 does not belong there. It holds rotations only"),
    ("2.5", alive(), "m is missing. 1 of its 2 operations are improper"),
    ("2.5", alive(*ACHIRAL, "4mm"), "4mm does not belong there"),
    ("2.5", dead("O"), "none of the 32 classes"),
    ("2.5", {"432"}, "give two sets of classes"),
    ("2.5", SURPRISES | {"not piezoelectric": 432}, "give a set of names of classes, got 432"),
    ("2.6", smallest_misfit, "Triclinic always fits, with misfit 0"),
    ("2.6", one_noise, "removed components"),
    ("2.6", no_bad_luck, "silicon, noise 1 GPa: you say tetragonal, expected cubic"),
    ("2.6", five_percent, "Suspect a threshold that does not know the noise"),
    ("2.6", not_turned, "or a crystal not turned"),
    ("2.6", lambda C, noise: 3, "return one of isotropic"),
    ("2.6", lambda C, noise: tensors.recognise(C, noise=noise), "return one of isotropic"),
]

TestAnswers = exercise_tests(2, RIGHT, WRONG)
