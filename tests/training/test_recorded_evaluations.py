"""What evaluations record along their steps: answers, parts, weights, shares of energies, and nothing after the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from small_runs import run_small, small, task_of

from oscillo.couplings import Attention
from oscillo.recording import Run
from oscillo.training.weights import load_weights

BOARDS, STEPS = 9, 6
SIDES = {"boards": BOARDS, "givens": [12, 14], "seed": 2, "batch_size": 4}
PROJECTED = [[0.6, 0.0, -0.8, 0.0], [0.0, 1.0, 0.0, 0.0]]
OBSERVABLES: dict[str, dict[str, Any]] = {
    "state": {}, "energy": {}, "pseudo_energy": {},
    "answer": {}, "logits": {"kind": "answer", "of": "outputs", "at": [0, 2, 5], "samples": 3},
    "right": {"kind": "answer", "of": "correct"},
    "sure": {"kind": "answer", "of": "confidence", "every": 2},
    "attention_weights": {"every": 3, "samples": 2},
    "energies": {"kind": "energy", "per": "site", "every": 2},
    "few": {
        "kind": "state", "samples": [7, 1, 4], "sites": {"y": "1:3"}, "oscillators": [3, 0], "at": [0, 2, 5],
        "precision": "float16",
    },
    "axes": {"kind": "state", "reduce": {"kind": "projection", "vectors": PROJECTED}, "per_decade": 2},
    "order": {"kind": "order_parameter", "sites": {"x": [0, 2]}, "every": 4},
    "readout": {"every": 6, "samples": 1},
}  # fmt: skip


def changed(runs: Any, start: str, evaluations: list[dict[str, Any]], **changes: Any) -> Run:
    """Evaluations of given weights."""
    named = [{"name": f"e{number}", **SIDES, **each} for number, each in enumerate(evaluations)]
    return run_small(runs, training__start=start, training__steps=0, task__evaluations=named, **changes)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of a network that has learned enough to change its mind on the way."""
    adam = {"kind": "adam", "lr": 0.01}
    runs = tmp_path_factory.mktemp("start")
    learned = run_small(
        runs, training__steps=150, training__optimizer=adam, task__evaluations=[{"name": "e0", **SIDES}]
    )
    return str(learned.path / "weights.safetensors")


@pytest.fixture(scope="module")
def watched(start: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One evaluation of which everything is recorded."""
    return changed(
        tmp_path_factory.mktemp("watched"), start, [{"steps": STEPS}], recording={"observables": OBSERVABLES}
    )


def own(run: Run, name: str, evaluation: str = "e0", layer: int = 0) -> xr.Dataset:
    return run.data[f"observables/{evaluation}/layer{layer}/{name}"].to_dataset().load()


def states(run: Run) -> xr.DataArray:
    return run.data["trajectory/e0/layer0"]["state"].load()


def test_answers_along_the_way_are_those_of_evaluations_with_fewer_steps(
    watched: Run, start: str, tmp_path: Any
) -> None:
    shorter = changed(tmp_path, start, [{"steps": steps} for steps in (1, 2, 5, 6)])
    answer, logits = own(watched, "answer")["prediction"], own(watched, "logits")["outputs"]
    right, sure = watched.data["summary/e0/layer0"]["right"], own(watched, "sure")["confidence"]
    assert answer.sizes["step"] == STEPS + 1 and logits["step"].values.tolist() == [0, 2, 5]
    for number, steps in enumerate((1, 2, 5, 6)):
        known = shorter.data[f"result/e{number}"].to_dataset()
        np.testing.assert_array_equal(answer.sel(step=steps), known["prediction"])
        np.testing.assert_array_equal(right.sel(step=steps), known["correct"])
        if steps % 2 == 0:
            np.testing.assert_allclose(sure.sel(step=steps), known["confidence"], atol=1e-5)
    assert (answer.sel(step=1) != answer.sel(step=6)).any(), "answers that never change would prove nothing"


def test_outputs_are_read_out_of_the_recorded_states(watched: Run, start: str) -> None:
    model, logits = _model(start), own(watched, "logits")["outputs"]
    at = states(watched).sel(step=logits["step"], sample=logits["sample"])
    with torch.no_grad():
        known = model.answer(model.network.layers[0].readout(torch.from_numpy(at.values).flatten(0, 1)))
    np.testing.assert_allclose(logits.values.reshape(known.shape), known, atol=1e-4)


def _model(start: str) -> Any:
    spec = small()
    model = task_of(spec).model()
    load_weights(model, start)
    return model.eval()


def test_weights_are_those_of_the_recorded_states(watched: Run, start: str) -> None:
    weights = own(watched, "attention_weights")["attention_weights"]
    assert weights.dims == ("sample", "step", "head", "target", "source")
    assert weights["step"].values.tolist() == [0, 3, 6] and weights.shape == (2, 3, 2, 16, 16)
    np.testing.assert_allclose(weights.sum("source"), 1, atol=1e-5)
    (attention,) = [part for part in _model(start).modules() if isinstance(part, Attention)]
    at = states(watched).sel(step=weights["step"], sample=weights["sample"])
    with torch.no_grad():
        known = attention.weights(torch.from_numpy(at.values).flatten(0, 1))
    np.testing.assert_allclose(weights.values.reshape(known.shape), known, atol=1e-5)


def test_shares_of_sites_add_up_to_the_energy(watched: Run) -> None:
    shares, energy = own(watched, "energies")["energy"], watched.data["summary/e0/layer0"]["energy"]
    assert shares.dims == ("sample", "step", "y", "x") and shares["step"].values.tolist() == [0, 2, 4, 6]
    np.testing.assert_allclose(shares.sum(["y", "x"]), energy.sel(step=shares["step"]), rtol=1e-4, atol=1e-3)
    assert float(shares.std(["y", "x"]).min()) > 0


def test_parts_are_those_of_the_recorded_states(watched: Run, start: str) -> None:
    whole, few = states(watched), own(watched, "few")["state"]
    assert few["sample"].values.tolist() == [1, 4, 7] and few["step"].values.tolist() == [0, 2, 5]
    assert few["y"].values.tolist() == [1, 2] and few["oscillator"].values.tolist() == [3, 0]
    known = whole.sel(sample=[1, 4, 7], step=[0, 2, 5]).isel(y=[1, 2], oscillator=[3, 0])
    assert few.dtype == "float16" and few.shape == (3, 3, 2, 4, 4, 2)
    np.testing.assert_array_equal(few, known.astype("float16"))
    axes = own(watched, "axes")["state"]
    assert axes["step"].values.tolist() == [0, 1, 3, 6] and axes.sizes["sample"] == BOARDS
    known = np.einsum("dc,styxco->styxod", PROJECTED, whole.sel(step=axes["step"]).values)
    np.testing.assert_allclose(axes, known, atol=1e-5)
    order = own(watched, "order")["order_parameter"]
    assert order.sizes == {"sample": BOARDS, "step": 3}
    vectors = whole.sel(step=order["step"]).isel(x=[0, 2]).mean(["y", "x", "oscillator"])
    np.testing.assert_allclose(order, np.linalg.norm(vectors, axis=-1), atol=1e-5)
    readout = own(watched, "readout")["readout"]
    assert readout.dims == ("sample", "step", "y", "x", "channel") and readout.sizes["sample"] == 1
    with torch.no_grad():
        known = _model(start).network.layers[0].readout(torch.from_numpy(whole.sel(sample=0, step=[0, 6]).values))
    np.testing.assert_allclose(readout[0], known, atol=1e-5)


@pytest.mark.parametrize("size", [1, 5, 64])
def test_what_is_recorded_does_not_depend_on_the_batch(size: int, watched: Run, start: str, tmp_path: Any) -> None:
    run = changed(
        tmp_path, start, [{"steps": STEPS, "batch_size": size}], recording={"observables": OBSERVABLES}
    )  # fmt: skip
    assert set(run.data.groups) == set(watched.data.groups)
    for path in (path for path in run.data.groups if run.data[path].data_vars and not path.startswith("/result")):
        ours, theirs = (each.data[path].to_dataset().load() for each in (run, watched))
        xr.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3)
        for name in ("sample", "step"):
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_layers_are_chosen_by_their_numbers(start: str, tmp_path: Any) -> None:
    first = small()["network"]["layers"][0]
    block = {"kind": "block", "channels": 16, "block": {"kind": "feed_forward"}, "steps": 2}
    observables = {
        "state": {"layers": [1], "samples": 2}, "all": {"kind": "state", "samples": 1}, "energy": {},
        "second": {"kind": "state", "layers": [2, 0], "at": [1], "samples": 1}, "answer": {"every": 3},
    }  # fmt: skip
    run = run_small(
        tmp_path, network__layers=[first, first, block], training__steps=1,
        recording={"observables": observables},
    )  # fmt: skip
    groups = {path for path in run.data.groups if "/id/" in path and path.count("/") > 2}
    assert groups >= {"/trajectory/id/layer1", "/summary/id/layer0", "/summary/id/layer1"} | {
        f"/observables/id/layer{number}/all" for number in (0, 1, 2)
    } | {f"/observables/id/layer{number}/second" for number in (0, 2)}
    assert not groups & {"/trajectory/id/layer0", "/summary/id/layer2", "/observables/id/layer1/second"}
    answers = [path for path in groups if path.endswith("/answer")]
    assert len(answers) == 1, "answers are those of the layer whose steps are counted"
    np.testing.assert_array_equal(
        own(run, "all", "id", 1)["state"].sel(step=1), run.data["trajectory/id/layer1"]["state"].sel(step=1, sample=[0])
    )


def test_nothing_is_recorded_of_a_sample_that_has_left(start: str, tmp_path: Any) -> None:
    stop = {"every": 2, "patience": 4, "threshold": 0.6, "compare": 5}
    observables = {
        "state": {}, "energy": {}, "energies": {"kind": "energy", "per": "site"}, "answer": {},
        "sure": {"kind": "answer", "of": "confidence"},
        "attention_weights": {"samples": BOARDS, "every": 3},
    }  # fmt: skip
    evaluations = [{"steps": 14, "votes": votes, "early_stop": stop, "by": "confidence"} for votes in (1, 2)]
    run = changed(tmp_path, start, evaluations, recording={"observables": observables})
    whole = changed(tmp_path, start, [{"steps": 14, "votes": 1}], recording={"observables": observables})
    taken = run.data["result/e0"]["steps_taken"].values[:, 0]
    assert len(np.unique(taken)) > 1 and taken.min() < 14, "some have to leave, and not all at once"
    for evaluation in ("e0", "e1"):
        arrays = {
            "state": run.data[f"trajectory/{evaluation}/layer0"]["state"],
            "energy": run.data[f"summary/{evaluation}/layer0"]["energy"],
            "sure": run.data[f"summary/{evaluation}/layer0"]["sure"],
            "energies": own(run, "energies", evaluation)["energy"],
            "attention_weights": own(run, "attention_weights", evaluation)["attention_weights"],
        }  # fmt: skip
        known = {
            "state": states(whole), "energy": whole.data["summary/e0/layer0"]["energy"],
            "sure": whole.data["summary/e0/layer0"]["sure"], "energies": own(whole, "energies")["energy"],
            "attention_weights": own(whole, "attention_weights")["attention_weights"],
        }  # fmt: skip
        for name, array in arrays.items():
            for board, last in enumerate(taken):
                of = array.sel(sample=board)
                assert np.isnan(of.sel(step=slice(int(last) + 1, None))).all(), (evaluation, name, board)
                until = of.sel(step=slice(0, int(last)))
                assert np.isfinite(until).all(), (evaluation, name, board)
                same = known[name].sel(sample=board, step=until["step"])
                np.testing.assert_allclose(until, same, rtol=1e-3, atol=1e-3)


def test_no_sample_and_no_observable_leave_no_group(start: str, tmp_path: Any) -> None:
    recording = {"samples": 0, "observables": {"state": {}, "energy": {}, "answer": {}}}
    run = changed(tmp_path, start, [{"steps": 2}], recording=recording)
    assert "/summary/e0/layer0" in run.data.groups
    assert not any(path.startswith(("/trajectory", "/observables")) for path in run.data.groups)


def test_common_steps_are_those_of_everything_that_says_none(start: str, tmp_path: Any) -> None:
    recording = {"every": 4, "observables": {"energy": {}, "state": {}, "sure": {"kind": "answer", "of": "confidence"}}}
    run = changed(tmp_path, start, [{"steps": STEPS}], recording=recording)
    for path in ("summary/e0/layer0", "trajectory/e0/layer0"):
        assert run.data[path]["step"].values.tolist() == [0, 4, 6]
    assert set(run.data["summary/e0/layer0"].data_vars) == {"energy", "sure"}
