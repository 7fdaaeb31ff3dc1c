from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo import draws
from oscillo.draws import Draws, normal, philox, uniform, uniform_numbers

ONES = 0xFFFFFFFF
# Known answers of philox4x32-10 from the Random123 distribution (Salmon et al. 2011).
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]  # fmt: skip

seeds = st.integers(0, 2**63 - 1)
indices = st.lists(st.integers(0, 2**40), min_size=1, max_size=8)


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]) -> None:
    found = philox(tuple(torch.tensor([word]) for word in counter), key)
    assert tuple(int(word) for word in found) == words


def test_known_answers_with_keys_as_tensors() -> None:
    columns = [torch.tensor(column) for column in zip(*(counter for counter, _, _ in KNOWN), strict=True)]
    keys = [torch.tensor(column) for column in zip(*(key for _, key, _ in KNOWN), strict=True)]
    found = torch.stack(philox(tuple(columns), (keys[0], keys[1])), dim=1)
    assert found.tolist() == [list(words) for _, _, words in KNOWN]


@given(seeds, indices, st.integers(0, 1000), st.integers(0, 10**6), st.integers(0, 5), st.randoms())
def test_a_sample_draws_the_same_wherever_it_stands(seed, index, member, step, purpose, random) -> None:
    key = {"member": member, "step": step, "purpose": purpose}
    together = normal(seed, torch.tensor(index), (3, 5), **key)
    order = list(range(len(index)))
    random.shuffle(order)
    assert torch.equal(normal(seed, torch.tensor(index)[order], (3, 5), **key), together[order])
    for position, number in enumerate(index):
        assert torch.equal(normal(seed, torch.tensor([number]), (3, 5), **key)[0], together[position])


def test_member_and_step_may_differ_within_a_batch() -> None:
    index, member, step = torch.tensor([4, 4, 9]), torch.tensor([0, 1, 1]), torch.tensor([7, 7, 8])
    together = uniform(3, index, (6,), member=member, step=step)
    for row, (i, m, s) in enumerate(zip(index.tolist(), member.tolist(), step.tolist(), strict=True)):
        assert torch.equal(uniform(3, torch.tensor([i]), (6,), member=m, step=s)[0], together[row])


def test_a_longer_draw_begins_like_a_shorter_one() -> None:
    index = torch.arange(3)
    assert torch.equal(uniform(1, index, (4,)), uniform(1, index, (11,))[:, :4])


def test_every_part_of_the_key_matters() -> None:
    key = {"seed": 1, "index": 2, "member": 3, "step": 4, "purpose": 5}

    def drawn(**changes: int) -> Tensor:
        full = key | changes
        index = torch.tensor([full["index"]])
        return uniform(full["seed"], index, (16,), member=full["member"], step=full["step"], purpose=full["purpose"])

    variants = [drawn()] + [
        drawn(**{name: value}) for name in key for value in (key[name] + 1, key[name] + 100, key[name] + 2**20)
    ]
    variants += [drawn(seed=1 + 2**32), drawn(index=2 + 2**32)]
    variants += [drawn(index=3, member=2), drawn(member=4, step=3), drawn(step=5, purpose=4)]
    every = torch.cat(variants)
    # Unrelated draws of 16 numbers share none but by an accident of 24 bits.
    assert (torch.pdist(every) > 0.3).all()


def test_uniform_moments_and_independence() -> None:
    u = uniform(11, torch.arange(20_000), (4,)).double()
    n = u.numel()
    assert abs(float(u.mean()) - 0.5) < 4.5 * math.sqrt(1 / 12 / n)
    assert abs(float(u.var()) - 1 / 12) < 4.5 * math.sqrt(1 / 180 / n)
    counts = torch.histc(u, bins=50, min=0, max=1)
    chi_square = float(((counts - n / 50).square() / (n / 50)).sum())
    assert chi_square < 49 + 4.5 * math.sqrt(2 * 49)
    correlation = torch.corrcoef(torch.cat((u, u.roll(1, 0)), dim=1).T) - torch.eye(8)
    assert correlation.abs().max() < 4.5 / math.sqrt(20_000)


def test_normal_moments_and_independence() -> None:
    z = normal(12, torch.arange(20_000), (5,)).double()
    n = z.numel()
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(float(z.pow(power).mean()) - moment) < 4.5 * math.sqrt(variance / n)
    correlation = torch.corrcoef(torch.cat((z, z.roll(1, 0)), dim=1).T) - torch.eye(10)
    assert correlation.abs().max() < 4.5 / math.sqrt(20_000)


@pytest.mark.parametrize("word", [0, ONES, 0x80000000, 0xFFFFFF00])
def test_uniform_never_reaches_its_ends(word: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "_words", lambda *key: torch.full((1, 4), word))
    u = uniform(0, torch.tensor([0]), (4,))
    assert (u > 0).all() and (u < 1).all()
    assert torch.isfinite(normal(0, torch.tensor([0]), (4,))).all()


@pytest.mark.parametrize("word", [0, ONES, 0x80000000, 0xFFFFFF00])
def test_numbers_without_sample_never_reach_the_ends(word: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "_words", lambda *key: torch.full((1, 8), word))
    u = uniform_numbers(0, (4,), purpose=0)
    assert (u > 0).all() and (u < 1).all()
    assert_close(u, torch.full((4,), (word + 0.5) / 2**32, dtype=torch.float64), rtol=0, atol=2**-26)


def test_numbers_without_sample_are_uniform_to_the_last_bit() -> None:
    u = uniform_numbers(3, (100, 400), purpose=7).flatten()
    assert u.dtype == torch.float64 and len(u.unique()) == len(u)
    for scale in (1, 2.0**26, 2.0**40):  # of both words, of the second, of its last twelve bits
        share = (u * scale).frac().sort().values
        steps = torch.arange(len(u) + 1) / len(u)
        apart = torch.maximum((share - steps[:-1]).abs(), (share - steps[1:]).abs()).max()
        assert math.sqrt(len(u)) * apart < 2.0
    assert not torch.equal(u, uniform_numbers(3, (100, 400), purpose=8).flatten())
    assert not torch.equal(u, uniform_numbers(4, (100, 400), purpose=7).flatten())
    assert torch.equal(uniform_numbers(3, (5,), purpose=7), u[:5])


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3, 5)])
def test_shapes(shape: tuple[int, ...]) -> None:
    assert normal(0, torch.arange(4), shape).shape == (4, *shape)
    assert uniform(0, torch.arange(4), shape).dtype == torch.float32
    assert normal(0, torch.arange(0), shape).shape == (0, *shape)


def test_a_key_in_hand_draws_what_its_parts_draw() -> None:
    key = Draws(5, torch.arange(3), member=2, step=9)
    assert torch.equal(key.normal((4,), purpose=1), normal(5, torch.arange(3), (4,), member=2, step=9, purpose=1))
    assert torch.equal(key.uniform((4,)), uniform(5, torch.arange(3), (4,), member=2, step=9))
