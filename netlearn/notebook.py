"""What notebooks show of an object: HTML, which is made where drawings are made, when it is asked for."""

from __future__ import annotations

from importlib import import_module


class InNotebooks:
    """The base of what notebooks show as more than one line."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # It is looked up only now, so that nothing that computes depends on what draws.
        html: str = import_module("netlearn.report.html").html_of(self)
        return html
