"""A simulation: the members of an ensemble from their initial states to the end, recorded on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oscillo.draws import Draws
from oscillo.integrators.dopri5 import Dopri5
from oscillo.integrators.loop import Noise, time_of
from oscillo.layout import State
from oscillo.measures import Moments, Running
from oscillo.network import NetworkSpec
from oscillo.network.network import Network, Way
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.recording import TrajectoryStore
from oscillo.simulation.ensemble import EnsembleSpec, build, stacked_layer, varied
from oscillo.simulation.initial import InitialSpec
from oscillo.simulation.observables import Moment, ObservableSpec, Series, Summary
from oscillo.simulation.recording import SERIES, STATES, SimulationRecording, Times
from oscillo.stacking import of_samples
from oscillo.training import Checkpoints

_SECONDS_BETWEEN_COMMITS = 20.0
_BYTES_BETWEEN_COMMITS = 64 * 2**20
_STEPS_BETWEEN_LOOKS = 64
"""Steps after which it is looked whether to stop, to commit, and what to show."""


@dataclass(frozen=True)
class Course:
    """How long a simulation goes, and when it is recorded; all in steps."""

    steps: int
    transient: int
    """Steps at the beginning that the summary leaves out."""
    recorded_from: int
    every: int
    states_every: int | None
    """None when states are not kept."""


class Simulation:
    """Integrates all members together, batch beside batch, and hands what is observed to a store.

    Args:
        network: one layer of oscillators.
        sites: the grid.
        course: how long.
        initial: where members start.
        ensemble: the members.
        observables: what is taken from them.
        seed: of the run.
        device: where it runs.
        dtype: float32 or float64.
        batch: members that are integrated at once; all when left out.
        arriving: what the stimulus is made of, [*sites, channel]; None for nothing.
    """

    def __init__(
        self, network: NetworkSpec, sites: tuple[int, ...], course: Course, *, initial: InitialSpec,
        ensemble: EnsembleSpec, observables: list[ObservableSpec], seed: int, device: torch.device,
        dtype: torch.dtype, batch: int | None = None, arriving: Tensor | None = None,
    ) -> None:  # fmt: skip
        self.course, self.initial, self.seed, self.device, self.dtype = course, initial, seed, device, dtype
        self.members = ensemble.members
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            specs = (varied(network, member.parameters) for member in self.members)
            seeds = (seed + (member.seed << 32) for member in self.members)
            layers = (build(spec, sites, one) for spec, one in zip(specs, seeds, strict=True))
            layer = stacked_layer(layers, 3 + len(sites))
        finally:
            torch.set_default_dtype(before)
        assert isinstance(layer, OscillatorLayer)
        self.layer: OscillatorLayer = layer.to(device, dtype).requires_grad_(False)
        self.dt = layer.dt.detach()
        if isinstance(layer.integrator, Dopri5):
            layer.integrator.raises = len(self.members) == 1
        built = [spec.build(layer, float(self.dt) * course.every) for spec in observables]
        self.series = [one for one in built if isinstance(one, Series)]
        self.summaries = [one for one in built if isinstance(one, Summary)]
        first = course.recorded_from
        states = None if course.states_every is None else Times(first, course.states_every, course.steps)
        times = Times(first, course.every, course.steps)
        self.recording = SimulationRecording(layer, built, ensemble, times, states, dtype)
        self._batches = torch.arange(len(self.members), device=device).split(batch or len(self.members))
        self._parts = [of_samples(layer, rows) for rows in self._batches]
        self._features = None if arriving is None else arriving.to(device, dtype).unsqueeze(0)
        self._moments = Moments()

    @property
    def work(self) -> float:
        """Numbers in all states times evaluations of the right-hand side, about: what the run will cost."""
        shape, integrator = self.layer.shape, self.layer.integrator
        evaluations = integrator.evaluations or 20  # solvers that choose their steps; a guess
        return float(len(self.members) * shape.positions * shape.channels * self.course.steps * evaluations)

    def compile(self) -> None:
        """Have steps compiled when first taken."""
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
        self.layer.compile(dynamic=False)
        self._parts = [of_samples(self.layer, rows) for rows in self._batches]

    def run(
        self, store: TrajectoryStore, checkpoints: Checkpoints, *, check: Callable[[], None] = lambda: None,
        show: Callable[[int, dict[str, float]], None] = lambda step, numbers: None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Go from where the checkpoint stands, or from the start, to the end.

        Args:
            store: takes what is observed.
            checkpoints: of the run; the last one is the state at the end.
            check: called now and then; may raise to stop, and what was done is then committed.
            show: told the steps done, and numbers to show.

        Returns:
            The summary, [sample, ...] by name.

        Raises:
            FloatingPointError: when every member has diverged; what was recorded until then is committed.
        """
        self.recording.declare(store)
        progress = self._resumed(store, checkpoints)
        if progress is None:
            self.recording.write_members(store)
            progress = self._started()
        pending = _Pending(self.recording)
        try:
            while progress.step < self.course.steps:
                last = min(progress.step + _STEPS_BETWEEN_LOOKS, self.course.steps)
                self._advance(progress, last, pending)
                show(progress.step, pending.numbers)
                self._refuse_if_all_diverged(progress)
                check()
                if pending.due:
                    self._commit(store, checkpoints, progress, pending)
            self._observe(progress, pending, final=True)
            self._refuse_if_all_diverged(progress)
        finally:
            self._commit(store, checkpoints, progress, pending)
        summary = self._summary(progress)
        self.recording.finish(store, summary)
        return summary

    def _started(self) -> _Progress:
        index = torch.tensor([member.seed for member in self.members], device=self.device)
        given = self.initial.states(self.layer, Draws(self.seed, index))
        x, v = (given[name].to(self.device, self.dtype) if name in given else None for name in ("x", "v"))
        assert x is not None
        states = [
            part.initial_state(x[rows], None if v is None else v[rows])
            for part, rows in zip(self._parts, self._batches, strict=True)
        ]
        state = {name: torch.cat([one[name] for one in states]) for name in states[0]}
        nan = torch.full((len(self.members),), torch.nan, dtype=torch.float64)
        return _Progress(0, -1, state, {}, nan, torch.full((len(self.members),), -1))

    def _advance(self, progress: _Progress, last: int, pending: _Pending) -> None:
        """Take all members from the step they stand at to another; observe them before every step that is due."""
        halts = [k for k in range(progress.step + 1, last) if self._due(k)]
        for end in [*halts, last]:
            self._observe(progress, pending)
            progress.whole = False
            self._steps(progress, progress.step, end)
            progress.step, progress.whole = end, True

    def _due(self, step: int) -> bool:
        states = self.recording.states
        return self.recording.series.has(step) or (states is not None and states.has(step))

    @torch.no_grad()
    def _steps(self, progress: _Progress, first: int, last: int) -> None:
        parts = []
        for layer, rows in zip(self._parts, self._batches, strict=True):
            state = {name: value[rows] for name, value in progress.state.items()} if len(self._batches) > 1 else progress.state
            noise, stimulus = self._noise(layer, state, rows), self._stimulus(layer, len(rows))
            for k in range(first, last):
                state, _ = layer(state, stimulus, time_of(k, self.dt), self.dt, noise and noise(k))
            parts.append(state)
        progress.state = parts[0] if len(parts) == 1 else {name: torch.cat([p[name] for p in parts]) for name in parts[0]}

    def _noise(self, layer: OscillatorLayer, state: State, rows: Tensor) -> Noise | None:
        if not layer.is_noisy:
            return None
        index = torch.tensor([self.members[row].seed for row in rows.tolist()], device=self.device)
        return Network([layer], 0).noise(0, state, Way([self.course.steps], Draws(self.seed, index)))

    def _stimulus(self, layer: OscillatorLayer, samples: int) -> Tensor | None:
        if self._features is None:
            if layer.stimulus.needs_input:
                return None
            seen = layer.seen
            nothing = torch.zeros((), device=self.device, dtype=self.dtype)
            return layer.stimulus_of(nothing.expand(samples, *seen.sites, seen.channels))
        return layer.stimulus_of(self._features.expand(samples, *self._features.shape[1:]))

    @torch.no_grad()
    def _observe(self, progress: _Progress, pending: _Pending, *, final: bool = False) -> None:
        """Measure all members where they stand, as far as something is due."""
        step, recording = progress.step, self.recording
        t = time_of(step, self.dt)
        now = {SERIES: recording.series.has(step), STATES: recording.states is not None and recording.states.has(step)}
        if step <= progress.observed or not (any(now.values()) or final):
            return
        progress.observed = step
        self._mark_diverged(progress, float(t))
        if now[STATES]:
            pending.take(STATES, float(t), recording.state_record(progress.state))
        if not now[SERIES]:
            return
        moments = [
            Moment(layer, {name: value[rows] for name, value in progress.state.items()}, self._stimulus(layer, len(rows)), t)
            for layer, rows in zip(self._parts, self._batches, strict=True)
        ]
        found: dict[str, Tensor] = {}
        for series in self.series:
            measured = [series.measure(moment) for moment in moments]
            found |= {name: torch.cat([one[name] for one in measured]) for name in measured[0]}
        pending.take(SERIES, float(t), found)
        if step >= self.course.transient:
            self._sum_up(progress, moments, found)

    def _sum_up(self, progress: _Progress, moments: list[Moment], found: dict[str, Tensor]) -> None:
        """Take an observation into the summaries."""
        for variable in self.recording.moments:
            self._note(progress, variable.name, found[variable.name])
        for number, summary in enumerate(self.summaries):
            prefix = f"summary{number}."
            kept = _under(progress.running, prefix)
            parts = []
            for moment, rows in zip(moments, self._batches, strict=True):
                own = {name: value[rows] for name, value in kept.items()} if kept else summary.start(moment)
                parts.append(summary.update(own, moment))
            progress.running |= {f"{prefix}{name}": torch.cat([p[name] for p in parts]) for name in parts[0]}

    def _note(self, progress: _Progress, name: str, values: Tensor) -> None:
        kept = _under(progress.running, f"moments.{name}.") or self._moments.start(values)
        progress.running |= {f"moments.{name}.{key}": value for key, value in self._moments.update(kept, values).items()}

    def _mark_diverged(self, progress: _Progress, t: float) -> None:
        """Note when a member is first seen not to be finite, and which oscillator it was."""
        x = progress.state["x"]
        finite = torch.isfinite(x.flatten(1).sum(1)).cpu()
        fresh = ~finite & progress.diverged_at.isnan()
        for sample in fresh.nonzero().flatten().tolist():
            bad = (~torch.isfinite(x[sample])).movedim(-2, 0).any(0).flatten()
            progress.diverged_at[sample], progress.diverged_oscillator[sample] = t, int(bad.int().argmax())

    def _refuse_if_all_diverged(self, progress: _Progress) -> None:
        at = progress.diverged_at
        if bool(at.isnan().any()):
            return
        last = int(at.argmax())
        largest = progress.largest
        told = "" if largest is None else f"; when last recorded, the largest number of the state was {largest:.4g}"
        which = "" if len(at) == 1 else f" (the last of {len(at)} samples, number {last})"
        raise FloatingPointError(
            f"the trajectory diverged before t = {float(at[last]):g}{which}: oscillator "
            f"{int(progress.diverged_oscillator[last])} is not a finite number any more{told}; try a smaller step size, or "
            "weaker coupling"
        )

    def _summary(self, progress: _Progress) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for number, summary in enumerate(self.summaries):
            kept = _under(progress.running, f"summary{number}.")
            parts = [summary.result({name: value[rows] for name, value in kept.items()}) for rows in self._batches]
            found |= {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        for variable in self.recording.moments:
            result = self._moments.result(_under(progress.running, f"moments.{variable.name}."))
            found |= {f"{variable.name}_mean": result["mean"], f"{variable.name}_std": result["deviation"]}
        state, samples = progress.state, len(self.members)
        steps = torch.full((samples,), self.course.steps)
        zero = torch.zeros(samples, dtype=torch.int64)
        fixed = steps * self.layer.integrator.evaluations
        found |= {
            "steps": state.get("accepted", steps), "rejected": state.get("rejected", zero),
            "evaluations": state.get("evaluations", fixed), "drift": state.get("drift", zero.double()).double(),
            "diverged_at": progress.diverged_at, "diverged_oscillator": progress.diverged_oscillator,
        }  # fmt: skip
        return found

    def _commit(
        self, store: TrajectoryStore, checkpoints: Checkpoints, progress: _Progress, pending: _Pending
    ) -> None:
        """Make what was observed and where all members stand what a reader sees and a resumed run starts from."""
        pending.flush(store)
        store.commit()
        if progress.whole:  # else something broke off within a step, and the run goes on from the checkpoint before
            checkpoints.save(progress.step, progress.content | {"lengths": store.lengths})

    def _resumed(self, store: TrajectoryStore, checkpoints: Checkpoints) -> _Progress | None:
        saved = checkpoints.load(self.device)
        store.truncate({} if saved is None else saved["lengths"])
        return None if saved is None else _Progress.of(saved)


@dataclass
class _Progress:
    """Where a simulation stands."""

    step: int
    observed: int
    """The last step that was observed."""
    state: State
    running: Running
    """What summaries keep, by their number and name."""
    diverged_at: Tensor
    diverged_oscillator: Tensor
    whole: bool = True
    """Whether the state is that of the step; while steps are taken it is not."""

    @property
    def largest(self) -> float | None:
        finite = self.state["x"][torch.isfinite(self.state["x"])]
        return float(finite.abs().max()) if finite.numel() else None

    @property
    def content(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        return {
            "step": self.step, "observed": self.observed, "state": self.state, "running": self.running,
            "diverged_at": self.diverged_at, "diverged_oscillator": self.diverged_oscillator,
        }  # fmt: skip

    @classmethod
    def of(cls, saved: dict[str, Any]) -> _Progress:
        """From a checkpoint."""
        marks = saved["diverged_at"].cpu(), saved["diverged_oscillator"].cpu()
        return cls(saved["step"], saved["observed"], saved["state"], saved["running"], *marks)


class _Pending:
    """What was observed and is not in the store yet."""

    def __init__(self, recording: SimulationRecording) -> None:
        self.recording = recording
        self.numbers: dict[str, float] = {}
        self._clear()
        self._since = time.monotonic()

    def _clear(self) -> None:
        self.rows: dict[str, list[dict[str, Tensor]]] = {SERIES: [], STATES: []}
        self.times: dict[str, list[float]] = {SERIES: [], STATES: []}
        self._bytes = 0

    def take(self, group: str, t: float, found: dict[str, Tensor]) -> None:
        """Keep what was found at a time."""
        held = {name: value.detach().to("cpu", copy=True) for name, value in found.items()}
        self.rows[group].append(held)
        self.times[group].append(t)
        self._bytes += sum(value.numel() * value.element_size() for value in held.values())
        if group == SERIES:
            self.numbers = {
                variable.long_name: float(held[variable.name].double().nanmean()) for variable in self.recording.moments[:3]
            }

    @property
    def due(self) -> bool:
        """Whether it is time for a commit."""
        return self._bytes > _BYTES_BETWEEN_COMMITS or time.monotonic() - self._since > _SECONDS_BETWEEN_COMMITS

    def flush(self, store: TrajectoryStore) -> None:
        """Hand everything to the store."""
        self.recording.append(store, self.rows, self.times)
        self._clear()
        self._since = time.monotonic()


def _under(running: Running, prefix: str) -> Running:
    return {name.removeprefix(prefix): value for name, value in running.items() if name.startswith(prefix)}
