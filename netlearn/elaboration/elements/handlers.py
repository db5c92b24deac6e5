"""Which element letter is elaborated by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.behavioural import behavioural_source
from netlearn.elaboration.elements.controlled import controlled
from netlearn.elaboration.elements.foreign import code_model
from netlearn.elaboration.elements.lines import coupled_lines, ideal_line, lossy_line, single_line, uniform_line
from netlearn.elaboration.elements.modelled import modelled
from netlearn.elaboration.elements.reactive import capacitor, coupling, inductor
from netlearn.elaboration.elements.resistors import resistor
from netlearn.elaboration.elements.smooth_switches import switch
from netlearn.elaboration.elements.sources import current_source, voltage_source

Handler = Callable[[ElementLine], None]


HANDLERS: Mapping[str, Handler] = {
    "R": resistor,
    "V": voltage_source,
    "I": current_source,
    **dict.fromkeys("EFGH", controlled),
    "C": capacitor,
    "L": inductor,
    "K": coupling,
    "A": code_model,
    "B": behavioural_source,
    "T": ideal_line,
    "O": lossy_line,
    "Y": single_line,
    "P": coupled_lines,
    "U": uniform_line,
    **dict.fromkeys((kind.letter for kind in MODEL_TYPES.values()), modelled),
    **dict.fromkeys("SW", switch),
}
