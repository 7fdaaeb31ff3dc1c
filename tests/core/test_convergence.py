"""The order of every deterministic integrator on every manifold, against scipy's DOP853."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from flows import MANIFOLDS, SINE, last, layer_of, population_on, start, true, whereabouts
from torch import Tensor

from oscillo.integrators import IntegratorSpec
from oscillo.integrators.torchdiffeq import ADAMS, TorchdiffeqSpec
from oscillo.spec import registered

OWN = {
    "projected_euler": (1, 16), "geodesic_euler": (1, 16), "semi_implicit_euler": (1, 16), "heun": (2, 16),
    "rk4": (4, 12), "dopri5": (5, 24),
}  # fmt: skip
"""Order in theory, and the fewest of three numbers of steps in a unit of time, each twice the one before."""

TORCHDIFFEQ = {
    "euler": (1, 16), "midpoint": (2, 16), "heun2": (2, 16), "heun3": (3, 12), "rk4": (4, 12),
    "explicit_adams": (3, 6), "implicit_adams": (4, 6), "fixed_adams": (4, 6),
}  # fmt: skip
"""The same for fixed methods; Adams methods take three inner steps, two of which are the 3/8 rule's, and the third has
one term less than the method in the end."""

CASES: dict[str, dict[str, Any]] = {
    **{manifold: population_on(manifold) for manifold in MANIFOLDS},
    **{f"{manifold}-inertia": population_on(manifold, inertia=True) for manifold in MANIFOLDS},
    "circle-driven": population_on("circle", stimulus=SINE),
    "sphere_4-inertia-driven": population_on("sphere_4", inertia=True, stimulus=SINE),
    "plane-pushed": population_on("plane", stimulus=SINE | {"acts_on": "velocity", "direction": [0.0, 1.0]}),
}
PAIRS = [
    *((kind, case) for kind in OWN for case in CASES if kind != "semi_implicit_euler" or "inertia" in CASES[case]),
    *((f"torchdiffeq:{name}", case) for name in TORCHDIFFEQ for case in ("sphere_4", "plane-pushed", "circle-inertia")),
]


@cache
def expected(case: str) -> Tensor:
    """Whereabouts after a unit of time."""
    layer = layer_of(CASES[case])
    return true(layer, start(layer), 1.0)


def scheme(kind: str, step: float) -> dict[str, Any]:
    """An integrator of that step size; a tolerance that everything meets keeps dopri5 from choosing another one."""
    kind, _, method = kind.partition(":")
    if kind == "dopri5":
        return {"kind": kind, "step_size": step, "rtol": 1e-6, "atol": 1e3, "max_step": step}
    more = {"method": method} if method else {}
    if method in ADAMS:
        more |= {"substeps": 3}
    if method in ("implicit_adams", "fixed_adams"):
        more |= {"rtol": 1e-12, "atol": 1e-13}
    return {"kind": kind, "step_size": step} | more


def error(case: str, integrator: dict[str, Any]) -> Tensor:
    """By how much an integrator is elsewhere after a unit of time."""
    layer = layer_of(CASES[case] | {"integrator": integrator})
    steps = round(1 / integrator["step_size"])
    after = last(layer, start(layer), steps)
    if integrator["kind"] == "dopri5":
        assert set(after["accepted"].tolist()) <= {steps, steps + 1}
        assert not after["rejected"].any()
    return whereabouts(after) - expected(case)


def order_of(errors: list[Tensor], order: int) -> float:
    """Order that the errors of three step sizes tell, of which each is half the one before.

    The error is e h^p + d h^(p + 1) + ..., and of two of them Richardson's combination takes the second term off:
    without that, the orders of good methods would have to be read from errors that are lost in rounding.
    """
    coarse, fine = (2 ** (order + 1) * b - a for a, b in pairwise(errors))
    return math.log2(float(coarse.norm() / fine.norm()))


@pytest.mark.parametrize(("kind", "case"), PAIRS)
def test_the_error_has_the_order_of_the_method(kind: str, case: str) -> None:
    order, steps = TORCHDIFFEQ[kind.partition(":")[2]] if ":" in kind else OWN[kind]
    errors = [error(case, scheme(kind, 1 / n)) for n in (steps, 2 * steps, 4 * steps)]
    assert abs(order_of(errors, order) - order) < 0.15


def test_inner_steps_of_torchdiffeq_have_the_order_of_the_method() -> None:
    # In several steps at a time, which begin with the 3/8 rule; torchdiffeq's own choice of 11 terms is unstable here.
    whole = {"kind": "torchdiffeq", "method": "explicit_adams", "step_size": 1.0}
    errors = [error("plane-pushed", whole | {"substeps": n}) for n in (32, 64, 128)]
    assert abs(order_of(errors, 4) - 4) < 0.15


@pytest.mark.parametrize("method", ADAMS)
def test_adams_methods_with_few_inner_steps_are_the_rule_they_begin_with(method: str) -> None:
    layer = layer_of(CASES["sphere_4"] | {"integrator": {"kind": "rk4", "step_size": 0.25}})
    for substeps in (1, 2, 3):
        ends = []
        for name in (method, "rk4"):
            layer.integrator = TorchdiffeqSpec.model_validate({"method": name, "substeps": substeps}).build().double()
            ends.append(whereabouts(last(layer, start(layer), 4)))
        assert torch.equal(*ends) == (substeps < 3)


def test_no_integrator_is_left_out() -> None:
    known = registered(IntegratorSpec.role)[IntegratorSpec.role]
    ours = {kind for kind, cls in known.items() if cls.__module__.startswith("oscillo.integrators.")}
    assert ours == {*OWN, "torchdiffeq", "euler_maruyama", "map"}  # stochastic, and no flow
