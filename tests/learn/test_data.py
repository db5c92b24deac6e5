from itertools import permutations

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE
from netlearn.errors import CircuitError, DataError, NetlearnError, OptionError
from netlearn.learn.data import classes_in, dataset_of, layout_of, split
from netlearn.learn.table import Table
from netlearn.probes.names import probes_of

CIRCUIT = Circuit(
    ["in", "out"],
    ["v1"],
    (
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array([1.0])}),
        Group(CURRENT_SOURCE, ["i2"], np.array([[1, GROUND]]), {"dc": np.array([0.0])}),
        Group(RESISTOR, ["r1"], np.array([[0, 1]]), {"resistance": np.array([1e3])}),
    ),
)


def test_inputs_and_targets_in_the_order_of_the_outputs() -> None:
    table = Table.of({"I2": [1.0, 2.0], "V(out)": [3.0, 4.0], "v1": [5.0, 6.0], "I(V1)": [7.0, 8.0]})
    layout = layout_of(table, ("I(V1)", "V( out )"))
    assert layout.inputs == ("I2", "v1")
    assert layout.driven == ("I2", "v1")
    data = dataset_of(table, layout)
    np.testing.assert_array_equal(data.inputs, [[1, 5], [2, 6]])
    np.testing.assert_array_equal(data.targets, [[7, 3], [8, 4]])


def test_classes_are_in_the_order_of_their_numbers_or_the_alphabet() -> None:
    for labels, classes in [(["10", "9", "10"], ("9", "10")), (["b", "a", "b"], ("a", "b")), ([2.0, 1, 2], ("1", "2"))]:
        table = Table.of({"V1": [0.0, 1.0, 2.0], "class": labels})
        layout = layout_of(table, ("V(in)", "V(out)"))
        assert layout.classes == classes
        np.testing.assert_array_equal(dataset_of(table, layout).targets, [1, 0, 1])


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1", "2", "nan"], ("1", "2", "nan")),
        (["10", "9", "nan", "inf"], ("10", "9", "inf", "nan")),
        (["1.5", "1.50", "2"], ("1.5", "1.50", "2")),
        (["001", "1", "01", "-3"], ("-3", "001", "01", "1")),
        (["2", "10", ""], ("2", "10")),
        (["1e2", "20", "3"], ("3", "20", "1e2")),
    ],
)
def test_the_order_of_classes_does_not_depend_on_that_of_the_rows(labels: list[str], classes: tuple[str, ...]) -> None:
    for order in permutations(labels):
        assert classes_in(Table.of({"V1": np.zeros(len(labels)), "class": order})) == classes


@pytest.mark.parametrize(
    ("columns", "outputs", "said"),
    [
        ({"V1": [1.0]}, (), "there is no target"),
        ({"V(out)": [1.0, 2.0]}, (), "all rows are one sample"),
        ({"V1": [1.0], "class": ["a"]}, (), "classes need outputs"),
        ({"V1": [1.0], "class": ["a"]}, ("V(in)", "V(out)"), "2 outputs for 1 classes (a)"),
        ({"V1": [1.0], "class": ["a"], "V(out)": [1.0]}, ("V(out)",), "also the target 'V(out)'"),
        ({"V1": [1.0], "V(out)": [1.0]}, ("V(in)",), "the output 'V(in)' has no column"),
    ],
)
def test_data_that_does_not_fit_the_circuit(columns: dict[str, object], outputs: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError) as caught:
        layout_of(Table.of(columns), outputs)
    assert said in str(caught.value)


def test_test_data_must_have_the_columns_and_classes_of_the_training_data() -> None:
    layout = layout_of(Table.of({"V1": [0.0, 1.0], "class": ["cat", "dog"]}), ("V(in)", "V(out)"))
    with pytest.raises(DataError, match=r"<data>:2:1: error: row 2: the class 'dgo' is not among(.|\n)*mean 'dog'"):
        dataset_of(Table.of({"V1": [0.0, 1.0], "class": ["cat", "dgo"]}), layout)
    with pytest.raises(DataError, match="no column 'V1'"):
        dataset_of(Table.of({"I2": [0.0], "class": ["cat"]}), layout)
    with pytest.raises(DataError, match="no column 'class'"):
        dataset_of(Table.of({"V1": [0.0]}), layout)


def test_split_parts_are_disjoint_and_whole() -> None:
    table = Table.of({"V1": np.arange(20.0), "V(out)": np.arange(20.0)})
    data = dataset_of(table, layout_of(table))
    part, aside = split(data, 0.25, np.random.default_rng(0))
    assert aside is not None
    assert (len(part), len(aside)) == (15, 5)
    assert sorted([*part.inputs[:, 0], *aside.inputs[:, 0]]) == list(range(20))
    assert split(data, 0.0, np.random.default_rng(0))[1] is None
    with pytest.raises(DataError, match="leaves one part empty"):
        split(data, 0.01, np.random.default_rng(0))


def test_probes_read_voltages_differences_and_currents() -> None:
    probes = probes_of(CIRCUIT, ("V(out)", "v(in, out)", "V(0,in)", "I(V1)"))
    x = np.array([[1.0, 10.0, 100.0]])
    np.testing.assert_array_equal((probes.ends.matrix(3) @ x.T).T, [[10.0, -9.0, -1.0, 100.0]])


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("out", OptionError, "'out' is not a probe"),
        ("V(in,out,0)", OptionError, "is not a probe"),
        ("I(V1,V2)", OptionError, "is not a probe"),
        ("V()", OptionError, "is not a probe"),
        ("V(gnd)", OptionError, "always reads zero"),
        ("V(in,in)", OptionError, "always reads zero"),
        ("V(ouy)", CircuitError, "did you mean 'out'?"),
        ("I(R9)", CircuitError, "there is no element 'r9'"),
    ],
)
def test_probes_that_cannot_be(name: str, kind: type[NetlearnError], said: str) -> None:
    with pytest.raises(kind) as caught:
        probes_of(CIRCUIT, (name,))
    assert said in str(caught.value)


def test_a_class_in_other_letters_is_told_of_them() -> None:
    train, test = ({"V1": [1.0, 2.0], "class": labels} for labels in (["Red", "Blue"], ["red", "Blue"]))
    netlist = netlearn.parse("two\n*@output V(a) V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n")
    with pytest.raises(
        DataError, match=r"the class 'red' is not .*\n.*did you mean 'Red'\? capitals and small letters"
    ):
        netlearn.train(netlist, train, test=test, epochs=1)
