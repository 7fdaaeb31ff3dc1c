"""Ensembles: several seeds and parameters of one network, which run as one batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field, ValidationError, model_validator

from oscillo.network import NetworkSpec
from oscillo.network.layer import Layer
from oscillo.network.readouts import StateReadoutSpec
from oscillo.spec import Spec
from oscillo.stacking import NotStackable, Stack


class Range(Spec):
    """Evenly spaced numbers from a first to a last one."""

    first: float = Field(allow_inf_nan=False, description="The first number.")
    last: float = Field(allow_inf_nan=False, description="The last number.")
    count: int = Field(ge=1, description="How many, both ends included.")
    spacing: Literal["linear", "log"] = Field(default="linear", description="Even steps, or even factors.")

    @model_validator(mode="after")
    def _logs_are_of_positive_numbers(self) -> Range:
        if self.spacing == "log" and min(self.first, self.last) <= 0:
            raise ValueError("even factors lead between positive numbers only: take `spacing: linear`")
        return self

    @property
    def values(self) -> list[float]:
        """The numbers."""
        space = np.geomspace if self.spacing == "log" else np.linspace
        return [float(value) for value in space(self.first, self.last, self.count)]


class EnsembleSpec(Spec):
    """Which members there are: every combination of seeds and of the parameters that vary."""

    seeds: int | list[int] = Field(
        default=1, description="How many seeds, from 0, or which; a seed has its own drawn numbers, initial states, noise."
    )
    vary: dict[str, list[float] | Range] = Field(
        default={},
        description="Numbers to try, by the place of the parameter: `network.layers.0.coupling.strength: [1, 2, 4]`, or "
        "`{first: 0, last: 4, count: 41}`.",
    )

    @model_validator(mode="after")
    def _not_empty(self) -> EnsembleSpec:
        if self.seeds == [] or (isinstance(self.seeds, int) and self.seeds < 1):
            raise ValueError("an ensemble needs at least one of `seeds`")
        for key, values in self.vary.items():
            if not values:
                raise ValueError(f"`{key}` needs at least one number to try")
        return self

    @property
    def seed_list(self) -> list[int]:
        """The seeds."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def members(self) -> list[Member]:
        """All members; the seed runs fastest."""
        grids = [values.values if isinstance(values, Range) else list(values) for values in self.vary.values()]
        return [
            Member(seed, dict(zip(self.vary, values, strict=True)))
            for values in product(*grids)
            for seed in self.seed_list
        ]

    @property
    def names(self) -> dict[str, str]:
        """Name of the coordinate of every parameter that varies: the last part of its place that tells them apart."""
        places = [key.split(".") for key in self.vary]
        for depth in range(1, max((len(place) for place in places), default=0) + 1):
            names = ["_".join(place[-depth:]) for place in places]
            if len(set(names)) == len(names) and not any(name.isdigit() for name in names):
                return dict(zip(self.vary, names, strict=True))
        return {}

    def problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[tuple[tuple[str | int, ...], str]]:
        """Parameters that are not there, cannot have the values, or cannot differ within one batch."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        for key, values in self.vary.items():
            numbers = values.values if isinstance(values, Range) else values
            try:
                specs = [varied(network, {key: number}) for number in numbers]
                for spec in specs:
                    if objections := spec.problems(sites):
                        raise ValueError(objections[0][1])
                ends = [specs[0], specs[-1]]
                stacked_layer(((build(spec, sites, 0)) for spec in ends), 3 + len(sites))
            except NotStackable as error:
                found.append((("vary", key), f"cannot vary within one batch: {error}"))
            except ValueError as error:
                found.append((("vary", key), str(error)))
        return found


class Member(NamedTuple):
    """One member of an ensemble."""

    seed: int
    parameters: Mapping[str, float]
    """By their place in the spec."""


def varied(network: NetworkSpec, parameters: Mapping[str, float]) -> NetworkSpec:
    """The network with other parameters.

    Raises:
        ValueError: when there is no such parameter, or it cannot have that value.
    """
    if not parameters:
        return network
    content = network.model_dump(mode="json")
    for key, value in parameters.items():
        head, *path = key.split(".")
        if head != "network" or not path:
            raise ValueError(f"{key!r} is no place in the network; it begins with `network.`")
        _put(content, path, value, key)
    try:
        return NetworkSpec.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{first['msg']} ({value:g})") from None


def _put(content: Any, path: Sequence[str], value: float, key: str) -> None:
    for depth, part in enumerate(path):
        step: Any = int(part) if isinstance(content, list) and part.isdigit() else part
        there = step in content if isinstance(content, dict) else isinstance(step, int) and step < len(content or ())
        if not isinstance(content, dict | list) or not there:
            known = ", ".join(content) if isinstance(content, dict) else ""
            above = ".".join(["network", *path[:depth]])
            raise ValueError(f"`{above}` has no `{part}`" + (f"; it has {known}" if known else ""))
        if depth == len(path) - 1:
            old = content[step]
            if isinstance(old, bool) or not isinstance(old, int | float):
                raise ValueError(f"`{key}` is {old!r} and not a number that could vary")
            content[step] = int(value) if isinstance(old, int) and float(value).is_integer() else value
        else:
            content = content[step]


def build(network: NetworkSpec, sites: tuple[int, ...], seed: int) -> Layer:
    """The network's layer with numbers drawn by a seed; nothing is read out of a simulation."""
    plain = network.layers[0].model_copy(update={"readout": StateReadoutSpec()})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return plain.build(sites, None)


def stacked_layer(layers: Iterator[Layer], axes: int) -> Layer:
    """One layer for all members.

    Raises:
        NotStackable: when they differ in what cannot differ within a batch.
    """
    stack = Stack(next(layers))
    for layer in layers:
        stack.add(layer)
    return stack.module(axes)
