"""What must hold on a CUDA device: the numbers of the CPU, and the same draws."""

from __future__ import annotations

import pytest
import torch

import oscillo
from oscillo.draws import Draws

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def network(coupling: dict, sites: list[int], integrator: dict) -> torch.nn.Module:
    layer = {
        "manifold": {"kind": "sphere", "dimension": 4},
        "channels": 64,
        "frequency": {"kind": "shared", "init": 0.5} if integrator["kind"] == "projected_euler" else {"kind": "none"},
        "coupling": coupling,
        "integrator": integrator,
    }
    return oscillo.build({"sites": sites, "layers": [layer]})


@pytest.mark.parametrize(
    ("coupling", "sites"),
    [
        ({"kind": "attention", "heads": 4, "position": "gta"}, [6, 6]),
        ({"kind": "convolution"}, [6, 6]),
        ({"kind": "graph", "generator": "watts_strogatz_graph", "parameters": {"k": 4, "p": 0.1, "seed": 1}}, []),
    ],
)
@pytest.mark.parametrize("integrator", ["projected_euler", "geodesic_euler", "rk4", "dopri5"])
def test_the_numbers_of_the_cpu(coupling: dict, sites: list[int], integrator: str) -> None:
    net = network(coupling, sites, {"kind": integrator, "steps": 4, "step_size": 0.1})
    features = torch.randn(3, *sites, 64)
    here = net(features)
    there = net.cuda()(features.cuda())
    torch.testing.assert_close(there.states[0]["x"].cpu(), here.states[0]["x"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(there.features.cpu(), here.features, atol=1e-3, rtol=1e-3)


def test_the_same_random_bits() -> None:
    index = torch.tensor([5, 1, 2**40])
    here = Draws(3, index, member=2, step=7).uniform((9, 4))
    there = Draws(3, index.cuda(), member=2, step=7).uniform((9, 4))
    assert torch.equal(there.cpu(), here)


def test_a_compiled_step_trains() -> None:
    torch.manual_seed(0)
    net = network({"kind": "attention", "heads": 4, "position": "gta"}, [6, 6], {"kind": "projected_euler", "steps": 4})
    net = net.cuda()
    net.compile_steps()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    features, target = torch.randn(8, 6, 6, 64).cuda(), torch.randn(8, 6, 6, 64).cuda()
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = (net(features).features - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
