"""The augmentation experiment turns what it says it turns, keeps its test set apart; its table is whole."""

import augmentation as script
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from tutorial_utils import augmentation, datasets, nn
from tutorial_utils.augmentation import COORDINATES, EQUIVARIANT, NEVER, PATIENT, SCALARS, STEPS


@pytest.fixture(scope="module")
def ethanol():
    return datasets.load("ethanol_xtb")


@pytest.fixture(scope="module")
def table():
    return datasets.load("augmentation")


def test_turning_turns_forces_with_positions(ethanol):
    frames, _, _ = augmentation.split(ethanol, 5, seed=0)
    turned = frames.turned(3, np.random.default_rng(0))
    assert len(turned) == 15 and turned.numbers is frames.numbers
    before, after = (torch.cat([f.pos, f.forces], dim=1) for f in (frames, turned))
    before = before.repeat_interleave(3, dim=0)
    # lengths, angles and handedness of positions and forces together are what a rotation keeps
    torch.testing.assert_close(after @ after.mT, before @ before.mT)
    torch.testing.assert_close(torch.linalg.det(after[:, :3]), torch.linalg.det(before[:, :3]))
    assert (after[0] - after[1]).abs().max() > 0.5 < (after[0] - before[0]).abs().max()


def test_the_test_set_is_new_and_always_the_same(ethanol):
    def rows(frames):
        return {tuple(row) for row in frames.pos.flatten(start_dim=1).round(decimals=6).tolist()}

    train, valid, test = augmentation.split(ethanol, 300, seed=0)
    other, valid_again, test_again = augmentation.split(ethanol, 30, seed=1)
    assert [len(rows(f)) for f in (train, valid, test, other)] == [300, 200, 300, 30]
    assert not rows(train) & rows(valid) and not rows(train) & rows(test) and not rows(valid) & rows(test)
    assert rows(test) == rows(test_again) and rows(valid) == rows(valid_again)
    assert not rows(other) <= rows(train)


def test_the_ways_to_draw_a_batch_agree(ethanol):
    train, _, _ = augmentation.split(ethanol, 4, seed=0)
    model = nn.ScalarsTimesVectors(9, per="atom")
    one_by_one = torch.cat([model(graph) for graph in train.graphs()])
    torch.testing.assert_close(model(train.joined()), one_by_one)
    torch.testing.assert_close(torch.cat([g.forces for g in train.graphs()]), train.joined().forces)


def test_training_ends_by_itself_with_the_best_weights(ethanol):
    train, valid, _ = augmentation.split(ethanol, 4, seed=0)
    torch.manual_seed(0)
    model = nn.CoordinateMLP(9, 3, per="atom", hidden=(16,))
    seen = []

    def watch(module, inputs, output):
        if not torch.is_grad_enabled():
            seen.append((output - valid.joined().forces).abs().mean().item())

    model.register_forward_hook(watch)
    steps = augmentation.fit(
        model, lambda: train.joined(), valid=valid.joined(), learning_rate=1e-2, check=5, most=2000
    )
    assert steps < 2000 and len(seen) == steps // 5
    with torch.no_grad():
        assert augmentation.error(model, valid.joined()).item() == pytest.approx(min(seen))


@pytest.mark.parametrize("resolution", [20.0, 40.0])
def test_cells_of_orientations_are_counted_as_random_rotations_fill_them(resolution):
    angles = Rotation.random(200_000, random_state=0).magnitude()
    # a ball of rotations by less than δ holds 4π/3 cells of edge δ
    inside = (angles < np.radians(resolution)).mean()
    assert 4 * np.pi / 3 / inside == pytest.approx(augmentation.orientations(resolution), rel=0.1)


def test_errors_name_the_argument(ethanol):
    with pytest.raises(ValueError, match="model: expected one of"):
        augmentation.measure(ethanol, "perceptron", n=10)
    with pytest.raises(ValueError, match="n: expected 1 to 1000"):
        augmentation.split(ethanol, 1001, seed=0)


def mean(table, model, n, k=1):
    chosen = (table["model"] == model) & (table["n"] == n) & (table["k"] == k)
    assert chosen.sum() >= 3
    return table["error"][chosen].mean()


def test_the_table_holds_the_whole_grid_of_the_script(table):
    rows = list(zip(*(table[name].tolist() for name in ("model", "n", "k", "seed")), strict=True))
    wanted = [point for seed in script.SEEDS for point in script.points(seed)]
    assert len(script.SEEDS) >= 3 and sorted(rows) == sorted(wanted) and len(set(rows)) == len(rows)


def test_the_script_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    asked = []

    def measure(dataset, model, *, n, k, seed):
        asked.append((model, n, k, seed))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return augmentation.Result(0.5, 7)

    monkeypatch.setattr(script, "OUTPUT", tmp_path / "table.json")
    monkeypatch.setattr(script, "SEEDS", (0,))
    monkeypatch.setattr(script.augmentation, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        script.run(0)
    script.gather()
    assert not script.OUTPUT.exists()
    script.run(0)
    script.gather()
    assert asked[:2] + asked[3:] == script.points(0)
    assert set(script.read(script.OUTPUT).values()) == {(0.5, 7)}
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


@pytest.mark.parametrize("n", [30, 100, 300])
def test_the_table_says_what_the_session_says(table, n):
    never = mean(table, NEVER, n)
    by_k = [mean(table, COORDINATES, n, k) for k in (1, 10, 100, 500)]
    assert by_k[0] > 1.15 * never  # turning costs
    assert by_k[0] > by_k[1] > never > by_k[2] > by_k[3]  # and some tens of rotations make up for it
    assert mean(table, EQUIVARIANT, n) < mean(table, SCALARS, n) < min(by_k)  # but do not suffice


def test_patience_helps_and_does_not_suffice_either(table):
    patient = mean(table, PATIENT, 300, 500)
    assert mean(table, SCALARS, 300) < patient < mean(table, COORDINATES, 300, 500)
    assert (
        table["steps"][table["model"] == PATIENT].min()
        > STEPS
        >= table["steps"][table["model"] != PATIENT].max()
    )
