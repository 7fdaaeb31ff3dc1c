"""Compare our networks with states, energies and logits that AKOrN's released code computed.

    python tests/golden/compare.py ARRAYS.npz SETTINGS.json

For every case of SETTINGS (its name -> the reference's settings) ARRAYS holds `<case>/weights/<key of the reference's
state_dict>` and either a layer

    <case>/x0, /c [sample, channel, y, x], /states [step, sample, channel, y, x], /energies [step + 1, sample]

or a Sudoku model

    <case>/givens [sample, y, x], /x0_noise [sample, channel, y, x], /logits [sample, y, x, digit],
    /layer<l>/states_last [sample, channel, y, x], /layer<l>/energies [step + 1, sample].

Prints the largest errors of every quantity. Relative is an error to the number itself, or to a tenth of the largest
number of the same sample where that is more: energies and logits pass through zero. Exits with 0 when every state
agrees within 2e-4 and every energy and logit within 1e-4 relatively, with 1 when not, and with 2 when a file cannot be
read, lacks a key, or holds one that does not fit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from oscillo_tasks.sudoku.model import SudokuModel
from oscillo_tasks.sudoku.reference import (
    LayerSettings,
    SudokuSettings,
    digits_of,
    layer_network,
    layer_weights,
    state_layout,
    sudoku_network,
    sudoku_settings,
    sudoku_weights,
)
from pydantic import ValidationError
from torch import Tensor

from oscillo.integrators.loop import Measures
from oscillo.layout import State, join
from oscillo.network import Network, NetworkSpec, reference_energies

STATE_LIMIT = 2e-4
"""Largest absolute error of a state."""
RELATIVE_LIMIT = 1e-4
"""Largest relative error of an energy or logit."""
DESCRIPTIVE = frozenset({"shape"})
"""Settings that only repeat what the arrays show."""


class Unusable(ValueError):
    """A file cannot be read, or lacks something."""


class Row(NamedTuple):
    """Largest errors of one quantity of one case."""

    case: str
    quantity: str
    absolute: float
    relative: float
    agrees: bool


class Case:
    """Arrays of one case, by their names within it."""

    def __init__(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.name = name
        prefix = f"{name}/"
        self.arrays = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        self.weights = {
            key.removeprefix("weights/"): value for key, value in self.arrays.items() if key.startswith("weights/")
        }
        self.asked = {f"weights/{key}" for key in self.weights}

    def tensor(self, key: str, axes: int) -> Tensor:
        """The array as float32, which must have that many axes."""
        self.asked.add(key)
        if key not in self.arrays:
            raise Unusable(f"the array {self.name}/{key} is missing")
        array = self.arrays[key]
        if array.ndim != axes or array.dtype.kind not in "fiu":
            raise Unusable(f"{self.name}/{key} is {array.dtype} {list(array.shape)}, and needs {axes} axes of numbers")
        return torch.from_numpy(array.astype(np.float32))


class Trajectory:
    """An observer that keeps states and pseudo-energies of every layer."""

    def __init__(self, layers: int) -> None:
        self.states: list[list[Tensor]] = [[] for _ in range(layers)]
        self.energies: list[list[Tensor]] = [[] for _ in range(layers)]

    def __call__(self, layer: int, step: int, state: State, measures: Measures) -> None:
        """Keep what the network tells."""
        self.states[layer].append(state["x"])
        self.energies[layer].append(measures["pseudo_energy"])

    def reference_energies(self, layer: int) -> Tensor:
        """Energies as the reference counts them, [step, sample]."""
        return reference_energies(torch.stack(self.energies[layer]))


def errors(case: Case, quantity: str, ours: Tensor, theirs: Tensor, *, sample_axis: int = 0) -> Row:
    """Largest errors, and whether they are within the limits."""
    if ours.shape != theirs.shape:
        raise Unusable(
            f"{case.name}/{quantity} should be {list(ours.shape)}, in our layout, and is {list(theirs.shape)}"
        )
    difference = (ours.double() - theirs.double()).abs().movedim(sample_axis, 0).flatten(1)
    size = theirs.double().abs().movedim(sample_axis, 0).flatten(1)
    if not difference.numel():
        return Row(case.name, quantity, 0.0, 0.0, True)
    size = size.maximum(0.1 * size.amax(dim=1, keepdim=True))
    relative = torch.where(difference == 0, 0.0, difference / size)
    absolute_most, relative_most = float(difference.max()), float(relative.max())
    off, limit = (absolute_most, STATE_LIMIT) if "states" in quantity else (relative_most, RELATIVE_LIMIT)
    return Row(case.name, quantity, absolute_most, relative_most, off <= limit)  # NaN does not agree


def compare_layer(case: Case, declared: Mapping[str, Any]) -> list[Row]:
    """Run a layer and compare every state and energy."""
    settings = LayerSettings(**declared)
    x0, c = case.tensor("x0", 4), case.tensor("c", 4)
    if x0.shape != c.shape or x0.shape[1] != settings.ch:
        raise Unusable(f"{case.name}: x0 is {list(x0.shape)}, c is {list(c.shape)}, and ch is {settings.ch}")
    grid = (x0.shape[2], x0.shape[3])
    network = _built(layer_network(settings, grid))
    network.load_state_dict(layer_weights(case.weights, settings, grid))
    seen = Trajectory(1)
    network(join(state_layout(c, settings.n)), state_layout(x0, settings.n), observe=seen)
    states = torch.stack(seen.states[0])[1:]
    return [
        errors(case, "states", states, state_layout(case.tensor("states", 5), settings.n), sample_axis=1),
        errors(case, "energies", seen.reference_energies(0), case.tensor("energies", 2), sample_axis=1),
    ]


def compare_sudoku(case: Case, declared: Mapping[str, Any]) -> list[Row]:
    """Run a Sudoku model and compare logits, last states and energies."""
    settings = sudoku_settings(case.weights, declared)
    givens, noise = case.tensor("givens", 3).long(), case.tensor("x0_noise", 4)
    digits = digits_of(case.weights)
    if noise.shape != (len(givens), settings.ch, *givens.shape[1:]):
        raise Unusable(f"{case.name}: x0_noise is {list(noise.shape)}, givens {list(givens.shape)}, ch {settings.ch}")
    if givens.numel() and not 0 <= int(givens.min()) <= int(givens.max()) <= digits:
        raise Unusable(f"{case.name}/givens must be 0 .. {digits}")
    model = SudokuModel(_built(sudoku_network(settings)), digits)
    model.load_state_dict(sudoku_weights(case.weights, settings))
    seen = Trajectory(settings.L)
    logits = model(givens, noise=state_layout(noise, settings.n), observe=seen)
    rows = [errors(case, "logits", logits, case.tensor("logits", 4))]
    for layer in range(settings.L):
        last = state_layout(case.tensor(f"layer{layer}/states_last", 4), settings.n)
        energies = case.tensor(f"layer{layer}/energies", 2)
        rows.append(errors(case, f"layer{layer}/states_last", seen.states[layer][-1], last))
        rows.append(errors(case, f"layer{layer}/energies", seen.reference_energies(layer), energies, sample_axis=1))
    return rows


def _built(spec: NetworkSpec) -> Network:
    return spec.build(spec.resolve_sites(None))


@torch.inference_mode()
def compare_case(name: str, declared: Any, arrays: Mapping[str, np.ndarray]) -> list[Row]:
    """Compare one case; a layer has `x0`, a Sudoku model has `givens`."""
    if not isinstance(declared, Mapping):
        raise Unusable(f"the settings of {name} are no object of names and values")
    case = Case(name, arrays)
    sudoku = "givens" in case.arrays or ("x0" not in case.arrays and not name.startswith("layer"))
    kind = SudokuSettings if sudoku else LayerSettings
    known = {key: value for key, value in declared.items() if key in kind.model_fields}
    rows = compare_sudoku(case, known) if sudoku else compare_layer(case, known)
    unread = [*(set(declared) - set(known) - DESCRIPTIVE), *(set(case.arrays) - case.asked)]
    if unread:
        print(f"{name}: not read: {', '.join(sorted(unread))}", file=sys.stderr)
    return rows


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except Exception as error:  # whatever zipfile, zlib and numpy make of the bytes
        raise Unusable(f"{path} cannot be read as an npz file: {error}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """Settings of all cases."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(settings, dict) or not settings:
        raise Unusable(f"{path} holds no cases: it must map each case to its settings")
    return settings


def table(rows: list[Row]) -> str:
    """The rows as text."""
    head = ("case", "quantity", "absolute", "relative", "")
    lines = [(r.case, r.quantity, f"{r.absolute:.2e}", f"{r.relative:.2e}", "ok" if r.agrees else "OFF") for r in rows]
    wide = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    padded = ([word.ljust(width) for word, width in zip(line, wide, strict=True)] for line in (head, *lines))
    return "\n".join("  ".join(words).rstrip() for words in padded)


def reason(error: ValueError) -> str:
    """What is wrong, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
    return str(error)


def main(arguments: list[str] | None = None) -> int:
    """Compare all cases and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("arrays", type=Path, help="npz file of weights, inputs, states, energies and logits")
    parser.add_argument("settings", type=Path, help="JSON file of the settings of every case")
    paths = parser.parse_args(arguments)
    rows: list[Row] = []
    problems: list[str] = []
    try:
        arrays, settings = read_arrays(paths.arrays), read_settings(paths.settings)
    except Unusable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    named = tuple(f"{name}/" for name in settings)
    stray = {key.split("/")[0] for key in arrays if not key.startswith(named)}
    problems += [f"{paths.settings} has no settings for the case {name}" for name in sorted(stray)]
    for name, declared in settings.items():
        try:
            rows += compare_case(name, declared, arrays)
        except ValueError as error:  # Unusable, ReferenceMismatch, or pydantic's
            problems.append(f"{name}: {reason(error)}")
    print(table(rows))
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 2 if problems else int(not all(row.agrees for row in rows))


if __name__ == "__main__":
    sys.exit(main())
