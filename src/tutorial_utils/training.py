"""Train on lists of graphs (`fit`) or on batches that the caller draws (`descend`); checkpoints."""

import copy
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from tqdm import tqdm

from tutorial_utils.arguments import explain
from tutorial_utils.graphs import follow

Loss = Callable[[Any, Batch], Tensor]  # of a model and a batch


@dataclass(frozen=True)
class History:
    """What a training leaves behind besides the weights.

    Attributes:
        train: mean loss over the training graphs, one number an epoch, in the loss's unit.
        valid: mean loss over the validation graphs after each epoch; empty if there were none.
        best_epoch: the epoch (from 0) whose weights the model holds now.
    """

    train: list[float]
    valid: list[float]
    best_epoch: int


def fit(
    model: nn.Module,
    loss: Loss,
    *,
    train: Sequence[Data],
    valid: Sequence[Data],
    epochs: int,
    learning_rate: float = 1e-2,
    decay: float = 1.0,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    average: float = 0.0,
    batch_size: int = 32,
    patience: int | None = None,
    max_steps: int | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> History:
    """Train a model with AdamW; at the end it is in eval mode and holds its best weights on `valid`.

    Args:
        model: changed in place; batches follow the device and dtype of its parameters.
        loss: `loss(model, batch)` gives a scalar, a mean over the batch.
        train: training graphs, shuffled anew in each epoch.
        valid: validation graphs, their loss picks the best epoch; if empty, the last weights stay.
        epochs: passes through `train`.
        learning_rate: Adam's step at the start.
        decay: the step at the end over that at the start; it falls along half a cosine. 1: it stays.
        beta2: which share of its running mean of squared gradients Adam keeps in each step; where gradients
            change fast, a smaller one (0.95) learns sooner.
        weight_decay: by which share of itself, times the step, each weight shrinks in a step.
        average: hold on to running means of the weights instead, which keep this share of themselves in each
            step (0.98: about the last 50 steps); validation and the end see the means. 0: the weights.
        batch_size: graphs a step.
        patience: stop when `valid` has not improved for so many epochs; None: never.
        max_steps: stop after so many steps, whatever part of an epoch that is; None: never.
        seed: of the shuffling (initial weights are the caller's).
        quiet: show no progress bar (there is none in automatic runs anyway).

    Returns:
        the history.

    Raises:
        ValueError: if there is nothing to train on, or nothing to be patient about.
        FloatingPointError: if the loss is no longer finite, or has never been on `valid`.
    """
    steps_left = epochs * len(train) if max_steps is None else max_steps  # more than enough, or as told
    _check(train=train, valid=valid, epochs=epochs, max_steps=steps_left, patience=patience)
    if not decay >= 0 or not 0 <= average < 1:
        raise ValueError(
            f"decay, average: expected 0 or more, and a share below 1, got {decay} and {average}"
        )
    shuffle = torch.Generator().manual_seed(seed)
    batches = DataLoader(list(train), batch_size=batch_size, shuffle=True, generator=shuffle)
    valid_batches = list(DataLoader(list(valid), batch_size=batch_size))  # collated once: never shuffled
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, beta2), weight_decay=weight_decay
    )
    watched = copy.deepcopy(model) if average else model
    schedule = _cosine(optimizer, min(steps_left, epochs * len(batches)), decay)
    history = History(train=[], valid=[], best_epoch=0)
    # plain text: a widget would stand in the saved notebook as an error
    look = {"leave": False, "unit": "epoch", "file": sys.stdout}
    with tqdm(total=epochs, disable=quiet or not _somebody_watches(), **look) as bar:
        for epoch in range(epochs):
            some = islice(batches, steps_left)
            history.train.append(_train_epoch(model, loss, some, schedule, watched, average))
            steps_left -= len(batches)
            if valid:
                history.valid.append(_mean_loss(watched, loss, valid_batches))
            best_epoch = _best(history.valid) if valid else epoch
            if best_epoch == epoch:
                best_weights = copy.deepcopy(watched.state_dict())
            bar.set_postfix_str(_progress(history), refresh=False)
            bar.update()
            if steps_left <= 0 or (patience is not None and epoch - best_epoch >= patience):
                break
    if valid and not math.isfinite(history.valid[best_epoch]):
        raise FloatingPointError("the loss on valid was never finite: look for NaN in its targets")
    # the copy of an e3nn module has constants that the module itself does not list
    model.load_state_dict({name: best_weights[name] for name in model.state_dict()})
    model.eval()
    return History(history.train, history.valid, best_epoch)


def descend(
    model: nn.Module,
    loss: Callable[[], Tensor],
    *,
    steps: int,
    learning_rate: float,
    decay: float = 1.0,
    weight_decay: float = 0.0,
) -> Iterator[int]:
    """Take steps of AdamW on losses of whatever the caller draws; he looks at the model in between.

    Args:
        model: changed in place.
        loss: draws a batch and returns the model's loss on it, a scalar.
        steps: how many.
        learning_rate: as in `fit`.
        decay: as in `fit`.
        weight_decay: as in `fit`.

    Yields:
        the number of steps taken so far.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = _cosine(optimizer, steps, decay)
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()
        yield step


def save(path: str | Path, model: nn.Module, *, dtype: torch.dtype | None = None, **metadata: Any) -> None:
    """Save weights and metadata; the file appears whole or not at all.

    Args:
        path: file to write, by custom with the ending .pt.
        model: its state_dict is saved, not its code; and its ``recipe``, if it has one, for `nn.load`.
        dtype: in which weights are written, for example ``torch.half``; None: in their own.
        metadata: numbers, strings, tensors, and lists or dicts of these.

    Raises:
        ValueError: if the metadata cannot be read back without running code from the file.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    try:
        recipe, weights = getattr(model, "recipe", None), model.state_dict()
        if dtype:
            weights = {name: w.to(dtype) if w.is_floating_point() else w for name, w in weights.items()}
        torch.save({"weights": weights, "recipe": recipe, "metadata": metadata}, temporary)
        torch.load(temporary, weights_only=True)
        os.replace(temporary, path)
    except UnpicklingError as reason:
        raise ValueError(
            f"metadata: only numbers, strings, tensors, lists and dicts can be saved, not {metadata}"
        ) from reason
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """Load weights into a model of the same architecture and return the metadata.

    Raises:
        ValueError: if the file is no checkpoint, or of another architecture.
    """
    stored = read(path, device=_device(model))
    try:
        model.load_state_dict(stored["weights"])
    except RuntimeError as reason:  # torch lists the missing, unexpected and misshapen weights
        raise ValueError(f"model: not built like the one saved in {path}. {reason}") from reason
    return stored["metadata"]


def read(path: str | Path, *, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return what `save` wrote: weights, metadata, and recipe (None in older files).

    Raises:
        ValueError: if the file is no checkpoint.
    """
    if not Path(path).is_file():
        raise ValueError(f"path: there is no checkpoint {path}; train first, then training.save(path, model)")
    try:
        stored = torch.load(path, weights_only=True, map_location=device)
        return {"recipe": None} | {name: stored[name] for name in ("weights", "metadata")} | stored
    except (UnpicklingError, EOFError, RuntimeError, KeyError, TypeError) as reason:
        raise ValueError(f"path: {path} is not a checkpoint written whole by training.save") from reason


def _best(losses: Sequence[float]) -> int:
    """Return the epoch of the smallest loss; one that is not finite is never the smallest."""
    return min(range(len(losses)), key=lambda n: losses[n] if math.isfinite(losses[n]) else math.inf)


def _cosine(optimizer: torch.optim.Optimizer, steps: int, decay: float) -> LambdaLR:
    """Let the learning rate fall from 1 to `decay` times its value in so many steps."""
    return LambdaLR(optimizer, lambda n: decay + (1 - decay) * (1 + math.cos(math.pi * n / steps)) / 2)


def _train_epoch(
    model: nn.Module,
    loss: Loss,
    batches: Iterable[Batch],
    schedule: LambdaLR,
    watched: nn.Module,
    average: float,
) -> float:
    model.train()
    total, graphs = 0.0, 0
    for batch in (follow(batch, model) for batch in batches):
        schedule.optimizer.zero_grad()
        value = loss(model, batch)
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise ValueError(f"loss: expected a function that returns one number as a tensor, got {value!r}")
        if not torch.isfinite(value):
            raise FloatingPointError(
                f"the loss became {value.item()}: try a smaller learning_rate, "
                "and look for NaN in the targets and for atoms at zero distance"
            )
        value.backward()
        schedule.optimizer.step()
        schedule.step()
        if average:
            _follow(watched, model, average)
        total += value.item() * batch.num_graphs
        graphs += batch.num_graphs
    return total / graphs


@torch.no_grad()
def _follow(watched: nn.Module, model: nn.Module, average: float) -> None:
    """Move the running means towards the weights; buffers, such as running statistics, are copied."""
    for mean, weight in zip(watched.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, 1 - average)
    now = dict(model.named_buffers())
    for name, old in watched.named_buffers():
        if name in now:  # see `fit`: copies hold more
            old.copy_(now[name])


def _mean_loss(model: nn.Module, loss: Loss, batches: Iterable[Batch]) -> float:
    model.eval()
    total, graphs = 0.0, 0
    for batch in (follow(batch, model) for batch in batches):
        # no torch.no_grad(): a loss on forces differentiates the energy
        total += loss(model, batch).item() * batch.num_graphs
        graphs += batch.num_graphs
    return total / graphs


def _check(
    *, train: Sequence[Data], valid: Sequence[Data], epochs: int, max_steps: int, patience: int | None
) -> None:
    if len(train) == 0:
        raise ValueError("train: expected a list with at least one graph, got an empty one")
    if epochs < 1:
        raise ValueError(f"epochs: expected at least 1, got {epochs}")
    if max_steps < 1:
        raise ValueError(f"max_steps: expected at least 1, got {max_steps}")
    if patience is not None and len(valid) == 0:
        raise ValueError("patience: waits for the loss on `valid`, but valid is empty; give some graphs")


def _progress(history: History) -> str:
    valid = f", valid {history.valid[-1]:.3g}" if history.valid else ""
    return f"train {history.train[-1]:.3g}{valid}"


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _somebody_watches() -> bool:
    """Tell a person's notebook or terminal from an automatic run, whose stored output a bar would spoil."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if kernel is None:
        return sys.stderr.isatty()
    return getattr(kernel, "_allow_stdin", True)  # nbclient and nbval forbid questions to the user


explain(globals())
