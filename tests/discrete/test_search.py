"""The best combination of values against all of them, worked out without the solver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.api import task_of
from netlearn.cli import main
from netlearn.discrete.candidates import Candidates
from netlearn.discrete.chosen import search_for
from netlearn.discrete.kept_steps import KeptSteps
from netlearn.discrete.told import told_of_search
from netlearn.errors import OptionError
from netlearn.learn.hardware import SERIES, series_values
from netlearn.project import open_project


@dataclass
class Network:
    """Resistors between nodes, of which one is driven, and the wanted voltages of others."""

    ends: list[tuple[int, int]]
    wanted: dict[int, float]
    low: float
    high: float
    volts: float = 5.0

    def text(self, values: tuple[float, ...] | None = None) -> str:
        values = values or (2e3,) * len(self.ends)
        goals = [f"*@goal V(n{node}) = {value}" for node, value in self.wanted.items()]
        lines = [f"R{k} n{a} n{b} {value}" for k, ((a, b), value) in enumerate(zip(self.ends, values, strict=True))]
        source = [f"V1 n1 0 {self.volts}"]
        train = [f"*@train R* min={self.low} max={self.high}"]
        return "\n".join(["network", *goals, *train, *source, *lines, ".end", ""]).replace("n0", "0")

    def voltages(self, theta: np.ndarray) -> np.ndarray:
        """(K, nodes) at resistances (K, P), by nodal analysis, all at once; node 1 is driven."""
        nodes = max(max(ends) for ends in self.ends) + 1
        matrix = np.zeros((len(theta), nodes, nodes))
        for k, (a, b) in enumerate(self.ends):
            for i, j in ((a, b), (b, a)):
                matrix[:, i, i] += 1 / theta[:, k]
                matrix[:, i, j] -= 1 / theta[:, k]
        inner = matrix[:, 2:, 2:]
        return np.linalg.solve(inner, -matrix[:, 2:, 1:2] * self.volts)[..., 0]

    def losses(self, theta: np.ndarray) -> np.ndarray:
        """Of goals with nothing but a value: the mean squared error relative to the value."""
        found = self.voltages(theta)
        return np.mean([((found[:, node - 2] - value) / value) ** 2 for node, value in self.wanted.items()], axis=0)


NETWORKS = {
    "divider": Network([(1, 2), (2, 0)], {2: 1.234}, 100, 1e5),
    "tee": Network([(1, 2), (2, 3), (2, 0), (3, 0)], {2: 2.17, 3: 0.93}, 1e3, 9.1e3),
    "pi": Network([(1, 2), (2, 0), (1, 0), (1, 2)], {2: 1.777}, 1e3, 9.1e3),
    "three in a row": Network([(1, 2), (2, 3), (3, 0)], {2: 3.141, 3: 1.414}, 100, 9.1e3),
    "bridge": Network([(1, 2), (2, 0), (1, 3), (3, 0)], {2: 1.62, 3: 3.38}, 1e3, 9.1e3),
}


def searched(network: Network, budget: int, seed: int = 0, series: str = "e24"):
    netlist = netlearn.parse(network.text())
    project = open_project(netlist, overrides={"hardware": f"series={series} budget={budget} seed={seed}"})
    start = netlearn.train(netlist, optimizer="lbfgs", epochs=60).theta
    search = search_for(project)
    assert search is not None
    return search.best(task_of(project), start)


@pytest.mark.parametrize("name", NETWORKS)
def test_finds_what_brute_force_finds(name: str) -> None:
    network = NETWORKS[name]
    values = series_values("e24", network.low, network.high)
    every = np.stack(np.meshgrid(*[values] * len(network.ends), indexing="ij"), axis=-1).reshape(-1, len(network.ends))
    losses = network.losses(every)
    best = float(losses.min())
    # The whole of it, and a search that may look at a small part only.
    for budget in (400_000, 12_000) if name in ("tee", "divider") else (12_000,):
        found = searched(network, budget)
        assert network.losses(found.theta[None])[0] == pytest.approx(best, rel=1e-6, abs=1e-20)
        assert found.loss <= found.nearest_loss
        assert found.complete == (len(every) <= budget)
        assert set(found.theta) <= set(values)


def test_exact_answers_are_found_where_they_exist() -> None:
    """A quarter of 5 V takes a ratio of exactly 3, which E24 has four times in a decade: 30/10, 33/11, 36/12, 39/13."""
    network = Network([(1, 2), (2, 0)], {2: 1.25}, 100, 1e6)
    for budget in (100_000, 600):
        found = searched(network, budget)
        np.testing.assert_array_equal(searched(network, budget).theta, found.theta)
        assert found.theta[0] == pytest.approx(3 * found.theta[1], rel=1e-12)
        assert found.loss < 1e-25


def ladder(seed: int) -> str:
    rng = np.random.default_rng(seed)
    lines = []
    for k in range(10):
        lines.append(f"R{k} n{k} n{k + 1} {10 ** rng.uniform(3, 4):.4g}")
        lines.append(f"Rg{k} n{k + 1} 0 {10 ** rng.uniform(3.5, 4.5):.4g}")
    wanted = {2: 0.61, 4: 0.37, 6: 0.22, 8: 0.13, 10: 0.071}
    goals = [f"*@goal V(n{node}) = {value} within=0.01%" for node, value in wanted.items()]
    return "\n".join(["ladder", *goals, "*@train R* min=1k max=100k", "V1 n0 0 1", *lines, ".end", ""])


def test_twenty_parts_do_better_than_rounding_and_coordinate_descent() -> None:
    netlist = netlearn.parse(ladder(0))
    project = open_project(netlist, overrides={"hardware": "series=e96 budget=30000", "optimizer": "lbfgs"})
    search = search_for(project)
    assert search is not None
    task = task_of(project)
    start = netlearn.train(netlist, optimizer="lbfgs", epochs=300).theta
    found = search.best(task, start)
    candidates = Candidates.of(project.driven, tuple(project.parameters.names), project.layout.outputs, task)
    theta, loss, before = found.nearest.copy(), found.nearest_loss, np.inf
    while loss < before:
        before = loss
        for k, of in enumerate(search.choices):
            tried = np.tile(theta, (len(of.values), 1))
            tried[:, k] = of.values
            losses = candidates.losses(tried)
            theta, loss = tried[np.argmin(losses)], float(losses.min())
    assert loss < found.nearest_loss
    assert found.loss < 0.1 * loss


def test_jacobians_of_many_sets_of_values_against_differences() -> None:
    project = open_project(netlearn.parse(NETWORKS["tee"].text()), overrides={"hardware": "series=e24"})
    task = task_of(project)
    candidates = Candidates.of(project.driven, tuple(project.parameters.names), project.layout.outputs, task)
    theta = np.exp(np.random.default_rng(0).normal(8, 0.5, (3, 4)))
    outputs, jacobian = candidates.jacobians(theta)
    np.testing.assert_allclose(outputs[:, 0], NETWORKS["tee"].voltages(theta), rtol=1e-12)
    for k in range(4):
        step = np.exp(1e-6 * np.eye(4)[k])
        slope = (candidates.judged(theta * step)[1] - candidates.judged(theta / step)[1]) / 2e-6
        np.testing.assert_allclose(jacobian[..., k], slope, rtol=1e-6, atol=1e-9)


def test_parts_in_the_drawer_are_used_as_often_as_there_are(tmp_path) -> None:
    """Six parts of which each is there once: the best of all ordered choices."""
    values = [1e3, 1.5e3, 2.2e3, 3.3e3, 4.7e3, 6.8e3]
    (tmp_path / "stock.csv").write_text("value,count\n" + "".join(f"{value / 1e3:g}k,1\n" for value in values))
    network = NETWORKS["tee"]
    every = np.array(list(permutations(values, 4)))
    best = float(network.losses(every).min())
    free = np.array(list(product(values, repeat=4)))
    assert network.losses(free).min() < best
    for budget in (400_000, 600):
        text = network.text().replace("min=1000.0 max=9100.0", "min=1k max=10k")
        found = netlearn.round_values(netlearn.parse(text), parts=tmp_path / "stock.csv", budget=budget)
        assert found.losses[2] == pytest.approx(best, rel=1e-9)
        assert len(set(found.after)) == 4
        assert set(found.after) <= set(values)


def test_pairs_are_written_as_two_resistors(tmp_path, ngspice) -> None:
    text = (
        "pairs\n*@goal V(out) = 1.234\n*@train R1 X1.R2 min=500 max=100k\nV1 in 0 5\nR1 in out 10k tc1=1m ; upper\n"
        "X1 out s\nR1b out 0 1g\n.subckt s a\nR2 a 0 3k\n.ends\n.end\n"
    )
    found = netlearn.round_values(netlearn.parse(text), series="e12", pairs=True, out=tmp_path / "x.cir", budget=20000)
    assert set(found.pairs) <= {"r1", "x1.r2"}
    assert found.pairs
    singles = netlearn.round_values(netlearn.parse(text), series="e12")
    assert found.losses[2] < 0.01 * singles.losses[2]
    netlist = netlearn.read(tmp_path / "x.cir")
    volts = netlearn.operating_point(netlist).voltage("out")[0]
    assert ((volts - 1.234) / 1.234) ** 2 == pytest.approx(found.losses[2], rel=1e-6, abs=1e-20)
    assert ngspice.run(str(netlist))["v(out)"] == pytest.approx(volts, rel=1e-9)
    e12 = {float(f"{digits * 10.0**k:.3g}") for digits in SERIES["e12"] for k in range(8)}
    for kind, first, second in found.pairs.values():
        assert kind in ("series", "parallel")
        assert {first, second} <= e12
    if "r1" in found.pairs:
        assert str(netlist).count("tc1=1m ; upper") + str(netlist).count("tc1=1m") >= 2
        assert "R1b1" in str(netlist)


def test_training_ends_with_the_best_values_of_a_series(tmp_path) -> None:
    network = NETWORKS["three in a row"]
    (tmp_path / "x.cir").write_text(network.text().replace("*@train", "*@hardware series=e24\n*@train", 1))
    result = netlearn.train(tmp_path / "x.cir", optimizer="lbfgs", out=tmp_path / "y.cir")
    values = series_values("e24", network.low, network.high)
    every = np.array(list(product(values, repeat=3)))
    assert result.loss == pytest.approx(network.losses(every).min(), rel=1e-6)
    assert set(result.theta) <= set(values)
    said = next(note for note in result.notes if "the best of all combinations" in note)
    # No bound is claimed: a training that ends early, or looks at draws, leaves values that the search can better.
    free = netlearn.train(netlearn.parse(network.text()), optimizer="lbfgs")
    assert said.endswith(f"the values before the search one of {free.loss:.6g}")
    assert netlearn.evaluate(tmp_path / "y.cir").loss == pytest.approx(result.loss, rel=1e-12)
    stepped = netlearn.train(tmp_path / "x.cir", hardware="series=e24 search=no", optimizer="adam lr=0.1", epochs=50)
    assert result.loss < stepped.loss
    by_levels = netlearn.train(tmp_path / "x.cir", hardware="levels=9 min=100 max=1k series=none", optimizer="lbfgs")
    conductances = np.linspace(1e-3, 1e-2, 9)
    every = 1 / np.array(list(product(conductances, repeat=3)))
    assert by_levels.loss == pytest.approx(network.losses(every).min(), rel=1e-6)


def test_an_interrupted_search_goes_on_to_the_same_result(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.cir").write_text(NETWORKS["divider"].text())
    settings = {"hardware": "series=e24", "optimizer": "lbfgs", "checkpoint": tmp_path / "c.npz"}
    whole = netlearn.train(tmp_path / "x.cir", out=tmp_path / "whole.cir", **settings)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("netlearn.discrete.chosen.best_choice", interrupted)
        part = netlearn.train(tmp_path / "x.cir", out=tmp_path / "part.cir", **settings)
    assert part.interrupted
    assert not (tmp_path / "part.cir").exists()
    assert (tmp_path / "c.npz").exists()
    again = netlearn.train(tmp_path / "x.cir", out=tmp_path / "part.cir", resume=True, **settings)
    assert not again.interrupted
    assert (tmp_path / "part.cir").read_text() == (tmp_path / "whole.cir").read_text()
    assert str(again.netlist) == str(whole.netlist)


class _Interrupting:
    """Candidates are solved until so many operating points are known, and then the user interrupts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.most = 0, np.inf
        judged = Candidates.judged

        def counted(candidates, theta):
            self.count += len(theta)
            if self.count > self.most:
                raise KeyboardInterrupt
            return judged(candidates, theta)

        monkeypatch.setattr(Candidates, "judged", counted)
        # However short it is, it is kept here.
        monkeypatch.setattr("netlearn.discrete.kept_steps.SOON", -1.0)


def test_a_search_goes_on_from_its_journal_without_solving_anew(tmp_path, monkeypatch) -> None:
    network, path = NETWORKS["divider"], tmp_path / "steps.jsonl"
    (tmp_path / "x.cir").write_text(network.text())
    asked: dict[str, Any] = {"series": "e96", "budget": 20_000}
    interrupting = _Interrupting(monkeypatch)
    whole = netlearn.round_values(tmp_path / "x.cir", **asked)
    total = interrupting.count
    interrupting.count, interrupting.most = 0, total // 2
    with pytest.raises(KeyboardInterrupt):
        netlearn.round_values(tmp_path / "x.cir", journal=path, **asked)
    assert len(path.read_text().splitlines()) > 1
    # The last line may be cut off.
    path.write_text(path.read_text()[:-5])
    interrupting.count, interrupting.most = 0, np.inf
    again = netlearn.round_values(tmp_path / "x.cir", journal=path, **asked)
    assert interrupting.count < 0.8 * total
    assert (again.after.tolist(), again.losses, again.solved) == (whole.after.tolist(), whole.losses, whole.solved)
    interrupting.count = 0
    netlearn.round_values(tmp_path / "x.cir", journal=path, **asked)
    assert interrupting.count <= 1
    with pytest.raises(OptionError, match="is not a step of this search"):
        netlearn.round_values(tmp_path / "x.cir", journal=path, series="e24", budget=20_000)


def test_a_search_after_training_is_resumed_by_the_same_command(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.cir").write_text(NETWORKS["divider"].text())
    settings: dict[str, Any] = {"hardware": "series=e96 budget=20000", "optimizer": "lbfgs"}
    settings["checkpoint"] = tmp_path / "c.npz"
    interrupting = _Interrupting(monkeypatch)
    whole = netlearn.train(tmp_path / "x.cir", out=tmp_path / "whole.cir", **settings)
    assert not list(tmp_path.glob("*.jsonl"))
    total = interrupting.count
    interrupting.count, interrupting.most = 0, total // 2
    assert netlearn.train(tmp_path / "x.cir", out=tmp_path / "part.cir", **settings).interrupted
    assert (tmp_path / "c.npz.search.jsonl").exists()
    interrupting.count, interrupting.most = 0, np.inf
    again = netlearn.train(tmp_path / "x.cir", out=tmp_path / "part.cir", resume=True, **settings)
    assert interrupting.count < 0.8 * total
    assert str(again.netlist) == str(whole.netlist)
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_search_among_other_parts_begins_anew_when_training_is_resumed(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.cir").write_text(NETWORKS["divider"].text())
    kept = {"checkpoint": tmp_path / "c.npz", "optimizer": "lbfgs"}
    steps = tmp_path / "c.npz.search.jsonl"
    interrupting = _Interrupting(monkeypatch)
    interrupting.most = 2000
    assert netlearn.train(
        tmp_path / "x.cir", out=tmp_path / "y.cir", hardware="series=e96 budget=20000", **kept
    ).interrupted
    before = steps.read_text()
    interrupting.count = 0
    other: dict[str, Any] = {"hardware": "series=e96 budget=9000", **kept}
    assert netlearn.train(tmp_path / "x.cir", out=tmp_path / "y.cir", resume=True, **other).interrupted
    first = json.loads(before.splitlines()[0])["search"]
    assert {json.loads(line)["search"] for line in steps.read_text().splitlines()}.isdisjoint({first})
    interrupting.count, interrupting.most = 0, np.inf
    again = netlearn.train(tmp_path / "x.cir", out=tmp_path / "y.cir", resume=True, **other)
    assert not again.interrupted
    assert not steps.exists()
    steps.write_text("notes\n")
    with pytest.raises(OptionError, match=r"search\.jsonl:1 is not a step of this search"):
        KeptSteps(steps, anew=True).opened("x").__enter__()


def test_a_training_without_parts_to_search_for_leaves_the_steps_and_says_so(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.cir").write_text(NETWORKS["divider"].text())
    kept: dict[str, Any] = {"checkpoint": tmp_path / "c.npz", "optimizer": "lbfgs", "out": tmp_path / "y.cir"}
    steps = tmp_path / "c.npz.search.jsonl"
    interrupting = _Interrupting(monkeypatch)
    interrupting.most = 2000
    hardware = "series=e96 budget=20000"
    assert netlearn.train(tmp_path / "x.cir", hardware=hardware, **kept).interrupted
    before = steps.read_text()
    interrupting.count, interrupting.most = 0, np.inf
    with pytest.warns(UserWarning, match=r"search\.jsonl' stays: it has the steps of a search for parts"):
        netlearn.train(tmp_path / "x.cir", **kept)
    assert steps.read_text() == before
    # Given the hardware again, nothing of it is lost.
    netlearn.train(tmp_path / "x.cir", hardware=hardware, **kept)
    assert not steps.exists()


def test_the_command_says_whether_something_is_kept(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.cir").write_text(NETWORKS["divider"].text())
    interrupting = _Interrupting(monkeypatch)
    interrupting.most = 2000
    words = ["round", str(tmp_path / "x.cir"), "--series", "e96", "--budget", "20000"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 130
    assert "nothing is kept of this search; with --journal FILE it goes on" in done.stderr
    interrupting.count = 0
    done = CliRunner().invoke(main, [*words, "--journal", str(tmp_path / "s.jsonl")])
    assert done.exit_code == 130
    assert f"what is done is kept in '{tmp_path / 's.jsonl'}'" in done.stderr


def crossbar_task(rows: int, columns: int, cells: str = ""):
    """A crossbar that is as a random matrix, in E6 values, which it cannot be exactly."""
    rng = np.random.default_rng(0)
    lines = ["crossbar", "*@train R* min=1k max=100k", *(f"V{i} x{i} 0 0" for i in range(rows))]
    lines += [f"R{i}_{j} x{i} y{j} {float(10 ** rng.uniform(3.5, 4.5))!r}" for i in range(rows) for j in range(columns)]
    lines += [f"Rl{j} y{j} 0 1k" for j in range(columns)]
    lines += [cells, "*@fix Rl*", f"*@output {' '.join(f'V(y{j})' for j in range(columns))}", ".end", ""]
    x = rng.uniform(-1, 1, (2 * rows, rows))
    data = {f"V{i}": x[:, i] for i in range(rows)}
    netlist = netlearn.parse("\n".join(lines))
    outputs = netlearn.predict(netlist, data).outputs
    return netlist, data | {f"V(y{j})": outputs[:, j] for j in range(columns)}


@pytest.mark.parametrize("cells", ["", "*@loss mse power=3"])
def test_values_of_linear_circuits_give_the_same_apart_and_together(cells: str, monkeypatch) -> None:
    netlist, data = crossbar_task(4, 3, cells)
    project = open_project(netlist, data)
    theta = project.parameters.initial * np.exp(np.random.default_rng(1).normal(0, 0.2, (6, 12)))
    theta[4, 2] = 0.0
    found = []
    for apart in (10**9, 0):
        monkeypatch.setattr("netlearn.discrete.candidates.APART", apart)
        names = tuple(project.parameters.names)
        candidates = Candidates.of(project.driven, names, project.layout.outputs, task_of(project))
        losses, outputs = candidates.judged(theta)
        found.append((losses, outputs, *candidates.jacobians(theta[:4]), candidates.solved))
    np.testing.assert_array_equal(np.isinf(found[0][0]), np.arange(6) == 4)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-14)


def test_data_that_set_other_numbers_than_sources_leave_circuits_as_they_are(monkeypatch) -> None:
    netlist, data = crossbar_task(3, 2)
    data["Rl0"] = np.linspace(500, 2e3, 6)
    project = open_project(netlist, data)
    names = tuple(project.parameters.names)
    losses = []
    for apart in (10**9, 0):
        monkeypatch.setattr("netlearn.discrete.candidates.APART", apart)
        candidates = Candidates.of(project.driven, names, project.layout.outputs, task_of(project))
        losses.append(candidates.losses(project.parameters.initial[None] * [[1.0], [1.1]]))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)


def test_many_values_are_exchanged_as_the_quadratic_model_promises(monkeypatch) -> None:
    """A table of all exchanges would be 16 GB for 700 parts: here they are many from 100 on."""
    netlist, data = crossbar_task(8, 4)
    losses = []
    for most in (100_000, 100):
        monkeypatch.setattr("netlearn.discrete.search.MOST_MOVES", most)
        found = netlearn.round_values(netlist, data, series="e6", budget=8000)
        assert found.losses[2] < 0.7 * found.losses[1]
        losses.append(found.losses[2])
    assert losses[1] < 1.3 * losses[0]


def test_more_values_than_can_be_searched_for_are_the_nearest_and_said_to_be(monkeypatch) -> None:
    monkeypatch.setattr("netlearn.discrete.search.MOST_PARTS", 20)
    netlist, data = crossbar_task(8, 4)
    found = netlearn.round_values(netlist, data, series="e6")
    np.testing.assert_array_equal(found.after, found.nearest)
    assert found.solved < 1000
    assert not found.searched
    result = netlearn.train(netlist, data, hardware="series=e6", epochs=1)
    assert any("32 are more than the" in note and "nearest" in note for note in result.notes)


def test_parts_that_are_few_are_handed_out_where_there_is_no_search(monkeypatch, tmp_path) -> None:
    """32 values near 10 kΩ of which there are 10: the others are the next ones that are left."""
    monkeypatch.setattr("netlearn.discrete.search.MOST_PARTS", 20)
    netlist, data = crossbar_task(8, 4)
    stock = tmp_path / "stock.csv"
    stock.write_text("value,count\n1k,20\n10k,10\n12k,20\n", encoding="utf-8")
    found = netlearn.round_values(netlist, data, parts=stock)
    values, counts = np.unique(found.after, return_counts=True)
    np.testing.assert_array_equal(values, [1e3, 1e4, 1.2e4][-len(values) :])
    assert counts[-2] == 10
    stock.write_text("value,count\n1k,20\n10k,10\n", encoding="utf-8")
    with pytest.raises(OptionError, match="32 parts are needed, and there are 30"):
        netlearn.round_values(netlist, data, parts=stock)


@pytest.mark.parametrize("counts", ["", ",9"])
def test_budgets_hold_where_exchanges_are_promised(counts: str, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("netlearn.discrete.search.MOST_MOVES", 100)
    netlist, data = crossbar_task(6, 4)
    stock = tmp_path / "stock.csv"
    rows = "".join(f"{value}{counts}\n" for value in ("2.2k", "3.3k", "4.7k", "6.8k", "10k", "15k", "22k", "33k"))
    stock.write_text(f"value{counts and ',count'}\n{rows}", encoding="utf-8")
    for budget in (3000, 5000):
        found = netlearn.round_values(netlist, data, parts=stock, budget=budget)
        assert found.solved <= budget
        assert found.losses[2] <= found.losses[1] or counts


def test_searches_tell_how_far_they_are() -> None:
    netlist, data = crossbar_task(4, 3)
    told: list[tuple[int, int]] = []
    with told_of_search(lambda solved, budget: told.append((solved, budget))):
        found = netlearn.round_values(netlist, data, series="e6", budget=3000)
    assert [solved for solved, _ in told] == sorted(solved for solved, _ in told)
    assert told[-1] == (found.solved, 3000)


def test_values_that_meet_the_goals_lie_by_those_that_were_given() -> None:
    """Only the ratio is asked for: other optima, decades away, are looked for where those nearby do not do."""
    netlist = netlearn.parse("""a divider at corners, too many for all combinations
*@goal {V(out)/V(in)} = 0.4 within=2%
*@corner V1=1,2,3,4,5,6,7,8,9,10,11,12
*@train R1 R2 min=1k max=1meg
V1 in 0 5
R1 in out 15.1k
R2 out 0 10.1k
""")
    found = netlearn.round_values(netlist, series="e96")
    assert found.losses[2] == 0
    assert not found.complete
    assert np.all(np.abs(np.log(found.after / found.before)) < np.log(2.5))
    assert found.solved < 20_000


def test_of_parts_that_are_as_well_centred_the_nearest_to_the_given_are_taken() -> None:
    """All pairs of E24 by the formula of the divider, in steps of a tenth of half a band."""
    netlist = netlearn.parse("""a divider
*@goal V(out) = 0.6 within=0.05
*@train R1 R2 min=1k max=100k
V1 in 0 1
R1 in out 47k
R2 out 0 66k
""")
    found = netlearn.round_values(netlist, series="e24")
    assert found.complete
    values = series_values("e24", 1e3, 1e5)
    r1, r2 = (each.ravel() for each in np.meshgrid(values, values))
    off = np.abs(r2 / (r1 + r2) - 0.6) / 0.05
    moved = np.log(r1 / 47e3) ** 2 + np.log(r2 / 66e3) ** 2
    best = np.lexsort((moved, np.floor(off / 0.1)))[0]
    np.testing.assert_allclose(found.after, [r1[best], r2[best]])
    centred = np.lexsort((moved, off))[0]
    assert moved[best] < moved[centred], "the given values are such that the two are not the same"
