"""Names that ngspice takes for something else: equal voltages whatever nodes and elements are called."""

from __future__ import annotations

import random
import re
import subprocess
import warnings

import numpy as np
import pytest

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NetlearnErrors, NetlistWarning
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.ngspice.text import text_deck
from netlearn.ngspice.text_names import DeckNames, is_plain_node
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_solution import text_solution
from netlearn.solve.internal import InternalSolver

SPECIAL = (
    "temper temp time hertz freq value table poly null all allv alli ally gnd! vdd! gnd1 v i e x pi yes no true false "
    "off on 00 000 01 007 0.0 1.5 5. 1e3 1k 1meg 10 1a 1_ a+b a-b a*b a/b a^b a.b a:b a#b #a v1#branch a#branch a@b @a "
    "a!b !a ~a a?b a%b %a \\a a\\b _a [a] a[1] a<1> <a> é µ + - -- net-_r1-pad1_ /net VDD5+ pulse sin dc ac mod op "
    "let print sens title end params const vol cur laplace n0_renamed r0_renamed renamed p.q.r 3.3v +5v in+ in- out' "
    'a"b vtemper temper1 xtemper'
)
LETTERS = "abtvixrz0129_.+-*/^:#@!~?%\\[]<>éµ"


def invented(count: int) -> list[str]:
    source = random.Random(16)
    return ["".join(source.choices(LETTERS, k=source.randint(1, 6))) for _ in range(count)]


def netlist(node: str, element: str) -> str:
    """A circuit in which a node has one name everywhere and each element another, in all places where they stand."""
    return f"""title
.param par=7
V{element} {node} 0 2
R{element} {node} mid 1k
R0 mid 0 1k
L{element} mid m2 1m
Rm m2 0 1k
E1 e1 0 {node} mid 3
Re1 e1 0 1k
G1 0 g1 {node} 0 1m
Rg1 g1 0 2k
F1 0 f1 V{element} 2
Rf1 f1 0 1k
H1 h1 0 V{element} 3k
Rh1 h1 0 1k
D1 {node} dd dm
Rd dd 0 1k
.model dm d(is=1e-14)
X{element} {node} s1 sub
.subckt sub p q
V{element} p {node}z 0.25
R{element} {node}z q 1k
Rq q 0 1k
B1 b1 0 V=v(q)*2
Rb1 b1 0 1k
.ends
.nodeset v({node})=1.5
.end
"""


EXPRESSIONS = """B1 b1 0 V=v({node})*2+v({node},mid)
Rb1 b1 0 1k
B2 b2 0 V=i(V{element})*1k
Rb2 b2 0 1k
.end
"""


def solved(text: str, runner: TextRunner, flat: NgspiceSolver) -> bool:
    """Whether ngspice finds for the text what netlearn finds; False where netlearn refuses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetlistWarning)
        try:
            source = netlearn.parse(text)
            circuit = elaborate(source).circuit
        except (NetlearnError, NetlearnErrors):
            return False
    ours = InternalSolver().solve(circuit).x
    theirs = text_solution(source, circuit, ([], np.zeros((1, 0))), runner, inside=True)
    assert not theirs.missing, text
    plain = [k for k, name in enumerate(circuit.nodes) if "#meter" not in name]
    assert theirs.x[:, plain] == pytest.approx(ours[:, plain], rel=1e-6, abs=1e-9), text
    assert flat.solve(circuit).x == pytest.approx(ours, rel=1e-6, abs=1e-9)
    return True


@pytest.mark.ngspice
def test_all_names_have_the_same_voltages(libngspice):
    tried = named = 0
    with TextRunner() as runner, NgspiceSolver() as flat:
        for name in (*SPECIAL.split(), *invented(40)):
            text = netlist(name, f"1{name}")
            tried += solved(text, runner, flat)
            # What no expression can name may still be a node.
            more = EXPRESSIONS.format(node=name, element=f"1{name}")
            named += solved(text.replace(".end\n", more), runner, flat)
    assert tried > 110
    assert named > 70


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["temper", "00", "a+b", "1k", "net<3>", "a#b", "all"])
def test_samples_training_and_probes_know_such_names(name, libngspice):
    text = f"title\n*@output V({name})\nV! {name} 0 1\nR/ {name} m_ 1k\nR+ m_ 0 3k\nX! m_ s\n"
    text += f".subckt s p\nR< p {name} 1k\nV> {name} 0 0.25\n.ends\n.end\n"
    data = {"V!": np.array([1.0, 2.0]), "v.x!.v>": np.array([0.25, 0.5])}
    probes = [f"V({name})", "V(m_)", f"V(x!.{name})", "I(V!)", "I(x!.v>)"]
    ours = netlearn.operating_point(netlearn.parse(text), data=data).measure(*probes)
    theirs = netlearn.operating_point(netlearn.parse(text), "ngspice", data)
    assert theirs.measure(*probes) == pytest.approx(ours, rel=1e-9)
    found = netlearn.sensitivities(netlearn.parse(text), f"V(x!.{name},m_)", against="ngspice")
    assert found
    assert max(each.relative_difference for each in found if each.derivative) < 1e-4


@pytest.mark.ngspice
@pytest.mark.parametrize("to", ["text", "flat", "flatten"])
def test_what_is_written_for_ngspice_says_what_it_renames(to, ngspice, tmp_path):
    text = "title\n*@output V(temper) V(00) V(a>b)\nV1 temper 0 2\nR1 temper 00 1k\nR2 00 0 1k\n"
    text += "R3 00 a>b 1k\nR4 a>b 0 1k\n.end\n"
    source = netlearn.parse(text)
    if to == "flatten":
        found = ngspice.run(netlearn.flatten(source))
        assert "v(temper)" not in found
        assert "V(n_0)" in netlearn.flatten(source)
        assert sorted(value for name, value in found.items() if name.startswith("v(")) == pytest.approx(
            sorted(netlearn.operating_point(source).x[0, :3])
        )
        return
    deck = netlearn.export(source, "ngspice", flat=to == "flat")
    assert "stands for 'temper'" in deck
    (tmp_path / "deck.cir").write_text(deck)
    done = subprocess.run(
        [ngspice.executable, "-n", "-b", tmp_path / "deck.cir"], capture_output=True, text=True, check=False
    )
    printed = [float(value) for value in re.findall(r"^(?!sample)\S+ = (\S+)$", done.stdout, re.MULTILINE)]
    expected = netlearn.operating_point(source).measure("V(temper)", "V(00)", "V(a>b)")[0]
    assert printed == pytest.approx(expected.tolist())


def test_names_in_the_deck_are_nobodys():
    deck = text_deck(netlearn.parse("title n0_renamed\nR1 temper n0_renamed 1k\nR2 n0_renamedx 0 1k\n.end\n"))
    (new,) = deck.names.nodes.values()
    assert new.startswith("n0_renamedx")
    assert new not in ("n0_renamed", "n0_renamedx")


def test_names_go_back_and_forth():
    names = DeckNames()
    assert names.node("plain") == "plain"
    assert names.node("0") == "0"
    assert not is_plain_node("temper")
    first = names.element("X!")
    assert first[0] == "x"
    assert names.path("x!.a+b", element=False) == f"{first}.{names.node('a+b')}"
    assert names.path("v.x!.v1", element=True) == f"v.{first}.v1"
    assert names.path("x!.q", element=False) == f"{first}.q"
