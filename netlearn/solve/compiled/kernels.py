"""All compiled loops. Only ``compiled`` imports this module, for numba takes half a second to load."""

from netlearn.solve.compiled.bordered_loops import (
    factor_border,
    left_over,
    multiply_columns,
    solve_border,
    take_entries,
    take_lines,
)
from netlearn.solve.compiled.cholesky_loops import count_columns, factor_columns, fill_columns, list_rows, postorder
from netlearn.solve.compiled.contraction_loops import add_own, drop_products, few_products, pair_products
from netlearn.solve.compiled.equation_loops import linearized, unbalanced
from netlearn.solve.compiled.few_border_loops import begin_few, resolve_few, run_few, weigh_few
from netlearn.solve.compiled.listed_loops import eliminate_listed
from netlearn.solve.compiled.lu_loops import eliminate, solve_triangle, substitute, substitute_transposed
from netlearn.solve.compiled.many_border_loops import resolve_border, settle_many
from netlearn.solve.compiled.newton_loops import newton
from netlearn.solve.compiled.planned_few_loops import adjoint_few, free_few, nudged_few, seen_at_border, seen_few
from netlearn.solve.compiled.planned_loops import alike, complete, contract_runs, gather, opposite
from netlearn.solve.compiled.planned_many_loops import contract_products, nudged_many
from netlearn.solve.compiled.recover_loops import recover
from netlearn.solve.compiled.sorting_loops import sort_unique

__all__ = [
    "add_own",
    "adjoint_few",
    "alike",
    "begin_few",
    "complete",
    "contract_products",
    "contract_runs",
    "count_columns",
    "drop_products",
    "eliminate",
    "eliminate_listed",
    "factor_border",
    "factor_columns",
    "few_products",
    "fill_columns",
    "free_few",
    "gather",
    "left_over",
    "linearized",
    "list_rows",
    "multiply_columns",
    "newton",
    "nudged_few",
    "nudged_many",
    "opposite",
    "pair_products",
    "postorder",
    "recover",
    "resolve_border",
    "resolve_few",
    "run_few",
    "seen_at_border",
    "seen_few",
    "settle_many",
    "solve_border",
    "solve_triangle",
    "sort_unique",
    "substitute",
    "substitute_transposed",
    "take_entries",
    "take_lines",
    "unbalanced",
    "weigh_few",
]
