"""The generic figures: style, files, training curves and energies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from oscillo.plotting import Curve, EnergyPanel, energy_figure, new_figure, save_figure, style, training_figure
from oscillo.recording import metrics_table

CURVES = (Curve("loss", "loss", "nats", log=True), Curve("accuracy", "right", "%"))


def table(records: int = 5) -> xr.Dataset:
    lines = [
        {"step": 10 * n, "wall_s": 720.0 * n, "train/loss": 2.0 / n, "train/accuracy": 1 - 1 / n}
        for n in range(1, records + 1)
    ]
    lines.append({"step": 10 * records, "wall_s": 9999.0, "hard/accuracy": 0.5})
    return metrics_table(lines)


def panel(right: list[bool], name: str = "hard") -> EnergyPanel:
    return falling(np.where(right, 10.0, 8.0) + 0.01 * np.arange(len(right)), right, name=name)


def falling(depth: np.ndarray, right: list[bool], strata: list[int] | None = None, name: str = "hard") -> EnergyPanel:
    """Energies that fall to about minus `depth`."""
    steps = np.arange(0, 80, 8)
    energy = -np.asarray(depth)[:, None] * (1 - np.exp(-steps / 2))
    array = xr.DataArray(energy, dims=("sample", "step"), coords={"step": steps})
    return EnergyPanel(name, array, np.array(right), None if strata is None else np.array(strata))


def deceptive(name: str = "hard") -> EnergyPanel:
    """Right samples are mostly of the deep stratum, and so lie deeper; at equal strata they lie higher by 1."""
    strata = [30] * 10 + [20] * 10 + [17]
    right = [True] * 8 + [False] * 2 + [True] * 2 + [False] * 8 + [True]
    return falling(10.0 * np.array(strata) - np.array(right), right, strata, name)


def title(figure: Figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


def test_no_window_system_no_pyplot_no_torch() -> None:
    code = (
        "import sys, oscillo.plotting; print([n for n in ('matplotlib.pyplot', 'torch', 'zarr') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_global_settings_are_left_alone(tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 31.0, "axes.grid": False}):
        before = dict(mpl.rcParams)
        figure = training_figure(table(), CURVES, ["hard"])
        save_figure(figure, tmp_path / "a.png")
        assert dict(mpl.rcParams) == before
        # ... and do not show in the figures either.
        assert figure.axes[0].yaxis.label.get_fontsize() < 12


def test_saving_is_repeatable_and_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = energy_figure([panel([True, False])], ("right", "wrong"))
    one, two = save_figure(figure, tmp_path / "new" / "a.png"), save_figure(figure, tmp_path / "b.png")
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes().startswith(b"\x89PNG")

    def break_off(self: Figure, path: Path, **options: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", break_off)
    with pytest.raises(OSError, match="No space"):
        save_figure(figure, two)
    assert two.read_bytes() == one.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["b.png"]


def test_long_headlines_stay_within_the_figure() -> None:
    from oscillo.plotting import headline

    with style():
        figure = new_figure(6, 3)
        headline(
            figure, "Of the boards that need branching, solved: " + ", ".join(["87.5 % (hard_64)"] * 9), "n " * 200
        )
        figure.draw_without_rendering()
        for text in figure.texts:
            assert text.get_window_extent().x1 <= figure.bbox.x1


def test_training_curves_hold_the_numbers() -> None:
    metrics = table()
    figure = training_figure(metrics, CURVES, ["id", "hard"])
    loss, accuracy = figure.axes
    np.testing.assert_allclose(loss.lines[0].get_xydata(), [[10 * n, 2 / n] for n in range(1, 6)])
    assert loss.get_yscale() == "log" and accuracy.get_yscale() == "linear"
    np.testing.assert_allclose(accuracy.lines[-1].get_xydata(), [[50, 0.5]])
    assert [text.get_text() for text in accuracy.texts] == ["hard 50 %"]
    assert title(figure) == "On training data, 50 steps in 60 min: loss 2 → 0.4, right 0 % → 80 %"


def test_time_axis_follows_the_clock() -> None:
    """Training stood still in the middle: 5 steps in the first hour, 95 in the second."""
    lines = [{"step": s, "wall_s": t, "train/loss": 1.0} for s, t in ((5, 3600.0), (100, 7200.0))]
    figure = training_figure(metrics_table(lines), CURVES, [])
    top = figure.axes[0].child_axes[0]
    places = dict(zip([label.get_text() for label in top.get_xticklabels()], top.get_xticks(), strict=True))
    assert places["1"] == pytest.approx(5) and places["2"] == pytest.approx(100)
    assert np.diff(sorted(places.values())).min() > 4  # half an hour, at step 2.5, would touch its neighbours


def test_running_mean_of_a_straight_line_is_the_line() -> None:
    lines = [{"step": n, "wall_s": float(n), "train/accuracy": n / 500} for n in range(1, 301)]
    axes = training_figure(metrics_table(lines), CURVES, []).axes[0]
    faint, smooth = axes.lines
    np.testing.assert_allclose(smooth.get_ydata(), faint.get_ydata(), atol=1e-12)


def test_one_record_is_enough_and_none_is_refused(tmp_path: Path) -> None:
    save_figure(training_figure(table(1), CURVES, ["hard"]), tmp_path / "one.png")
    with pytest.raises(ValueError, match="no training record of loss, accuracy"):
        training_figure(metrics_table([{"step": 0, "wall_s": 1.0, "hard/accuracy": 1.0}]), CURVES, ["hard"])


def test_marks_of_training_validation_and_evaluations_differ() -> None:
    """However few records there are: then training has dots as well."""
    lines = [{"step": n, "wall_s": float(n), "train/accuracy": 0.1, "validation/accuracy": 0.2} for n in (1, 2)]
    names = [f"e{number}" for number in range(7)]
    lines.append({"step": 2, "wall_s": 3.0, **{f"{name}/accuracy": 0.5 for name in names}})
    figure = training_figure(metrics_table(lines), CURVES, names)
    marks = [line.get_marker() for line in figure.axes[0].lines]
    assert len(marks) == 9 and len(set(marks)) == 9 and "None" not in marks
    assert len({line.get_color() for line in figure.axes[0].lines[1:]}) == 8


def test_energy_medians_and_finding() -> None:
    shown = panel([True, True, True, False, False, False])
    figure = energy_figure([shown], ("right boards", "wrong boards"))
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["right boards, n = 3"], np.median(shown.energy[:3], axis=0))
    np.testing.assert_allclose(lines["wrong boards, n = 3"], np.median(shown.energy[3:], axis=0))
    assert shown.separation == 1
    assert title(figure) == (
        "Right boards end with less energy than wrong boards in 100 % (hard, only 3 right boards) of the pairs"
    )


def test_energy_finding_names_the_group_that_is_lower_in_most_pairs() -> None:
    groups, half = ("right", "wrong"), [True] * 20 + [False] * 20
    below, above = falling(np.where(half, 9.0, 8.0), half, name="id"), falling(np.where(half, 8.0, 9.0), half)
    assert title(energy_figure([above, above], groups)) == (
        "Wrong end with less energy than right in 100 % (hard) and 100 % (hard) of the pairs"
    )
    assert title(energy_figure([below, below, above], groups)) == (
        "Right end with less energy than wrong in 100 % (id) and 0 % (hard) of the pairs (first and last of 3)"
    )


def test_energy_frame_fits_what_comes_after_the_fall() -> None:
    shown = panel([True, True, True, False, False, False])
    low, high = energy_figure([shown], ("right boards", "wrong boards")).axes[0].get_ylim()
    assert low < -10.05 and -8 < high < -7
    flat = falling(np.zeros(2), [True, False])
    assert energy_figure([flat], ("right boards", "wrong boards")).axes[0].get_ylim()[0] < 0


def test_energy_is_compared_within_strata() -> None:
    shown = deceptive()
    blind = EnergyPanel("hard", shown.energy, shown.chosen)
    assert blind.separation > 0.5 and blind.difference < -40
    assert shown.separation == 0 and shown.difference == pytest.approx(1)
    figure = energy_figure([shown], ("right", "wrong"), common="length")
    assert title(figure) == (
        "Wrong end with less energy than right in 100 % (hard, only 10 right) of the pairs with equal length"
    )
    course, ends = figure.axes
    assert course.get_title(loc="left") == "hard (1 of 21 left out)"
    assert ends.get_xlabel() == "energy E less the mean at equal length"
    assert ends.get_title(loc="left") == "after step 72, difference +1"
    assert {line.get_label() for line in course.lines} == {"right, n = 10", "wrong, n = 10"}
    # Of the means of their strata, 0.8 and 0.2 above the wrong samples.
    marks = {round(float(x), 6) for line in ends.lines for x in line.get_xdata()}
    assert marks == {0.2, 0.8, -0.2, -0.8}


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(-5, 5)), min_size=1, max_size=30))
def test_both_groups_hold_every_stratum_equally(drawn: list[tuple[int, bool, float]]) -> None:
    strata, right, depth = (list(column) for column in zip(*drawn, strict=True))
    shown = falling(np.array(depth), right, strata)
    mixed = {s for s in strata if len({r for t, r, _ in drawn if t == s}) == 2}
    assert bool(shown.pairs) == bool(mixed) == np.isfinite(shown.difference)
    if not mixed:
        assert (shown.weights == 1).all() and np.isnan(shown.separation)
        return
    for stratum in set(strata):
        here = shown.stratum == sorted(set(strata)).index(stratum)
        one, other = shown.weights[here & shown.chosen].sum(), shown.weights[here & ~shown.chosen].sum()
        assert one == pytest.approx(other) and bool(one) == (stratum in mixed)
    # The difference is the coefficient of the group in a regression with one mean per stratum.
    columns = np.stack([shown.chosen, *(shown.stratum == s for s in range(len(set(strata))))], axis=1).astype(float)
    fitted = np.linalg.lstsq(columns, shown.energy.isel(step=-1).values, rcond=None)[0]
    assert shown.difference == pytest.approx(fitted[0], abs=1e-6)


def test_energies_that_cannot_be_compared(tmp_path: Path) -> None:
    apart = falling(np.arange(1.0, 41.0), [True] * 20 + [False] * 20, [30] * 20 + [20] * 20, "apart")
    figure = energy_figure([panel([True] * 40), apart], ("right boards", "wrong boards"), common="length")
    save_figure(figure, tmp_path / "both.png")
    assert title(figure).startswith("Median energy after the last step: −")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["hard (no wrong boards)", "after step 72", "apart (all samples; no pairs with equal length)", ""]
    mixed = energy_figure([deceptive(), apart], ("right boards", "wrong boards"), common="length")
    assert "in 100 % (hard, only 10 right boards) of the pairs" in title(mixed)  # and nothing of the other


@pytest.mark.parametrize("right", [[True], [True, False], [False] * 3, [True] * 25])
def test_shares_of_tiny_groups_are_not_drawn_and_none_is_negative(right: list[bool]) -> None:
    ends = energy_figure([panel(right)], ("right", "wrong")).axes[1]
    ends.figure.draw_without_rendering()
    assert ends.get_ylim()[0] == 0 and np.all(ends.get_yticks() >= 0)
    assert bool(ends.get_ylabel()) == (len(ends.get_yticks()) > 0) == (len(right) >= 20)


def test_samples_that_stopped_keep_their_last_energy(tmp_path: Path) -> None:
    whole = falling(np.array([9.0, 8, 7, 6]), [True, True, False, False])
    held = whole.energy.copy()
    held[0, 5:] = held[0, 4]
    cut = EnergyPanel("hard", whole.energy.where((whole.energy.step < 40) | (held.sample > 0)), whole.chosen)
    np.testing.assert_array_equal(cut.values, held)
    assert cut.separation == 1 and np.isfinite(cut.difference)
    figure = energy_figure([cut], ("right", "wrong"))
    assert "stopped early" in figure.get_supxlabel()
    assert "stopped early" not in energy_figure([whole], ("right", "wrong")).get_supxlabel()
    save_figure(figure, tmp_path / "cut.png")


def test_energies_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="have in common"):
        energy_figure([deceptive()], ("right boards", "wrong boards"))
    with pytest.raises(ValueError, match="strata of 2 samples"):
        falling(np.ones(2), [True, False], [1])
    with pytest.raises(ValueError, match="groups of 2 samples"):
        EnergyPanel("hard", panel([True, False]).energy, np.array([True]))
    with pytest.raises(ValueError, match="sample and step"):
        EnergyPanel("hard", panel([True]).energy.isel(sample=0), np.array([True]))
