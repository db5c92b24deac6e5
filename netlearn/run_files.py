"""Training runs as folders: the trained netlist, plain values and arrays, and nothing that is executed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.archives import load_arrays
from netlearn.arrays import Array
from netlearn.atomic import write_together
from netlearn.errors import NetlearnError, OutputError
from netlearn.json_text import json_text
from netlearn.netlist.netlist import Netlist, read

FORMAT = 1
"""The number of the version of a saved run's contents, which counts up when they change."""
NETLIST, VALUES, ARRAYS = "trained.cir", "run.json", "arrays.npz"


def write_run(folder: Path, netlist: Netlist, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a run into a folder, which is made if it is not there; none of its files before all are whole.

    Raises OutputError where something else than a run is there already.
    """
    present = folder.is_dir()
    if folder.exists() and not (folder / VALUES).is_file() and (not present or any(folder.iterdir())):
        raise OutputError(f"'{folder}' exists already and is not a run", hint="name a folder that is not there")
    if not folder.parent.is_dir():
        raise OutputError(f"there is no folder '{folder.parent}' to write '{folder.name}' into")
    archive = BytesIO()
    np.savez_compressed(archive, **arrays)  # type: ignore[arg-type]
    text = json_text({"format": FORMAT, **values}) + "\n"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{folder}' cannot be written: {error.strerror}") from None
    try:
        files = [
            *netlist.outputs(folder / NETLIST, follow=False),
            (folder / ARRAYS, archive.getvalue()),
            (folder / VALUES, text.encode()),
        ]
        write_together([(path, data, False) for path, data in files])
    except BaseException:
        if not present:
            with suppress(OSError):
                folder.rmdir()
        raise


def read_run(
    folder: Path, allow: Sequence[str | os.PathLike[str]] = ()
) -> tuple[Netlist, dict[str, Any], dict[str, Array]]:
    """What ``write_run`` was given. ``allow`` names folders that the netlist may include files from.

    Raises NetlearnError for a folder that holds no run.
    """
    try:
        values = json.loads((folder / VALUES).read_text(encoding="utf-8"))
        version = values["format"]
        arrays = load_arrays(folder / ARRAYS)
    except FileNotFoundError:
        raise NetlearnError(f"'{folder}' holds no run", hint="result.save_run(folder) makes one") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NetlearnError(f"'{folder}' holds no run that can be read ({error})") from None
    if version != FORMAT:
        raise NetlearnError(f"the run '{folder}' has format {version}, and this version reads {FORMAT}")
    return read(folder / NETLIST, allow), values, arrays
