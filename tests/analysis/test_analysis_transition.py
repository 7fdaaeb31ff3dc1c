from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import oscillo
from oscillo.analysis import critical_coupling
from oscillo.measures.theory import gaussian_order, lorentzian_order

SPEC = Path(__file__).parents[2] / "specs/kuramoto_transition.yaml"
GAUSSIAN = (8 / np.pi) ** 0.5


def sweep(critical: float, law: str = "lorentzian", n: int = 1000, seeds: int = 3, key: int = 0) -> xr.DataArray:
    """R along (seed, strength) as theory has it, with an incoherent level and fluctuations of a population of n."""
    strengths = np.linspace(0, 2 * critical, 25)
    if law == "lorentzian":
        exact = lorentzian_order(strengths, critical / 2).numpy()
    else:
        exact = np.array([gaussian_order(k, critical / GAUSSIAN) for k in strengths])
    noise = np.random.default_rng(key).standard_normal((2, seeds, 25)) * (0.5 / n) ** 0.5
    # Of the time mean; along the mean field a population that is locked fluctuates less.
    values = np.hypot(exact + noise[0] * np.where(exact > 0, 0.2, 1), noise[1])
    return xr.DataArray(
        values.clip(0, 1), dims=("seed", "strength"), coords={"strength": strengths, "seed": range(seeds)},
        name="order_parameter_mean",
    )  # fmt: skip


@pytest.mark.parametrize("law", ["lorentzian", "gaussian"])
@pytest.mark.parametrize(("critical", "key"), [(0.3, 1), (2.0, 2), (17.0, 3)])
def test_the_onset_of_theory_is_in_a_narrow_interval(critical: float, law: str, key: int) -> None:
    found = critical_coupling(sweep(critical, law, key=key), draws=300)
    lower, upper = found["interval"].values / critical
    assert 0.8 < lower < 1.02 and 0.98 < upper < 1.2 and upper - lower < 0.3
    assert found["critical_coupling"] == pytest.approx(critical, rel=0.05)
    assert found["amplitude"] == pytest.approx(1.0 if law == "lorentzian" else np.pi, rel=0.35)


def test_intervals_have_the_confidence_that_they_say() -> None:
    intervals = [critical_coupling(sweep(2.0, key=key), draws=200)["interval"].values for key in range(20)]
    assert sum(lower <= 2 <= upper for lower, upper in intervals) >= 18


def test_wider_confidence_and_fewer_oscillators_are_wider() -> None:
    def width(order: xr.DataArray, confidence: float = 0.95) -> float:
        return float(critical_coupling(order, confidence=confidence)["interval"].diff("bound").item())

    assert width(sweep(2.0), 0.5) < width(sweep(2.0)) < width(sweep(2.0, n=200))


def test_samples_and_dimensions_and_times_are_the_same_sweep() -> None:
    table = sweep(2.0)
    expected = critical_coupling(table)
    samples = table.stack(sample=("strength", "seed")).reset_index("sample").to_dataset()
    xr.testing.assert_allclose(critical_coupling(samples), expected)
    shuffled = samples.isel(sample=np.random.default_rng(0).permutation(75))
    xr.testing.assert_allclose(critical_coupling(shuffled), expected)
    series = table.expand_dims(time=[0.0, 1.0, 2.0]).rename("order_parameter")
    xr.testing.assert_allclose(critical_coupling(series.to_dataset()), expected)
    assert expected.attrs["confidence"] == 0.95 and critical_coupling(samples).equals(critical_coupling(samples))
    named = critical_coupling(samples.rename(strength="k"), strength="k")
    xr.testing.assert_allclose(named, expected)
    # Seeds that are not said, or that differ from coupling to coupling, are repeats all the same.
    for unpaired in (samples.drop_vars("seed"), samples.assign_coords(seed=("sample", np.arange(75)))):
        assert critical_coupling(unpaired)["critical_coupling"] == pytest.approx(2.0, abs=0.05)


def test_other_parameters_are_carried_through() -> None:
    both = xr.concat([sweep(2.0), sweep(2.5).assign_coords(strength=sweep(2.0)["strength"])], dim="width")
    both = both.assign_coords(width=[1.0, 1.25])
    both[1] = sweep(2.0).interp(strength=both["strength"] * 0.8).values
    found = critical_coupling(both)
    assert found["critical_coupling"].dims == ("width",)
    np.testing.assert_allclose(found["critical_coupling"], [2.0, 2.5], atol=0.05)
    samples = both.stack(sample=("width", "strength", "seed")).reset_index("sample")
    xr.testing.assert_allclose(critical_coupling(samples), found)


def test_where_one_entry_has_no_transition_the_others_have_theirs() -> None:
    both = xr.concat([sweep(2.0), 0 * sweep(2.0) + 0.02], dim="width").assign_coords(width=[1.0, 1.25])
    with pytest.warns(UserWarning, match=r"1 of 2 have no critical coupling.*stronger couplings \(at width = 1.25\)"):
        found = critical_coupling(both)
    alone = critical_coupling(both.sel(width=1.0))
    xr.testing.assert_allclose(found.sel(width=1.0).drop_vars("width"), alone)
    nothing = found.sel(width=1.25)
    assert np.isnan(nothing["critical_coupling"]) and np.isnan(nothing["interval"]).all() and nothing["couplings"] == 0
    assert found["reason"][0] == "" and "sweep to stronger couplings" in str(nothing["reason"].values)
    with pytest.raises(ValueError, match=r"sweep to stronger couplings \(at width = 1.25\)"):
        critical_coupling(both.sel(width=[1.25]))  # there is nothing else to tell


def test_couplings_that_go_together_with_something_else_are_refused_with_a_remedy() -> None:
    table = sweep(2.0, seeds=1).isel(seed=0, drop=True)
    points = table.rename(strength="point").drop_vars("point").assign_coords(strength=("point", table["strength"].data))
    together = points.assign_coords(width=("point", np.linspace(0, 1, 25)), depth=("point", np.linspace(1, 2, 25)))
    with pytest.raises(ValueError, match=r"no two couplings have the same `width`, `depth`.*grid.*drop_vars"):
        critical_coupling(together)
    found = critical_coupling(together.drop_vars(["width", "depth"]))
    xr.testing.assert_allclose(found, critical_coupling(table))


def test_a_diverged_member_is_left_out() -> None:
    table = sweep(2.0)
    table[1, 20] = np.nan
    xr.testing.assert_allclose(critical_coupling(table), critical_coupling(table.isel(seed=[0, 2])))


def test_data_without_a_transition_are_refused_with_a_remedy() -> None:
    table = sweep(2.0)
    with pytest.raises(ValueError, match="no transition is seen; sweep to stronger couplings"):
        critical_coupling(table.sel(strength=slice(0, 1.5)))
    with pytest.raises(ValueError, match="begin the sweep at weaker couplings"):
        critical_coupling(table.sel(strength=slice(2.4, None)))
    with pytest.raises(ValueError, match="are too few to find an onset"):
        critical_coupling(table.isel(strength=[0, 8, 16, 24]))
    with pytest.raises(ValueError, match=r"at 2 couplings, and at least 3 are needed: give more of them between"):
        critical_coupling(table.isel(strength=[0, 1, 2, 3, 16, 24]))
    jump = table.where(table["strength"] < 2, 0.95)
    with pytest.raises(ValueError, match="If R jumps all the same, the transition is discontinuous"):
        critical_coupling(jump)
    falling = xr.where(table["strength"] < 1, 0.02, 0.8 - 0.1 * table["strength"]).expand_dims(seed=2)
    with pytest.raises(ValueError, match="does not grow like 1 - K_c/K"):
        critical_coupling(falling)


def test_what_is_no_sweep_is_refused_with_a_remedy() -> None:
    table = sweep(2.0)
    with pytest.raises(ValueError, match=r"none among seed; name it with `strength=...`"):
        critical_coupling(table.drop_vars("strength"))
    with pytest.raises(ValueError, match="several"):
        critical_coupling(table.assign_coords(coupling=("strength", np.arange(25))))
    with pytest.raises(ValueError, match="no coordinate `k` along one dimension, only"):
        critical_coupling(table, strength="k")
    with pytest.raises(ValueError, match="neither `order_parameter_mean` nor `order_parameter`, but energy"):
        critical_coupling(table.to_dataset(name="energy"))
    with pytest.raises(ValueError, match="between 0 and 1, and these"):
        critical_coupling(3 * table)
    with pytest.raises(ValueError, match="`confidence` is a probability"):
        critical_coupling(table, confidence=95)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "critical", "width"),
    [
        ([], 2.0, 0.3),
        (["network.layers.0.frequency={kind: drawn, distribution: {kind: normal}, spacing: quantiles}"], GAUSSIAN, 0.3),
        (
            ["network.layers.0.frequency={kind: drawn, distribution: {kind: lorentzian}}", "task.ensemble.seeds=8"],
            2,
            0.5,
        ),
    ],
    ids=["lorentzian", "gaussian", "drawn"],
)
def test_the_transition_of_a_simulated_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], critical: float, width: float
) -> None:
    monkeypatch.chdir(tmp_path)
    found = oscillo.run(SPEC, overrides).data["summary"].osc.critical_coupling()
    lower, upper = found["interval"].values
    assert lower < critical < upper and upper - lower < width
