"""Porting the reference's weights, and reading its checkpoints."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oscillo_tasks.sudoku.model import SudokuModel
from oscillo_tasks.sudoku.reference import (
    LayerSettings,
    ReferenceMismatch,
    attention_order,
    channel_order,
    layer_network,
    layer_weights,
    state_layout,
    sudoku_network,
    sudoku_settings,
    sudoku_weights,
)
from oscillo_tasks.sudoku.reference_checkpoint import import_checkpoint
from safetensors import safe_open
from safetensors.torch import load_file

from oscillo.network import Network, NetworkSpec, reference_energies


def published(n: int = 4, ch: int = 16, layers: int = 1, heads: int = 2, *, shared: bool = True) -> dict[str, Any]:
    """A state_dict with the keys and shapes of the released Sudoku model."""
    shapes: dict[str, tuple[int, ...]] = {"gamma": (1,), "x0": (1, ch, 9, 9), "embedding.weight": (10, ch)}
    for layer in range(layers):
        at, blocks = f"layers.{layer}.", (81, ch // heads // 2, 2, 2)
        shapes |= {f"{at}0.omg.omg_param": (2,) if shared else (ch // 2, 2)}
        shapes |= {f"{at}0.connectivity.mat_{name}": blocks for name in "qkvo"}
        shapes |= {f"{at}0.connectivity.W_qkv.weight": (3 * ch, ch, 1, 1), f"{at}0.connectivity.W_qkv.bias": (3 * ch,)}
        shapes |= {f"{at}0.connectivity.W_o.weight": (ch, ch, 1, 1), f"{at}0.connectivity.W_o.bias": (ch,)}
        shapes |= {f"{at}1.0.invconv.weight": (n * ch, ch, 1, 1), f"{at}1.0.invconv.bias": (n * ch,)}
        shapes |= {f"{at}1.0.bias": (ch,)}
        for name in ("1.fn.fn.0.fn.2", "1.fn.fn.1.fn.2", "2.fn.2"):
            shapes |= {f"{at}1.{name}.weight": (ch, ch, 1, 1), f"{at}1.{name}.bias": (ch,)}
    shapes |= {"out.1.weight": (9, ch, 1, 1), "out.1.bias": (9,)}
    generator = torch.Generator().manual_seed(0)
    return {key: 0.3 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def answer(weights: dict[str, Any], steps: int, puzzles: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    found = sudoku_settings(weights, {"T": steps})
    model = SudokuModel(network_of(sudoku_network(found)), 9)
    model.load_state_dict(sudoku_weights(weights, found))
    with torch.no_grad():
        return model(puzzles, noise=noise)


def network_of(spec: NetworkSpec) -> Network:
    return spec.build(spec.resolve_sites(None))


def board_and_noise(n: int, ch: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    puzzles = torch.randint(0, 10, (2, 9, 9), generator=generator)
    return puzzles, torch.randn(2, 9, 9, n, ch // n, generator=generator)


@settings(max_examples=20, deadline=None)
@given(n=st.sampled_from([2, 4]), heads=st.integers(1, 4), layers=st.integers(1, 3), shared=st.booleans())
def test_settings_are_read_off_the_shapes(n: int, heads: int, layers: int, shared: bool) -> None:
    ch = 4 * heads * n
    weights = published(n, ch, layers, heads, shared=shared)
    found = sudoku_settings(weights)
    assert (found.n, found.ch, found.L, found.heads, found.global_omg) == (n, ch, layers, heads, shared)
    assert (found.J, found.gta, found.nl, found.use_omega, found.c_norm) == ("attn", True, True, True, None)
    network_of(sudoku_network(found))  # and such a network can be built


@given(n=st.integers(1, 6), oscillators=st.integers(1, 6))
def test_states_and_channels_are_reordered_alike(n: int, oscillators: int) -> None:
    ch = n * oscillators
    maps = torch.arange(2 * ch * 6.0).view(2, ch, 2, 3)
    state = state_layout(maps, n)
    assert state.shape == (2, 2, 3, n, oscillators)
    found = LayerSettings(n=n, ch=ch, J="conv", steps=1)
    assert torch.equal(state.flatten(-2), maps.movedim(1, -1)[..., channel_order(found)])
    assert all(state[1, 1, 2, k, o] == maps[1, o * n + k, 1, 2] for k in range(n) for o in range(oscillators))


@given(heads=st.integers(1, 5), size=st.integers(1, 7))
def test_attention_channels_keep_their_head(heads: int, size: int) -> None:
    order = attention_order(heads * size, heads)
    assert sorted(order.tolist()) == list(range(heads * size))
    assert torch.equal(order % heads, torch.arange(heads).repeat_interleave(size))
    if size % 2 == 0:  # channels p and p + size / 2 of our heads were neighbours
        within = (order // heads).view(heads, 2, size // 2)
        assert torch.equal(within[:, 1], within[:, 0] + 1)
        assert torch.equal(within[:, 0], torch.arange(0, size, 2).expand(heads, -1))


def test_frequencies_turn_the_other_way_with_the_length_of_their_row() -> None:
    found = LayerSettings(n=4, ch=8, J="conv", ksize=1, c_norm=None, use_omega=True, steps=1)
    weights = {"omg.omg_param": torch.tensor([[3.0, 4.0], [0.0, -1.0], [0.6, 0.8], [5.0, 12.0]])}
    weights |= {"connectivity.weight": torch.zeros(8, 8, 1, 1), "connectivity.bias": torch.zeros(8)}
    omega = layer_weights(weights, found, (2, 2))["layers.0.oscillators.frequency.omega"]
    torch.testing.assert_close(omega, torch.tensor([[-5.0, -1.0], [-1.0, -13.0]]))  # [plane, oscillator]


@given(values=st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=6))
def test_reference_energies_lag_one_step(values: list[float]) -> None:
    assert reference_energies(torch.tensor(values)).tolist() == [0.0, *values[:-1]]


def test_reference_energies_need_a_step() -> None:
    with pytest.raises(ValueError, match="steps 0"):
        reference_energies(torch.empty(0, 3))


@pytest.mark.parametrize("key", sorted(published(layers=2)))
def test_every_key_is_needed_and_no_other_is_taken(key: str) -> None:
    weights = published(layers=2)
    found = sudoku_settings(weights)
    if key != "x0":
        with pytest.raises(ReferenceMismatch, match=key):
            sudoku_weights({name: value for name, value in weights.items() if name != key}, found)
        with pytest.raises(ReferenceMismatch, match=key):
            sudoku_weights(weights | {key: torch.zeros(3, 1)}, found)
    with pytest.raises(ReferenceMismatch, match=f"{key}_more"):
        sudoku_weights(weights | {f"{key}_more": torch.zeros(3)}, found)


def test_unfitting_settings_are_refused() -> None:
    with pytest.raises(ReferenceMismatch, match="even dimension"):
        layer_network(LayerSettings(n=3, ch=12, J="conv", use_omega=True, steps=1), (4, 4))
    with pytest.raises(ReferenceMismatch, match="heads do not divide"):
        layer_network(LayerSettings(n=2, ch=12, J="attn", steps=1), (4, 4))
    with pytest.raises(ValueError, match="multiple of the dimension"):
        layer_network(LayerSettings(n=5, ch=12, J="conv", steps=1), (4, 4))


def ema(weights: dict[str, Any]) -> dict[str, Any]:
    online = {f"online_model.{key}": value + 1 for key, value in weights.items()}
    average = {f"ema_model.{key}": value for key, value in weights.items()}
    return online | average | {"initted": torch.tensor(True), "step": torch.tensor(9000)}


FORMATS = {
    "state_dict": lambda weights: weights,
    "model_state_dict": lambda weights: {"model_state_dict": weights, "epoch": 99, "loss": 0.1},
    "ema_model": ema,
    "ema_in_model_state_dict": lambda weights: {"model_state_dict": ema(weights)},
    "online_model": lambda weights: {f"online_model.{key}": value for key, value in weights.items()},
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_checkpoint_gives_the_same_answers(tmp_path: Path, name: str) -> None:
    n, ch = 4, 16
    weights = published(n, ch, layers=2, shared=False)
    torch.save(FORMATS[name](weights), tmp_path / "reference.pth")
    summary = import_checkpoint(tmp_path / "reference.pth", tmp_path / "weights.safetensors", steps=3)
    assert summary.source == ("ema_model" if name.startswith("ema") else name)
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        metadata = file.metadata()
    spec = NetworkSpec.model_validate(json.loads(metadata["network"]))
    assert spec == summary.network
    model = SudokuModel(network_of(spec), json.loads(metadata["digits"]))
    model.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    puzzles, noise = board_and_noise(n, ch)
    with torch.no_grad():
        assert torch.equal(model(puzzles, noise=noise), answer(weights, 3, puzzles, noise))
    held = {name: value for name, value in weights.items() if name != "x0"}
    frequencies = 2 * ch // 2  # two numbers become one
    assert summary.parameters == sum(value.numel() for value in held.values()) - frequencies + 1


def test_half_precision_is_read(tmp_path: Path) -> None:
    weights = {key: value.half() for key, value in published().items()}
    torch.save(weights, tmp_path / "half.pth")
    import_checkpoint(tmp_path / "half.pth", tmp_path / "weights.safetensors")
    assert {value.dtype for value in load_file(tmp_path / "weights.safetensors").values()} == {torch.float32}


class Harmful:
    """What a checkpoint must not be able to make."""

    def __reduce__(self) -> Any:
        return print, ("ran",)


def lacking(key: str) -> dict[str, Any]:
    return {name: value for name, value in published().items() if name != key}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (torch.zeros(3), "a Tensor in place of named tensors"),
        ({"epoch": 3}, "epoch: not tensors by name"),
        ({0: torch.zeros(3)}, "0: not tensors by name"),
        ({}, "embedding.weight"),
        ({"weight": torch.zeros(3, 3)}, "embedding.weight"),
        (lacking("gamma"), "gamma"),
        (lacking("layers.0.0.connectivity.mat_q"), "layers.0.0.connectivity.mat_q"),
        (lacking("out.1.bias"), "out.1.bias"),
        (published() | {"embedding.weight": torch.zeros(10)}, "shapes that no SudokuAKOrN has"),
        (published() | {"out.2.weight": torch.zeros(3)}, "out.2.weight"),
        ({"model_state_dict": [1, 2]}, "a list in place"),
        ({"model": Harmful()}, r"it holds print, which only code in the file could make"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_files_are_refused(tmp_path: Path, content: Any, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "reference.pth", tmp_path / "weights.safetensors"
    torch.save(content, path)
    with pytest.raises(ReferenceMismatch, match=reason) as caught:
        import_checkpoint(path, out)
    assert "reference.pth is no checkpoint" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["reference.pth"]
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("zipped", [True, False])
def test_no_one_is_told_to_load_without_care(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "reference.pth"
    torch.save({"model": Path("a")}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        ReferenceMismatch, match=r"it holds pathlib\S*\.\w*Path, .* torch\.save\(model\.state_dict"
    ) as caught:
        import_checkpoint(path, tmp_path / "weights.safetensors")
    told = "".join(traceback.format_exception(caught.value))
    assert "weights_only=" not in told and "set to `False`" not in told and "add_safe_globals" not in told


@pytest.mark.parametrize("content", [b"", b"no tensors at all", b"PK\x03\x04 cut short"])
def test_files_without_tensors_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reference.pth").write_bytes(content)
    with pytest.raises(ReferenceMismatch, match="is no checkpoint of AKOrN"):
        import_checkpoint(tmp_path / "reference.pth", tmp_path / "weights.safetensors")


def test_no_steps_are_refused(tmp_path: Path) -> None:
    torch.save(published(), tmp_path / "reference.pth")
    with pytest.raises(ValueError, match="at least one step"):
        import_checkpoint(tmp_path / "reference.pth", tmp_path / "weights.safetensors", steps=0)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        import_checkpoint(tmp_path / "none.pth", tmp_path / "weights.safetensors")
    torch.save(published(), tmp_path / "reference.pth")
    with pytest.raises(FileNotFoundError, match="no folder"):
        import_checkpoint(tmp_path / "reference.pth", tmp_path / "nowhere" / "weights.safetensors")
