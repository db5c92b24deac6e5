"""The scripts of examples/ run, and say what they are there to show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_block_solvers_find_the_same_operating_points_and_train() -> None:
    command = [sys.executable, str(EXAMPLES / "block_solvers.py"), "--width", "16", "--epochs", "3"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True).stdout
    apart = [float(volts) for volts in re.findall(r"voltages (\S+) V apart", said)]
    assert len(apart) == 2
    assert max(apart) < 1e-12
    first, last = map(float, re.findall(r"loss (\S+) -> ([\d.]+)", said)[0])
    assert last < first
