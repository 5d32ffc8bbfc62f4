"""Train and compile NequIP models with NequIP's own commands, each in a process of its own.

NequIP is steered by one Hydra configuration, a YAML file. `config` writes it as a dictionary that can be
looked at and changed; `train` runs ``nequip-train`` on it, `compile` runs ``nequip-compile``. Their output
goes to files beside the results, whose first line is the command itself, to be typed or changed by hand.

Source: NequIP (doi:10.1038/s41467-022-29939-5).
"""

import hashlib
import os
import pickletools
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import ase.io
import e3nn
import numpy as np
import pandas as pd
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator

from tutorial_utils import structures
from tutorial_utils.arguments import explain
from tutorial_utils.datasets import Dataset
from tutorial_utils.elements import distinct
from tutorial_utils.extras import extra
from tutorial_utils.graphs import SAME_POINT, to_graph
from tutorial_utils.molecular_dynamics.plugin import cache, compiler, key

with extra("md"):
    import yaml


class _Writer(yaml.SafeDumper):
    """Writes numpy's numbers as numbers: shifts and rates are often the result of a calculation."""


_Writer.add_multi_representer(np.generic, lambda writer, value: writer.represent_data(value.item()))


def config(
    train: str | Path,
    valid: str | Path,
    *,
    elements: Sequence[str],
    cutoff: float = 4.0,
    l_max: int = 1,
    features: int = 16,
    layers: int = 2,
    epochs: int = 100,
    batch_size: int = 5,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> dict[str, Any]:
    """Write a configuration for ``nequip-train``.

    Args:
        train: extended-xyz file with energies (eV) and forces (eV/Å), the frames to learn from.
        valid: the same, the frames that choose the best epoch.
        elements: chemical symbols.
        cutoff: longest edge, Å.
        l_max: highest degree of features and spherical harmonics; 0 makes all features invariant.
        features: multiplicity of each irrep.
        layers: number of message-passing layers.
        epochs: passes over the training frames.
        batch_size: frames a step.
        learning_rate: of Adam; it falls to zero along a cosine.
        seed: of initial weights and of the order of frames.

    Raises:
        ValueError: if a file is missing, a frame has no energy or no forces, or an element is not listed.
    """
    elements = distinct(elements)
    _check_numbers(
        cutoff=cutoff,
        features=features,
        layers=layers,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )
    if l_max < 0:
        raise ValueError(f"l_max: expected a degree of 0 or more, got {l_max}")
    for name, path in (("train", train), ("valid", valid)):
        _check_frames(name, path, elements)
    model = {
        "_target_": "nequip.model.NequIPGNNModel",
        "seed": seed,
        "model_dtype": "float32",
        "type_names": list(elements),
        "r_max": float(cutoff),
        "l_max": l_max,
        "parity": True,
        "num_layers": layers,
        "num_features": features,
        "radial_mlp_depth": 1,
        "radial_mlp_width": 16,
        "avg_num_neighbors": "${training_data_stats:num_neighbors_mean}",
        "per_type_energy_shifts": "${training_data_stats:per_atom_energy_mean}",
        "per_type_energy_scales": "${training_data_stats:forces_rms}",
    }
    return {
        "run": ["train"],
        "data": _data(train, valid, elements, cutoff, batch_size, seed),
        "trainer": _trainer(epochs),
        "training_module": _training(model, epochs, learning_rate),
    }


def _check_numbers(**numbers: float) -> None:
    """Refuse what would stop a training, or keep it from learning, long after it was asked for."""
    for name, value in numbers.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name}: expected a finite number above 0, got {value}")


def _check_frames(name: str, path: str | Path, elements: Sequence[str]) -> None:
    """Read a file as NequIP will, so that what is missing is said before a training starts."""
    if not Path(path).is_file():
        raise ValueError(f"{name}: there is no file {path}; write frames with write_frames first")
    try:
        frames = ase.io.read(path, index=":")
    except Exception as reason:  # whatever a broken file makes ASE's readers raise
        raise ValueError(
            f"{name}: {path} should be an extended XYZ file in UTF-8, without a byte-order mark, and with "
            f"such a name as train.xyz; ASE cannot read it: {reason}"
        ) from reason
    if not frames:
        raise ValueError(f"{name}: {path} holds no frames")
    for number, frame in enumerate(frames):
        argument = f"{name}: frame {number} of {path}"
        _labels(frame, argument)
        if strangers := set(frame.symbols) - set(elements):
            raise ValueError(f"elements: {argument} holds {sorted(strangers)}, got only {list(elements)}")
        try:
            to_graph(frame, 10 * SAME_POINT)  # refuses two atoms at one point
        except ValueError as reason:
            raise ValueError(f"{argument}: {reason}") from None


def _labels(frame: Atoms, argument: str) -> tuple[Atoms, dict[str, Any]]:
    """Return a frame without constraints, its energy and physical forces, and its stress if that is known."""
    atoms = structures.plain(frame, argument=argument)
    known = {
        "energy": structures.energy(frame, argument=argument),
        "forces": structures.physical_forces(frame, argument=argument),
    }
    stress = getattr(frame.calc, "results", {}).get("stress")
    return atoms, known if stress is None else {**known, "stress": stress}


def _data(train, valid, elements: Sequence[str], cutoff: float, batch_size: int, seed: int) -> dict:
    """Say where frames lie, and how they become graphs."""
    loader = {"_target_": "torch.utils.data.DataLoader", "batch_size": batch_size}
    return {
        "_target_": "nequip.data.datamodule.ASEDataModule",
        "seed": seed,
        "train_file_path": str(Path(train).resolve()),
        "val_file_path": str(Path(valid).resolve()),
        "transforms": [
            {
                "_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper",
                "model_type_names": list(elements),
                "chemical_species_to_atom_type_map": {element: element for element in elements},
            },
            {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": float(cutoff)},
        ],
        "train_dataloader": {**loader, "shuffle": True},
        "val_dataloader": {**loader, "batch_size": 20},
        "stats_manager": {
            "_target_": "nequip.data.CommonDataStatisticsManager",
            "type_names": list(elements),
        },
    }


def _trainer(epochs: int) -> dict:
    """Say how long to train, and what to keep: the epoch that is best on the validation frames."""
    folder = "${hydra:runtime.output_dir}"
    return {
        "_target_": "lightning.Trainer",
        "accelerator": "cpu",
        "max_epochs": epochs,
        "check_val_every_n_epoch": max(1, epochs // 100),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 1,
        "logger": {
            "_target_": "lightning.pytorch.loggers.CSVLogger",
            "save_dir": folder,
            "name": "csv",
            "version": 0,
        },
        "callbacks": [
            {
                "_target_": "lightning.pytorch.callbacks.ModelCheckpoint",
                "monitor": "val0_epoch/weighted_sum",
                "dirpath": folder,
                "filename": "best",
            }
        ],
    }


def _training(model: dict, epochs: int, learning_rate: float) -> dict:
    """Say what to minimise, and how."""
    metrics = {
        "_target_": "nequip.train.EnergyForceMetrics",
        "coeffs": {"per_atom_energy_mae": 1.0, "forces_mae": 1.0},
    }
    return {
        "_target_": "nequip.train.NequIPLightningModule",
        "loss": {
            "_target_": "nequip.train.EnergyForceLoss",
            "per_atom_energy": True,
            "coeffs": {"total_energy": 1.0, "forces": 1.0},
        },
        "val_metrics": metrics,
        "test_metrics": metrics,
        "optimizer": {"_target_": "torch.optim.Adam", "lr": learning_rate},
        "lr_scheduler": {
            "scheduler": {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "T_max": epochs},
            "interval": "epoch",
        },
        "model": model,
    }


def train(config: dict[str, Any], folder: str | Path) -> Path:
    """Run ``nequip-train``.

    Args:
        config: from `config`, changed or not.
        folder: where to leave the configuration, the log, ``csv/version_0/metrics.csv`` and checkpoints.

    Returns:
        The checkpoint of the best epoch. Keep the data files: compiling reads them again.

    Raises:
        ValueError: if the folder holds a training already, or the configuration something that is no text,
            number, list or dictionary.
        RuntimeError: if the command fails, with its message.
    """
    folder = Path(folder).resolve()
    checkpoint = folder / "best.ckpt"
    if checkpoint.exists():
        raise ValueError(f"folder: {folder} holds a trained model already; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        text = yaml.dump(config, Dumper=_Writer, sort_keys=False)
    except yaml.representer.RepresenterError as reason:
        raise ValueError(
            f"config: expected text, numbers, lists and dictionaries, got {reason.args[-1]!r}; write float(…)"
        ) from None
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    _command(
        "train", "-cp", str(folder), "-cn", "config", f"hydra.run.dir={folder}", log=folder / "train.log"
    )
    return checkpoint


def metrics(folder: str | Path) -> pd.DataFrame:
    """Read the course of a training: one row an epoch, columns as NequIP names them, eV and Å.

    Raises:
        ValueError: if there is none in the folder.
    """
    path = Path(folder) / "csv" / "version_0" / "metrics.csv"
    if not path.is_file():
        raise ValueError(f"folder: there is no {path}; run train first")
    return pd.read_csv(path).groupby("epoch").first()


def compile(model: str | Path, *, target: str = "pair_nequip") -> Path:
    """Run ``nequip-compile``: make machine code of a model, with AOTInductor. Needs a C++ compiler.

    Args:
        model: checkpoint, or package made by ``nequip-package``.
        target: ``"pair_nequip"`` for LAMMPS, ``"ase"`` for `ase`.

    Returns:
        The compiled model, in the user's cache folder: it is compiled once for each model, target, processor
        and version of torch and NequIP. A training repeated in another folder gives the same model.

    Raises:
        ValueError: if there is no such file.
        NoCompiler: if there is no C++ compiler.
        RuntimeError: if the command fails, with its message.
    """
    model = Path(model).resolve()
    if not model.is_file():
        raise ValueError(f"model: there is no file {model}; run train first")
    parts = [_content(model), target, torch.__version__]
    parts += [metadata.version("nequip"), str(sorted(torch.cpu.get_capabilities().items()))]
    name = key(*parts)
    compiled = cache() / f"{name}.nequip.pt2"
    if not compiled.exists():
        compiled.parent.mkdir(parents=True, exist_ok=True)
        unfinished = compiled.with_name(f"{name}-{os.getpid()}.nequip.pt2")
        options = ["--mode", "aotinductor", "--device", "cpu", "--target", target]
        log = compiled.with_suffix(".log")
        _command("compile", str(model), str(unfinished), *options, log=log, CXX=compiler())
        unfinished.replace(compiled)
    return compiled


def _content(model: Path) -> str:
    """Summarise a checkpoint or package; of a checkpoint all but the folders it was made in."""
    if model.suffix != ".ckpt":
        return hashlib.sha256(model.read_bytes()).hexdigest()
    summary = hashlib.sha256()
    with zipfile.ZipFile(model) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("/data.pkl"):  # listed, not loaded
                steps = [(step.name, value) for step, value, _ in pickletools.genops(content)]
                content = repr([step for step in steps if not os.path.isabs(str(step[1]))]).encode()
            if not name.endswith("serialization_id"):  # a checksum of the others
                summary.update(name.split("/", 1)[1].encode() + content)
    return summary.hexdigest()


def calculator(checkpoint: str | Path) -> Calculator:
    """Load a checkpoint as an ASE calculator that runs the model as Python does, without compiling.

    Raises:
        ValueError: if there is no such file.
    """
    # slow to import, and not part of every install
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
    from nequip.integrations.ase import NequIPCalculator
    from nequip.model import ModelFromCheckpoint
    from nequip.utils.global_state import set_global_state

    if not Path(checkpoint).is_file():
        raise ValueError(f"checkpoint: there is no file {checkpoint}; run train first")
    # NequIPCalculator.from_compiled_model takes compiled models only: here the parts that it is made of.
    # NequIP asks e3nn for scripted parts, which cannot be copied: other networks shall not have them.
    options = e3nn.get_optimization_defaults()
    try:
        set_global_state()
        (model,) = ModelFromCheckpoint(str(checkpoint)).values()
    finally:
        e3nn.set_optimization_defaults(**options)
    elements = model.metadata["type_names"].split()
    to_graph = [
        ChemicalSpeciesToAtomTypeMapper(elements, {element: element for element in elements}),
        NeighborListTransform(r_max=float(model.metadata["r_max"])),
    ]
    return NequIPCalculator(model.eval(), device="cpu", transforms=to_graph)


def errors(calculator: Calculator, frames: Sequence[Atoms]) -> dict[str, float]:
    """Compare a calculator with labelled frames.

    Returns:
        Mean absolute errors: ``energy`` (eV an atom) and ``forces`` (eV/Å, a component).
    """
    energy, forces = [], []
    if isinstance(frames, Atoms) or not len(frames):
        raise ValueError("frames: expected a list of labelled structures, at least one")
    for number, frame in enumerate(frames):
        argument = f"frames[{number}]"
        atoms = structures.plain(frame, argument=argument)
        atoms.calc = calculator
        energy.append(
            (atoms.get_potential_energy() - structures.energy(frame, argument=argument)) / len(atoms)
        )
        reference = structures.physical_forces(frame, argument=argument)
        forces.append((structures.physical_forces(atoms, argument="calculator") - reference).ravel())
    return {
        "energy": float(np.abs(energy).mean()),
        "forces": float(np.abs(np.concatenate(forces)).mean()),
    }


def labelled(dataset: Dataset) -> list[Atoms]:
    """Return the structures of a dataset, which know their energy (eV) and forces (eV/Å).

    Raises:
        ValueError: if the dataset has no energies or no forces.
    """
    frames = [structures.plain(atoms) for atoms in dataset.structures]
    for atoms, energy, forces in zip(frames, dataset["energy"], dataset["forces"], strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=float(energy), forces=forces)
    return frames


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> Path:
    """Write labelled frames as extended xyz, which NequIP reads; forces are those without constraints.

    A stress (eV/Å³) that a frame's calculator already knows is written too.

    Raises:
        ValueError: for a frame without energy or forces, or no frame.
    """
    written = []
    for number, frame in enumerate([frames] if isinstance(frames, Atoms) else frames):
        atoms, known = _labels(frame, f"frames[{number}]")
        atoms.calc = SinglePointCalculator(atoms, **known)
        written.append(atoms)
    if not written:
        raise ValueError("frames: expected at least one, got none")
    ase.io.write(path, written, format="extxyz")
    return Path(path)


def _command(name: str, *arguments: str, log: Path, **environment: str) -> None:
    """Run one of NequIP's commands on one core; the command and its output go to a file."""
    program = Path(sys.executable).with_name(f"nequip-{name}")
    with log.open("w", encoding="utf-8") as output:
        print(program.name, *arguments, file=output, flush=True)
        done = subprocess.run(
            [str(program), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            cwd=log.parent,
        )
    if done.returncode:
        lines = log.read_text(encoding="utf-8").strip().splitlines()[1:]
        raise RuntimeError(f"nequip-{name} failed: {lines[-1] if lines else 'no message'}; see {log}")


explain(globals())
