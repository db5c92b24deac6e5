import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netlearn
from netlearn.errors import DataError, NetlearnError, OptionError
from netlearn.learn.hardware import Hardware
from netlearn.learn.optimizers import Sgd
from netlearn.learn.state import Progress

DIVIDER = """* A divider that is to halve its input; Ä in a comment
*@data d.csv test=t.csv
*@output V(out)
*@train R* min=10 max=1meg
*@options epochs=60 seed=1
*@optimizer adam lr=0.2
V1   in  0   DC 1 ; the input
R1   in out  9K   $ trained
rLoad OUT 0
+    1000
R3 in 0 1k
.param unused = 3
.end
"""

CLASSES = """two classes
*@data c.csv
*@output V(a) V(b)
*@loss cross_entropy scale=5
*@options epochs=40 batch=7 validation=0.2 seed=4
V1 x 0 0
V2 y 0 0
R1 x a 1k
R2 y a 1k
R3 x b 1k
R4 y b 1k
R5 a 0 1k
R6 b 0 1k
"""


@pytest.fixture
def divider(tmp_path: Path) -> Path:
    (tmp_path / "d.csv").write_text("V1,V(out)\n1,0.5\n2,1\n-3,-1.5\n")
    (tmp_path / "t.csv").write_text("V1,V(out)\n5,2.5\n")
    path = tmp_path / "divider.cir"
    path.write_bytes(DIVIDER.encode("latin-1"))
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (30, 2))
    rows = [f"{a!r},{b!r},{'one' if a > b else 'two'}" for a, b in x.tolist()]
    (tmp_path / "c.csv").write_text("\n".join(["V1,V2,class", *rows]))
    path = tmp_path / "classes.cir"
    path.write_text(CLASSES)
    return path


def test_a_divider_learns_its_closed_form(divider: Path) -> None:
    result = netlearn.train(divider)
    r1, load = (result.theta[result.names.index(name)] for name in ("r1", "rload"))
    assert load / (r1 + load) == pytest.approx(0.5, rel=1e-2)
    assert result.loss < 1e-3 * result.history[0].loss
    assert result.test is not None
    assert result.test.loss == pytest.approx((result.test.outputs[0, 0] - 2.5) ** 2)
    assert not result.interrupted
    assert result.accuracy is None


def test_only_trained_numbers_change_and_the_loss_is_that_of_the_file(divider: Path, tmp_path: Path) -> None:
    result = netlearn.train(divider)
    path = result.save(tmp_path / "out.cir")
    before, after = DIVIDER.encode("latin-1"), path.read_bytes()
    pattern = re.escape(before.decode("latin-1"))
    for text in ("9K", "1000"):
        pattern = pattern.replace(re.escape(text), "([0-9.eE+-]+)", 1)
    match = re.fullmatch(pattern, after.decode("latin-1"))
    assert match is not None
    values = dict(zip(result.names, result.theta.tolist(), strict=True))
    assert [float(text) for text in match.groups()] == [values["r1"], values["rload"]]
    again = netlearn.evaluate(path, tmp_path / "d.csv")
    assert again.loss == result.loss
    test = netlearn.evaluate(path)
    assert result.test is not None
    assert test.loss == result.test.loss
    assert divider.read_bytes() == before


def test_a_netlist_away_from_its_data_is_evaluated_on_other_data(classes: Path, tmp_path: Path) -> None:
    result = netlearn.train(classes, epochs=2)
    away = tmp_path / "away"
    away.mkdir()
    path = result.save(away / "classes.cir")
    assert netlearn.evaluate(path, tmp_path / "c.csv").loss == result.loss
    with pytest.raises(NetlearnError, match=r"c\.csv"):
        netlearn.evaluate(path)
    assert netlearn.evaluate(netlearn.read(path, allow=[tmp_path])).loss == result.loss


def test_the_same_seed_writes_the_same_bytes(classes: Path, tmp_path: Path) -> None:
    for name in ("a.cir", "b.cir"):
        netlearn.train(classes).save(tmp_path / name)
    netlearn.train(classes, seed=5).save(tmp_path / "c.cir")
    assert (tmp_path / "a.cir").read_bytes() == (tmp_path / "b.cir").read_bytes()
    assert (tmp_path / "a.cir").read_bytes() != (tmp_path / "c.cir").read_bytes()


def test_classes_are_learned(classes: Path) -> None:
    result = netlearn.train(classes)
    assert result.accuracy is not None
    assert result.accuracy > 0.9
    evaluation = result.train
    assert evaluation.classes == ("one", "two")
    assert np.mean(evaluation.predictions == evaluation.targets) == result.accuracy
    assert np.mean(evaluation.losses) == evaluation.loss
    assert np.isfinite([record.validation_loss for record in result.history]).all()


def test_an_interrupted_run_resumes_to_the_same_file(classes: Path, tmp_path: Path) -> None:
    steps = 0

    def stop(progress: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 23:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "c.npz"
    whole = netlearn.train(classes)
    cut = netlearn.train(classes, progress=stop, checkpoint=checkpoint)
    assert cut.interrupted
    assert checkpoint.exists()
    resumed = netlearn.train(classes, checkpoint=checkpoint, resume=True)
    assert str(resumed.netlist) == str(whole.netlist)
    assert str(cut.netlist) != str(whole.netlist)
    assert repr(resumed.history) == repr(whole.history)
    with pytest.raises(NetlearnError, match="made with seed=4, not seed=9"):
        netlearn.train(classes, checkpoint=checkpoint, resume=True, seed=9)
    with pytest.raises(NetlearnError, match="needs a checkpoint"):
        netlearn.train(classes, resume=True)


def test_an_error_leaves_a_checkpoint_of_the_last_step(classes: Path, tmp_path: Path) -> None:
    def crash(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (5, 2):
            raise RuntimeError("a bug")

    checkpoint = tmp_path / "c.npz"
    whole = netlearn.train(classes)
    with pytest.raises(RuntimeError):
        netlearn.train(classes, progress=crash, checkpoint=checkpoint)
    assert str(netlearn.train(classes, checkpoint=checkpoint, resume=True).netlist) == str(whole.netlist)


def test_arrays_text_and_objects_serve_instead_of_directives() -> None:
    text = "* no directives\nV1 in 0 1\nR1 in out 1k\nR2 out 0 {load}\n.param load=1k\n"
    x = np.array([1.0, 2.0])
    by_text = netlearn.train(
        netlearn.parse(text), {"V1": x, "V(out)": 0.8 * x}, train="R1 min=100", optimizer="sgd lr=0.5", epochs=200
    )
    by_object = netlearn.train(
        netlearn.parse(text), {"V1": x, "V(out)": 0.8 * x}, train=["R1 min=100"], optimizer=Sgd(0.5), epochs=200
    )
    assert str(by_text.netlist) == str(by_object.netlist)
    assert by_text.names == ("r1",)
    assert by_text.theta == pytest.approx(250.0, rel=1e-3)
    parameter = netlearn.train(netlearn.parse(text), {"V1": x, "V(out)": 0.8 * x}, train="load", optimizer="lbfgs")
    assert parameter.theta == pytest.approx(4000.0, rel=1e-6)
    assert "R2 out 0 {load}" in str(parameter.netlist)


def test_without_a_selection_every_resistor_trains() -> None:
    text = "t\nV1 in 0 1\n.subckt half a b\nR1 a b 1k\n.ends\nX1 in out half\nX2 out 0 half\nRx out 0 1k\n"
    result = netlearn.train(netlearn.parse(text), {"V1": [1.0], "V(out)": [0.25]}, optimizer="lbfgs")
    assert set(result.names) == {"x1.r1", "rx"}
    assert result.loss < 1e-12


def test_one_row_without_inputs_sets_an_operating_point() -> None:
    for device in ("R2 out 0 1k", "R2 out 0 1k\nD1 out 0 d\n.model d d"):
        text = f"t\nV1 in 0 5\nR1 in out 10k\n{device}\n"
        result = netlearn.train(netlearn.parse(text), {"V(out)": [0.6]}, optimizer="lbfgs")
        assert result.train.outputs == pytest.approx(np.array([[0.6]]), abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train": "Q*"}, "'Q*' matches no resistor"),
        ({"fix": "R*"}, "all that is to be trained is fixed"),
        ({"fix": ["Q1"]}, "'Q1' matches no resistor"),
        ({"output": "V(nowhere)", "data": {"V1": [1.0], "V(nowhere)": [1.0]}}, "there is no node 'nowhere'"),
        ({"loss": "cross_entropy"}, "cross_entropy needs classes"),
        ({"data": {"V9": [1.0], "V(out)": [1.0]}}, "'V9' names no source, element or parameter of the circuit"),
        ({"data": "none.csv"}, "does not exist"),
        ({"epohcs": 3}, "did you mean 'epochs'?"),
        ({"epochs": 1.5}, "'epochs' must be a whole number"),
        ({"epochs": True}, "'epochs' must be a whole number"),
        ({"forward": "ngspise"}, "did you mean 'ngspice'?"),
        ({"train": "R1 min=-5 max=-1"}, "upper bound -1"),
    ],
)
def test_mistakes_are_the_users_errors(divider: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(NetlearnError) as caught:
        netlearn.train(divider, **settings)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("R* min=10", "Q* min=10", "4:9", "'Q*' matches no resistor"),
        ("V(out)", "V(ouy)", "3:10", "the output 'V(ouy)' has no column"),
        ("9K", "-9K", "8:14", "'r1' starts at -9000, and a resistance that is trained must be above zero"),
        ("data d.csv", "data e.csv", "2:8", "does not exist"),
        ("data d.csv", "data ../d.csv", "2:8", "outside the netlist's folder"),
        ("data d.csv", "data /etc/passwd", "2:8", "outside the netlist's folder"),
        ("seed=1", "sede=1", "5:21", "did you mean 'seed'?"),
    ],
)
def test_mistakes_in_directives_have_places(divider: Path, old: str, new: str, at: str, said: str) -> None:
    divider.write_text(DIVIDER.replace(old, new))
    with pytest.raises(NetlearnError) as caught:
        netlearn.train(divider)
    assert f"divider.cir:{at}: error: " in str(caught.value)
    assert said in str(caught.value)


def test_a_link_does_not_lead_out_of_the_folder(divider: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = inner / "divider.cir"
    path.write_text(DIVIDER)
    (inner / "d.csv").symlink_to(tmp_path / "d.csv")
    with pytest.raises(NetlearnError, match="outside the netlist's folder"):
        netlearn.train(path)
    assert netlearn.train(netlearn.read(path, allow=[tmp_path]), epochs=1, test=tmp_path / "t.csv").test is not None


def test_operating_point(divider: Path) -> None:
    point = netlearn.operating_point(divider)
    assert point.voltage("out") == pytest.approx([0.1])
    assert point.current("v1") == pytest.approx([-1 / 10e3 - 1 / 1e3])


def test_describe(divider: Path, tmp_path: Path) -> None:
    described = netlearn.describe(divider)
    assert not described.problems
    assert dict(described.elements or ()) == {"voltage source": 1, "resistor": 3}
    assert set(described.trained or ()) == {"r1", "rload", "r3"}
    assert (described.samples, described.test_samples) == (3, 1)
    assert described.inputs == ("V1",)
    assert "unused" in (described.trainable or ())
    divider.write_text(DIVIDER.replace("d.csv", "missing.csv").replace("epochs", "epohcs"))
    problems = [str(problem) for problem in netlearn.describe(divider).problems]
    assert len(problems) == 1
    assert "did you mean 'epochs'?" in problems[0]
    (tmp_path / "d.csv").unlink()
    divider.write_text(DIVIDER)
    assert ["does not exist" in str(problem) for problem in netlearn.describe(divider).problems] == [True]


def test_a_declared_directive_is_given_as_text_or_as_an_object(divider: Path) -> None:
    by_text = netlearn.train(divider, hardware="levels=9 min=100 max=10k", epochs=3)
    by_object = netlearn.train(divider, hardware=Hardware(levels=9, min=100.0, max=10e3), epochs=3)
    assert str(by_text.netlist) == str(by_object.netlist)
    assert by_text.loss != netlearn.train(divider, epochs=3).loss


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_ngspice_as_the_solver_trains_to_the_same_values(classes: Path) -> None:
    internal = netlearn.train(classes, epochs=3, optimizer="sgd lr=0.5")
    judged = netlearn.train(classes, epochs=3, optimizer="sgd lr=0.5", forward="ngspice")
    np.testing.assert_allclose(judged.theta, internal.theta, rtol=1e-6)
    assert judged.loss == pytest.approx(internal.loss, rel=1e-7)
    evaluation = netlearn.evaluate(classes, forward="ngspice")
    np.testing.assert_allclose(evaluation.outputs, netlearn.evaluate(classes).outputs, rtol=1e-9, atol=1e-12)


def test_arrays_and_frames_train_to_the_same_bytes_as_a_file(classes: Path) -> None:
    by_file = netlearn.train(classes, epochs=3)
    frame = pd.read_csv(classes.with_name("c.csv"))
    x, y = frame[["V1", "V2"]].to_numpy(), frame["class"].to_numpy()
    netlist = netlearn.parse(CLASSES.replace("*@data c.csv\n", ""))
    for result in (
        netlearn.train(netlist, frame, epochs=3),
        netlearn.train(netlist, frame.sample(frac=1, axis=1, random_state=1), epochs=3, input=["V1", "V2"]),
        netlearn.train(netlist, x, y, epochs=3),
        netlearn.train(netlist, (x, y), epochs=3),
        netlearn.train(netlist, x[:, ::-1], y, epochs=3, input="V2 V1"),
        netlearn.train(netlist, frame[["V1", "V2"]], frame["class"], epochs=3),
    ):
        np.testing.assert_allclose(result.theta, by_file.theta, rtol=1e-12)
    evaluation = netlearn.evaluate(result.netlist, x, y, loss="cross_entropy scale=5")
    assert evaluation.accuracy == result.accuracy
    with pytest.raises(DataError, match="give both, as train"):
        netlearn.train(classes, None, y)


def test_the_order_of_classes_is_written_where_the_netlist_names_no_data_that_tell_it(classes: Path) -> None:
    frame = pd.read_csv(classes.with_name("c.csv"))
    netlist = netlearn.parse(CLASSES.replace("*@data c.csv\n", ""))
    result = netlearn.train(netlist, frame, epochs=1)
    assert "*@classes one two\n" in str(result.netlist)
    # Other data, with as many labels, would make other classes of the outputs.
    with pytest.raises(DataError, match="the class 'zero' is not among"):
        netlearn.evaluate(result.netlist, {"V1": [1.0, 0.0], "V2": [0.0, 1.0], "class": ["one", "zero"]})
    assert netlearn.evaluate(result.netlist, frame).loss == pytest.approx(result.train.loss)
    odd = frame["class"].replace({"one": "a b", "two": "ü;"})
    again = netlearn.train(netlist, frame.assign(**{"class": odd}), epochs=1)
    assert netlearn.evaluate(again.netlist, frame.assign(**{"class": odd})).classes == ("a b", "ü;")
    # The netlist's own data tell it, and its own line does.
    assert "*@classes" not in str(netlearn.train(classes, epochs=1).netlist)
    own = netlearn.parse(str(netlist).replace("*@output", "*@classes two one\n*@output"))
    assert str(netlearn.train(own, frame, epochs=1).netlist).count("*@classes") == 1


def test_a_class_that_one_part_of_the_data_lacks_is_no_error(classes: Path) -> None:
    (classes.with_name("t.csv")).write_text("V1,V2,class\n1,0,one\n0.5,0,one\n")
    text = CLASSES.replace("c.csv", "c.csv test=t.csv")
    classes.write_text(text)
    result = netlearn.train(classes, epochs=1)
    assert result.test is not None
    assert result.test.classes == ("one", "two")
    # The other way round: what is trained on lacks a class that the test data have.
    classes.write_text(text.replace("c.csv test=t.csv", "t.csv test=c.csv").replace("validation=0.2", ""))
    assert netlearn.train(classes, epochs=1).train.classes == ("one", "two")
    netlist = netlearn.parse(CLASSES.replace("*@data c.csv", "*@classes two one").replace("validation=0.2", ""))
    result = netlearn.train(netlist, {"V1": [1.0, 0.5], "V2": [0.0, 0.0], "class": ["one", "one"]}, epochs=1)
    assert result.train.classes == ("two", "one")
    assert result.train.targets.tolist() == [1, 1]
    with pytest.raises(DataError, match=r"the class 'three' is not among(.|\n)*mean"):
        netlearn.train(netlist, {"V1": [1.0], "V2": [0.0], "class": ["three"]}, classes=["two", "threa"])
    with pytest.raises(OptionError, match="there are 3 classes and 2 outputs"):
        netlearn.train(netlist, {"V1": [1.0], "V2": [0.0], "class": ["one"]}, classes="one two three")
    result = netlearn.train(netlist, {"V1": [1.0, 2.0], "V2": [0.0, 1.0], "class": ["one", None]}, epochs=1)
    assert result.train.targets.tolist() == [1, -1]
    assert result.train.losses[1] == 0
    with pytest.raises(DataError, match="nothing is asked of the outputs: all cells of their columns are empty"):
        netlearn.train(netlist, {"V1": [1.0, 2.0], "V2": [0.0, 1.0], "class": [None, None]}, classes="one two")


def test_what_is_wrong_with_the_test_data_is_said_before_training(divider: Path) -> None:
    divider.with_name("t.csv").write_text("V2,V(out)\n5,2.5\n")
    with pytest.raises(DataError, match="no column 'V1'"):
        netlearn.train(divider, progress=lambda progress: pytest.fail("trained"))
