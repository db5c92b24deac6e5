"""Crossbars with wires against badcrossbar's equations, their text against ngspice, and matrices against products."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import sparse
from scipy.sparse.linalg import spsolve

import netlearn
from netlearn.cli import main
from netlearn.errors import DataError, NetlistError, OptionError

WEIGHTS = np.random.default_rng(1).normal(size=(3, 2))
MEMRISTOR = """\
* a filament, and a junction beside it
.subckt mem a b r=100k
.model junction d is=1n
R1 a b {r}
R2 a m {10*r}
D1 m b junction
.ends
"""


def made(weights: Any = None, **options: Any) -> netlearn.NewNetlist:
    return netlearn.new("crossbar", weights=weights, **options)


def columns_of(text: str) -> dict[str, list[float]]:
    import csv

    header, *rows = list(csv.reader(text.splitlines()))
    return {name: [float(row[k]) for row in rows] for k, name in enumerate(header)}


def conductances_of(text: str, rows: int, names: list[str]) -> np.ndarray:
    netlist = netlearn.parse(text)
    return 1 / np.array([[netlist[f"Rc{i}_{name}"].value for name in names] for i in range(rows)], float)


def badcrossbar(voltages: np.ndarray, g: np.ndarray, wire: float) -> np.ndarray:
    """Output currents (S, k) as badcrossbar has them (Joksas and Mehonic, SoftwareX 12, 100617, 2020).

    Kirchhoff's law at the nodes of word lines, driven at their left, and of bit lines, grounded at their bottom, with
    the same resistance in every segment of both.
    """
    n, k = g.shape
    size = n * k
    word = np.arange(size).reshape(n, k)
    bit = size + word
    segment = 1 / wire
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def join(a: np.ndarray, b: np.ndarray, value: Any) -> None:
        a, b = a.ravel(), b.ravel()
        value = np.broadcast_to(value, a.shape).ravel() if np.ndim(value) == 0 else np.ravel(value)
        entries.extend([(a, a, value), (b, b, value), (a, b, -value), (b, a, -value)])

    join(word, bit, g)
    join(word[:, :-1], word[:, 1:], segment)
    join(bit[:-1], bit[1:], segment)
    for ends in (word[:, 0], bit[-1]):
        entries.append((ends, ends, np.full(len(ends), segment)))
    rows, columns, data = (np.concatenate([entry[part] for entry in entries]) for part in range(3))
    matrix = sparse.csc_array(sparse.coo_array((data, (rows, columns)), shape=(2 * size, 2 * size)))
    right = np.zeros((2 * size, len(voltages)))
    right[word[:, 0]] = segment * voltages.T
    return np.asarray(segment * spsolve(matrix, right)[bit[-1]].T)


@pytest.mark.parametrize(("rows", "columns", "wire"), [(5, 4, 1.0), (16, 16, 20.0)])
def test_currents_are_those_of_badcrossbar(rows: int, columns: int, wire: float) -> None:
    new = made(np.random.default_rng(0).normal(size=(rows, columns)), wire=wire)
    names = [f"{j}{end}" for j in range(columns) for end in "pn"]
    data = columns_of(new.data)
    volts = np.array([data[f"V{i + 1}"] for i in range(rows)]).T
    wanted = badcrossbar(volts, conductances_of(new.netlist, rows, names), wire)
    found = netlearn.predict(
        netlearn.parse(new.netlist), {f"V{i + 1}": volts[:, i] for i in range(rows)},
        output=[f"I(Vs{name})" for name in names],
    ).outputs  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10 * np.abs(wanted).max())


def test_ngspice_reads_every_netlist_as_it_stands(ngspice: Any, tmp_path: Path) -> None:
    """All cells, readouts, ends and pairs, with and without selectors and wires."""
    cell = tmp_path / "cell.sub"
    cell.write_text(MEMRISTOR)
    texts: list[str] = []
    for kind, readout, terminal, pairs in itertools.product(
        ("resistor", "diode", "sinh", str(cell)), ("current", "voltage"), ("left", "both"), (True, False)
    ):
        which = len(texts)
        lines = {"wire": (0, 2, 2)[which % 3], "driver": (50, 0, 50)[which % 3]}
        selector = ("none", "diode")[which // 3 % 2]
        weights = None if which % 5 == 0 else WEIGHTS if pairs else np.abs(WEIGHTS)
        new = made(weights, rows=3, columns=2, cell=kind, readout=readout, terminal=terminal, pairs=pairs,
                   selector=selector, **lines)  # fmt: skip
        netlist = netlearn.parse(new.netlist)
        for i in range(3):
            netlist[f"V{i + 1}"].value = 0.3 * (i + 1)
        texts.append(str(netlist))
    for text, theirs in zip(texts, ngspice.run_many(texts), strict=True):
        point = netlearn.operating_point(netlearn.parse(text))
        # Nodes inside subcircuits are called otherwise there.
        names = [f"v({node})" for node in point.circuit.nodes] + [*point.circuit.branches]
        ours = dict(zip(names, point.x[0], strict=True))
        names = [name for name in names if name in theirs]
        assert len(names) > 3
        np.testing.assert_allclose([ours[n] for n in names], [theirs[n] for n in names], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("readout", ["current", "voltage"])
@pytest.mark.parametrize("pairs", [True, False])
def test_without_wires_it_is_the_matrix(readout: str, pairs: bool) -> None:
    new = made(WEIGHTS if pairs else np.abs(WEIGHTS) + 0.1, readout=readout, pairs=pairs, min=1e3, max=1e6)
    fit = netlearn.evaluate(netlearn.parse(new.netlist), columns_of(new.data))
    wanted = np.array([column for name, column in columns_of(new.data).items() if "(" in name])
    assert fit.loss < 1e-20 * np.mean(wanted**2)
    assert any("a weight of 1 is" in note for note in new.notes)
    assert f"* {new.notes[0]}\n" in new.netlist


@pytest.mark.parametrize("options", [{}, {"readout": "voltage"}, {"terminal": "both", "driver": 5}])
def test_training_makes_up_for_the_wires(options: dict[str, Any]) -> None:
    """It starts several per cent off, and ends where the matrix is."""
    new = made(np.random.default_rng(2).normal(size=(8, 6)), wire=10, **options)
    data = columns_of(new.data)
    result = netlearn.train(netlearn.parse(new.netlist), data, epochs=40)
    power = np.mean([np.square(column) for name, column in data.items() if "(" in name])
    first, last = (np.sqrt(loss / power) for loss in (result.history[0].loss, result.loss))
    assert first > 0.01
    assert last < 1e-5 * first


def test_diodes_train_towards_it() -> None:
    """What a cell of one way cannot be is not asked of it: inputs are positive."""
    new = made(WEIGHTS, wire=5, selector="diode", samples=12)
    data = columns_of(new.data)
    assert min(data["V1"]) >= 0
    result = netlearn.train(netlearn.parse(new.netlist), data, epochs=20)
    assert result.loss < 0.2 * result.history[0].loss


def test_conductances_stay_between_the_bounds_and_leave_room() -> None:
    new = made(np.random.default_rng(0).normal(size=(32, 16)), wire=5, min=5e3, max=2e5)
    found = conductances_of(new.netlist, 32, [f"{j}{end}" for j in range(16) for end in "pn"])
    assert found.min() == pytest.approx(1 / 2e5)
    assert found.max() < 0.95 / 5e3
    assert "% of the upper bound" in new.notes[1]
    none = made(np.eye(3) + 0.5, pairs=False, min=1e3, max=1e4)
    assert conductances_of(none.netlist, 3, ["0", "1", "2"]).max() == pytest.approx(1e-3)
    held = made(np.eye(3), pairs=False)
    assert "6 of 9 weights are less than the lowest conductance" in held.notes[1]


@pytest.mark.parametrize("ending", ["npy", "csv", "npz", "names.csv"])
def test_one_command_from_a_file(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"w.{ending}"
    if ending == "npy":
        np.save(name, np.asfortranarray(WEIGHTS))
    elif ending == "npz":
        np.savez(name, weights=WEIGHTS, bias=np.zeros(2))
    elif ending == "csv":
        np.savetxt(name, WEIGHTS, delimiter=",")
    else:
        lines = ["out,a,b", *(f"in{i},{','.join(map(repr, row))}" for i, row in enumerate(WEIGHTS.tolist()))]
        Path(name).write_text("# of some training\n" + "\n".join(lines))
    done = CliRunner().invoke(main, ["new", "crossbar", "bar.cir", "--from", name, "--wire", "1"])
    assert done.exit_code == 0, done.output
    assert "a weight of 1 is" in done.output
    text = Path("bar.cir").read_text()
    assert text == made(WEIGHTS, data="bar.csv", wire=1).netlist
    done = CliRunner().invoke(main, ["train", "bar.cir", "--epochs", "5", "-o", "out.cir"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1,2\n3,nan\n", "w.csv:2:1: error: row 2, column 2: nan is not a finite number"),
        ("1,2\n3,x\n", "w.csv:2:1: error: row 2, column 2: 'x' is not a number"),
        ("1,x\n3,4\n", "w.csv:1:1: error: row 1, column 2: 'x' is not a number"),
        ("1,2\n3\n", "w.csv:2:1: error: row 2 has 1 cells where there should be 2"),
        ("1,2\n3,\n", "row 2, column 2: there is no number"),
        ("a,b\n", "there are no numbers"),
        ("", "there are no numbers"),
        ("0,0\n0,0\n", "all weights are zero"),
        (
            "1,2,3\n4,5,6\n",
            "the crossbar 3 rows and 2 columns\n  help: rows are inputs, columns outputs: its transpose",
        ),
    ],
)
def test_bad_matrices(content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("w.csv").write_text(content)
    size = ["--rows", "3", "--columns", "2"] if "6" in content else []
    done = CliRunner().invoke(main, ["new", "crossbar", "bar.cir", "--from", "w.csv", *size])
    assert done.exit_code == 2
    assert message in str(done.exception or "") + done.output
    assert not Path("bar.cir").exists()


def test_training_it_through_devices_says_which_optimizer_can_and_that_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", WEIGHTS)
    run = CliRunner().invoke
    assert run(main, ["new", "crossbar", "bar.cir", "--from", "w.npy", "--wire", "1"]).exit_code == 0
    hardware = ["--hardware", "levels=64", "--epochs", "2"]
    refused = run(main, ["train", "bar.cir", *hardware])
    assert refused.exit_code == 2
    said = refused.stderr
    assert "lbfgs cannot train through the limits of hardware" in said
    assert "help: take an optimizer of single steps: --optimizer adam" in said
    assert "--optimizer adam" in Path("bar.cir").read_text()
    remedy = said.rpartition(": ")[2].split()
    done = run(main, ["train", "bar.cir", *hardware, *remedy, "-q"])
    assert done.exit_code == 0, done.stderr


def test_pickles_and_other_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npy"
    for array, message in (
        (np.array([[1, None]], dtype=object), "holds objects"),
        (np.zeros(3), r"shape \(3,\).*\n.*one row"),
        (np.zeros((2, 2), complex), "complex128, not real"),
        (np.full((2, 2), np.nan), "nan is not a finite number"),
    ):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(DataError) as caught:
            made(str(path))
        assert __import__("re").search(message, str(caught.value)), caught.value
    path.write_bytes(b"\x93NUMPY nothing of the kind")
    with pytest.raises(DataError, match="plain array"):
        made(str(path))
    with pytest.raises(DataError, match=r"does not exist\n  help: did you mean 'w.npy'"):
        made(str(tmp_path / "v.npy"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": -np.ones((2, 2)), "pairs": False}, "row 1, column 1 is negative"),
        ({"weights": np.ones((2, 2)), "inputs": 1}, "has 2 inputs, not 1"),
        ({"inputs": 9}, "has 8 inputs, not 9"),
        ({"cell": "resistr"}, "did you mean 'resistor'"),
        ({"weights": np.ones((2, 2)), "min": 1e7}, "not above the lower bound"),
        ({"terminal": "right"}, "known: left, both"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        made(**options)
    with pytest.raises(OptionError, match="stands for no matrix"):
        netlearn.new("lattice", weights=np.ones((2, 2)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".subckt mem a b c r=1\nR1 a b {r}\n.ends\n", "cell.sub:1:1: error: the cell 'mem' has 3 nodes"),
        (".subckt mem a b w=1\nR1 a b {w}\n.ends\n", "neither a parameter r, in ohms, nor g, in siemens"),
        ("* nothing\n", "there is no subcircuit"),
        (".subckt mem a b r=1\nR1 a b {r}\n.ends\nV1 x 0 1\n", "cell.sub:4:1: error: a cell's file holds"),
        (".include other.sub\n", "cell.sub:1:1: error: a cell's file holds"),
        (".control\nshell ls\n.endc\n", "cell.sub:1:1: error: a cell's file holds"),
    ],
)
def test_bad_cells(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cell.sub").write_text(text)
    with pytest.raises(NetlistError) as caught:
        made(cell="cell.sub")
    assert message in str(caught.value)
