"""Numbers as people read them in a page."""

from __future__ import annotations

import math
from typing import Any

from oscillo.plotting.statistics import percent

_HELD = "\u00a0"
"""A space at which no line ends."""

_PLAIN = 1e-3
"""Numbers below are written with a power of ten."""


def number(value: Any) -> str:
    """A number in four digits, whole ones in full; an empty text for None and for what is not a number."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    value = float(value)
    if not math.isfinite(value):
        return "" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value.is_integer() and abs(value) < 1e9:
        return _minus(f"{value:,.0f}")
    if _PLAIN <= abs(value) < 1e6:
        return _minus(f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.4g}")
    digits, power = f"{value:.3e}".split("e")
    return _minus(f"{digits.rstrip('0').rstrip('.')}{_HELD}×{_HELD}10") + _raised(int(power))


def rounded(value: float) -> str:
    """A number in two digits, for what stands behind ±."""
    return number(float(f"{value:.2g}"))


def measured(name: str, value: Any) -> str:
    """The value of a metric: accuracies as shares in percent, everything else as a number."""
    if is_share(name) and isinstance(value, int | float) and 0 <= value <= 1:
        return percent(value).replace(" ", _HELD)
    return number(value)


def is_share(name: str) -> bool:
    """Whether a metric of that name is a share of samples."""
    return name.endswith(("accuracy", "singles_only"))


def title(name: str) -> str:
    """The name of a metric or a variable as words."""
    return name.replace("_", " ").replace("/", " · ")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _raised(power: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] if digit != "-" else "⁻" for digit in str(power))
