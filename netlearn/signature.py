"""A netlist as a function: what it is driven by and what is measured, without any data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from netlearn.errors import OptionError
from netlearn.learn.samples import Unnamed, table_of
from netlearn.learn.settings import DataFiles
from netlearn.learn.table import IN_MEMORY, Table
from netlearn.project import Project


def signature_of(project: Project) -> tuple[Project, Unnamed]:
    """The project with its inputs and outputs by what it says, whatever data it names, and how arrays stand for them.

    ``*@input`` and ``*@output`` say what they are, and ``*@goal`` what is measured, too; without the first the
    sources are taken that the training data drive, or else all of them that neither training nor corners set. Raises
    OptionError where nothing is measured, and NetlearnError for names of nothing.
    """
    given = project.settings
    if not given.output and not given.goal:
        raise OptionError("there is nothing to measure", hint="say what: output=['V(out)'], or *@output V(out)")
    words = given.input or tuple(project.unnamed.all_sources())
    unnamed = Unnamed(given.input, given.output, labels=bool(given.classes), sources=partial(tuple, words))
    # One sample, of which only the names of its columns are looked at.
    inputs = np.zeros((1, len(words)))
    if given.goal:
        one = table_of(inputs, unnamed) if words else Table(IN_MEMORY, {}, count=1)
    else:
        wanted = [project.classes[0]] if given.classes else np.zeros((1, len(given.output)))
        one = table_of((inputs, wanted), unnamed)
    return replace(project, data=one, test=None, settings=replace(given, data=DataFiles())), unnamed
