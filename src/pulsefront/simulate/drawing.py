"""A detector drawn to scale: from the side, and its photosensors from the front.

The colours are those of the reports, which know them by value: on a page they turn with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulsefront.detector import Crystal, Detector, SensorPlane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_detector"]

_INK, _MUTED = "#1d2733", "#5f6c7b"
_CRYSTAL, _SENSOR = "#0b6fb8", "#6c7885"
_LAYERS = ("#a8780a", "#0e8f6a", "#7a5cc7")
_FONT = 8.5
# Lower corner and size in mm along x, y and z.
Box = tuple[tuple[float, float, float], tuple[float, float, float]]


def draw_detector(detector: Detector) -> Figure:
    """Return a figure to scale: the side view, and the photosensors from the front.

    Photosensors carry their numbers where there are 64 of them or fewer.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    crystal, plane = detector.crystal, detector.sensors
    elements = _elements(crystal)
    layers, bottom = [], crystal.size_mm[2]
    for layer in detector.layers:
        x, y, thickness = layer.size_mm
        layers.append(
            (f"{layer.name}, {thickness:g} mm", ((-x / 2, -y / 2, bottom), layer.size_mm))
        )
        bottom += thickness
    depth = 0.03 * max(crystal.size_mm)
    sensors = _sensors(plane, bottom, depth)
    bottom += depth
    reach = max(crystal.size_mm[0], crystal.size_mm[1], *(2 * abs(b[0][0]) for b in sensors)) / 2
    margin = 0.08 * max(2 * reach, bottom)
    figure = Figure(figsize=(8.0, 4.7), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    side, front = figure.subplots(1, 2)
    for number, box in enumerate(elements):
        if number < crystal.elements[0]:
            _draw(side, box, 2, _CRYSTAL, 0.45)
        _draw(front, box, 1, _CRYSTAL, 0.22)
    entries = [Patch(facecolor=_CRYSTAL, alpha=0.45, label=_crystal_label(detector))]
    for number, (label, box) in enumerate(layers):
        colour = _LAYERS[number % len(_LAYERS)]
        _draw(side, box, 2, colour, 0.6)
        entries.append(Patch(facecolor=colour, alpha=0.6, label=label))
    for number, box in enumerate(sensors):
        _draw(front, box, 1, _SENSOR, 0.35, round_=plane.shape == "round")
        if number < plane.grid[0]:
            _draw(side, box, 2, _SENSOR, 0.9)
        if plane.count <= 64:
            x, y = (box[0][axis] + box[1][axis] / 2 for axis in (0, 1))
            front.text(x, y, str(number), ha="center", va="center", size=7, color=_INK)
    label = f"{plane.count} × {detector.photosensor.model}"
    entries.append(Patch(facecolor=_SENSOR, alpha=0.9, label=label))
    arrow = {"arrowstyle": "->", "color": _MUTED, "lw": 0.9}
    place = {"ha": "center", "size": 8, "color": _MUTED}
    side.annotate("source side", (0, 0), (0, -2.2 * margin), arrowprops=arrow, **place)
    side.set(xlim=(-reach - margin, reach + margin), ylim=(bottom + margin, -3 * margin))
    side.set(xlabel="x / mm", ylabel="z / mm", title=detector.name)
    front.set(xlim=(-reach - margin, reach + margin), ylim=(-reach - margin, reach + margin))
    front.set(xlabel="x / mm", ylabel="y / mm", title="elements and photosensors, from the front")
    for axes in (side, front):
        _style(axes)
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=2 if len(entries) > 2 else 1,
        frameon=False,
        fontsize=8,
        labelcolor=_INK,
    )
    return figure


def _crystal_label(detector: Detector) -> str:
    crystal = detector.crystal
    pieces = crystal.elements[0] * crystal.elements[1]
    size = " × ".join(f"{length:g}" for length in crystal.size_mm)
    return f"{detector.material.name}, {size} mm" + (f", {pieces} pieces" if pieces > 1 else "")


def _elements(crystal: Crystal) -> list[Box]:
    size = crystal.element_size_mm
    return [((x - size[0] / 2, y - size[1] / 2, 0.0), size) for x, y in crystal.element_centres_mm]


def _sensors(plane: SensorPlane, z: float, depth: float) -> list[Box]:
    half = plane.active_mm / 2
    size = (plane.active_mm, plane.active_mm, depth)
    return [((x - half, y - half, z), size) for x, y in plane.centres_mm]


def _draw(
    axes: Axes, box: Box, vertical: int, colour: str, alpha: float, *, round_: bool = False
) -> None:
    """Add a box as one patch, filled in part and framed in full."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Circle, Rectangle

    (x, y), (width, height) = ((part[0], part[vertical]) for part in box)
    look: dict[str, Any] = {"fc": to_rgba(colour, alpha), "ec": colour, "lw": 0.7}
    if round_:
        axes.add_patch(Circle((x + width / 2, y + height / 2), width / 2, **look))
    else:
        axes.add_patch(Rectangle((x, y), width, height, **look))


def _style(axes: Axes) -> None:
    axes.set_aspect("equal")
    axes.patch.set_alpha(0)
    axes.tick_params(colors=_MUTED, labelsize=_FONT, length=3, width=0.7)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set(color=_MUTED, linewidth=0.7)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set(color=_INK, fontsize=_FONT + 0.5)
