"""Draws, yields and what is said of them, against closed forms and ngspice's own loop."""

from __future__ import annotations

import re
import subprocess
import warnings

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import netlearn
from netlearn.cli.group import main
from netlearn.errors import NetlearnError
from netlearn.project import open_project
from netlearn.tolerances.trials import trials_of

SINGLE = "a resistor\n*@output V(out)\n{}\nI1 0 out 1m\n{}\n"


def drawn(value: str, directives: str = "", draws: int = 4000):
    """Kiloohms (D,) of a resistor with that value."""
    return netlearn.tolerance(netlearn.parse(SINGLE.format(directives, value)), draws=draws)


@pytest.mark.parametrize(
    ("value", "distribution"),
    [
        ("R1 out 0 {agauss(1k,60,3)}", stats.norm(1, 0.02)),
        ("R1 out 0 {gauss(1k,0.06,2)}", stats.norm(1, 0.03)),
        ("R1 out 0 {1k+gauss(30)}", stats.norm(1, 0.03)),
        ("R1 out 0 {aunif(1k,100)}", stats.uniform(0.9, 0.2)),
        ("R1 out 0 {unif(1k,0.1)}", stats.uniform(0.9, 0.2)),
        ("R1 out 0 {mc(1k,0.1)}", stats.uniform(0.9, 0.2)),
        ("R1 out 0 {1k+flat(100)}", stats.uniform(0.9, 0.2)),
        ("R1 out 0 1k tol=10%", stats.uniform(0.9, 0.2)),
        ("R1 out 0 1k tol=10", stats.uniform(0.9, 0.2)),
        ("R1 out 0 1k dev=100", stats.uniform(0.9, 0.2)),
        ("R1 out 0 1k dev/gauss=2%", stats.norm(1, 0.02)),
        ("*@tolerance R1 10%\nR1 out 0 1k", stats.uniform(0.9, 0.2)),
        ("*@tolerance R1 100\nR1 out 0 1k", stats.uniform(0.9, 0.2)),
        ("*@tolerance R1 6% normal\nR1 out 0 1k", stats.norm(1, 0.02)),
        ("*@tolerance R1 6% normal sigma=2\nR1 out 0 1k", stats.norm(1, 0.03)),
        ("*@tolerance r 10%\n.param r=1k\nR1 out 0 {r}", stats.uniform(0.9, 0.2)),
        (".model m r(r=1k dev=10%)\nR1 out 0 m", stats.uniform(0.9, 0.2)),
        ("*@tolerance m.r 10%\n.model m r(r=1k)\nR1 out 0 m", stats.uniform(0.9, 0.2)),
    ],
)
def test_distributions_are_those_that_are_written(value: str, distribution) -> None:
    result = drawn(value, draws=2000)
    assert stats.kstest(result.outputs[:, 0, 0], distribution.cdf).pvalue > 1e-3
    (spread,) = result.spreads
    assert spread.nominal == pytest.approx(1.0)
    assert spread.linear == pytest.approx(distribution.std(), rel=1e-9)


@pytest.mark.parametrize(
    "value",
    [
        "R1 out 0 {limit(1k,100)}",
        "R1 out 0 {wc(1k,0.1)}",
        ".param run=0\n.func binary(r,i) {floor(r/(2**i))-2*floor(r/(2**(i+1)))}\n"
        ".func wc(n,t,i) {if(run==99,n,if(binary(run,i),n*(1+t),n*(1-t)))}\nR1 out 0 {wc(1k,0.1,0)}",
    ],
)
def test_ends_are_drawn_with_nothing_between(value: str) -> None:
    found = drawn(value, draws=1000).outputs[:, 0, 0]
    np.testing.assert_allclose(np.unique(np.round(found, 12)), [0.9, 1.1])
    assert 0.4 < np.mean(found > 1) < 0.6


CHAIN = """two dividers
*@output V(a) V(b)
{}
I1 0 a 1m
I2 0 b 1m
"""


def correlation(text: str) -> float:
    """That of the two resistors' values over the draws."""
    result = netlearn.tolerance(netlearn.parse(CHAIN.format(text)), draws=3000)
    return float(np.corrcoef(result.outputs[:, 0].T)[0, 1])


def test_what_is_written_once_is_drawn_once_and_what_is_in_a_subcircuit_once_for_each_instance() -> None:
    assert correlation(".param r={agauss(1k,60,3)}\nR1 a 0 {r}\nR2 b 0 {r}") == pytest.approx(1.0)
    each = "R1 a 0 {agauss(1k,60,3)}\nR2 b 0 {agauss(1k,60,3)}"
    inside = ".subckt s p\n.param q={aunif(1k,60)}\nR p 0 {q}\n.ends\nX1 a s\nX2 b s"
    function = ".func f(x) {gauss(x,0.05,3)}\nR1 a 0 {f(1k)}\nR2 b 0 {f(1k)}"
    loose = "*@tolerance R* 5%\n.subckt s p\nR p 0 1k\n.ends\nX1 a s\nX2 b s"
    passed = ".subckt s p r=1k\nR p 0 {r}\n.ends\nX1 a s r={gauss(1k,0.05,3)}\nX2 b s r={gauss(1k,0.05,3)}"
    default = ".subckt s p r={unif(1k,0.1)}\nR p 0 {r}\n.ends\nX1 a s\nX2 b s"
    for text in (each, inside, function, loose, passed, default):
        assert abs(correlation(text)) < 0.06, text


def test_lots_and_tracking_parts_deviate_together() -> None:
    """Var(common) over all of it: 8² of 8² + 2² for LOT and DEV, 0.9² of 0.9² + 0.1² for 1 % that tracks 0.1 %."""
    lot = correlation(".model m r(r=1k dev=2% lot=8%)\nR1 a 0 m\nR2 b 0 m")
    assert lot == pytest.approx(64 / 68, abs=0.01)
    track = correlation("*@tolerance R* 1% track=0.1%\nR1 a 0 1k\nR2 b 0 1k")
    assert track == pytest.approx(0.81 / 0.82, abs=0.01)
    numbered = ".model m r(r=1k lot/1=5%)\n.model n r(r=1k lot/1=5%)\nR1 a 0 m\nR2 b 0 n"
    assert correlation(numbered) == pytest.approx(1.0)


def test_temperature_coefficients_act_with_the_distance_from_the_nominal_temperature() -> None:
    text = "*@tolerance R1 1% tempco=100ppm\n*@corner temp=27,127\nR1 out 0 1k"
    at_nominal, hot = drawn(text).spreads
    third = 1 / np.sqrt(3)
    assert at_nominal.deviation == pytest.approx(0.01 * third, rel=0.03)
    assert hot.deviation == pytest.approx(np.hypot(0.01, 0.01) * third, rel=0.03)
    assert hot.linear == pytest.approx(np.hypot(0.01, 0.01) * third, rel=1e-9)
    assert hot.shares == pytest.approx({"r1": 1.0})


def test_a_source_that_the_data_drive_is_off_too() -> None:
    text = "s\n*@tolerance V1 10%\n*@tolerance I1 1m\n*@output V(out)\nV1 a 0 1\nR1 a out 1k\nI1 0 out 0\nR2 out 0 1k\n"
    result = netlearn.tolerance(netlearn.parse(text), {"V1": [2.0, 4.0]}, draws=2000)
    np.testing.assert_allclose([s.nominal for s in result.spreads], [1.0, 2.0])
    third = 1 / np.sqrt(3)
    expected = [np.hypot(0.1, 0.5) * third, np.hypot(0.2, 0.5) * third]
    np.testing.assert_allclose([s.linear for s in result.spreads], expected)
    np.testing.assert_allclose([s.deviation for s in result.spreads], expected, rtol=0.04)
    assert result.spreads[0].shares["v1"] == pytest.approx(0.01 / 0.26)


def test_a_yield_and_its_interval_against_the_normal_distribution() -> None:
    text = "*@tolerance R1 6% normal\n*@goal V(out) min=0.98 max=1.05\nR1 out 0 1k"
    result = netlearn.tolerance(netlearn.parse(SINGLE.format("", text).replace("*@output V(out)\n", "")))
    expected = stats.norm(1, 0.02).cdf(1.05) - stats.norm(1, 0.02).cdf(0.98)
    assert result.passing is not None
    assert result.interval is not None
    assert result.interval[0] < expected < result.interval[1]
    count = round(result.passing * 10000)
    exact = stats.beta([count, count + 1], [10001 - count, 10000 - count]).ppf([0.025, 0.975])
    np.testing.assert_allclose(result.interval, exact)
    assert result.goals[0].passing == result.passing


NONLINEAR = """a diode and a transistor
*@tolerance R* 5%
*@tolerance V1 2% normal
*@tolerance D1.is 20%
*@tolerance Q1.bf 30%
*@output V(out) V(c)
V1 in 0 5
R1 in out 1k
D1 out 0 dm
.model dm d(is=1e-14)
R2 in b 470k
R3 in c 2.2k
Q1 c b 0 qm
.model qm npn(bf=100)
.end
"""


def test_draws_against_ngspices_own_loop_over_the_same_draws(ngspice) -> None:
    result = netlearn.tolerance(netlearn.parse(NONLINEAR), draws=40, against="ngspice")
    assert result.names == ("r1", "r2", "r3", "v1", "d1.is", "q1.bf")
    amounts = np.array([0.05, 0.05, 0.05, 0.02, 0.2, 0.3])
    factors = 1 + amounts * result.deviations
    nominal = np.array([1e3, 470e3, 2.2e3, 5.0, 1e-14, 100.0])
    lines = []
    for r1, r2, r3, v1, saturation, beta in (factors * nominal).tolist():
        lines += [f"alter r1 = {r1!r}", f"alter r2 = {r2!r}", f"alter r3 = {r3!r}", f"alter v1 = {v1!r}"]
        lines += [f"altermod dm is = {saturation!r}", f"altermod qm bf = {beta!r}", "op", "print v(out) v(c)"]
    options = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12 itl1=1000"
    script = "\n".join([options, ".control", "set numdgt=12", *lines, ".endc"])
    deck = ngspice.folder / "loop.cir"
    deck.write_text(NONLINEAR.replace(".end\n", f"{script}\n.end\n"))
    done = subprocess.run(
        [ngspice.executable, "-n", "-b", str(deck)], capture_output=True, text=True, check=False, timeout=120
    )
    values = re.findall(r"^v\((out|c)\) = (\S+)", done.stdout, re.MULTILINE)
    theirs = np.array([float(value) for _, value in values]).reshape(40, 2)
    np.testing.assert_allclose(result.outputs[:, 0], theirs, rtol=2e-6)
    for case in result.worst:
        assert case.value == pytest.approx(case.by_ngspice, rel=1e-6)


def test_derivatives_by_random_numbers_against_central_differences() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = NONLINEAR.replace("*@tolerance R* 5%", "*@tolerance R* 5% track=1% tempco=200ppm\n*@corner temp=27,77")
        trials = trials_of(open_project(netlearn.parse(text)))
    n = len(trials.population.variables)
    v = np.random.default_rng(0).uniform(-0.7, 0.7, (4, n))
    samples, outputs = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    _, slopes = trials.slopes(v, samples, outputs)
    for k in range(n):
        step = 1e-5 * np.eye(n)[k]
        ends = [trials.at(v + sign * step, samples)[np.arange(4), outputs] for sign in (1, -1)]
        np.testing.assert_allclose(slopes[:, k], (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-7)


def test_a_journal_lets_draws_go_on_to_the_same_result(tmp_path) -> None:
    netlist = netlearn.parse(SINGLE.format("", "R1 out 0 1k tol=1%"))
    path = tmp_path / "draws.jsonl"
    whole = netlearn.tolerance(netlist, draws=2500, journal=path)
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    path.write_text(lines[0] + lines[2] + lines[1][:20])
    again = netlearn.tolerance(netlist, draws=2500, journal=path)
    np.testing.assert_array_equal(whole.outputs, again.outputs)
    assert len(path.read_text().splitlines()) == 3
    with pytest.raises(NetlearnError, match="is not a part of these draws"):
        netlearn.tolerance(netlist, draws=2500, seed=1, journal=path)


def test_draws_without_an_operating_point_fail_and_are_counted(monkeypatch) -> None:
    from netlearn.errors import ConvergenceError
    from netlearn.solve.internal import InternalSolver

    solve = InternalSolver.solve

    def picky(self, circuit, start=None):
        resistance = np.asarray(circuit.groups[-1].values.get("resistance", circuit.groups[0].values.get("resistance")))
        if np.any(resistance > 1095):
            raise ConvergenceError("no operating point")
        return solve(self, circuit, start)

    monkeypatch.setattr(InternalSolver, "solve", picky)
    text = "*@tolerance R1 10%\n*@goal V(out) min=0.5\nR1 out 0 1k"
    netlist = netlearn.parse(SINGLE.format("", text).replace("*@output V(out)\n", ""))
    result = netlearn.tolerance(netlist, draws=400)
    assert result.unsolved == np.sum(result.deviations[:, 0] > 0.95) > 0
    assert result.passing == pytest.approx(1 - result.unsolved / 400)


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ("*@tolerance C1 5%\nR1 out 0 1k\nC1 out 0 1n", "3:13", "'C1' has no value at an operating point"),
        ("*@tolerance D1 5%\nD1 out 0 d\n.model d d", "3:13", "'d1' has no value of its own"),
        ("*@tolerance R9 5%\nR1 out 0 1k", "3:13", "'R9' matches nothing"),
        ("*@tolerance R1\nR1 out 0 1k", "3:3", "needs an amount"),
        ("*@tolerance 5%\nR1 out 0 1k", "3:3", "needs to say of what"),
        ("*@tolerance R1 0,5%\nR1 out 0 1k", "3:18", "a decimal point is written as one: 0.5%"),
        ("*@tolerance R1 1k±5%\nR1 out 0 1k", "3:16", "write 5%"),
        ("*@tolerance R1 ±5%\nR1 out 0 1k", "3:16", "write 5%"),
        ("*@tolerance R1 -5%\nR1 out 0 1k", "3:", "'-5%'"),
        ("*@tolerance R1 1 %\nR1 out 0 1k", "3:18", "write 1% without a blank"),
        ("*@tolerance R1 1% tempco=50\nR1 out 0 1k", "3:19", "write 50ppm"),
        ("*@tolerance R1 120%\nR1 out 0 1k", "3:3", "leaves nothing of the value"),
        ("*@tolerance R1 5% track=6%\nR1 out 0 1k", "3:19", "'track' is above the tolerance"),
        ("*@tolerance R1 5% track=0,1%\nR1 out 0 1k", "3:", "a decimal point is written as one: 0.1%"),
        ("*@tolerance R1 5% gaussian\nR1 out 0 1k", "3:19", "'gaussian' matches nothing"),
        ("R1 out 0 1k±5%", "4:10", "tol=5%"),
        ("R1 out 0 4,7k", "4:12", "write 4.7k"),
        ("R1 out 0 1k 5%", "4:13", "a tolerance is written tol=5%"),
        ("R1 out 0 1k tol=0,5%", "4:13", "a decimal point is written as one"),
        ("R1 out 0 1k tol=five", "4:13", "must be a tolerance, such as 1%, not 'five'"),
        (".model m r(r=1k dev/odd=5%)\nR1 out 0 m", "4:17", "unknown distribution 'odd'"),
        ("R1 out 0 1k", None, "nothing has a tolerance"),
    ],
)
def test_bad_tolerances_are_refused_where_they_stand(tmp_path, lines: str, place: str | None, message: str) -> None:
    head, rest = lines.split("\n", 1) if lines.startswith("*@") else ("*", lines)
    text = f"bad\n*@output V(out)\n{head}\n{rest}\nI1 0 out 1m\n"
    (tmp_path / "x.cir").write_text(text)
    done = CliRunner().invoke(main, ["tolerance", str(tmp_path / "x.cir"), "--draws", "10"])
    assert done.exit_code == 2, done.output
    assert message in done.output
    if place is not None:
        assert f"x.cir:{place}" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["x.cir"]


def test_the_command_tells_all_of_it(tmp_path) -> None:
    text = "d\n*@tolerance R* 2%\n*@goal V(out) = 2.5 within=1%\nV1 in 0 5\nR1 in out 1k\nR2 out 0 1k\n"
    (tmp_path / "x.cir").write_text(text)
    done = CliRunner().invoke(main, ["tolerance", str(tmp_path / "x.cir"), "--draws", "2000", "--for-yield", "0.99"])
    assert done.exit_code == 0, done.output
    for said in (
        "yield  ",
        "goal  ",
        "V(out) low 2.45 V",
        "V(out) high 2.55 V",
        "r1 50.0 %",
        "tighter   r1 from 2 % to",
    ):
        assert said in done.output
    done = CliRunner().invoke(main, ["tolerance", str(tmp_path / "x.cir"), "--draws", "200", "--json"])
    assert '"yield":' in done.output
    words = ["tolerance", str(tmp_path / "x.cir"), "--for-yield", "0.999"]
    done = CliRunner().invoke(main, [*words, "--prices", "1.5%=1"])
    assert done.exit_code == 2
    assert "a yield of 99.9 % cannot be reached" in done.output
    assert "x.cir:3:" in done.output
    done = CliRunner().invoke(main, [*words, "--prices", "0,1%=1"])
    assert "'0,1%=1' is not a price of a tolerance" in done.output


def test_simulators_random_numbers_are_warned_of_but_not_where_they_are_drawn() -> None:
    netlist = netlearn.parse(SINGLE.format("", "R1 out 0 {agauss(1k,60,3)}"))
    with pytest.warns(netlearn.NetlistWarning, match="nominal value"):
        netlearn.operating_point(netlist)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        netlearn.tolerance(netlist, draws=10)


def test_all_that_stands_at_its_nominal_value_is_told_of_in_one_warning() -> None:
    lines = "\n".join(f"R{k} out 0 1k tol=1%" for k in range(5))
    with pytest.warns(netlearn.NetlistWarning) as told:
        netlearn.operating_point(netlearn.parse(SINGLE.format("", lines)))
    assert ["so have 4 more" in str(warning.message) for warning in told] == [True]


def test_thousands_of_draws_are_samples_of_few_solutions(monkeypatch) -> None:
    from netlearn.solve.internal import InternalSolver

    solve, sizes = InternalSolver.solve, []

    def counted(self, circuit, start=None):
        sizes.append(circuit.samples or 1)
        return solve(self, circuit, start)

    monkeypatch.setattr(InternalSolver, "solve", counted)
    stages = "\n".join(f"R{k} n{k} n{k + 1} 1k\nRg{k} n{k + 1} 0 10k" for k in range(25))
    text = f"l\n*@tolerance R* 1%\n*@output V(n25)\nV1 n0 0 1\n{stages}\n.end\n"
    assert len(netlearn.tolerance(netlearn.parse(text))) == 10_000
    assert max(sizes) == 10_000
    assert len(sizes) < 40


def test_dev_and_lot_are_read_as_pspice_writes_them() -> None:
    """Without equals signs, behind the value that they belong to."""
    text = ".model m RES (R=1k DEV 2% LOT/1/GAUSS 8%)\nR1 out 0 m"
    (spread,) = drawn(text).spreads
    assert spread.linear == pytest.approx(np.hypot(0.02 / np.sqrt(3), 0.08))
    assert set(spread.shares) == {"r1", "common to lot/1 (resistance)"} or len(spread.shares) == 2
    text = ".model d d(is=1e-14 DEV=20% n=1)\nD1 out 0 d"
    (spread,) = drawn(text).spreads
    assert list(spread.shares) == ["d1.is"]
    assert spread.linear == pytest.approx(0.2 / np.sqrt(3) * 0.02585, rel=0.01)
