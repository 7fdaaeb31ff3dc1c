"""What theory says of simulated models: the order parameter of Kuramoto's model, and where it sets in."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from math import cos, inf, pi, sqrt
from typing import TYPE_CHECKING, Any

from oscillo.measures.theory import critical_coupling, gaussian_order, lorentzian_order
from oscillo.training.references import Reference

if TYPE_CHECKING:
    from oscillo_tasks.simulate.task import SimulateTaskSpec

_ONSET, _MEAN = "critical_coupling", "order_parameter_mean"

_FEW = 64
"""Members up to which each gets its own number."""


def references(task: SimulateTaskSpec, run: Any) -> list[Reference]:
    """Theory for a run (`oscillo.open_run`) of Kuramoto's model; nothing for another model.

    The model: phases, all-to-all coupling without lag (with one for Lorentzian frequencies), frequencies drawn from a
    Gaussian or a Lorentzian, and nothing else.
    """
    network = run.spec["network"]
    if run.provenance.get("question"):
        onset = _onset(network["layers"][0])
        return [onset] if onset is not None and _ONSET in run.metrics else []
    members = task.ensemble.members
    summary = run.data["summary"].to_dataset() if "summary" in run.data.children else {}
    if _MEAN not in summary or len(members) > _FEW:
        return []
    found = [_order(_changed(network, member.parameters)["layers"][0]) for member in members]
    return [order._replace(sample=sample) for sample, order in enumerate(found) if order is not None]


def _changed(network: Mapping[str, Any], parameters: Mapping[str, float]) -> dict[str, Any]:
    """The network of a member, as plain values."""
    fresh = deepcopy(dict(network))
    for place, value in parameters.items():
        first, *keys = place.split(".")
        if first != "network":
            continue
        inner: Any = fresh
        for key in keys[:-1]:
            inner = inner[int(key) if isinstance(inner, list) else key]
        inner[int(keys[-1]) if isinstance(inner, list) else keys[-1]] = value
    return fresh


def _is_kuramoto(layer: Mapping[str, Any]) -> bool:
    """Whether a layer is Kuramoto's model with drawn frequencies, with nothing beside."""
    coupling, frequency = layer["coupling"], layer["frequency"]
    bare = all(layer.get(part) is None for part in ("velocity_coupling", "inertia", "noise"))
    plain = all(coupling.get(part) is None for part in ("matrix", "offset", "delay"))
    kinds = (layer["manifold"]["kind"], coupling["kind"], frequency.get("kind"))
    without = all(layer[part]["kind"] == "none" for part in ("stimulus", "potential"))
    still = layer.get("activation") == "identity" and not frequency.get("shear")
    return kinds == ("circle", "mean_field", "drawn") and bare and plain and without and still


def _order(layer: Mapping[str, Any]) -> Reference | None:
    """R in the limit of many oscillators."""
    if not _is_kuramoto(layer):
        return None
    strength, lag = layer["coupling"]["strength"], layer["coupling"].get("rotation") or 0.0
    spread, count = layer["frequency"]["distribution"], layer.get("oscillators") or 0
    if spread["kind"] == "normal" and not lag and spread["deviation"] > 0:
        value, source = gaussian_order(strength, spread["deviation"]), "Kuramoto (1975), self-consistent R"
    elif spread["kind"] == "lorentzian":
        value = float(lorentzian_order(strength * cos(lag), spread["width"]))
        source = "Kuramoto (1975); Sakaguchi & Kuramoto (1986): R = √(1 − 2γ / (K cos α))"
    else:
        return None
    words = f"theory is for infinitely many oscillators, here are {count:,}"
    if value == 0:
        words += f"; without order their R is about 1/√n = {1 / sqrt(count or inf):.2g}"
    return Reference("theory", _MEAN, value, source, words)


def _onset(layer: Mapping[str, Any]) -> Reference | None:
    """K_c, where order sets in."""
    if not _is_kuramoto(layer) or layer["coupling"].get("rotation"):
        return None
    spread = layer["frequency"]["distribution"]
    widths = {"normal": spread.get("deviation", 0) * sqrt(2 * pi), "lorentzian": spread.get("width", 0) * pi}
    if not widths.get(spread["kind"]):
        return None
    value = float(critical_coupling(1 / widths[spread["kind"]]))
    return Reference("theory", _ONSET, value, "Kuramoto (1975): K_c = 2 / (π g(0))", "for infinitely many oscillators")
