from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.spec import Document, SpecError, read_document, versions
from oscillo.spec.source import Source
from oscillo.spec.yaml_text import parse_yaml, plain_scalar

POSITIONS = """\
# a comment
version: 2
network:
  layers:
    - {channels: 512, bond: {kind: heads}}
    -   channels: 64
        bond:
          kind: spring
"name": 'quoted'
empty:
ünï: ö
"""


def problems_of(call, *args):
    with pytest.raises(SpecError) as caught:
        call(*args)
    return [(p.line, p.column, p.message) for p in caught.value.problems]


def test_positions_are_exact(write):
    document = read_document(write("a.yaml", POSITIONS))
    network = ("network", "layers")
    places = {
        ("version",): ((2, 1), (2, 10)),
        ("network",): ((3, 1), (4, 3)),
        network: ((4, 3), (5, 5)),
        (*network, 0): ((5, 7), (5, 7)),
        (*network, 0, "channels"): ((5, 8), (5, 18)),
        (*network, 0, "bond", "kind"): ((5, 30), (5, 36)),
        (*network, 1): ((6, 9), (6, 9)),
        (*network, 1, "bond", "kind"): ((8, 11), (8, 17)),
        ("name",): ((9, 1), (9, 9)),
        ("empty",): ((10, 1), (10, 1)),
        ("ünï",): ((11, 1), (11, 6)),
    }
    for path, (key, value) in places.items():
        origin = document.origin(path)
        assert (origin.key, origin.value) == (key, value), path
        assert origin.source.name == "a.yaml"
    assert document.data["name"] == "quoted" and document.data["empty"] is None
    assert document.sources[0].text == POSITIONS
    assert document.origin(("network", "layers", 0, "not", "written")) == document.origin((*network, 0))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), (".5", 0.5), ("1.", 1.0), ("-2.5e+3", -2500.0), ("no", "no"), ("on", "on"),
        ("yes", "yes"), ("012", 12), ("0o17", 15), ("0x1F", 31), ("12:30", "12:30"), ("1_000", "1_000"),
        ("2026-11-21", "2026-11-21"), ("true", True), ("False", False), ("null", None), ("~", None),
        (".inf", math.inf), ("-.INF", -math.inf), ("+7", 7), ("'1'", "1"), ('"no"', "no"), ("1e", "1e"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    parsed = parse_yaml(Source("x", f"a: {text}"))
    found = parsed.plain["a"]
    assert found == value and type(found) is type(value)


def test_not_a_number():
    assert math.isnan(plain_scalar(".nan"))


@given(st.floats(allow_nan=False))
@settings(max_examples=60, deadline=None)
def test_every_float_is_read_back(number):
    text = repr(number).replace("inf", ".inf")
    assert plain_scalar(text) == number and isinstance(plain_scalar(text), float)


def test_all_duplicate_keys_are_told_with_both_lines(write):
    text = "version: 2\na: {x: 1, y: 2, x: 3}\nb: 1\nc: 2\nb: 3\n"
    found = problems_of(read_document, write("a.yaml", text))
    assert found == [(2, 17, "duplicate key, first in line 2"), (5, 1, "duplicate key, first in line 3")]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1\n", 2, 1, "tab"),
        ("a: [1, 2\nb: 3\n", 2, 2, "not YAML"),
        ("a: b: c\n", 1, 5, "mapping values are not allowed"),
        ("a: 'b\n", 2, 1, "not YAML"),
        ("a: *gone\n", 1, 4, "undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, 1, "another document"),
        ("a: !!python/object:os.system 1\n", 1, 4, "tag"),
        ("a: {b: 1}\nc: {<<: 3}\n", 2, 5, "<<"),
        ("? [1, 2]\n: 3\n", 1, 3, "a key must be"),
        ("a: &x [*x]\n", 1, 4, "contains itself"),
        ("a: 1\nb: \x01\n", 2, 4, "character"),
        ("- 1\n", 1, 1, "a spec is a mapping"),
        ("# nothing\n", 1, 1, "holds nothing"),
        ("[" * 1000, 1, 1, "nested too deeply"),
    ],
)
def test_faults_of_the_text_are_located(write, text, line, column, words):
    [(at_line, at_column, message)] = problems_of(read_document, write("a.yaml", text))
    assert (at_line, at_column) == (line, column) and words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\n", "no version"),
        ("version: 99\n", "newer"),
        ("version: one\n", "not a version"),
        ("version: true\n", "not a version"),
        ("version: 0\n", "not a version"),
    ],
)
def test_versions_that_cannot_be_read(write, text, words):
    [(line, _, message)] = problems_of(read_document, write("a.yaml", text))
    assert line == 1 and words in message


def test_a_missing_version_says_what_to_add(write):
    with pytest.raises(SpecError, match="add `version: 2`"):
        read_document(write("a.yaml", "name: x\n"))


def test_older_versions_are_migrated_step_by_step(write, monkeypatch):
    def rename(spec):
        spec["new"] = spec.pop("old")
        return spec

    monkeypatch.setattr(versions, "VERSION", 3)
    monkeypatch.setattr(versions, "MIGRATIONS", {1: rename, 2: lambda spec: {**spec, "added": {"deep": [0]}}})
    write("base.yaml", "version: 3\nkept: 5\nadded: {deep: [7]}\n")
    document = read_document(write("a.yaml", "extends: base.yaml\nversion: 1\nold: {x: 4}\nkept: 6\n"))
    assert document.data == {"version": 3, "kept": 6, "new": {"x": 4}, "added": {"deep": [0]}}
    assert document.origin(("kept",)).value == (4, 7)
    assert document.origin(("new", "x")).source.name == "a.yaml"


def test_a_file_that_is_not_there_or_not_text(write, tmp_path):
    write("sudoku.yaml", "version: 2\n")
    with pytest.raises(SpecError, match=r"there is no file sudoko\.yaml; did you mean `sudoku\.yaml`\?"):
        read_document("sudoko.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(SpecError, match="not UTF-8"):
        read_document("binary.yaml")
    with pytest.raises(SpecError, match="cannot read"):
        read_document(tmp_path)


def test_a_document_from_python_values():
    document = Document.from_mapping({"a": (1, {"b": 2}), 3: None})
    assert document.data == {"a": [1, {"b": 2}], "3": None}
    assert document.file is None and document.origin(("a", 1, "b")).line == 0


@given(st.text(st.sampled_from(list("ab01:-{}[],&*!|>%#?'\"\\~<=. \n\té\x85\u2028")), max_size=25))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_or_refused_with_a_place(text):
    source = Source("x", text)
    try:
        parse_yaml(source)
    except SpecError as error:
        for problem in error.problems:
            assert problem.line >= 1 and problem.column >= 1 and problem.source is source
