"""Charts and the numbers of pages."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oscillo.reporting.chart import Chart, Line
from oscillo.reporting.words import measured, number

NUMBERS = st.floats(-1e6, 1e6)


@given(arrays(float, st.integers(2, 700), elements=st.one_of(NUMBERS, st.just(np.nan))), st.booleans())
def test_lines_stay_within_the_drawing(values: np.ndarray, log: bool) -> None:
    svg = str(Chart("a", "step", [Line("", np.arange(len(values), dtype=float), values)], log=log).svg)
    assert "nan" not in svg and "inf" not in svg
    width, height = map(float, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    (path,) = re.findall(r'class="line c0" d="([^"]*)"', svg)
    points = [tuple(map(float, pair.split())) for pair in re.findall(r"[ML]([-\d.]+ [-\d.]+)", path)]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert len(points) <= 310


@given(arrays(float, st.integers(400, 900), elements=NUMBERS))
def test_thinning_keeps_the_least_and_the_largest(values: np.ndarray) -> None:
    thin = str(Chart("a", "x", [Line("", np.arange(len(values), dtype=float), values)]).svg)
    heights = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", re.findall(r'd="([^"]*)"', thin)[0])]
    if np.ptp(values) > 0:
        # The data span the drawing but for 4 % of room on either side: 186 dots of 230 are between top and bottom.
        assert max(heights) - min(heights) == pytest.approx(186 / 1.08, abs=0.2)


def test_a_line_is_broken_where_a_number_is_missing() -> None:
    y = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    svg = str(Chart("a", "x", [Line("", np.arange(5.0), y)]).svg)
    assert re.findall(r'd="([^"]*)"', svg)[0].count("M") == 2


@given(st.floats(-1e12, 1e12))
def test_numbers_are_read_back_to_three_digits(value: float) -> None:
    text = number(value).replace("−", "-").replace(",", "")
    if "×" in text:
        digits, power = text.split("\u00a0×\u00a010")
        text = f"{digits}e{power.translate(str.maketrans('⁰¹²³⁴⁵⁶⁷⁸⁹⁻', '0123456789-'))}"
    assert float(text) == pytest.approx(value, rel=1e-3)


def test_shares_are_percent_and_what_is_missing_is_empty() -> None:
    assert measured("board_accuracy", 0.9994) == "99.9\u00a0%"
    assert measured("energy", 0.5) == "0.5"
    assert number(None) == number(float("nan")) == ""
