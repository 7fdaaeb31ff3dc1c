"""Graphs: where the links between oscillators come from, and what is told from their structure."""

from oscillo.graphs.links import Links
from oscillo.graphs.simplices import read_simplices, triangles
from oscillo.graphs.source import GraphSource
from oscillo.graphs.structure import connectivity, reordering

__all__ = ["GraphSource", "Links", "connectivity", "read_simplices", "reordering", "triangles"]
