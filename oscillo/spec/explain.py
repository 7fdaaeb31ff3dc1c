"""What can be written in a spec: the fields and meaning of any part, and the kinds of any role."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from oscillo.spec.base import ComponentSpec, Spec
from oscillo.spec.fields import Holds, field_holds
from oscillo.spec.registry import OneOf, registered

_BOUNDS = {"gt": "> {}", "ge": ">= {}", "lt": "< {}", "le": "<= {}", "multiple_of": "a multiple of {}",
           "min_length": "length at least {}", "max_length": "length at most {}", "pattern": "matches {}"}  # fmt: skip


@dataclass(frozen=True)
class FieldText:
    """One field: its name, its type in words, its default as JSON (None: has to be given), bounds and meaning."""

    name: str
    type: str
    default: str | None
    bounds: str
    meaning: str


@dataclass(frozen=True)
class Explanation:
    """A part of a spec in words.

    Attributes:
        title: `coupling`, `coupling.attention`, or a path such as `training.optimizer`.
        summary: the first line of the docstring, or the description of the field.
        text: the rest of the docstring.
        fields: the fields of a kind or mapping; the one field itself for a path that leads to a value.
        kinds: for a role, each registered kind with its summary.
    """

    title: str
    summary: str
    text: str = ""
    fields: tuple[FieldText, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Plain text for a terminal."""
        lines = [f"{self.title}: {self.summary}" if self.summary else self.title]
        if self.text:
            lines += ["", self.text]
        if self.kinds:
            width = max(map(len, self.kinds))
            lines += ["", "kinds:", *(f"  {kind:<{width}}  {line}" for kind, line in self.kinds.items())]
        if self.fields:
            lines += ["", "fields:"]
        for entry in self.fields:
            default = "required" if entry.default is None else f"default {entry.default}"
            facts = "; ".join(filter(None, (entry.type, entry.bounds, default)))
            lines += [f"  {entry.name}  ({facts})"] + ([f"      {entry.meaning}"] if entry.meaning else [])
        return "\n".join(lines)

    def to_markdown(self, level: int = 2) -> str:
        """A section of a page, under a heading of the given level."""
        blocks = [f"{'#' * level} `{self.title}`", self.summary, self.text]
        if self.kinds:
            rows = [f"| `{kind}` | {_cell(line)} |" for kind, line in self.kinds.items()]
            blocks.append("\n".join(["| kind | meaning |", "|---|---|", *rows]))
        if self.fields:
            rows = [
                f"| `{f.name}` | {_cell(f.type)} | {'required' if f.default is None else f'`{_cell(f.default)}`'} "
                f"| {_cell(f.bounds)} | {_cell(f.meaning)} |"
                for f in self.fields
            ]
            head = ["| field | type | default | bounds | meaning |", "|---|---|---|---|---|"]
            blocks.append("\n".join(head + rows))
        return "\n\n".join(filter(None, blocks)) + "\n"


def explain(target: str, root: type[Spec] | None = None) -> Explanation:
    """Explain a role, a kind, or a place in the spec.

    Args:
        target: `coupling`, `coupling.attention`, or a dotted path from the root of the spec, such as
            `network.layers.0.coupling`, with or without list indices, and with kinds as steps
            (`task.sudoku.train`). An empty target explains the root. A field that only one mapping or kind has
            is found by its bare name as well (`votes`).
        root: the class of the whole spec; without it only roles and kinds are known.

    Raises:
        ValueError: when there is no such thing; names what there is, and the nearest.
    """
    parts = target.split(".") if target else []
    if parts and parts[0] in registered():
        base = _base(parts[0])
        return _follow([Holds(base, OneOf(base))], parts[1:], [parts[0]])
    if root is None:
        raise ValueError(_unknown(parts[0] if parts else "", "the spec", [*registered()]))
    if parts and parts[0] not in root.model_fields:
        if places := _places(parts[0], root):
            return _of_that_name(target, places, root)
        raise ValueError(_unknown(parts[0], "the spec", [*registered(), *root.model_fields]))
    return _follow([Holds(root)], parts, [])


def spec_reference(root: type[Spec]) -> str:
    """The reference of the spec as Markdown: the root, the mappings below it, then all roles and kinds."""
    sections = []
    for level, title, model in _declared(root):
        if issubclass(model, ComponentSpec) and title == model.role:
            sections.append(_explain_role(model).to_markdown(level))
        else:
            sections.append(_explain_model(model, title).to_markdown(level))
    return "\n".join(sections)


def _declared(root: type[Spec]) -> Iterator[tuple[int, str, type[Spec]]]:
    """Everything that has fields, with the level of its heading and its path: the root, mappings, roles, kinds."""
    yield 2, "the spec", root
    yield from ((3, path, model) for path, model in _mappings(root, "", {root}))
    for role, kinds in registered().items():
        yield 2, role, _base(role)
        seen: set[type[Spec]] = set(kinds.values())
        for kind, spec in kinds.items():
            yield 3, f"{role}.{kind}", spec
            yield from ((4, path, model) for path, model in _mappings(spec, f"{role}.{kind}.", seen))


def _places(name: str, root: type[Spec]) -> list[str]:
    """Paths of the fields of this name, one for each declaration that brings it."""
    return [
        name if title == "the spec" else f"{title}.{name}"
        for _, title, model in _declared(root)
        if title != getattr(model, "role", None) and name in _fields(model)
    ]


def _of_that_name(target: str, places: list[str], root: type[Spec]) -> Explanation:
    """Explain the only field of a name, from its bare name; of several, say where they are."""
    if len(places) == 1:
        return explain(places[0] + target[len(target.partition(".")[0]) :], root)
    listed = ", ".join(f"`{place}`" for place in places)
    raise ValueError(f"there is more than one `{target.partition('.')[0]}`: {listed}")


def _follow(here: list[Holds], parts: list[str], done: list[str]) -> Explanation:
    """Walk down by field names, kinds and (optional) list indices, and explain what is there."""
    entry: FieldInfo | None = None
    for part in parts:
        if part.isdecimal():
            continue
        here = _items(here)
        kinds = {kind: spec for held in here for kind, spec in _kinds(held).items()}
        models = [*_models(here), *kinds.values()]
        options = {name: model for model in reversed(models) for name in model.model_fields}
        if part in kinds:
            here, entry = [Holds(kinds[part])], None
        elif part in options:
            found = options[part].model_fields[part]
            here, entry = field_holds(found), found
        else:
            raise ValueError(_unknown(part, f"`{'.'.join(done)}`", [*kinds, *options], list(kinds)))
        done = [*done, part]
    title, inner = ".".join(done) or "the spec", _items(here)
    roles = [held.choice.role for held in inner if held.choice]
    if roles:
        return _explain_role(roles[0], title, entry)
    if entry is not None and not _models(inner):
        return Explanation(title, entry.description or "", fields=(_field_text(done[-1], entry),))
    return _explain_model(_models(inner)[0], title, entry)


def _items(here: list[Holds]) -> list[Holds]:
    """What the items of lists and the values of mappings may hold, in place of the list or mapping."""
    opened: list[Holds] = []
    for held in here:
        keys: tuple[str | int, ...] = (0, "*")
        inside = [] if held.choice or held.models() else [deep for key in keys for deep in held.inside(key)]
        opened += _items(inside) or [held]
    return opened


def _models(here: list[Holds]) -> list[type[Spec]]:
    return [model for held in here if held.choice is None for model in held.models()]


def _kinds(held: Holds) -> dict[str, type[ComponentSpec]]:
    """The kinds of a choice, the default one first."""
    if held.choice is None:
        return {}
    role, default = held.choice.role.role, held.choice.default
    return dict(sorted(registered(role)[role].items(), key=lambda item: item[0] != default))


def _base(role: str) -> type[ComponentSpec]:
    """The class that stands for a role: the one that sets its name."""
    spec = next(iter(registered(role)[role].values()))
    return next(cls for cls in reversed(spec.__mro__) if issubclass(cls, ComponentSpec) and cls.role == role)


def _mappings(model: type[Spec], prefix: str, seen: set[type[Spec]]) -> Iterator[tuple[str, type[Spec]]]:
    """The mappings below a declaration that are no components, each once."""
    for name, entry in model.model_fields.items():
        for below in _models(_items(field_holds(entry))):
            if below not in seen:
                seen.add(below)
                yield f"{prefix}{name}", below
                yield from _mappings(below, f"{prefix}{name}.", seen)


def _explain_role(base: type[ComponentSpec], title: str | None = None, entry: FieldInfo | None = None) -> Explanation:
    summary, text = _doc(base)
    kinds = {kind: _doc(spec)[0] for kind, spec in registered(base.role)[base.role].items()}
    fields = () if entry is None or title is None else (_field_text(title.rpartition(".")[2], entry),)
    return Explanation(title or base.role, summary, text, fields, kinds)


def _explain_model(model: type[Spec], title: str, entry: FieldInfo | None = None) -> Explanation:
    summary, text = _doc(model)
    fields = tuple(_field_text(name, info) for name, info in _fields(model).items())
    return Explanation(title, (entry.description if entry else None) or summary, text, fields)


def _fields(model: type[Spec]) -> dict[str, FieldInfo]:
    """The fields of a declaration; of a component without its kind, which its title says."""
    chosen = {"kind"} if issubclass(model, ComponentSpec) else set()
    return {name: info for name, info in model.model_fields.items() if name not in chosen}


def _field_text(name: str, entry: FieldInfo) -> FieldText:
    words = " or ".join(held.words for held in field_holds(entry))
    return FieldText(name, words, _default(entry), _bounds(entry), " ".join((entry.description or "").split()))


def _default(entry: FieldInfo) -> str | None:
    value = entry.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return None
    return json.dumps(to_jsonable_python(value), ensure_ascii=False)


def _bounds(entry: FieldInfo) -> str:
    limits: list[str] = []
    for constraint in entry.metadata:
        for name, text in _BOUNDS.items():
            value = getattr(constraint, name, None)
            if value is not None:
                limits.append(text.format(value))
    return ", ".join(limits)


def _doc(model: type) -> tuple[str, str]:
    """First paragraph, in one line, and the rest of the class's own docstring."""
    summary, _, rest = inspect.cleandoc(model.__dict__.get("__doc__") or "").partition("\n\n")
    return " ".join(summary.split()), rest.strip()


def _unknown(part: str, where: str, known: list[str], kinds: list[str] | None = None) -> str:
    """Say what is not there, and the nearest of what is known; where a kind is chosen, which kinds there are."""
    close = get_close_matches(part, known, n=1)
    listed = f"kinds: {', '.join(kinds)}" if kinds else f"known: {', '.join(known) or 'nothing'}"
    remedy = f"did you mean `{close[0]}`?" if close else listed
    return f"there is no `{part}` in {where}; {remedy}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
