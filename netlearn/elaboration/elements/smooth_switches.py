"""PSpice's switches, whose resistance goes smoothly from one value to the other.

Between ``Von`` and ``Voff`` the logarithm of the resistance is a cubic of the control: PSpice A/D Reference Guide,
"Voltage-controlled switch". For a current-controlled one ngspice has a straight line.
"""

from __future__ import annotations

from netlearn.elaboration.body import ModelCard
from netlearn.elaboration.element_line import ElementLine
from netlearn.elaboration.elements.behavioural import add_source
from netlearn.elaboration.elements.model_cards import found_model, known_quantities
from netlearn.elaboration.elements.modelled import modelled
from netlearn.expressions.expression import parse_expression

_KINDS = {
    # By type: what is like it with a hysteresis, its parameters with PSpice's defaults, and the form of the logarithm.
    "vswitch": ("sw", {"ron": 1.0, "roff": 1e6, "von": 1.0, "voff": 0.0}, "(1.5*{u}-2*{u}*{u}*{u})"),
    "iswitch": ("csw", {"ron": 1.0, "roff": 1e6, "ion": 1e-3, "ioff": 0.0}, "{u}"),
}
_WITH_HYSTERESIS = frozenset(("vt", "vh", "it", "ih"))


def switch(line: ElementLine) -> None:
    """``Sname p n cp cn model [on|off]`` and ``Wname p n source model [on|off]``."""
    words = line.element.words
    at = 4 if line.name[0] == "s" else 3
    model = found_model(line.body, words[at].text.lower()) if len(words) > at else None
    if model is None or model.kind not in _KINDS:
        modelled(line)
    elif model.parameters.keys() & _WITH_HYSTERESIS:
        model.kind = _KINDS[model.kind][0]
        modelled(line)
    else:
        _smooth(line, model, at)


def _smooth(line: ElementLine, model: ModelCard, at: int) -> None:
    words = line.element.words
    if (model.kind == "vswitch") != (at == 4):
        raise line.error(f"model '{words[at].text}' is of type {model.kind}", words[at])
    for word in words[at + 1 :]:
        if word.text.lower() not in ("on", "off"):
            raise line.error(f"cannot read '{word.text}' after the model of {line.label}", word)
    line.assignments(())
    _, defaults, form = _KINDS[model.kind]
    quantities = {name: line.graph.constant(value) for name, value in defaults.items()}
    quantities.update(known_quantities(model, defaults, {}))
    _, _, on, off = defaults
    value = line.graph.value
    if value(quantities[on]) == value(quantities[off]) or min(value(quantities[n]) for n in ("ron", "roff")) <= 0:
        raise line.error(f"the switch {line.label} needs {on} other than {off}, and positive resistances", words[at])
    nodes = [word.text.lower() for word in words]
    control = f"v({nodes[2]},{nodes[3]})" if at == 4 else f"i({nodes[2]})"
    place = f"limit(({control}-({on}+{off})/2)/({on}-{off}),-0.5,0.5)"
    logarithm = f"ln(ron*roff)/2+ln(ron/roff)*{form.format(u=place)}"
    expression = parse_expression(f"v({nodes[0]},{nodes[1]})*exp(-({logarithm}))", behavioural=True)
    add_source(line, expression, current=True, quantities=quantities)
