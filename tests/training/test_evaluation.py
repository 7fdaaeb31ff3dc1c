from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import metric_lines, run_small, small, task_of

import oscillo
from oscillo.draws import Draws
from oscillo.evaluation import EvaluationRecording, answer_steps, evaluate
from oscillo.observables import RecordingSpec
from oscillo.training.weights import load_weights


@given(st.integers(1, 300))
def test_answers_are_read_out_at_powers_of_two_and_at_the_end(steps):
    found = answer_steps(steps)
    assert found == sorted(set(found)) and found[0] == 1 and found[-1] == steps
    assert all(step == steps or step.bit_count() == 1 for step in found)
    assert len(found) == max(1, (steps - 1).bit_length() + 1)


@pytest.fixture(scope="module")
def built():
    """A task, its network and how it is evaluated."""
    spec = oscillo.load(small())
    task = spec.task.build(spec.network, spec.seed)
    return task, task.model().network, spec.task.evaluation_specs[0]


@given(steps=st.integers(1, 60), every=st.integers(1, 70), common=st.none() | st.integers(1, 70))
@settings(deadline=None)
def test_the_first_and_the_last_step_are_always_recorded(built, steps, every, common):
    task, network, evaluation = built
    own = {} if common is None else {"every": every}
    recording = RecordingSpec.model_validate({"every": common or every, "observables": {"state": own}})
    record = EvaluationRecording(task, network, evaluation.model_copy(update={"steps": steps}), recording, 10)
    found = list(record.watched[0].steps)
    assert found == sorted(set(found)) and found[0] == 0 and found[-1] == steps
    assert found[:-1] == list(range(0, steps, every))


def results_of(run: oscillo.recording.Run, name: str) -> xr.Dataset:
    return run.data[f"result/{name}"].to_dataset()


@pytest.fixture(scope="module")
def start(finished):
    """Weights of the finished run, as the start of other ones."""
    return str(finished.path / "weights.safetensors")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, start):
    """Those weights evaluated with other settings."""

    def again(**changes):
        runs = tmp_path_factory.mktemp("again")
        return run_small(runs, training__start=start, training__steps=0, **changes)

    return again


@pytest.mark.parametrize("size", [1, 3, 10, 64])
def test_the_result_does_not_depend_on_the_batch(size, evaluated, finished):
    """Nor on the last batch, which is filled up: ten samples make 10, 4, 1 or 1 batches, and here 4 + 4 + 2."""
    run = evaluated(task__evaluations__0__batch_size=size)
    ours, theirs = results_of(run, "id"), results_of(finished, "id")
    for name in ("prediction", "correct", "correct_at", "puzzle", "givens"):
        assert ours[name].identical(theirs[name]), name
    xr.testing.assert_allclose(ours, theirs, atol=1e-5)
    for group in ("trajectory/id/layer0", "summary/id/layer0"):
        xr.testing.assert_allclose(
            run.data[group].to_dataset(), finished.data[group].to_dataset(), rtol=1e-3, atol=1e-4
        )


def test_the_result_does_not_depend_on_the_recording(evaluated, finished):
    nothing = {"observables": {}, "answers": False}
    run = evaluated(recording=nothing)
    assert set(run.data.groups) == {"/", "/result", "/result/id", "/result/longer"}
    ours, theirs = results_of(run, "id"), results_of(finished, "id")
    assert "correct_at" not in ours and "at_step" not in ours.coords
    assert all(ours[name].identical(theirs[name]) for name in ours.data_vars)
    ends = [{name: value for name, value in line.items() if name != "step"} for line in metric_lines(run)]
    assert ends == [
        {name: value for name, value in line.items() if name != "step"} for line in metric_lines(finished)[-2:]
    ]


def test_the_first_samples_alone_have_the_same_results(start):
    spec = oscillo.load(small())
    task = task_of(small())
    model = task.model()
    load_weights(model, start)
    first, data = spec.task.evaluation_specs[0], task.evaluation_data(spec.task.evaluation_specs[0])
    few = evaluate(task, model, first, data, seed=3, precision="float32", limit=7)
    assert few["boards"] == 7
    with torch.no_grad():
        batch = data.batch(torch.arange(10))
        every = task.results(batch, model(batch["puzzle"], Draws(3, batch["index"])))
    assert few["cell_accuracy"] == pytest.approx(
        float((every["cells_correct"] * (16 - every["givens"]))[:7].sum() / (16 - every["givens"])[:7].sum())
    )


def test_more_steps_than_in_training(finished):
    longer = finished.data["summary/longer/layer0"].to_dataset()
    assert longer["step"].values.tolist() == list(range(7))
    assert results_of(finished, "longer")["at_step"].values.tolist() == [1, 2, 4, 6]
    assert float(finished.metrics["longer/steps"].dropna("record")[0]) == 6
    assert finished.data["result/longer"].attrs["steps"] == [6]


def test_a_longer_evaluation_begins_like_a_shorter_one(evaluated, finished):
    run = evaluated(task__evaluations__0__steps=8)
    short, long = (one.data["summary/id/layer0/energy"] for one in (finished, run))
    xr.testing.assert_allclose(long.sel(step=slice(0, 3)), short, rtol=1e-5)
    short, long = (results_of(one, "id")["correct_at"].sel(at_step=[1, 2]) for one in (finished, run))
    xr.testing.assert_identical(long, short)


@pytest.fixture(scope="module")
def two_layers(tmp_path_factory):
    first = small()["network"]["layers"][0]
    second = {
        **first,
        "coupling": {"kind": "convolution"},
        "integrator": {"kind": "projected_euler", "steps": 2, "step_size": 0.5},
    }
    block = {"kind": "block", "channels": 16, "block": {"kind": "feed_forward"}, "steps": 2}
    layers = {"network__layers": [first, second, block]}
    observables = {"energy": {}, "pseudo_energy": {}, "state": {}}
    changes = {**layers, "recording": {"samples": 10, "observables": observables}, "training__steps": 2}
    return run_small(tmp_path_factory.mktemp("layers"), **changes), small(**changes)


def test_recorded_energies_are_those_of_the_recorded_states(two_layers):
    run, mapping = two_layers
    task = task_of(mapping)
    model = task.model()
    load_weights(model, run.path / "weights.safetensors")
    boards = torch.from_numpy(results_of(run, "id")["puzzle"].values).long()
    features = model.embedding(boards)
    for number, layer in enumerate(model.network.layers):
        state = torch.from_numpy(run.data[f"trajectory/id/layer{number}/state"].values)
        if f"/summary/id/layer{number}" in run.data.groups:
            recorded = run.data[f"summary/id/layer{number}"].to_dataset()
            stimulus = layer.stimulus_of(features)
            for step in range(state.shape[1]):
                with torch.no_grad():
                    found = layer.measure({"x": state[:, step]}, stimulus, step * layer.dt)
                for name, value in found.items():
                    np.testing.assert_allclose(recorded[name][:, step], value, rtol=2e-4, atol=2e-4)
        features = layer.readout(state[:, -1]).detach()
    # The answers are the head's of the last readout.
    blank = boards == 0
    answers = model.answer(features).argmax(-1) + 1
    expected = torch.where(blank, answers, boards).numpy()
    assert (results_of(run, "id")["prediction"].values == expected).all()


def test_layers_are_recorded_under_their_numbers(two_layers):
    run, _ = two_layers
    assert {name for name in run.data.groups if name.count("/") == 3 and "/id/" in name} == {
        "/summary/id/layer0", "/summary/id/layer1",
        "/trajectory/id/layer0", "/trajectory/id/layer1", "/trajectory/id/layer2",
    }  # fmt: skip
    sizes = [run.data[f"trajectory/id/layer{number}/state"].sizes for number in range(3)]
    assert [size["step"] for size in sizes] == [4, 3, 3]
    assert all(size["sample"] == 10 and (size["y"], size["x"]) == (4, 4) for size in sizes)
    longer = [run.data[f"trajectory/longer/layer{number}/state"].sizes["step"] for number in range(3)]
    assert longer == [7, 7, 7]  # six steps in each layer that takes more than one


def test_a_layer_starts_where_the_one_before_ended(two_layers):
    run, _ = two_layers
    first, second = (run.data[f"trajectory/id/layer{number}/state"] for number in (0, 1))
    np.testing.assert_allclose(second.isel(step=0), first.isel(step=-1), atol=1e-6)


def test_what_is_recorded_has_names_units_and_meaning(finished):
    state = finished.data["trajectory/id/layer0/state"]
    assert state.dims == ("sample", "step", "y", "x", "component", "oscillator")
    assert state.shape == (3, 3, 4, 4, 4, 4) and state["step"].values.tolist() == [0, 2, 3]
    np.testing.assert_allclose((state**2).sum("component"), 1, atol=1e-5)
    energy = finished.data["summary/id/layer0/energy"]
    assert energy.dims == ("sample", "step") and energy.shape == (10, 4)
    for array in (state, energy, finished.data["result/id/prediction"]):
        assert array.attrs["units"] == "1" and array.attrs["long_name"]
    assert finished.data["result/id/correct_at"].dims == ("sample", "at_step")
    assert len(finished.data.attrs["spec_sha256"]) == 64


def test_results_and_metrics_agree(finished):
    for name in ("id", "longer"):
        results = results_of(finished, name)
        said = {
            key.removeprefix(f"{name}/"): float(value.dropna("record")[0])
            for key, value in finished.metrics.data_vars.items()
            if key.startswith(f"{name}/")
        }
        blank = results["puzzle"] == 0
        right = results["prediction"] == results["solution"]
        assert (right | blank).all()  # givens are left as they are
        np.testing.assert_array_equal(results["correct"], right.all(["y", "x"]))
        share = (right & blank).sum(["y", "x"]) / blank.sum(["y", "x"])
        np.testing.assert_allclose(results["cells_correct"], share, rtol=1e-6)
        np.testing.assert_array_equal(results["givens"], (~blank).sum(["y", "x"]))
        np.testing.assert_array_equal(results["correct_at"].isel(at_step=-1), results["correct"])
        np.testing.assert_array_equal(results["cells_correct_at"].isel(at_step=-1), results["cells_correct"])
        assert said["board_accuracy"] == pytest.approx(float(results["correct"].mean()))
        assert said["cell_accuracy"] == pytest.approx(float((right & blank).sum() / blank.sum()))
        assert said["confidence"] == pytest.approx(float(results["confidence"].mean()), abs=1e-6)
        assert said["singles_only"] == pytest.approx(1 - float(results["branching"].mean()))


def test_averaged_weights_are_those_that_are_evaluated(tmp_path):
    """The decay is so slow that the average is still where the training began."""
    ema = {"decay": 0.0, "start": 0, "every": 1000}
    averaged = run_small(tmp_path, training__ema=ema, training__validate_every=8)
    plain = run_small(tmp_path, training__validate_every=8)
    once = run_small(tmp_path, training__steps=1)
    assert (averaged.path / "weights.safetensors").read_bytes()[-400:] == (
        once.path / "weights.safetensors"
    ).read_bytes()[-400:]
    found = [run.metrics["validation/confidence"].dropna("record").values[-1] for run in (averaged, plain)]
    ends = [run.metrics["id/confidence"].dropna("record").values[-1] for run in (averaged, plain)]
    assert found == pytest.approx(ends) and found[0] != found[1]
