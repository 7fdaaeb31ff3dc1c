from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.spec import SpecError, read_document
from oscillo.spec.overrides import apply_overrides
from oscillo.spec.source import Origin, Source, located

LEAVES = st.integers(-5, 5) | st.booleans() | st.text("uvw", min_size=1, max_size=3)
TREES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
        ),
        max_leaves=8,
    ),
    min_size=1,
)


def changed(tree, *overrides):
    return apply_overrides(located(tree, {(): Origin(Source("t"))}), overrides)


def paths(tree, prefix=()):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in items:
        yield (*prefix, key)
        yield from paths(child, (*prefix, key))


@given(TREES, st.data())
@settings(max_examples=50, deadline=None)
def test_an_override_changes_its_path_and_nothing_else(tree, data):
    path = data.draw(st.sampled_from(list(paths(tree))))
    before = copy.deepcopy(tree)
    result = changed(tree, f"{'.'.join(map(str, path))}=[77, {{k: no}}]")
    wanted = copy.deepcopy(tree)
    parent = wanted
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = [77, {"k": "no"}]
    assert result.plain == wanted and tree == before
    origins = dict(result.origins())
    assert {p for p, origin in origins.items() if origin.source.name == "command line, override 1"} == {
        p for p in origins if p[: len(path)] == path
    }


@given(TREES, st.data())
@settings(max_examples=50, deadline=None)
def test_setting_and_removing_a_new_key_gives_the_first_tree(tree, data):
    mappings = [(), *(p for p in paths(tree) if isinstance(_at(tree, p), dict))]
    path = ".".join(map(str, (*data.draw(st.sampled_from(mappings)), "new")))
    assert changed(tree, f"{path}=1", f"~{path}").plain == tree


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def test_values_follow_the_rules_of_the_file(write):
    name = write("a.yaml", "version: 2\na: {b: 1}\nlayers: [{c: 1}, {c: 2}]\n")
    overrides = ["a.b=1e-3", "a.c=no", "layers.1.c=[1, 2]", "a.d={x: null}", "a.e=012", "name=a=b", "x.y.z='5'"]
    document = read_document(name, overrides)
    assert document.data == {
        "version": 2, "a": {"b": 0.001, "c": "no", "d": {"x": None}, "e": 12},
        "layers": [{"c": 1}, {"c": [1, 2]}], "name": "a=b", "x": {"y": {"z": "5"}},
    }  # fmt: skip
    origin = document.origin(("layers", 1, "c"))
    assert (origin.place, origin.key, origin.value) == ("command line, override 3", (1, 10), (1, 12))
    assert document.origin(("layers", 1)).place == "a.yaml:3:18"
    assert document.origin(("x", "y")).key == (1, 3)
    assert document.overrides == tuple(overrides)


@pytest.mark.parametrize(
    ("override", "column", "words"),
    [
        ("training.epochs", 1, "not an override"),
        ("=3", 1, "not an override"),
        ("a..b=3", 1, "not an override"),
        ("a. b=3", 1, "not an override"),
        ("~a=3", 1, "not an override"),
        ("a.x=", 5, "no value after `=`"),
        ("a.x=[1", 7, "not YAML"),
        ("a.b.c=3", 5, "`a.b` is 1 and has no keys"),
        ("layers.2.c=3", 8, "list with items 0 to 1"),
        ("layers.-1.c=3", 8, "list with items 0 to 1"),
        ("layers.first=3", 8, "list with items 0 to 1"),
        ("~a.bb", 4, "no `bb` to remove"),
        ("~a.q.r", 4, "no `q` to remove"),
        ("version=7", 9, "newer"),
    ],
)
def test_overrides_that_lead_nowhere(write, override, column, words):
    name = write("a.yaml", "version: 2\na: {b: 1}\nlayers: [{c: 1}, {c: 2}]\n")
    with pytest.raises(SpecError) as caught:
        read_document(name, ["a.ok=1", override])
    [problem] = caught.value.problems
    assert problem.where == "command line, override 2" and problem.column == column
    assert words in problem.message and problem.source_line == override


def test_all_wrong_overrides_are_told(write):
    name = write("a.yaml", "version: 2\n")
    with pytest.raises(SpecError) as caught:
        read_document(name, ["nothing", "~gone", "a=1", "a.b=2"])
    assert [p.where[-1] for p in caught.value.problems] == ["1", "2", "4"]
