"""All compiled loops. Only ``compiled`` imports this module, for numba takes half a second to load."""

from netlearn.solve.compiled.junction_loops import law, newton, unbalanced
from netlearn.solve.compiled.lu_loops import eliminate, substitute, substitute_transposed

__all__ = ["eliminate", "law", "newton", "substitute", "substitute_transposed", "unbalanced"]
