"""Pages of the site that the program writes: the reference from its declarations, the gallery from its drawings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click
from mkdocs.structure.files import File, Files

import netlearn
from netlearn import plot
from netlearn.cli.group import COMMANDS, main
from netlearn.reference import entries, markdown

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "lattice": ("A square lattice", {}),
    "triangular": ("A triangular lattice", {}),
    "delaunay": ("Neighbours of random points, by Delaunay", {}),
    "geometric": ("Random points that are close to each other", {}),
    "packing": ("The contacts of a jammed packing", {}),
    "smallworld": ("A small world", {}),
    "random": ("A random graph", {}),
    "layered": ("Layers", {}),
    "deep": ("A deep network with diodes and amplifiers", {"diodes": True, "amplifiers": True}),
    "crossbar": ("A crossbar, as a heat map", {"rows": 16, "columns": 8, "inputs": 16, "outputs": 8}),
}
SHIPPED = ("voltage_division", "xor", "transistor_xor", "iris")


def on_files(files: Files, config: Any) -> Files:
    """Add what is written here."""
    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    for name, picture in pictures():
        files.append(File.generated(config, f"gallery/{name}.png", content=picture))
    return files


def pages() -> Iterator[tuple[str, str]]:
    yield (
        "reference/directives.md",
        "\n".join([DIRECTIVES, *(markdown(e, 3 if " " in e.title else 2) for e in entries())]),
    )
    yield "reference/commands.md", "\n".join(["# Commands", "", *commands()])
    yield "reference/python.md", "\n".join([PYTHON, *api()])
    yield "gallery.md", "\n".join([GALLERY, *gallery()])


DIRECTIVES = """# Directives

All that can stand in a `*@` line, from the declarations that netlearn reads them by; `netlearn help rule cl` prints
the same. Units stand where a value has one.
"""
PYTHON = """# Python

What `netlearn.__all__` lists is public. Everything that a command does is a function here.
"""
GALLERY = """# Gallery

Every picture is drawn by `netlearn.plot` when these pages are made.
"""


def commands() -> Iterator[str]:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        context = click.Context(command, info_name=f"netlearn {name}", max_content_width=100, terminal_width=100)
        yield from (f"## {name}", "", "```text", command.get_help(context), "```", "")
        if isinstance(command, click.Group):
            yield f"Kinds: {', '.join(f'`{each}`' for each in command.list_commands(context))}.\n"


def api() -> Iterator[str]:
    functions = [name for name in netlearn.__all__ if name[0].islower()]
    errors = [
        n
        for n in netlearn.__all__
        if isinstance(getattr(netlearn, n), type) and issubclass(getattr(netlearn, n), BaseException)
    ]
    classes = [name for name in netlearn.__all__ if name not in (*functions, *errors)]
    for title, names in (("Functions", functions), ("What they give and take", classes), ("Errors", errors)):
        yield f"## {title}\n"
        for name in names:
            thing = getattr(netlearn, name)
            yield f"::: {thing.__module__}.{thing.__name__}\n"
    for module in ("plot", "sklearn", "jax", "torch"):
        yield f"## netlearn.{module}\n"
        yield f"::: netlearn.{module}\n    options: {{show_root_heading: false, show_root_toc_entry: false}}\n"


def gallery() -> Iterator[str]:
    for name, (title, options) in NETWORKS.items():
        words = " ".join(f"--{key}" if value is True else f"--{key} {value}" for key, value in options.items())
        kind = "layered" if name == "deep" else name
        draw = "crossbar" if name == "crossbar" else "network"
        yield f"## {title}\n\n![{title}](gallery/{name}.png)\n"
        yield f"    netlearn new {kind} {name}.cir {words}".rstrip()
        yield f'\nand `netlearn.plot.{draw}("{name}.cir")`.\n'
    for name in SHIPPED:
        yield f"## {name}.cir, trained\n\n![{name}.cir](gallery/{name}.png)\n"
        yield f"    netlearn train netlists/{name}.cir --plot {name}.png\n"


def pictures() -> Iterator[tuple[str, bytes]]:
    figures = import_module("netlearn.report.figure")
    for name, (_, options) in NETWORKS.items():
        made = netlearn.parse(netlearn.new("layered" if name == "deep" else name, **options).netlist)
        yield name, _png((plot.crossbar if name == "crossbar" else plot.network)(made).figure)
    for name in SHIPPED:
        result = netlearn.train(f"netlists/{name}.cir", epochs=100)
        yield name, _png(figures.training_figure(result, f"{name}.cir"))


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()
