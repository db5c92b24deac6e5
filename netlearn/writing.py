"""What a project's values are written into: the devices that its hardware card says, and the files that it names."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import DataError, OptionError, Place
from netlearn.learn.data import Dataset, split
from netlearn.learn.devices.fault_maps import faults_of
from netlearn.learn.devices.level_tables import LevelTable, measured
from netlearn.learn.hardware import Hardware
from netlearn.learn.realisation import Devices, devices_for, states_for
from netlearn.learn.subset import matching_names
from netlearn.named_data import placed
from netlearn.netlist.files import shown_path
from netlearn.project import Project


def searched(project: Project) -> bool:
    """Whether values are searched for after training instead of written step by step.

    Raises OptionError for parts and pairs of what is no resistance.
    """
    hardware, parameters = project.settings.hardware, project.parameters
    if hardware is None or not hardware.searches:
        return False
    resistive = np.asarray(parameters.resistive)
    if not resistive.all() and (hardware.parts is not None or hardware.pairs or hardware.series != "none"):
        name = parameters.names[int(np.argmin(resistive))]
        message, hint = f"a series and parts are of resistances, and '{name}' is not one", "train only resistors: 'R*'"
        raise OptionError(message, _place(project, "series"), hint)
    return bool(resistive.all())


def writing_of(project: Project) -> Devices | None:
    """What each step of training is written into, if anything; values that are searched for afterwards are not.

    Raises OptionError and DataError, see ``devices_of``.
    """
    hardware = project.settings.hardware
    if hardware is None or not hardware.holds or searched(project):
        return None
    return devices_of(project)


def devices_of(project: Project) -> Devices:
    """The devices that hold a project's trained values.

    Raises OptionError where they cannot, or where there is no hardware, and DataError for files of levels and faults.
    """
    hardware, parameters = project.settings.hardware, project.parameters
    if hardware is None:
        hint = "add '*@hardware noise=0.02' to the netlist, or give --hardware"
        raise OptionError("nothing says what devices hold the values", hint=hint)
    chosen = _chosen(project, hardware, parameters)
    table = faults = None
    if hardware.measured is not None:
        table = measured_levels(project)
    if hardware.faults is not None:
        with placed(_place(project, "faults")):
            path = named_file(project, "faults", "fault map")
            faults = faults_of(path, parameters.names, states_for(hardware, parameters, chosen))
    with placed(_place(project)):
        return devices_for(hardware, parameters, faults, table, chosen)


def measured_levels(project: Project) -> LevelTable:
    """The levels in the file that the card names. Raises DataError."""
    with placed(_place(project, "measured")):
        return measured(named_file(project, "measured", "file of levels"))


def steps_of(project: Project) -> Devices | None:
    """What holds the trained values, if it leaves them in steps, which further digits would take them off."""
    writing = writing_of(project)
    return writing if writing is not None and writing.hardware.discrete else None


def converted(project: Project, data: Dataset) -> Dataset:
    """Data as they come out of the DAC, if there is one: sources are set to what its codes stand for."""
    hardware = project.settings.hardware
    dac = None if hardware is None else hardware.converter("dac")
    if dac is None:
        return data
    driven = [j for j, place in enumerate(project.model.inputs) if isinstance(place, tuple)]
    inputs = np.array(data.inputs)
    inputs[:, driven] = dac.convert(inputs[:, driven])
    return replace(data, inputs=inputs)


def training_parts(project: Project, whole: Dataset) -> tuple[Dataset, Dataset | None]:
    """The samples that a project trains on and those that it keeps for validation, as they come out of the DAC."""
    options = project.settings.options
    # A generator of its own, so that the same samples are kept aside whatever else is random.
    part, aside = split(whole, options.validation, np.random.default_rng([options.seed, 1]))
    return converted(project, part), None if aside is None else converted(project, aside)


def named_file(project: Project, option: str, what: str) -> Path:
    """The file that an option of the card names; one that the netlist names is read only from where it may include.

    A netlist may come from a stranger, and an error message would show what is in a file. Raises DataError.
    """
    named = str(getattr(project.settings.hardware, option))
    if f"hardware {option}" not in project.settings.places:
        return Path(named)
    folder = project.netlist.files.origin
    found = Path(os.path.realpath(folder / named))
    roots = (folder, *(Path(os.path.realpath(root)) for root in project.netlist.files.allow))
    if not any(found.is_relative_to(root) for root in roots):
        allowed = f"--allow-include {shlex.quote(shown_path(found.parent))}"
        hint = f"give it as an option, or if you trust this netlist allow its folder: {allowed}"
        raise DataError(f"the {what} '{named}' is outside the netlist's folder", None, hint)
    if found.exists() and not found.is_file():
        # A FIFO that came with the netlist would be waited for.
        raise DataError(f"the {what} '{named}' is a folder, a device or a pipe, and no file")
    return Path(os.path.relpath(found)) if found.is_relative_to(Path.cwd()) else found


def _chosen(project: Project, hardware: Hardware, parameters: Parameters) -> Array:
    with placed(_place(project, "only")):
        return matching_names(hardware.only, parameters.names)


def _place(project: Project, option: str = "") -> Place | None:
    places = project.settings.places
    return places.get(f"hardware {option}".rstrip(), places.get("hardware"))
