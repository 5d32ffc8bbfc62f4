"""Draw the course's moving picture: a molecule turns, three networks predict its dipole, and one keeps up.

``python tools/hero.py`` trains the three networks of session 1's opening (a minute) and writes
book/_static/turning.svg, which README and the book's front page show. It moves without JavaScript.
"""

from pathlib import Path

import numpy as np
import torch
from ase.neighborlist import natural_cutoffs, neighbor_list
from scipy.spatial.transform import Rotation

from tutorial_utils import datasets, graphs, nn, notebook, symmetry, training
from tutorial_utils.viz.picture import view_rotation
from tutorial_utils.viz.structures import element_colors
from tutorial_utils.viz.theme import OKABE_ITO

OUTPUT = Path(__file__).parents[1] / "book/_static/turning.svg"
SECONDS, STEP = 18, 10  # of one full turn; degrees between two frames
COLORS = {
    "plain coordinates": OKABE_ITO["vermillion"],
    "distances only": OKABE_ITO["orange"],
    "equivariant": OKABE_ITO["blue"],
}
WIDTH, HEIGHT, MOLECULE, ANGSTROM, DIPOLE = 860, 380, (200, 190), 62, 190  # SVG units; for 1 Å and 1 e·Å
EDGE = 50  # the molecule leaves room to its left
LEFT, RIGHT, TOP, BOTTOM = 470, 700, 60, 310  # the frame of the curves

# White lies behind it: on a dark page, too, the curves keep their contrast.
STYLE = """
text { font: 21px sans-serif; fill: #222 } .title { font-weight: bold }
.axis { stroke: #555; stroke-width: 1.5 } .paper { fill: #fff }
"""


def data() -> tuple[list, list, list]:
    """Return training, validation and test snapshots of ethanol in one orientation, with dipoles (e·Å)."""
    ethanol = datasets.load("ethanol_xtb")
    order = np.random.default_rng(0).permutation(len(ethanol))[:600]
    found = [
        graphs.to_graph(ethanol.structures[i], 4.0, system={"dipole": ethanol["dipole"][i]}) for i in order
    ]
    return found[:200], found[200:300], found[300:]


def error(model, batch):
    """Return the mean length of the dipole's error, e·Å."""
    return (model(batch) - batch.dipole).norm(dim=-1).mean()


def trained(train, valid) -> dict:
    """Train the networks of session 1's opening."""
    models = {
        "plain coordinates": (nn.CoordinateMLP(9, 3), 60, 2e-3),
        "distances only": (nn.InvariantMLP(9, 3), 60, 5e-3),
        "equivariant": (nn.EquivariantNetwork(["H", "C", "O"], "1o", irreps_hidden="16x0e+8x1o"), 30, 5e-3),
    }
    for name, (model, epochs, rate) in models.items():
        if name != "equivariant":
            nn.standardise(model, graphs.batch(train))
        training.fit(model, error, train=train, valid=valid, epochs=epochs, learning_rate=rate, quiet=True)
    return {name: model for name, (model, _, _) in models.items()}


def turns() -> list[np.ndarray]:
    """Return the rotations of a full turn in the plane of the picture."""
    V = view_rotation()
    return [V.T @ Rotation.from_euler("z", a, degrees=True).as_matrix() @ V for a in range(0, 361, STEP)]


def turned(batch, R):
    """Turn a batch, and its dipoles with it."""
    rotated = symmetry.rotate(batch, R)
    rotated.dipole = batch.dipole @ torch.tensor(R.T)
    return rotated


def animate(attribute: str, values) -> str:
    """Let an attribute run through values, round and round."""
    text = ";".join(f"{value:.1f}" for value in values)
    return f'<animate attributeName="{attribute}" dur="{SECONDS}s" repeatCount="indefinite" values="{text}"/>'


def arrow(vectors: np.ndarray, color: str, width: int, name: str) -> str:
    """Draw an arrow from the molecule's middle that follows vectors (frames, 2), e·Å."""
    x, y = MOLECULE[0] + DIPOLE * vectors[:, 0], MOLECULE[1] - DIPOLE * vectors[:, 1]
    head = (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="4" refY="5" markerWidth="3.4" markerHeight="3.4" '
        f'orient="auto"><path d="M0 0L10 5L0 10z" fill="{color}"/></marker>'
    )
    line = f'<line x1="{MOLECULE[0]}" y1="{MOLECULE[1]}" x2="{x[0]:.1f}" y2="{y[0]:.1f}" stroke="{color}" '
    line += f'stroke-width="{width}" marker-end="url(#{name})">'
    return head + line + animate("x2", x) + animate("y2", y) + "</line>"


def molecule(atoms) -> str:
    """Draw atoms and bonds, turning as one about the middle; far parts first."""
    places, colors = (
        (atoms.positions - atoms.positions.mean(axis=0)) @ view_rotation().T,
        element_colors(atoms),
    )
    parts = []
    for i, j in zip(*neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=1.15)), strict=True):
        (x1, y1, z1), (x2, y2, z2) = ANGSTROM * places[i], ANGSTROM * places[j]
        ends = f'x1="{x1:.0f}" y1="{-y1:.0f}" x2="{x2:.0f}" y2="{-y2:.0f}"'
        parts.append(((z1 + z2) / 2, f'<line {ends} stroke="#999" stroke-width="9"/>'))
    for symbol, (x, y, z) in zip(atoms.symbols, ANGSTROM * places, strict=True):
        radius = 13 if symbol == "H" else 21
        look = f'r="{radius}" fill="{colors[symbol]}" stroke="#444" stroke-width="1.5"'
        parts.append((z, f'<circle cx="{x:.0f}" cy="{-y:.0f}" {look}/>'))
    turn = (
        '<animateTransform attributeName="transform" type="rotate" from="0" to="-360" '
        f'dur="{SECONDS}s" repeatCount="indefinite"/>'
    )
    body = "".join(svg for _, svg in sorted(parts, key=lambda part: part[0]))
    return f'<g transform="translate({MOLECULE[0]} {MOLECULE[1]})"><g>{turn}{body}</g></g>'


def curves(errors: dict[str, np.ndarray]) -> str:
    """Draw the errors against the angle, with a point on each that moves with the molecule."""
    highest = 1.05 * max(values.max() for values in errors.values())
    x = np.linspace(LEFT, RIGHT, len(next(iter(errors.values()))))
    parts = [f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>']
    for angle in (0, 90, 180, 270, 360):
        place = LEFT + (RIGHT - LEFT) * angle / 360
        parts.append(f'<text x="{place:.0f}" y="{BOTTOM + 22}" text-anchor="middle">{angle}°</text>')
    for tick in np.arange(0, highest, 0.2):
        y = BOTTOM - (BOTTOM - TOP) * tick / highest
        parts.append(f'<text x="{LEFT - 8}" y="{y + 5:.0f}" text-anchor="end">{tick:.1f}</text>')
    for name, values in errors.items():
        y = BOTTOM - (BOTTOM - TOP) * values / highest
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{COLORS[name]}" stroke-width="3.5"/>')
        dot = f'<circle r="7" fill="{COLORS[name]}">{animate("cx", x)}{animate("cy", y)}</circle>'
        parts.append(dot)
        place = f'x="{RIGHT + 10}" y="{y[len(y) // 2] + 5:.0f}"'  # beside the curve's middle, where they part
        parts.append(f'<text {place} style="fill:{COLORS[name]}">{name}</text>')
    parts.append(f'<text class="title" x="{LEFT - 34}" y="{TOP - 24}">error of the dipole (e Å)</text>')
    parts.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 46}" text-anchor="middle">turned by</text>')
    return "".join(parts)


def picture(models: dict, batch, atoms) -> str:
    """Draw everything as SVG text."""
    V, one = view_rotation(), graphs.to_graph(atoms, 4.0)
    errors, arrows = {name: [] for name in models}, {name: [] for name in models}
    with torch.no_grad():
        for R in turns():
            for name, model in models.items():
                errors[name].append(error(model, turned(batch, R)).item())
                arrows[name].append((V @ model(symmetry.rotate(one, R))[0].numpy())[:2])
    errors = {name: np.array(values) for name, values in errors.items()}
    assert np.ptp(errors["equivariant"]) < 1e-8
    told = ", ".join(f"{name} {v[0]:.2f} upright, up to {v.max():.2f} turned" for name, v in errors.items())
    label = f"A molecule turns once; three networks predict its dipole. Mean error in e Å: {told}."
    moving = "".join(
        arrow(np.array(arrows[name]), COLORS[name], 7, f"head{n}") for n, name in enumerate(models)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{EDGE} 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{label}"><title>{label}</title><style>{STYLE}</style>'
        f'<rect class="paper" x="{EDGE}" width="{WIDTH}" height="{HEIGHT}" rx="12"/>'
        f"{molecule(atoms)}{moving}{curves(errors)}</svg>\n"
    )


def main() -> None:
    """Train, draw, write."""
    notebook.setup()
    train, valid, test = data()
    svg = picture(trained(train, valid), graphs.batch(test), datasets.load("ethanol_xtb").structures[0])
    OUTPUT.write_text(svg, encoding="utf-8")
    print(f"{OUTPUT.name}: {len(svg) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
