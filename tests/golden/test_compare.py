"""Our networks against a second, slow implementation of the reference, through `compare.py` itself."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import compare
import numpy as np
import pytest
import reference_by_hand as by_hand
from hypothesis import given, settings
from hypothesis import strategies as st

LAYERS: dict[str, dict[str, Any]] = {
    "layer_defaults": {"n": 2, "ch": 8, "J": "conv", "steps": 3, "shape": [2, 8, 4, 5]},
    "layer_odd_dimension": {"n": 3, "ch": 12, "J": "conv", "ksize": 1, "c_norm": None, "steps": 4,
                            "shape": [1, 12, 3, 3]},
    "layer_planes": {
        "n": 6, "ch": 12, "J": "conv", "ksize": 5, "c_norm": "sandb", "use_omega": True, "init_omg": 0.6, "steps": 4,
        "step_size": 0.7, "shape": [3, 12, 2, 4],
    },
    "layer_whole_site": {"n": 8, "ch": 8, "J": "conv", "use_omega": True, "steps": 3, "shape": [1, 8, 4, 4]},
    "layer_unprojected": {
        "n": 4, "ch": 8, "J": "conv", "apply_proj": False, "c_norm": "none", "steps": 4, "shape": [2, 8, 3, 5]
    },
    "layer_attention": {
        "n": 4, "ch": 16, "J": "attn", "heads": 2, "use_omega": True, "global_omg": True, "steps": 4,
        "step_size": 0.5, "shape": [2, 16, 3, 4],
    },
    "layer_odd_heads": {"n": 5, "ch": 15, "J": "attn", "heads": 5, "steps": 3, "shape": [2, 15, 2, 3]},
    "layer_gta": {
        "n": 2, "ch": 24, "J": "attn", "heads": 4, "gta": True, "hw": [3, 5], "c_norm": "none", "use_omega": True,
        "steps": 4, "step_size": 0.8, "shape": [2, 24, 3, 5],
    },
    "layer_gta_enlarged": {
        "n": 4, "ch": 16, "J": "attn", "gta": True, "hw": [3, 2], "c_norm": "sandb", "steps": 3, "shape": [2, 16, 5, 7]
    },
    "layer_gta_reduced": {
        "n": 4, "ch": 16, "J": "attn", "heads": 2, "gta": True, "hw": [6, 5], "steps": 3, "shape": [1, 16, 4, 2]
    },
}  # fmt: skip
SUDOKUS: dict[str, dict[str, Any]] = {
    "sudoku": {"n": 4, "ch": 16, "T": 3, "heads": 4, "init_omg": 0.5},
    "sudoku_two_layers": {"n": 2, "ch": 12, "L": 2, "T": 3, "heads": 2, "global_omg": False, "learn_omg": True},
    "plain_readout": {"n": 4, "ch": 16, "L": 2, "T": 2, "nl": False, "use_omega": False},
    "sudoku_convolution": {"n": 3, "ch": 12, "L": 2, "T": 2, "J": "conv", "use_omega": False, "c_norm": "gn"},
}


def cases(names: list[str] | None = None) -> dict[str, tuple[dict[str, Any], by_hand.Weights]]:
    made = {name: (declared, by_hand.layer_case(declared, 1)) for name, declared in LAYERS.items()}
    made |= {name: (declared, by_hand.sudoku_case(declared, 2)) for name, declared in SUDOKUS.items()}
    return {name: case for name, case in made.items() if names is None or name in names}


def exit_code(folder: Path, made: dict[str, Any]) -> int:
    return compare.main(by_hand.write(folder, made))


def test_every_kind_of_case_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(tmp_path, cases()) == 0
    out = capsys.readouterr().out
    for name, declared in SUDOKUS.items():
        layers = {
            f"layer{number}/{what}" for number in range(declared.get("L", 1)) for what in ("states_last", "energies")
        }
        assert {line.split()[1] for line in out.splitlines() if line.split()[0] == name} == layers | {"logits"}
    for name in LAYERS:
        assert {line.split()[1] for line in out.splitlines() if line.split()[0] == name} == {"states", "energies"}
    assert "OFF" not in out


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(2, 5))
    attention = draw(st.booleans())
    gta = attention and draw(st.booleans())
    heads = draw(st.sampled_from([1, 2, 3]))
    ch = n * heads * draw(st.integers(1, 2)) * (2 if gta else 1)
    rows, columns = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    declared: dict[str, Any] = {
        "n": n, "ch": ch, "J": "attn" if attention else "conv", "heads": heads, "gta": gta,
        "hw": [draw(st.integers(1, 5)), draw(st.integers(2, 5))],
        "ksize": draw(st.sampled_from([1, 3, 5])), "c_norm": draw(st.sampled_from(["gn", "sandb", "none", None])),
        "use_omega": n % 2 == 0 and draw(st.booleans()), "global_omg": draw(st.booleans()),
        "init_omg": draw(st.floats(0, 1.5)), "apply_proj": draw(st.booleans()),
        "steps": draw(st.integers(1, 4)), "step_size": draw(st.floats(0.1, 1.0)),
        "shape": [draw(st.integers(1, 2)), ch, rows, columns],
    }  # fmt: skip
    return declared


@settings(max_examples=25, deadline=None)
@given(declared=layers(), seed=st.integers(0, 2**16))
def test_any_layer_agrees(declared: dict[str, Any], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert exit_code(Path(folder), {"layer_any": (declared, by_hand.layer_case(declared, seed))}) == 0


def test_a_sudoku_model_on_another_grid_agrees(tmp_path: Path) -> None:
    declared = {"n": 2, "ch": 8, "T": 2, "heads": 2}
    made = {"smaller": (declared, by_hand.sudoku_case(declared, 3, grid=(4, 6)))}
    assert exit_code(tmp_path, made) == 0


@pytest.mark.parametrize(
    "name", ["layer_planes", "layer_defaults", "layer_gta_enlarged", "layer_attention", "sudoku_two_layers"]
)
def test_every_weight_matters(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    declared, arrays = cases([name])[name]
    rng = np.random.default_rng(0)
    for key in [key for key in arrays if key.startswith("weights/") and key != "weights/x0"]:
        moved = arrays[key] + 0.1 * rng.choice([-1, 1], arrays[key].shape) * rng.uniform(0.5, 1.5, arrays[key].shape)
        assert exit_code(tmp_path, {name: (declared, arrays | {key: moved})}) == 1, key
        assert "OFF" in capsys.readouterr().out


def test_the_parameter_the_reference_never_reads_does_not_matter(tmp_path: Path) -> None:
    declared, arrays = cases(["sudoku"])["sudoku"]
    assert exit_code(tmp_path, {"sudoku": (declared, arrays | {"weights/x0": arrays["weights/x0"] + 1})}) == 0
    without = {key: value for key, value in arrays.items() if key != "weights/x0"}
    assert exit_code(tmp_path, {"sudoku": (declared, without)}) == 0


@pytest.mark.parametrize(
    ("name", "key", "change"),
    [
        ("layer_defaults", "states", 3e-4),
        ("layer_defaults", "energies", 1e-2),
        ("layer_defaults", "states", np.nan),
        ("sudoku", "logits", 1e-3),
        ("sudoku_two_layers", "layer1/states_last", 3e-4),
        ("sudoku_two_layers", "layer0/energies", np.nan),
    ],
)
def test_one_wrong_number_is_found(tmp_path: Path, name: str, key: str, change: float) -> None:
    declared, arrays = cases([name])[name]
    wrong = arrays[key].copy()
    wrong.flat[np.argmax(np.abs(wrong))] += change
    assert exit_code(tmp_path, {name: (declared, arrays | {key: wrong})}) == 1


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("layer_gta", {"use_omega": False}),
        ("layer_defaults", {"n": 3}),
        ("layer_defaults", {"ksize": 5}),
        ("layer_defaults", {"steps": "many"}),
        ("layer_attention", {"gta": True}),
        ("layer_attention", {"heads": 3}),
        ("layer_odd_dimension", {"use_omega": True}),
        ("sudoku", {"L": 2}),
        ("sudoku", {"hw": [8, 9]}),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, name: str, changes: dict[str, Any], capsys: Any) -> None:
    declared, arrays = cases([name])[name]
    assert exit_code(tmp_path, {name: (declared | changes, arrays)}) == 2
    assert f"error: {name}: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["layer_gta", "sudoku"])
def test_a_missing_array_is_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    declared, arrays = cases([name])[name]
    declared = {"use_omega": True} | declared
    for key in arrays:
        if key == "weights/x0":
            continue
        less = {other: value for other, value in arrays.items() if other != key}
        assert exit_code(tmp_path, {name: (declared, less)}) == 2, key
        assert key.removeprefix("weights/") in capsys.readouterr().err or key == "givens"


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays, declared = by_hand.write(tmp_path, cases(["layer_defaults"]))
    text = tmp_path / "text"
    text.write_text("no such thing {")
    cut = tmp_path / "cut.npz"
    cut.write_bytes(Path(arrays).read_bytes()[:900])
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    for pair in [
        (str(text), declared),
        (str(cut), declared),
        (arrays, str(text)),
        (arrays, "missing"),
        (arrays, str(empty)),
    ]:
        assert compare.main(list(pair)) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_a_case_without_settings_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = cases(["layer_defaults", "sudoku"])
    arrays, declared = by_hand.write(tmp_path, made)
    Path(declared).write_text('{"sudoku": {"n": 4, "ch": 16, "T": 3, "heads": 4}}')
    assert compare.main([arrays, declared]) == 2
    assert "no settings for the case layer_defaults" in capsys.readouterr().err


def test_as_a_script(tmp_path: Path) -> None:
    declared, arrays = cases(["layer_gta"])["layer_gta"]
    arrays["weights/connectivity.mat_o"][0] *= 1.01
    files = by_hand.write(tmp_path, {"layer_gta": (declared, arrays)})
    done = subprocess.run([sys.executable, str(Path(compare.__file__)), *files], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "OFF" in done.stdout
