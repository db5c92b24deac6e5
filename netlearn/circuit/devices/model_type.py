"""How the words of a ``.model`` card and of an element line become a device's values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netlearn.circuit.devices.base import Device
from netlearn.errors import CircuitError, did_you_mean


def _as_they_are(values: dict[str, Any]) -> dict[str, Any]:
    return values


def _nothing(given: Collection[str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class ModelType:
    """A type of ``.model`` card: its device, and which words mean which of the device's values.

    All names are in lower case. Where a parameter occurs twice, later settings win: defaults,
    then the model's, then the element's.
    """

    name: str
    letter: str
    """The letter of the elements that may have this model, in upper case."""
    device: Device
    terminals: tuple[int, ...]
    """How many nodes an element line may have; the device's further terminals are then at ground."""
    model: Mapping[str, str]
    """A model parameter's name, or an alias of it, to the name of the device's value."""
    element: Mapping[str, str] = field(default_factory=dict)
    """The same for the parameters of an element line."""
    positional: tuple[str, ...] = ()
    """The values that numbers after the model's name set, in their order."""
    flags: Mapping[str, tuple[str, float] | None] = field(default_factory=dict)
    """Words such as ``on`` after the model's name, with the value that they set, if any."""
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Values that the type itself sets, such as the polarity."""
    ignored: Collection[str] = ()
    """Parameters without effect at an operating point: capacitances, transit times, noise, limits."""
    ignored_on_element: Collection[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """Parameters that would change an operating point by an effect that the device lacks, with the effect's name."""
    only: Mapping[str, Collection[float]] = field(default_factory=dict)
    """Selectors such as ``tlev``, with the numbers that the device stands for."""
    level: int = 1
    """The ``level`` that the device stands for."""
    levels: Mapping[int, ModelType] = field(default_factory=dict)
    """The types that this one turns into at other levels."""
    any_level: bool = False
    """Whether all further levels mean this one."""
    missing_levels: Mapping[int, str] = field(default_factory=dict)
    """What levels are called that ngspice has and netlearn lacks."""
    derived: Callable[[Collection[str]], Mapping[str, str]] = _nothing
    """From the values that an element and its model give to expressions for others, in these and ``scale``.

    ``scale`` is that of ``.options``. What an expression needs beside it and is not given is the device's default.
    """
    controls: int = 0
    """How many words after the nodes name sources whose currents control the element."""
    in_ngspice: bool = True
    """Whether ngspice has this type; a netlist that uses another one cannot be given to ngspice."""
    types: Mapping[float, str] = field(default_factory=dict)
    """What ngspice calls the type by its polarity, and words for the card, where that is not just the name."""
    unless: Mapping[str, str] = field(default_factory=dict)
    """Values that ngspice is not told of where another one, which is given instead, is not zero."""
    plain: Device | None = None
    """A smaller device with the same values, for elements without any internal unknown."""
    variants: Mapping[Collection[str], ModelType] = field(default_factory=dict)
    """Other types that this one turns into where the model has any of these parameters."""
    finish: Callable[[dict[str, Any]], dict[str, Any]] = _as_they_are

    @property
    def family(self) -> tuple[ModelType, ...]:
        """The type itself and those of other levels."""
        return (self, *self.levels.values())

    @property
    def devices(self) -> set[str]:
        """The names of the devices that its elements become."""
        return {self.device.name} if self.plain is None else {self.device.name, self.plain.name}

    def variant(self, parameters: Iterable[str]) -> ModelType:
        """The type that a model with these parameters really is."""
        names = set(parameters)
        return next((kind for words, kind in self.variants.items() if names & set(words)), self)

    def at_level(self, level: float) -> ModelType:
        """The type that a model of this level really is. Raises CircuitError for a level that netlearn lacks."""
        if level == self.level:
            return self
        if level in self.levels:
            return self.levels[int(level)]
        if self.any_level:
            return self
        *others, last = sorted(f"{number}" for number in {self.level, *self.levels})
        known = f"levels {', '.join(others)} and {last}" if others else f"level {last}"
        name = self.missing_levels.get(int(level)) if level == int(level) else None
        called = f" ({name})" if name else ""
        raise CircuitError(
            f"a '{self.name}' model of level {level:g}{called} is not supported", hint=f"netlearn has {known}"
        )

    def model_value(self, parameter: str, value: float) -> str | None:
        """The device's value that a model parameter sets, or None if it sets none at an operating point.

        Parameters that neither netlearn nor ngspice knows set none, as in ngspice, which warns of
        them (see ``knows``). Raises CircuitError for an effect that the device lacks.
        """
        if parameter in self.only and value not in self.only[parameter]:
            known = " or ".join(f"{number:g}" for number in sorted(self.only[parameter]))
            raise CircuitError(
                f"a '{self.name}' model with {parameter}={value:g} is not supported",
                hint=f"netlearn has {parameter}={known}",
            )
        if parameter in self.model:
            return self.model[parameter]
        if parameter in self.element and parameter != "m":
            # What an element's own line may give has its default here, as in ngspice.
            return self.element[parameter]
        if parameter in self.refused and value != 0:
            raise CircuitError(
                f"the '{self.name}' model's parameter '{parameter}' is not supported: {self.refused[parameter]}",
                hint="without it, the operating point would be another one; remove it if that is what you want",
            )
        return None

    def knows(self, parameter: str) -> bool:
        """Whether a model parameter has a meaning at all."""
        if any(parameter in names for names in (self.model, self.ignored, self.refused, self.only)):
            return True
        return parameter == "level" or (parameter != "m" and parameter in {*self.element, *self.ignored_on_element})

    def element_value(self, parameter: str, value: float = 0.0) -> str | None:
        """The device's value that an element's parameter sets, or None. Raises CircuitError for an unknown one."""
        if parameter in self.element:
            return self.element[parameter]
        if parameter in self.ignored_on_element:
            return None
        if parameter in self.refused and value != 0:
            raise CircuitError(f"'{parameter}' is not supported: {self.refused[parameter]}")
        raise CircuitError(
            f"an element with a '{self.name}' model has no parameter '{parameter}'",
            hint=did_you_mean(parameter, self.element),
        )

    def complete(self, model: Mapping[str, Any], element: Mapping[str, Any]) -> dict[str, Any]:
        """All values of one element, from those that its model and its own line set."""
        return self.finish({**self.device.parameters, **self.fixed, **model, **element})

    def device_for(self, values: Mapping[str, Any]) -> Device:
        """The device for an element with these complete values: ``plain`` where that is the same."""
        if self.plain is None or any(values[internal.parameter] != 0 for internal in self.device.internal.values()):
            return self.device
        return self.plain


def names(text: str) -> dict[str, str]:
    """``is=js rs`` to {"is": "is", "js": "is", "rs": "rs"}: each value with its aliases."""
    return {alias: word.split("=")[0] for word in text.split() for alias in word.split("=")}
