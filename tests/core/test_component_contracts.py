from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

import oscillo.network  # noqa: F401  (registers the kinds)
from oscillo.couplings import Coupling, CouplingSpec
from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec, register, registered, registry
from oscillo.testing import ROLES, check_component

SMALL_WORLD = {"kind": "graph", "generator": "watts_strogatz_graph", "parameters": {"k": 4, "p": 0.3, "seed": 1}}
DYNAMICS = (
    "distributions", "manifolds", "frequencies", "couplings", "potentials", "stimuli", "integrators", "network",
)  # fmt: skip

EXAMPLES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("block", "feed_forward"): [{}, {"ratio": 0.5}],
    ("coupling", "attention"): [{}, {"heads": 2, "position": "gta"}],
    ("coupling", "convolution"): [
        {}, {"symmetric": True}, {"symmetric": True, "boundary": "circular", "bias": False}, {"kernel_size": 1},
        {"profile": [{"width": 0.7}, {"width": 1.5, "weight": -0.8}], "learn": False},
    ],
    ("coupling", "dense"): [
        {}, {"symmetric": True, "learn": True, "self_coupling": False, "form": "diffusive"},
        {"distribution": {"kind": "normal"}, "normalization": "strength", "rotation": -0.2},
    ],
    ("coupling", "energy_attention"): [{}, {"heads": 2, "position": "gta"}],
    ("coupling", "graph"): [
        SMALL_WORLD, SMALL_WORLD | {"learn": True}, SMALL_WORLD | {"normalization": "degree", "strength": 0.5},
        {"generator": "erdos_renyi_graph", "parameters": {"p": 0.3, "seed": 1}, "directed": True},
        SMALL_WORLD | {"learn": True, "form": "diffusive", "rotation": 0.1},
    ],
    ("coupling", "mean_field"): [{}, {"rotation": 0.3, "strength": 2.0, "learn_strength": True}, {"form": "diffusive"}],
    ("coupling", "self"): [{}, {"offset": [0.5, 0.0, 1.0, -1.0], "strength": -0.4}],
    ("coupling", "ring"): [
        {"range": 2}, {"profile": "exponential", "decay": 3.0}, {"profile": "cosine", "modulation": 0.9},
    ],
    ("coupling", "sum"): [{"terms": [{"kind": "convolution", "symmetric": True}, {"kind": "attention", "heads": 2}]}],
    ("coupling", "triadic"): [
        {"generator": "complete_graph"}, {"generator": "complete_graph", "form": "difference", "per_oscillator": True},
    ],
    ("frequency", "shared"): [{}, {"init": 0.3, "learn": True}],
    ("frequency", "per_oscillator"): [{}, {"init": 0.3, "learn": True}],
    ("frequency", "drawn"): [{}, {"spacing": "quantiles", "learn": True}, {"seed": 3}],
    ("integrator", "dopri5"): [{"rtol": 1e-8, "atol": 1e-9}, {"rtol": 1e-8, "atol": 1e-9, "max_step": 0.1}],
    ("integrator", "torchdiffeq"): [
        {"method": name, "step_size": 0.3} for name in ("euler", "midpoint", "heun2", "heun3", "rk4")
    ] + [{"method": "dopri8", "step_size": 0.3, "rtol": 1e-8, "atol": 1e-9}] + [
        {"method": name, "step_size": 0.03, "rtol": 1e-8, "atol": 1e-9}  # of low order: many inner steps
        for name in ("bosh3", "fehlberg2", "adaptive_heun")
    ] + [{"adjoint": True, "rtol": 1e-9, "atol": 1e-10}, {"method": "implicit_adams", "substeps": 4}],
    ("manifold", "euclidean"): [{}, {"dimension": 3}],
    ("integrator", "projected_euler"): [{}, {"learn_step_size": True}, {"project": False}],
    ("layer", "block"): [{"channels": 8, "block": {"kind": "feed_forward"}}],
    ("layer", "oscillators"): [
        {"manifold": {"kind": "sphere"}, "channels": 16, "coupling": {"kind": "convolution"}},
        {
            "manifold": {"kind": "sphere", "dimension": 2}, "oscillators": 8, "frequency": {"kind": "shared"},
            "coupling": {"kind": "attention"}, "integrator": {"kind": "rk4", "step_size": 0.2},
            "stimulus": {"kind": "none"}, "readout": {"kind": "state"},
        },
    ],
    ("readout", "norm"): [{}, {"residual": False, "dimension": 3, "channels": 5}],
    ("readout", "state"): [{}, {"normalize": True}],
    ("stimulus", "constant"): [{}, {"direction": [0.5, 1.0, 0.0, -1.0]}, {"acts_on": "velocity"}],
    ("stimulus", "pulse"): [{"start": 0.5}, {"start": 0.5, "width": 0.7, "period": 1.0, "oscillators": [0, 3]}],
    ("stimulus", "ramp"): [{"end": 2.0}, {"start": 1.0, "end": 2.0, "acts_on": "velocity"}],
    ("stimulus", "series"): [{"file": "input.npz:all"}, {"file": "input.npz:each", "interval": 0.5}],
    ("stimulus", "sine"): [{}, {"frequency": 2.0, "phase": 0.3, "acts_on": "velocity"}, {"rotating": True}],
    ("stimulus", "conditional"): [{"normalization": name} for name in ("none", "group", "affine")],
}  # fmt: skip
"""Parameters to try, for kinds whose defaults do not say enough or do not work by themselves."""

TOLERANCES = {"torchdiffeq": 1e-3, "dopri5": 1e-4}
"""torchdiffeq measures its error over the batch; differences see an adaptive method's steps change."""


def of_dynamics() -> dict[str, dict[str, type[ComponentSpec]]]:
    """Our own kinds, by role."""
    prefixes = tuple(f"oscillo.{part}." for part in DYNAMICS)
    ours = {
        role: {kind: cls for kind, cls in kinds.items() if cls.__module__.startswith(prefixes)}
        for role, kinds in registered().items()
    }
    return {role: kinds for role, kinds in ours.items() if kinds}


CASES = [
    pytest.param(cls, parameters, id=f"{role}-{kind}-{number}")
    for role, kinds in of_dynamics().items()
    for kind, cls in kinds.items()
    for number, parameters in enumerate(EXAMPLES.get((role, kind), [{}]))
]


@pytest.mark.parametrize(("cls", "parameters"), CASES)
def test_contract_of_its_role(
    cls: type[ComponentSpec], parameters: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("input.npz", all=np.array([0.0, 1.0, -0.5, 2.0]), each=np.arange(40.0).reshape(5, 8) % 7)
    spec = cls.model_validate(parameters)  # a kind whose defaults do not work needs an entry in EXAMPLES
    check_component(spec, tolerance=TOLERANCES.get(parameters.get("kind", cls.model_fields["kind"].default), 1e-9))


def test_every_role_has_a_contract_and_every_example_a_kind() -> None:
    kinds = of_dynamics()
    assert set(kinds) == {base.role for base in ROLES}
    assert set(EXAMPLES) <= {(role, kind) for role, names in kinds.items() for kind in names}


NUMBERS = [
    pytest.param(cls, name, id=f"{role}-{kind}-{name}")
    for role, kinds in of_dynamics().items()
    for kind, cls in kinds.items()
    for name, field in cls.model_fields.items()
    if field.annotation in (float, float | None) and (kind, name) != ("dopri5", "max_step")  # endless is no bound
]


@pytest.mark.parametrize(("cls", "name"), NUMBERS)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_no_number_is_infinite(cls: type[ComponentSpec], name: str, value: float) -> None:
    with pytest.raises(ValidationError) as error:
        cls.model_validate({name: value})
    assert (name,) in [problem["loc"] for problem in error.value.errors()]


class _Broken(Coupling):
    """y = W x over oscillators; the classes below add a fault each."""

    symmetric = False

    def __init__(self, oscillators: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(oscillators, oscillators))

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return neighbours @ self.weight


class _MixesSamples(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return super().forward(neighbours) - neighbours.mean(0)


class _ForgetsGradient(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return neighbours @ self.weight.detach()


class _HalvesGradient(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        y = super().forward(neighbours)
        return (y + y.detach()) / 2


class _LosesPrecision(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return (neighbours.float() @ self.weight.float()).to(neighbours.dtype)


class _KeepsOneType(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return super().forward(neighbours).float()


class _DropsAxis(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return super().forward(neighbours).sum(-2)


class _Draws(_Broken):
    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return super().forward(neighbours) + torch.randn(())


class _HidesState(_Broken):
    def __init__(self, oscillators: int) -> None:
        super().__init__(oscillators)
        self.scale = float(torch.randn(()))

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return self.scale * super().forward(neighbours)


class _ClaimsSymmetry(_Broken):
    symmetric = True


FAULTS = {
    _MixesSamples: "samples beside",
    _ForgetsGradient: "no gradient reaches",
    _HalvesGradient: "where differences give",
    _LosesPrecision: "samples beside|where differences give",
    _KeepsOneType: "torch.float32 for float64",
    _DropsAxis: "does not broadcast",
    _Draws: "two results for one input",
    _HidesState: "state_dict",
    _ClaimsSymmetry: "not minus the gradient",
}


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[CouplingSpec]:
    """A registered kind that builds the class that its field names."""
    monkeypatch.setitem(registry._kinds, "coupling", dict(registry._kinds["coupling"]))

    @register
    class FaultySpec(CouplingSpec):
        """Builds one of the broken couplings."""

        kind: Literal["faulty"] = "faulty"
        fault: str = Field(description="Name of the class to build.")

        def build(self, shape: StateShape) -> Coupling:
            return globals()[self.fault](shape.oscillators)

    return FaultySpec


def test_a_sound_plugin_passes(faulty: type[CouplingSpec]) -> None:
    check_component(faulty(fault="_Broken"))


@pytest.mark.parametrize(("fault", "complaint"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_plugin_is_told_why(faulty: type[CouplingSpec], fault: type[Coupling], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_component(faulty(fault=fault.__name__))


def test_an_unregistered_kind_is_refused() -> None:
    class ForgottenSpec(CouplingSpec):
        """A kind without the decorator."""

        kind: Literal["forgotten"] = "forgotten"

    with pytest.raises(AssertionError, match="@register"):
        check_component(ForgottenSpec())


def test_a_shape_it_does_not_serve_is_told(faulty: type[CouplingSpec]) -> None:
    spec = registered("coupling")["coupling"]["convolution"]()
    with pytest.raises(AssertionError, match="needs a grid"):
        check_component(spec, StateShape((), 4, 8))
