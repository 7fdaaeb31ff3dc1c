from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.spec import SpecError, read_document
from oscillo.spec.composition import merge
from oscillo.spec.source import Origin, Source, located

KEYS = st.sampled_from("abcd")
VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.text("xyz", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=4)
ALIKE = st.recursive(  # the same key holds the same sort of value everywhere
    st.fixed_dictionaries({}, optional={"a": st.integers(0, 9), "b": st.lists(st.integers(0, 9), max_size=2)}),
    lambda inner: st.fixed_dictionaries({}, optional={"a": st.none(), "c": inner, "d": inner}),
    max_leaves=6,
)


def at(value, name):
    return located(value, {(): Origin(Source(name))})


def merged(*values):
    result = at(values[0], "0")
    for i, value in enumerate(values[1:], start=1):
        result = merge(result, at(value, str(i)))
    return result


@given(ALIKE, ALIKE, ALIKE)
@settings(max_examples=50, deadline=None)
def test_merging_is_associative(a, b, c):
    assert merged(a, b, c).plain == merge(at(a, "a"), merged(b, c)).plain


@given(MAPPINGS, MAPPINGS)
@settings(max_examples=50, deadline=None)
def test_merging_is_idempotent_and_keeps_what_is_not_written_over(a, b):
    assert merged(a, a).plain == a == merged({}, a).plain == merged(a, {}).plain
    both = merged(a, b).plain
    assert both == merged(a, b, b).plain and list(both)[: len(a)] == list(a)
    assert all(both[key] == (b if key in b else a)[key] for key in both if not (key in a and key in b))


@given(MAPPINGS, MAPPINGS)
@settings(max_examples=50, deadline=None)
def test_every_merged_value_is_the_one_its_origin_wrote(a, b):
    result = merged(a, b)
    for path, origin in result.origins():
        found, written = result.plain, (a, b)[int(origin.source.name)]
        for key in path:
            found, written = found[key], written[key]
        if not isinstance(found, dict):
            assert found == written


def test_bases_are_relative_to_the_file_and_later_ones_win(write):
    write("parts/first.yaml", "a: {x: 1, y: [1, 2, 3]}\nb: first\n")
    write("parts/deep/base.yaml", "a: {z: 0}\n")
    write("parts/second.yaml", "extends: deep/base.yaml\nb: second\nversion: 2\n")
    main = "version: 2\nextends: [parts/first.yaml, parts/second.yaml]\na:\n  y: [9]\n"
    document = read_document(write("main.yaml", main))
    assert document.data == {"a": {"x": 1, "y": [9], "z": 0}, "b": "second", "version": 2}
    places = {path: document.origin(path).place for path in [("a", "x"), ("a", "z"), ("b",), ("a", "y"), ("a",)]}
    assert places == {
        ("a", "x"): f"parts{os.sep}first.yaml:1:8",
        ("a", "z"): f"parts{os.sep}deep{os.sep}base.yaml:1:8",
        ("b",): f"parts{os.sep}second.yaml:2:4",
        ("a", "y"): "main.yaml:4:6",
        ("a",): "main.yaml:4:3",
    }
    assert [source.file.name for source in document.sources] == [
        "main.yaml", "first.yaml", "second.yaml", "base.yaml",
    ]  # fmt: skip


def test_one_file_may_be_reached_twice(write):
    write("base.yaml", "a: 1\n")
    write("left.yaml", "extends: base.yaml\nb: 2\n")
    write("right.yaml", "extends: base.yaml\nc: 3\n")
    document = read_document(write("main.yaml", "version: 2\nextends: [left.yaml, right.yaml]\n"))
    assert document.data == {"version": 2, "a": 1, "b": 2, "c": 3}


def test_a_cycle_is_told_with_its_route(write):
    write("a.yaml", "version: 2\nextends: b.yaml\n")
    write("b.yaml", "extends:\n  - c.yaml\n")
    write("c.yaml", "extends: b.yaml\n")
    with pytest.raises(SpecError) as caught:
        read_document("a.yaml")
    [problem] = caught.value.problems
    assert problem.message.endswith("b.yaml -> c.yaml -> b.yaml")
    assert problem.where == "c.yaml:1:10"


def test_all_faults_of_all_bases_are_told(write):
    write("bad.yaml", "a: 1\na: 2\n")
    main = "version: 2\nextends:\n  - gone.yaml\n  - bad.yaml\n"
    with pytest.raises(SpecError) as caught:
        read_document(write("main.yaml", main))
    assert [p.where for p in caught.value.problems] == ["main.yaml:3:5", "bad.yaml:2:1"]


@pytest.mark.parametrize("entry", ["3", "[a.yaml, {b: 1}]", "{a: b}"])
def test_extends_takes_file_names_only(write, entry):
    write("a.yaml", "a: 1\n")
    with pytest.raises(SpecError, match="takes a file name"):
        read_document(write("main.yaml", f"version: 2\nextends: {entry}\n"))


def test_a_tilde_removes_or_replaces_what_the_base_has(write):
    write("base.yaml", "version: 2\nbond: {kind: heads, heads: 4}\nema: {decay: 0.9}\n")
    main = "extends: base.yaml\n~bond: {kind: spring, strength: 1}\n~ema:\n"
    document = read_document(write("main.yaml", main))
    assert document.data == {"version": 2, "bond": {"kind": "spring", "strength": 1}}
    with pytest.raises(SpecError, match=r"main\.yaml:3:1 ~bnd: no `bnd` to remove; did you mean `~bond`"):
        read_document(write("main.yaml", "extends: base.yaml\nversion: 2\n~bnd:\n"))
