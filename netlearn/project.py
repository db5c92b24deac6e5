"""From a netlist, its directives and what overrides them to a task that can be trained."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.arguments import netlist_of
from netlearn.arrays import Array
from netlearn.chips.chip import Terminals
from netlearn.chips.solver import ChipSolver, OnChip
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.parameters import Input, Parameters
from netlearn.elaboration.columns import source_names
from netlearn.elaboration.design import Design, Selection
from netlearn.elaboration.elaborate import elaborated
from netlearn.errors import DataError, OptionError, Place, warn
from netlearn.learn.chosen_loss import chosen_option, leaves_scale, loss_for
from netlearn.learn.data import (
    Dataset,
    Layout,
    check_sample,
    classes_in,
    dataset_of,
    input_layout_of,
    inputs_of,
    layout_of,
)
from netlearn.learn.files import read_table
from netlearn.learn.loss import CrossEntropy, Loss
from netlearn.learn.measured_losses import MeasuredLoss
from netlearn.learn.model import Model
from netlearn.learn.samples import Unnamed, drive_of, table_of
from netlearn.learn.settings import Settings
from netlearn.learn.superposition import read_of
from netlearn.learn.table import IN_MEMORY, OWN_VALUES, Table, asked_by
from netlearn.learn.trained import Trained
from netlearn.named_data import placed, read_named
from netlearn.netlist.netlist import Netlist
from netlearn.ngspice.own_text import OwnText, TextSolver
from netlearn.overrides import DataLike, NetlistLike, settings_for
from netlearn.probes.names import parameters_in, probes_of
from netlearn.sample_values import check_values
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import Solver
from netlearn.solvers import internal_by

EVERY_RESISTOR = (Trained("r*"),)
"""What is trained where no ``*@train`` says: those of the netlist's own file, not of what it includes."""

CHOSEN_BY = 1000
"""How many samples are looked at to choose a scale: derived from the two digits of it that are kept, as they tell a
spread within 1/√(2n) = 2.2 %."""


@dataclass(frozen=True)
class Project:
    """A netlist with its settings: the parts of a task, each made when it is first needed."""

    netlist: Netlist
    settings: Settings
    solver: Solver
    data: DataLike | None = None
    test: DataLike | None = None
    told: set[str] = field(default_factory=set, repr=False, compare=False)
    """What has been warned of in the netlist, of which another project of the same task says nothing again."""

    @cached_property
    def design(self) -> Design:
        """The elaborated netlist, with elements that only ngspice can solve if ngspice is given the text."""
        design = elaborated(self.netlist, foreign=isinstance(self.solver, TextSolver | ChipSolver))
        for warning in design.warnings:
            if warning.message not in self.told:
                warn(warning)
        self.told.update(warning.message for warning in design.warnings)
        return design

    @property
    def circuit(self) -> Circuit:
        """The flat circuit with the netlist's own values."""
        return self.design.circuit

    def circuit_for(self, outputs: Sequence[str]) -> Circuit:
        """The same with the numbers of the netlist that outputs read."""
        return self.design_for(Layout((), tuple(outputs))).circuit

    @property
    def has_samples(self) -> bool:
        """Whether there are data, corners or goals, so that there are samples."""
        given = self.data is not None or self.settings.data.train is not None
        return given or bool(self.settings.corner or self.settings.goal)

    @property
    def driven(self) -> Design:
        """The elaborated netlist, ready for samples that set what the data's columns and corners name.

        Raises DataError or OptionError for a name of nothing that can be set.
        """
        return self.design_for(self.layout) if self.has_samples else self.design

    def design_for(self, layout: Layout, table: Table | None = None) -> Design:
        """The elaborated netlist, ready for what a layout sets and for what its outputs read.

        Mistakes are placed in the ``table`` that the layout is of. Raises DataError and OptionError.
        """
        reads = tuple(n for n in parameters_in(layout.outputs) if self.design.parameter_value(n) is not None)
        found = self._designs.get((layout.driven, reads))
        if found is None:
            try:
                found = self._designs[layout.driven, reads] = self.design.reading(reads).driven(layout.driven)
            except OptionError as error:
                for name in layout.driven:
                    self._drivable(name, layout, table)
                # Each name by itself is right: it is two that do not go together.
                place = None if table is None else Place(table.path, 1)
                raise DataError(error.message, place, error.hint) from None
        return found

    @cached_property
    def _designs(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], Design]:
        return {}

    def _drivable(self, name: str, layout: Layout, table: Table | None) -> None:
        try:
            self.design.driven([name])
        except OptionError as error:
            if name in layout.corners:
                place = self.settings.places.get(f"corner {name}")
                raise OptionError(f"the corner {error.message}", place, error.hint) from None
            hint = "; ".join(filter(None, [error.hint, "V(node) and I(source) name targets, 'class' a class"]))
            if table is not None and table.path == IN_MEMORY:
                hint += "; or give arrays, whose columns drive what input=['V1', ...] says"
            place = None if table is None else table.heading(name)
            raise DataError(f"the column {error.message}", place, hint) from None

    @property
    def selections(self) -> list[Selection]:
        """What is to be trained, as names say it."""
        # What nobody has named is changed only in the file that was.
        own = not self.settings.train
        train = self.settings.train or EVERY_RESISTOR
        return [Selection(entry.pattern, entry.min, entry.max, own, entry.coordinates) for entry in train]

    @cached_property
    def parameters(self) -> Parameters:
        """What is trained. Raises OptionError where a pattern matches nothing."""
        train, fix, selections = self.settings.train or EVERY_RESISTOR, self.settings.fix, self.selections
        # What is wrong with data and goals is no pattern's fault, and is raised before patterns are looked at.
        driven = self.driven
        try:
            return driven.parameters(selections, fix)
        except OptionError as error:
            together = error
        # Which pattern is wrong is found out by each of them alone, and is an error without a chain.
        for entry, selection in zip(train, selections, strict=True):
            with placed(entry.place):
                driven.parameters([selection])
        for pattern in fix:
            with placed(self.settings.places.get(f"fix {pattern}")):
                driven.parameters([Selection(pattern)])
        # Each pattern by itself is right: it is what is fixed that leaves nothing.
        together.place = self.settings.places.get("fix")
        raise together

    @cached_property
    def table(self) -> Table:
        """The training data. Raises DataError."""
        # What arrays drive in data that the netlist names, no other data can tell.
        table = self._table(self.data, self.settings.data.train, self._own_sources)
        if table is None and (self.settings.corner or self.settings.goal):
            # The netlist's own values are the sample that goals are about and that corners multiply.
            return Table(OWN_VALUES, {}, count=1)
        if table is None:
            hint = "add '*@data FILE' or '*@goal PROBE = VALUE' to the netlist, or give a file"
            raise DataError("there are no data, and no goals", hint=hint)
        return table

    @cached_property
    def test_table(self) -> Table | None:
        """The test data, if there is any. Raises DataError.

        Data from Python take the place of all data that the netlist names.
        """
        from_python = self.data is not None and not isinstance(self.data, str | os.PathLike)
        if self.test is None and from_python:
            return None
        return self._table(self.test, self.settings.data.test)

    @cached_property
    def layout(self) -> Layout:
        """What the columns of the data mean."""
        classes, outputs = self.classes, self.settings.output
        if not classes and self.table.labels is not None and len(classes_in(self.table)) < len(outputs):
            # A class that happens not to be in this part of the data may be in the other.
            both = classes_in(self.table, self.test_table) if self.test_table is not None else ()
            classes = both if len(both) == len(outputs) else ()
        settings = self.settings
        corners, goals = settings.corner, settings.goal
        layout = layout_of(self.table, outputs, self._output_places, classes, corners, goals=goals)
        self.design_for(layout, self.table)
        return layout

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes that ``*@classes`` names, in the order of the outputs. Raises OptionError for a wrong number."""
        classes, outputs = self.settings.classes, self.settings.output
        if classes and len(classes) != len(outputs):
            raise OptionError(
                f"there are {len(classes)} classes and {len(outputs)} outputs",
                self.settings.places.get("classes"),
                "'*@output' lists one probe per class, in the order of '*@classes'",
            )
        return classes

    @cached_property
    def named_layout(self) -> Layout | None:
        """What the columns of the training data mean that the netlist names, if it can be read from where it is."""
        named = self._named
        try:
            return named.layout if named.settings.data.train is not None else None
        except DataError:
            return None

    def input_layout(self, table: Table) -> Layout:
        """What the columns of a table set, whatever it has of targets.

        All must be there that the training data has which the netlist names, or else all that
        ``*@input`` names. Raises DataError and OptionError.
        """
        named, settings = self.named_layout, self.settings
        outputs = tuple(dict.fromkeys((*settings.output, *(goal.probe for goal in settings.goal))))
        layout = input_layout_of(table, outputs, self.classes, self.settings.corner)
        self.design_for(layout, table)
        if named is not None:
            # Classes that are said hold where the netlist's data are values, and it was trained on others.
            layout = replace(layout, outputs=named.outputs, classes=named.classes or layout.classes)
        words = self.settings.input
        needed = named.inputs if named is not None else [name for word in words for name, _ in drive_of(word)]
        inputs_of(table, Layout(tuple(needed), ()))
        return layout

    def dataset(self, table: Table) -> Dataset:
        """A table's samples. Raises DataError for one that sets a value which an element cannot have."""
        data = dataset_of(table, self.layout)
        if not data.asked.any():
            raise DataError("nothing is asked of the outputs: all cells of their columns are empty", table.place(0))
        check_values(self.plain_model, data.inputs, table, data)
        return data

    def samples(self, sample: int | None = None) -> Dataset:
        """The training data, or one sample of it, counted from 0. Raises OptionError for one that there is not."""
        data = self.dataset(self.table)
        if sample is None:
            return data
        check_sample(sample, len(data))
        return data.part(np.array([sample]))

    @cached_property
    def loss(self) -> Loss:
        """The loss: by default cross-entropy where there are classes, else mse.

        Where it leaves a scale to be chosen, it is chosen by the outputs before training.
        """
        given, place = self.settings.loss, self.settings.places.get("loss")
        loss = loss_for(given, self.layout, place)
        if isinstance(loss, MeasuredLoss):
            return loss.chosen_by(self.dataset(self.table).targets)
        return loss.chosen(self.first_outputs) if isinstance(loss, CrossEntropy) and loss.scale is None else loss

    @property
    def chosen_option(self) -> tuple[str, str, float] | None:
        """What of the loss was left to be chosen: the names of the loss and of its option, and what was chosen."""
        return chosen_option(self.settings.loss, self.loss)

    @property
    def chooses_scale(self) -> bool:
        """Whether the scale of the cross-entropy is left to be chosen."""
        return leaves_scale(self.settings.loss, self.layout)

    @cached_property
    def first_outputs(self) -> Array:
        """Outputs (S, o) of the training data before training, of samples spread evenly over it."""
        inputs = self.dataset(self.table).inputs
        if len(inputs) > CHOSEN_BY:
            inputs = inputs[np.linspace(0, len(inputs) - 1, CHOSEN_BY).astype(int)]
        return read_of(self.plain_model, self.plain_model.parameters.initial, inputs)

    @cached_property
    def model(self) -> Model:
        """The circuit as a function, with its trained parameters."""
        return self._model(self.parameters, self.layout)

    @cached_property
    def plain_model(self) -> Model:
        """The circuit as a function, with nothing to train."""
        return self.model_of(self.layout)

    def model_of(self, layout: Layout) -> Model:
        """The circuit as a function of what a layout sets, with nothing to train."""
        return self._model(self.design_for(layout).parameters((), ()), layout)

    def _model(self, parameters: Parameters, layout: Layout) -> Model:
        measured = probes_of(parameters.circuit, layout.outputs, self._output_places)
        inputs = self.design_for(layout).inputs
        text = self.text(layout.driven, inputs)
        return Model(parameters, inputs, measured, self.solver, text, self._on_chip(layout))

    def _on_chip(self, layout: Layout) -> OnChip | None:
        """The chip, with the values that it is given and what its inputs and outputs are."""
        if not isinstance(self.solver, ChipSolver):
            return None
        trained = self._programmed(layout)
        units = tuple(trained.units) or ("",) * len(trained)
        terminals = Terminals(tuple(trained.names), units, layout.driven, layout.outputs)
        return OnChip(self.solver.chip, terminals, np.asarray(trained.initial, dtype=float))

    def _programmed(self, layout: Layout) -> Parameters:
        """What a chip is given values of: what is trained, whatever a model trains."""
        design = self.design_for(layout)
        try:
            return design.parameters(self.selections, self.settings.fix)
        except OptionError:
            if self.settings.train:
                raise
            # A chip without a resistor in its netlist may be read, too.
            return design.parameters((), ())

    def text(self, columns: Sequence[str], inputs: Sequence[Input]) -> OwnText | None:
        """The netlist's text, of which samples set what ``columns`` name, if that is what the solver is given."""
        return self.solver.text(self.design, columns, inputs) if isinstance(self.solver, TextSolver) else None

    @property
    def _output_places(self) -> Mapping[str, Place]:
        places = self.settings.places.items()
        own = {name.removeprefix("output "): place for name, place in places if name.startswith("output ")}
        return {goal.probe: goal.place for goal in self.settings.goal if goal.place is not None} | own

    @cached_property
    def _named(self) -> Project:
        """The project with the training data that the netlist names."""
        return self if self.data is None else replace(self, data=None)

    def _table(
        self, given: DataLike | None, named: str | None, sources: Callable[[], Sequence[str]] | None = None
    ) -> Table | None:
        if isinstance(given, str | os.PathLike):
            return read_table(Path(given), self.unnamed)
        if given is not None:
            return table_of(given, self.unnamed)
        if named is None:
            return None
        unnamed = self.unnamed if sources is None else replace(self.unnamed, sources=sources)
        return read_named(self.netlist, named, self.settings.places, unnamed)

    @property
    def unnamed(self) -> Unnamed:
        """What the columns of arrays without names stand for."""
        settings = self.settings
        return Unnamed(
            settings.input,
            settings.output,
            labels=True if settings.classes or isinstance(settings.loss, CrossEntropy) else None,
            sources=self._unnamed_sources,
        )

    def _unnamed_sources(self) -> Sequence[str]:
        """What arrays drive where no ``*@input`` says: what the named data drive, or else every source."""
        if self.settings.data.train is not None:
            with suppress(DataError):
                return [name for name in self._named.table.columns if asked_by(name) is None]
        return self._own_sources()

    def _own_sources(self) -> Sequence[str]:
        """Every source but those that are trained, and those that corners set, which are not driven."""
        taken = self._trained_sources
        with suppress(OptionError):
            # What is wrong with a corner is said where it is read.
            taken |= self.design.sources_set_by(tuple(self.settings.corner))
        return [name for name in source_names(self.circuit) if name not in taken]

    @cached_property
    def _trained_sources(self) -> frozenset[str]:
        """The independent sources whose values ``*@train`` names, or a parameter that they are computed from."""
        patterns = [entry.pattern for entry in self.settings.train]
        return self.design.matched_sources(patterns, self.settings.fix)


def open_project(
    netlist: NetlistLike,
    data: DataLike | None = None,
    solver: Solver | str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Project:
    """A netlist with its settings, solved by the internal solver, also by its method's name, or another.

    Raises NetlistError and OptionError.
    """
    opened = netlist_of(netlist)
    rest = dict(overrides or {})
    test = rest.pop("test", None)
    settings, chosen = settings_for(opened, rest), internal_by(solver)
    if isinstance(chosen, InternalSolver):
        chosen = chosen.chosen(settings.options.solver, settings.options.sweeps)
    else:
        for name in ("solver", "sweeps"):
            if rest.get(name) is not None:
                hint = f"leave '{name}' out, or what else is to solve the circuit"
                raise OptionError(f"'{name}' is about the internal solver, and another one is given", hint=hint)
    return Project(opened, settings, chosen, data, test)
