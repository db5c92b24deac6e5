"""How ngspice writes each kind of element."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Group
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.circuit.devices.models import ModelType, types_of
from netlearn.errors import NgspiceError
from netlearn.expressions.law import Law
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.expressions import ngspice_expression

Words = Callable[[int], str]
"""From an unknown's number to how an expression names it."""


@dataclass(frozen=True)
class Form:
    """The parts of an element line: a letter, nodes, a model or a number, ``name=value`` pairs.

    ``value`` is the value that stands by itself after the nodes. ``instance`` maps value names to
    ngspice's names on the element line and ``model`` those on its ``.model`` card, of the type
    ``types[sign of polarity]`` with its words, and of a ``level`` if that is not 1. ``alterable`` are the
    values that the ``alter`` command changes. ``flags`` are words that stand where a value is not zero, and
    ``unless`` names values that are not written where another one is not zero. ``law`` writes what stands
    after the two nodes of a behavioural source.
    """

    letter: str
    value: str = ""
    types: Mapping[float, str] = field(default_factory=dict)
    model: Mapping[str, str] = field(default_factory=dict)
    instance: Mapping[str, str] = field(default_factory=dict)
    alterable: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)
    law: Callable[[Group, int, Words], str] | None = None
    level: int = 1
    words: str = ""
    """What stands at the end of every line."""
    branch: str = "branch"
    """What follows the element's name and a ``#`` in the name of its own branch current."""

    def sens_name(self, element: str, value: str) -> str | None:
        """The name that ``.sens`` gives to the derivative by a value, if it has one."""
        if value == self.value:
            return f"{element}_gain" if value == "gain" else element
        if value in self.instance:
            return f"{element}_{self.instance[value]}"
        return f"{element}:{self.model[value]}" if value in self.model else None


def column(group: Group, name: str) -> Array:
    """A value of all k elements of a group, (k,)."""
    return np.broadcast_to(np.asarray(group.values[name], dtype=float), len(group))


def _linear(letter: str, value: str) -> Form:
    return Form(letter, value=value, alterable={value: value})


LINEAR_FORMS = {
    "resistor": _linear("r", "resistance"),
    "voltage source": _linear("v", "dc"),
    "inductor": Form("l", value="inductance"),
    "current source": _linear("i", "dc"),
    "vccs": _linear("g", "gain"),
    "vcvs": _linear("e", "gain"),
    "cccs": _linear("f", "gain"),
    "ccvs": _linear("h", "gain"),
}

OTHER_FORMS = {
    "shunt": Form("r"),
    "lossless line": Form("t", words="z0=1 td=1n", branch="i1"),
    # Inductances and capacitances make a line of it that ngspice knows; they have no effect here.
    "lossless line of any reference": Form("o", types={1.0: "ltra len=1 l=1n c=1p"}, branch="i1"),
    "lossy line": Form("o", types={1.0: "ltra len=1 c=1p"}, model={"resistance": "r"}),
    "lossy line of any reference": Form("o", types={1.0: "ltra len=1 c=1p"}, model={"resistance": "r"}),
    "leaky line": Form("o", types={1.0: "ltra len=1"}, model={"resistance": "r", "conductance": "g"}),
}

INTERNAL_NAMES = {"collcx": "collCX", "body": "body diode"}
"""ngspice's names of internal nodes, after the element's and a ``#``, where they are not netlearn's."""


def inside_nodes(group: Group) -> Iterator[tuple[int, int, str]]:
    """Nodes inside of elements that are none of their terminals: element, unknown, and ngspice's word for it."""
    device = group.device
    for unknown, inside in device.internal.items():
        own, alias = (group.index[:, device.unknowns.index(name)] for name in (unknown, inside.alias))
        for k in np.flatnonzero((own != alias) & (own != GROUND)).tolist():
            yield k, int(own[k]), INTERNAL_NAMES.get(unknown, unknown)


def _ideal_diode(group: Group, k: int, word: Words) -> str:
    """Three straight lines; max() bends them where the device does."""
    v = {name: float(column(group, name)[k]) for name in group.device.parameters}
    scale = v["area"] * v["m"]
    off, on = scale / v["roff"], scale / v["ron"]
    back = scale / (v["ron"] if np.isnan(v["rrev"]) else v["rrev"])
    across = f"({word(int(group.index[k, 0]))}-{word(int(group.index[k, 1]))})"
    text = f"i={format_number(off)}*{across}+{format_number(on - off)}*max({across}-({format_number(v['vfwd'])}),0)"
    if np.isfinite(v["vrev"]):
        text += f"-{format_number(back - off)}*max(-({format_number(v['vrev'])})-{across},0)"
    return text


def _behavioural(group: Group, k: int, word: Words) -> str:
    """The law of a behavioural source in ngspice's words: an expression, or what a law of the user's own says.

    Such a law has a method ``spice(controls, values)`` that takes the words for its controls and the
    element's values as numbers, and gives an expression.
    """
    device = group.device
    assert isinstance(device, BehaviouralSource)
    voltage = device.unknowns[-1] == "i"
    controls = [word(int(unknown)) for unknown in group.index[k, 2 : -1 if voltage else None]]
    values = {name: float(column(group, name)[k]) for name in group.values}
    law = device.law
    if isinstance(law, Law):
        text = _law(law, controls, values)
    elif hasattr(law, "spice"):
        text = law.spice(controls, values)
    else:
        raise NgspiceError(f"the behavioural source '{group.names[k]}' has a law that ngspice cannot be told")
    return f"{'v' if voltage else 'i'}={text}"


def _law(law: Law, controls: Sequence[str], values: Mapping[str, float]) -> str:
    words = {f"${i}": repr(values[f"p{i}"]) for i in range(law.parameters)}
    at = 0
    for i, difference in enumerate(law.differences):
        words[f"#{i}"] = f"{controls[at]}-{controls[at + 1]}" if difference else controls[at]
        at += 1 + difference
    return ngspice_expression(law.expression, words)


def form_of(device: Device) -> Form:
    """The form of a device's elements. Raises NgspiceError for a device that ngspice does not have."""
    form = LINEAR_FORMS.get(device.name) or OTHER_FORMS.get(device.name)
    if form is not None:
        return form
    if device.name == "ideal diode":
        return Form("b", law=_ideal_diode)
    kinds = [kind for kind in types_of(device.name) if kind.in_ngspice]
    if kinds:
        return _model_form(kinds)
    if isinstance(device, BehaviouralSource):
        return Form("b", law=_behavioural)
    raise NgspiceError(f"there is no way to write a {device.name} for ngspice")


def _model_form(kinds: Sequence[ModelType]) -> Form:
    """One form for the model types of a device, which differ in polarity at most."""
    kind = kinds[0]
    instance = _own_names(kind.element.values())
    return Form(
        kind.letter.lower(),
        types=kind.types or {kind.fixed.get("polarity", 1.0): kind.name for kind in kinds},
        model={name: name for name in _own_names(kind.model.values()) if name not in instance},
        instance=instance,
        flags={
            flag[0]: word
            for word, flag in kind.flags.items()
            if flag is not None and flag[1] != 0 and flag[0] != "polarity"
        },
        unless=kind.unless,
        level=kind.level,
    )


def _own_names(values: Collection[str]) -> dict[str, str]:
    return {value: value for value in values}
