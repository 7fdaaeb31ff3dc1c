from __future__ import annotations

from typing import Any

import pytest
from networks import SITES, arriving, layer, network

from oscillo.network import NetworkSpec


def test_features_of_another_shape_are_refused() -> None:
    net = network(layer())
    with pytest.raises(ValueError, match=r"features are \[2, 3, 4, 12\].* \[sample, site, site, 16 channels\]"):
        net(arriving(channels=12))
    with pytest.raises(ValueError, match=r"features are \[2, 12, 16\]"):
        net(arriving().flatten(1, 2))


def test_features_that_are_no_tensor_are_refused() -> None:
    with pytest.raises(TypeError, match=r"ndarray, and a network takes a torch\.Tensor"):
        network(layer())(arriving().numpy())


def test_initial_states_of_another_shape_are_refused() -> None:
    features = arriving()
    with pytest.raises(ValueError, match=r"initial states are \[2, 3, 4, 16\].* \[2, 3, 4, 4, 4\]"):
        network(layer())(features, features)


@pytest.mark.parametrize(
    ("layers", "place", "complaint"),
    [
        ([layer(coupling={"kind": "attention", "heads": 5})], ("layers", 0, "coupling"), "do not divide"),
        (
            [layer(manifold={"kind": "sphere", "dimension": 3}, channels=12, frequency={"kind": "shared"})],
            ("layers", 0, "frequency"), "even dimension",
        ),
        (
            [layer(), layer(frequency={"kind": "identity"}, integrator={"kind": "rk4"})],
            ("layers", 1, "integrator"), "points off it",
        ),
        ([layer(), layer(channels=8)], ("layers", 1, "initial"), "take `initial: drawn`"),
        (
            [layer(), layer(manifold={"kind": "circle"}, initial="previous")], ("layers", 1, "initial"),
            "another manifold (kind: sphere, dimension: 4, and here kind: circle); take `initial: drawn`",
        ),
        (
            [layer(), layer(manifold={"kind": "sphere", "dimension": 2})], ("layers", 1, "initial"), "dimension: 2",
        ),
        ([layer(readout={"kind": "norm", "channels": 8}), layer()], ("layers", 1), "8 arrive from before it"),
        (
            [{"kind": "block", "channels": 6, "block": {"kind": "position_table"}}],
            ("layers", 0, "block"), "multiple of 4",
        ),
    ],
)  # fmt: skip
def test_problems_have_their_place(layers: list[dict], place: tuple[str | int, ...], complaint: str) -> None:
    problems = NetworkSpec.model_validate({"layers": layers}).problems(SITES)
    assert [where for where, text in problems if complaint in text] == [place]


def test_channels_that_arrive_are_compared() -> None:
    spec = NetworkSpec.model_validate({"layers": [layer()]})
    assert spec.problems(SITES, 12) == [(("layers", 0), "the layer has 16 channels, and 12 arrive from before it")]
    assert not spec.problems(SITES, spec.channels_in(SITES))


def test_sites_come_from_the_spec_or_the_task() -> None:
    declared = NetworkSpec.model_validate({"sites": [3, 4], "layers": [layer()]})
    open_ = NetworkSpec.model_validate({"layers": [layer()]})
    assert declared.resolve_sites(None) == declared.resolve_sites([3, 4]) == open_.resolve_sites((3, 4)) == (3, 4)
    assert NetworkSpec.model_validate({"sites": [], "layers": [layer()]}).resolve_sites(None) == ()
    with pytest.raises(ValueError, match="no `sites`"):
        open_.resolve_sites(None)
    with pytest.raises(ValueError, match=r"\[3, 4\], and the task's are \[9, 9\]"):
        declared.resolve_sites([9, 9])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"channels": None}, "either `channels`"),
        ({"oscillators": 4}, "either `channels`"),
        ({"channels": 18}, "nearest is 16"),
        ({"channels": 1}, "nearest is 4"),
    ],
)
def test_sizes_that_contradict_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        NetworkSpec.model_validate({"layers": [layer(**fields)]})
