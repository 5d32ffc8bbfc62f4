"""What symmetry leaves of property tensors, as printed in textbooks; entered by hand."""

from tutorial_utils.tensors import DIELECTRIC, ELASTIC, GYRATION, PIEZOELECTRIC

# Entered by hand from J. F. Nye, Physical Properties of Crystals (1957/1985), tables 3, 7, 9 and appendix B:
# class, then the numbers of constants: symmetric rank 2, piezoelectric, elastic; last, the gyration tensor.
NYE = {
    row.split()[0]: tuple(int(n) for n in row.split()[1:])
    for row in """
    1      6 18 21 6
    -1     6  0 21 0
    2      4  8 13 4
    m      4 10 13 2
    2/m    4  0 13 0
    222    3  3  9 3
    mm2    3  5  9 1
    mmm    3  0  9 0
    4      2  4  7 2
    -4     2  4  7 2
    4/m    2  0  7 0
    422    2  1  6 2
    4mm    2  3  6 0
    -42m   2  2  6 1
    4/mmm  2  0  6 0
    3      2  6  7 2
    -3     2  0  7 0
    32     2  2  6 2
    3m     2  4  6 0
    -3m    2  0  6 0
    6      2  4  5 2
    -6     2  2  5 0
    6/m    2  0  5 0
    622    2  1  5 2
    6mm    2  3  5 0
    -6m2   2  1  5 0
    6/mmm  2  0  5 0
    23     1  1  3 1
    m-3    1  0  3 0
    432    1  0  3 1
    -43m   1  1  3 0
    m-3m   1  0  3 0
    """.strip().splitlines()
}

# Forms of the matrices, by hand from the same book, in its axes; piezoelectric ones as e (no factors of 2).
FORMS = [
    (ELASTIC, "m-3m",
     "C11 C12 C12 · · ·|C12 C11 C12 · · ·|C12 C12 C11 · · ·|"
     "· · · C44 · ·|· · · · C44 ·|· · · · · C44"),
    (ELASTIC, "6mm",
     "C11 C12 C13 · · ·|C12 C11 C13 · · ·|C13 C13 C33 · · ·|"
     "· · · C44 · ·|· · · · C44 ·|· · · · · (C11-C12)/2"),
    (ELASTIC, "4/mmm",
     "C11 C12 C13 · · ·|C12 C11 C13 · · ·|C13 C13 C33 · · ·|"
     "· · · C44 · ·|· · · · C44 ·|· · · · · C66"),
    (ELASTIC, "-4",
     "C11 C12 C13 · · C16|C12 C11 C13 · · -C16|C13 C13 C33 · · ·|"
     "· · · C44 · ·|· · · · C44 ·|C16 -C16 · · · C66"),
    (ELASTIC, "32",
     "C11 C12 C13 C14 · ·|C12 C11 C13 -C14 · ·|C13 C13 C33 · · ·|"
     "C14 -C14 · C44 · ·|· · · · C44 C14|· · · · C14 (C11-C12)/2"),
    (ELASTIC, "-3",
     "C11 C12 C13 C14 C15 ·|C12 C11 C13 -C14 -C15 ·|C13 C13 C33 · · ·|"
     "C14 -C14 · C44 · -C15|C15 -C15 · · C44 C14|· · · -C15 C14 (C11-C12)/2"),
    (ELASTIC, "2/m",
     "C11 C12 C13 · C15 ·|C12 C22 C23 · C25 ·|C13 C23 C33 · C35 ·|"
     "· · · C44 · C46|C15 C25 C35 · C55 ·|· · · C46 · C66"),
    (PIEZOELECTRIC, "2", "· · · e14 · e16|e21 e22 e23 · e25 ·|· · · e34 · e36"),
    (PIEZOELECTRIC, "m", "e11 e12 e13 · e15 ·|· · · e24 · e26|e31 e32 e33 · e35 ·"),
    (PIEZOELECTRIC, "222", "· · · e14 · ·|· · · · e25 ·|· · · · · e36"),
    (PIEZOELECTRIC, "mm2", "· · · · e15 ·|· · · e24 · ·|e31 e32 e33 · · ·"),
    (PIEZOELECTRIC, "-4", "· · · e14 e15 ·|· · · -e15 e14 ·|e31 -e31 · · · e36"),
    (PIEZOELECTRIC, "422", "· · · e14 · ·|· · · · -e14 ·|· · · · · ·"),
    (PIEZOELECTRIC, "-42m", "· · · e14 · ·|· · · · e14 ·|· · · · · e36"),
    (PIEZOELECTRIC, "32", "e11 -e11 · e14 · ·|· · · · -e14 -e11|· · · · · ·"),
    (PIEZOELECTRIC, "3m", "· · · · e15 e16|e16 -e16 · e15 · ·|e31 e31 e33 · · ·"),
    (PIEZOELECTRIC, "6mm", "· · · · e15 ·|· · · e15 · ·|e31 e31 e33 · · ·"),
    (PIEZOELECTRIC, "-6m2", "· · · · · e16|e16 -e16 · · · ·|· · · · · ·"),
    (PIEZOELECTRIC, "-43m", "· · · e14 · ·|· · · · e14 ·|· · · · · e14"),
    (PIEZOELECTRIC, "432", "· · · · · ·|· · · · · ·|· · · · · ·"),
    (DIELECTRIC, "2", "ε1 ε2 ε3 · ε5 ·"),
    (DIELECTRIC, "3m", "ε1 ε1 ε3 · · ·"),
    (GYRATION, "m", "· · · g4 · g6"),
    (GYRATION, "mm2", "· · · · · g6"),
    (GYRATION, "-42m", "g1 -g1 · · · ·"),
    (GYRATION, "432", "g1 g1 g1 · · ·"),
]  # fmt: skip
