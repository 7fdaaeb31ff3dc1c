"""Votes: several initial states give several answers, and one of them is chosen.

Whoever votes is a member, a number 0 .. K - 1. Every selector chooses a member, the first one where several are equal;
so more votes never change who the members are, and fewer of them are the first few.

Energy voting is that of Miyato et al. 2025 (AKOrN), section 5.2: the answer of the least energy. The released code
compares pseudo-energies a step late, of the last step or summed over the steps; `pseudo_energy_last` and
`pseudo_energy_sum` are aligned as they are there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from oscillo.analysis import pair_auc, pair_count

ENERGIES: tuple[str, ...] = ("energy_last", "energy_sum", "pseudo_energy_last", "pseudo_energy_sum")
"""Selectors that need a network with energy."""


def compared_steps(selector: str, ends: Collection[int]) -> frozenset[int]:
    """The steps whose energies a selector compares.

    Args:
        selector: which one.
        ends: after how many steps an answer may be the last one.
    """
    if selector not in ENERGIES:
        return frozenset()
    late = int(selector.startswith("pseudo"))
    last = [max(end - late, 0) for end in ends]
    return frozenset(last if selector.endswith("_last") else range(max(last) + 1))


def energy_scores(
    measured: Mapping[str, np.ndarray], steps: Sequence[int], taken: np.ndarray, *, sums: bool
) -> dict[str, np.ndarray]:
    """What the energy selectors compare, after some numbers of steps.

    Args:
        measured: `energy` and `pseudo_energy` at steps 0 .. T, [trajectory, step].
        steps: after how many steps.
        taken: steps that each trajectory took, [trajectory]; one that has left keeps its last number.
        sums: whether all trajectories took all steps, so that sums over steps can be compared.

    Returns:
        By selector, [trajectory, answer].
    """
    energy, pseudo = measured["energy"], measured["pseudo_energy"]
    at = np.minimum(np.asarray(steps)[None], taken[:, None])
    # The released code writes the pseudo-energy of a state into the entry of the step behind it.
    late = np.maximum(at - 1, 0)
    found: dict[str, np.ndarray] = {
        "energy_last": np.take_along_axis(energy, at, axis=1),
        "pseudo_energy_last": np.take_along_axis(pseudo, late, axis=1),
    }
    if sums:
        found["energy_sum"] = np.take_along_axis(energy.astype(np.float64).cumsum(axis=1), at, axis=1)
        found["pseudo_energy_sum"] = np.take_along_axis(pseudo.astype(np.float64).cumsum(axis=1), late, axis=1)
    return {name: found[name] for name in ENERGIES if name in found}


def same_answers(answers: np.ndarray) -> np.ndarray:
    """The first member that gave the same answer.

    Args:
        answers: [sample, member, ...].

    Returns:
        int32 [sample, member]: equal numbers mean equal answers.
    """
    samples, members = answers.shape[:2]
    flat = np.ascontiguousarray(answers.reshape(samples, members, -1))
    found = np.empty((samples, members), dtype=np.int32)
    for sample, rows in enumerate(flat):
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        found[sample] = first[group.reshape(-1)]
    return found


def choose(selector: str, scores: np.ndarray, votes: Sequence[int]) -> np.ndarray:
    """The member that a selector takes among the first so many.

    Args:
        selector: which one.
        scores: [sample, member]: what it compares. Energies, of which the least wins; confidences, of which the
            highest; for `majority` the number of the first member with the same answer. One that is not a number wins
            against none.
        votes: how many of the members vote.

    Returns:
        int32 [sample, len(votes)].
    """
    if selector == "majority":
        chosen = [[int(np.bincount(row[:count]).argmax()) for count in votes] for row in scores]
        return np.array(chosen, dtype=np.int32).reshape(len(scores), len(votes))
    costs = -scores if selector == "confidence" else scores
    costs = np.where(np.isnan(costs), np.inf, costs)
    return np.stack([costs[:, :count].argmin(axis=1) for count in votes], axis=1).astype(np.int32)


def vote_metrics(
    chosen: Mapping[str, np.ndarray], right: np.ndarray, scores: Mapping[str, np.ndarray],
    votes: Sequence[int],
) -> dict[str, float]:  # fmt: skip
    """What the votes are worth.

    Args:
        chosen: by selector, the member it takes, [sample, len(votes)].
        right: whether each member's answer is right, bool [sample, member].
        scores: by selector, what it compares, [sample, member].
        votes: how many members vote.

    Returns:
        `votes_<K>/<selector>`: share of samples with a right answer; `votes_<K>/oracle`: share with any right answer
        among the first K, which no selector can pass; `one_vote_mean`, `one_vote_std`: mean and standard deviation over
        the members of the share of samples that each alone has right; `pairs`: how many pairs of a right and a wrong
        member of one sample there are, and `paired_samples`: in how many samples; `auc/<selector>`: the share of them
        that are told apart, see `oscillo.analysis.pair_auc`.
    """
    found = {}
    for number, count in enumerate(votes):
        for selector, members in chosen.items():
            picked = np.take_along_axis(right, members[:, number : number + 1], axis=1)
            found[f"votes_{count}/{selector}"] = float(picked.mean())
        found[f"votes_{count}/oracle"] = float(right[:, :count].any(axis=1).mean())
    alone = right.mean(axis=0)
    found["one_vote_mean"], found["one_vote_std"] = float(alone.mean()), float(alone.std(ddof=1))
    found["pairs"] = float(pair_count(np.zeros(right.shape), right))
    found["paired_samples"] = float((right.any(axis=1) & ~right.all(axis=1)).sum())
    for selector, values in scores.items():
        if selector != "majority":
            auc = pair_auc(values, right, lower_is_right=selector != "confidence")
            if np.isfinite(auc):
                found[f"auc/{selector}"] = auc
    return found
