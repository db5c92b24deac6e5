"""The circuits that a netlist's tolerances allow: random numbers, and the settings of samples that follow from them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import qmc

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.elaboration.columns import AMBIENT
from netlearn.elaboration.design import Design
from netlearn.elaboration.deviations import Loose
from netlearn.errors import OptionError
from netlearn.expressions.chance import Deviate
from netlearn.learn.data import Layout
from netlearn.learn.tolerances import Tolerance, matching
from netlearn.options import Percent


@dataclass(frozen=True, eq=False)
class Variable:
    """A random number: what it is called, and what it belongs to, such as a part or what several have in common.

    Each is one of its own, whatever others are called.
    """

    name: str
    deviate: Deviate
    part: str
    tolerance: float | None = None
    """The tolerance, relative, where it is a part's own and says how tight the part is."""


@dataclass(frozen=True)
class Population:
    """n random numbers, and the m deviations of a circuit's parts that follow from them.

    A part is off by a factor 1 + ``mixing`` v, or by ``mixing`` v, and at T kelvin above the nominal temperature by a
    factor 1 + T ``warming`` v more; ``mixing`` and ``warming`` are (m, n). ``design`` is ready for samples that set
    this before what else they set, ``sources`` are driven by the data: their columns are off instead.
    """

    design: Design
    parts: tuple[Loose, ...]
    variables: tuple[Variable, ...]
    mixing: Array
    warming: Array
    sources: tuple[int, ...] = ()
    """For each of the last parts the column of the data that it is."""
    temperature: int | None = None
    """The column that sets the temperature, in °C."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the random numbers are called."""
        return tuple(variable.name for variable in self.variables)

    @property
    def reach(self) -> Array:
        """(n,) what counts as the end of each random number's distribution."""
        return np.array([variable.deviate.reach for variable in self.variables])

    @property
    def deviations(self) -> Array:
        """(n,) standard deviations."""
        return np.array([variable.deviate.deviation for variable in self.variables])

    def draw(self, count: int, seed: int) -> Array:
        """(count, n) independent draws."""
        rng = np.random.default_rng([seed, 7])
        return np.stack([variable.deviate.draw(rng, count) for variable in self.variables], axis=1)

    def spread(self, count: int, seed: int) -> Array:
        """(count, n) draws that fill the distributions more evenly than independent ones (Sobol's, scrambled)."""
        with warnings.catch_warnings():
            # Counts that are no powers of two are a little less even.
            warnings.simplefilter("ignore", UserWarning)
            u = qmc.Sobol(len(self.variables), seed=np.random.default_rng([seed, 8])).random(count)
        inside = np.clip(u, 1e-9, 1 - 1e-9)
        return np.stack([v.deviate.quantile(inside[:, k]) for k, v in enumerate(self.variables)], axis=1)

    def rows(self, v: Array, inputs: Array) -> Array:
        """What samples set, (D·S, m' + p), at every draw of ``v`` (D, n) for each of ``inputs`` (S, p)."""
        draws, samples = len(v), len(inputs)
        factors = self._settings(np.repeat(v, samples, axis=0), np.tile(self.warmth(inputs), draws))
        given = np.tile(inputs, (draws, 1))
        own = len(self.parts) - len(self.sources)
        for k, column in enumerate(self.sources):
            change = factors[:, own + k]
            given[:, column] = given[:, column] * change if self.parts[own + k].relative else given[:, column] + change
        drawing = np.ones((len(given), int(any(part.drawn for part in self.parts))))
        return np.concatenate([factors[:, :own], drawing, given], axis=1)

    def pullback(self, v: Array, inputs: Array, slopes: Array) -> Array:
        """Derivatives (R, n) by the random numbers ``v`` (R, n), one for each row of ``inputs`` (R, p).

        ``slopes`` (R, m' + p) are derivatives by what the rows set.
        """
        own = len(self.parts) - len(self.sources)
        first = slopes.shape[1] - inputs.shape[1]
        by_parts = np.zeros((len(v), len(self.parts)))
        by_parts[:, :own] = slopes[:, :own]
        for k, column in enumerate(self.sources):
            scale = inputs[:, column] if self.parts[own + k].relative else 1.0
            by_parts[:, own + k] = slopes[:, first + column] * scale
        warmth = self.warmth(inputs)[:, None]
        factor, warm = 1.0 + v @ self.mixing.T, 1.0 + warmth * (v @ self.warming.T)
        relative = np.array([part.relative for part in self.parts])
        return np.asarray(
            (by_parts * np.where(relative, warm, 1.0)) @ self.mixing + warmth * ((by_parts * factor) @ self.warming)
        )

    def warmth(self, inputs: Array) -> Array:
        """(S,) kelvin above the nominal temperature."""
        environment = self.design.circuit.environment
        nominal = float(environment.nominal_temperature) - ZERO_CELSIUS
        if self.temperature is not None:
            return np.asarray(inputs[:, self.temperature] - nominal)
        return np.full(len(inputs), float(environment.temperature) - ZERO_CELSIUS - nominal)

    def _settings(self, v: Array, warmth: Array) -> Array:
        relative = np.array([part.relative for part in self.parts])
        plain = relative + v @ self.mixing.T
        if not self.warming.any():
            return np.asarray(plain)
        return np.asarray(plain * (1.0 + warmth[:, None] * (v @ self.warming.T)))


@dataclass
class _Builder:
    """Parts and random numbers, as they come."""

    parts: dict[object, Loose] = field(default_factory=dict)
    mixed: dict[object, list[tuple[Variable, float, float]]] = field(default_factory=dict)
    shared: dict[str, Variable] = field(default_factory=dict)

    def put(self, part: Loose, terms: Sequence[tuple[Variable, float, float]]) -> None:
        """Let a part be off by the sum of random numbers times amounts, and by others per kelvin."""
        self.parts[part.key], self.mixed[part.key] = part, list(terms)


def population_of(design: Design, layout: Layout, tolerances: Sequence[Tolerance]) -> Population:
    """What the netlist and ``*@tolerance`` say; of the same part, a later line counts.

    Raises OptionError for a tolerance of what has none, and where there is none at all.
    """
    builder = _Builder()
    for part, spread in design.spreading():
        name = part.name
        if spread.shared:
            name = f"common to {spread.shared.rpartition('/')[2].split(' ')[-1]} ({part.value})"
        known = builder.shared.get(spread.shared) if spread.shared else None
        own = spread.amount * spread.deviate.reach if spread.relative and not spread.shared else 0.0
        variable = known or Variable(name, spread.deviate, name, own or None)
        if spread.shared:
            builder.shared[spread.shared] = variable
        former = builder.mixed.get(part.key, [])
        # DEV and LOT of one value add up.
        builder.put(part, [*former, (variable, spread.amount, 0.0)])
    common: dict[tuple[int, str], Variable] = {}
    for tolerance, pattern, place in matching(tolerances):
        try:
            found = design.deviations.matched(pattern, tolerance.relative)
        except OptionError as error:
            raise OptionError(error.message, place, error.hint) from None
        number = next(k for k, each in enumerate(tolerances) if each is tolerance)
        for part in found:
            builder.put(part, _terms(tolerance, number, part, common))
    for part, drawn in design.drawn():
        builder.put(part, [(Variable(part.name, drawn.deviate, part.name), 1.0, 0.0)])
    if not builder.parts:
        hint = "write '*@tolerance R* 1%', or tol=1% on the lines of resistors"
        raise OptionError("nothing has a tolerance", hint=hint)
    return _made(design, layout, builder)


def _terms(
    tolerance: Tolerance, number: int, part: Loose, common: dict[tuple[int, str], Variable]
) -> Sequence[tuple[Variable, float, float]]:
    """What of random numbers adds up to a part's deviation; ``number`` tells its line from others."""
    deviate = Deviate()
    if tolerance.distribution == "normal":
        deviate = Deviate("normal", 1.0 / tolerance.sigma, 1.0)
    amount = float(tolerance.amount)
    own = amount if tolerance.relative and amount else None
    if tolerance.track is None:
        terms = [(Variable(part.name, deviate, part.name, own), amount, 0.0)]
        if tolerance.tempco:
            terms.append((Variable(f"tempco of {part.name}", deviate, part.name), 0.0, float(tolerance.tempco)))
        return terms
    words = " ".join(tolerance.patterns)
    shared = common.setdefault((number, "value"), Variable(f"common to {words}", deviate, f"common to {words}"))
    track = float(tolerance.track)
    terms = [(shared, amount - track, 0.0), (Variable(part.name, deviate, part.name), track, 0.0)]
    if tolerance.tempco:
        warm = common.setdefault((number, "tempco"), Variable(f"tempco of {words}", deviate, f"common to {words}"))
        terms.append((warm, 0.0, float(tolerance.tempco)))
    return terms


def _made(design: Design, layout: Layout, builder: _Builder) -> Population:
    driven = {place: j for j, place in enumerate(design.inputs) if isinstance(place, tuple)}
    parts = list(builder.parts.values())
    own = [part for part in parts if not _drives(part, driven)]
    of_data = [part for part in parts if _drives(part, driven)]
    ordered = [*own, *of_data]
    numbers: dict[Variable, int] = {}
    for part in ordered:
        for variable, _, _ in builder.mixed[part.key]:
            numbers.setdefault(variable, len(numbers))
    mixing, warming = np.zeros((2, len(ordered), len(numbers)))
    for i, part in enumerate(ordered):
        for variable, amount, per_kelvin in builder.mixed[part.key]:
            mixing[i, numbers[variable]] += amount
            warming[i, numbers[variable]] += per_kelvin
    names = [name.lower() for name in layout.driven]
    return Population(
        design.loose(own),
        tuple(ordered),
        tuple(numbers),
        mixing,
        warming,
        tuple(driven[part.element] for part in of_data if part.element is not None),
        names.index(AMBIENT) if AMBIENT in names else None,
    )


def _drives(part: Loose, driven: Mapping[tuple[int, int], int]) -> bool:
    """Whether a part is a source whose value the data give."""
    return part.value == "dc" and part.element in driven


def tightened(population: Population, tolerances: Mapping[str, float]) -> Population:
    """The same with other tolerances, relative, of some parts."""
    factors = np.ones(len(population.variables))
    variables = list(population.variables)
    for k, variable in enumerate(variables):
        if variable.tolerance is not None and variable.part in tolerances:
            wanted = tolerances[variable.part]
            factors[k] = wanted / variable.tolerance
            variables[k] = Variable(variable.name, variable.deviate, variable.part, Percent(wanted))
    return Population(
        population.design,
        population.parts,
        tuple(variables),
        population.mixing * factors,
        population.warming,
        population.sources,
        population.temperature,
    )
