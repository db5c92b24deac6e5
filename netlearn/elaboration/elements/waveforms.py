"""What a source's waveform is at time zero, which is its value at the operating point where no DC value is given.

The formulas are those of ngspice's manual ("Independent Sources for Voltage or Current"), in a transient that
has neither a step nor an end: what stands for these by default is zero at an operating point.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from netlearn.elaboration.element_line import ElementLine
from netlearn.expressions.expression import Expression, parse_expression
from netlearn.netlist.statements import Word

# What comes first where an argument is left out, and what a zero stands for in ngspice.
_SINE = parse_expression("vo+va*sin(2*pi*freq*t+phase*pi/180)*exp(-t*theta)")
_SINE_AT_REST = parse_expression("vo+va*sin(phase*pi/180)")
_RISING = parse_expression("v1+(v2-v1)*t/tr")
_FALLING = parse_expression("v2+(v1-v2)*(t-tr-pw)/tf")
_FIRST_EXPONENTIAL = parse_expression("v1+(v2-v1)*(1-exp(-(t-td1)/tau1))")
_BOTH_EXPONENTIALS = parse_expression("v1+(v2-v1)*(1-exp(-(t-td1)/tau1))+(v1-v2)*(1-exp(-(t-td2)/tau2))")
_FREQUENCY_MODULATED = parse_expression("vo+va*sin(phasec*pi/180+mdi*sin(phases*pi/180))")
# ngspice gives the carrier the signal's phase.
_AMPLITUDE_MODULATED = parse_expression("va*(vo+sin(2*pi*mf*t+phases*pi/180))*sin(2*pi*fc*t+phases*pi/180)")
_BETWEEN = parse_expression("y0+(y1-y0)*(t-x0)/(x1-x0)")


def value_at_start(
    line: ElementLine, kind: str, arguments: Sequence[Word], options: Mapping[str, Word], place: Word
) -> int:
    """The quantity of a waveform with these arguments at time zero.

    ``options`` are ``td`` and ``r`` of PWL. Raises NetlistError for an unknown waveform or too few numbers.
    """
    least, most, value = WAVEFORMS[kind]
    if not least <= len(arguments) <= most or (kind == "pwl" and len(arguments) % 2):
        needs = f"{least} to {most} numbers" if most < _ENDLESS else "pairs of times and values"
        raise line.error(f"the waveform {kind.upper()} takes {needs}, not {len(arguments)}", place)
    return value(_Arguments(line, arguments, options))


class _Arguments:
    """The arguments of one waveform as quantities."""

    def __init__(self, line: ElementLine, words: Sequence[Word], options: Mapping[str, Word]) -> None:
        self._line = line
        self._quantities = [line.quantity(word) for word in words]
        self._options = options

    def __len__(self) -> int:
        return len(self._quantities)

    def __getitem__(self, at: int) -> int:
        """The quantity of an argument; of one that is left out, zero."""
        return self._quantities[at] if at < len(self) else self.constant(0.0)

    def value(self, at: int) -> float:
        return self._line.graph.value(self[at])

    def option(self, name: str) -> float:
        word = self._options.get(name)
        return 0.0 if word is None else self._line.graph.value(self._line.quantity(word))

    def has_option(self, name: str) -> bool:
        return name in self._options

    def constant(self, value: float) -> int:
        return self._line.graph.constant(value)

    def formula(self, expression: Expression, **quantities: int) -> int:
        return self._line.formula(expression, {"pi": self.constant(3.141592653589793), **quantities})


def _sine(given: _Arguments) -> int:
    """``SIN(vo va freq td theta phase)``."""
    vo, va, phase = given[0], given[1], given[5]
    if given.value(3) >= 0:
        # The plain number where it can be: it may be looked up, set and trained.
        return vo if given.value(5) == 0 else given.formula(_SINE_AT_REST, vo=vo, va=va, phase=phase)
    time = given.constant(-given.value(3))
    return given.formula(_SINE, vo=vo, va=va, freq=given[2], t=time, theta=given[4], phase=phase)


def _pulse(given: _Arguments) -> int:
    """``PULSE(v1 v2 td tr tf pw per np)``."""
    time, rise, fall, width, period = (given.value(k) for k in (2, 3, 4, 5, 6))
    time = -time
    if period > 0:
        time = time % period if time > period else time
    elif width == 0:
        # Neither ends a pulse that has begun; ngspice finds no operating point then.
        width = float("inf")
    if time <= 0 or time >= rise + width + fall:
        return given[0]
    quantities = {"v1": given[0], "v2": given[1], "t": given.constant(time), "tr": given[3]}
    if time < rise:
        return given.formula(_RISING, **quantities)
    if time <= rise + width:
        return given[1]
    return given.formula(_FALLING, **quantities, pw=given[5], tf=given[4])


def _exponential(given: _Arguments) -> int:
    """``EXP(v1 v2 td1 tau1 td2 tau2)``."""
    rising, falling = given.value(2), given.value(4) if len(given) > 4 else given.value(2)
    if rising >= 0:
        return given[0]
    quantities = {"v1": given[0], "v2": given[1], "t": given.constant(0.0), "td1": given[2], "tau1": given[3]}
    if falling >= 0:
        return given.formula(_FIRST_EXPONENTIAL, **quantities)
    second = given[4] if len(given) > 4 else given[2]
    return given.formula(_BOTH_EXPONENTIALS, **quantities, td2=second, tau2=given[5])


def _frequency_modulated(given: _Arguments) -> int:
    """``SFFM(vo va fc mdi fs phasec phases)``."""
    if given.value(5) == 0 and given.value(6) == 0:
        return given[0]
    names = {"vo": given[0], "va": given[1], "mdi": given[3], "phasec": given[5], "phases": given[6]}
    return given.formula(_FREQUENCY_MODULATED, **names)


def _amplitude_modulated(given: _Arguments) -> int:
    """``AM(va vo mf fc td phasec phases)``."""
    if given.value(4) >= 0:
        return given.constant(0.0)
    names = {"va": given[0], "vo": given[1], "mf": given[2], "fc": given[3], "phases": given[6]}
    return given.formula(_AMPLITUDE_MODULATED, **names, t=given.constant(-given.value(4)))


def _straight_lines(given: _Arguments) -> int:
    """``PWL(t1 v1 t2 v2 ...) [td=...] [r=...]``, which from r on repeats itself."""
    times = [given.value(k) for k in range(0, len(given), 2)]
    time = -given.option("td")
    if given.has_option("r") and given.option("r") >= 0:
        start, end = given.option("r"), times[-1]
        if time > end > start:
            time = start + (time - start) % (end - start)
    after = bisect_right(times, time)
    if after == 0 or after == len(times) or times[after - 1] == time:
        return given[2 * max(after - 1, 0) + 1]
    x0, y0, x1, y1 = (given[2 * after - 2 + k] for k in range(4))
    return given.formula(_BETWEEN, t=given.constant(time), x0=x0, y0=y0, x1=x1, y1=y1)


def _nothing(given: _Arguments) -> int:
    """Noise, which has not begun at an operating point."""
    return given.constant(0.0)


_ENDLESS = 10**9
"""Repetitions that stand for any number."""
WAVEFORMS: Mapping[str, tuple[int, int, Callable[[_Arguments], int]]] = {
    "sin": (2, 7, _sine),
    "sine": (2, 7, _sine),
    "pulse": (2, 8, _pulse),
    "exp": (2, 6, _exponential),
    "sffm": (2, 7, _frequency_modulated),
    "am": (2, 7, _amplitude_modulated),
    "pwl": (2, _ENDLESS, _straight_lines),
    "trnoise": (1, 7, _nothing),
    "trrandom": (1, 5, _nothing),
}
"""By name: how many numbers there may be (LTspice's number of cycles among them), and the value at time zero."""
