"""The generic figures: style, files, training curves and energies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
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
    steps = np.arange(0, 9, 2)
    depth = np.where(right, 10.0, 8.0) + 0.01 * np.arange(len(right))
    energy = -depth[:, None] * (1 - np.exp(-steps / 2))
    array = xr.DataArray(energy, dims=("sample", "step"), coords={"step": steps})
    return EnergyPanel(name, array, np.array(right))


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
    assert title(figure) == "Loss 2 → 0.4 in 50 steps, 60 min Right 0 % → 80 %"


def test_time_axis_follows_the_clock() -> None:
    """Training stood still in the middle: 5 steps in the first hour, 95 in the second."""
    lines = [{"step": s, "wall_s": t, "train/loss": 1.0} for s, t in ((5, 3600.0), (100, 7200.0))]
    figure = training_figure(metrics_table(lines), CURVES, [])
    top = figure.axes[0].child_axes[0]
    places = dict(zip([label.get_text() for label in top.get_xticklabels()], top.get_xticks(), strict=True))
    assert places["1"] == pytest.approx(5) and places["2"] == pytest.approx(100)


def test_running_mean_of_a_straight_line_is_the_line() -> None:
    lines = [{"step": n, "wall_s": float(n), "train/accuracy": n / 500} for n in range(1, 301)]
    axes = training_figure(metrics_table(lines), CURVES, []).axes[0]
    faint, smooth = axes.lines
    np.testing.assert_allclose(smooth.get_ydata(), faint.get_ydata(), atol=1e-12)


def test_one_record_is_enough_and_none_is_refused(tmp_path: Path) -> None:
    save_figure(training_figure(table(1), CURVES, ["hard"]), tmp_path / "one.png")
    with pytest.raises(ValueError, match="no training record of loss, accuracy"):
        training_figure(metrics_table([{"step": 0, "wall_s": 1.0, "hard/accuracy": 1.0}]), CURVES, ["hard"])


def test_energy_medians_and_finding() -> None:
    shown = panel([True, True, True, False, False])
    figure = energy_figure([shown], ("right boards", "wrong boards"))
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["right boards, n = 3"], np.median(shown.energy[:3], axis=0))
    np.testing.assert_allclose(lines["wrong boards, n = 2"], np.median(shown.energy[3:], axis=0))
    assert shown.separation == 1
    assert title(figure) == (
        "Share of pairs in which right boards end with less energy than wrong boards "
        "(other differences between the groups count in): 100 % (hard)"
    )


def test_energy_of_one_group_alone(tmp_path: Path) -> None:
    figure = energy_figure([panel([True] * 40)], ("right boards", "wrong boards"))
    save_figure(figure, tmp_path / "one.png")
    assert title(figure).startswith("Median energy after the last step: -")
    with pytest.raises(ValueError, match="groups of 2 samples"):
        EnergyPanel("hard", panel([True, False]).energy, np.array([True]))
    with pytest.raises(ValueError, match="sample and step"):
        EnergyPanel("hard", panel([True]).energy.isel(sample=0), np.array([True]))
