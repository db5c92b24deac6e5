"""Mistakes in netlists that elaboration finds: each with its place, many at once, none of them endless."""

from __future__ import annotations

import warnings

import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NetlearnErrors, NetlistError, NetlistWarning
from netlearn.netlist.netlist import parse


def design_of(text):
    return elaborate(parse(f"title\n{text}\n.end\n", "t.cir"))


def errors_of(text):
    with pytest.raises(NetlearnError) as caught:
        design_of(text)
    error = caught.value
    return list(error.errors) if isinstance(error, NetlearnErrors) else [error]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("V1 a 0 1\nR1 a 0 1\nr1 a 0 {2}", 4, 1, "two elements named 'r1'"),
        ("V1 a 0 1\nR1 a 0 1\nR2 a 0 1\nR1 a 0 2", 5, 1, "two elements named 'r1'"),
        (".param foo=1\nV1 a 0 {fooo*2}", 3, 9, "unknown parameter 'fooo'"),
        (".param a=b b={c+1} c='a*2'\nV1 x 0 {a}", 2, 10, "a -> b -> c -> a"),
        (".func f(x) {g(x)}\n.func g(x) {f(x)}\nV1 x 0 {f(1)}", 4, 9, "f -> g -> f"),
        ("V1 x 0 {foo(1)}", 2, 9, "unknown function 'foo'"),
        (".func f(x,y) {x+y}\nV1 x 0 {f(1)}", 3, 9, "takes 2 arguments, not 1"),
        ("V1 x 0 {1+}", 2, 10, "cannot read the expression"),
        ("V1 x 0 {1/0}", 2, 9, "gives inf"),
        ("V1 a 0 1\nX1 a b foo", 3, 8, "unknown subcircuit 'foo'"),
        ("R1 a 0 1k scale=0", 2, 8, "resistance of zero"),
        ("X1 a foo\n.subckt foo a b\nR1 a b 1\n.ends", 2, 1, "has 2 nodes and X1 gives 1"),
        ("X1 a b foo\n.subckt foo a b r=1\nR1 a b {q}\n.ends", 4, 9, "unknown parameter 'q'"),
        ("D1 a 0 dmod\n.model dm d", 2, 8, "unknown model 'dmod'"),
        ("D1 a 0 rm\n.model rm r", 2, 8, "is of type r, not d"),
        ("R1 a 0 rmod", 2, 8, "neither a number nor a resistor model"),
        ("F1 a 0 v2 1\nV1 a 0 1", 2, 8, "controlled by the current of 'v2'"),
        ("Z1 a b 0 zm\n.model zm nmf", 2, 1, "is a MESFET, which netlearn cannot solve"),
        ("T1 a 0 b 0 td=1n", 2, 1, "has no impedance"),
        ("T1 a 0 b 0 50", 2, 12, "cannot read '50'"),
        ("O1 a 0 b 0 lm\n.model lm txl r=1", 2, 12, "of type txl, not ltra"),
        ("O1 a 0 b 0 lm\n.model lm ltra(r=1 g=1 l=1n len=1)", 3, 20, "with l or c is not supported"),
        ("O1 a 0 b 0 lm\n.model lm ltra(r=-1 len=1)", 2, 1, "not positive"),
        ("O1 a 0 b 0 lm\n.model lm ltra(r=1 len=1 fast)", 3, 26, "cannot read 'fast'"),
        ("Y1 a 0 b 0 nix", 2, 12, "unknown model 'nix'"),
        ("P1 a b 0 c d 0 pm\n.model pm cpl r=1 2 length=1", 3, 15, "needs 3 numbers for r, not 2"),
        ("P1 a b 0 c 0 pm\n.model pm cpl r=1 length=1", 2, 1, "as many nodes on either side"),
        ("U1 a b 0 um l=1u\n.model um urc isperl=1p", 3, 15, "line of diodes"),
        ("U1 a b 0 um\n.model um urc", 2, 1, "has no length"),
        (".frobnicate 1", 2, 1, "'.frobnicate' is not supported"),
        ("R1 a 0 1k 2k", 2, 11, "more than one value"),
        ("R1 a 0 1k foo=3", 2, 11, "no parameter 'foo'"),
        ("V1 a 0 {V(b)*2}", 2, 9, "only in a behavioural source"),
        ("B1 a 0 V=V(zz)", 2, 1, "'zz', which is not a node"),
        ("B1 a 0 V=V(a)+zz", 2, 1, "unknown parameter 'zz'"),
        ("B1 a 0 V=I(X1)\nX1 a s\n.subckt s p\nR1 p 0 1\n.ends", 2, 1, "0 V in series"),
        ("B1 a 0 V=V(a) 2", 2, 15, "cannot read '2'"),
        ("G1 a 0 b 0 1e-.15", 2, 12, "cannot read the value"),
        ("L1 a 0 1m Rfoo=2", 2, 11, "has no parameter 'rfoo'"),
        ("C1 a 0 1u foo", 2, 11, "cannot read 'foo'"),
        ("L1 a 0 1m\nK1 L1 L2 0.9", 3, 7, "not an inductor here"),
        ("V1 a 0 5\nL1 a 0 1m", 3, 1, "lies across 5 V"),
        (".temp 27 50", 2, 10, "one temperature"),
        (".temp", 2, 1, "needs a temperature"),
        ("J1 a b c jm\n.model jm njf(beta=1m off)", 3, 23, "it has no value"),
        ("D1 a b dm\n.model dm d(is=1f n)", 3, 19, "it has no value"),
        ("R1 a b 3k rm\n.param rm=2k\n.model rm r(tc1=1)", 2, 11, "is a parameter, too"),
        ("D1 a 0 dm\n.model dm ako:base d is=1", 3, 15, "is not one to be based on"),
        ("D1 a 0 dm\n.model dm d base is=1", 3, 13, "cannot read 'base'"),
        ("R1 a 0 r=2*3", 2, 10, "cannot read the value"),
        ("R1 n{k} 0 1k ac=1", 2, 4, "name cannot be computed"),
        ("M1 a a 0 0 mm\n.model mm nmos level=14", 3, 16, "of level 14 (BSIM4) is not supported"),
        ("E1 a 0 LAPLACE {V(b)} = {1/(1+s)}", 2, 8, "not supported"),
        ("E1 a 0 POLY(2) b 0", 2, 8, "needs 4 controls"),
        ("E1 a 0 b 0", 2, 1, "has no gain"),
        ("E1 a 0 b 0 1 gain=2", 2, 12, "cannot read '1' beside the gain"),
        ("E1 a 0 TABLE {V(b)} = (1,1) (0,2)", 2, 30, "0 follows 1"),
        (".if (nix)\nR1 a 0 1\n.endif", 2, 6, "unknown parameter 'nix'"),
        (".if !(1==2)\nR1 a 0 1\n.endif", 2, 5, "in parentheses"),
        (".if (1==1)||(1==2)\nR1 a 0 1\n.endif", 2, 5, "in parentheses"),
        (".options defas=1p", 2, 10, "'defas' is not supported: ngspice takes it for defad"),
        ("X1 a s\n.subckt s p\n.model dm d\nX1 p u\n.ends\n.subckt u p\nD1 p 0 dm\n.ends", 8, 8, "unknown model 'dm'"),
        (
            "X1 a s\n.subckt s p\n.subckt v p\n.ends\nX1 p u\n.ends\n.subckt u p\nX1 p v\n.ends",
            9,
            6,
            "unknown subcircuit",
        ),
        (
            "X1 a s\n.subckt s p\n.func f(x) {x}\nX1 p u\n.ends\n.subckt u p\nR1 p 0 {f(1)}\n.ends",
            8,
            9,
            "unknown function",
        ),
        ("R1 a 0 R = V(a) > 1 ? 1k : 10k", 2, 17, "cannot read '>' in the resistor R1"),
        (".options rseries={2*k}\n.param k=1", 2, 18, "rseries needs a plain number, not '{2*k}'"),
        (".options rseries=1\nL1 a 0 l='1m*(1+V(a))'", 3, 10, "has a law, to which ngspice's option rseries adds no"),
        (".nodeset foo=1", 2, 10, "cannot read 'foo'"),
        (".subckt s a a\nR1 a 0 1\n.ends\nX1 a b s", 2, 13, "has the node 'a' twice"),
    ],
)
def test_mistakes_are_located(text, line, column, message):
    error = errors_of(text)[0]
    assert isinstance(error, NetlistError)
    assert message in str(error)
    assert error.place is not None
    assert (error.place.line, error.place.column) == (line, column)


def test_many_mistakes_are_reported_at_once_and_no_more_than_twenty():
    assert len(errors_of("V1 a 0 {x}\nR1 a 0 1 scale=0\nR2 a 0 {y}")) == 3
    assert len(errors_of("\n".join(f"R{k} a 0 {{x{k}}}" for k in range(50)))) == 20


def test_a_mistake_in_a_subcircuit_is_reported_once_with_its_chain():
    (error,) = errors_of("X1 a foo\nX2 b foo\n.subckt foo p\nX3 p bar\n.ends\n.subckt bar p\nR1 p 0 {zz}\n.ends")
    assert error.place.line == 8
    assert [link.line for link in error.place.chain] == [2, 5]


def test_recursion_is_named_with_its_circle():
    (error,) = errors_of("X1 a foo\n.subckt foo p\nX2 p bar\n.ends\n.subckt bar p\nX3 p foo\n.ends")
    assert "foo -> bar -> foo" in error.message


def test_absurd_nesting_ends_in_an_error():
    subcircuits = "\n".join(f".subckt s{k} a\nX1 a s{k + 1}\n.ends" for k in range(300))
    (error,) = errors_of(f"{subcircuits}\n.subckt s300 a\nR1 a 0 1\n.ends\nX1 a s0")
    assert "nested more than" in error.message
    doubling = "\n".join(f".func f{k}(x) {{f{k - 1}(x)+f{k - 1}(x)}}" for k in range(1, 60))
    (error,) = errors_of(f".func f0(x) {{x}}\n{doubling}\nR1 a 0 {{f59(1)}}")
    assert "steps" in error.message


def test_a_long_chain_of_parameters_is_no_recursion():
    chain = "\n".join(f".param p{k}={{p{k - 1}+1}}" for k in range(1500, 0, -1))
    (group,) = design_of(f"{chain}\n.param p0=1\nR1 a 0 {{p1500}}").circuit.groups
    assert group.values["resistance"] == [1501.0]


def test_an_absent_library_is_an_error_only_if_something_is_missing():
    with pytest.warns(NetlistWarning, match="absent.lib"):
        assert design_of(".lib absent.lib\nV1 a 0 1\nR1 a 0 1").circuit.nodes
    errors = errors_of(".lib absent.lib\nV1 a 0 1\nD1 a 0 dx")
    assert "absent.lib" in errors[0].message
    assert "dx" in errors[1].message


def test_an_option_that_is_given_twice_says_which_one_is_left_out():
    lines = [".options temp=50 scale=2 gmin=1n temp=80 scale=3", ".options scale=5 gmin=2n", "V1 a 0 1", "R1 a 0 1k"]
    warnings = design_of("\n".join(lines)).warnings
    assert [(w.place.line, w.place.column) for w in warnings] == [(2, 18), (2, 34), (3, 10)]
    assert all("is given elsewhere" in w.message for w in warnings)


def test_what_makers_note_in_a_model_needs_no_warning():
    lines = [
        "V1 a 0 1\nR1 a b 1k\nR2 a c 1k",
        "D1 b 0 dm\n.model dm D(Is=1e-14 Iave=200m Vpk=75 mfg=OnSemi type=silicon)",
        "Q1 c b 0 qm\n.model qm NPN(BF=100 Vceo=40 Icrating=200m mfg=Philips)",
    ]
    assert not design_of("\n".join(lines)).warnings


def test_a_special_function_of_ltspices_is_told_from_a_code_model():
    (error,) = errors_of("V1 a 0 1\nA1 0 a 0 0 0 0 b 0 OTA g=1m\nR1 b 0 1k\n.backanno")
    assert "special function of LTspice" in error.message
    assert error.place.line == 3
    (error,) = errors_of("V1 a 0 1\nA1 a b m\nR1 b 0 1k\n.model m gain(gain=2)")
    assert "XSPICE" in error.message


def test_parameters_of_a_model_that_mean_nothing_are_warned_of():
    (warning,) = design_of("V1 a 0 1\nD1 a 0 dm\nD2 a 0 dm\n.model dm d is=1e-14 ibvl=3").warnings
    assert "ibvl" in warning.message
    assert warning.place.line == 5


@pytest.mark.parametrize(
    "lines",
    [
        '.param mm="dm"\nR2 b 0 {mm}',
        '.param mm="dm"\n.param k={mm}',
        'X1 b s\n.subckt s p\n.param mm="dm"\nR2 p 0 1k\n.ends',
        'X1 b s mod="dm"\n.subckt s p mod=1\nR2 p 0 1k\n.ends',
    ],
)
def test_a_text_where_a_number_is_needed_is_told(lines):
    """ngspice ends at them, but for a parameter that nothing uses; within a subcircuit it has no texts."""
    with pytest.raises(NetlistError, match=r"unknown parameter 'dm'(.|\n)*a text in quotes is a number only where"):
        elaborate(parse(f"* t\nV1 a 0 1\nR1 a b 1k\n{lines}\n.end\n"))


def test_an_expression_in_double_quotes_is_warned_of():
    """ngspice's listing has r2 b 0 1k+1k, and its current is that of 1k."""
    with pytest.warns(NetlistWarning, match="ngspice reads the first number of a text in quotes"):
        elaborate(parse('* t\n.param k="1k+1k" j="2k"\nV1 b 0 1\nR2 b 0 {k}\nR3 b 0 {j}\n.end\n'))


def test_a_warning_of_many_places_is_given_once() -> None:
    def told(count: int) -> list[str]:
        lines = "".join(f"B{k} a 0 I={{v(a)**3*1m}}\n" for k in range(count))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            design_of(f"V1 a 0 1\n{lines}R1 a 0 1k")
        return [str(each.message) for each in found]

    assert sum("LTspice keeps the sign" in text for text in told(3)) == 3
    cubes = [text for text in told(2000) if "LTspice keeps the sign" in text]
    assert len(cubes) == 1
    assert ":3:17: warning" in cubes[0]
    assert "; so it is at 1999 more places" in cubes[0]
