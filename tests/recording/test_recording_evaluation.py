"""Recording an evaluation batch by batch, and reading it again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.recording import (
    ArrayDeclaration,
    GroupDeclaration,
    Recorder,
    RunDirectory,
    StoreError,
    TrajectoryStore,
    block_plan,
    open_run,
)

SAMPLES, STEPS = 11, 3


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path, "record", spec_yaml="version: 1\n", sources={}, provenance={"started": "now"})


def groups(chosen: int = 4) -> list[GroupDeclaration]:
    site = ("sample", "step", "y", "x", "component", "oscillator")
    state = ArrayDeclaration("state", site, (chosen, STEPS, 2, 2, 4, 3), "float32", "1", "state")
    nodes = ArrayDeclaration(
        "state", ("sample", "step", "component", "oscillator"), (chosen, STEPS, 2, 5), "float32", "1", "x"
    )
    energy = ArrayDeclaration("energy", ("sample", "step"), (SAMPLES, STEPS), "float32", "1", "energy")
    correct = ArrayDeclaration("correct", ("sample",), (SAMPLES,), "bool", "1", "solved")
    steps = {"step": range(0, 2 * STEPS, 2)}
    return [
        GroupDeclaration("trajectory", (state,), layer="layer0", coordinates=steps),
        GroupDeclaration("trajectory", (nodes,), layer="layer1", coordinates=steps),
        GroupDeclaration("summary", (energy,), layer="layer0", coordinates=steps),
        GroupDeclaration("result", (correct,)),
    ]


def fill(recorder: Recorder, number: float, chosen: int = 4) -> None:
    for layer, shape in (("layer0", (2, 2, 4, 3)), ("layer1", (2, 5))):
        state = np.full((chosen, STEPS, *shape), number, np.float32)
        recorder.write("trajectory", np.arange(chosen), {"state": state}, layer=layer)
    for part in np.array_split(np.arange(SAMPLES), 3):
        recorder.write("summary", part, {"energy": np.full((len(part), STEPS), number)}, layer="layer0")
        recorder.write("result", part, {"correct": part % 2 == 0})


def test_names_dims_and_coordinates(run: RunDirectory) -> None:
    with TrajectoryStore(run.data) as store, Recorder(store, "hard", groups(), {"steps": 4}) as recorder:
        fill(recorder, 1.0)
    tree = open_run(run.path).data
    state = tree["trajectory/hard/layer0/state"]
    assert state.dims == ("sample", "step", "y", "x", "component", "oscillator")
    assert tree["trajectory/hard/layer1/state"].dims == ("sample", "step", "component", "oscillator")
    assert state["step"].values.tolist() == [0, 2, 4]
    assert tree["summary/hard/layer0/energy"].sizes == {"sample": SAMPLES, "step": STEPS}
    solved = tree["result/hard/correct"]
    assert solved.dtype == bool and solved.sel(sample=4) and not solved.sel(sample=5)
    assert tree["result/hard"].attrs == {"steps": 4, "evaluation": "hard", "generation": 1, "complete": True}
    assert state["sample"].attrs["long_name"] == "position in the data set"


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_batches_of_any_size_in_any_order(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 30))
    values = np.arange(total * 2 * 3, dtype=np.float32).reshape(total, 2, 3)
    cuts = sorted(set(data.draw(st.lists(st.integers(0, total), max_size=6))) | {0, total})
    batches = data.draw(st.permutations(list(pairwise(cuts))))
    array = ArrayDeclaration("state", ("sample", "step", "oscillator"), values.shape, "float32", "1", "state")
    path = tmp_path_factory.mktemp("batches")
    made = RunDirectory.create(path, "a", spec_yaml="", sources={}, provenance={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_plan, "LARGEST_BLOCK", data.draw(st.sampled_from([8, 24, 100, 1000])))
        with TrajectoryStore(made.data) as store, Recorder(store, "a", [GroupDeclaration("summary", (array,))]) as rec:
            for first, last in batches:
                rec.write("summary", np.arange(first, last) * 10, {"state": values[first:last]}, first=first)
    found = open_run(made.path).data["summary/a"]
    np.testing.assert_array_equal(found["state"], values)
    np.testing.assert_array_equal(found["sample"], np.arange(total) * 10)


def test_an_evaluation_is_replaced_as_a_whole_or_not_at_all(run: RunDirectory) -> None:
    with TrajectoryStore(run.data) as store:
        with Recorder(store, "hard", groups()) as recorder:
            fill(recorder, 1.0)
        with Recorder(store, "id", groups()) as recorder:
            fill(recorder, 9.0)
        with pytest.raises(KeyboardInterrupt), Recorder(store, "hard", groups()) as recorder:
            recorder.write("result", np.arange(2), {"correct": np.zeros(2, bool)})
            store.commit()  # somebody else's commit shows nothing of it
            assert open_run(run.path).data["result/hard/correct"].sum() == 6
            raise KeyboardInterrupt
        with Recorder(store, "hard", groups()[:-1]) as recorder:  # the next time without results
            for group in groups()[:-1]:
                shape = group.arrays[0].shape
                block = {group.arrays[0].name: np.full(shape, 2.0)}
                recorder.write(group.section, np.arange(shape[0]), block, layer=group.layer)
    tree = open_run(run.path).data
    assert (tree["trajectory/hard/layer0/state"] == 2).all() and (tree["summary/id/layer0/energy"] == 9).all()
    assert list(tree["result"].children) == ["id"]
    assert sorted(path.name for path in (run.data / "trajectory").iterdir()) == ["hard@2", "id", "zarr.json"]


def test_a_reader_of_replaced_data_gets_an_error_and_no_nan(run: RunDirectory) -> None:
    store = TrajectoryStore(run.data)
    with Recorder(store, "hard", groups()) as recorder:
        fill(recorder, 1.0)
    first, again = open_run(run.path).data, open_run(run.path).data
    with Recorder(store, "hard", groups()) as recorder:
        fill(recorder, 2.0)
    assert (first["summary/hard/layer0/energy"] == 1).all()  # still there for those who came just before
    store.close()
    with pytest.raises(StoreError, match="open the run again"):
        again["summary/hard/layer0/energy"].load()


def test_what_a_recorder_refuses(run: RunDirectory) -> None:
    store = TrajectoryStore(run.data)
    with pytest.raises(ValueError, match="only letters"):
        Recorder(store, "hard/er", groups())
    with pytest.raises(ValueError, match="declared twice"):
        Recorder(store, "twice", [groups()[-1]] * 2)
    with pytest.raises(ValueError, match="`sample` first"):
        GroupDeclaration("result", (ArrayDeclaration("a", ("y",), (3,), "float32", "1", "a"),))
    recorder = Recorder(store, "hard", groups())
    three = np.zeros(3, bool)
    with pytest.raises(ValueError, match="not declared"):
        recorder.write("result", np.arange(3), {"correct": three}, layer="layer9")
    with pytest.raises(ValueError, match="together"):
        recorder.write("result", np.arange(3), {"wrong": three})
    with pytest.raises(ValueError, match="does not fit"):
        recorder.write("result", np.arange(2), {"correct": three})
    recorder.write("result", np.arange(3), {"correct": three})
    with pytest.raises(ValueError, match="came before"):
        recorder.write("result", np.arange(3), {"correct": three}, first=2)
    with pytest.raises(ValueError, match="of 11"):
        recorder.write("result", np.arange(3), {"correct": three}, first=9)
    with pytest.raises(ValueError, match="were never written"):
        recorder.complete()
    assert "result" not in open_run(run.path).data
