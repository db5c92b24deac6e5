"""Pictures: what is drawn is what is there, at its place, in the axes that are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

import netlearn
from netlearn import plot
from netlearn.errors import OptionError
from netlearn.generate import new_netlist
from netlearn.report.placement import layout

DIVIDERS = """\
* three rows, two columns
*@output V(c1) V(c2)
V1 r1 0 1
V2 r2 0 2
V3 r3 0 3
R11 r1 c1 1k
R12 r1 c2 2k
R21 r2 c1 3k
R22 r2 c2 4k
R31 r3 c1 5k
R31b r3 c1 5k
R01 c1 0 1k
R02 c2 0 1k
.end
"""


def made(kind, **options):
    return netlearn.parse(new_netlist(kind, **options).netlist)


def lines_of(axes):
    return next(each for each in axes.collections if isinstance(each, LineCollection) and each.get_array() is not None)


def marked(axes):
    """Places of what the legend names."""
    return {
        each.get_label(): np.asarray(each.get_offsets())
        for each in axes.collections
        if isinstance(each, PathCollection)
    }


def test_a_lattice_looks_like_a_lattice():
    axes: Any = plot.network(made("lattice", rows=3, columns=4))
    lines = np.array([path.vertices for path in lines_of(axes).get_paths()])
    assert len(lines) == 3 * 3 + 2 * 4
    assert np.linalg.norm(np.diff(lines, axis=1)[:, 0], axis=1) == pytest.approx(1.0)
    places = marked(axes)
    assert set(map(tuple, places["input"])) <= {(0, 0), (0, -1), (0, -2)}
    assert set(map(tuple, places["output"])) <= {(3, 0), (3, -1)}
    assert places["ground"].tolist() == [[3, -2]]


def test_a_lattice_whose_positions_are_not_known_keeps_neighbours_close():
    text = "\n".join(line for line in str(made("lattice")).splitlines() if "@position" not in line)
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    places = dict(zip([*circuit.nodes, "0"], layout(circuit), strict=True))
    places["n7_7"] = places.pop("0")
    at = np.array([[places[f"n{r}_{c}"] for c in range(8)] for r in range(8)])
    steps = np.concatenate([np.diff(at, axis=k).reshape(-1, 2) for k in (0, 1)])
    assert np.linalg.norm(steps, axis=1).max() < 0.5 * np.ptp(at.reshape(-1, 2), axis=0).max()
    assert np.linalg.norm(at[0, 0] - at[7, 7]) > 5 * np.median(np.linalg.norm(steps, axis=1))


def test_positions_of_ones_own_and_of_some_nodes():
    netlist = netlearn.parse("* t\n*@position a=0,0 0=2,0\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n")
    places = layout(netlearn.elaborate(netlist).circuit, {"a": (0, 0), "0": (2, 0)})
    assert places.tolist() == [[0, 0], [1, 0], [2, 0]]
    axes: Any = plot.network(netlist, positions={"a": (5, 5), "b": (6, 6), "0": (7, 5)})
    assert marked(axes)["input"].tolist() == [[5, 5]]
    with pytest.warns(UserWarning, match="no node 'zz'"):
        plot.network(netlist, positions={"a": (0, 0), "zz": (1, 1)})


@pytest.mark.parametrize(("by", "wanted"), [("current", [1e-3, 1e-3]), ("power", [1e-3, 2e-3])])
def test_widths_are_by_current_and_power_of_the_samples(by, wanted):
    netlist = netlearn.parse("* t\nV1 a 0 0\nR1 a b 1k\nR2 b 0 2k\n.end\n")
    axes: Any = plot.network(netlist, by=by, data={"V1": [3.0, -3.0, 3.0]})
    assert sorted(lines_of(axes).get_array()) == pytest.approx(wanted)
    point = netlearn.operating_point(netlist, data={"V1": [3.0]})
    assert sorted(lines_of(plot.network(point, by=by)).get_array()) == pytest.approx(wanted)
    with pytest.raises(OptionError, match="did you mean 'power'"):
        plot.network(netlist, by="powers")  # type: ignore[arg-type]


def test_ten_thousand_edges_are_thin_lines_without_names():
    axes: Any = plot.network(made("lattice", rows=71, columns=71))
    lines = lines_of(axes)
    assert len(lines.get_paths()) == 2 * 70 * 71
    assert np.max(lines.get_linewidth()) < 1.0
    assert not axes.texts


def test_a_crossbar_is_a_heat_map():
    axes: Any = plot.crossbar(netlearn.parse(DIVIDERS))
    image = np.asarray(axes.images[0].get_array().filled(np.nan))
    wanted = [[1e-3, 1 / 2e3], [1 / 3e3, 1 / 4e3], [2 / 5e3, np.nan]]
    assert image == pytest.approx(np.array(wanted), nan_ok=True)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["r1", "r2", "r3"]
    turned: Any = plot.crossbar(netlearn.parse(DIVIDERS), rows=["c2"], columns=["r2", "r1"])
    assert turned.images[0].get_array().tolist() == [pytest.approx([1 / 4e3, 1 / 2e3])]
    power: Any = plot.crossbar(netlearn.parse(DIVIDERS), by="power")
    volts = netlearn.operating_point(netlearn.parse(DIVIDERS))
    assert power.images[0].get_array()[1, 1] == pytest.approx((2 - volts.voltage("c2")[0]) ** 2 / 4e3)
    with pytest.raises(OptionError, match="no resistors between rows and columns"):
        plot.crossbar(netlearn.parse(DIVIDERS), rows=["r1"], columns=["r2"])


def test_axes_that_are_given_are_drawn_into():
    axes = Figure().subplots()
    assert plot.network(made("layered"), axes, title="here") is axes
    assert axes.get_title() == "here"


def test_the_confusion_matrix_is_scikit_learns():
    result = netlearn.train("netlists/iris.cir", epochs=3)
    axes: Any = plot.confusion(result)
    test: Any = result.test
    wanted = confusion_matrix(test.targets, test.predictions)
    numbers = {(int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text()) for t in axes.texts}
    assert numbers == {place: number for place, number in np.ndenumerate(wanted) if number}
    assert [t.get_text() for t in axes.get_xticklabels()] == list(test.classes)
    with pytest.raises(OptionError, match=r"plot\.confusion"):
        plot.outputs(result)
    losses = plot.loss(result).lines[0].get_ydata()
    assert losses == pytest.approx(result.history.loss)


def test_outputs_leave_out_what_was_not_asked():
    evaluation = netlearn.evaluate(
        netlearn.parse(DIVIDERS), {"V1": [1, 2], "V(c1)": [0.5, np.nan], "V(c2)": [0.5, 0.25]}, output="V(c1) V(c2)"
    )
    axes: Any = plot.outputs(evaluation)
    assert [len(each.get_offsets()) for each in axes.collections] == [2, 2]
    axes.figure.draw_without_rendering()
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["V(c1)", "V(c2)"]
    with pytest.raises(OptionError, match="no classes"):
        plot.confusion(evaluation)
    with pytest.raises(OptionError, match="a str has no outputs"):
        plot.outputs("x")  # type: ignore[arg-type]
