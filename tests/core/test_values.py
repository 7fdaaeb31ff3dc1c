from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from oscillo.values import read_array, read_values, value_problems

NUMBERS = [0.5, -1.25, 3e-7]

floats = st.floats(-1e6, 1e6)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Paths are relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@given(floats)
def test_one_number_is_that_of_all(number: float) -> None:
    value = read_values(number, 7)
    assert value.shape == () and value.dtype == torch.float64 and value.item() == number
    assert not value_problems(number, 7)


@given(st.lists(floats, min_size=1, max_size=9))
def test_a_list_has_one_number_for_each(numbers: list[float]) -> None:
    values = read_values(numbers, len(numbers))
    assert values.dtype == torch.float64 and values.tolist() == numbers
    (problem,) = value_problems(numbers, len(numbers) + 1)
    assert problem == f"the list has {len(numbers)} numbers, and there are {len(numbers) + 1} oscillators"


@pytest.mark.parametrize("source", ["a.npy", "a.txt", "a.csv", "a.npz:power", "deep/a.npz:power"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "bool"])
def test_every_file_gives_back_its_numbers(folder: Path, source: str, dtype: str) -> None:
    numbers = np.array([1, 0, 1] if dtype in ("int16", "bool") else NUMBERS).astype(dtype)
    write(folder, source, numbers)
    values = read_values(source, 3)
    assert values.shape == (3,) and values.dtype == torch.float64
    assert_close(values, torch.from_numpy(numbers.astype(np.float64)), rtol=1e-15, atol=0)
    assert_close(read_values(str(folder / source), 3), values, rtol=0, atol=0)


def write(folder: Path, source: str, numbers: np.ndarray) -> None:
    file, _, name = source.partition(":")
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    if name:
        np.savez(path, **{name: numbers, "other": numbers[:1]})
    elif path.suffix == ".npy":
        np.save(path, numbers)
    else:
        np.savetxt(path, numbers[None], delimiter="," if path.suffix == ".csv" else " ")


@pytest.mark.parametrize("shape", [(3, 1), (1, 3)])
def test_rows_and_columns_are_lists_too(folder: Path, shape: tuple[int, int]) -> None:
    np.save(folder / "a.npy", np.array(NUMBERS).reshape(shape))
    assert read_values("a.npy", 3).tolist() == NUMBERS


def test_an_array_is_read_as_it_is(folder: Path) -> None:
    np.savez(folder / "grid.npz", lines=np.arange(6).reshape(2, 3))
    assert np.array_equal(read_array("grid.npz:lines"), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nowhere.npy", "there is no file nowhere.npy (from "),
        ("nowhere.npz:power", "there is no file nowhere.npz"),
        ("grid.npz", "grid.npz holds several arrays: name one"),
        ("grid.npz:weights", "grid.npz: no array 'weights'; there is power, names"),
        ("grid.npz:names", "grid.npz:names holds <U1, and numbers are wanted"),
        ("grid.npz:power", "grid.npz:power has 2 numbers, and there are 3 oscillators"),
        ("hole.npy", "hole.npy has a number that is not finite, at 1"),
        ("words.txt", "words.txt: "),
        ("empty.npy", "empty.npy"),
        ("text.npy", "text.npy"),
        ("torn.npz:power", "torn.npz"),
        ("array.npz:power", "array.npz"),
        ("objects.npy", "objects.npy"),
        ("complex.npy", "holds complex128, and numbers are wanted"),
    ],
)  # fmt: skip
def test_files_that_do_not_serve_are_refused_in_words(folder: Path, source: str, complaint: str) -> None:
    np.savez(folder / "grid.npz", power=np.ones(2), names=np.array(["a", "b", "c"]))
    (folder / "torn.npz").write_bytes((folder / "grid.npz").read_bytes()[:200])
    with (folder / "array.npz").open("wb") as file:
        np.save(file, np.ones(3))
    np.save(folder / "hole.npy", np.array([1.0, np.nan, np.inf]))
    np.save(folder / "objects.npy", np.array([1, "a", None], dtype=object))
    np.save(folder / "complex.npy", np.ones(3) * 1j)
    (folder / "words.txt").write_text("1\ntwo\n3\n")
    (folder / "empty.npy").write_bytes(b"")
    (folder / "text.npy").write_text("1 2 3")
    (problem,) = value_problems(source, 3)
    assert complaint in problem
    with pytest.raises(ValueError, match=source.partition(".")[0] if "complex" not in source else "complex"):
        read_values(source, 3)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    assert "not finite" in value_problems(number, 3)[0]
    assert value_problems([1.0, 2.0, number], 3) == ["the list has a number that is not finite, at 2"]


def test_bounds_are_told_with_the_number_that_breaks_them() -> None:
    assert value_problems([1.0, -0.5, 2.0], 3, least=0) == ["must be at least 0, and the smallest is -0.5"]
    assert value_problems(0.0, 3, above=0) == ["must be greater than 0, and the smallest is 0"]
    assert not value_problems(0.0, 3, least=0) and not value_problems([1e-9, 1.0, 2.0], 3, above=0)
    assert not value_problems(-5.0, 3)
