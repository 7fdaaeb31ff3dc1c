"""Energy: as it was recorded, or of a coupling that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from oscillo.analysis.states import Data, dataset, described, population, require, vectors

if TYPE_CHECKING:
    import networkx as nx
    from numpy.typing import ArrayLike
    from scipy.sparse import sparray, spmatrix


def energy(
    data: Data, coupling: ArrayLike | spmatrix | sparray | nx.Graph | None = None, stimulus: xr.DataArray | None = None,
) -> xr.DataArray:  # fmt: skip
    r"""The recorded `energy`; or, of a coupling and a stimulus, E = -1/2 \sum_ij J_ij <x_i, x_j> - \sum_i <c_i, x_i>.

    What a network's energy is depends on its parameters, which are not in the data. So it is looked up where a run
    recorded it, in the group or in the only one below it that has it; or else the parameters are needed. Potentials and
    velocities, which the recorded one counts, are no part of the sum here.

    >>> import numpy as np, xarray as xr
    >>> phases = xr.DataArray([[0.0, 0.0], [0.0, np.pi]], dims=("time", "oscillator"), name="phase")
    >>> energy(phases, coupling=np.array([[0.0, 2.0], [2.0, 0.0]])).values.round(6).tolist()
    [-2.0, 2.0]

    Args:
        data: a dataset or a group with `energy`; with a coupling or a stimulus phases or states (..., oscillator).
        coupling: J, [oscillator, oscillator], dense or sparse; or a graph, whose links count by their `weight`. A mean
            field of strength K among n oscillators is a matrix of K / n. Sites are merged into `oscillator`.
        stimulus: c, with the dimensions `component` and `oscillator` and any others that the states have.

    Returns:
        The energy for each entry of the other dimensions.

    Raises:
        ValueError: when it is not recorded and neither coupling nor stimulus is given, or sizes do not go together.
    """
    if coupling is None and stimulus is None:
        return _recorded(data)
    z = vectors(data, bare="phase")
    found = xr.zeros_like(z.isel(component=0, oscillator=0, drop=True), dtype=float)
    if coupling is not None:
        found = found + _of_pairs(z, coupling)
    if stimulus is not None:
        found = found - _with(z, stimulus)
    return described(found, "energy", "energy", "1")


def _recorded(data: Data) -> xr.DataArray:
    """The variable `energy` of a dataset, a node, or the only node below it that has one.

    Raises:
        ValueError: when there is none, or more than one.
    """
    remedy = "pass `coupling=` (a matrix or a graph) and, if there is one, `stimulus=`"
    if isinstance(data, xr.DataArray):
        raise ValueError(f"an energy cannot be told from states alone: take the dataset that has it, or {remedy}")
    if "energy" in dataset(data):
        return dataset(data)["energy"]
    there = [node for node in data.subtree if "energy" in node.data_vars] if isinstance(data, xr.DataTree) else []
    if len(there) == 1:
        return there[0].to_dataset()["energy"]
    if there:
        places = ", ".join(node.path for node in there)
        raise ValueError(f"{len(there)} groups have an energy, {places}; take one of them, such as `tree['...'].osc`")
    raise ValueError(f"no `energy` was recorded: declare the observable `energy`, or {remedy}")


def _of_pairs(z: xr.DataArray, coupling: Any) -> xr.DataArray:
    matrix, n = _matrix(coupling), z.sizes["oscillator"]
    if matrix.shape != (n, n):
        raise ValueError(f"a coupling of {n} oscillators is a matrix {n} x {n}, and it is {matrix.shape}")

    def of_pairs(z: np.ndarray) -> np.ndarray:
        rows = z.reshape(-1, n).astype(np.float64)
        felt = (matrix @ rows.T).T
        return -np.einsum("ri,ri->r", rows, felt).reshape(z.shape[:-1]).sum(-1) / 2

    return xr.apply_ufunc(
        of_pairs, z, input_core_dims=[["component", "oscillator"]], dask="parallelized", output_dtypes=[float],
        dask_gufunc_kwargs={"allow_rechunk": True},
    )  # fmt: skip


def _matrix(coupling: Any) -> Any:
    """The matrix of a coupling, as it is if it is sparse."""
    import networkx as nx
    from scipy.sparse import issparse

    if isinstance(coupling, nx.Graph):
        return nx.to_scipy_sparse_array(coupling, dtype=float)
    return coupling if issparse(coupling) else np.asarray(coupling, dtype=np.float64)


def _with(z: xr.DataArray, stimulus: xr.DataArray) -> xr.DataArray:
    """Inner product with the stimulus.

    Raises:
        ValueError: when it lacks a dimension, or has another size.
    """
    require(stimulus, ["component", "oscillator"], "a stimulus")
    parts = []
    for array in (z, population(stimulus)):
        # Names of components may differ, and would be matched.
        parts.append(
            array.drop_vars([name for name, c in array.coords.items() if {"component", "oscillator"} & {*c.dims}])
        )
    for dim in ("component", "oscillator"):
        if parts[0].sizes[dim] != parts[1].sizes[dim]:
            raise ValueError(f"states have {parts[0].sizes[dim]} along `{dim}`, and the stimulus {parts[1].sizes[dim]}")
    return xr.dot(*parts, dim=["component", "oscillator"])
