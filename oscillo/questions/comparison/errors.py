"""What a comparison of integrators leaves: errors, energies and costs, by setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from oscillo.questions.comparison.orders import observed_order
from oscillo.questions.comparison.settings import Setting
from oscillo.questions.question import Part

_RESOLVED = 10.0
"""Errors are resolved when they are so many times that of the reference."""


class _Told(NamedTuple):
    """What a variable means."""

    long_name: str
    description: str
    units: str = "1"


_ALONG = {
    "error": _Told("error", "distance from the reference on the manifold, root mean square over oscillators and "
                   "samples; on the circle modulo 2 pi"),
    "worst": _Told("error of the worst oscillator", "largest distance of any oscillator of any sample"),
    "velocity_error": _Told("error of the velocity", "distance between velocities, root mean square", "1/time"),
    "energy_error": _Told("error of the energy", "distance from the reference, root mean square over samples"),
}  # fmt: skip
"""What is there at every time; the largest of it stands under the same name without `_along`."""

_COSTS = {
    "evaluations": _Told("evaluations of the right-hand side", "of each sample, mean"),
    "steps": _Told("steps", "accepted ones, mean over samples; not a number where a solver does not tell"),
    "rejected": _Told("rejected steps", "mean over samples; not a number where steps are given"),
    "drift": _Told("drift", "largest distance from the manifold before a state was taken back to it"),
    "seconds": _Told("time", "warm, uncompiled, the best of up to three runs of all samples together", "s"),
}


def labels_of(settings: Sequence[Setting], found: Sequence[Part | str]) -> dict[str, Any]:
    """Coordinates along `setting`; all texts are coordinates, because `Dataset.where` can only blank out numbers.

    Args:
        settings: what was compared.
        found: what was found of each; a text where it failed.
    """
    failures = [one if isinstance(one, str) else "" for one in found]
    lost = {"long_name": "failure", "description": "why a setting has no numbers; empty where it has"}
    told = {"long_name": "step size", "units": "time", "description": "not a number where a solver chooses its own"}
    return {
        "setting": np.arange(len(settings)),
        "integrator": ("setting", np.array([one.name for one in settings], dtype=object)),
        "step_size": ("setting", np.array([one.step_size for one in settings]), told),
        "rtol": ("setting", np.array([one.rtol for one in settings]), {"long_name": "relative tolerance"}),
        "label": ("setting", np.array([one.label for one in settings], dtype=object)),
        "failure": ("setting", np.array(failures, dtype=object), lost),
    }


def comparison_dataset(
    settings: Sequence[Setting], times: np.ndarray, columns: Mapping[str, np.ndarray],
    answers: Sequence[Part | str], facts: Mapping[str, Any], *, unit: str,
) -> xr.Dataset:  # fmt: skip
    """Group `comparison` of a simulation.

    Args:
        settings: what was compared.
        times: when, the first is 0.
        columns: what tells the samples apart, [sample] by name.
        answers: of the reference, the looser reference, and every setting; a text where it failed.
        facts: attributes; `saturated_error` among them.
        unit: of distances on the manifold.
    """
    reference, looser, *found = answers
    assert not isinstance(reference, str) and not isinstance(looser, str)
    floor = float(looser["error"].max())
    samples = reference["x"].shape[1]
    coords = labels_of(settings, found) | {
        "time": times, "sample": np.arange(samples), **{name: ("sample", each) for name, each in columns.items()},
    }  # fmt: skip
    arrays: dict[str, Any] = {}
    for name, plain in _ALONG.items():
        if name in looser:
            told = plain._replace(units=unit) if name in ("error", "worst") else plain
            along = _stacked(found, name, (len(times),))
            arrays[f"{name}_along"] = (("setting", "time"), along, _attributes(told))
            most = _Told(told.long_name, f"largest at any time: {told.description}", told.units)
            arrays[name] = ("setting", along.max(axis=1), _attributes(most))
            arrays[f"reference_{name}_along"] = ("time", looser[name], _attributes(_of_reference(told)))
    for name, told in _COSTS.items():
        arrays[name] = ("setting", _stacked(found, name, ()), _attributes(told))
    if "energy" in reference:
        dims = ("setting", "sample", "time")
        energy = np.swapaxes(_stacked(found, "energy", (len(times), samples)), 1, 2)
        arrays["energy"] = (dims, energy, _attributes(_Told("energy", "of each sample")))
        arrays["reference_energy"] = (("sample", "time"), reference["energy"].T, {"long_name": "reference's energy"})
    arrays |= _orders(settings, arrays["error"][1], _RESOLVED * floor, facts["saturated_error"])
    return xr.Dataset(arrays, coords=coords, attrs={**facts, "reference_error": floor})


def _orders(settings: Sequence[Setting], errors: np.ndarray, floor: float, ceiling: float) -> dict[str, Any]:
    names = np.array([one.name for one in settings])
    steps = np.array([one.step_size for one in settings])
    observed = np.full(len(settings), np.nan)
    for name in np.unique(names):
        chosen = (names == name) & np.isfinite(steps)
        observed[chosen] = observed_order(steps[chosen], errors[chosen], floor, ceiling)
    theory = np.array([np.nan if one.spec.order is None else one.spec.order for one in settings], dtype=float)
    told = _Told(
        "observed order",
        "slope of log error against log step size, extrapolated from the finest steps whose errors are resolved and "
        "not saturated; not a number where slopes have not settled",
    )
    return {
        "order": ("setting", theory, _attributes(_Told("order", "of the method, in theory"))),
        "observed_order": ("setting", observed, _attributes(told)),
    }


def _stacked(found: Sequence[Part | str], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What all settings have under a name, [setting, ...]; not a number where they failed."""
    lacking = np.full(shape, np.nan)
    return np.stack([lacking if isinstance(one, str) else np.asarray(one[name], dtype=float) for one in found])


def _of_reference(told: _Told) -> _Told:
    words = "estimated for the reference itself, from a second solution that is less tight"
    return _Told(f"{told.long_name} of the reference", f"{words}: {told.description}", told.units)


def _attributes(told: _Told) -> dict[str, str]:
    return {"long_name": told.long_name, "units": told.units, "description": told.description}
