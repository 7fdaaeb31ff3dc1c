"""How specs of older versions are brought up to date: one function from each version to the next."""

from __future__ import annotations

from typing import Any

_LEARNED = {"energy": 1, "state": 4}
"""What version 1 recorded of evaluations by default, and how often."""

_OF_EVALUATIONS = {
    "samples": 16, "answers": True, "observables": {name: {"every": every} for name, every in _LEARNED.items()},
}  # fmt: skip
"""What the resolved specs of version 1 say of recordings by default, those of simulations as well."""

_MOVED = {"task.every": "recording.every", "task.states.every": "recording.observables.state.every"}
"""Places that have others since version 2."""


def recording_of_its_own(spec: dict[str, Any]) -> dict[str, Any]:
    """From version 1 to 2: what is recorded is declared in `recording`, by name, for simulations as well."""
    spec = dict(spec)
    task, recording = dict(_mapping(spec.get("task"))), dict(_mapping(spec.get("recording")))
    if task.get("kind") == "simulate" or {"observables", "states", "every"} & task.keys():
        # Simulations had nothing to say there, and their resolved specs say the defaults of evaluations.
        recording = {name: value for name, value in recording.items() if value != _OF_EVALUATIONS.get(name)}
        if (every := task.pop("every", None)) is not None:
            recording["every"] = every
        observables = _named(task.pop("observables", None))
        if (states := task.pop("states", None)) is not None:
            observables = ({"order_parameter": {}} if observables is None else observables) | {"state": dict(states)}
        if observables is not None:
            recording["observables"] = observables
        spec["task"] = task
    elif isinstance(old := recording.get("observables"), dict):
        recording["observables"] = _learned(old, energies=_has_oscillators(spec))
    if recording:
        spec["recording"] = recording
    if isinstance(spec.get("sweep"), dict):
        spec["sweep"] = _renamed(spec["sweep"])
    return spec


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _renamed(swept: Any) -> Any:
    """What is swept over, with the places to which it has moved."""
    if not isinstance(swept, dict):
        return swept
    return {_MOVED.get(name, name): _renamed(value) for name, value in swept.items()}


def _named(observables: Any) -> dict[str, Any] | None:
    """A list of observables by the names that their arrays had."""
    if not isinstance(observables, list):
        return None
    found: dict[str, Any] = {}
    for one in observables:
        one = dict(one) if isinstance(one, dict) else {"kind": one}
        moment = one.get("moment", 1)
        name = str(one.get("kind")) if moment == 1 else f"{one.get('kind')}_{moment}"
        found[name] = {key: value for key, value in one.items() if key != "kind" or name != one["kind"]}
    return found


def _has_oscillators(spec: dict[str, Any]) -> bool:
    """Whether a layer may have an energy; of blocks none was recorded, although it was declared."""
    layers = _mapping(spec.get("network")).get("layers")
    return not isinstance(layers, list) or any(_mapping(layer).get("kind") != "block" for layer in layers)


def _learned(old: dict[str, Any], *, energies: bool) -> dict[str, Any]:
    """Energy and states of an evaluation; what was left out had its default, and null was nothing."""
    found: dict[str, Any] = {}
    for name, every in _LEARNED.items():
        given = old.get(name, {}) if energies or name != "energy" else None
        if given is not None:
            settings = {"every": every, **_mapping(given)}
            found[name] = settings
            if name == "energy":
                found["pseudo_energy"] = dict(settings)
    return found | {name: value for name, value in old.items() if name not in _LEARNED}
