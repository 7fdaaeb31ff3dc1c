"""Made-up but lifelike votes of an evaluation, in the form that evaluations store."""

from __future__ import annotations

import numpy as np
import xarray as xr


def invented_votes(
    *, samples: int = 60, members: int = 8, steps: int = 32, strength: float = 0.0, seed: int = 0, energy: bool = True,
    confidence: bool = True, early_stop: bool = False, flops_per_step: float = 4e7,
) -> xr.Dataset:  # fmt: skip
    """Votes of a network that gets better with the steps; samples differ in how hard they are, and members in luck."""
    rng = np.random.default_rng(seed)
    at = np.array([2**k for k in range(steps.bit_length()) if 2**k < steps] + [steps])
    votes = np.array([2**k for k in range(members.bit_length()) if 2**k < members] + [members])
    ease = rng.normal(0, 2, (samples, 1, 1)) + rng.normal(0, 1, (samples, 1, members))
    right = ease + strength + 1.3 * (np.log2(at)[:, None] - 5) > 0
    right &= at[:, None] >= 4
    wrong_answer = rng.integers(1, 5, (samples, len(at), members))
    answer = np.where(right, 0, wrong_answer)
    first = np.stack([[[list(row).index(a) for a in row] for row in sample] for sample in answer])
    scores = {
        "energy_last": -600 + rng.normal(0, 60, (samples, 1, 1)) + rng.normal(-14 * right, 10),
        "energy_sum": -9000 + rng.normal(0, 900, (samples, 1, 1)) + rng.normal(-90 * right, 50),
        "confidence": 1 / (1 + np.exp(-rng.normal(1.5 + 2.0 * right, 1.2))),
    }
    arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    each = ("sample", "at_step", "member")
    names = {"energy_last": "member_energy", "energy_sum": "member_energy_sum", "confidence": "member_confidence"}
    for name, score in scores.items():
        if (confidence if name == "confidence" else energy) and not (early_stop and name == "energy_sum"):
            arrays[names[name]] = (each, score.astype(np.float32))
            cost = -score if name == "confidence" else score
            chosen = np.stack([cost[..., :count].argmin(-1) for count in votes], axis=-1)
            arrays[f"chosen_{name}"] = (("sample", "at_step", "votes"), chosen.astype(np.int32))
    counts = [[[np.bincount(row[:count]).argmax() for count in votes] for row in sample] for sample in first]
    arrays["chosen_majority"] = (("sample", "at_step", "votes"), np.array(counts, dtype=np.int32))
    arrays |= {"member_correct": (each, right), "member_answer": (each, first.astype(np.int32))}
    chosen = arrays["chosen_majority"][1][..., -1:]
    by_votes = np.take_along_axis(right, chosen, axis=2)[..., 0]
    arrays |= {"correct_at": (("sample", "at_step"), by_votes), "correct": (("sample",), by_votes[:, -1])}
    attributes = {"steps": steps, "members": members, "flops_per_step": flops_per_step, "flops_outside": 2e7}
    attributes |= {"by": "majority", "flops_per_look": 1e7, "looks": [4, 8] if early_stop else []}
    result = xr.Dataset(arrays, {"at_step": at, "votes": votes, "member": np.arange(members)}, attributes)
    return result.assign(invented_settling(right[..., 0], at, members, seed, early_stop))


def invented_settling(
    right: np.ndarray, at: np.ndarray, members: int = 1, seed: int = 0, early_stop: bool = False
) -> xr.Dataset:
    """Changes and moves of answers, and with an early stop the steps taken, for right [sample, at_step]."""
    rng = np.random.default_rng(seed)
    pace = rng.lognormal(0.6, 0.7, (len(right), 1)) * np.where(right[:, -1:], 1.0, 4.0)
    distance = 3 * np.exp(-at / (3 * pace)) + 1e-3 * rng.lognormal(0, 0.5, right.shape)
    found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    if early_stop:
        taken = np.minimum(at[-1], 4 * np.ceil(6 * pace * rng.lognormal(0, 0.3, (len(right), members)) / 4 + 1))
        found["steps_taken"] = (("sample", "member"), taken.astype(np.int32))
        distance = np.where(at > taken[:, :1], np.nan, distance)
    changed = rng.random(right.shape) < np.nan_to_num(1 - np.exp(-2 * distance**2))
    found |= {"changed_at": (("sample", "at_step"), changed), "distance_at": (("sample", "at_step"), distance)}
    return xr.Dataset(found, {"at_step": at})
