"""Ensembles: several seeds and parameters of one network, which run as one batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import ceil, prod
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, FiniteFloat, ValidationError, field_validator, model_validator

from oscillo.network import NetworkSpec
from oscillo.network.layer import Layer, Problem
from oscillo.network.readouts import StateReadoutSpec
from oscillo.spec import LocatedError, Spec, messages
from oscillo.spec.ranges import MOST_VALUES, Range, axis_names
from oscillo.stacking import NotStackable, Stack

MOST_MEMBERS = MOST_VALUES
"""More are a slip of the pen; listing them would take gigabytes."""

RUN_SEED = "seed"
"""The place of the run's seed, which may vary as well."""

_LARGEST_SEED = 2**53
"""Above it numbers that vary, which are floating-point ones, do not tell seeds apart."""

_TRIED = 8
"""Values of a parameter up to which each is tried before a run; of more, the ends and the one nearest to zero."""

_ROWS_TRIED = 64
"""Members up to which all are tried, where parameters vary together."""


Seed = Annotated[int, Field(ge=0, lt=2**31)]
Numbers = Annotated[list[FiniteFloat], Field(min_length=1)]


class EnsembleSpec(Spec):
    """Which members there are: every combination of seeds and of the parameters that vary."""

    seeds: Annotated[int, Field(ge=1, le=MOST_MEMBERS)] | Annotated[list[Seed], Field(min_length=1)] = Field(
        default=1,
        description="How many seeds, from 0, or which; a seed has its own drawn numbers, initial states, noise.",
    )
    vary: dict[str, Numbers | Range] = Field(
        default={},
        description="Numbers to try, by the place of the parameter: `network.layers.0.coupling.strength: [1, 2, 4]`, "
        "or `{first: 0, last: 4, count: 41}`. `seed` is the seed of the whole run.",
    )
    combine: Literal["product", "zip"] = Field(
        default="product",
        description="Whether every value of a parameter meets every value of the others, or the first of all lists "
        "make a member, the second another one, and so on.",
    )

    @field_validator("vary", mode="before")
    @classmethod
    def _places_are_keys(cls, vary: Any) -> Any:
        if isinstance(vary, Mapping) and isinstance(vary.get("network"), Mapping):
            example = "task.ensemble.vary={network.layers.0.coupling.strength: [1, 2]}"
            raise ValueError(f"the place of a parameter is one key, dots and all: `{example}`")
        return vary

    @model_validator(mode="after")
    def _each_member_once(self) -> EnsembleSpec:
        if RUN_SEED in self.vary:
            self._check_run_seeds()
        grids = self._grids
        if self.combine == "zip" and len({len(grid) for grid in grids.values()}) > 1:
            told = ", ".join(f"{len(grid)} of {key}" for key, grid in grids.items())
            raise LocatedError(f"`combine: zip` takes lists of one length, and there are {told}", "vary")
        varying = [(("vary", key), list(grid)) for key, grid in grids.items()]
        if self.combine == "zip":  # two members may be drawn alike, and then they are alike
            varying = []
        for place, values in [(("seeds",), self.seed_list), *varying]:
            if len(set(values)) < len(values):
                ((twice, _),) = Counter(values).most_common(1)
                raise LocatedError(f"{messages.show(twice)} is there twice", *place)
        if self.size > MOST_MEMBERS:
            raise ValueError(f"{self.size:,} members are too many; at most {MOST_MEMBERS:,}")
        return self

    def _check_run_seeds(self) -> None:
        """Seeds of the whole run are whole numbers, and leave no place for other ones.

        Raises:
            LocatedError: with the place.
        """
        if len(self.seed_list) > 1:
            raise LocatedError("vary either `seed`, that of the whole run, or `seeds` within the run", "seeds")
        for value in self._grids[RUN_SEED]:
            if not (float(value).is_integer() and 0 <= value <= _LARGEST_SEED):
                words = f"a seed is a whole number from 0 to {_LARGEST_SEED:,}, not {messages.show(value)}"
                raise LocatedError(words, "vary", RUN_SEED)

    @property
    def seed_list(self) -> list[int]:
        """The seeds."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def size(self) -> int:
        """How many members there are."""
        lengths = [len(values) for values in self._grids.values()]
        return len(self.seed_list) * (prod(lengths) if self.combine == "product" else max(lengths, default=1))

    @property
    def members(self) -> list[Member]:
        """All members; the seed runs fastest."""
        return [
            Member(seed, dict(zip(self.vary, values, strict=True))) for values in self._rows for seed in self.seed_list
        ]

    @property
    def _rows(self) -> list[tuple[float, ...]]:
        """Values of all parameters that vary, for one member after the other."""
        grids = self._grids.values()
        together = product(*grids) if self.combine == "product" or not grids else zip(*grids, strict=True)
        return list(together)

    @property
    def ends(self) -> list[Member]:
        """The first and the last member, which differ in everything that varies; one where there is one."""
        first, last = (
            Member(self.seed_list[end], {key: values[end] for key, values in self._grids.items()}) for end in (0, -1)
        )
        return [first] if self.size == 1 else [first, last]

    def names(self, taken: Collection[str] = ()) -> dict[str, str]:
        """Name of the coordinate of every parameter that varies: as much of the end of its place as tells it apart.

        Args:
            taken: names that something else has.
        """
        return axis_names((key for key in self.vary if key != RUN_SEED), taken)

    @property
    def parameters(self) -> list[dict[str, float]]:
        """Values of all parameters that vary, without the seeds; one empty mapping where none does."""
        return [dict(zip(self.vary, values, strict=True)) for values in self._rows]

    def check(self, network: NetworkSpec, sites: tuple[int, ...], *, paths_differ: bool) -> None:
        """Make sure that every parameter is there, can have its values, and can differ within one batch.

        Args:
            network: without problems of its own.
            sites: the grid.
            paths_differ: whether initial states or noise depend on the seed.

        Raises:
            NotStackable: when it is there and cannot differ within one batch.
            ValueError: when it is not there, or cannot have a value.
        """
        for key, values in self._grids.items():
            _try(network, key, values, sites)
        self._check_seeds(network, sites, paths_differ)

    def problems(self, network: NetworkSpec, sites: tuple[int, ...], *, paths_differ: bool) -> list[Problem]:
        """Parameters that are not there, cannot have the values, or cannot differ within one batch; seeds likewise.

        Args:
            network: without problems of its own.
            sites: the grid.
            paths_differ: whether initial states or noise depend on the seed.
        """
        found: list[Problem] = []
        for key, values in self._grids.items():
            try:
                _try(network, key, values, sites)
            except NotStackable as error:
                found.append((("vary", key), f"cannot vary within one batch: {error}; make a run for each value"))
            except ValueError as error:
                found.append((("vary", key), str(error)))
        return found or self._of_seeds(network, sites, paths_differ) or self._of_pairs(network, sites)

    def _of_seeds(self, network: NetworkSpec, sites: tuple[int, ...], paths_differ: bool) -> list[Problem]:
        """Drawn numbers that cannot differ within one batch, or none that differ."""
        place = ("vary", RUN_SEED) if RUN_SEED in self.vary else ("seeds",)
        try:
            self._check_seeds(network, sites, paths_differ)
        except NotStackable as error:
            words = "every seed has its own numbers, and they cannot differ within one batch"
            return [(place, f"{words}: {error}; make a run for each seed")]
        except ValueError as error:
            return [(place, f"{error}; leave `{place[-1]}` out")]
        return []

    def _check_seeds(self, network: NetworkSpec, sites: tuple[int, ...], paths_differ: bool) -> None:
        """Make sure that seeds have an effect, and can differ within one batch.

        Raises:
            NotStackable, ValueError: when not.
        """
        seeds = [seed_of(0, member) for member in self.seed_list[:2]]
        if RUN_SEED in self.vary:
            seeds = [seed_of(int(seed), 0) for seed in sorted(set(self._grids[RUN_SEED]))[:2]]
        if len(seeds) == 1:
            return
        if not (_stack(build(network, sites, seed) for seed in seeds).differs or paths_differ):
            raise ValueError("nothing here is drawn, and all seeds would give the same")

    def _of_pairs(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """Values that are sound one by one and not together."""
        if len(self.vary) < 2:
            return []
        rows = self._rows[:: ceil(self.size / _ROWS_TRIED)]
        for values in product(*(_few(grid) for grid in self._grids.values())) if self.combine == "product" else rows:
            try:
                varied(network, dict(zip(self.vary, values, strict=True)))
            except ValueError as error:
                return [(("vary",), f"{error}, with {', '.join(f'{v:g}' for v in values)}")]
        return []

    @property
    def _grids(self) -> dict[str, list[float]]:
        return {key: values.values if isinstance(values, Range) else list(values) for key, values in self.vary.items()}


class Member(NamedTuple):
    """One member of an ensemble."""

    seed: int
    parameters: Mapping[str, float]
    """By their place in the spec."""

    def run_seed(self, seed: int) -> int:
        """Seed of the run that this member belongs to.

        Args:
            seed: of the run whose ensemble it is.
        """
        return int(self.parameters.get(RUN_SEED, seed))


def varied(network: NetworkSpec, parameters: Mapping[str, float]) -> NetworkSpec:
    """The network with other parameters.

    Raises:
        ValueError: when there is no such parameter, or it cannot have that value.
    """
    parameters = {key: value for key, value in parameters.items() if key != RUN_SEED}
    if not parameters:
        return network
    content = network.model_dump(mode="json")
    for key, value in parameters.items():
        head, *path = key.split(".")
        if head != "network" or not path:
            meant = f"; did you mean `network.{key}`?" if head in content else ""
            raise ValueError(f"`{key}` is no place in the network; it begins with `network.`{meant}")
        _put(content, path, value, key)
    try:
        return NetworkSpec.model_validate(content)
    except ValidationError as error:
        raise ValueError(messages.message(error.errors(include_url=False)[0])[0]) from None


def _put(content: Any, path: Sequence[str], value: float, key: str) -> None:
    """Replace a number deep inside nested mappings and lists."""
    for depth, part in enumerate(path):
        step: Any = int(part) if isinstance(content, list) and part.isascii() and part.isdigit() else part
        there = step in content if isinstance(content, dict) else isinstance(step, int) and step < len(content or ())
        if not isinstance(content, dict | list) or not there:
            raise ValueError(_absent(content, ".".join(["network", *path[:depth]]), part))
        if depth == len(path) - 1:
            old = content[step]
            if isinstance(old, bool) or not isinstance(old, int | float):
                raise ValueError(f"`{key}` is {messages.show(old)}, and not a number that could vary")
            content[step] = int(value) if isinstance(old, int) and float(value).is_integer() else value
        else:
            content = content[step]


def _absent(content: Any, above: str, part: str) -> str:
    """Say that a key is not there, and which one may have been meant."""
    if isinstance(content, list):
        return f"`{above}` has no `{part}`; its items are numbered from 0 to {len(content) - 1}"
    if not isinstance(content, dict):
        return f"`{above}` is {messages.show(content)}, and has no `{part}`"
    meant = messages.nearest(part, content) or f"it has {', '.join(content)}"
    return f"`{above}` has no `{part}`; {meant}"


def _try(network: NetworkSpec, key: str, values: Sequence[float], sites: tuple[int, ...]) -> None:
    """Find out whether a parameter can have the values and vary.

    Raises:
        ValueError: when it is not there, or cannot have one of them.
        NotStackable: when it cannot vary within one batch.
    """
    if key == RUN_SEED:  # that any network has
        return
    values = list(dict.fromkeys(values))
    for value in values:
        varied(network, {key: value})
    chosen = [varied(network, {key: value}) for value in _few(values)]
    for value, spec in zip(_few(values), chosen, strict=True):
        if objections := spec.problems(sites):
            raise ValueError(f"with {value:g}: {objections[0][1]}")
    if not _stack(build(spec, sites, 0) for spec in chosen).differs and len(chosen) > 1:
        raise ValueError("has no effect on a simulation with these values: all members would be the same")


def _few(values: Sequence[float]) -> list[float]:
    """Some of the values that stand for all."""
    if len(values) <= _TRIED:
        return list(values)
    return sorted({values[0], values[-1], min(values), max(values), min(values, key=abs)})


def seed_of(seed: int, member: int) -> int:
    """Seed of the numbers drawn for the layer of a member; of 32 bits, because PyTorch's generator takes no more.

    Args:
        seed: the run's.
        member: the member's, below 2^32; each has another one, and 0 has the run's own.
    """
    # An odd multiplier permutes the numbers of 32 bits.
    return ((seed ^ (seed >> 32)) + member * 0x9E3779B1) & 0xFFFFFFFF


def build(network: NetworkSpec, sites: tuple[int, ...], seed: int) -> Layer:
    """The network's layer with numbers drawn by a seed; nothing is read out of a simulation."""
    return _built(network, sites, seed)[0]


def _built(network: NetworkSpec, sites: tuple[int, ...], seed: int) -> tuple[Layer, bool]:
    """The layer, and whether its numbers depend on the seed."""
    plain = network.layers[0].model_copy(update={"readout": StateReadoutSpec()})
    with torch.random.fork_rng(devices=[]):
        # Only of the CPU: for accelerators that are not started `torch.manual_seed` would note a traceback each.
        torch.default_generator.manual_seed(seed)
        before = torch.get_rng_state()
        layer = plain.build(sites, None)
        return layer, not torch.equal(before, torch.get_rng_state())


def layer_of(
    network: NetworkSpec, sites: tuple[int, ...], members: Iterable[Member], seed: int, dtype: torch.dtype
) -> Layer:
    """One layer for all those members.

    Raises:
        NotStackable: when they differ in what cannot differ within a batch.
        ValueError: when one of them cannot be built.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        return stacked_layer(_layers(network, sites, members, seed), sites).to(dtype).requires_grad_(False)
    finally:
        torch.set_default_dtype(before)


def _layers(network: NetworkSpec, sites: tuple[int, ...], members: Iterable[Member], seed: int) -> Iterator[Layer]:
    """The layer of each member; where nothing is drawn, one serves all seeds."""
    last: tuple[Mapping[str, float], Layer] | None = None
    for member in members:
        if last is None or last[0] != member.parameters:
            layer, drawn = _built(
                varied(network, member.parameters), sites, seed_of(member.run_seed(seed), member.seed)
            )
            last = None if drawn else (member.parameters, layer)
            yield layer
        else:
            yield last[1]


def stacked_layer(layers: Iterator[Layer], sites: tuple[int, ...]) -> Layer:
    """One layer for all members.

    Raises:
        NotStackable: when they differ in what cannot differ within a batch.
    """
    return _stack(layers).module(3 + len(sites))


def _stack(layers: Iterator[Layer]) -> Stack[Layer]:
    stack = Stack(next(layers))
    for layer in layers:
        stack.add(layer)
    return stack
