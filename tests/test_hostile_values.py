"""Values that no circuit can have, and those that float64 ends at: said where and why, without a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import CircuitError, DataError, NetlearnError, NetlistError

DIVIDER = "t\n*@output V(out)\n*@train R*\n{}V1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.end\n"
DIODE = "t\nV1 in 0 1\nR1 in out 1k\nD1 out 0 dm{}\n.model dm d{}\n{}.end\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DIODE.format(" temp=-300", "", ""), "'d1': its temperature is not above absolute zero"),
        (DIODE.format(" dtemp=-301", "", ""), "'d1': its temperature is not above absolute zero"),
        (DIODE.format("", " tnom=-274", ""), "'d1': its model's nominal temperature is not above absolute zero"),
        (DIODE.format("", "", ".temp -273.15\n"), "a temperature of -273.15 is not above absolute zero"),
        (DIODE.format("", "", ".options tnom=-1k\n"), "a temperature of -1000 is not above absolute zero"),
        ("t\nV1 d 0 1\nM1 d d 0 0 n l=1u w=1u\n.model n nmos ld=1u\n", "'m1': its channel is not longer than"),
    ],
)
def test_what_no_equations_are_for_is_named_with_its_element(text: str, says: str) -> None:
    with pytest.raises((CircuitError, NetlistError), match=says):
        netlearn.operating_point(netlearn.parse(text))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"temp": [27.0, -300.0]}, "the temperature would be -300 degrees Celsius"),
        ({"R1": [1e3, 0.0]}, "the resistance of 'r1' would be 0"),
        ({"R1": [1e3, -1e3]}, "the circuit's equations have no unique solution"),
    ],
)
def test_what_a_row_sets_is_refused_at_its_row_whatever_is_asked(data: dict[str, list[float]], says: str) -> None:
    netlist = netlearn.parse(DIVIDER.format(""))
    targets = {**data, "V(out)": [0.1, 0.2]}
    for ask in (
        lambda: netlearn.operating_point(netlist, data=data),
        lambda: netlearn.evaluate(netlist, targets),
        lambda: netlearn.predict(netlist, data),
    ):
        with pytest.raises((DataError, CircuitError), match=f"(sample|row) 2: {says}"):
            ask()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("rule", ["analytic", "gauss-newton", "natural", "ep", "cl"])
def test_a_loss_beyond_float64_is_said_to_be_that_whatever_the_rule(rule: str) -> None:
    netlist = netlearn.parse(DIVIDER.format("*@goal V(out)=3 within=1%\n").replace("0 1\n", "0 1e160\n", 1))
    with pytest.raises(NetlearnError, match="the loss of sample 1 is inf at the values as they are"):
        netlearn.train(netlist, rule=rule, epochs=1)
    with pytest.raises(NetlearnError, match="the loss of sample 1 is inf at the values as they are"):
        netlearn.round_values(netlist, series="e24")
    with pytest.warns(UserWarning, match="the loss of sample 1 is inf: the square of what is above 1e154"):
        assert np.isinf(netlearn.evaluate(netlist).loss)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_root_at_zero_is_told_where_its_slope_is_asked_for() -> None:
    """√v has the derivative 1/(2√v), which is infinite at zero volts."""
    text = "t\n*@output V(c)\n{}V1 a 0 {}\nR1 a b 1k\nB1 b 0 I={}*1m\nB2 c 0 V={}\nR3 c 0 1k\n.end\n"
    driving = netlearn.parse(text.format("*@train V1\n", 0, 0, "sqrt(v(a))"))
    assert netlearn.sensitivities(driving, "V(c)")[0].derivative == np.inf
    for optimizer in ("adam", "lbfgs"):
        with pytest.raises(NetlearnError, match="the derivative of 'v1' is -inf at the values as they are") as raised:
            netlearn.train(driving, {"V(c)": [0.5]}, epochs=2, optimizer=optimizer)
        assert "a root has an infinite slope at zero" in raised.value.hint
    # What does not move there moves nothing: the output follows -sqrt(v(a)).
    beside = netlearn.parse(text.format("", 0, "sqrt(v(a))", "v(b)"))
    found = {each.element: each.derivative for each in netlearn.sensitivities(beside, "V(c)")}
    assert found["v1"] == -np.inf
    assert found["r1"] == 0
    inside = netlearn.parse(text.format("", 0, "sqrt(v(b))", "v(b)"))
    assert netlearn.evaluate(inside, {"V1": [0.0], "V(c)": [0.5]}).loss == 0.25
    with pytest.raises(CircuitError, match="'b1' has no finite slope at the operating point"):
        netlearn.sensitivities(inside, "V(c)")


TARGETS = [[1e200, 1e200], [1e200, 2e200], [1.7e308, -1.7e308]]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("targets", TARGETS)
def test_targets_whose_squares_are_beyond_float64_are_an_error_whatever_is_asked(targets: list[float]) -> None:
    netlist, data = netlearn.parse(DIVIDER.format("")), {"V1": [1.0, 1.0], "V(out)": targets}
    for ask in (
        lambda: netlearn.train(netlist, data, epochs=1),
        lambda: netlearn.train(netlist, data, epochs=1, start="least-squares"),
        lambda: netlearn.influence(netlist, data),
        lambda: netlearn.unlearn(netlist, data, rows=[0]),
        lambda: netlearn.spectrum(netlist, data),
    ):
        with pytest.raises(NetlearnError, match="the loss of sample 1 and 1 more is inf at the values as they are"):
            ask()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_standard_errors_are_as_large_as_targets_far_away() -> None:
    """Relative residuals are all -1 there, and their derivatives are as one by the target."""
    netlist, errors = netlearn.parse(DIVIDER.format("")), []
    for size in (1e100, 1e200):
        data = {"V1": [1.0, 1.0, 1.0], "V(out)": [size, size, size]}
        fit = netlearn.evaluate(netlist, data, loss="relative", train="R2", errors=True).fit
        assert fit is not None
        errors.append(fit.standard_errors[0])
    assert errors[1] / errors[0] == pytest.approx(1e100)


@pytest.mark.parametrize("far", [1e20, 1e150])
def test_a_least_squares_start_says_that_targets_are_too_far(far: float) -> None:
    data = {"V1": [1.0, 1.0], "V(out)": [far, far]}
    with pytest.raises(NetlearnError, match="too far for least squares"):
        netlearn.train(netlearn.parse(DIVIDER.format("")), data, epochs=1, start="least-squares")


def test_values_on_which_nothing_depends_are_rounded_to_the_nearest() -> None:
    netlist = netlearn.parse("t\n*@output V(a)\nV1 a 0 1\nR1 a 0 1010\nR2 b 0 9999\nR3 b 0 321\n.end\n")
    found = netlearn.round_values(netlist, series="e24", budget=40)
    np.testing.assert_array_equal(found.after, [1000, 10000, 330])


@pytest.mark.parametrize("arrays", [("X", "y"), ("X",)])
def test_arrays_without_names_are_read_from_files_that_the_netlist_names(arrays: tuple[str, ...], tmp_path) -> None:
    values: dict[str, Any] = {"X": np.array([[1.0], [2.0]]), "y": np.array([0.5, 1.0])}
    np.savez(tmp_path / "d.npz", **{name: values[name] for name in arrays})
    (tmp_path / "x.cir").write_text(DIVIDER.format("*@data d.npz test=d.npz\n"))
    assert netlearn.predict(tmp_path / "x.cir", tmp_path / "d.npz").outputs.ravel().tolist() == [0.5, 1.0]
    done = CliRunner().invoke(main, ["eval", str(tmp_path / "x.cir")])
    if "y" in arrays:
        assert netlearn.evaluate(tmp_path / "x.cir").loss == 0
        assert "2 of" in done.output
    else:
        assert done.exit_code == 2
        assert "there is no target" in done.stderr


@pytest.mark.parametrize("line", ["*@data loop", "*@data d.csv test=loop", "*@hardware parts=loop", ".include loop"])
def test_a_link_to_itself_is_no_file(line: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "d.csv").write_text("V1,V(out)\n1,0.5\n")
    data = "" if line.startswith("*@data") else "*@data d.csv\n"
    (tmp_path / "x.cir").write_text(DIVIDER.format(f"{data}{line}\n"))
    done = CliRunner().invoke(main, ["train", str(tmp_path / "x.cir")])
    assert done.exit_code == (0 if "include" in line else 2), done.exception
    assert "loop'" in done.stderr
    done = CliRunner().invoke(main, ["op", str(tmp_path / "x.cir"), "--allow-include", str(tmp_path / "loop")])
    assert isinstance(done.exception, SystemExit | None)


def test_a_page_of_a_circuit_without_any_path_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "x.cir").write_text("t\nV1 a 0 1\n.end\n")
    assert "<svg" in netlearn.write_report(tmp_path / "x.cir", ngspice=False).html


def test_a_slope_that_is_not_finite_leaves_no_co_content(tmp_path: Path) -> None:
    """As that of a root at zero."""
    text = "t\n*@output V(b)\nV1 a 0 0\nR1 b 0 1k\nB1 a b I=v(a,b)/1k+sqrt(v(a))*1u\n.end\n"
    (tmp_path / "x.cir").write_text(text)
    done = CliRunner().invoke(main, ["info", str(tmp_path / "x.cir")])
    assert "co-content none, because of b1" in done.output


LONG = "9" * 5000
"""More digits than Python makes a whole number of."""


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        (f"E1 out 0 poly({LONG}) in 0 0 1", ["op"], "cannot read 'poly(9999"),
        (f"*@train RX*\nRX{LONG}_1 in out 1k\nRX1_{LONG} in out 1k", ["export", "--to", "matrix"], ""),
        ("*@corner " + " ".join(f"{name}=1,2,3" for name in ("V1", "R1", "R2")), ["op"], ""),
        ("*@corner " + " ".join(f"p{k}=1,2" for k in range(2000)), ["op"], "at all combinations of the corners would"),
    ],
)
def test_what_no_memory_and_no_number_holds_is_refused_before_it_is_tried(
    text: str, arguments: list[str], says: str, tmp_path: Path
) -> None:
    params = "".join(f".param p{k}=1\n" for k in range(2000)) if "p1999" in text else ""
    (tmp_path / "x.cir").write_text(DIVIDER.format(f"{params}{text}\n"))
    command, *options = arguments
    options += ["-o", str(tmp_path / "m.npz")] if command == "export" else []
    done = CliRunner().invoke(main, [command, str(tmp_path / "x.cir"), *options])
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert done.exit_code == (2 if says else 0)
    assert says in done.stderr


@pytest.mark.parametrize("count", ["0", "²", LONG, "-1", "nan"])
def test_variables_of_the_environment_are_numbers_or_refused(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLEARN_MOST_ELEMENTS", count)
    with pytest.raises(NetlearnError, match="is not a number of elements"):
        netlearn.operating_point(netlearn.parse(DIVIDER.format("")))


def test_labels_of_any_length_are_labels() -> None:
    netlist = netlearn.parse(DIVIDER.format("").replace("V(out)", "V(out) V(in)"))
    found = netlearn.predict(netlist, {"V1": [1.0]}, classes=["1", LONG], loss="cross_entropy scale=1")
    assert found.labels is not None
    assert found.labels.tolist() == [LONG]


@pytest.mark.parametrize("address", ["", "abc", "-1", "tcp://host"])
def test_what_is_no_address_of_a_scheduler_is_not_asked(address: str) -> None:
    with pytest.raises(NetlearnError, match="is no address of a scheduler"), netlearn.cluster(address):
        pass


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("model", ["n=-0.0", "n=0 rs=1"])
def test_values_of_a_model_that_cannot_be_are_its_own_fault(model: str) -> None:
    with pytest.raises(CircuitError, match="'d1' has no finite value") as caught:
        netlearn.operating_point(netlearn.parse(DIODE.format("", f" {model}", "")))
    assert "of its model" in caught.value.hint
