from __future__ import annotations

from typing import Literal

import pytest
from pydantic import ValidationError
from sample_spec import BondSpec, HeadsBondSpec, LayerSpec

from oscillo.spec import ComponentSpec, register, registered
from oscillo.spec.source import Source
from oscillo.spec.yaml_text import parse_yaml


def test_kinds_are_listed_by_role_in_order():
    assert list(registered("bond")["bond"]) == ["heads", "spring", "sum"] and list(registered()) == ["bond"]
    assert registered("nothing") == {"nothing": {}}


def test_a_kind_is_taken_once():
    class Other(BondSpec):
        kind: Literal["heads"] = "heads"

    with pytest.raises(ValueError, match=r"bond kind 'heads' is taken by sample_spec\.HeadsBondSpec"):
        register(Other)
    assert register(HeadsBondSpec) is HeadsBondSpec


@pytest.mark.parametrize("body", [{}, {"role": "bond"}, {"kind": "x"}])
def test_a_kind_needs_a_role_and_a_word(body):
    annotations = {"kind": Literal["x"]} if "kind" in body else {}
    made = type("Made", (ComponentSpec,), {"__annotations__": annotations, "__module__": __name__, **body})
    with pytest.raises(TypeError, match="needs a role"):
        register(made)


@pytest.mark.parametrize("given", ["heads", "head", "nothing like it", 3, None, ["heads"]])
def test_the_example_of_a_message_is_a_good_value(given):
    with pytest.raises(ValidationError) as refusal:
        LayerSpec(channels=8, bond=given)
    example = refusal.value.errors()[0]["ctx"]["example"]
    assert LayerSpec(channels=8, bond=parse_yaml(Source("example"), example).plain).bond == HeadsBondSpec()


def test_declarations_are_immutable_and_closed():
    layer = LayerSpec(channels=8)
    with pytest.raises(ValidationError, match="frozen"):
        layer.channels = 9
    with pytest.raises(ValidationError, match="Extra inputs"):
        LayerSpec(channels=8, chanels=9)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="takes a number, not true"):
        LayerSpec(channels=True)
