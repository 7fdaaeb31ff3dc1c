from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from small_runs import metric_lines, run_small, small, task_of

import oscillo
from oscillo import learning
from oscillo.analysis import Votes
from oscillo.draws import Draws
from oscillo.evaluation import evaluate, procedure
from oscillo.evaluation.block import Block
from oscillo.evaluation.operations import operations
from oscillo.evaluation.parts import Parts
from oscillo.evaluation.selection import choose
from oscillo.plan import make_plan
from oscillo.preparation import require
from oscillo.recording import RecordingError
from oscillo.running import RunInterrupted
from oscillo.runspec import read_spec
from oscillo.training.weights import load_weights

MEMBERS, STEPS, BOARDS = 5, 12, 14
SIDES = {"boards": BOARDS, "givens": [12, 14], "seed": 2, "batch_size": 6, "steps": STEPS}
STOP = {"every": 2, "patience": 4, "threshold": 0.6, "compare": 9}


def with_evaluations(*evaluations, **changes):
    named = [{"name": f"e{number}", **SIDES, **each} for number, each in enumerate(evaluations)]
    adam = {"kind": "adam", "lr": 0.01}
    return {"task__evaluations": named, "training__steps": 150, "training__optimizer": adam, **changes}


def results_of(run, name="e0") -> xr.Dataset:
    return run.data[f"result/{name}"].to_dataset().load()


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """One evaluation with votes, and the same with early stop."""
    changes = with_evaluations(
        {"votes": MEMBERS, "by": "energy_sum"}, {"votes": MEMBERS, "by": "confidence", "early_stop": STOP}
    )
    return run_small(tmp_path_factory.mktemp("votes"), **changes)


@pytest.fixture(scope="module")
def by_hand(voted):
    """The same trajectories without any of the code that evaluates: one member at a time, all boards in one batch."""
    mapping = small(**with_evaluations({"votes": MEMBERS}))
    task = task_of(mapping)
    model = task.model()
    load_weights(model, voted.path / "weights.safetensors")
    model.eval()
    batch = task.evaluation_data(task.spec.evaluations[0]).batch(torch.arange(BOARDS))
    found = []
    for member in range(MEMBERS):
        logits, energies = {}, []

        def watch(layer, step, state, measures, logits=logits, energies=energies):
            energies.append(measures["energy"])
            logits[step] = model.answer(model.network.layers[0].readout(state["x"]))

        with torch.no_grad():
            model(batch["puzzle"], Draws(3, batch["index"], member=member), steps=STEPS, observe=watch)
        found.append((logits, torch.stack(energies, dim=1).numpy()))
    return task, batch, found


def test_members_are_trajectories_of_their_own_draws(voted, by_hand):
    task, batch, found = by_hand
    results = results_of(voted)
    assert results["at_step"].values.tolist() == [1, 2, 4, 8, 12] and results["votes"].values.tolist() == [1, 2, 4, 5]
    for member, (logits, energy) in enumerate(found):
        for step in results["at_step"].values:
            known, here = task.results(batch, logits[step]), results.sel(at_step=step, member=member)
            np.testing.assert_array_equal(here["member_correct"], known["correct"])
            np.testing.assert_allclose(here["member_confidence"], known["confidence"], atol=1e-5)
            np.testing.assert_allclose(here["member_energy"], energy[:, step], rtol=1e-4)
            np.testing.assert_allclose(here["member_energy_sum"], energy[:, : step + 1].sum(axis=1), rtol=1e-4)


def test_the_chosen_answer_is_that_of_the_chosen_member(voted, by_hand):
    task, batch, found = by_hand
    results = results_of(voted)
    for number, step in enumerate(results["at_step"].values):
        predictions = np.stack([task.results(batch, logits[step])["prediction"].numpy() for logits, _ in found], axis=1)
        chosen = results["chosen_energy_sum"].values[:, number, -1]
        np.testing.assert_array_equal(chosen, results["member_energy_sum"].values[:, number].argmin(axis=1))
        expected = predictions[np.arange(BOARDS), chosen]
        np.testing.assert_array_equal(results["prediction_at"].values[:, number], expected)
        same = (predictions[:, :, None] == predictions[:, None]).reshape(BOARDS, MEMBERS, MEMBERS, -1).all(-1)
        np.testing.assert_array_equal(results["member_answer"].values[:, number], same.argmax(axis=1))
        majority = choose("majority", results["member_answer"].values[:, number], [1, 2, 4, 5])
        np.testing.assert_array_equal(results["chosen_majority"].values[:, number], majority)
    np.testing.assert_array_equal(results["prediction"], results["prediction_at"].isel(at_step=-1))


def test_changes_from_step_to_step_are_those_of_the_first_member(voted, by_hand):
    task, batch, found = by_hand
    results, logits = results_of(voted), found[0][0]
    for step in results["at_step"].values:
        moved = (logits[step] - logits[step - 1]).flatten(1).square().mean(1).sqrt()
        np.testing.assert_allclose(results["distance_at"].sel(at_step=step), moved, rtol=1e-3, atol=1e-6)
        answers = [task.results(batch, logits[k])["prediction"] for k in (step - 1, step)]
        changed = (answers[0] != answers[1]).flatten(1).any(1)
        np.testing.assert_array_equal(results["changed_at"].sel(at_step=step), changed)


def test_samples_leave_when_they_have_settled(voted, by_hand):
    """The rule, applied to the trajectories made by hand."""
    task, batch, found = by_hand
    results = results_of(voted, "e1")
    for member, (logits, _) in enumerate(found):
        answers = {step: task.results(batch, logits[step])["prediction"] for step in range(2, STEPS + 1, 2)}
        for board in range(BOARDS):
            quiet, taken = 0, STEPS
            for step in range(4, STEPS, 2):
                moved = (logits[step][board] - logits[step - 2][board]).square().mean().sqrt()
                same = torch.equal(answers[step][board], answers[step - 2][board])
                quiet = quiet + 2 if same and moved < STOP["threshold"] else 0
                if quiet >= 4:
                    taken = step
                    break
            assert results["steps_taken"].values[board, member] == taken
            assert results["settled"].values[board, member] == (taken < STEPS)
            changed = not torch.equal(answers[taken][board], answers[STEPS][board])
            assert results["changed_by_stopping"].values[board, member] == (changed if board < 9 else -1)
    assert len(np.unique(results["steps_taken"])) > 2 and 0 < results["changed_by_stopping"].values[:9].mean() < 1
    right = results["member_correct"].isel(at_step=-1).values
    assert 0.1 < right.mean() < 0.9 and (right[:9] != results["right_after_all_steps"].values[:9]).any()


def test_what_is_stopped_keeps_its_answer_and_has_no_energy_behind(voted):
    whole, stopped = results_of(voted), results_of(voted, "e1")
    taken = stopped["steps_taken"].values
    energy = voted.data["summary/e1/layer0/energy"].values
    state = voted.data["trajectory/e1/layer0/state"]
    for board in range(BOARDS):
        assert np.isfinite(energy[board, : taken[board, 0] + 1]).all()
        assert np.isnan(energy[board, taken[board, 0] + 1 :]).all()
    for board, step in enumerate(taken[:3, 0]):
        assert np.isfinite(state.isel(sample=board).sel(step=slice(0, step))).all()
        assert np.isnan(state.isel(sample=board).sel(step=slice(step + 1, None))).all()
    gone = stopped["at_step"].values > taken[:, :1]  # those too that went on to be compared
    np.testing.assert_array_equal(np.isnan(stopped["distance_at"].values), gone)
    assert not stopped["changed_at"].values[gone].any()
    for step in (1, 2, 4):  # none can have left before
        a, b = (each["member_correct"].sel(at_step=step) for each in (whole, stopped))
        np.testing.assert_array_equal(a, b)
    assert "member_energy_sum" not in stopped and "chosen_energy_sum" not in stopped
    metrics = {
        name: float(value.dropna("record")[0]) for name, value in voted.metrics.data_vars.items() if "e1/" in name
    }
    assert metrics["e1/steps_taken"] == pytest.approx(taken.mean())
    assert metrics["e1/steps_saved"] == pytest.approx(1 - taken.mean() / STEPS)
    assert metrics["e1/compared"] == 9 * MEMBERS
    right, at_the_end = stopped["member_correct"].values[:, -1], stopped["right_after_all_steps"].values
    np.testing.assert_array_equal(at_the_end[:9], whole["member_correct"].values[:9, -1])
    assert (at_the_end[9:] == -1).all()
    assert metrics["e1/right_when_stopped"] == pytest.approx(right[:9].mean())
    assert metrics["e1/right_after_all_steps"] == pytest.approx(at_the_end[:9].mean())
    spent = Votes("e1", stopped).flops[-1, -1] / Votes("e0", whole).flops[-1, -1]
    assert metrics["e1/compute_saved"] == pytest.approx(1 - spent)


def test_the_last_energy_of_a_sample_that_leaves_is_kept(voted, tmp_path):
    """Also where energies are recorded every few steps, and it leaves between two of them."""
    few = run_small(
        tmp_path, training__start=str(voted.path / "weights.safetensors"), recording__every=5,
        **with_evaluations({"early_stop": STOP}, training__steps=0),
    )  # fmt: skip
    taken = results_of(few)["steps_taken"].values[:, 0]
    energy, every = (run.data["summary/e0/layer0/energy"] for run in (few, voted))
    assert energy["step"].values.tolist() == [0, 2, 4, 5, 6, 8, 10, 12] and len(np.unique(taken)) > 1
    for board, last in enumerate(taken):
        assert np.isnan(energy[board].sel(step=slice(last + 1, None))).all()
        np.testing.assert_allclose(energy[board].sel(step=last), every[board].sel(step=last), rtol=1e-4)


@pytest.mark.parametrize("size", [1, 4, 7, 200])
def test_votes_do_not_depend_on_the_batch(size, voted, tmp_path):
    changes = with_evaluations({"votes": MEMBERS, "by": "energy_sum", "batch_size": size}, training__steps=0)
    run = run_small(tmp_path, training__start=str(voted.path / "weights.safetensors"), **changes)
    ours, theirs = results_of(run), results_of(voted)
    for name in ("prediction", "member_correct", "member_answer", "chosen_confidence"):
        assert ours[name].identical(theirs[name]), name
    xr.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("by", "steps_more"), [("pseudo_energy_last", 0), ("energy_last", 1), ("confidence", 0)])
def test_an_energy_that_nobody_compares_costs_no_step(by, steps_more, voted):
    """The energy of the last state takes a step of its own, and votes by the pseudo-energy before it do without."""
    task = task_of(small(**with_evaluations({"votes": 2, "by": by})))
    model = task.model()
    load_weights(model, voted.path / "weights.safetensors")
    taken = []
    model.network.layers[0].register_forward_hook(lambda layer, given, found: taken.append(len(given[0]["x"])))
    evaluation = task.spec.evaluations[0]
    metrics = evaluate(task, model, evaluation, task.evaluation_data(evaluation), seed=3, precision="float32", limit=3)
    assert taken == [6] * (STEPS + steps_more)
    whole = results_of(voted)[f"chosen_{by}"].sel(votes=2, at_step=STEPS).values[:3]
    right = results_of(voted)["member_correct"].sel(at_step=STEPS).values[np.arange(3), whole]
    assert metrics[f"votes_2/{by}"] == pytest.approx(right.mean())


def test_more_votes_keep_the_members_that_were_there(voted, tmp_path):
    changes = with_evaluations({"votes": 2, "by": "majority"}, training__steps=0)
    run = run_small(tmp_path, training__start=str(voted.path / "weights.safetensors"), **changes)
    few, many = results_of(run), results_of(voted)
    np.testing.assert_array_equal(few["member_correct"], many["member_correct"].sel(member=[0, 1]))
    np.testing.assert_array_equal(few["chosen_majority"], many["chosen_majority"].sel(votes=[1, 2]))


def test_an_interrupted_evaluation_goes_on_behind_its_finished_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(procedure, "BATCHES", 2)
    changes = with_evaluations({"votes": MEMBERS, "by": "energy_last"})
    whole = run_small(tmp_path / "whole", **changes)
    run_block, begun = Block.run, []

    def stopping(self, show):
        begun.append(self.batch["index"].tolist())
        if len(begun) == 4:
            self.passage.check.__self__.signal = 2
        run_block(self, show)

    monkeypatch.setattr(Block, "run", stopping)
    with pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path / "parts", **changes)
    kept = sorted(file.name for file in (stop.value.path / learning.PARTS / "e0").iterdir())
    assert len(kept) == 3 and "/result" not in oscillo.open_run(stop.value.path).data.groups
    resumed = oscillo.resume(stop.value.path)
    assert begun == [[0, 1], [2, 3], [4, 5], [6, 7], [6, 7], [8, 9], [10, 11], [12, 13]]
    assert metric_lines(resumed) == metric_lines(whole)
    for group in ("trajectory/e0/layer0", "summary/e0/layer0", "result/e0"):
        assert resumed.data[group].to_dataset().identical(whole.data[group].to_dataset())
    assert not (stop.value.path / learning.PARTS / "e0").exists()


def test_parts_that_a_kill_has_left_behind_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(procedure, "BATCHES", 2)
    run_block, remove = Block.run, Parts.remove

    def stopping(self, show):
        if self.passage.schedule.early_stop:
            self.passage.check.__self__.signal = 2
        run_block(self, show)

    monkeypatch.setattr(Block, "run", stopping)
    monkeypatch.setattr(Parts, "remove", lambda self: None)
    with pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path, **with_evaluations({}, {"early_stop": {"every": 2, "patience": 4}}))
    assert (stop.value.path / learning.PARTS / "e0").is_dir()
    monkeypatch.undo()
    assert Parts.remove is remove and Block.run is run_block
    oscillo.resume(stop.value.path)
    assert not (stop.value.path / learning.PARTS).exists()


def test_a_part_that_is_cut_off_is_refused_with_the_remedy(tmp_path):
    parts = Parts(tmp_path / "e0")
    parts.save(0, {"index": np.arange(3), "result/correct": np.ones(3, bool)})
    found = parts.load(0, 3, ["result/correct"])
    assert found is not None and found["result/correct"].all() and parts.load(3, 3, []) is None
    with pytest.raises(RecordingError, match=r"holds 3 samples, and 4 belong there; remove .*e0 to evaluate"):
        parts.load(0, 4, [])
    with pytest.raises(RecordingError, match=r"lacks state/0; remove .*e0 to evaluate"):
        parts.load(0, 3, ["state/0", "result/correct"])
    (file,) = parts.folder.iterdir()
    for length in (0, 100, file.stat().st_size - 30):
        file.write_bytes(file.read_bytes()[:length])
        with pytest.raises(RecordingError, match=r"cannot be read .*; remove .*e0 to evaluate"):
            parts.load(0, 3, [])


BLOCK = {"kind": "block", "channels": 16, "block": {"kind": "self_attention", "heads": 2}, "steps": 3}
DRAWN = small()["network"]["layers"][0]


@pytest.mark.parametrize(
    ("evaluation", "layers", "message"),
    [
        ({"votes": 0}, [DRAWN], "votes.*at least 1, not 0"),
        ({"votes": 3, "by": "energy_last"}, [BLOCK], "nothing is drawn in this network"),
        ({"by": "energy_last"}, [BLOCK], "compares energies, and a block has none"),
        ({"votes": 3, "by": "energy_sum"}, [DRAWN, BLOCK], "compares energies, and a block has none"),
        ({"by": "energy_sum", "early_stop": {}}, [DRAWN], "take `by: energy_last` or another"),
        ({"early_stop": {"every": 3, "patience": 4}}, [DRAWN], "patience = 4 is not a multiple of every = 3"),
        ({"votes": 3, "by": "lowest"}, [DRAWN], "by"),
        (
            {"early_stop": {"every": 4, "patience": 8}},
            [DRAWN],
            r"after 12 steps at the earliest .*, and there are only 12: .* take more `steps`",
        ),
        ({}, [{**BLOCK, "steps": 1}], "no layer of this network is declared with more than one step"),
        ({"steps": None, "early_stop": {}}, [{**BLOCK, "steps": 1}], "and there are only 1"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(evaluation, layers, message):
    with pytest.raises(oscillo.SpecError, match=rf"(?s)task\.evaluations\.0.*{message}"):
        oscillo.load(small(**with_evaluations(evaluation), network__layers=layers, recording={"samples": 3}))


def test_votes_that_do_not_fit_are_refused_with_the_number_that_fits(tmp_path, monkeypatch):
    monkeypatch.setattr("oscillo.plan.free_memory", lambda device: 3_000_000)
    with pytest.raises(oscillo.SpecError, match=r"initial states of a sample take .*; at most (\d+) fit") as error:
        run_small(tmp_path, **with_evaluations({"votes": 100_000}))
    assert not list(tmp_path.iterdir())
    fits = int(str(error.value).split("at most ")[1].split()[0])
    assert 5 < fits < 1000
    require(read_spec(small(**with_evaluations({"votes": fits}))))
    with pytest.raises(oscillo.SpecError):
        require(read_spec(small(**with_evaluations({"votes": fits + 1}))))


def test_a_batch_that_does_not_fit_is_refused_with_the_number_that_fits(tmp_path, monkeypatch):
    monkeypatch.setattr("oscillo.plan.free_memory", lambda device: 3_000_000)
    many = {"boards": 1000, "batch_size": 1000}
    with pytest.raises(oscillo.SpecError, match=r"evaluations\.0\.batch_size.*a step of 1000 trajectories") as error:
        run_small(tmp_path, **with_evaluations(many))
    fits = int(str(error.value).split("can be used; ")[1].split()[0])
    assert 5 < fits < 1000
    require(read_spec(small(**with_evaluations(many | {"batch_size": fits}))))
    with pytest.raises(oscillo.SpecError):
        require(read_spec(small(**with_evaluations(many | {"batch_size": fits + 1}))))


def test_blocks_are_counted_like_oscillators(tmp_path):
    """Iterated self-attention: its steps are those of the layer in the middle, and the one behind reads them out."""
    layers = [
        {"kind": "block", "channels": 16, "block": {"kind": "position_table"}},
        BLOCK,
        {**BLOCK, "block": {"kind": "feed_forward"}, "steps": 1, "readout": {"kind": "state", "normalize": True}},
    ]  # fmt: skip
    changes = {"network__layers": layers, "recording": {"samples": 3}}
    run = run_small(tmp_path, **with_evaluations({}), **changes, task__rectify=False)
    results = results_of(run)
    assert results["at_step"].values.tolist() == [1, 2, 4, 8, 12] and results.attrs["steps"] == [1, 12, 1]
    alone = Votes("e0", results)
    np.testing.assert_array_equal(alone.table().sel(votes=1)[0], results["correct_at"].mean("sample"))
    costs = results["at_step"] * results.attrs["flops_per_step"] + results.attrs["flops_outside"]
    np.testing.assert_array_equal(alone.flops[:, 0], costs)
    task = task_of(small(**with_evaluations({}), **changes, task__rectify=False))
    model = task.model()
    load_weights(model, run.path / "weights.safetensors")
    batch = task.evaluation_data(task.spec.evaluations[0]).batch(torch.arange(BOARDS))
    for step in (1, 4, 12):
        with torch.no_grad():
            known = task.results(batch, model(batch["puzzle"], steps=step))
        np.testing.assert_array_equal(results["prediction_at"].sel(at_step=step), known["prediction"])


def test_a_network_that_takes_no_step_is_read_out_where_it_starts(tmp_path):
    layers = [{**BLOCK, "steps": 0}]
    changes = {"network__layers": layers, "recording": {"samples": 3}}
    run = run_small(tmp_path, **with_evaluations({"steps": None}), **changes)
    results = results_of(run)
    assert results["at_step"].values.tolist() == [0] and results["prediction_at"].shape[:2] == (BOARDS, 1)
    task = task_of(small(**with_evaluations({"steps": None}), **changes))
    model = task.model()
    load_weights(model, run.path / "weights.safetensors")
    batch = task.evaluation_data(task.spec.evaluations[0]).batch(torch.arange(BOARDS))
    with torch.no_grad():
        known = task.results(batch, model(batch["puzzle"]))
    for found in (results["prediction_at"][:, 0], results["prediction"]):
        np.testing.assert_array_equal(found, known["prediction"])


def test_steps_of_the_layers_before_are_counted(tmp_path):
    task = task_of(small(**with_evaluations({}), network__layers=[DRAWN, DRAWN]))
    few, many = (operations(task, task.model(), steps) for steps in (None, STEPS))
    assert many.outside - few.outside == (STEPS - 3) * many.step > 0
    assert (many.step, many.answer) == (few.step, few.answer)
    run = run_small(tmp_path, **with_evaluations({}, training__steps=0), network__layers=[DRAWN, DRAWN])
    assert results_of(run).attrs["flops_outside"] == many.outside + many.answer
    (planned,) = make_plan(oscillo.load(small(**with_evaluations({}), network__layers=[DRAWN, DRAWN]))).evaluations
    assert planned.flops > BOARDS * many.trajectory(STEPS)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_finds_the_same_answers(voted, tmp_path):
    changes = with_evaluations(
        {"votes": MEMBERS, "by": "energy_sum"}, {"votes": MEMBERS, "early_stop": STOP}, training__steps=0, device="cuda"
    )
    run = run_small(tmp_path, training__start=str(voted.path / "weights.safetensors"), **changes)
    for name in ("e0", "e1"):
        ours, theirs = results_of(run, name), results_of(voted, name)
        np.testing.assert_array_equal(ours["member_correct"], theirs["member_correct"])
        np.testing.assert_allclose(ours["member_confidence"], theirs["member_confidence"], atol=1e-3)
