"""Points of a sweep in as few runs as possible: those that can share a batch do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from oscillo.runspec import LoadedSpec, RunSpec, checked
from oscillo.simulation import EnsembleSpec, SimulationTaskSpec
from oscillo.simulation.ensemble import RUN_SEED
from oscillo.spec import Document, Problem, SpecError, SpecProblem, SweepSpec, messages
from oscillo.spec.source import Origin, SpecPath, dotted
from oscillo.stacking import NotStackable

_ENSEMBLE: SpecPath = ("task", "ensemble")


class Unit(NamedTuple):
    """Points that one run computes."""

    spec: LoadedSpec
    """Of the run."""
    points: Sequence[int]
    """Their numbers in the sweep; each has as many members of the run's ensemble as the spec's own one."""


@dataclass(frozen=True)
class Division:
    """How the points of a sweep are shared out."""

    units: Sequence[Unit]
    together: Sequence[str]
    """Places whose values are members of one batch."""
    apart: Mapping[str, str]
    """Places whose values take runs of their own, and why; a place with one value needs no reason."""
    members: int
    """Members of each point: those of the spec's own ensemble."""
    taken_over: Sequence[str] = ()
    """Places that the ensemble of the spec varies as well, and that the sweep takes over."""


def divided(loaded: LoadedSpec) -> Division:
    """The runs that a sweep takes.

    Raises:
        SpecError: when a value is not possible, each with its place in the sweep.
    """
    assert loaded.spec.sweep is not None
    loaded, taken_over = _without(loaded, loaded.spec.sweep.places)
    spec, base = loaded.spec, _without_sweep(loaded.document)
    assert spec.sweep is not None
    points, apart = spec.sweep.points, _reasons(loaded, spec.sweep)
    together = [key for key in spec.sweep.places if key not in apart]
    if together and (reason := _refusal(loaded, base, together)):
        apart, together = {key: apart.get(key, reason) for key in spec.sweep.places}, []
    units: list[Unit] = []
    problems: dict[Problem, list[Mapping[str, Any]]] = {}
    for numbers in _groups(points, list(apart), spec.sweep.points_per_run):
        try:
            units.append(Unit(_spec_of(loaded, base, [points[n] for n in numbers], together), numbers))
        except SpecError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append({key: points[numbers[0]][key] for key in apart})
    if problems:
        raise SpecError(dict.fromkeys(_blaming_values(loaded, problem, having) for problem, having in problems.items()))
    members = spec.task.ensemble.size if isinstance(spec.task, SimulationTaskSpec) else 1
    return Division(units, together, apart, members, taken_over)


def division_text(division: Division) -> str:
    """How the points are shared out, in words."""
    runs, points = len(division.units), sum(len(unit.points) for unit in division.units)
    told = [f"{points:,} point{'s' if points > 1 else ''} in {runs:,} run{'s' if runs > 1 else ''}"]
    for reason in dict.fromkeys(filter(None, division.apart.values())):
        keys = " or ".join(f"`{key}`" for key, why in division.apart.items() if why == reason)
        told.append(f"points that differ in {keys} run on their own, as {reason}")
    told += [f"{key}, which the ensemble of the spec varies, is swept over" for key in division.taken_over]
    return "; ".join(told)


def _blaming_values(loaded: LoadedSpec, problem: Problem, having: Sequence[Mapping[str, Any]]) -> Problem:
    """A problem of some points as one of the values that they have in common, which are to blame.

    Args:
        loaded: the spec, which has no problem of its own.
        problem: anywhere in the spec; one at a swept place says by itself which value is wrong.
        having: the values that keep points apart, of the points with this problem.
    """
    assert loaded.spec.sweep is not None
    first, place = having[0], dotted(problem.path)
    blamed = [key for key, value in first.items() if all(point[key] == value for point in having)]
    if not blamed or place in first:
        return problem
    words = " and ".join(f"{key} = {messages.show(first[key])}" for key in blamed)
    path = ("sweep", *loaded.spec.sweep.place_of(blamed[0]))
    told = f"with {words}: {f'{place}: ' if place else ''}{problem.message}"
    return Problem.on_value(loaded.document.origin(path), path, told, problem.suggestion)


def _without(loaded: LoadedSpec, places: Sequence[str]) -> tuple[LoadedSpec, list[str]]:
    """The spec whose ensemble does not vary what is swept over, and what it did vary of that."""
    task = loaded.spec.task
    vary = task.model_dump(mode="json")["ensemble"]["vary"] if isinstance(task, SimulationTaskSpec) else {}
    both = [key for key in places if key in vary]
    if not both:
        return loaded, []
    kept = {key: values for key, values in vary.items() if key not in both}
    place = (*_ENSEMBLE, "vary")
    return checked(loaded.document.changed([(place, kept, loaded.document.origin(place))])), both


def _without_sweep(document: Document) -> Document:
    return document.changed([(("sweep",), None, document.origin(("sweep",)))])


def _groups(points: Sequence[Mapping[str, Any]], apart: Sequence[str], most: int | None) -> Iterator[list[int]]:
    """Numbers of the points that agree in all that keeps points apart, group by group, no group too large."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, point in enumerate(points):
        groups.setdefault(tuple((type(point[key]), point[key]) for key in apart), []).append(number)
    for group in groups.values():
        for first in range(0, len(group), most or len(group)):
            yield group[first : first + (most or len(group))]


def _reasons(loaded: LoadedSpec, sweep: SweepSpec) -> dict[str, str]:
    """Why values of a place cannot share a batch, by place; a place that is not in it can.

    Raises:
        SpecError: when a place has no effect, or a value is not possible.
    """
    task, points = loaded.spec.task, sweep.points
    found: dict[str, str] = {}
    for key in sweep.places:
        values = list(dict.fromkeys(point[key] for point in points))
        if len(values) == 1:
            found[key] = ""
        elif not isinstance(task, SimulationTaskSpec):
            found[key] = "every network learns by itself"
        elif key == RUN_SEED and len(task.ensemble.seed_list) > 1:
            found[key] = "the ensemble of the spec has seeds of its own"
        elif not (key == RUN_SEED or key.startswith("network.")) or not all(map(_is_number, values)):
            found[key] = "within a batch only the seed and numbers of the network can differ"
        else:
            try:
                reason = _cannot_vary(loaded.spec, task, key, values)
            except ValueError as error:
                words = messages.message(error.errors()[0])[0] if isinstance(error, ValidationError) else str(error)
                problem = SpecProblem(("sweep", *sweep.place_of(key)), words)
                raise SpecError.at(loaded.document, [problem]) from None
            found |= {key: reason} if reason else {}
    return found


def _cannot_vary(spec: RunSpec, task: SimulationTaskSpec, key: str, values: Sequence[float]) -> str | None:
    """Why values of a place cannot differ within a batch; None when they can.

    Raises:
        ValueError: when one is not possible, or they have no effect.
    """
    layer = spec.network.layers[0]
    differ = task.initial_differs or getattr(layer, "noise", None) is not None
    try:
        EnsembleSpec(vary={key: list(values)}).check(spec.network, spec.sites, paths_differ=differ)
    except NotStackable as error:
        if error.what == "shape":
            return "they differ in the shape of the state"
        return f"they differ in `{error.what}`, which all points of a batch share"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refusal(loaded: LoadedSpec, base: Document, together: Sequence[str]) -> str:
    """Why points cannot be members of one batch although their numbers could; empty when they can."""
    assert loaded.spec.sweep is not None
    first, *others = loaded.spec.sweep.points
    alike = [point for point in others if all(point[key] == first[key] for key in first if key not in together)]
    try:
        _spec_of(loaded, base, [first, *alike[-1:]], together)
    except SpecError as error:
        try:
            _spec_of(loaded, base, [first], ())
        except SpecError:
            return ""  # it is wrong in any case, which is told when the runs are made
        return error.problems[0].message
    return ""


def _spec_of(
    loaded: LoadedSpec, base: Document, points: Sequence[Mapping[str, Any]], together: Sequence[str]
) -> LoadedSpec:
    """The spec of one run for some points, which differ only in what can share a batch.

    Raises:
        SpecError: when it is not possible, with its place in the sweep.
    """
    spec, origin = loaded.spec, loaded.document.origin
    assert spec.sweep is not None
    place: dict[str, Origin] = {key: origin(("sweep", *spec.sweep.place_of(key))) for key in spec.sweep.places}
    content = spec.model_dump(mode="json")
    changes: list[tuple[SpecPath, Any, Origin]] = []
    for key, value in points[0].items():
        if key not in together:
            changes += [(*above, place[key]) for above in _left_out(base.data, content, key)]
            changes.append((tuple(key.split(".")), _as_there(value, key, content), place[key]))
    if together:
        assert isinstance(spec.task, SimulationTaskSpec)
        own = spec.task.ensemble
        rows = [{key: point[key] for key in together} | dict(row) for point in points for row in own.parameters]
        vary = {key: [row[key] for row in rows] for key in rows[0]}
        changes += [
            ((*_ENSEMBLE, "vary"), vary, place[together[0]]), ((*_ENSEMBLE, "combine"), "zip", place[together[0]])
        ]  # fmt: skip
    return checked(base.changed(changes))


def _left_out(written: Any, content: Any, key: str) -> Iterator[tuple[SpecPath, Any]]:
    """The mapping around a place, with its defaults, where the spec has left it out as a whole."""
    parts = key.split(".")
    for depth, part in enumerate(parts[:-1]):
        step: Any = int(part) if isinstance(content, list) else part
        content = content[step]
        if isinstance(written, dict) and written.get(part) is None:
            yield tuple(parts[: depth + 1]), content
            return
        written = written[step]


def _as_there(value: Any, key: str, content: Any) -> Any:
    """A value as the place has it: whole numbers stay whole where whole ones stand."""
    for part in key.split("."):
        content = content[int(part)] if isinstance(content, list) else content[part]
    whole = isinstance(content, int) and not isinstance(content, bool)
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value
