"""The whole spec of a run, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator, model_validator

from oscillo.network import Network, NetworkSpec, OscillatorLayerSpec
from oscillo.network.layer import Problem as NetworkProblem
from oscillo.observables import RecordingSpec
from oscillo.recording import RunDirectory, StoreError
from oscillo.recording.store_files import files_at
from oscillo.spec import (
    Component,
    Document,
    PluginFile,
    Problem,
    Spec,
    SpecError,
    SpecProblem,
    SweepSpec,
    load_plugins,
    locating_failures,
    read_document,
    validate,
)
from oscillo.training import TaskSpec, TrainingSpec
from oscillo.training.hardware import Precision, check_device_name
from oscillo.training.trackers import TrackerSpec


class RunSpec(Spec):
    """Everything a run is made of: the network, what it is for, how it is trained, and what is kept."""

    version: Literal[2] = Field(default=2, description="Version of the format of specs.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", description="Name of the run; its folder is runs/<name>/<id>."
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="Key of all random numbers: weights, order of the data, initial states."
    )
    plugins: list[str] = Field(
        default=[],
        description="Python files with components or tasks of your own. A spec with plugins runs their code.",
    )
    network: NetworkSpec = Field(description="The oscillators.")
    task: Component[TaskSpec] = Field(description="What the network is for.")
    training: TrainingSpec | None = Field(
        default=None, description="How the network is trained; a task that learns needs it."
    )
    recording: RecordingSpec = Field(default=RecordingSpec(), description="What is kept along the way.")
    tracking: list[Component[TrackerSpec]] = Field(
        default=[], description="Where metrics and figures are shown besides the run's own files."
    )
    sweep: SweepSpec | None = Field(
        default=None, description="Values to try, for `oscillo sweep`; left out, there is one of everything."
    )
    device: str = Field(default="auto", description="`auto` (a GPU where there is one), `cpu`, `cuda`, `cuda:1`, ...")
    compile: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether steps are compiled: `auto` where there is a compiler, `on` insists, `off` never.",
    )
    precision: Precision = Field(
        default="float32",
        description="`float32`; `float64` for simulations; `tf32` for faster products on a GPU; `bfloat16` by "
        "autocast.",
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads; left out, torch's choice.")

    @field_validator("device")
    @classmethod
    def _a_device(cls, device: str) -> str:
        check_device_name(device)
        return device

    @model_validator(mode="after")
    def _completed_by_the_task(self) -> RunSpec:
        found: dict[str, Any] = {"network": self.task.completed(self.network)}
        if self.recording.observables is None:
            observables = dict(self.task.default_observables(self.network))
            found["recording"] = self.recording.model_copy(update={"observables": observables})
        changed = {name: value for name, value in found.items() if value is not getattr(self, name)}
        return self.model_copy(update=changed) if changed else self

    @property
    def sites(self) -> tuple[int, ...]:
        """The grid of the network, declared or known to the task."""
        return self.network.resolve_sites(self.task.sites)

    @property
    def trained(self) -> TrainingSpec:
        """How the network of a task that learns is trained."""
        assert self.training is not None
        return self.training

    def problems(self) -> list[SpecProblem]:
        """What cannot work although every field is valid by itself, with its place."""
        swept = [] if self.sweep is None else self.sweep.problems(self.model_dump(mode="json"))
        found = [*self._kinds_of_task(), *self._pieces(), *self._elsewhere()]
        for number, tracker in enumerate(self.tracking):
            found += [SpecProblem(("tracking", number), text) for text in tracker.problems()]
        return [*found, *(problem.under("sweep") for problem in swept)]

    def _elsewhere(self) -> list[SpecProblem]:
        """A place for trajectories that cannot be reached with what is installed."""
        if self.recording.store is None:
            return []
        try:
            files_at(self.recording.store)
        except StoreError as error:
            return [SpecProblem(("recording", "store"), str(error))]
        return []

    def _kinds_of_task(self) -> list[SpecProblem]:
        """What a task that learns needs and a simulation has no use for."""
        if self.task.learns:
            found = [] if self.training else [SpecProblem((), "needs `training` (mapping)")]
            if self.precision == "float64":
                found.append(SpecProblem(("precision",), "`float64` is for simulations; networks learn in `float32`"))
            return found
        name, found = getattr(self.task, "kind", ""), []
        if self.training is not None:
            found.append(SpecProblem(("training",), f"the task `{name}` trains nothing; leave `training` out"))
        if self.recording.training is not None:
            text = f"the task `{name}` trains nothing; leave `recording.training` out"
            found.append(SpecProblem(("recording", "training"), text))
        if self.precision not in ("float32", "float64"):
            found.append(SpecProblem(("precision",), f"the task `{name}` runs in `float32` or `float64`"))
        return found

    def _pieces(self) -> list[SpecProblem]:
        try:
            sites = self.sites
        except ValueError as error:
            return [SpecProblem(("network", "sites"), str(error))]
        objections = self.network.problems(sites) + self.task.network_problems(self.network, sites)
        objections += self._too_fine()
        found = [SpecProblem(("network", *place), text) for place, text in objections]
        found += [SpecProblem(("task", *place), text) for place, text in self.task.problems(self.network, sites)]
        if not found:
            objections = self.task.recording_problems(self.recording, self.network, sites)
            found += [SpecProblem(("recording", *place), text) for place, text in objections]
        return found or (self._evaluation_problems(sites) if self.task.learns else [])

    def _too_fine(self) -> list[NetworkProblem]:
        """Tolerances that numbers of this precision cannot keep, each with its place in the network."""
        resolution = torch.finfo(torch.float64 if self.precision == "float64" else torch.float32).eps
        return [
            (("layers", number, "integrator"), text)
            for number, layer in enumerate(self.network.layers)
            if isinstance(layer, OscillatorLayerSpec)
            for text in layer.integrator.precision_problems(resolution)
        ]

    def _evaluation_problems(self, sites: tuple[int, ...]) -> list[SpecProblem]:
        """Steps, votes and early stops that the network or the task cannot serve."""
        asked = [
            (number, evaluation)
            for number, evaluation in enumerate(self.task.evaluation_specs)
            if evaluation.votes > 1 or evaluation.early_stop is not None or evaluation.steps is not None
        ]
        if not asked:
            return []
        network, results = self.network.build(sites), self.task.build(self.network, self.seed).arrays()
        return [
            SpecProblem(("task", "evaluations", number, field), text)
            for number, evaluation in asked
            for field, text in evaluation.problems(network, results)
        ]


class LoadedSpec:
    """A spec with what it was read from.

    Attributes:
        spec: the resolved spec.
        document: the text it came from, with positions.
        plugins: the local files it named.
    """

    def __init__(self, spec: RunSpec, document: Document, plugins: tuple[PluginFile, ...]) -> None:
        self.spec, self.document, self.plugins = spec, document, plugins

    @property
    def sources(self) -> dict[str, str]:
        """Text of every file the spec came from, by path."""
        texts = {str(source.file): source.text for source in self.document.sources if source.file is not None}
        return texts | {str(plugin.file): plugin.text for plugin in self.plugins}


def read_spec(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Iterable[str] = ()) -> LoadedSpec:
    """Read and check a spec.

    Args:
        source: path of a YAML file, or the same as nested mappings.
        overrides: changes such as `training.batch_size=50`.

    Raises:
        SpecError: with everything that is wrong, each with its place.
    """
    return checked(read_source(source, overrides))


def read_source(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Iterable[str] = ()) -> Document:
    """Read a spec, and do not check it yet.

    Raises:
        SpecError: when it cannot be read.
    """
    if isinstance(source, Mapping):
        return Document.from_mapping(source, overrides=overrides)
    _refuse_a_run(Path(source))
    return read_document(source, overrides)


def checked(document: Document) -> LoadedSpec:
    """The spec that a document declares.

    Raises:
        SpecError: with everything that is wrong, each with its place.
    """
    plugins = load_plugins(document)
    spec = validate(RunSpec, document)
    with locating_failures(spec, document):
        problems = [*_same_names(plugins), *spec.problems()]
    if problems:
        raise SpecError.at(document, problems)
    return LoadedSpec(spec, document, plugins)


def _refuse_a_run(path: Path) -> None:
    """Tell whoever gives a run where a spec is wanted what they may have meant."""
    run = RunDirectory(path)
    if run.record_file.is_file():
        remedy = f"to go on with it: oscillo resume {path}; its spec is {run.spec}"
        raise SpecError([Problem(f"{path} is a run, and not the file of a spec", suggestion=remedy)])


def _same_names(plugins: Sequence[PluginFile]) -> list[SpecProblem]:
    """Plugins that a run could not keep copies of side by side."""
    files: dict[str, Path] = {}
    return [
        SpecProblem(("plugins", number), f"{plugin.file} and {files[plugin.file.name]} have one name; rename one")
        for number, plugin in enumerate(plugins)
        if files.setdefault(plugin.file.name, plugin.file) != plugin.file
    ]


def load(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Iterable[str] = ()) -> RunSpec:
    """The spec in a YAML file (or in nested mappings), checked.

    Args:
        source: path of a YAML file, or the same as nested mappings.
        overrides: changes such as `training.batch_size=50`.

    Raises:
        SpecError: with everything that is wrong, each with its place.
    """
    return read_spec(source, overrides).spec


def build(network: NetworkSpec | Mapping[str, Any], sites: Sequence[int] | None = None) -> Network:
    """The network of a declaration: an ordinary `torch.nn.Module` with new weights.

    Args:
        network: as in `load(...).network`, or the same as nested mappings.
        sites: the grid, where the declaration leaves it to a task.

    Raises:
        SpecError: with every reason why it cannot be built.
    """
    load_plugins()
    document = None
    if not isinstance(network, NetworkSpec):
        document = Document.from_mapping(network, "the argument `network`")
        network = validate(NetworkSpec, document)
    try:
        grid = network.resolve_sites(sites)
    except ValueError as error:
        raise SpecError.at(document, [SpecProblem(("sites",), str(error))]) from error
    if problems := network.problems(grid):
        raise SpecError.at(document, [SpecProblem(place, text) for place, text in problems])
    return network.build(grid)
