from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint

import pytest
from sample_spec import RootSpec

from oscillo.spec import Document, SpecError, load_plugins, plugins, read_document, registered, registry, validate

PLUGIN = '''
from typing import Literal
from sample_spec import BondSpec
from oscillo.spec import register

@register
class RopeBondSpec(BondSpec):
    """A rope."""

    kind: Literal["rope"] = "rope"
    length: float = {length}
'''


@pytest.fixture(autouse=True)
def only_these(monkeypatch):
    """No installed plugins, and none of this test's own left behind."""
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    monkeypatch.setattr(plugins, "_imported", {})
    monkeypatch.setattr(plugins, "_tried", set())
    kept, broken = dict(registry._kinds["bond"]), dict(registry._broken)
    yield
    for state, before in ((registry._kinds["bond"], kept), (registry._broken, broken)):
        state.clear()
        state.update(before)


def installed(monkeypatch, **points):
    made = [EntryPoint(name, value, "oscillo.components") for name, value in points.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: made if group == "oscillo.components" else [])


def test_files_are_found_beside_the_spec_that_names_them(write):
    write("parts/rope.py", PLUGIN.format(length=1.5))
    write("parts/base.yaml", "version: 2\nplugins: [./rope.py]\n")
    document = read_document(write("a.yaml", "extends: parts/base.yaml\nlayers: [{channels: 8, bond: {kind: rope}}]\n"))
    [loaded] = load_plugins(document)
    assert validate(RootSpec, document).layers[0].bond.length == 1.5
    assert loaded.file.name == "rope.py" and loaded.text == PLUGIN.format(length=1.5) and len(loaded.sha256) == 64


def test_a_file_runs_once_unless_it_changed(write, tmp_path, capsys):
    write("rope.py", PLUGIN.format(length=1) + "print('ran')\n")
    document = read_document(write("a.yaml", "version: 2\nplugins: [rope.py, ./rope.py]\n"))
    load_plugins(document)
    load_plugins(document)
    write("copy/rope.py", (tmp_path / "rope.py").read_text())
    load_plugins(Document.from_mapping({"plugins": [str(tmp_path / "copy" / "rope.py")]}))
    assert capsys.readouterr().out == "ran\n"
    write("rope.py", PLUGIN.format(length=2) + "print('ran')\n")
    load_plugins(document)
    assert capsys.readouterr().out == "ran\n"
    assert registered("bond")["bond"]["rope"]().length == 2


def test_all_broken_files_are_told_at_their_place(write):
    write("raises.py", "x = 1\ny = x / 0\n")
    write("syntax.py", "def f(:\n")
    write("taken.py", PLUGIN.format(length=1).replace('"rope"', '"heads"'))
    text = "version: 2\nplugins:\n  - ./raises.py\n  - gone.py\n  - syntax.py\n  - taken.py\n  - numpy\n"
    with pytest.raises(SpecError) as caught:
        load_plugins(read_document(write("a.yaml", text)))
    messages = [(p.where, p.message) for p in caught.value.problems]
    assert [where for where, _ in messages] == [f"a.yaml:{line}:5" for line in (3, 4, 5, 6, 7)]
    words = [
        "ZeroDivisionError: division by zero (line 2)",
        "No such file",
        "SyntaxError",
        "is taken by",
        "not a Python file",
    ]
    assert all(word in message for word, (_, message) in zip(words, messages, strict=True))
    with pytest.raises(SpecError, match=r"a\.yaml:2:10 plugins: takes a list"):
        load_plugins(read_document(write("a.yaml", "version: 2\nplugins: rope.py\n")))


def test_a_broken_installed_plugin_warns_once_and_is_named_when_a_kind_is_missing(monkeypatch):
    installed(monkeypatch, lost="no_such_module_of_ours")
    with pytest.warns(UserWarning, match="could not load the plugin 'lost': ModuleNotFoundError"):
        load_plugins()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_plugins()
    validate(RootSpec, Document.from_mapping({"layers": [{"channels": 8}]}))
    with pytest.raises(SpecError, match=r"no bond of kind 'rope'.*; could not load the plugin 'lost'"):
        validate(RootSpec, Document.from_mapping({"layers": [{"channels": 8, "bond": {"kind": "rope"}}]}))


def test_an_installed_plugin_registers_its_kinds(monkeypatch, write, tmp_path):
    write("rope_package.py", PLUGIN.format(length=3))
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(monkeypatch, rope="rope_package")
    load_plugins()
    assert registered("bond")["bond"]["rope"]().length == 3
