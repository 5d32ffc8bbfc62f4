"""Score the shipped ensemble on a file of the published format, against the kernel ridge."""

from pathlib import Path

import numpy as np
import pandas as pd

from tutorial_utils import datasets
from tutorial_utils.datasets.published_spectra import FREQUENCIES
from tutorial_utils.phonons.baselines import Kernel
from tutorial_utils.phonons.prediction import predict
from tutorial_utils.phonons.spectra import errors, paired


def evaluate_file(path: str | Path) -> dict[str, pd.DataFrame]:
    """Compare ensemble and kernel ridge on the validation and test crystals of a file.

    Args:
        path: the published CSV or a copy of it, the files of the split beside it.

    Returns:
        part of the split -> errors: one row a measure of `spectra.errors`, with the columns ensemble, kernel
        ridge, difference, and its standard error. A part whose spectra are blank is left out.

    Raises:
        DatasetError, ValueError: as `datasets.load`; or if the file holds no spectrum to train the kernel on,
            or none to compare with.
    """
    data = datasets.load("phonon_dos_published", path=path)
    known = np.isfinite(data["dos"]).all(axis=1)
    rows = {part: np.flatnonzero(known & (data["split"] == part)) for part in ("train", "valid", "test")}
    counts = {part: len(chosen) for part, chosen in rows.items()}
    train = rows.pop("train")
    if not len(train) or not any(map(len, rows.values())):
        raise ValueError(f"path: spectra to train on, and to compare with, are needed; {path} holds {counts}")
    kernel = Kernel.fit([data.structures[n] for n in train], data["dos"][train])
    found = {}
    for part, chosen in rows.items():
        if len(chosen):
            structures, target = [data.structures[n] for n in chosen], data["dos"][chosen]
            spectra = predict(structures)[0], kernel.predict(structures)
            found[part] = _compare(*(errors(each, target, FREQUENCIES) for each in spectra))
    return found


def _compare(ensemble: dict[str, np.ndarray], kernel: dict[str, np.ndarray]) -> pd.DataFrame:
    table = {}
    for measure, values in ensemble.items():
        table[measure] = (values.mean(), kernel[measure].mean(), *paired(values, kernel[measure]))
    columns = ["ensemble", "kernel ridge", "difference", "standard error"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns)
