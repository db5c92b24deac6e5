"""The fixture that other tests trust must itself be right."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.ngspice

DIVIDER = "divider\nv1 in 0 dc 3\nr1 in out 2k\nr2 out 0 1k\n.end\n"


def test_operating_point_of_a_divider(ngspice):
    vectors = ngspice.run(DIVIDER)
    assert vectors == pytest.approx({"v(in)": 3, "v(out)": 1, "i(v1)": -1e-3}, rel=1e-12)


def test_many_decks_keep_their_order_and_probes_of_devices_are_saved(ngspice):
    decks = [DIVIDER.replace("dc 3", f"dc {v}") for v in (1, 2, 5)]
    results = ngspice.run_many(decks, probes=["@r1[i]"])
    np.testing.assert_allclose([r["v(out)"] for r in results], np.array([1, 2, 5]) / 3, rtol=1e-12)
    assert results[2]["i(@r1[i])"] == pytest.approx(5 / 3000)


def test_sensitivities(ngspice):
    vectors = ngspice.run(DIVIDER, analysis="sens v(out)")
    # d/dR1 of 3 R2 / (R1 + R2)
    assert vectors["v(r1)"] == pytest.approx(-3 * 1e3 / 3e3**2, rel=1e-6)


def test_a_refused_deck_fails_the_test(ngspice):
    with pytest.raises(pytest.fail.Exception, match="refused"):
        ngspice.run("bad\nv1 in 0 dc 3\nr1 in out nonsense_model q\n.end\n")


@pytest.mark.parametrize(("ci", "code", "word"), [("true", 1, "1 error"), ("", 0, "1 skipped")])
def test_a_missing_ngspice_fails_in_continuous_integration_only(ci, code, word):
    test = f"{Path(__file__)}::test_operating_point_of_a_divider"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "CI": ci, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code
    assert word in done.stdout
    assert "sudo apt-get install ngspice libngspice0" in done.stdout
