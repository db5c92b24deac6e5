"""Operating points of large linear circuits with probes: only what these read is worked out, all else on demand."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main
from netlearn.solve import linear_states
from netlearn.solve.matrices.cholmod import has_cholmod

pytestmark = pytest.mark.skipif(not has_cholmod(), reason="cvxopt is not installed")

SIDE, SAMPLES = 40, 20
DATA = {"V1": np.linspace(0, 1, SAMPLES), "V2": np.linspace(1, -1, SAMPLES)}
PROBES = ("V(n3_3)", "V(n5_5,n6_6)", "I(V1)")


def lattice(*lines: str) -> str:
    """Resistors between neighbours, driven at two corners, with a load at a third."""
    rng, text = np.random.default_rng(0), ["lattice"]
    for i, j in np.ndindex(SIDE, SIDE):
        beside = [(i + 1, j)] * (i + 1 < SIDE) + [(i, j + 1)] * (j + 1 < SIDE)
        text += [f"R{i}_{j}_{a}_{b} n{i}_{j} n{a}_{b} {rng.uniform(100, 1000):.6g}" for a, b in beside]
    last = SIDE - 1
    return "\n".join([*text, "V1 n0_0 0 1", f"V2 n{last}_{last} 0 0", f"RL n0_{last} 0 1k", *lines, ".end", ""])


def test_what_probes_read_is_what_is_in_all_unknowns() -> None:
    netlist = netlearn.parse(lattice())
    every = netlearn.operating_point(netlist, data=DATA)
    point = netlearn.operating_point(netlist, data=DATA, probes=PROBES)
    assert every.whole
    np.testing.assert_allclose(point.measure(*PROBES), every.measure(*PROBES), rtol=1e-10, atol=1e-14)
    assert not point.whole
    # What was not named is there on demand.
    np.testing.assert_allclose(point.voltage("n7_7"), every.voltage("n7_7"), rtol=1e-10)
    assert repr(point) == repr(every)
    assert not point.whole
    for named in ("I(RL)", "P(RL)", "{V(n3_3)*I(V1)}"):
        np.testing.assert_allclose(point.measure(named), every.measure(named), rtol=1e-9)
    np.testing.assert_allclose(point.x, every.x, rtol=1e-9, atol=1e-14)
    assert np.abs(point.residual().values).max() < 1e-14


def test_one_that_is_sent_has_all_unknowns() -> None:
    point = netlearn.operating_point(netlearn.parse(lattice()), data=DATA, probes=PROBES)
    sent = pickle.loads(pickle.dumps(point))
    assert sent.whole
    np.testing.assert_allclose(sent.measure(*PROBES), point.measure(*PROBES), rtol=1e-10, atol=1e-14)


def test_states_that_do_not_fit_are_not_needed_for_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = netlearn.parse(lattice())
    monkeypatch.setattr(linear_states, "LOOKED_AT", 0)
    monkeypatch.setattr(netlearn.memory, "available", lambda: 24 * (SAMPLES - 2) * SIDE * SIDE)
    with pytest.raises(netlearn.NetlearnError, match="20 samples"):
        netlearn.operating_point(netlist, data=DATA)
    assert netlearn.operating_point(netlist, data=DATA, probes=PROBES).measure(*PROBES).shape == (SAMPLES, len(PROBES))


def test_few_digits_are_told_of_some_samples() -> None:
    with pytest.warns(UserWarning, match="can be trusted"):
        point = netlearn.operating_point(
            netlearn.parse(lattice("Rs n4_4 tiny 1e-9", "Rt tiny 0 1e9")), data=DATA, probes=["V(n4_4,tiny)"]
        )
    assert not point.whole


def test_the_command_prints_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lattice.cir"
    path.write_text(lattice())
    rows = np.column_stack(list(DATA.values())).tolist()
    (tmp_path / "data.csv").write_text("\n".join(["V1,V2", *(f"{a!r},{b!r}" for a, b in rows), ""]))
    words = ["op", str(path), "--data", str(tmp_path / "data.csv"), "--json"]
    some = json.loads(CliRunner().invoke(main, [*words, *PROBES], catch_exceptions=False).stdout)
    every = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert len(some) == SAMPLES
    assert [row["V(n3_3)"] for row in some] == pytest.approx([row["v(n3_3)"] for row in every], rel=1e-10)
    assert [row["I(V1)"] for row in some] == pytest.approx([row["i(v1)"] for row in every], rel=1e-10)
