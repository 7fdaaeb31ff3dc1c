"""What a simulation has against networks and settings that are sound by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from small_simulations import STRENGTH, record, refused, small, variant

import oscillo
from oscillo.running import RunInterrupted

LAYER = "network.layers.0"
GIVEN = {"kind": "conditional"}


def with_layer(task=None, **layer):
    spec = small()
    spec["network"]["layers"][0] |= layer
    spec["task"] |= task or {}
    return spec


@pytest.mark.parametrize(("layer", "place"), [
    ({"frequency": {"kind": "shared", "learn": True}}, "frequency.learn"),
    ({"coupling": {"kind": "mean_field", "learn_strength": True}}, "coupling.learn_strength"),
    ({"coupling": {"kind": "sum", "terms": [{"kind": "mean_field"}, {"kind": "dense", "learn": True}]}},
     "coupling.terms.1.learn"),
    ({"integrator": {"kind": "rk4", "step_size": 0.1, "learn_step_size": True}}, "integrator.learn_step_size"),
])  # fmt: skip
def test_what_would_be_trained_is_refused(layer, place, tmp_path):
    name = place.rpartition(".")[2]
    text = refused(tmp_path, with_layer(**layer))
    assert text == f"{LAYER}.{place}: a simulation trains nothing; leave `{name}` out"


def test_kernels_that_are_trained_by_default_are_simulated(tmp_path):
    """The resolved spec says `learn: true`, as if somebody had written it."""
    spec = with_layer(coupling={"kind": "convolution", "kernel_size": 1}, oscillators=2)
    spec["network"]["sites"] = [3, 3]
    run = oscillo.run(spec, runs=tmp_path)
    assert "learn: true" in run.directory.spec.read_text()
    assert oscillo.load(run.directory.spec).network == oscillo.load(spec).network


def test_a_conditional_stimulus_without_input_is_refused(tmp_path):
    assert refused(tmp_path, with_layer(stimulus=GIVEN)) == (
        f"{LAYER}.stimulus: nothing arrives that a conditional stimulus could be made of; give `task.input`, or take "
        "`kind: none`"
    )
    np.savez(tmp_path / "given.npz", stimulus=np.ones((2, 5)))
    spec = with_layer({"input": f"{tmp_path}/given.npz:stimulus"}, stimulus=GIVEN)
    assert oscillo.load(spec).network.layers[0].stimulus.kind == "conditional"
    del spec["network"]["layers"][0]["stimulus"]
    assert oscillo.load(spec).network.layers[0].stimulus.kind == "conditional"


def test_a_stimulus_that_is_left_out_is_none_and_the_run_can_be_resumed(tmp_path, monkeypatch):
    spec = small(task__steps=10)
    del spec["network"]["layers"][0]["stimulus"]
    with monkeypatch.context() as patch:
        patch.setattr("oscillo.experiment.execute", interrupted)
        with pytest.raises(RunInterrupted) as stopped:
            oscillo.run(spec, runs=tmp_path)
    assert "stimulus: {kind: none}" in (stopped.value.path / "spec.yaml").read_text()
    assert oscillo.resume(stopped.value.path).state == "done"


def interrupted(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["dopri5", "bosh3", "implicit_adams"])
def test_solvers_with_one_error_for_all_members_serve_one_alone(method, tmp_path):
    integrator = {"kind": "torchdiffeq", "method": method, "step_size": 0.1}
    integrator |= {"substeps": 4} if "adams" in method else {}
    text = refused(tmp_path, with_layer({"ensemble": {"vary": {STRENGTH: [1.0, 2.0]}}}, integrator=integrator))
    assert text.startswith(f"{LAYER}.integrator: `{method}` of torchdiffeq measures its error over all members togeth")
    assert text.endswith("take `integrator: {kind: dopri5}`")
    assert record(tmp_path / "one", with_layer(integrator=integrator))["summary"]["drift"].shape == (1,)


def test_solvers_without_an_error_serve_any_number(tmp_path):
    integrator = {"kind": "torchdiffeq", "method": "rk4", "step_size": 0.1}
    spec = with_layer({"ensemble": {"vary": {STRENGTH: [1.0, 2.0]}}}, integrator=integrator)
    assert record(tmp_path, spec)["summary"]["drift"].shape == (2,)


def test_seeds_are_of_64_bits(tmp_path):
    assert refused(tmp_path, small(seed=2**63)).startswith("seed: must be less than 9223372036854775808, not ")
    spec = variant("noisy", seed=2**63 - 1, task__ensemble={"seeds": [0, 2**31 - 1]})
    order = record(tmp_path, spec)["series"]["order_parameter"].values
    assert np.isfinite(order).all() and not np.isclose(order[0], order[1]).any()


def test_times_between_commits_have_one_default():
    loaded = oscillo.load(small())
    design = loaded.task.design(loaded.network, loaded.sites, loaded.recording)
    assert design.checkpoint_seconds == 60 * loaded.task.checkpoint_minutes


@pytest.mark.parametrize(("kind", "precision", "tolerance", "kept"), [
    ("dopri5", "float32", 1e-6, True), ("dopri5", "float32", 1e-8, False), ("dopri5", "float64", 1e-12, True),
    ("dopri5", "float64", 1e-30, False), ("torchdiffeq", "float32", 1e-8, False),
    ("torchdiffeq", "float64", 1e-8, True),
])  # fmt: skip
def test_tolerances_finer_than_the_numbers_are_told(kind, precision, tolerance, kept, tmp_path):
    spec = small(precision=precision)
    spec["network"]["layers"][0]["integrator"] = {"kind": kind, "rtol": tolerance, "atol": tolerance}
    if kept:
        assert oscillo.load(spec).precision == precision
    else:
        text = refused(tmp_path, spec)
        assert text.startswith("network.layers.0.integrator: `rtol`") and "finer than the numbers themselves" in text
