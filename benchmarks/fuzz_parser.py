"""Throw mutated netlists at the parser: only the project's own errors may escape, in linear time.

    python benchmarks/fuzz_parser.py CORPUS -max_total_time=600 -max_len=4096

CORPUS is a folder for inputs; the netlists of tests/netlist/dialects are added to it.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["netlearn.netlist"]):
    from netlearn.errors import NetlearnError
    from netlearn.netlist.files import Files
    from netlearn.netlist.netlist import Netlist
    from netlearn.netlist.source import Source

SECONDS_PER_BYTE = 1e-3
DIALECTS = Path(__file__).parents[1] / "tests" / "netlist" / "dialects"


def one_input(data: bytes) -> None:
    """Read bytes as a netlist; what is read must be written back, and in time."""
    start = time.process_time()
    try:
        source = Source.decode("<fuzz>", data)
        netlist = Netlist(source, Files("<fuzz>"))
        netlist.check()
        elements = netlist.elements
    except NetlearnError as error:
        str(error)
    else:
        if source.encode() != data or str(netlist) != source.text:
            raise AssertionError("not written back as it was read")
        for name in list(elements)[:20]:
            element = elements[name]
            _ = (element.value, element.parameters, element.nodes, element.text, element.place)
    if time.process_time() - start > 1 + SECONDS_PER_BYTE * len(data):
        raise AssertionError("too slow")


if __name__ == "__main__":
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for path in DIALECTS.iterdir():
        shutil.copy(path, corpus / path.name)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
