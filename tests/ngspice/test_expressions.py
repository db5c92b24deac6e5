"""Expressions written for ngspice mean there what they mean in netlearn."""

from dataclasses import dataclass

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.behavioural import behavioural_current_source, behavioural_voltage_source
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NgspiceError
from netlearn.expressions.expression import Expression, parse_expression
from netlearn.ngspice.expressions import ngspice_expression
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.difference import compare
from netlearn.solve.internal import InternalSolver

TEXTS = [
    "v(a)+2*v(b)-3/k",
    "-v(a)^2+v(b)**3",
    "2^-v(a)",
    "v(a)>v(b) ? v(a)*k : v(b)/k",
    "(v(a)>=0.6)+2*(v(b)<=-0.4)+4*(sgn(v(a))==1)+8*(v(a)!=v(b))+16*(v(a)<1)",
    "(v(a)>0 && v(b)>0) + 2*(v(a)>0 || v(b)>0) + 4*!v(b)",
    "exp(v(a))+ln(3+v(b))+log(3+v(a))+log10(4+v(b))",
    "sqrt(abs(v(b)))+sgn(v(b))+u(v(a))+uramp(v(b))+u2(v(a))",
    "sin(v(a))*cos(v(b))+tan(v(a))+atan(v(b))+tanh(v(a))+sinh(v(b))+cosh(v(a))+asin(v(b))+acos(v(a))",
    "asinh(v(a))+acosh(2+v(a))+atanh(v(b))",
    "min(v(a),v(b))+2*max(v(a),v(b))+pow(v(b),2)+pwr(v(b),3)",
    "floor(3*v(b))+ceil(3*v(a))+nint(3*v(a))+int(-2.7*v(a))",
    "pwl(v(a),0,0,0.5,1,1,3)+pwl(v(b),0,1,1,2)",
    "table(v(a),0,0,0.5,1)+10*table(v(b),0,1,0.5,1,1,3)",
    "sqr(v(a))+hypot(v(a),v(b))+if(v(a),1,2)",
    "(7*v(a)) % 2 + (9*v(a)) \\ 2",
    "i(v1)*1k + temper*0.01",
    "limit(v(a),-1,0.5)+2*limit(v(b),0.5,-0.1)+4*limit(v(a)*v(b),-2,1)",
    "uplim(v(a),0.65,0.1)+2*uplim(v(b),0.65,0.1)+4*uplim(v(a),0.1,0.1)",
    "dnlim(v(a),0.65,0.1)+2*dnlim(v(b),0.65,0.1)+4*dnlim(v(a),0.1,0.1)",
    "arctan(v(a))+buf(v(a))+2*inv(v(a))+4*round(3*v(b))+pwrs(v(b),3)+pwrs(v(b),2)+stp(v(b))",
    "(v(a)>0 & v(b)>0) + 2*(v(a)>0 | v(b)>0) + 4*~v(b)",
]


@dataclass(frozen=True)
class Law:
    """A law with a voice: evaluates an expression, and says it in ngspice's words."""

    expression: Expression
    names: tuple[str, ...]

    def __call__(self, controls, values):
        environment = {name: controls[..., c] for c, name in enumerate(self.names)}
        return self.expression.evaluate({**environment, **values}) + 0 * controls[..., 0]

    def spice(self, controls, values):
        numbers = {name: repr(value) for name, value in values.items()}
        return ngspice_expression(self.expression, {**dict(zip(self.names, controls, strict=True)), **numbers})


def circuit(texts, voltage):
    """A source for each text, controlled by v(a) = 0.7, v(b) = -0.3 and i(v1), loaded by a resistor."""
    n = len(texts)
    a, b, v1, v2 = n, n + 1, n + 2, n + 3
    groups = [
        Group(
            RESISTOR,
            [f"r{k}" for k in range(n + 1)],
            np.array([*([k, GROUND] for k in range(n)), [a, GROUND]]),
            {"resistance": np.ones(n + 1)},
        ),
        Group(
            VOLTAGE_SOURCE, ["v1", "v2"], np.array([[a, GROUND, v1], [b, GROUND, v2]]), {"dc": np.array([0.7, -0.3])}
        ),
    ]
    make = behavioural_voltage_source if voltage else behavioural_current_source
    numbers = {"v(a)": a, "v(b)": b, "i(v1)": v1}
    for k, text in enumerate(texts):
        expression = parse_expression(text, behavioural=True)
        names = tuple(name for name in expression.names if name in numbers)
        device = make(Law(expression, names), len(names), {"k": 0.0})
        ends = [k, GROUND] if voltage else [GROUND, k]
        own = [n + 4 + k] if voltage else []
        groups.append(
            Group(
                device, [f"b{k}"], np.array([[*ends, *(numbers[name] for name in names), *own]]), {"k": np.array([3.0])}
            )
        )
    branches = ["v1", "v2", *(f"b{k}" for k in range(n) if voltage)]
    return Circuit([*(f"o{k}" for k in range(n)), "a", "b"], branches, tuple(groups))


NETLISTS = [
    "E1 o 0 VALUE={v(a)*v(b,a)+k}",
    "E1 o 0 TABLE {v(a)-v(b)} = (0,0) (0.98,k) (2,5)",
    "E1 o 0 TABLE {v(b)} = (-0.3,1) (1,2)",
    "E1 o 0 TABLE {v(a)} = (-2,1) (-1,{k})",
    "E1 o 0 POLY(2) a 0 b 0 1 2 3 4 5",
    "G1 0 o POLY(1) a b 0.5 0 1",
    "G1 0 o VALUE={v(a) > k ? 1 : temper/100}",
    "F1 0 o POLY(1) V1 0.1 2",
    "H1 o 0 POLY(2) V1 V2 1 2 3",
    "B1 0 o I=i(V1)*2+v(b)**3 m=3",
    "B1 o 0 V=2**v(a)/(1+v(o,b)^2)",
]


@pytest.mark.ngspice
@pytest.mark.parametrize("line", NETLISTS)
def test_sources_of_a_netlist_mean_the_same_in_netlearns_deck(line, ngspice, libngspice):
    text = f"t\n.param k=2\nV1 a 0 0.7\nV2 b 0 -0.3\nRa a b 1\nRo o 0 1\n{line}\n.end\n"
    circuit = elaborate(netlearn.parse(text)).circuit
    with NgspiceSolver(processes=1) as solver:
        op = solver.solve(circuit)
    assert op.voltage("o")[0] == pytest.approx(ngspice.run(text)["v(o)"], rel=1e-9)
    assert compare(op, InternalSolver().solve(circuit)).within(1e-7)


@pytest.mark.ngspice
@pytest.mark.parametrize("voltage", [False, True])
def test_every_operator_and_function_agrees_with_ngspice(voltage, libngspice):
    built = circuit(TEXTS, voltage)
    with NgspiceSolver() as solver:
        op = solver.solve(built)
    environment = {"v(a)": 0.7, "v(b)": -0.3, "i(v1)": float(op.current("v1")[0]), "k": 3.0, "temper": 27.0}
    for k, text in enumerate(TEXTS):
        expected = parse_expression(text, behavioural=True).evaluate(environment)
        assert op.voltage(f"o{k}")[0] == pytest.approx(float(expected), rel=1e-9, abs=1e-12), text


def test_a_name_of_the_users_is_never_written():
    with pytest.raises(NgspiceError, match="'shell' in an expression"):
        ngspice_expression(parse_expression("shell+1", behavioural=True), {})


def test_a_law_that_cannot_say_itself_is_refused():
    built = circuit(["v(a)"], False)
    mute = behavioural_current_source(lambda controls, values: controls[..., 0], 1)
    group = Group(mute, ["bad"], np.array([[GROUND, 0, 1]]), {})
    with pytest.raises(NgspiceError, match="'bad' has a law that ngspice cannot be told"):
        NgspiceSolver().solve(Circuit(built.nodes, built.branches, (*built.groups, group)))
