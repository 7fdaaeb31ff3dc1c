from __future__ import annotations

from typing import Any

import pytest
import torch
from dynamics import SPHERE, numbers
from torch import Tensor, nn
from torch.testing import assert_close

from oscillo.draws import Draws
from oscillo.integrators.loop import Measures
from oscillo.layout import State
from oscillo.network import Network, NetworkSpec, Unrolling

SITES = (3, 4)
CONVOLUTION = {"kind": "convolution", "symmetric": True}


def layer(**fields: Any) -> dict[str, Any]:
    """An oscillator layer as it stands in a spec."""
    sphere = {"manifold": {"kind": "sphere", "dimension": 4}, "channels": 16, "coupling": CONVOLUTION}
    integrator = {"kind": "projected_euler", "steps": 3, "step_size": 0.2}
    return sphere | {"integrator": integrator} | fields


def network(*layers: dict[str, Any], sites: tuple[int, ...] = SITES) -> Network:
    spec = NetworkSpec.model_validate({"layers": list(layers)})
    assert not spec.problems(sites)
    return spec.build(sites)


def arriving(samples: int = 2, channels: int = 16, sites: tuple[int, ...] = SITES) -> Tensor:
    return numbers(samples, *sites, channels).float()


class Watch:
    """Keeps all that an observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, State, Measures]] = []

    def __call__(self, layer: int, step: int, state: State, measures: Measures) -> None:
        self.told.append((layer, step, {"x": state["x"].detach().clone()}, measures))


def test_the_step_size_and_the_stimulus_are_the_declared_ones() -> None:
    """A whole layer against the formula, written out."""
    net = network(layer(frequency={"kind": "shared", "init": 0.5}, readout={"kind": "state"})).double()
    features, x = numbers(2, *SITES, 16), SPHERE.spread(numbers(2, *SITES, 4, 4, key=1))
    out = net(features, x)
    convolution = net.layers[0].oscillators.coupling
    step_size = float(torch.tensor(0.2))
    for _ in range(3):
        y = convolution(x)
        f = y + features.unflatten(-1, (4, 4))
        omega_x = 0.5 * torch.stack((-x[..., 1, :], x[..., 0, :], -x[..., 3, :], x[..., 2, :]), dim=-2)
        x = x + step_size * (omega_x + f - (f * x).sum(-2, keepdim=True) * x)
        x = x / x.norm(dim=-2, keepdim=True)
    assert_close(out.states[0]["x"], x)
    assert_close(out.features, x.flatten(-2))


def test_layers_follow_each_other_through_their_readouts() -> None:
    net = network(
        layer(readout={"kind": "norm", "channels": 8}),
        layer(channels=8, manifold={"kind": "sphere", "dimension": 2}, initial="drawn"),
        layer(channels=8),
    )
    features = arriving()
    out = net(features)
    assert [tuple(shape) for shape in net.shapes] == [(SITES, 4, 4), (SITES, 2, 4), (SITES, 4, 2)]
    by_hand, before = features, None
    for number, one in enumerate(net.layers):
        single = Network([one], 0)
        initial = None if number == 0 else before
        if number == 1:
            draws = Draws(0, torch.arange(2))
            initial = SPHERE.spread(draws.normal((*SITES, 2, 4), purpose=1))
        step = single(by_hand, initial)
        assert_close(step.states[0]["x"], out.states[number]["x"])
        by_hand, before = step.features, step.states[0]["x"].flatten(-2).unflatten(-1, (4, -1))
    assert_close(out.features, by_hand)
    assert out.features.shape == (2, *SITES, net.channels_out)


def test_previous_starts_where_the_layer_before_ended() -> None:
    idle = {"kind": "projected_euler", "steps": 0}
    states = lambda initial: network(layer(), layer(integrator=idle, initial=initial))(arriving()).states  # noqa: E731
    first, second = states("previous")
    assert_close(first["x"], second["x"])
    first, second = states("drawn")
    assert (first["x"] - second["x"]).abs().max() > 0.1


def test_the_first_state_is_drawn_by_key_or_given() -> None:
    net, features = network(layer(integrator={"kind": "projected_euler", "steps": 0})), arriving(3)
    start = lambda **key: net(features, **key).states[0]["x"]  # noqa: E731
    assert torch.equal(start(), start(draws=Draws(0, torch.arange(3))))
    turned = start(draws=Draws(0, torch.tensor([2, 0, 1])))
    assert torch.equal(turned, start()[[2, 0, 1]])
    for other in (Draws(1, torch.arange(3)), Draws(0, torch.arange(3), member=1), Draws(0, torch.arange(3), step=1)):
        assert (start(draws=other) - start()).abs().max() > 0.1
    given = 5 * numbers(3, *SITES, 4, 4).float()
    assert_close(start(initial=given), SPHERE.retract(given))


def test_samples_do_not_depend_on_their_batch() -> None:
    net, features = network(layer(), layer()), arriving(4)
    together = net(features, draws=Draws(0, torch.arange(4))).features
    for sample in range(4):
        alone = net(features[sample : sample + 1], draws=Draws(0, torch.tensor([sample]))).features
        assert_close(alone[0], together[sample], rtol=1e-4, atol=1e-5)


def test_steps_can_be_overridden() -> None:
    block = {"kind": "block", "channels": 16, "block": {"kind": "feed_forward"}}
    net, features = network(layer(), block, layer()), arriving()
    assert net.steps_of(None) == [3, 1, 3]
    assert net.steps_of(7) == [7, 1, 7]  # what is declared as one step stays one
    assert net.steps_of([1, 2, 0]) == [1, 2, 0]
    watch = Watch()
    net(features, steps=[1, 2, 0], observe=watch)
    assert [(number, step) for number, step, _, _ in watch.told] == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0)]
    with pytest.raises(ValueError, match="steps for 2 layers, and the network has 3"):
        net(features, steps=[1, 2])


def test_more_steps_go_on_where_fewer_end() -> None:
    net, features = network(layer()), arriving()
    half = net(features, steps=4).states[0]["x"]
    assert_close(net(features, half, steps=5).states[0]["x"], net(features, steps=9).states[0]["x"])


@pytest.mark.parametrize("integrator", ["projected_euler", "geodesic_euler", "heun", "rk4", "dopri5", "torchdiffeq"])
def test_the_observer_sees_every_state_and_its_energy(integrator: str) -> None:
    net = network(layer(integrator={"kind": integrator, "steps": 3, "step_size": 0.1}))
    features, watch = arriving(), Watch()
    out = net(features, observe=watch)
    assert [(number, step) for number, step, _, _ in watch.told] == [(0, k) for k in range(4)]
    assert torch.equal(watch.told[-1][2]["x"], out.states[0]["x"])
    assert_close(out.features, net(features).features)
    first = net.layers[0]
    stimulus = first.stimulus_of(features)
    for _, step, state, measures in watch.told:
        assert_close(state["x"], net(features, steps=step).states[0]["x"])
        again = first.measure(state, stimulus, torch.zeros(()))
        assert set(measures) == {"energy", "pseudo_energy"} == set(again)
        for name, value in measures.items():
            assert value.shape == (2,)
            assert_close(value, again[name])
    energies = torch.stack([measures["energy"] for *_, measures in watch.told])
    assert (energies.diff(dim=0) < 0).all()


@pytest.mark.parametrize("path_noise", [0.0, 0.2])
@pytest.mark.parametrize("every", [1, 2, 4, 10])
def test_recomputing_steps_gives_the_same_gradients(every: int, path_noise: float) -> None:
    block = {"kind": "block", "channels": 16, "steps": 3, "block": {"kind": "self_attention", "heads": 2}}
    learned = {"kind": "projected_euler", "steps": 5, "step_size": 0.2, "learn_step_size": True}
    net = network(layer(integrator=learned), block, layer(integrator={"kind": "geodesic_euler", "steps": 4}))

    def gradients(recompute_every: int) -> list[Tensor]:
        features = arriving().requires_grad_()
        out = net(features, unrolling=Unrolling(0, recompute_every, path_noise)).features
        leaves = [features, *(p for p in net.parameters() if p.requires_grad)]
        return [out, *torch.autograd.grad(out.square().sum(), leaves)]

    for plain, recomputed in zip(gradients(0), gradients(every), strict=True):
        assert_close(recomputed, plain, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("every", [0, 2])
def test_a_lead_in_takes_steps_that_leave_no_gradient(every: int) -> None:
    once = {"kind": "block", "channels": 16, "steps": 1, "block": {"kind": "self_attention", "heads": 2}}
    net, features = network(layer(), once), arriving()
    initial = numbers(2, *SITES, 4, 4).float().requires_grad_()
    behind = net(features, initial, unrolling=Unrolling(4, every))
    assert_close(behind.features, net(features, initial, steps=7).features)
    assert torch.autograd.grad(behind.features.sum(), initial, allow_unused=True) == (None,)

    reached = net(features, initial, steps=4).states[0]["x"].detach().requires_grad_()
    weights = list(net.layers[0].oscillators.coupling.parameters())
    short = torch.autograd.grad(net(features, reached).features.square().sum(), weights)
    for one, other in zip(torch.autograd.grad(behind.features.square().sum(), weights), short, strict=True):
        assert_close(one, other)


def test_path_noise_depends_on_the_sample_and_the_step_and_not_on_the_batch() -> None:
    once = {"kind": "block", "channels": 16, "steps": 1, "block": {"kind": "self_attention", "heads": 2}}
    block = {"kind": "block", "channels": 16, "steps": 2, "block": {"kind": "self_attention", "heads": 2}}
    net, features = network(layer(), once, block), arriving()
    index = torch.tensor([7, 3])
    told = lambda draws, some: net(features[some], draws=draws, unrolling=Unrolling(2, 0, 0.1))  # noqa: E731
    both = told(Draws(5, index, step=4), slice(None))
    assert_close(told(Draws(5, index[1:], step=4), slice(1, None)).features, both.features[1:])
    assert torch.equal(told(Draws(5, index, step=4), slice(None)).features, both.features)
    for other in (Draws(5, index, step=5), Draws(6, index, step=4), Draws(5, index + 1, step=4)):
        assert not torch.allclose(told(other, slice(None)).features, both.features)


def test_path_noise_disturbs_every_step_by_its_standard_deviation() -> None:
    """Oscillators that feel nothing and do not turn wander over the sphere by the noise alone."""
    still = layer(frequency={"kind": "none"}, integrator={"kind": "projected_euler", "steps": 5, "step_size": 1e-9})
    net, watch = network(still), Watch()
    features = numbers(200, *SITES, 16).float()
    net(features, observe=watch, unrolling=Unrolling(0, 0, 0.01))
    states = torch.stack([state["x"] for _, _, state, _ in watch.told])
    assert_close(states.norm(dim=-2), torch.ones_like(states.norm(dim=-2)))
    moves = states.diff(dim=0)  # tangent to the sphere in R^4: three components of the noise
    assert moves.square().sum(-2).mean().item() == pytest.approx(3 * 0.01**2, rel=0.02)
    cosines = (moves[0] * moves[1]).sum(-2).mean() / moves.square().sum(-2).mean()
    assert abs(cosines.item()) < 0.02  # fresh numbers at each step


def test_recomputing_keeps_fewer_tensors() -> None:
    net, features = network(layer()), arriving().requires_grad_()
    kept: dict[int, int] = {}
    for every in (0, 12):
        saved: list[int] = []
        pack = lambda tensor, into=saved: into.append(tensor.numel()) or tensor  # noqa: E731
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            net(features, steps=12, unrolling=Unrolling(recompute_every=every))
        kept[every] = sum(saved)
    assert kept[12] < kept[0] / 3


def test_a_network_trains_between_two_linear_layers() -> None:
    model = nn.Sequential()
    model.front, model.net, model.back = (
        nn.Linear(5, 16),
        network(layer(frequency={"kind": "shared"})),
        nn.Linear(16, 2),
    )
    inputs = numbers(16, *SITES, 5).float()
    labels = (inputs[..., 0].mean((1, 2)) > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        features = model.net(model.front(inputs)).features
        loss = nn.functional.cross_entropy(model.back(features.mean((1, 2))), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert all(p.grad is not None for name, p in model.named_parameters() if name in trained)


def test_a_network_without_sites() -> None:
    ring = {"kind": "graph", "generator": "cycle_graph"}
    one = {
        "manifold": {"kind": "sphere", "dimension": 2},
        "oscillators": 6,
        "coupling": ring,
        "readout": {"kind": "state"},
    }
    net = network(one, sites=())
    assert net(arriving(3, 12, sites=())).features.shape == (3, 12)


def test_no_stimulus_leaves_the_draw_alone() -> None:
    net = network(layer(stimulus={"kind": "none"}))
    a, b = net(arriving()).features, net(5 * arriving()).features
    assert torch.equal(a, b)


@pytest.mark.parametrize("normalization", ["none", "group", "affine"])
def test_conditional_stimulus(normalization: str) -> None:
    net = network(layer(stimulus={"kind": "conditional", "normalization": normalization})).double()
    features = 3 + 2 * numbers(2, *SITES, 16)
    stimulus = net.layers[0].stimulus_of(features)
    expected = features.unflatten(-1, (4, 4))
    if normalization == "group":  # torch's group normalisation, with an oscillator's components as its group
        by_channel = expected.permute(0, 4, 3, 1, 2).reshape(2, 16, *SITES)
        expected = nn.functional.group_norm(by_channel, 4).reshape(2, 4, 4, *SITES).permute(0, 3, 4, 2, 1)
    assert_close(stimulus, expected)
    if normalization != "none":
        with torch.no_grad():
            net.layers[0].stimulus.scale.fill_(2.0)
            net.layers[0].stimulus.shift.copy_(numbers(4, 4))
        assert_close(net.layers[0].stimulus_of(features), 2 * expected + numbers(4, 4))


def test_norm_readout_is_the_formula() -> None:
    net = network(layer(readout={"kind": "norm", "channels": 5, "dimension": 3})).double()
    readout, x = net.layers[0].readout, SPHERE.spread(numbers(2, *SITES, 4, 4))
    vectors = readout.map(x.flatten(-2)).unflatten(-1, (3, 5))
    m = vectors.square().sum(-2).sqrt() + readout.bias
    first, second, last = readout.residual
    r = m + second(torch.relu(first(torch.relu(m))))
    assert_close(readout(x), last(torch.relu(r)))


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


@pytest.mark.parametrize(
    ("fields", "sites", "compiled"),
    [
        ({}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "rk4"}}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "heun"}}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "dopri5"}}, SITES, []),
        ({"integrator": {"kind": "torchdiffeq", "method": "rk4"}}, SITES, []),
        ({"coupling": {"kind": "graph", "generator": "cycle_graph"}}, (), []),
    ],
)
def test_steps_that_would_not_gain_stay_as_they_are(
    fields: dict[str, Any], sites: tuple[int, ...], compiled: list[str]
) -> None:
    assert network(layer(**fields), sites=sites).compile_steps() == compiled


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"frequency": {"kind": "shared"}},
        {"frequency": {"kind": "shared"}, "integrator": {"kind": "rk4", "steps": 3, "step_size": 0.2}},
        {
            "manifold": {"kind": "circle"}, "channels": None, "oscillators": 8, "inertia": {"mass": 2.0},
            "frequency": {"kind": "drawn"}, "integrator": {"kind": "semi_implicit_euler", "steps": 3, "step_size": 0.2},
        },
        {
            "manifold": {"kind": "circle"}, "channels": None, "oscillators": 8, "noise": {"strength": 0.1},
            "integrator": {"kind": "heun", "steps": 3, "step_size": 0.2},
        },
    ],
    ids=["projected_euler", "rk4", "pendulums", "noise"],
)  # fmt: skip
def test_a_compiled_step_is_the_eager_step(fields: dict[str, Any]) -> None:
    net, features = network(layer(**fields)), arriving()
    watch, watch_compiled = Watch(), Watch()
    eager = net(features, observe=watch).features
    assert net.compile_steps() == ["layer 0"]
    assert_close(net(features).features, eager, rtol=1e-5, atol=1e-5)
    net(features, observe=watch_compiled)
    for (*_, measures), (*_, compiled) in zip(watch.told, watch_compiled.told, strict=True):
        assert_close(compiled["energy"], measures["energy"], rtol=1e-5, atol=1e-4)
    loss = net(features).features.square().sum()
    loss.backward()
    assert all(p.grad is not None for p in net.parameters() if p.requires_grad)
