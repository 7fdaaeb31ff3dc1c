from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
import xarray as xr
from known_motion import turning

from oscillo import accessor, analysis
from oscillo.accessor import OscilloAccessor

METHODS = [name for name, _ in inspect.getmembers(OscilloAccessor, inspect.isfunction) if not name.startswith("_")]
MODULES = [module.name for module in iter_modules(analysis.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_docstrings_run(name: str) -> None:
    assert doctest.testmod(import_module(f"oscillo.analysis.{name}")).failed == 0


def test_the_example_of_the_accessor_runs() -> None:
    assert doctest.testmod(accessor).attempted > 2 and doctest.testmod(accessor).failed == 0


def test_every_function_has_a_method_with_its_arguments_and_an_example() -> None:
    functions = {name: getattr(analysis, name) for name in analysis._HOME}
    assert sorted(functions) == sorted(METHODS)
    for name, function in functions.items():
        own = list(inspect.signature(function).parameters.values())[1:]
        method = list(inspect.signature(getattr(OscilloAccessor, name)).parameters.values())[1:]
        assert [(p.name, p.default) for p in own] == [(p.name, p.default) for p in method]
        assert ">>>" in function.__doc__ and "Raises:" in function.__doc__


def test_datasets_arrays_and_trees_have_it() -> None:
    frequencies = [1.0, 2.5, *np.arange(3.0, 12.0)]
    theta = turning(frequencies)
    tree = xr.DataTree.from_dict({"states": theta.to_dataset()})
    for data in (theta, theta.to_dataset(), tree["states"], tree["states"].to_dataset()):
        np.testing.assert_allclose(data.osc.mean_frequency(), frequencies)
        assert data.osc.period()["kind"].item() == 1
        distances = data.osc.recurrence()
        assert 0 < float(distances.osc.recurrence_rate(0.1)) < float(distances.osc.determinism(0.1)) <= 1
    for name in ("phase", "order_parameter", "phase_locking", "locked_clusters", "spectrum", "residual",
                 "local_order", "clusters", "pca"):  # fmt: skip
        xr.testing.assert_identical(getattr(theta.osc, name)(), getattr(analysis, name)(theta))
    xr.testing.assert_identical(theta.osc.functional_connectivity(), analysis.functional_connectivity(theta))


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_accessor_comes_with_data_and_torch_with_the_first_function() -> None:
    code = (
        "import sys, oscillo; early = 'xarray' in sys.modules; oscillo.open_run; import xarray as xr; "
        "data = xr.DataArray([[0.0, 0.0]], dims=('time', 'oscillator')); data.osc; late = 'torch' in sys.modules; "
        "print(early, late, data.osc.order_parameter().values)"
    )
    assert run_python(code) == "False False [1.]"


def test_what_a_simulation_stores_can_be_analysed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import oscillo

    monkeypatch.chdir(tmp_path)
    spec = Path(__file__).parents[2] / "specs/kuramoto_transition.yaml"
    run = oscillo.run(
        spec,
        ["network.layers.0.oscillators=30", "task.duration=30", "recording.observables={order_parameter: {}, "
         "mean_frequency: {}, phase_locking: {to: pairs}, state: {every: 10}}",
         "task.ensemble={seeds: 1, vary: {network.layers.0.coupling.strength: [1.0, 6.0]}}"],
    )  # fmt: skip
    states, summary = oscillo.open_run(run.path).data["states"].to_dataset(), run.data["summary"]
    locking = states.osc.phase_locking()
    assert locking.dims == ("sample", "oscillator", "oscillator2") and locking["strength"].values.tolist() == [1.0, 6.0]
    np.testing.assert_allclose(states.osc.mean_frequency(), summary["mean_frequency"], atol=0.6)
    assert states.osc.locked_clusters()["largest_share"][1] > 0.5 > states.osc.locked_clusters()["largest_share"][0]
    series = run.data["series"]["order_parameter"].sel(time=states["time"], method="nearest")
    np.testing.assert_allclose(states.osc.order_parameter(), series, atol=1e-5)
