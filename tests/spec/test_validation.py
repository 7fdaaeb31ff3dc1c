from __future__ import annotations

import pickle

import pytest
from sample_spec import HeadsBondSpec, RootSpec, SumBondSpec

from oscillo.spec import Document, SpecError, SpecProblem, read_document, validate

FIVE = """\
version: 2
nam: sudoku
layers:
  - channels: 16
    bond: {kind: heads, head: 8}
  - channels: 16
    bond:
      kind: sum
      terms:
        - {kind: heds}
        - {kind: heads, heads: 100}
device: cuda
"""


def told(text_or_name, *overrides):
    with pytest.raises(SpecError) as caught:
        validate(RootSpec, read_document(text_or_name, overrides))
    return caught.value


def test_five_mistakes_give_five_located_messages(write):
    error = told(write("five.yaml", FIVE))
    assert str(error).splitlines()[:3] == [
        "five.yaml:2:1 nam: unknown key; did you mean `name`?",
        "    nam: sudoku",
        "    ^",
    ]
    assert [(problem.where, str(problem).splitlines()[0].partition(" ")[2]) for problem in error.problems] == [
        ("five.yaml:2:1", "nam: unknown key; did you mean `name`?"),
        ("five.yaml:5:25", "layers.0.bond.head: unknown key; did you mean `heads`?"),
        (
            "five.yaml:10:18",
            "layers.1.bond.terms.0.kind: there is no bond of kind 'heds' (known: heads, spring, sum); "
            "did you mean `heads`?",
        ),
        ("five.yaml:11:32", "layers.1.bond.terms.1.heads: must be at most 64, not 100"),
        ("five.yaml:12:9", "device: takes `auto` or `cpu` or an integer, not 'cuda'"),
    ]
    for problem in error.problems:
        line, caret = problem.excerpt.splitlines()
        assert line[4:] == FIVE.splitlines()[problem.line - 1] and caret.index("^") == 4 + problem.column - 1


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ("layers: 3", "2:9", "layers: takes a list, not 3"),
        ("layers:\n  a: 1", "2:1", "layers: takes a list, not a mapping"),
        ("layers: [3]", "2:10", "layers.0: takes a mapping, not 3"),
        ("layers: [true]", "2:10", "layers.0: takes a mapping, not true; write `{}`, for the default fields"),
        ("layers: [{}]", "2:10", "layers.0: needs `channels` (integer)"),
        ("layers:\n  - {channels: x}", "3:16", "layers.0.channels: takes an integer, not 'x'"),
        ("layers: [{channels: 1.5}]", "2:21", "layers.0.channels: takes an integer, not 1.5"),
        ("layers: [{channels: true}]", "2:21", "layers.0.channels: takes a number, not true"),
        ("layers: [{channels: 0}]", "2:21", "layers.0.channels: must be at least 1, not 0"),
        ("layers: [{channels: 12}]", "2:10", "layers.0: 8 heads do not divide 12 channels"),
        ("layers: [{channels: 8, bond: {heads: 8}}]", "2:30",
         "layers.0.bond: a bond needs a `kind` (known: heads, spring, sum)"),
        ("layers: [{channels: 8, bond: heads}]", "2:30",
         "layers.0.bond: takes a bond such as `{kind: heads}`, not 'heads'"),
        ("layers: [{channels: 8, bond: sprin}]", "2:30",
         "layers.0.bond: takes a bond such as `{kind: spring, strength: ...}`, not 'sprin'"),
        ("layers: [{channels: 8, bond: 3}]", "2:30", "layers.0.bond: takes a bond such as `{kind: heads}`, not 3"),
        ("layers: [{channels: 8, bond: {kind: 3}}]", "2:37",
         "layers.0.bond.kind: there is no bond of kind 3 (known: heads, spring, sum)"),
        ("layers: [{channels: 8, bond: {kind: spring}}]", "2:30", "layers.0.bond: needs `strength` (number)"),
        ("layers: [{channels: 8, bond: {kind: sum, terms: []}}]", "2:49",
         "layers.0.bond.terms: needs at least 1 items, has 0"),
        ("layers: [{channels: 8, tied: {position: gto}}]", "2:41",
         "layers.0.tied.position: takes `none` or `gta`, not 'gto'; did you mean `gta`?"),
        ("by_name: {one: {channel: 8}}", "2:17", "by_name.one.channel: unknown key; did you mean `channels`?"),
        ("clip: soft", "2:7", "clip: takes a number or a mapping, not 'soft'"),
        ("clip: {nrm: 1}", "2:8", "clip.nrm: unknown key; did you mean `norm`?"),
        ("clip: {norm: x}", "2:14", "clip.norm: takes a number, not 'x'"),
        ("device: atuo", "2:9", "device: takes `auto` or `cpu` or an integer, not 'atuo'; did you mean `auto`?"),
        ("givens: [1, 2, 3]", "2:9", "givens: takes at most 2 items, has 3"),
        ("givens: [1]", "2:9", "givens: needs 2 items, has 1"),
        ("givens: [1, x]", "2:13", "givens.1: takes an integer, not 'x'"),
        ("learn: [yes]", "2:8", "learn: takes true or false, not ['yes']"),
        ("learn: yes", "2:8", "learn: takes true or false, not 'yes'; 'yes' is a text in YAML 1.2: write `true`"),
        ("learn: Off", "2:8", "learn: takes true or false, not 'Off'; 'Off' is a text in YAML 1.2: write `false`"),
        ("learn: 'true'", "2:8",
         "learn: takes true or false, not 'true'; 'true' is a text in YAML 1.2: write `true`"),
        ("learn: 1", "2:8", "learn: takes true or false, not 1"),
        ("learn:", "2:1", "learn: takes true or false, not null"),
        ("rate: 0", "2:7", "rate: must be greater than 0, not 0"),
        ("rate:", "2:1", "rate: takes a number, not null"),
        ("name: 3", "2:7", "name: takes text, not 3"),
        ("zzz: 3", "2:1", "zzz: unknown key; known: version, name, plugins, layers, by_name, clip, device, givens, "
         "learn, rate, notes, folder"),
    ],
)  # fmt: skip
def test_one_mistake_gives_one_message_at_its_place(write, written, place, message):
    [problem] = told(write("a.yaml", f"version: 2\n{written}\n")).problems
    head, _, rest = str(problem).splitlines()[0].partition(" ")
    assert (head, rest) == (f"a.yaml:{place}", message)


def test_a_missing_key_is_told_at_the_key_of_its_mapping(write):
    [problem] = told(write("a.yaml", "version: 2\nlayers:\n  - channels: 8\n    bond:\n      kind: spring\n")).problems
    assert problem.where == "a.yaml:4:5" and problem.message == "needs `strength` (number)"


def test_mistakes_in_overrides_and_in_bases_name_them(write):
    write("base.yaml", "version: 2\nlearn: 7\n")
    error = told(write("a.yaml", "extends: base.yaml\nrate: -1\n"), "naem=x", "layers=[{channels: 8, bonds: 3}]")
    assert str(error) == (
        "a.yaml:2:7 rate: must be greater than 0, not -1\n"
        "    rate: -1\n"
        "          ^\n"
        "base.yaml:2:8 learn: takes true or false, not 7\n"
        "    learn: 7\n"
        "           ^\n"
        "command line, override 1: naem: unknown key; did you mean `name`?\n"
        "    naem=x\n"
        "    ^\n"
        "command line, override 2: layers.0.bonds: unknown key; did you mean `bond`?\n"
        "    layers=[{channels: 8, bonds: 3}]\n"
        "                          ^"
    )


def test_keys_left_from_another_kind_say_who_chose_the_kind(write):
    name = write("a.yaml", "version: 2\nlayers: [{channels: 8, bond: {kind: heads, heads: 4}}]\n")
    error = told(name, "layers.0.bond.kind=spring", "layers.0.bond.strength=1")
    [problem] = error.problems
    assert problem.suggestion == (
        "the kind 'spring' was chosen by command line, override 1: "
        "set `layers.0.bond` as a whole there, or remove `~layers.0.bond.heads`"
    )
    mended = read_document(name, ["layers.0.bond={kind: spring, strength: 1}"])
    assert validate(RootSpec, mended).layers[0].bond.kind == "spring"


def test_a_good_document_becomes_a_declaration(write):
    layer = "{channels: 8, bond: {kind: sum, terms: [{kind: heads}]}, tied: {heads: 2}}"
    text = f"version: 2\nlayers: [{layer}]\nlearn: false\n"
    spec = validate(RootSpec, read_document(write("a.yaml", text), ["rate=1e-5"]))
    assert spec.layers[0].bond == SumBondSpec(terms=[HeadsBondSpec()])
    assert spec.layers[0].tied == HeadsBondSpec(heads=2) and spec.rate == 1e-5 and spec.learn is False


def test_python_documents_have_paths_and_no_lines():
    ready = Document.from_mapping({"layers": [{"channels": 8, "bond": HeadsBondSpec(heads=4)}]})
    assert validate(RootSpec, ready).layers[0].bond == HeadsBondSpec(heads=4)
    with pytest.raises(SpecError) as caught:
        validate(RootSpec, Document.from_mapping({"layers": [{"channels": "x"}]}))
    assert str(caught.value) == "layers.0.channels: takes an integer, not 'x'"


def test_problems_found_after_validation(write):
    document = read_document(write("a.yaml", "version: 2\nlayers:\n  - {channels: 8}\n  - channels: 9\n"))
    inner = SpecProblem(("channels",), "9 is odd", "make it even")
    error = SpecError.at(document, [inner.under("layers", 1), (("layers", 0, "bond"), "none", None)])
    assert [str(problem).splitlines()[0] for problem in error.problems] == [
        "a.yaml:3:5 layers.0.bond: none",
        "a.yaml:4:15 layers.1.channels: 9 is odd; make it even",
    ]
    assert str(SpecError.at(None, [inner])) == "channels: 9 is odd; make it even"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_caret_follows_tabs_inside_a_line(write):
    [problem] = told(write("a.yaml", "version: 2\nnotes: {a: '\t', b: 1}\nlearn: '\t'\n"), "~notes").problems
    assert problem.excerpt.splitlines() == ["    learn: '\t'", "           ^"]
    [problem] = told(write("a.yaml", "version: 2\nlayers: [{'\t': 1, channels: 0}]\n")).problems[-1:]
    assert problem.excerpt.splitlines()[1] == "    " + " " * 11 + "\t" + " " * 16 + "^"
