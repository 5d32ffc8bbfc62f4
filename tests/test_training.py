"""The training loop learns, repeats itself exactly, stops where told, keeps the best weights, saves them."""

from pathlib import Path

import pytest
import torch
from ase import Atoms
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from tutorial_utils import training
from tutorial_utils.graphs import to_graph
from tutorial_utils.nn import EquivariantNetwork

SLOPE, OFFSET = 2.0, -1.0


class Line(nn.Module):
    """y = a x + b, with x the first coordinate of a graph's only atom."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(()))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, graph: Batch) -> Tensor:
        return self.slope * graph.pos[:, 0] + self.offset


def squares(model: nn.Module, batch: Batch) -> Tensor:
    return (model(batch) - batch.y).square().mean()


def graphs(count: int, *, offset: float = OFFSET) -> list[Data]:
    x = torch.linspace(-1, 1, count)
    return [Data(pos=torch.tensor([[v, 0, 0]]), y=(SLOPE * v + offset).reshape(1)) for v in x]


def test_a_line_is_found() -> None:
    model = Line()
    history = training.fit(model, squares, train=graphs(20), valid=graphs(5), epochs=200, learning_rate=0.05)
    assert model.slope.item() == pytest.approx(SLOPE, abs=1e-3)
    assert model.offset.item() == pytest.approx(OFFSET, abs=1e-3)
    assert len(history.train) == len(history.valid) == 200
    assert history.valid[history.best_epoch] == min(history.valid) < 1e-5
    assert not model.training


def test_the_same_seed_repeats_itself_and_another_does_not() -> None:
    def run(seed: int) -> list[float]:
        return training.fit(
            Line(), squares, train=graphs(20), valid=[], epochs=3, batch_size=4, seed=seed
        ).train

    assert run(0) == run(0)
    assert run(0) != run(1)


@pytest.mark.parametrize("max_steps", [None, 5])
def test_steps_fall_along_half_a_cosine(max_steps: int | None) -> None:
    """Where the slope is always 1, Adam's step is the learning rate."""
    found = training.fit(
        Line(),
        lambda model, batch: (model(batch) - batch.pos[:, 0] * model.slope).mean(),  # the offset
        train=graphs(1),
        valid=[],
        epochs=5 if max_steps is None else 100,
        max_steps=max_steps,
        learning_rate=0.1,
        decay=0.2,
    ).train
    steps = -torch.tensor(found).diff()
    n = torch.arange(4)
    torch.testing.assert_close(steps, 0.1 * (0.2 + 0.8 * (1 + torch.cos(torch.pi * n / 5)) / 2))


def test_drawn_batches_are_descended_with_the_same_steps() -> None:
    model, drawn, seen = Line(), [], []

    def loss() -> Tensor:
        drawn.append(len(drawn))
        return model.offset + 0 * model.slope

    for step in training.descend(model, loss, steps=5, learning_rate=0.1, decay=0.2):
        seen.append((step, len(drawn), model.offset.item()))
    assert [(step, count) for step, count, _ in seen] == [(n, n) for n in range(1, 6)]
    taken = -torch.tensor([offset for *_, offset in seen]).diff()
    n = torch.arange(1, 5)
    torch.testing.assert_close(taken, 0.1 * (0.2 + 0.8 * (1 + torch.cos(torch.pi * n / 5)) / 2))


def test_weights_decay_by_their_share() -> None:
    """Where the loss does not care, a weight shrinks by rate times decay in each step (AdamW)."""
    model = Line()
    model.slope.data.fill_(4.0)
    training.fit(
        model,
        lambda model, batch: (model.offset - 1).square() + 0 * model.slope,
        train=graphs(4),
        valid=[],
        epochs=3,
        learning_rate=0.1,
        weight_decay=0.5,
    )
    assert model.slope.item() == pytest.approx(4.0 * (1 - 0.05) ** 3)


def test_running_means_lag_behind_and_are_what_stays() -> None:
    """Where the slope of the loss is always 1, weights fall by the rate each step; means follow them."""
    model, seen = Line(), []

    def fall(model: nn.Module, batch: Batch) -> Tensor:
        if not model.training:
            seen.append(model.offset.item())
        return model.offset + 0 * model.slope

    training.fit(
        model, fall, train=graphs(4), valid=graphs(4), epochs=3, learning_rate=0.1, average=0.5, quiet=True
    )
    assert seen == pytest.approx([-0.05, -0.125, -0.2125])
    assert model.offset.item() == pytest.approx(seen[-1])


def test_history_is_the_mean_over_graphs_not_over_batches() -> None:
    """Five graphs in batches of four: the lonely fifth must not count as much as the other four."""
    train = graphs(5)
    history = training.fit(
        Line(), squares, train=train, valid=train, epochs=1, batch_size=4, learning_rate=1e-12
    )
    expected = torch.stack([graph.y for graph in train]).square().mean().item()
    assert history.train[0] == pytest.approx(expected)
    assert history.valid[0] == pytest.approx(expected)


def test_best_weights_come_back_and_patience_ends_it() -> None:
    """Validation data that contradict the training data are fitted best at the start."""
    model = Line()
    history = training.fit(
        model,
        squares,
        train=graphs(20),
        valid=graphs(20, offset=+1.0),
        epochs=300,
        learning_rate=0.05,
        patience=7,
    )
    assert len(history.valid) == history.best_epoch + 1 + 7 < 300
    batch = Batch.from_data_list(graphs(20, offset=+1.0))
    assert squares(model, batch).item() == pytest.approx(min(history.valid))


def test_without_validation_the_last_weights_stay() -> None:
    model = Line()
    history = training.fit(model, squares, train=graphs(8), valid=[], epochs=4, batch_size=8)
    assert (history.valid, history.best_epoch) == ([], 3)
    batch = Batch.from_data_list(graphs(8))
    assert squares(model, batch).item() < history.train[-1]


@pytest.mark.parametrize(("max_steps", "epochs"), [(1, 1), (5, 1), (6, 2), (12, 3), (99, 3)])
def test_max_steps_counts_steps(max_steps: int, epochs: int) -> None:
    steps = []

    def counted(model: nn.Module, batch: Batch) -> Tensor:
        steps.append(len(batch.y))
        return squares(model, batch)

    history = training.fit(
        Line(), counted, train=graphs(20), valid=[], epochs=3, batch_size=4, max_steps=max_steps
    )
    assert len(steps) == min(max_steps, 15)
    assert len(history.train) == epochs


def test_a_loss_on_gradients_is_trained_and_validated() -> None:
    """Forces are gradients: validation must not switch them off."""

    def slope_only(model: nn.Module, batch: Batch) -> Tensor:
        batch.pos.requires_grad_(True)
        (gradient,) = torch.autograd.grad(model(batch).sum(), batch.pos, create_graph=True)
        return (gradient[:, 0] - SLOPE).square().mean()

    model = Line()
    history = training.fit(
        model, slope_only, train=graphs(8), valid=graphs(4), epochs=200, learning_rate=0.05
    )
    assert history.valid[-1] < 1e-4
    assert model.slope.item() == pytest.approx(SLOPE, abs=1e-2)


def test_graphs_stay_as_they_were() -> None:
    train = graphs(6)
    before = [graph.pos.clone() for graph in train]
    training.fit(Line(), squares, train=train, valid=train, epochs=2)
    assert all(torch.equal(graph.pos, old) for graph, old in zip(train, before, strict=True))


def test_nothing_is_printed_when_nobody_watches(capsys: pytest.CaptureFixture) -> None:
    training.fit(Line(), squares, train=graphs(6), valid=[], epochs=2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train": []}, "train: expected"),
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"max_steps": 0}, "max_steps: expected at least 1, got 0"),
        ({"patience": 3}, "patience: .* valid is empty"),
        ({"average": 1.0}, "decay, average: .* a share below 1"),
        ({"decay": -0.5}, "decay, average: expected 0 or more"),
    ],
)
def test_bad_arguments_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        training.fit(Line(), squares, **{"train": graphs(3), "valid": [], "epochs": 1, **wrong})


def test_a_diverging_loss_is_an_error() -> None:
    train = graphs(4)
    train[2].y[0] = torch.nan
    with pytest.raises(FloatingPointError, match="NaN in the targets"):
        training.fit(Line(), squares, train=train, valid=[], epochs=1)


def test_a_validation_loss_that_is_not_finite_is_never_the_best() -> None:
    def infinite_until(epoch: int):
        seen = []

        def loss(model: nn.Module, batch: Batch) -> Tensor:
            if model.training:
                return squares(model, batch)
            seen.append(0)
            return squares(model, batch) * (torch.nan if len(seen) <= epoch else 1.0)

        return loss

    options = {"train": graphs(20), "valid": graphs(5), "epochs": 20, "learning_rate": 0.05}
    model = Line()
    assert training.fit(model, infinite_until(1), **options).best_epoch > 0
    assert model.slope.item() != 0
    with pytest.raises(FloatingPointError, match="never finite"):
        training.fit(Line(), infinite_until(99), **options)


def test_batches_follow_the_dtype_of_the_model() -> None:
    model = Line().float()
    history = training.fit(model, squares, train=graphs(20), valid=graphs(5), epochs=3)
    assert model.slope.dtype == torch.float32 and len(history.valid) == 3


# --- checkpoints ---


def test_weights_and_metadata_come_back(tmp_path: Path) -> None:
    model, other = Line(), Line()
    training.fit(model, squares, train=graphs(6), valid=[], epochs=2)
    metadata = {"seed": 3, "error": 0.1, "irreps": "4x0e", "curve": [1.0, 0.5]}
    training.save(tmp_path / "line.pt", model, **metadata)
    assert training.load(tmp_path / "line.pt", other) == metadata
    assert torch.equal(model.slope, other.slope)
    assert [path.name for path in tmp_path.iterdir()] == ["line.pt"]


def test_metadata_that_would_need_code_are_refused(tmp_path: Path) -> None:
    training.save(tmp_path / "line.pt", Line(), note="old")
    with pytest.raises(ValueError, match="metadata: only numbers"):
        training.save(tmp_path / "line.pt", Line(), note=Path("x"))
    assert training.load(tmp_path / "line.pt", Line()) == {"note": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["line.pt"]


def test_wrong_checkpoints_are_named(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    with pytest.raises(ValueError, match="there is no checkpoint"):
        training.load(path, Line())
    training.save(path, Line())
    with pytest.raises(ValueError, match=r"model: not built like(.|\n)*slope"):
        training.load(path, nn.Linear(2, 1))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a checkpoint written whole"):
        training.load(path, Line())
    torch.save({"other": 1}, path)
    with pytest.raises(ValueError, match="not a checkpoint"):
        training.load(path, Line())


def test_running_means_of_an_e3nn_network_stay() -> None:
    """A copy of an e3nn module lists constants that the module itself does not; they do no harm."""
    model = EquivariantNetwork(["H"], "0e", irreps_hidden="4x0e+2x1o+2x2e", layers=2)
    before = model.head.weight.detach().clone()
    data = [to_graph(Atoms("H3", [[0, 0, 0], [1, 0, 0], [0, 1.2, 0.3]]), 4.0)]
    training.fit(
        model,
        lambda model, batch: model(batch).square().mean(),
        train=data,
        valid=data,
        epochs=2,
        learning_rate=0.01,
        average=0.5,
        quiet=True,
    )
    assert not torch.equal(model.head.weight, before)
