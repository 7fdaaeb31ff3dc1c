from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from oscillo.couplings.kept import Kept


class Squares(nn.Module):
    """Squares of numbers, and how often they were computed."""

    numbers: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("numbers", torch.arange(4.0))
        self.kept, self.count = Kept(), 0

    def forward(self, power: int = 2) -> Tensor:
        return self.kept.get((self.numbers,), lambda: self.compute(power), power)

    def compute(self, power: int) -> Tensor:
        self.count += 1
        return self.numbers**power


def test_what_is_kept_is_computed_once() -> None:
    squares = Squares()
    for _ in range(3):
        assert squares().equal(torch.arange(4.0) ** 2) and squares(3).equal(torch.arange(4.0) ** 3)
    assert squares.count == 2


def written(squares: Squares) -> None:
    squares.numbers[1] = 7.0


def written_behind(squares: Squares) -> None:
    squares.numbers.data.mul_(2)


def replaced(squares: Squares) -> None:
    squares.numbers = torch.full((4,), 0.5)


def loaded(squares: Squares) -> None:
    squares.load_state_dict({"numbers": torch.tensor([3.0, 1.0, 4.0, 1.0])})


def assigned(squares: Squares) -> None:
    squares.load_state_dict({"numbers": torch.tensor([3.0, 1.0, 4.0, 1.0])}, assign=True)


def shortened(squares: Squares) -> None:
    squares.numbers = torch.arange(2.0)


def cast(squares: Squares) -> None:
    squares.double()


@pytest.mark.parametrize("change", [written, written_behind, replaced, loaded, assigned, shortened, cast])
def test_a_change_of_the_numbers_is_seen(change: Callable[[Squares], None]) -> None:
    squares = Squares()
    squares(), squares(3)
    change(squares)
    for power in (2, 3):
        assert squares(power).equal(squares.numbers**power) and squares(power).dtype == squares.numbers.dtype


def test_a_copy_keeps_its_own() -> None:
    squares = Squares()
    squares()
    other = copy.deepcopy(squares)
    other.numbers.add_(1)
    assert other().equal(torch.arange(1.0, 5.0) ** 2) and squares().equal(torch.arange(4.0) ** 2)
    assert squares.count == 1


def test_other_numbers_for_a_single_call() -> None:
    squares = Squares()
    squares()
    assert torch.func.functional_call(squares, {"numbers": torch.ones(2)}).equal(torch.ones(2))
    assert squares().equal(torch.arange(4.0) ** 2)


def test_what_was_kept_without_gradients_serves_with_gradients() -> None:
    squares = Squares()
    with torch.inference_mode():
        squares()
    x = torch.ones(4, requires_grad=True)
    (squares() * x).sum().backward()
    assert squares.count == 1 and x.grad is not None and x.grad.equal(squares.numbers**2)


def test_so_many_are_kept_and_no_more() -> None:
    squares = Squares()
    for _ in range(2):
        for power in range(100):
            assert squares(power).equal(squares.numbers**power)
    assert len(squares.kept._results) <= 16


def test_compiled_code_computes() -> None:
    squares = Squares()
    compiled = torch.compile(lambda: squares() + 1, backend="eager", fullgraph=True)
    for _ in range(2):
        assert compiled().equal(squares.numbers**2 + 1)
        squares.numbers.add_(1)
