"""Options that would not count beside others are refused by name, before anything is read or written."""

from __future__ import annotations

import pytest

import netlearn
from netlearn.errors import OptionError

CHIP = "command:python chip.py"
REFUSED = [
    *[("export", "--to", form, "--flat") for form in ("csv", "json", "graphml", "matrix")],
    *[("export", "--to", form, "--samples", "3") for form in ("csv", "matrix")],
    *[("export", "--to", form, "--hardware", "series=e24") for form in ("csv", "json", "ngspice")],
    ("export", "--to", "csv", "--corner", "temp=1"),
    ("export", "--to", "json", "--output", "V(a)"),
    ("export", "--to", "ngspice", "--train", "R*"),
    ("export", "--to", "graphml", "--data", "x.csv"),
    *[("op", name, "3") for name in ("--timeout", "--processes")],
    *[("eval", name, "3") for name in ("--timeout", "--processes", "--retries")],
    *[("train", "--forward", "ngspice", name, value) for name, value in (("--solver", "jacobi"), ("--retries", "1"))],
    *[("train", "--forward", CHIP, name, value) for name, value in (("--sweeps", "7"), ("--processes", "2"))],
    *[(name, "--forward", "ngspice", "--threads", "2") for name in ("op", "eval")],
    ("predict", "--data", "x.csv", "--forward", CHIP, "--threads", "2"),
    ("train", "--draws", "40"),
    ("op", "V(a)", "--csv", "--residual"),
    ("eval", "--seed", "3"),
    ("eval", "--train", "R*"),
    ("eval", "--csv", "--errors"),
    ("eval", "--csv", "--residual"),
    ("sens", "V(a)", "--tolerance", "1"),
    ("sens", "V(a)", "--timeout", "1"),
    ("sens", "V(a)", "--flat"),
    ("predict", "--data", "x.csv", "-o", "a.npz", "--csv"),
    ("tolerance", "--prices", "1%=1"),
    ("tolerance", "--relative", "1"),
    ("tolerance", "--for-yield", "0.9", "--csv"),
    ("influence", "--top", "3", "--csv"),
    ("sweep", "--vary", "seed=1", "--scatter", "3"),
    ("compare", "--rules", "ep", "--local-cluster", "2", "--processes", "2"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_an_option_that_would_not_count_is_refused_by_name(words, run, divider):
    before = sorted(divider.parent.iterdir())
    result = run(words[0], divider, *words[1:])
    assert result.exit_code == 2
    named = [word for word in words if word.startswith("--")]
    assert any(f"error: {name} has no effect" in result.stderr for name in named), result.stderr
    assert "help: " in result.stderr
    if words[0] == "export":
        assert f"'{words[2]}'" in result.stderr
    assert sorted(divider.parent.iterdir()) == before


@pytest.mark.parametrize("command", ["op", "eval", "sens", "predict", "tolerance", "influence", "compare"])
def test_two_formats_are_one_too_many(command, run, divider):
    more = {"sens": ["V(a)"], "predict": ["--data", "x.csv"], "compare": ["--rules", "ep"]}.get(command, [])
    result = run(command, divider, *more, "--json", "--csv")
    assert result.exit_code == 2
    assert "--json and --csv are two formats of the same" in result.stderr


def test_forms_and_solvers_say_so_in_python_too(divider):
    with pytest.raises(OptionError, match="the form 'csv' takes no 'samples'"):
        netlearn.export(divider, "csv", samples=3)
    with pytest.raises(OptionError, match="the form 'ngspice' takes no 'hardware'"):
        netlearn.export(divider, "ngspice", hardware="series=e24")
    with pytest.raises(OptionError, match="'sweeps' is about the internal solver"):
        netlearn.train(divider, forward="ngspice", sweeps=4)


def test_parts_of_something_are_read_in_per_cent(run, divider):
    """Each as the number that it is; what is out of its limits is told with what was meant."""
    divider.with_name("goals.cir").write_text("t\nV1 in 0 1\nR1 in out 1k\nR2 out 0 2k\n.end\n")
    drawn = ("--tolerance", "R* 1%", "--goal", "V(out) min=-9 max=9", "--draws", "64", "--json")
    goals = divider.with_name("goals.cir")
    both = [run("tolerance", goals, *drawn, "--for-yield", wanted).stdout for wanted in ("99%", "0.99")]
    assert both[0] == both[1]
    assert both[0]
    assert run("train", divider, "--validation", "34%", "--epochs", "1", "-q").exit_code == 0
    assert run("check", divider, "--tolerance", "x%").exit_code == 2
    for words, said in {
        ("tolerance", "--for-yield", "99"): "'99' is not above 0 and below 1; for 99 % write 99%.",
        ("tolerance", "--for-yield", "100%"): "'100%' is not above 0 and below 1.",
        ("check", "--tolerance", "-1%"): "'-1%' is not at least 0.",
        ("compare", "--rules", "ep", "--fractions", "50%,x"): "'x' is not a part of something, such as 0.01 or 1%.",
        ("calibrate", "--measured", "d.csv", "--prior", "nan"): "'nan' is not a part of something",
        ("new", "lattice", "--resistance", "5%"): "'5%' is not a number, such as 1e4 or 10k.",
        ("new", "lattice", "--resistance", "x"): "'x' is not a number, such as 1e4 or 10k.",
    }.items():
        at = 2 if words[0] == "new" else 1
        result = run(*words[:at], divider, *words[at:])
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.split()), result.stderr


def test_quiet_leaves_what_was_asked_for_and_drops_warnings(run, divider):
    divider.write_text(divider.read_text().replace(".end", ".alter\n.end"))
    loud, still = (run("eval", divider, "--json", *words) for words in ((), ("-q",)))
    assert "warning" in loud.stderr
    assert (still.exit_code, still.stderr) == (0, "")
    assert still.stdout == loud.stdout
    assert still.stdout.startswith("{")
