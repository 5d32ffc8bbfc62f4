"""Figures that turn and slide in JupyterLab, in Colab and in the static book, from one call.

Every figure goes through `show`, which stores it with an alternative text and prints nothing else::

    show(fig, *, alt)                        plotly figure or structure; alt = the message, with its number

    structure(atoms, *, vectors=None, tensors=None, labels=None, style="ball-and-stick",
              vector_scale=None, tensor_scale=None, values=None, label="frame", unit="", height=360,
              playing=False)                 atoms, or a list of them (frames with a slider)
    slider(frames, values, *, label, unit="", active=0)
                                             list of plotly figures -> one figure with a slider
    spherical_surface(coefficients, *, lmax=None, irreps=None, shape="radius", resolution=25)
                                             a function on the sphere, coefficients in e3nn's order
    isosurface(values, *, reach, level=0.4, color="sky", resolution=21)
                                             a function in space, (n, n, n) values on a cube, as a surface
    level_set(values, level, *, origin=(0, 0, 0), spacing=1.0)
                                             where a function on a grid has a value: Mesh(vertices, triangles)
    surfaces(atoms, {name: (mesh, colour or numbers)}, *, opacity=0.5, unit="")
                                             such surfaces around a molecule
    learning_curve(table, *, x, y, by=None, x_label=None, y_label=None)
                                             one row per seed; mean, with bars from smallest to largest
    spread(places, apart)                    where labels can stand that would collide where they belong

    OKABE_ITO                                {"blue": "#0072B2", "orange": ..., ...}, safe for all eyes
    TEMPLATE                                 the course's plotly template; show() applies it

Write plain text and Unicode (α, Å⁻¹, ⟨ω²⟩) in figures, no $maths$: JupyterLab has no MathJax for plotly.
A figure should stay below 200 kB: pass fewer points, or fewer frames. It needs no title: the sentence above
it is one. Points in a plane are drawn as SVG; only solids take one of the browser's few WebGL views.
"""

from tutorial_utils.arguments import explain
from tutorial_utils.viz.charts import learning_curve, slider, spread
from tutorial_utils.viz.display import show
from tutorial_utils.viz.meshes import Mesh, level_set, surfaces
from tutorial_utils.viz.spherical import spherical_surface
from tutorial_utils.viz.structures import Structure, structure
from tutorial_utils.viz.theme import DIVERGING, OKABE_ITO, TEMPLATE
from tutorial_utils.viz.volumes import isosurface

__all__ = [
    "DIVERGING",
    "OKABE_ITO",
    "TEMPLATE",
    "Mesh",
    "Structure",
    "isosurface",
    "learning_curve",
    "level_set",
    "show",
    "slider",
    "spherical_surface",
    "spread",
    "structure",
    "surfaces",
]

explain(globals())
