"""Selections name the entries that the same words name in Python, and nothing outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from oscillo.observables import Chosen, indices

CHOSEN: TypeAdapter[int | str | list[int]] = TypeAdapter(Chosen)
LENGTHS = st.integers(1, 40)


@given(length=LENGTHS, data=st.data())
def test_a_number_is_the_first_ones(length: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, length))
    assert indices(CHOSEN.validate_python(n), length, "members") == list(range(n))
    assert indices(None, length, "members") == list(range(length))


@given(length=LENGTHS, data=st.data())
def test_a_list_is_kept_in_its_order(length: int, data: st.DataObject) -> None:
    given_ones = data.draw(st.lists(st.integers(0, length - 1), min_size=1, unique=True))
    assert indices(CHOSEN.validate_python(given_ones), length, "sites") == given_ones


PART = st.none() | st.integers(-45, 45)


@given(length=LENGTHS, first=PART, end=PART, step=st.none() | st.integers(1, 9), space=st.sampled_from(["", " "]))
def test_a_range_is_that_of_python_or_refused(
    length: int, first: int | None, end: int | None, step: int | None, space: str
) -> None:
    parts = ["" if part is None else str(part) for part in (first, end)] + ([] if step is None else [str(step)])
    text = f"{space}:{space}".join(parts)
    known = list(range(length))[slice(first, end, step)]
    inside = all(part is None or -length <= part <= length for part in (first, end))
    if known and inside:
        assert indices(CHOSEN.validate_python(text), length, "oscillators") == known
    else:
        with pytest.raises(ValueError, match=f"reaches outside or names nothing: there are {length} oscillators"):
            indices(CHOSEN.validate_python(text), length, "oscillators")


@pytest.mark.parametrize(("chosen", "words"), [
    (11, "the first 11 are asked for, and there are 10 members"),
    ([3, 10], "10 is asked for, and there are 10 members, 0 to 9"),
    ([-1], "-1 is asked for, and there are 10 members, 0 to 9"),
    ("8:12", "`8:12` reaches outside or names nothing: there are 10 members, 0 to 9"),
    ("5:5", "`5:5` reaches outside or names nothing"),
])  # fmt: skip
def test_what_is_not_there_is_told(chosen: int | str | list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        indices(CHOSEN.validate_python(chosen), 10, "members")


@pytest.mark.parametrize(("chosen", "words"), [
    (0, "greater than or equal to 1"), (-3, "greater than or equal to 1"), ([], "at least one, and none twice"),
    ([1, 2, 1], "at least one, and none twice"), ("all", "`all` is no range; write it as first:end"),
    ("1:5:0", "`1:5:0` is no range"), ("1:5:-1", "`1:5:-1` is no range"), ("3", "`3` is no range"), ("", "no range"),
    ("1:2:3:4", "no range"), ("1.5:3", "no range"),
])  # fmt: skip
def test_what_is_no_selection_is_told(chosen: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CHOSEN.validate_python(chosen)
