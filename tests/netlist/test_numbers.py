"""SPICE numbers against ngspice and against Python."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.netlist.numbers import format_number, parse_number

AS_NGSPICE = """
1 +5 5. .5 1k 1K 2.5kOhm 1meg 1MEG 3m 3mA 100mil 2.2u 2.2uF 4n 5p 6f 7g 8t 9T 1e3 1E3 1e-3 1e+3 1d3 1e3k 1e-3meg
12Ohm 1V 0.001k 123456789.123 1.e2 1e 1µ 33r 1kk 000.5 1.5e
""".split()  # noqa: SIM905


@pytest.mark.ngspice
def test_numbers_are_read_as_ngspice_reads_them(ngspice: Any) -> None:
    # A current of the number through 1 ohm is a voltage of that number.
    lines = [f"I{i} 0 n{i} {word}\nR{i} n{i} 0 1" for i, word in enumerate(AS_NGSPICE)]
    voltages = ngspice.run("numbers\n" + "\n".join(lines) + "\n.end\n")
    for i, word in enumerate(AS_NGSPICE):
        assert parse_number(word) == pytest.approx(voltages[f"v(n{i})"], rel=1e-6), word


@pytest.mark.ngspice
def test_random_numbers_are_read_as_ngspice_reads_them(ngspice: Any) -> None:
    random = Random(0)

    def digits(most: int) -> str:
        return "".join(random.choices("0123456789", k=random.randint(1, most)))

    words = []
    for _ in range(300):
        mantissa = random.choice(["", "+", "-"]) + random.choice(
            [digits(7), f"{digits(4)}.{digits(6)}", f".{digits(5)}"]
        )
        exponent = random.choice(
            ["", "", f"{random.choice('eE')}{random.choice(['', '+', '-'])}{random.randint(0, 6)}"]
        )
        suffix = random.choice(["", "t", "G", "meg", "MEG", "k", "K", "m", "u", "n", "p", "f", "mil"])
        words.append(mantissa + exponent + suffix + random.choice(["", "", "hz", "Ohm", "V"]))
    lines = [f"I{i} 0 n{i} {word}\nR{i} n{i} 0 1" for i, word in enumerate(words)]
    voltages = ngspice.run("numbers\n" + "\n".join(lines) + "\n.end\n")
    for i, word in enumerate(words):
        assert parse_number(word) == pytest.approx(voltages[f"v(n{i})"], rel=1e-6, abs=1e-30), word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4k7", 4700.0),
        ("4R7", 4.7),
        ("1meg5", 1.5e6),
        ("4.7k", 4700.0),
        ("0.1m", 1e-4),
        ("1mil", 25.4e-6),
        ("1e400", math.inf),
        ("1e-400", 0.0),
        ("1e99999999999999", math.inf),
        ("1e-99999999999999mil", 0.0),
        ("-3e2k", -3e5),
    ],
)
def test_a_number_is_the_nearest_float(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "k", "1.2.3", "1k2k", "--1", "1 k", "1e+k", "0x10", "1_000", "{1}", "1k\n", "٣", "1,2", "inf", "nan", "."],
)
def test_what_is_not_a_number_is_none(text: str) -> None:
    assert parse_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_a_written_number_reads_back_to_the_same_float(value: float) -> None:
    text = format_number(value)
    assert parse_number(text) == value
    assert math.copysign(1.0, parse_number(text) or value) == math.copysign(1.0, value)
    # No shorter decimal mantissa does it.
    digits = len(text.lstrip("-").split("e")[0].replace(".", "").strip("0"))
    assert digits <= 1 or float(f"%.{digits - 2}e" % value) != value


@given(
    st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{0,6})?(e[+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["", "t", "G", "meg", "MEG", "k", "m", "u", "n", "p", "f"]),
    st.sampled_from(["", "ohm", "F", "V", "hz"]),
)
@settings(deadline=None)
def test_suffixes_scale_and_units_do_not(mantissa: str, suffix: str, unit: str) -> None:
    powers = {"": 0, "t": 12, "g": 9, "meg": 6, "k": 3, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
    if not suffix and unit == "F":
        unit = ""  # 1F is a femto
    value = parse_number(mantissa + suffix + unit)
    assert value is not None
    assert value == pytest.approx(float(mantissa) * 10.0 ** powers[suffix.lower()], rel=1e-14)
