"""How much memory can be had, within the limits that hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netlearn import memory
from netlearn.errors import TooLargeError

LIMITED = """
import resource
from netlearn import memory
free = memory.available()
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 50_000_000, resource.RLIM_INFINITY))
assert 0 < memory.available() <= 50_000_000 < free
"""


def test_available_memory_is_no_more_than_the_machine_has() -> None:
    assert 0 < memory.available() <= memory.installed() + 2**40


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc on this system")
def test_a_limit_of_the_address_space_counts() -> None:
    assert subprocess.run([sys.executable, "-c", LIMITED], check=False).returncode == 0


def test_a_containers_limit_counts_but_not_what_it_would_give_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = "anon 5\nactive_file 300\ninactive_file 40\nslab_reclaimable 2\nslab_unreclaimable 7\n"
    for part, said in (("max", "1000\n"), ("current", "900\n"), ("stat", stat)):
        (tmp_path / f"memory.{part}").write_text(said)
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.available() == 100 + 300 + 40 + 2
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available() > 1000


def test_a_limit_of_the_first_kind_of_groups_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()
    stat = "active_file 1\ninactive_file 1\ntotal_active_file 300\ntotal_inactive_file 40\ntotal_rss 9\n"
    for part, said in (("limit_in_bytes", "1000\n"), ("usage_in_bytes", "900\n"), ("stat", stat)):
        (tmp_path / "memory" / f"memory.{part}").write_text(said)
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.available() == 100 + 300 + 40
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.available() > 1000


def test_what_does_not_fit_is_refused_with_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2_000_000)
    memory.require(2_000_000, "this", "less")
    with pytest.raises(TooLargeError, match="this would take 3 MB of memory, and 2 MB can be had") as caught:
        memory.require(3_000_000, "this", "less")
    assert caught.value.hint == "less"
    assert caught.value.exit_code == 2
