"""What is kept of an observable: some of its entries, reduced, in a precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from oscillo.layout import StateShape
from oscillo.network.trajectory import site_names
from oscillo.observables.base import Moment, Series, SeriesSpec, chosen
from oscillo.observables.reductions import Reduction
from oscillo.observables.selection import indices
from oscillo.observables.variable import Variable
from oscillo.spec import LocatedError


class Selection:
    """Which sites and oscillators of a layer something is taken from.

    Attributes:
        sites: for each axis of the grid the entries, or None for all.
        oscillators: the entries, or None for all.

    Raises:
        LocatedError: when a selection reaches outside.
    """

    def __init__(self, spec: SeriesSpec, shape: StateShape) -> None:
        names = site_names(len(shape.sites))
        for name in spec.sites or ():
            if name not in names:
                there = f"its axes are {', '.join(names)}" if names else "it has no sites"
                raise LocatedError(f"the layer has no axis `{name}`: {there}", "sites", name)
        self.sites: list[list[int] | None] = [
            _entries((spec.sites or {}).get(name), length, f"sites along {name}", ("sites", name))
            for name, length in zip(names, shape.sites, strict=True)
        ]
        self.oscillators = _entries(spec.oscillators, shape.oscillators, "oscillators", ("oscillators",))
        self.by_dim = {**dict(zip(names, self.sites, strict=True)), "oscillator": self.oscillators}

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.oscillators is None and all(entries is None for entries in self.sites)

    def of(self, variable: Variable) -> Variable:
        """A variable with what is left of it."""
        left = [self.by_dim.get(dim) for dim in variable.dims]
        lengths = zip(left, variable.shape, strict=True)
        return variable._replace(shape=tuple(length if some is None else len(some) for some, length in lengths))

    def entries(self, values: Tensor, variable: Variable) -> Tensor:
        """The values [sample, ...] of a variable that are left."""
        return chosen(values, [self.by_dim.get(dim) for dim in variable.dims])

    def coordinates(self, variable: Variable) -> dict[str, Sequence[float]]:
        """The numbers of what is left, along the dimensions of which something is left out."""
        kept = {dim: self.by_dim.get(dim) for dim in variable.dims}
        return {dim: entries for dim, entries in kept.items() if entries is not None}


class Taken:
    """An observable of a layer, as it is recorded.

    Attributes:
        name: what it is called in the spec.
        spec: its declaration.
        variables: the arrays it fills, as they are stored.
        coordinates: numbers along dimensions of these, by their names.

    Args:
        name: what it is called in the spec.
        spec: its declaration.
        series: the built observable.
        shape: of one sample's state in the layer.
        dtype: of stored numbers, where the declaration does not say.

    Raises:
        LocatedError: when the selection or the reduction does not fit, with the field.
    """

    def __init__(self, name: str, spec: SeriesSpec, series: Series, shape: StateShape, dtype: str) -> None:
        self.name, self.spec, self.series = name, spec, series
        self.selection = Selection(spec, shape)
        self._check_selection()
        self._reductions: dict[str, Reduction] = {}
        self.coordinates: dict[str, Sequence[float]] = {}
        variables = []
        for variable in series.variables:
            left = variable if spec.of_population else self.selection.of(variable)
            coordinates = {} if spec.of_population else self.selection.coordinates(variable)
            if spec.reduce is not None:
                left, coordinates = self._reduced(variable.name, left, coordinates)
            self.coordinates |= {dim: numbers for dim, numbers in coordinates.items() if dim in left.dims}
            variables.append(left._replace(dtype=left.dtype or spec.precision or dtype))
        self.variables = tuple(variables)

    @property
    def is_single(self) -> bool:
        """Whether it is one number for each sample, and not an array."""
        return all(not variable.shape for variable in self.variables)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """What is recorded at one time, by the names of the variables, [sample, ...], as it is stored."""
        spec, selection = self.spec, self.selection
        if spec.of_population and not selection.is_all:
            moment = moment.within(selection.sites, selection.oscillators)
        found = self.series.measure(moment)
        kept = {}
        for whole, variable in zip(self.series.variables, self.variables, strict=True):
            values = found[whole.name]
            if not (spec.of_population or selection.is_all):
                values = selection.entries(values, whole)
            if whole.name in self._reductions:
                values = self._reductions[whole.name](values)
            assert variable.dtype is not None
            kept[variable.name] = values.to(getattr(torch, variable.dtype))
        return kept

    def _check_selection(self) -> None:
        if self.selection.is_all or self.spec.of_population:
            return
        for field, dims in (("oscillators", ["oscillator"]), ("sites", list(self.spec.sites or ()))):
            if getattr(self.spec, field) is None:
                continue
            for variable in self.series.variables:
                if any(dim not in variable.dims for dim in dims):
                    kept = ", ".join(variable.dims) or "one number of the whole layer"
                    raise LocatedError(f"`{variable.name}` ({kept}) has no {field} to choose from", field)

    def _reduced(
        self, name: str, variable: Variable, coordinates: dict[str, Sequence[float]]
    ) -> tuple[Variable, dict[str, Sequence[float]]]:
        assert self.spec.reduce is not None
        if problems := self.spec.reduce.problems(variable):
            raise LocatedError("; ".join(problems), "reduce")
        reduction = self._reductions[name] = self.spec.reduce.build(variable)
        return reduction.variable._replace(dtype=None), {**coordinates, **reduction.coordinates}


def _entries(
    given: int | str | list[int] | None, length: int, what: str, place: tuple[str | int, ...]
) -> list[int] | None:
    """The entries that are chosen; None for all.

    Raises:
        LocatedError: when the selection reaches outside.
    """
    if given is None:
        return None
    try:
        return indices(given, length, what)
    except ValueError as error:
        raise LocatedError(str(error), *place) from None
