"""Who is locked to whom over time, and who is close to whom at one."""

from __future__ import annotations

import numpy as np
import xarray as xr
from torch import Tensor

from oscillo import measures
from oscillo.analysis.rotation import mean_frequency, phase
from oscillo.analysis.states import Data, described, measured, paired, planar, population, time_of, vectors


def phase_locking(data: Data) -> xr.DataArray:
    r"""|(1/T) \sum_t exp(i(theta_i - theta_j))| of each pair: 1 for locked oscillators, towards 0 for drifting ones.

    Lachaux, Rodriguez, Martinerie & Varela (1999), Hum. Brain Mapp. 8, 194; Gómez-Gardeñes, Moreno & Arenas (2007),
    Phys. Rev. Lett. 98, 034101. A drifting pair comes to about 1 / (turns of its difference), so record over many.

    >>> import xarray as xr
    >>> phases = xr.DataArray([[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]], dims=("time", "oscillator"), name="phase")
    >>> phase_locking(phases).values.round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]

    Args:
        data: phases (..., time, ..., oscillator) or planar states; amplitudes do not count.

    Returns:
        Numbers from 0 to 1, (..., oscillator, oscillator2). Sites are merged into `oscillator`.

    Raises:
        ValueError: when there are no phases, or less than two times.
    """
    z = planar(data)
    along = time_of(z, "phase locking")
    found = measured(
        measures.phase_locking, z, over=(along, "component", "oscillator"), gives=("oscillator", "oscillator2"),
        sizes={"oscillator2": z.sizes["oscillator"]}, each=True,
    )  # fmt: skip
    return described(paired(found, "oscillator", "oscillator2"), "phase_locking", "phase-locking value", "1")


def locked_clusters(data: Data, locking: float | None = 0.95, frequency: float | None = None) -> xr.Dataset:
    """Groups of oscillators that are locked together, directly or by way of others.

    Two oscillators are linked when their phase-locking value reaches a threshold, or their mean frequencies differ by
    no more than a tolerance, or both where both are asked for; a group is a chain of links.

    >>> import numpy as np, xarray as xr
    >>> t = np.linspace(0, 100, 1001)
    >>> phases = xr.DataArray(np.outer(t, [1.0, 1.0, 2.3]), dims=("time", "oscillator"), coords={"time": t})
    >>> found = locked_clusters(phases)
    >>> found["label"].values.tolist(), int(found["count"]), round(float(found["largest_share"]), 3)
    ([0, 0, 1], 2, 0.667)

    Args:
        data: phases (..., time, ..., oscillator), best with `winding` beside them, or planar states.
        locking: least phase-locking value of a link, from 0 to 1; None leaves it out.
        frequency: largest difference of mean frequencies of a link, in radians per time; None leaves it out.

    Returns:
        `label` (..., oscillator), counted from 0; `count`, the number of groups; `largest_share`, the share of the
        oscillators that the largest group has. Labels are in the order of the first oscillator of each group, or by
        frequency where that alone decides.

    Raises:
        ValueError: when neither is asked for, there are no phases, or less than two times.
    """
    if locking is None and frequency is None:
        raise ValueError("clusters need a threshold: give `locking` (such as 0.95), `frequency` or both")
    if locking is not None and not 0 <= locking <= 1:
        raise ValueError(f"phase-locking values lie between 0 and 1, and `locking` is {locking}")
    if frequency is not None and not frequency >= 0:
        raise ValueError(f"`frequency` is the largest difference of a link, so not negative, and it is {frequency}")
    if locking is None:
        tolerance = float(frequency or 0.0)
        labels = measured(
            lambda f: measures.frequency_clusters(f, tolerance).labels, population(mean_frequency(data)),
            over=("oscillator",), gives=("oscillator",), kind=int,
        )  # fmt: skip
        return _clusters(labels)
    linked = phase_locking(data) >= locking
    if frequency is not None:
        found = population(mean_frequency(data))
        found = found.drop_vars([name for name, c in found.coords.items() if "oscillator" in c.dims])
        linked = linked & (abs(found - found.rename(oscillator="oscillator2")) <= frequency)
    over = ("oscillator", "oscillator2")
    labels = measured(
        lambda pairs: measures.linked_clusters(pairs).labels, linked, over=over, gives=over[:1], kind=int, each=True
    )
    return _clusters(labels)


def clusters(data: Data, gap: float = 0.3) -> xr.Dataset:
    """Groups of oscillators that are close to one another at a time: clusters of phases, at each time anew.

    Phases on the circle are cut where neighbours are more than a gap apart; of vectors with more than two components,
    two are linked whose angle is no more than the gap. A group is a chain of small gaps, so phases spread evenly all
    round are one group: `order_parameter` tells that from a narrow one. Who moves together over time is what
    `locked_clusters` says.

    >>> import xarray as xr
    >>> phases = xr.DataArray([0.1, 3.1, 0.0, -3.1], dims="oscillator", name="phase")
    >>> found = clusters(phases)
    >>> found["label"].values.tolist(), int(found["count"]), float(found["largest_share"])
    ([0, 1, 0, 1], 2, 0.5)

    Args:
        data: phases or states (..., oscillator); lengths of vectors do not count.
        gap: largest angle between neighbours in a group, in radians.

    Returns:
        `label` (..., oscillator), counted from 0: counter-clockwise from the widest gap, or in the order of the first
        oscillator of each group; `count`, the number of groups; `largest_share`, the share of the oscillators that
        the largest has. Sites are merged into `oscillator`.

    Raises:
        ValueError: when the gap is not positive, or there are no oscillators with a direction.
    """
    if not 0 < gap < np.pi:
        raise ValueError(f"`gap` is an angle between 0 and pi, in radians, and it is {gap}")
    z = vectors(data, bare="phase")
    if z.sizes["component"] == 2:
        theta = population(phase(data))
        labels = measured(
            lambda t: measures.phase_clusters(t, gap).labels, theta, over=("oscillator",), gives=("oscillator",),
            kind=int,
        )  # fmt: skip
        return _clusters(labels)
    closest = float(np.cos(gap))

    def grouped(z: Tensor) -> Tensor:
        direction = measures.unit(z.double())
        return measures.linked_clusters(direction.mT @ direction >= closest).labels

    labels = measured(grouped, z, over=("component", "oscillator"), gives=("oscillator",), kind=int, each=True)
    return _clusters(labels)


def _clusters(labels: xr.DataArray) -> xr.Dataset:
    """Labels, and what follows from them."""
    # Equal labels are gaps of zero, so clusters of labels are those of the oscillators.
    share = measured(lambda label: measures.frequency_clusters(label, 0.0).largest_share, labels, over=("oscillator",))
    found = {
        "label": described(labels, "label", "cluster", "1"),
        "count": described(labels.max("oscillator") + 1, "count", "number of clusters", "1"),
        "largest_share": described(share, "largest_share", "share of the largest cluster", "1"),
    }
    return xr.Dataset(found)
