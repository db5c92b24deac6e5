"""A chip that is a function of Python: outputs = f(values, inputs)."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.chips.chip import NUDGE_KINDS, Count, NudgeKind, Question, Terminals
from netlearn.errors import ChipError, NetlearnError, Place, did_you_mean

FORM = "--forward python:MODULE:FUNCTION, or python:FOLDER/FILE.py:FUNCTION"


@dataclass
class ChipFunction:
    """A function ``outputs = f(values, inputs)``.

    ``values`` (P,) are those that are trained, in the netlist's units and in the order of the result's ``names``;
    ``inputs`` (S, p) what each of S samples sets, in the order of the data's columns (or of ``*@input``), and corners
    behind them; ``outputs`` (S, o), in the order of ``*@output`` or of the data's columns, of which one alone may be
    (S,). A function that has an attribute ``nudges``, some of "current", "conductance" and "clamp", can be nudged: it
    is called as ``f(values, inputs, read=..., push=...)``, too, with the probes to read in place of the outputs and a
    :class:`netlearn.chips.chip.Push`, either of them None where there is none.
    """

    function: Callable[..., Any]
    name: str = ""
    count: Count = field(default_factory=Count, init=False, compare=False, repr=False)
    _given: Array | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        function = self.function
        self.name = self.name or getattr(function, "__qualname__", type(function).__qualname__)

    def __repr__(self) -> str:
        return f"python:{self.name}"

    @property
    def title(self) -> str:
        """The function's name."""
        return self.name

    def begin(self, terminals: Terminals) -> tuple[NudgeKind, ...]:
        """What can be put at its outputs. Raises ChipError for what is not a nudge."""
        nudges = tuple(getattr(self.function, "nudges", ()))
        for each in nudges:
            if each not in NUDGE_KINDS:
                raise ChipError(f"'{self.name}' has a nudge '{each}'", hint=did_you_mean(str(each), NUDGE_KINDS))
        return nudges

    def answer(self, terminals: Terminals, question: Question) -> Array:
        """What it gives (S, o). Raises ChipError for anything else, and for what it raises."""
        names = terminals.outputs if question.read is None else question.read
        values, inputs = question.values.copy(), question.inputs.copy()
        more: dict[str, Any] = {}
        if question.read is not None or question.push is not None:
            more = {"read": question.read, "push": question.push}
        if self._given is None or not np.array_equal(self._given, question.values):
            self._given = question.values.copy()
            self.count.programmed += 1
        try:
            given = self.function(values, inputs, **more)
        except NetlearnError:
            raise
        except Exception as error:
            raise raised(f"'{self.name}' raised", error) from None
        found = self._rows(given, names, len(inputs))
        self.count.readings += found.size
        self.count.states += len(found)
        return found

    def close(self) -> None:
        """A function is not let go of."""

    def _rows(self, given: Any, names: tuple[str, ...], samples: int) -> Array:
        shape = f"({samples}, {len(names)}), for so many samples and outputs"
        try:
            # numpy makes NaN of None, and leaves imaginary parts out.
            found = None if given is None or np.iscomplexobj(given) else np.asarray(given, dtype=float)
        except (TypeError, ValueError, OverflowError):
            found = None
        if found is None:
            raise ChipError(f"'{self.name}' gave {_shown(given)}, and not numbers {shape}")
        if found.shape == (samples,) and len(names) == 1:
            found = found[:, None]
        if found.shape != (samples, len(names)):
            raise ChipError(f"'{self.name}' gave an array {found.shape}, and not {shape}")
        bad = np.argwhere(~np.isfinite(found))
        if len(bad):
            sample, output = (int(k) for k in bad[0])
            raise ChipError(f"'{self.name}' gave {found[sample, output]} for {names[output]}", sample=sample)
        return np.array(found)


def loaded(path: str) -> ChipFunction:
    """The function that ``MODULE:FUNCTION`` or ``FILE.py:FUNCTION`` names.

    A module is looked for where Python looks, which never is the working folder because of this. A file is loaded as
    it lies there; what it imports is looked for in its own folder, too, behind all others. Raises ChipError.
    """
    module, _, name = path.rpartition(":")
    if not module or not name:
        raise ChipError(f"'python:{path}' names no function of a module", hint=FORM)
    found: Any = _module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            near = [each for each in vars(found) if not each.startswith("_")] if hasattr(found, "__dict__") else []
            raise ChipError(f"'{module}' has no function '{name}'", hint=did_you_mean(part, near))
        found = getattr(found, part)
    if not callable(found):
        raise ChipError(f"'{name}' of '{module}' is {_shown(found)}, and no function", hint=FORM)
    return ChipFunction(found, path)


def _module(name: str) -> ModuleType:
    is_file = name.endswith(".py") or "/" in name
    try:
        return _file(Path(name)) if is_file else importlib.import_module(name)
    except NetlearnError:
        raise
    except ModuleNotFoundError as error:
        if is_file or (error.name or "") not in (name, *_parents(name)):
            raise raised(f"'{name}' cannot be imported:", error) from None
        beside = Path(*name.split(".")).with_suffix(".py")
        hint = f"python:./{beside}:... names the file '{beside}'" if beside.is_file() else FORM
        raise ChipError(f"there is no module '{name}' where Python looks for modules", hint=hint) from None
    except Exception as error:
        raise raised(f"'{name}' cannot be imported:", error) from None
    except SystemExit as error:
        raise ChipError(f"'{name}' cannot be imported: it ends Python ({error})") from None


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ChipError(f"there is no file '{path}'", hint=FORM)
    place = Path(os.path.realpath(path))
    # A name that no library has, so that the file stands in for none.
    name = f"_chip_{place.stem}"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise ChipError(f"'{path}' is not a file of Python", hint=FORM)
    folder = str(place.parent)
    if folder not in sys.path:
        # Behind all others, so that nothing that lies there stands in for a library.
        sys.path.append(folder)
    module = importlib.util.module_from_spec(spec)
    # As dataclasses, for one, look their own module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def raised(what: str, error: BaseException) -> ChipError:
    """What somebody's own code raised, with the place where that was; no second traceback shows it."""
    said = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        number = error.lineno or 1
        place = Place(error.filename, number, error.offset or 1, 1, linecache.getline(error.filename, number).rstrip())
        return ChipError(f"{what} {said}", place)
    own = [frame for frame in frames if not _internal(frame.filename)]
    if not own:
        return ChipError(f"{what} {said}")
    # The last line of the user's own file, and not the inside of a library that it calls.
    last = [frame for frame in own if frame.filename == own[0].filename][-1]
    text = linecache.getline(last.filename, last.lineno or 1).rstrip()
    column = len(text) - len(text.lstrip()) + 1
    return ChipError(f"{what} {said}", Place(last.filename, last.lineno or 1, column, len(text.strip()), text))


def _internal(filename: str) -> bool:
    return filename in (__file__, importlib.__file__) or filename.startswith("<frozen ")


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:56]} ..."
