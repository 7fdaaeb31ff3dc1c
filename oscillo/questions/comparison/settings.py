"""Settings that are compared: an integrator with a step size, or with a tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import torch
from torch import nn

from oscillo.integrators import Integrator, IntegratorSpec
from oscillo.manifolds import Manifold
from oscillo.network.layer import Layer
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.oscillators import Oscillators
from oscillo.spec import registered

ATOL_SHARE = 0.1
"""Absolute tolerance, as a share of the relative one."""

_OWN_FIELDS = ("kind", "method", "steps", "step_size", "learn_step_size", "rtol", "atol")


@dataclass(frozen=True)
class Setting:
    """An integrator as it is run."""

    spec: IntegratorSpec
    """With its step size, or its tolerances and the time between the states that it tells."""
    name: str
    """Such as `rk4`, or `torchdiffeq.bosh3`."""

    @property
    def step_size(self) -> float:
        """Step size; not a number where it chooses its own."""
        return nan if self.spec.adaptive else self.spec.step_size

    @property
    def rtol(self) -> float:
        """Relative tolerance; not a number where the step size is given."""
        return float(getattr(self.spec, "rtol")) if self.spec.adaptive else nan  # noqa: B009 (adaptive ones have it)

    @property
    def label(self) -> str:
        """For tables and legends."""
        return f"{self.name}, rtol {self.rtol:g}" if self.spec.adaptive else f"{self.name}, step {self.step_size:.6g}"

    def build(self, dtype: torch.dtype) -> Integrator:
        """The module, with a step size that is exact in that type, and not trained."""
        integrator = self.spec.build().to(dtype)
        integrator.step_size = nn.Parameter(torch.tensor(self.spec.step_size, dtype=dtype), requires_grad=False)
        return integrator


def declared(one: Any) -> Any:
    """An integrator's declaration, of a word such as `rk4` or `torchdiffeq.bosh3`."""
    if not isinstance(one, str):
        return one
    kind, _, method = one.partition(".")
    return {"kind": kind, "method": method} if method else {"kind": kind}


def written(spec: IntegratorSpec) -> dict[str, Any]:
    """A declaration with the fields that somebody gave, and no others."""
    return {"kind": _kind(spec), **spec.model_dump(mode="json", exclude_unset=True)}


def with_fields(spec: IntegratorSpec, **fields: Any) -> IntegratorSpec:
    """The integrator with other fields, checked."""
    return type(spec).model_validate(written(spec) | fields)


def name_of(spec: IntegratorSpec) -> str:
    """Kind, method, and fields that make it another one: `torchdiffeq.fixed_adams(substeps=4)`."""
    differing = spec.model_dump(mode="json", exclude_defaults=True)
    fields = {key: value for key, value in differing.items() if key not in _OWN_FIELDS}
    method = f".{spec.method}" if hasattr(spec, "method") else ""  # pyright: ignore[reportAttributeAccessIssue]
    more = f"({', '.join(f'{key}={value}' for key, value in fields.items())})" if fields else ""
    return f"{_kind(spec)}{method}{more}"


def settings_of(
    specs: Iterable[IntegratorSpec], step_sizes: Sequence[float], tolerances: Sequence[float], interval: float
) -> list[Setting]:
    """Every integrator with every step size, or with every tolerance; one that has its own keeps that.

    Args:
        specs: the integrators.
        step_sizes: for those that take them, the coarsest first.
        tolerances: for those that choose their own steps, the loosest first.
        interval: time between the states that these tell.
    """
    found: dict[str, Setting] = {}
    for spec in specs:
        given, name = spec.model_fields_set, name_of(spec)
        if not spec.adaptive:
            sizes = [spec.step_size] if "step_size" in given else step_sizes
            variants = [with_fields(spec, step_size=size) for size in sizes]
        else:
            pairs = [(rtol, rtol * ATOL_SHARE) for rtol in tolerances]
            if given & {"rtol", "atol"}:
                rtol, atol = (float(getattr(spec, key)) for key in ("rtol", "atol"))
                pairs = [(rtol, atol if "atol" in given else rtol * ATOL_SHARE)]
            variants = [with_fields(spec, step_size=interval, rtol=rtol, atol=atol) for rtol, atol in pairs]
        for variant in variants:
            setting = Setting(variant, name)
            found.setdefault(setting.label, setting)
    return list(found.values())


def serving(oscillators: Oscillators, step_size: float) -> list[IntegratorSpec]:
    """All of our own integrators that can follow the flow of those oscillators, in the order of their orders."""
    kinds = registered(IntegratorSpec.role)[IntegratorSpec.role]
    flat = type(oscillators.manifold).exponential is Manifold.exponential  # then geodesics are straight lines
    own = [
        cls
        for kind, cls in kinds.items()
        if cls.__module__.startswith("oscillo.integrators.") and not (flat and kind == "geodesic_euler")
    ]
    specs = [cls.model_validate({}) for cls in own if "method" not in cls.model_fields]
    fit: list[IntegratorSpec] = []
    for spec in specs:
        assert isinstance(spec, IntegratorSpec)
        if spec.flows and spec.order and not with_fields(spec, step_size=step_size).problems(oscillators):
            fit.append(spec)
    return sorted(fit, key=lambda spec: spec.order or 0)


def flow_of(layer: Layer) -> OscillatorLayer:
    """The layer, if it follows a flow that other integrators can follow as well.

    Raises:
        ValueError: when it does not; the message says why, and what helps.
    """
    if not isinstance(layer, OscillatorLayer):
        raise ValueError("the layer that takes the steps is a block: it has no integrator that could be another one")
    if not layer.integrator.flows:
        raise ValueError(
            "a map follows no flow, and nothing is lost between its steps: there is no solution to compare it with; "
            "take another `integrator`"
        )
    if layer.is_noisy:
        raise ValueError(
            "the layer has `noise`: every integrator follows another path, and what they differ in is no error; leave "
            "it out: ~network.layers.0.noise network.layers.0.integrator.kind=rk4"
        )
    if not layer.oscillators.projects:
        raise ValueError(
            "with `project: false` the velocity points off the manifold: a step of `projected_euler` is then no step "
            "along a flow, and others cannot follow it; leave it out"
        )
    return layer


def check_integrators(settings: Sequence[Setting], oscillators: Oscillators, dtype: torch.dtype) -> None:
    """Refuse what cannot serve.

    Raises:
        ValueError: with the integrator and the reason.
    """
    resolution = torch.finfo(dtype).eps
    for setting in settings:
        spec = setting.spec
        if not getattr(spec, "project", True):
            raise ValueError("`project: false` is another equation, and not another integrator; leave it out")
        if not spec.flows:
            raise ValueError(f"`{setting.name}` follows no flow; leave it out of `integrators`")
        if objections := spec.problems(oscillators) + spec.precision_problems(resolution):
            raise ValueError(f"{setting.label} cannot serve this network: {objections[0]}")


def check_use(specs: Sequence[IntegratorSpec], given: Mapping[str, Any]) -> None:
    """Refuse step sizes or tolerances that no integrator has a use for.

    Args:
        specs: the integrators.
        given: `step_sizes` and `tolerances` as somebody gave them, or None.

    Raises:
        ValueError: with the one to leave out.
    """
    if given["tolerances"] and not any(spec.adaptive for spec in specs):
        names = ", ".join(map(name_of, specs))
        raise ValueError(
            f"`tolerances` are for integrators that choose their own steps, and none of {names} does; leave them out, "
            "or add `dopri5`"
        )
    if given["step_sizes"] and all(spec.adaptive for spec in specs):
        names = ", ".join(map(name_of, specs))
        raise ValueError(
            f"`step_sizes` are for integrators with steps of a given size, and none of {names} is one; leave them out, "
            "or add `rk4`"
        )


def whole(ratio: float) -> bool:
    """Whether a ratio of times is a whole number, at least one, but for rounding."""
    return isfinite(ratio) and round(ratio) >= 1 and abs(ratio - round(ratio)) < 1e-6 * ratio


def _kind(spec: IntegratorSpec) -> str:
    return str(getattr(spec, "kind"))  # noqa: B009 (every kind of a role has one)
