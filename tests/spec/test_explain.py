from __future__ import annotations

import pytest
from sample_spec import KINDS, ClipSpec, RootSpec

from oscillo.spec import Spec, explain, spec_reference


class LimitSpec(Spec):
    """Another declaration with a field that ClipSpec has."""

    norm: int = 1


def test_a_role_lists_its_kinds():
    role = explain("bond")
    assert role.summary == "What ties two oscillators."
    assert role.kinds == {"heads": "A bond with heads.", "spring": "A spring.", "sum": "A sum of bonds."}


def test_a_kind_has_fields_with_type_bounds_default_and_meaning():
    kind = explain("bond.heads")
    assert kind.text == "Its second paragraph."
    heads, position = kind.fields
    assert (heads.type, heads.bounds, heads.default, heads.meaning) == (
        "integer",
        "> 0, <= 64",
        "8",
        "Number of heads.",
    )
    assert position.type == "`none` or `gta`" and position.default == '"none"'
    assert explain("bond.spring").fields[0].default is None


@pytest.mark.parametrize(
    ("target", "title", "fields"),
    [
        ("", "the spec", list(RootSpec.model_fields)),
        ("layers", "layers", ["channels", "bond", "tied"]),
        ("layers.0.channels", "layers.channels", ["channels"]),
        ("layers.0.bond.terms.1.position", "layers.bond.terms.position", ["position"]),
        ("layers.tied.spring", "layers.tied.spring", ["strength"]),
        ("by_name.bond.heads", "by_name.bond.heads", ["heads", "position"]),
        ("clip", "clip", ["norm"]),
        ("givens", "givens", ["givens"]),
        ("bond.sum.terms.heads.heads", "bond.sum.terms.heads.heads", ["heads"]),
        ("norm", "clip.norm", ["norm"]),
        ("tied", "layers.tied", ["tied"]),
        ("terms.heads.position", "bond.sum.terms.heads.position", ["position"]),
    ],
)  # fmt: skip
def test_paths_lead_into_the_spec(target, title, fields):
    found = explain(target, RootSpec)
    assert (found.title, [entry.name for entry in found.fields]) == (title, fields)


def test_a_path_to_a_component_lists_kinds_and_the_default():
    found = explain("layers.bond", RootSpec)
    assert list(found.kinds) == ["heads", "spring", "sum"]
    assert found.fields[0].default == '{"kind": "heads", "heads": 8, "position": "none"}'


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("bnd", "did you mean `bond`"),
        ("layers.chanels", "no `chanels` in `layers`; did you mean `channels`"),
        ("bond.heads.zzz", "known: kind, heads, position"),
    ],
)
def test_unknown_targets_name_the_nearest(target, words):
    with pytest.raises(ValueError, match=words):
        explain(target, RootSpec)


def test_a_bare_name_of_several_fields_names_them():
    class TwiceSpec(RootSpec):
        clips: ClipSpec
        limit: LimitSpec

    with pytest.raises(ValueError, match=r"more than one `norm`: `clip\.norm`, `limit\.norm`"):
        explain("norm", TwiceSpec)


def test_text_and_markdown_hold_everything():
    text = explain("bond.heads").to_text()
    assert text.startswith("bond.heads: A bond with heads.")
    assert "  heads  (integer; > 0, <= 64; default 8)\n      Number of heads." in text
    page = spec_reference(RootSpec)
    for spec in (RootSpec, *KINDS):
        for name in spec.model_fields:
            assert name == "kind" or f"| `{name}` |" in page
    for heading in ("## `the spec`", "### `layers`", "### `clip`", "## `bond`", "### `bond.sum`"):
        assert f"{heading}\n" in page
    assert "| `strength` | number | required |" in page
