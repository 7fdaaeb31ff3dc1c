from __future__ import annotations

import pytest
import torch
from dynamics import SPHERE, numbers
from networks import SITES, Watch, arriving, layer, network
from torch import Tensor, nn
from torch.testing import assert_close

from oscillo.draws import Draws
from oscillo.network import Network, Unrolling


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
        layer(channels=8, manifold={"kind": "sphere", "dimension": 2}),
    )
    features = arriving()
    out = net(features)
    assert [tuple(shape) for shape in net.shapes] == [(SITES, 4, 4), (SITES, 2, 4), (SITES, 2, 4)]
    by_hand, before = features, None
    for number, one in enumerate(net.layers):
        single = Network([one], 0)
        initial = None if number == 0 else before
        if number == 1:
            draws = Draws(0, torch.arange(2))
            initial = SPHERE.spread(draws.normal((*SITES, 2, 4), purpose=1))
        step = single(by_hand, initial)
        assert_close(step.states[0]["x"], out.states[number]["x"])
        by_hand, before = step.features, step.states[0]["x"]
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


def test_dopri5_goes_on_from_where_path_noise_took_it() -> None:
    """Disturbances add up over the steps: they are part of the way and not only of what is shown of it."""
    given = {"kind": "dopri5", "steps": 25, "step_size": 1e-6}
    net, watch = network(layer(frequency={"kind": "none"}, integrator=given)), Watch()
    net(numbers(20, *SITES, 16).float(), observe=watch, unrolling=Unrolling(0, 0, 0.01))
    first, last = (watch.told[k][2]["x"] for k in (0, -1))
    away = (last - first).square().sum(-2).mean().item()
    assert away == pytest.approx(25 * 3 * 0.01**2, rel=0.1)


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
