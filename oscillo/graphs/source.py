"""Graph source: where a declared graph comes from, and the links it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from oscillo.graphs import edge_list
from oscillo.graphs.arrays import read_arrays
from oscillo.graphs.edges import Edges
from oscillo.graphs.links import Links, Normalization, links_of
from oscillo.graphs.networkx_graphs import generate, generators, nearest_generators, read_graphml
from oscillo.graphs.problems import problems_of_edges
from oscillo.spec import Spec

_SUFFIXES = (*edge_list.SUFFIXES, ".graphml", ".npz")


class GraphSource(Spec):
    """A graph between n oscillators, made by a generator or read from a file. Nodes are counted from 0.

    Declarations of what lives on a graph inherit these fields.
    """

    generator: str | None = Field(
        default=None, description="Name of a networkx generator, such as `watts_strogatz_graph`; or give `file`."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="The generator's arguments by name; an `n` that counts nodes defaults to the oscillators, and "
        "a random one needs `seed`.",
    )
    file: str | None = Field(
        default=None,
        description="Path relative to the working directory. `.txt`, `.csv`, `.tsv`, `.edges`, `.edgelist`: a line "
        "`source target [weight [length]]` per edge, `#` for comments; the target feels the source. `.graphml`. "
        "`.npz`: a scipy sparse matrix, or `weights` [n, n] whose entry [i, j] is what i feels from j, or `edges` "
        "[m, 2] with `weights` [m]; and `lengths` of the same shape.",
    )
    group: str | None = Field(
        default=None, description="What stands before the keys of an `.npz` file: `a` for `a/edges` and `a/weights`."
    )
    directed: bool = Field(
        default=False,
        description="Whether an edge acts in one direction only; graphs whose generator or GraphML file makes them "
        "directed always do. A matrix that is not symmetric needs it.",
    )
    weighted: bool = Field(default=True, description="Whether the weights are used; else every link has weight one.")
    signed: bool = Field(default=False, description="Whether weights may be negative.")
    normalization: Normalization = Field(
        default="none",
        description="What the weights that reach an oscillator are divided by: `degree`, the number of its incoming "
        "links; `strength`, the sum of their magnitudes.",
    )
    connected: bool = Field(
        default=False, description="Whether a graph in pieces is refused; directions do not matter for it."
    )

    @field_validator("generator")
    @classmethod
    def _generator_is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in generators():
            near = " or ".join(f"`{one}`" for one in nearest_generators(name))
            raise ValueError(f"networkx has no generator {name!r}" + (f"; did you mean {near}?" if near else ""))
        return name

    @field_validator("file")
    @classmethod
    def _file_can_be_read(cls, file: str | None) -> str | None:
        if file is not None and Path(file).suffix.lower() not in _SUFFIXES:
            raise ValueError(f"a graph is read from {', '.join(_SUFFIXES)}, and not from {file!r}")
        return file

    @model_validator(mode="after")
    def _graph_comes_from_one_place(self) -> GraphSource:
        if (self.generator is None) == (self.file is None):
            raise ValueError("a graph comes from a `generator` or from a `file`: give one of the two")
        if self.parameters and self.generator is None:
            raise ValueError("`parameters` are those of a `generator`, and the graph comes from a file")
        if self.group is not None and not (self.file or "").lower().endswith(".npz"):
            raise ValueError("`group` names arrays of an `.npz` file, and the graph comes from elsewhere")
        return self

    def read(self, nodes: int) -> Links:
        """The links between n oscillators.

        What was read is kept while neither the declaration nor the file changes, so its arrays are shared and cannot
        be written to; `torch.tensor` copies them.

        Args:
            nodes: number of oscillators n.

        Raises:
            ValueError: with all of `problems_of_graph`.
        """
        links, problems = _outcome(self._reading(nodes))
        if links is None:
            raise ValueError("; ".join(problems))
        return links

    def problems_of_graph(self, nodes: int) -> list[str]:
        """All reasons why there is no such graph between n oscillators, with file and line; empty when there is."""
        return list(_outcome(self._reading(nodes))[1])

    def _reading(self, nodes: int) -> _Reading:
        declaration = self.model_dump_json(include=set(GraphSource.model_fields))
        if self.file is None:
            return _Reading(declaration, nodes, None, self)
        path = Path(self.file).absolute()
        state = path.stat() if path.is_file() else None
        return _Reading(declaration, nodes, (path, state and state.st_mtime_ns, state and state.st_size), self)

    def _edges(self, nodes: int) -> Edges:
        if self.generator is not None:
            return generate(self.generator, self.parameters, nodes, directed=self.directed)
        path = Path(str(self.file))
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {self.file!r} in {Path.cwd()}")
        match path.suffix.lower():
            case ".npz":
                return read_arrays(path, self.group)
            case ".graphml":
                return read_graphml(path)
            case _:
                return edge_list.read_edge_list(path)


@dataclass(frozen=True)
class _Reading:
    """What the links depend on: the declared graph, the number of oscillators, the file as it is now."""

    declaration: str
    nodes: int
    version: tuple[Path, int | None, int | None] | None
    source: GraphSource = field(compare=False, repr=False)


# A large graph takes hundreds of megabytes, and a network has few; two are used in turn where layers differ.
@lru_cache(maxsize=4)
def _outcome(reading: _Reading) -> tuple[Links | None, tuple[str, ...]]:
    """The links, or all reasons why there are none."""
    source, nodes = reading.source, reading.nodes
    try:
        edges = source._edges(nodes)
    except (OSError, ValueError) as error:
        return None, (str(error),)
    flags = {"directed": source.directed, "weighted": source.weighted}
    problems = problems_of_edges(edges, nodes, signed=source.signed, connected=source.connected, **flags)
    if problems:
        return None, tuple(problems)
    links = links_of(edges, nodes, normalization=source.normalization, **flags)
    for array in links:
        if array is not None:
            array.setflags(write=False)
    return links, ()
