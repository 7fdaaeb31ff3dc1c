"""Draws the pictures of the gallery (docs/gallery.md) from finished runs; the commands on that page make the runs.

    python docs/examples/field_pictures.py                        # reads runs/, writes docs/pictures/field_*.png
    python docs/examples/field_pictures.py fish --out pictures    # one of them, elsewhere

Of each spec the last run that is done is taken. A picture whose runs are missing is left out, and said to be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.stats import norm

import oscillo
from oscillo.measures.theory import amplitude_death, gaussian_order, lorentzian_order, winfree_death
from oscillo.plotting import INK, SHADE, headline, new_figure, principal_colours, save_figure, series_style, style
from oscillo.recording import Run

Runs = Callable[..., list[Run]]
"""Gives the runs of a name, the last one first."""

GOLD, GREY = "#f2c14e", "#e4e4e4"


def runs_in(folder: Path) -> Runs:
    """Finished runs by name."""

    def found(name: str) -> list[Run]:
        runs = [oscillo.open_run(path) for path in sorted((folder / name).glob("*"), reverse=True)]
        done = [run for run in runs if run.state == "done"]
        if not done:
            raise FileNotFoundError(f"no finished run in {folder / name}")
        return done

    return found


def group(run: Run, name: str) -> xr.Dataset:
    """One of `series`, `states` and `summary`."""
    return run.data[name].to_dataset()


def bare(axes: Axes) -> None:
    """Leave ticks, grid and frame out."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


@style()
def kuramoto(runs: Runs) -> Figure:
    """Order along time, and who runs with whom."""
    series, summary = (group(runs("kuramoto")[0], name) for name in ("series", "summary"))
    n = summary.sizes["oscillator"]
    natural = norm.ppf((np.arange(n) + 0.5) / n)
    figure = new_figure(8.0, 3.3)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    for i, strength in enumerate(series["strength"].values):
        look, order = series_style(i), gaussian_order(strength, 1.0)
        left.plot(series["time"], series["order_parameter"][i], **look.line, label=f"K = {strength:g}")
        left.axhline(order, color=INK, linestyle=(0, (4, 2)), linewidth=0.9, zorder=3)
        left.text(101, order, f"{order:.3f}", va="center", fontsize=8)
        right.plot(natural, summary["mean_frequency"][i], ".", color=look.color, markersize=3.5)
        beyond = np.sign(natural) * np.sqrt(np.clip(natural**2 - (strength * order) ** 2, 0, None))
        right.plot(natural, beyond, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
    left.set(xlabel="time", ylabel="order parameter R", xlim=(0, 100), ylim=(-0.02, 1.02))
    left.legend(loc="center right", bbox_to_anchor=(1, 0.5))
    right.set(xlabel="natural frequency", ylabel="mean frequency", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    text = (
        "Dashed: theory for infinitely many; those whose natural frequency w is above K R drift at sqrt(w² - (K R)²)."
    )
    headline(figure, "None, most or all of a thousand oscillators run at one frequency", text)
    return figure


@style()
def kuramoto_transition(runs: Runs) -> Figure:
    """The order parameter of every member over the mean-field curve."""
    summary = group(runs("kuramoto_transition")[0], "summary")
    strength, order = summary["strength"].values, summary["order_parameter_mean"].values
    figure = new_figure(5.6, 3.3)
    axes = figure.subplots()
    fine = np.linspace(0, strength.max(), 801)
    axes.plot(fine, lorentzian_order(fine, 1.0), color=INK, linewidth=1.1, label="theory")
    for i, seed in enumerate(np.unique(summary["seed"].values)):
        chosen, look = summary["seed"].values == seed, series_style(i)
        size = 3.5 if look.filled else 7.5
        axes.plot(strength[chosen], order[chosen], linestyle="none", **look.mark, markersize=size, label=f"seed {seed}")
    axes.lines[-1].set_zorder(1)
    axes.set(xlabel="coupling strength K", ylabel="mean order parameter R", ylim=(-0.02, 0.8))
    axes.legend(loc="upper left")
    headline(figure, "Order sets in at K = 2", "Theory, for infinitely many oscillators: 0, then sqrt(1 - 2/K).")
    return figure


@style()
def sakaguchi_chimera(runs: Runs) -> Figure:
    """Phases along the ring at the end, and mean frequencies."""
    run = runs("sakaguchi_chimera")[0]
    phases, summary, series = group(run, "states")["phase"][0], group(run, "summary"), group(run, "series")
    late = series["local_order"][0].where(series["time"] >= 100, drop=True).mean("time")
    figure = new_figure(6.4, 4.4)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    top.plot(phases[-1], ".", color=series_style(0).color, markersize=3.5)
    top.set(ylabel="phase (rad)", yticks=[-np.pi, 0, np.pi], yticklabels=["-π", "0", "π"], ylim=(-3.4, 3.4))
    middle.plot(late, color=series_style(2).color)
    middle.set(ylabel="local order", ylim=(0, 1.05))
    bottom.plot(summary["mean_frequency"][0], ".", color=series_style(1).color, markersize=3.5)
    bottom.set(ylabel="mean frequency", xlabel="oscillator along the ring", xlim=(0, phases.sizes["oscillator"] - 1))
    figure.align_ylabels()
    text = "Phases at t = 200. Local order, in a window of eleven, and frequency are means over t = 100 to 200."
    headline(figure, "Equal oscillators: some in step, the others not", text)
    return figure


@style()
def winfree(runs: Runs) -> Figure:
    """States over the width of the frequency band and the strength, with the borders that theory gives."""
    bands: dict[float, xr.Dataset] = {}
    for run in runs("winfree_diagram"):
        distribution = run.spec["network"]["layers"][0]["frequency"]["distribution"]
        bands.setdefault(round((distribution["high"] - distribution["low"]) / 2, 6), group(run, "summary"))
    widths = sorted(bands)
    strengths = bands[widths[0]]["strength"].values
    kinds = np.array(
        [[winfree_state(frequencies) for frequencies in bands[w]["mean_frequency"].values] for w in widths]
    )
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    axes.grid(False)
    colours = [GREY, GOLD, "#7fb8c4", series_style(0).color]
    axes.pcolormesh(widths, strengths, kinds.T, cmap=ListedColormap(colours), vmin=-0.5, vmax=3.5, shading="nearest")
    gamma = np.linspace(0, 1, 201)
    death = np.array([winfree_death(g) for g in gamma])
    axes.plot(gamma, death, color=series_style(1).color, linewidth=2, label="theory: all can stand still")
    open_to = 1 - gamma < death
    axes.plot(
        gamma[open_to],
        1 - gamma[open_to],
        color=series_style(1).color,
        linestyle=(0, (5, 2)),
        label="the slowest die: K = 1 - γ",
    )
    weak = gamma[8 / np.pi * gamma < 0.5]
    axes.plot(weak, 8 / np.pi * weak, color=INK, linestyle=(0, (1, 1.2)), linewidth=2, label="K = 8γ/π, for small K")
    for x, y, text, colour in (
        (0.45, 1.08, "death", "white"), (0.84, 0.62, "partial death", INK),
        (0.1, 0.6, "locking", INK), (0.45, 0.26, "drift", INK),
    ):  # fmt: skip
        axes.text(x, y, text, color=colour, ha="center", fontsize=10, fontweight="bold")
    axes.set(xlabel="half width γ of the frequencies, around 1", ylabel="coupling strength K")
    axes.set(xlim=(0, 1), ylim=(strengths[0] - 0.025, strengths[-1] + 0.025))
    figure.legend(loc="outside lower center", ncols=3)
    headline(figure, "Where Winfree's oscillators lock, drift and die")
    return figure


def winfree_state(frequencies: np.ndarray) -> int:
    """0 drift, 1 locking, 2 partial death, 3 death: by the mean frequencies of all oscillators."""
    dead = (np.abs(frequencies) < 0.01).mean()
    if dead > 0:
        return 3 if dead == 1 else 2
    return 1 if np.ptp(frequencies) < 0.05 else 0


@style()
def stuart_landau(runs: Runs) -> Figure:
    """Amplitudes against strength, with the interval of death."""
    summary = group(runs("stuart_landau")[0], "summary")
    strength = summary["strength"].values
    interval = amplitude_death(3.0)
    assert interval is not None
    figure = new_figure(5.8, 3.4)
    axes = figure.subplots()
    axes.axvspan(*interval, color=GOLD, alpha=0.45, linewidth=0)
    axes.text(
        sum(interval) / 2, 0.72, f"death in theory\n1 < K < {interval[1]:.2f}", ha="center", va="top", fontsize=8.5
    )
    below = np.linspace(0, 1, 101)
    axes.plot(below, np.sqrt(1 - below), color=INK, linestyle=(0, (4, 2)), linewidth=0.9, label="sqrt(1 - K)")
    for i, (name, label) in enumerate((("amplitude_mean", "mean |z|"), ("order_parameter_mean", "|mean z|"))):
        look = series_style(i)
        axes.plot(
            strength, summary[name], **look.line, **{k: v for k, v in look.mark.items() if k != "color"}, label=label
        )
    axes.set(xlabel="coupling strength K", ylabel="amplitude", xlim=(0, 6.1), ylim=(-0.02, 1.02))
    axes.legend(loc="upper right")
    headline(figure, "Coupling stops oscillators, and starts them again")
    return figure


@style()
def power_grid(runs: Runs) -> Figure:
    """The frequency of every bus along time, with and without a line."""
    titles = {"power_grid": "all lines", "power_grid_cut": "without a tie", "power_grid_safe": "without another line"}
    figure = new_figure(8.6, 3.2)
    for one, (name, title) in zip(figure.subplots(1, 3, sharex=True, sharey=True), titles.items(), strict=True):
        velocity = group(runs(name)[0], "states")["velocity"][0].squeeze()
        parts = {"south, 74 buses": velocity[:, :74], "north, 46 buses": velocity[:, 74:]}
        for i, (label, part) in enumerate(parts.items()):
            color = series_style(i).color
            one.plot(velocity["time"], part[:, ::3], color=color, linewidth=0.4, alpha=0.2)
            one.plot(velocity["time"], part.mean("oscillator"), color=color, linewidth=1.6, label=label)
        one.set(title=title, xlabel="time (s)", xlim=(0, 100), ylim=(-2.1, 1.7))
        if name == "power_grid":
            one.set_ylabel("frequency deviation (rad/s)")
            one.legend(loc="lower right")
    headline(
        figure, "Without one of its ties the grid falls in two", "Thin: every third bus; thick: the mean of an area."
    )
    return figure


@style()
def connectome(runs: Runs) -> Figure:
    """Synchrony along time with and without delays, and how fast the regions turn."""
    late, instant = runs("connectome")[0], runs("connectome_instant")[0]
    figure = new_figure(8.6, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    for i, (run, label) in enumerate(((late, "signals at 8 m/s"), (instant, "no delays"))):
        order = group(run, "series")["order_parameter"][0]
        left.plot(order["time"], order, color=series_style(i).color, linewidth=1.1, label=label)
    left.set(xlabel="time (s)", ylabel="order parameter R", xlim=(0, 10), ylim=(0, 1.02))
    left.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    brain = np.load("specs/data/connectome.npz")
    weights, (x, y, _) = brain["weights"], brain["positions"].T
    for a, b in np.argwhere(np.triu(weights) > np.quantile(weights[weights > 0], 0.5)):
        right.plot(x[[a, b]], y[[a, b]], color="#bbbbbb", linewidth=3 * weights[a, b], zorder=1)
    turning = group(late, "summary")["mean_frequency"].mean("sample") / (2 * np.pi)
    dots = right.scatter(x, y, c=turning, cmap="viridis", s=22, zorder=2)
    bare(right)
    right.set(aspect="equal", title="regions from above")
    figure.colorbar(dots, ax=right, shrink=0.8).set_label("mean frequency with delays (Hz)")
    headline(figure, "With delays synchrony comes and goes; without them it stays")
    return figure


@style()
def turing(runs: Runs) -> Figure:
    """The labyrinth and its spectrum."""
    run = runs("turing")[0]
    pattern = group(run, "states")["state"][0, -1].isel(component=0, oscillator=0).values
    coupling, side = run.spec["network"]["layers"][0]["coupling"], len(pattern)
    reach = np.arange(coupling["kernel_size"]) - coupling["kernel_size"] // 2
    kernel = np.zeros((side, side))
    for bell in coupling["profile"]:
        window = np.exp(-(reach[:, None] ** 2 + reach**2) / (2 * bell["width"] ** 2))
        kernel[np.ix_(reach, reach)] += bell["weight"] * window / window.sum()
    waves = np.fft.fftfreq(side, 1 / side)
    radius = np.hypot(waves[:, None], waves).round().astype(int)
    power, gain = np.abs(np.fft.fft2(pattern)) ** 2, np.fft.fft2(kernel).real
    spectrum, transform = (np.bincount(radius.ravel(), values.ravel())[:31] for values in (power, gain))
    transform = transform / np.bincount(radius.ravel())[:31]
    figure = new_figure(7.6, 3.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    left.imshow(pattern, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    bare(left)
    left.set_title("first component, t = 120")
    right.bar(np.arange(31), spectrum / spectrum.max(), color=series_style(0).color, label="power of the labyrinth")
    right.plot(
        transform / transform.max(), color=series_style(1).color, marker="o", markersize=3, label="kernel's transform"
    )
    right.axvline(side / 9.1, color=INK, linestyle=(0, (4, 2)), linewidth=1)
    right.text(side / 9.1 + 0.6, 1.1, "wavelength 9.1 sites", fontsize=8, va="center")
    right.set(
        xlabel=f"waves across the {side} sites", ylabel="relative to the largest", ylim=(0, 1.2), xlim=(-0.5, 30.5)
    )
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.87))
    headline(figure, "The kernel sets the width of the labyrinth's walls")
    return figure


@style()
def ising(runs: Runs) -> Figure:
    """Cuts of all starts, with and without the pull towards two phases."""
    figure = new_figure(5.8, 3.3)
    axes = figure.subplots()
    bins = np.arange(121, 141) - 0.5
    for i, (name, label) in enumerate((("ising", "pulled to 0 and π"), ("ising_bare", "phases free"))):
        cuts = group(runs(name)[0], "series")["cut"][:, -1].values
        look = series_style(i)
        axes.hist(cuts, list(bins), color=look.color, alpha=0.75, rwidth=0.9, label=f"{label}: mean {cuts.mean():.1f}")
    axes.axvline(137, color=INK, linestyle=(0, (4, 2)), linewidth=1)
    axes.text(137.6, axes.get_ylim()[1], "largest\ncut: 137", fontsize=8, va="top")
    axes.set(xlabel="edges cut, of 150", ylabel="of 100 starts", xlim=(bins[0], 141), xticks=range(121, 138, 4))
    axes.legend(loc="upper left")
    headline(
        figure,
        "Oscillators cut a graph nearly as well as possible",
    )
    return figure


@style()
def fish(runs: Runs) -> Figure:
    """Three fish at some times, and their energies."""
    rows = {"fish": "waves", "fish_symmetric": "symmetric\ncoupling", "fish_free": "no stimulus"}
    times = [4, 20, 60, 120]
    found = [runs(name)[0] for name in rows]
    shown = [group(run, "states")["state"][0].sel(time=times, method="nearest") for run in found]
    coloured, _ = principal_colours(shown, shown)
    figure = new_figure(7.2, 4.3)
    grid = figure.subplots(3, 5, width_ratios=(1, 1, 1, 1, 1.7))
    for row, run, colours, label in zip(grid, found, coloured, rows.values(), strict=True):
        for axes, picture in zip(row, colours.values, strict=False):
            axes.imshow(picture, interpolation="nearest")
            bare(axes)
        row[0].set_ylabel(label)
        energy = group(run, "series")["energy"][0] / 64**2
        row[4].plot(energy["time"], energy, color=series_style(0).color, linewidth=1.1)
        late = energy.where(energy["time"] >= 8, drop=True)
        margin = 0.15 * float(late.max() - late.min())
        row[4].set(xlim=(0, 120), xticks=range(0, 121, 40), ylim=(late.min() - margin, late.max() + margin))
    for axes, title in zip(grid[0], [*(f"t = {time}" for time in times), "energy per site"], strict=True):
        axes.set_title(title)
    grid[2][4].set_xlabel("time")
    text = "Colour: the first three principal components of the vectors, as red, green and blue."
    headline(figure, "A fish full of waves, a fish that fades into the water, and no fish", text)
    return figure


@style()
def sudoku_kuramoto(runs: Runs) -> Figure:
    """The board at some times, as the oscillators have it."""
    phases = group(runs("sudoku_kuramoto")[0], "states")["phase"][0]
    board = np.load("specs/data/sudoku.npz")
    given, solution = board["board"], board["solution"]
    times = (0, 2, 14, 40)
    figure = new_figure(8.6, 2.8)
    for axes, time in zip(figure.subplots(1, len(times)), times, strict=True):
        on = np.cos(phases.sel(time=time, method="nearest").values).reshape(81, 9)
        digits = np.where(given > 0, given, on.argmax(1) + 1)
        axes.imshow(np.where(given > 0, 0, on.max(1).clip(0)).reshape(9, 9), cmap="Blues", vmin=0, vmax=1.6)
        bare(axes)
        for cell, digit in enumerate(digits):
            wrong = series_style(1).color if digit != solution[cell] else INK
            axes.text(
                cell % 9, cell // 9, str(digit), ha="center", va="center", fontsize=7.5,
                color="#999999" if given[cell] else wrong,
            )  # fmt: skip
        for line in np.arange(-0.5, 9, 3):
            axes.axhline(line, color=SHADE, linewidth=0.9, clip_on=False)
            axes.axvline(line, color=SHADE, linewidth=0.9, clip_on=False)
        axes.set_title(f"t = {time}: {(digits != solution).sum()} wrong")
    text = (
        "Grey: givens. Else the digit whose oscillator is nearest to 0, the bluer the nearer; orange where it is wrong."
    )
    headline(figure, "Forty blanks, filled in by repulsion alone", text)
    return figure


PICTURES: dict[str, Callable[[Runs], Figure]] = {
    drawing.__name__: drawing
    for drawing in (
        kuramoto, kuramoto_transition, sakaguchi_chimera, winfree, stuart_landau, power_grid, connectome, fish, turing,
        ising, sudoku_kuramoto,
    )
}  # fmt: skip


def main() -> None:
    """Draw what there are runs for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PICTURES)}; all when left out")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder of the pictures")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in PICTURES]:
        parser.error(f"there is no picture {', '.join(unknown)}")
    for name in chosen.names or PICTURES:
        try:
            figure = PICTURES[name](runs_in(chosen.runs))
        except FileNotFoundError as error:
            print(f"{name}: left out, {error}")
            continue
        print(save_figure(figure, chosen.out / f"field_{name}.png"))


if __name__ == "__main__":
    main()
