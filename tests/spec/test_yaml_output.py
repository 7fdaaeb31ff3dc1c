from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sample_spec import ClipSpec, HeadsBondSpec, LayerSpec, RootSpec, SpringBondSpec, SumBondSpec

from oscillo.spec import Document, spec_hash, to_yaml, validate
from oscillo.spec.source import Source
from oscillo.spec.yaml_text import parse_yaml

numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["no", "1e-3", "null", "~", "012", "0o7", "1_000", ".inf", "2026-11-21", "12:30", "- a", "a: b", "#", "<<", "="]
)
heads = st.builds(HeadsBondSpec, heads=st.integers(1, 64), position=st.sampled_from(["none", "gta"]))
bonds = st.recursive(
    heads | st.builds(SpringBondSpec, strength=numbers),
    lambda inner: st.builds(SumBondSpec, terms=st.lists(inner, min_size=1, max_size=3)),
    max_leaves=5,
)
layers = st.builds(LayerSpec, channels=st.just(math.lcm(*range(1, 65))), bond=bonds, tied=st.none() | heads)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
specs = st.builds(
    RootSpec,
    name=texts,
    layers=st.lists(layers, max_size=2),
    by_name=st.dictionaries(texts, layers, max_size=2),
    clip=st.none() | numbers | st.builds(ClipSpec, norm=numbers),
    device=st.sampled_from(["auto", "cpu", 3]),
    givens=st.tuples(st.integers(), st.integers()),
    learn=st.booleans(),
    rate=st.floats(min_value=1e-300, exclude_min=True, allow_infinity=False),
    notes=st.dictionaries(texts, plain, max_size=3),
    folder=st.none() | st.just(Path("a/b c")),
)


@given(specs)
@settings(max_examples=80, deadline=None)
def test_a_declaration_survives_yaml(spec):
    located = parse_yaml(Source("resolved", to_yaml(spec)))
    again = validate(RootSpec, Document.from_mapping(located.plain))
    assert again == spec and spec_hash(again) == spec_hash(spec)
    assert to_yaml(again) == to_yaml(spec)


def test_yaml_has_the_order_of_the_fields_and_the_defaults():
    spec = RootSpec(layers=[LayerSpec(channels=8), LayerSpec(channels=8)], rate=1e-5, clip=2)
    assert to_yaml(spec) == (
        "version: 2\nname: unnamed\nplugins: []\nlayers:\n"
        + "  - channels: 8\n    bond: {kind: heads, heads: 8, position: none}\n    tied: null\n" * 2
        + "by_name: {}\nclip: 2.0\ndevice: auto\ngivens: [31, 42]\nlearn: true\nrate: 1e-05\nnotes: {}\nfolder: null\n"
    )


def test_the_hash_sees_every_value_and_no_order():
    spec = RootSpec(notes={"a": 1, "b": 2})
    assert spec_hash(spec) == spec_hash(RootSpec(notes={"b": 2, "a": 1}))
    assert spec_hash(spec) != spec_hash(RootSpec(notes={"a": 1, "b": 3}))
    assert len(spec_hash(spec)) == 64
