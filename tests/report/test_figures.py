"""Each drawing shows the numbers it was given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from front_figure import pareto_fronts
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pulsefront.report import figures
from pulsefront.report.figures.firmware import FormatRange
from pulsefront.report.figures.search import PathStep
from pulsefront.report.style import png_of
from pulsefront.report.svg import PALETTE, svg_of

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=2_000)
PLACE = RANDOM.integers(-5, 6, (2_000, 2)).astype(float)
STEPS = [
    PathStep(8000, 0.46, 0.45, 0.47, accepted=True, name="full"),
    PathStep(6000, 0.47, 0.46, 0.48, accepted=True, name="−8 inputs"),
    PathStep(5000, 0.60, 0.59, 0.61, accepted=False, name="−16 inputs"),
    PathStep(4000, 0.475, 0.465, 0.485, accepted=True, name="−1 bit"),
]
AUDIT = [
    FormatRange("hidden", (-128, 127), (-100, 90), (-20, 30), 2**-4),
    FormatRange("output", (-8, 7), (-20, 9), None, 2**-4),
]
DRAWINGS = {
    "pulses": lambda: figures.pulses(
        np.arange(20), {"a": RANDOM.normal(size=(5, 20))}, zoom_ns=(5, 10)
    ),
    "light": lambda: figures.light_patterns(
        [np.eye(8), 2 * np.eye(8)],
        extent_mm=(-24, 24, -24, 24),
        titles=["a", "b"],
        truth_mm=[(0, 0), (1, 1)],
        estimate_mm=[(0, 1), (1, 2)],
    ),
    "residuals": lambda: figures.residual_histograms(
        {"a": NORMAL, "b": np.append(2 * NORMAL, np.nan)},
        label="residual",
        unit="mm",
        fwhm={"a": 2.35},
    ),
    "map": lambda: figures.error_map(PLACE, {"a": np.abs(NORMAL)}, bins=11, training_mm=PLACE[:10]),
    "bias": lambda: figures.bias_curves(
        PLACE[:, 0], {"a": NORMAL}, label="x", residual_label="r", trained_at=[0, 2]
    ),
    "bars": lambda: figures.comparison_bars(
        {"a": (1, 0.9, 1.1), "b": (2, 1.9, 2.1)}, label="mm", reference=0.8, reference_label="bound"
    ),
    "importance": lambda: figures.importance_bars({"a": (1, 0.9, 1.1)}, label="mm"),
    "learning": lambda: figures.learning_curve(
        [100, 1000], {"a": [(2, 1.9, 2.1), (1, 0.9, 1.1)]}, label="mm"
    ),
    "heat": lambda: figures.heat_map([[1, -0.5]], ["r"], ["a", "b"], label="c", diverging=True),
    "path": lambda: figures.ablation_path(
        STEPS, cost_label="bytes", label="mm", budget=5000, limit=0.48, references={"k-NN": 0.55}
    ),
    "cost fronts": lambda: figures.cost_fronts(
        [
            figures.FrontPanel("bytes", [300, 100, 200], [1.0, 3.0, 1.5], [1, 2, 0], [0, 2], 250),
            figures.FrontPanel("LUTs", [900, 700, 800], [1.0, 3.0, 1.5], [1, 2, 0], [0, 2]),
        ],
        label="mm",
        limit=2.0,
    ),
    "audit": lambda: figures.format_audit(AUDIT),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_become_svg_and_png_without_pyplot(name: str) -> None:
    before = plt.get_fignums()
    figure = DRAWINGS[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == before
    drawing = svg_of(figure, "what it shows")
    assert drawing.startswith("<svg")
    assert 'aria-label="what it shows"' in drawing
    assert png_of(figure).startswith(b"\x89PNG")


def test_the_front_holds_the_undominated_points_alone() -> None:
    axes = pareto_fronts(
        {"a": ([100, 200, 300], [3.0, 1.0, 2.0])}, cost_label="bytes", label="mm", budget=250
    ).axes[0]
    (front,) = [line for line in axes.lines if line.get_label() == "a"]
    np.testing.assert_array_equal(front.get_xydata(), [[100, 3], [200, 1]])


def test_a_front_chosen_elsewhere_is_drawn_as_it_was_chosen() -> None:
    figure = pareto_fronts(
        {"a": ([100, 200, 300], [3.0, 1.0, 2.0])},
        cost_label="bytes",
        label="mm",
        fronts={"a": [0, 2]},
        limits=(0.0, 4.0),
        limit=2.5,
    )
    (front,) = [line for line in figure.axes[0].lines if line.get_label() == "a"]
    np.testing.assert_array_equal(front.get_xdata(), [100, 300])
    assert figure.axes[0].get_ylim() == (0.0, 4.0)


def test_every_cost_has_a_panel_with_its_front_and_its_budget() -> None:
    first, second = DRAWINGS["cost fronts"]().axes
    lines = {line.get_label(): line for line in first.lines}
    assert list(lines["Pareto front"].get_xdata()) == [100, 200, 300]
    assert list(lines["accepted"].get_xdata()) == [300, 200]
    assert lines["budget"].get_xdata()[0] == 250
    assert "budget" not in {line.get_label() for line in second.lines}


def test_the_path_joins_accepted_steps_and_marks_refused_ones() -> None:
    lines = {line.get_label(): line for line in DRAWINGS["path"]().axes[0].lines}
    assert lines["accepted"].get_xdata().tolist() == [8000, 6000, 4000]
    assert list(lines["refused"].get_xdata()) == [5000]
    assert lines["final"].get_xdata().tolist() == [4000]
    assert lines["budget"].get_xdata()[0] == 5000
    assert lines["k-NN"].get_ydata()[0] == 0.55


def test_a_range_beyond_its_format_has_the_colour_of_errors() -> None:
    colours = [to_hex(bar.get_facecolor()) for bar in DRAWINGS["audit"]().axes[0].patches]
    assert colours.count(PALETTE["bad"]) == 1


def test_what_is_saturated_by_name_is_no_error() -> None:
    row = FormatRange("output", (-8, 7), (-20, 9), None, 2**-4, saturates=True)
    colours = [to_hex(bar.get_facecolor()) for bar in figures.format_audit([row]).axes[0].patches]
    assert PALETTE["bad"] not in colours
    assert len(colours) == 2


def test_names_on_the_path_keep_their_distance() -> None:
    crowd = [
        PathStep(1000 - step, 0.5, 0.49, 0.51, accepted=True, name=f"step {step}")
        for step in range(50)
    ]
    crowd.append(PathStep(100, 0.5, 0.49, 0.51, accepted=True, name="a very long name " * 4))
    texts = figures.ablation_path(crowd, cost_label="b", label="m").axes[0].texts
    names = [text.get_text() for text in texts]
    assert names[0] == "step 0"
    assert len(names) == 2
    assert len(names[1]) <= 26


def test_bars_of_the_audit_are_bits_of_magnitude() -> None:
    widths = [bar.get_width() for bar in DRAWINGS["audit"]().axes[0].patches]
    expected = [11, np.log2(1600), np.log2(480), 7, np.log2(320)]
    np.testing.assert_allclose(widths, expected)


def test_residual_histograms_are_normalized_and_leave_out_what_is_not_finite() -> None:
    figure = figures.residual_histograms(
        {"a": [0.0] * 9 + [np.nan]}, label="r", unit="mm", bins=3, reach=1.5, log_panel=False
    )
    np.testing.assert_allclose(figure.axes[0].patches[0].get_data().values, [0, 1, 0])


def test_error_maps_hold_the_median_of_each_square() -> None:
    place = np.array([[0, 0], [0, 0], [0, 0], [2, 0], [2, 0], [0, 2]], float)
    figure = figures.error_map(place, {"a": np.array([1, 2, 9, 4, 6, 3.0])}, bins=3)
    grid = np.asarray(figure.axes[0].images[0].get_array().filled(np.nan)).T
    expected = np.full((3, 3), np.nan)
    expected[0, 0], expected[2, 0], expected[0, 2] = 2, 5, 3
    np.testing.assert_array_equal(grid, expected)


def test_bias_curves_keep_few_distinct_offsets_apart() -> None:
    offsets = np.repeat([-1.0, 0.0, 1.0], 50)
    figure = figures.bias_curves(offsets, {"a": 2 * offsets}, label="x", residual_label="r")
    line = figure.axes[0].containers[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[-1, -2], [0, 0], [1, 2]], atol=1e-12)


def test_importance_is_sorted_and_cut() -> None:
    values = {str(i): (float(i), i - 0.1, i + 0.1) for i in range(30)}
    axes = figures.importance_bars(values, label="x", most=5).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["29", "28", "27", "26", "25"]


def test_svg_identifiers_carry_the_prefix() -> None:
    figure = DRAWINGS["residuals"]()
    drawing = svg_of(figure, "alt", prefix="figure7-")
    identifiers = [part.split('"')[0] for part in drawing.split(' id="')[1:]]
    assert identifiers
    assert all(identifier.startswith("figure7-") for identifier in identifiers)
