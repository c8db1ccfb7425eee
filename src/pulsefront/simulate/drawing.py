"""A detector drawn to scale: from the side, and its photosensors from the front.

The colours are those of the reports, which know them by value: on a page they turn with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulsefront.detector import Crystal, Detector, SensorPlane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

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

    crystal = detector.crystal
    bottom = float(detector.boundaries_mm[-1])
    depth = 0.03 * max(crystal.size_mm)
    elements, layers = _elements(crystal), _layers(detector)
    sensors = _sensors(detector.sensors, bottom, depth)
    bottom += depth
    reach = max(crystal.size_mm[0], crystal.size_mm[1], *(2 * abs(b[0][0]) for b in sensors)) / 2
    margin = 0.08 * max(2 * reach, bottom)
    figure = Figure(figsize=(8.0, 4.7), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    side, front = figure.subplots(1, 2)
    _draw_from_the_side(side, detector, elements, layers, sensors)
    _draw_from_the_front(front, detector, elements, sensors)
    arrow = {"arrowstyle": "->", "color": _MUTED, "lw": 0.9}
    look = {"ha": "center", "size": 8, "color": _MUTED}
    side.annotate("source side", (0, 0), (0, -2.2 * margin), arrowprops=arrow, **look)
    side.set(xlim=(-reach - margin, reach + margin), ylim=(bottom + margin, -3 * margin))
    side.set(xlabel="x / mm", ylabel="z / mm", title=detector.name)
    front.set(xlim=(-reach - margin, reach + margin), ylim=(-reach - margin, reach + margin))
    front.set(xlabel="x / mm", ylabel="y / mm", title="elements and photosensors, from the front")
    for axes in (side, front):
        _style(axes)
    entries = _legend(detector)
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=2 if len(entries) > 2 else 1,
        frameon=False,
        fontsize=8,
        labelcolor=_INK,
    )
    return figure


def _draw_from_the_side(
    axes: Axes, detector: Detector, elements: list[Box], layers: list[Box], sensors: list[Box]
) -> None:
    for box in elements[: detector.crystal.elements[0]]:
        _draw(axes, box, 2, _CRYSTAL, 0.45)
    for number, box in enumerate(layers):
        _draw(axes, box, 2, _LAYERS[number % len(_LAYERS)], 0.6)
    for box in sensors[: detector.sensors.grid[0]]:
        _draw(axes, box, 2, _SENSOR, 0.9)


def _draw_from_the_front(
    axes: Axes, detector: Detector, elements: list[Box], sensors: list[Box]
) -> None:
    plane = detector.sensors
    for box in elements:
        _draw(axes, box, 1, _CRYSTAL, 0.22)
    for box in sensors:
        _draw(axes, box, 1, _SENSOR, 0.35, round_=plane.shape == "round")
    if plane.count <= 64:
        for number, (x, y) in enumerate(plane.centres_mm):
            axes.text(x, y, str(number), ha="center", va="center", size=7, color=_INK)


def _legend(detector: Detector) -> list[Patch]:
    from matplotlib.patches import Patch

    layers = [
        Patch(
            facecolor=_LAYERS[number % len(_LAYERS)],
            alpha=0.6,
            label=f"{layer.name}, {layer.size_mm[2]:g} mm",
        )
        for number, layer in enumerate(detector.layers)
    ]
    label = f"{detector.sensors.count} × {detector.photosensor.model}"
    return [
        Patch(facecolor=_CRYSTAL, alpha=0.45, label=_crystal_label(detector)),
        *layers,
        Patch(facecolor=_SENSOR, alpha=0.9, label=label),
    ]


def _crystal_label(detector: Detector) -> str:
    crystal = detector.crystal
    pieces = crystal.element_count
    size = " × ".join(f"{length:g}" for length in crystal.size_mm)
    return f"{detector.material.name}, {size} mm" + (f", {pieces} pieces" if pieces > 1 else "")


def _elements(crystal: Crystal) -> list[Box]:
    size = crystal.element_size_mm
    return [((x - size[0] / 2, y - size[1] / 2, 0.0), size) for x, y in crystal.element_centres_mm]


def _layers(detector: Detector) -> list[Box]:
    bottoms = detector.boundaries_mm[1:-1]
    return [
        ((-layer.size_mm[0] / 2, -layer.size_mm[1] / 2, float(bottom)), layer.size_mm)
        for layer, bottom in zip(detector.layers, bottoms, strict=True)
    ]


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
