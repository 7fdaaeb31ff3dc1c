"""What the groups and arrays of one store have to agree in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from oscillo.recording.declarations import ArrayDeclaration, check_name
from oscillo.recording.open_array import OpenArray

GENERATION = re.compile(r"@\d+$")
"""What follows the name of a group that has replaced another of the same name."""


def below(path: str, groups: Iterable[str]) -> bool:
    """Whether a path is one of some groups, or lies in one of them."""
    return any(path == group or path.startswith(f"{group}/") for group in groups)


def check_group(group: str, arrays: Sequence[ArrayDeclaration], beside: Iterable[str]) -> None:
    """Refuse a group whose name or arrays do not fit.

    Args:
        group: its path.
        arrays: all it will hold.
        beside: paths of the arrays that the store has.

    Raises:
        ValueError: when it lies inside another or holds one, or its arrays differ along a dimension.
    """
    for part in group.split("/"):
        check_name(GENERATION.sub("", part), "group")
    for other in {str(PurePosixPath(path).parent) for path in beside} - {group}:
        if below(other, [group]) or below(group, [other]):
            raise ValueError(f"{group} and {other}: a group with arrays cannot lie inside another")
    sizes: dict[str, int] = {}
    for array in arrays:
        for dim, length in zip(array.dims, array.shape, strict=True):
            if sizes.setdefault(dim, length) != length:
                raise ValueError(f"{group}: {array.name} has {length} along {dim}, others {sizes[dim]}")


def check_staged(group: str, arrays: Iterable[ArrayDeclaration], committed: Iterable[str]) -> None:
    """Refuse to stage what cannot be.

    Raises:
        ValueError: when the group is committed, or one of its arrays grows.
    """
    if group in committed:
        raise ValueError(f"{group} is committed: what replaces it is staged under another name")
    for array in arrays:
        if array.append_dim is not None:
            raise ValueError(f"{group}/{array.name} grows: arrays of a staged group have a fixed shape")


def check_lengths(arrays: Mapping[str, OpenArray]) -> None:
    """Refuse to commit arrays of a group that grew by different lengths.

    Raises:
        ValueError: with the lengths.
    """
    lengths: dict[tuple[str, str], dict[str, int]] = {}
    for path, array in arrays.items():
        if array.axis is not None:
            dim = array.document["dimension_names"][array.axis]
            lengths.setdefault((str(PurePosixPath(path).parent), dim), {})[path] = array.length
    for (group, dim), found in lengths.items():
        if len(set(found.values())) > 1:
            raise ValueError(f"{group}: its arrays grew along {dim} by different lengths: {found}")


def check_form(path: str, array: ArrayDeclaration, committed: Mapping[str, Any]) -> None:
    """Refuse to go on with an array that has another form; its blocks stay as they were planned.

    Raises:
        ValueError: with both forms.
    """
    grows = [dim == array.append_dim for dim in array.dims]
    kept = [None if free else length for free, length in zip(grows, committed["shape"], strict=False)]
    asked = [None if free else length for free, length in zip(grows, array.shape, strict=True)]
    found = (committed["dimension_names"], kept, committed["data_type"])
    wanted = (array.document["dimension_names"], asked, array.document["data_type"])
    if found != wanted:
        raise ValueError(
            f"{path} was recorded with dimensions, shape and type {found}, and is declared with {wanted} now"
        )
