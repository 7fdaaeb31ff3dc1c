"""The critical coupling, from order parameters at several coupling strengths.

Above a continuous transition of mean-field kind R grows as (K - K_c)^(1/2) (Kuramoto 1975; Strogatz 2000, Physica D
143, 1, section 4), so R^2 is fitted by a + b/K (+ c/K^2), and by the same divided by K; K_c is where it vanishes. The
first form is exact for Lorentzian frequencies, R^2 = 1 - K_c/K; the second holds to second order for Gaussian ones. The
windows of the fits lie where R is at least five times its level at the weakest couplings, which is that of a finite
incoherent population, and at most 0.85. All fits to all windows count, with the weights of Akaike's criterion (Jay &
Neil 2021, Phys. Rev. D 103, 114502). The interval has the quantiles of a bootstrap over repeats, errors of finite size
(of the order of 1/n in R^2), fits and windows.

For Lorentzian and Gaussian frequencies, drawn or regular, 200 or 1000 oscillators, 25 couplings and two to eight
repeats, 88 to 100 % of the intervals for 95 % had the K_c of theory in them. With one repeat nothing is known of how
draws of frequencies differ, and the interval is about the K_c of that draw (44 to 100 % had that of theory).

All this is wrong for discontinuous transitions and for other exponents; a figure of R^2 against 1/K shows that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from warnings import warn

import numpy as np
import xarray as xr

from oscillo.analysis.onset import Onset, find_onset
from oscillo.analysis.states import dataset

_NAMES = ("order_parameter_mean", "order_parameter")
_REPEAT = "repeat"
_NONE = Onset(*[np.nan] * 6, couplings=0)


def critical_coupling(
    order: xr.DataArray | xr.Dataset | xr.DataTree, strength: str | None = None,
    repeats: Sequence[str] = ("seed", "member"), confidence: float = 0.95, draws: int = 1000, seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """Coupling strength K_c at which order sets in, with an interval of confidence.

    From fits of R^2 ~ a (1 - K_c/K), the square root law of mean-field theory, and a bootstrap over repeats, windows
    and forms of the fit. It holds for continuous transitions with the exponent 1/2; see the module for the method, its
    sources, and how often the interval is right.

    >>> import numpy as np, xarray as xr
    >>> k = np.linspace(0, 4, 25)
    >>> r = np.sqrt(np.clip(1 - 2 / np.maximum(k, 1e-9), 0.0005, 1))
    >>> found = critical_coupling(xr.DataArray(r, dims="strength", coords={"strength": k}))
    >>> round(float(found["critical_coupling"]), 2)
    2.0

    Args:
        order: order parameters, or a dataset with `order_parameter_mean` or `order_parameter`, such as the group
            `summary` of a simulation. Couplings are a dimension, or a coordinate along `sample`. Over `time` the mean
            is taken; other dimensions are carried through, as are further coordinates along `sample`.
        strength: name of the coupling strength; left out, the coordinate with `strength` or `coupling` in its name.
        repeats: names of dimensions or coordinates that repeat the same with other random numbers.
        confidence: probability that the interval shall have.
        draws: of the bootstrap.
        seed: of its random numbers; the same one gives the same interval.

    Returns:
        `critical_coupling` and its `interval` (..., bound), in units of the strength; `amplitude` a in R^2 ~
        a (1 - K_c/K); `window` (..., bound), where most fits were; `couplings`, how many lay where R is clear. Where an
        entry of the other dimensions has no transition these are NaN, and `reason` says why.

    Raises:
        ValueError: when there is no coupling strength, too few points, or no transition anywhere; it says what to do.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` is a probability between 0 and 1, and it is {confidence}")
    array = order_of(order)
    array = array.mean("time") if "time" in array.dims else array
    name = strength_of(array, strength)
    array = _table(array, name, repeats)
    repeated = [dim for dim in array.dims if dim in repeats or dim == _REPEAT]
    array = array.stack(_repeats=repeated).transpose(..., name, "_repeats").sortby(name)
    others = [dim for dim in array.dims if dim not in (name, "_repeats")]
    rows = array.stack(_others=others).transpose("_others", ...) if others else array.expand_dims("_others")
    found = _onsets(rows, name, others, (confidence, draws, seed))
    result = _dataset(found, rows if others else None, array[name].attrs.get("units", "1"), name)
    return result.assign_attrs(confidence=confidence, draws=draws)


def _onsets(
    rows: xr.DataArray, name: str, others: Sequence[Hashable], how: tuple[float, int, int]
) -> list[tuple[Onset, str]]:
    """The onset of each row, or why it has none; that is warned of.

    Raises:
        ValueError: when no row has one.
    """
    found: list[tuple[Onset, str]] = []
    for row in rows:
        try:
            found.append((find_onset(row[name].values.astype(float), row.values, *how), ""))
        except ValueError as error:
            place = ", ".join(f"{dim} = {row[dim].values}" for dim in others)
            found.append((_NONE, f"{error} (at {place})" if place else str(error)))
    if reasons := [reason for _, reason in found if reason]:
        if len(reasons) == len(found):
            raise ValueError(reasons[0])
        told = f"{len(reasons)} of {len(found)} have no critical coupling; `reason` says why. The first: {reasons[0]}"
        warn(told, stacklevel=3)
    return found


def order_of(order: xr.DataArray | xr.Dataset | xr.DataTree) -> xr.DataArray:
    """The order parameters.

    Raises:
        ValueError: when a dataset has none.
    """
    if isinstance(order, xr.DataArray):
        return order
    data = dataset(order)
    for name in _NAMES:
        if name in data:
            return data[name]
    there = ", ".join(map(str, data.data_vars)) or "no variables"
    raise ValueError(
        f"there is neither `order_parameter_mean` nor `order_parameter`, but {there}; a simulation that observes "
        "`order_parameter` has the first in its group `summary`, or pass the variable itself"
    )


def strength_of(array: xr.DataArray, strength: str | None) -> str:
    """Name of the coupling strength.

    Raises:
        ValueError: when it is not there, or it is not clear which it is.
    """
    there = [str(name) for name, c in array.coords.items() if c.ndim == 1]
    if strength is None:
        fitting = [name for name in there if "strength" in name or "coupling" in name]
        if len(fitting) != 1:
            none = f"none among {', '.join(there) or 'no coordinates'}"
            said = f"several ({', '.join(fitting)})" if fitting else none
            raise ValueError(
                f"a critical coupling needs one coordinate of coupling strengths, and there is {said}; name it with "
                "`strength=...`, or add it with `.assign_coords(strength=...)`"
            )
        return fitting[0]
    if strength not in there:
        raise ValueError(f"there is no coordinate `{strength}` along one dimension, only {', '.join(there) or 'none'}")
    return strength


def _table(array: xr.DataArray, name: str, repeats: Sequence[str]) -> xr.DataArray:
    """The array with a dimension for the strengths, whose values differ, and at least one of repeats."""
    along = str(array[name].dims[0])
    if along == name:
        values = array[name].values
        if len(np.unique(values)) == len(values):
            return array.expand_dims(_REPEAT) if not set(repeats) & set(array.dims) else array
        array = array.rename({name: "_row"}).assign_coords({name: ("_row", values)}).drop_vars("_row")
        along = "_row"
    columns = {
        str(key): c.values for key, c in array.coords.items()
        if c.dims == (along,) and key != along and (key == name or len(np.unique(c.values)) > 1)
    }  # fmt: skip
    _refuse_single_couplings(columns, [key for key in columns if key != name and key not in repeats])
    seen: Counter[tuple[object, ...]] = Counter()
    numbers = np.zeros(array.sizes[along], dtype=int)
    # Entries that agree in all of it are repeats without a name.
    for place, key in enumerate(zip(*columns.values(), strict=True)):
        numbers[place] = seen[key]
        seen[key] += 1
    columns[_REPEAT] = numbers
    plain = array.drop_vars([key for key, c in array.coords.items() if along in c.dims])
    table = plain.assign_coords({key: (along, values) for key, values in columns.items()})
    return table.set_index({along: list(columns)}).unstack(along)


def _refuse_single_couplings(columns: Mapping[str, np.ndarray], others: Sequence[str]) -> None:
    """Refuse entries of which no two agree in all but the coupling.

    Raises:
        ValueError: with what differs, and what to do.
    """
    entries = list(zip(*(columns[key] for key in others), strict=True))
    if others and len(entries) == len(set(entries)):
        keys = ", ".join(f"`{key}`" for key in others)
        raise ValueError(
            f"no two couplings have the same {keys}, and R along the coupling is wanted with all else the same: sweep "
            "over the coupling as an axis of its own, which meets the values of all others (a grid), or leave out what "
            f"has no effect on the transition, such as `.drop_vars('{others[0]}')`"
        )


def _dataset(found: list[tuple[Onset, str]], rows: xr.DataArray | None, units: str, name: str) -> xr.Dataset:
    """The onsets of all rows, with the dimensions that these were stacked from."""
    values = {key: np.array([getattr(onset, key) for onset, _ in found]) for key in Onset._fields}
    reasons = np.array([reason for _, reason in found], dtype=object)
    ends = ("_others", "bound")
    result = xr.Dataset(
        {
            "critical_coupling": ("_others", values["critical"], {"long_name": "critical coupling", "units": units}),
            "interval": (
                ends, np.stack([values["lower"], values["upper"]], axis=-1),
                {"long_name": "interval of the critical coupling", "units": units},
            ),
            "amplitude": ("_others", values["amplitude"], {"long_name": "a in R^2 = a (1 - K_c/K)", "units": "1"}),
            "window": (
                ends, np.stack([values["first"], values["last"]], axis=-1),
                {"long_name": f"{name} of most fits", "units": units},
            ),
            "couplings": ("_others", values["couplings"], {"long_name": "couplings with clear order", "units": "1"}),
            "reason": ("_others", reasons, {"long_name": "why there is no critical coupling"}),
        },
        coords={"bound": ["lower", "upper"]},
    )  # fmt: skip
    if rows is None:
        return result.isel(_others=0)
    return result.assign_coords(rows["_others"].coords).unstack("_others")
