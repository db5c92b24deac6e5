"""Progress bars: tqdm's own, which know notebooks."""

from __future__ import annotations

import netlearn
from netlearn.bars import run_callback, step_callback
from netlearn.discrete.told import told_of_search

DATA = {"V1": [1.0, 2.0], "V(b)": [0.25, 0.5]}
NETLIST = netlearn.parse("* t\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n")


def test_a_bar_counts_epochs_and_runs(capsys):
    netlearn.train(NETLIST, DATA, epochs=7, progress=True)
    assert "7/7" in capsys.readouterr().err
    netlearn.sweep(NETLIST, DATA, vary={"optimizer.lr": [0.1, 0.2]}, epochs=1, progress=True, processes=1)
    assert "2/2" in capsys.readouterr().err
    netlearn.compare(NETLIST, DATA, rules=["analytic"], epochs=1, progress=True, processes=1)
    assert "1/1" in capsys.readouterr().err


def test_a_bar_counts_the_operating_points_of_a_search(capsys):
    told = []
    with told_of_search(lambda solved, budget: told.append((solved, budget))):
        netlearn.train(NETLIST, DATA, epochs=3, hardware="series=E12", progress=True)
        solved, budget = told[-1]
        drawn = capsys.readouterr().err
        netlearn.train(NETLIST, DATA, epochs=3, hardware="series=E12", progress=lambda _: None)
    assert "3/3" in drawn
    assert "searching for parts" in drawn
    assert f"{solved}/{budget}" in drawn
    assert capsys.readouterr().err == ""


def test_a_search_by_itself_is_told_and_drawn(capsys):
    told = []
    found = netlearn.round_values(NETLIST, DATA, series="e12", progress=lambda *said: told.append(said))
    assert told[-1] == (found.solved, 400_000)
    assert capsys.readouterr().err == ""
    again = netlearn.round_values(NETLIST, DATA, series="e12", progress=True)
    drawn = capsys.readouterr().err
    assert "searching for parts" in drawn
    assert f"{again.solved}/400000" in drawn
    netlearn.round_values(NETLIST, DATA, series="e12")
    assert capsys.readouterr().err == ""


def test_callbacks_are_told_and_nothing_is_drawn(capsys):
    seen = []
    netlearn.train(
        NETLIST, DATA, epochs=2, progress=[lambda said: seen.append(said.epoch), lambda said: seen.append(-1)]
    )
    assert seen[::2]
    assert set(seen[1::2]) == {-1}
    with step_callback(None) as first, step_callback(False) as second, run_callback(None) as third:
        assert (first, second, third) == (None, None, None)
    assert capsys.readouterr().err == ""
