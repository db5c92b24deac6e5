"""Every device's terminal currents against ngspice, over bias regions and temperatures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

TEMPERATURES = (-40.0, 27.0, 125.0)


def over(kind, models, bias, elements=({},), celsius=TEMPERATURES):
    return [
        (kind, model, volts, element, temperature)
        for model, volts, element, temperature in itertools.product(models, bias, elements, celsius)
    ]


DIODES = [
    {},
    {"is": 3e-9, "n": 1.8, "eg": 0.69, "xti": 2.0, "tnom": 40.0},
    {"is": 1e-12, "rs": 12.0, "trs1": 2e-3, "trs2": 1e-5, "n": 1.3},
    {"bv": 5.0},
    {"bv": 6.2, "ibv": 5e-3, "n": 1.2, "nbv": 1.7, "tcv": 2e-4, "rs": 3.0},
    {"bv": 4.0, "ibv": 1e-9, "is": 1e-9, "tlev": 1, "tcv": 1e-4},
    {"tlev": 1, "xti": 3.5, "tnom": 50.0},
    {"eg": 0.8, "n": 1.4},
    {"jsw": 1e-12, "n": 1.1, "bv": 5.0},
    {"jsw": 1e-12, "ns": 1.5, "bv": 5.0},
    {"ikf": 1e-3, "ikr": 1e-10, "is": 1e-13},
    {"isr": 1e-11, "nr": 2.2, "vj": 0.8, "m": 0.4},
    {"isr": 1e-11, "nr": 2.0, "tlevc": 1, "tpb": 1e-3, "tnom": 50.0, "tm1": 1e-3, "bv": 5.0},
    {"jtun": 1e-9, "ntun": 20.0, "jtunsw": 1e-10, "keg": 0.9, "xtitun": 2.5},
    {"area": 3.0, "pj": 2.0, "jsw": 1e-13},
    {"is": 0.0},
]
DIODE_BIAS = [(0.75, 0.0), (0.2, -0.1), (0.0, 0.05), (0.0, 0.4), (-3.0, 0.5), (-3.0, 3.1), (0.0, 7.0)]


def diodes():
    cases = over("d", DIODES, DIODE_BIAS)
    cases += over(
        "d",
        DIODES[1:9:3],
        DIODE_BIAS,
        ({"area": 2.5, "m": 3.0, "pj": 4.0}, {"temp": 80.0}, {"dtemp": 15.0}),
        (27.0, 60.0),
    )
    return cases


MOSFETS = [
    {},
    {"vto": 0.7, "kp": 1e-4, "gamma": 0.5, "phi": 0.7, "lambda": 0.05},
    {"vto": 0.5, "kp": 2e-4, "rd": 50.0, "rs": 30.0, "lambda": 0.02, "gamma": 0.3},
    {"vto": 0.5, "rsh": 25.0, "kp": 3e-4, "tnom": 60.0},
    {"tox": 2e-8, "nsub": 1e16, "lambda": 0.01},
    {"tox": 1e-8, "nsub": 3e15, "uo": 450.0, "nss": 1e10, "tpg": -1},
    {"tox": 1e-8, "nsub": 3e15, "tpg": 0, "gamma": 0.2, "ld": 1e-7},
    {"js": 1e-6, "vto": 0.6},
    {"is": 1e-12, "vto": 0.6, "tox": 5e-8},
]
MOSFET_BIAS = [  # drain, gate, source, bulk
    (3.0, 0.2, 0.0, 0.0),
    (3.0, 2.0, 0.0, 0.0),
    (0.3, 2.5, 0.0, -1.0),
    (0.0, 2.5, 1.0, -0.5),
    (-2.0, 1.5, 0.0, -3.0),
    (1.0, 2.0, 0.5, 0.7),
    (0.1, 2.0, 0.0, 0.4),
]
LEVEL_2 = [
    {},
    {"vto": 0.7, "kp": 1e-4, "gamma": 0.5, "phi": 0.7, "lambda": 0.05},
    {"tox": 2e-8, "nsub": 1e16},
    {"tox": 2e-8, "nsub": 1e16, "xj": 3e-7, "ld": 1e-7, "delta": 1.5},
    {"tox": 2e-8, "nsub": 1e16, "nfs": 1e11, "xj": 3e-7, "ld": 2e-7},
    {"tox": 2e-8, "nsub": 1e16, "uo": 500.0, "ucrit": 2e4, "uexp": 0.2},
    {"vto": 0.8, "tox": 4e-8, "nsub": 2e15, "tpg": 0, "nss": 1e10, "rd": 50.0, "rs": 20.0, "js": 1e-6},
    {"vto": 0.5, "nfs": 1e12, "gamma": 0.3},
    {"vto": 0.5, "rsh": 25.0, "tnom": 60.0},
    {"tox": 2e-8, "nsub": 1e14, "xj": 1e-7, "pb": 0.9},
]
LEVEL_2_VELOCITY = [
    {"tox": 2e-8, "nsub": 1e16, "vmax": 5e4, "neff": 2.0, "uo": 500.0, "uexp": 0.1},
    {"tox": 2e-8, "nsub": 1e16, "vmax": 5e4, "neff": 2.0, "nfs": 5e11, "xj": 2e-7, "delta": 1.0},
    {"vto": 0.8, "vmax": 5e4, "lambda": 0.02, "gamma": 0.4},
    {"vto": 0.8, "vmax": 1e5, "nsub": 3e15},
]
LEVEL_3 = [
    {},
    {"vto": 0.7, "kp": 1e-4, "gamma": 0.5, "phi": 0.7},
    {"tox": 2e-8, "nsub": 1e16, "xj": 3e-7, "ld": 1e-7, "delta": 1.5},
    {"tox": 2e-8, "nsub": 1e16, "nfs": 1e11, "xj": 3e-7, "ld": 2e-7, "eta": 0.5, "theta": 0.1},
    {"tox": 2e-8, "nsub": 1e16, "uo": 500.0, "vmax": 1e5, "theta": 0.05, "kappa": 1.0},
    {"tox": 2e-8, "nsub": 1e15, "vmax": 5e4, "nfs": 5e11, "xj": 2e-7, "delta": 1.0, "kappa": 3.0},
    {"vto": 0.8, "vmax": 5e4, "gamma": 0.4},
    {"vto": 0.8, "tox": 4e-8, "nsub": 2e15, "tpg": 0, "nss": 1e10, "rd": 50.0, "rs": 20.0, "delvto": 0.1},
    {"vto": 0.5, "nfs": 1e12, "gamma": 0.3, "xl": 1e-7, "wd": 2e-7, "xw": 1e-7, "js": 1e-6},
    {"vto": 0.5, "rsh": 25.0, "tnom": 60.0, "nsub": 1e16},
    {"tox": 2e-8, "nsub": 1e14, "xj": 1e-7},
]
LEVEL_6 = [
    {},
    {"vto": 0.7, "kc": 1e-4, "gamma": 0.5, "phi": 0.7, "lambda": 0.03},
    {"vto": 0.6, "kv": 0.9, "nv": 0.6, "nc": 1.2, "lambda0": 0.02, "lambda1": 0.01, "gamma1": 0.1, "sigma": 0.03},
    {"tox": 2e-8, "nsub": 1e16, "ld": 1e-7, "tpg": -1, "nss": 1e10, "uo": 300.0},
    {"vto": 0.5, "rd": 50.0, "rs": 20.0},
    {"vto": 0.5, "rsh": 20.0},
    {"vto": 0.5, "js": 1e-6, "tnom": 50.0},
]
MOSFET_SIZE = {"l": 2e-6, "w": 1e-5, "ad": 2e-11, "as": 3e-11, "nrd": 2.0, "nrs": 3.0, "m": 2.0}


def mosfets():
    return every_mosfet(MOSFETS)


def mosfets_of_level_2():
    return every_mosfet(LEVEL_2 + LEVEL_2_VELOCITY, 2)


def mosfets_of_level_3():
    return every_mosfet(LEVEL_3, 3)


def mosfets_of_level_6():
    return every_mosfet(LEVEL_6, 6)


def every_mosfet(models, level=1, sizes=({}, MOSFET_SIZE)):
    if level != 1:
        models = [{"level": level, **model} for model in models]
    cases = over("nmos", models, MOSFET_BIAS, sizes)
    turned = [tuple(-v for v in volts) for volts in MOSFET_BIAS]
    flipped = [{**model, **({"vto": -model["vto"]} if "vto" in model else {})} for model in models]
    return cases + over("pmos", flipped, turned, (MOSFET_SIZE,), (-40.0, 125.0))


POWER_MOSFETS = [
    {},
    {"vto": 2.0, "kp": 5.0, "lambda": 0.02, "theta": 0.05, "ksubthres": 0.15, "subshift": 0.05, "mtriode": 0.7},
    {"rd": 0.05, "rs": 0.02, "rg": 3.0, "rb": 0.03, "kp": 8.0},
    {"bv": 4.0, "ibv": 1e-4, "nbv": 1.5, "is": 1e-12, "n": 1.1},
    {"bv": 4.0, "ibv": 1e-16},
    {"rq": 0.5, "vq": 2.0, "rd": 0.1, "kp": 20.0},
    {"rq": 0.5, "vq": 2.0, "rd": 0.1, "texp0": 1.2, "texp1": 0.5, "mu": -1.2, "tcvth": 3e-3},
    {"trd1": 1e-3, "trd2": 1e-5, "rd": 0.2, "rs": 0.1, "trs1": 2e-3, "rb": 0.1, "trb1": 1e-3, "rds": 1e4},
    {"tksubthres1": 1e-3, "tnom": 40.0, "eg": 1.0, "xti": 2.0, "vto": 2.5},
]
POWER_BIAS = [  # drain, gate, source
    (5.0, 0.2, 0.0),
    (5.0, 4.0, 0.0),
    (0.3, 5.0, 0.0),
    (-0.8, 0.0, 0.0),
    (-0.8, 5.0, 0.0),
    (5.0, 2.8, 0.1),
    (-3.0, 6.0, 0.0),
    (8.0, 1.0, 0.0),
]


def power_mosfets():
    cases = over("vdmos", POWER_MOSFETS, POWER_BIAS, ({}, {"m": 2.0}))
    flipped = [{**model, **({"vto": -model["vto"]} if "vto" in model else {})} for model in POWER_MOSFETS]
    turned = over("vdmos", flipped, [tuple(-v for v in volts) for volts in POWER_BIAS], ({"m": 2.0},), (-40.0, 125.0))
    return cases + [(*case, "", "pchan") for case in turned]


JFETS = [
    {},
    {"vto": -1.5, "beta": 2e-3, "lambda": 0.02, "is": 1e-13},
    {"b": 0.6, "pb": 0.8, "beta": 1e-3, "lambda": 0.01},
    {"rd": 20.0, "rs": 10.0, "beta": 1e-3, "tcv": 2e-3, "bex": -1.2},
    {"vtotc": -2e-3, "betatce": -0.5, "xti": 2.5, "eg": 1.2, "tnom": 50.0},
]
JFET_BIAS = [  # drain, gate, source
    (3.0, -3.0, 0.0),
    (3.0, -0.5, 0.0),
    (0.3, -0.2, 0.0),
    (-1.0, -0.5, 0.0),
    (-4.0, -4.3, 0.0),
    (1.0, 0.6, 0.0),
    (-0.2, -0.4, 0.0),
]


def jfets():
    cases = over("njf", JFETS, JFET_BIAS, ({}, {"area": 2.0, "m": 3.0}))
    return cases + over("pjf", JFETS, [tuple(-v for v in volts) for volts in JFET_BIAS], ({},), (-40.0, 125.0))


LEVEL_2_JFETS = [
    {},
    {"vto": -1.5, "beta": 2e-3, "lambda": 0.02, "is": 1e-13},
    {"vst": 0.08, "mvst": 0.05, "p": 2.3, "q": 1.8, "z": 0.6, "xi": 1.2, "mxi": 0.1},
    {"vst": 0.1, "lfgam": 0.05, "lfg1": 0.01, "lfg2": 0.02, "delta": 0.5, "beta": 3e-3},
    {"rd": 20.0, "rs": 10.0, "beta": 1e-3, "pb": 0.8, "vto": -1.8},
    {"ibd": 1e-6, "vbd": 2.5, "n": 1.2},
    {"p": 1.7, "q": 2.2, "xi": 0.5, "z": 0.3, "tnom": 50.0, "is": 1e-12, "pb": 0.7},
]


def jfets_of_level_2():
    models = [{"level": 2, **model} for model in LEVEL_2_JFETS]
    bias = [*JFET_BIAS, (3.0, -2.05, 0.0), (5.0, -12.0, 0.0)]
    cases = over("njf", models, bias, ({}, {"area": 2.0, "m": 3.0}))
    return cases + over("pjf", models, [tuple(-v for v in volts) for volts in bias], ({},), (-40.0, 125.0))


BJTS = [
    {},
    {"is": 1e-15, "bf": 150.0, "br": 4.0, "vaf": 80.0, "var": 12.0, "xtb": 1.5, "nf": 1.02, "nr": 1.01},
    {"ikf": 1e-2, "ikr": 5e-3, "ise": 1e-13, "ne": 1.8, "isc": 1e-12, "nc": 1.9, "vaf": 50.0},
    {"ikf": 5e-3, "nkf": 0.7, "vaf": 30.0, "tnom": 40.0, "eg": 1.16, "xti": 3.5},
    {"rb": 100.0, "rc": 20.0, "re": 2.0, "bf": 200.0, "ikf": 2e-2, "vaf": 60.0},
    {"rb": 200.0, "rbm": 40.0, "ikf": 1e-2, "re": 1.0},
    {"rb": 200.0, "rbm": 40.0, "irb": 1e-5, "rc": 5.0},
    {"iss": 1e-14, "ns": 1.1, "subs": 1},
    {"iss": 1e-14, "subs": -1, "ise": 10.0, "isc": 2.0},
    {"ibe": 2e-15, "ibc": 3e-15, "nf": 1.05, "nr": 1.1, "iss": 1e-15},
    {"tlev": 1, "xtb": 3e-3, "tbf1": 2e-3, "tbr1": 1e-3, "tnf1": 1e-5},
    {"tvaf1": 1e-3, "tvaf2": 1e-5, "vaf": 40.0},
    {"tlev": 3, "tis1": -2e-3, "ise": 1e-14, "tise1": -1e-3, "iss": 1e-15, "tiss1": 1e-3},
    {"trb1": 1e-3, "rb": 50.0, "trc1": 2e-3, "rc": 10.0, "tre2": 1e-5, "re": 1.0, "ikf": 1e-3, "tikf1": 1e-3},
]
BJT_BIAS = [  # collector, base, emitter
    (3.0, 0.65, 0.0),
    (0.1, 0.7, 0.0),
    (-0.6, 0.05, 0.0),
    (2.0, -0.5, 0.0),
    (5.0, 0.3, 0.0),
    (3.0, 0.76, 0.0),
]


def bjts():
    cases = over("npn", BJTS, BJT_BIAS)
    cases += over("npn", BJTS[7:10], [(*volts, -1.0) for volts in BJT_BIAS], ({"area": 2.0, "m": 3.0},))
    cases += over(
        "npn", BJTS[2:10], BJT_BIAS, ({"area": 2.0, "areab": 3.0, "areac": 4.0, "m": 2.0, "temp": 60.0},), (27.0,)
    )
    turned = [tuple(-v for v in volts) for volts in BJT_BIAS]
    cases += over("pnp", BJTS, turned, ({"dtemp": 10.0},), (-20.0, 90.0))
    return cases + over("pnp", BJTS[7:10], [(*volts, 1.5) for volts in turned], ({"area": 2.0},), (27.0,))


def switches():
    controls = [(1.0, 0.0, c, 0.1) for c in (-2.0, 0.0, 0.35, 0.5, 0.75, 3.0)]
    models = [
        {"vt": 0.5, "ron": 3.0, "roff": 1e5},
        {"vt": 0.4, "vh": 0.2, "ron": 2.0},
        {"vt": 0.4, "vh": -0.3, "roff": 1e4},
    ]
    return [
        ("sw", model, volts, {}, 27.0, flag) for model in models for volts in controls for flag in ("", "on", "off")
    ]


def far():
    """Hundred volts across channels and junctions, a bulk in forward, and poles of charges and mobilities."""
    size, short = {"l": 2e-6, "w": 1e-5}, {"vto": 0.7, "kp": 1e-4, "level": 2, "vmax": 5e4}
    mosfets = [
        {**short, "gamma": 0.4, "lambda": 0.01},
        {**short, "gamma": 0.03, "vmax": 1e4},
        {"level": 2, "vto": 0.7, "kp": 1e-4, "gamma": 0.5},
        {"level": 2, "tox": 2e-8, "nsub": 1e16, "xj": 3e-7, "delta": 1.5},
        {"vto": 0.7, "kp": 1e-4, "gamma": 0.5, "lambda": 0.01},
        {"level": 3, "vto": 0.7, "kp": 1e-4, "gamma": 0.5},
        {"level": 3, "tox": 2e-8, "nsub": 1e16, "vmax": 1e5, "theta": 0.05},
    ]
    level_6 = {"level": 6, "vto": 0.7, "kc": 1e-4, "gamma": 0.5, "lambda": 0.003}
    # Drain, gate, source, bulk.
    forward = [(100.0, 0.8, 0.0, 0.7), (100.0, 3.0, 0.0, 0.75), (50.0, 0.9, 0.0, 0.6), (5.0, 0.8, 0.0, 0.7)]
    bias = [(20.0, 10.0, 0.0, 0.7), (100.0, 5.0, 0.0, -100.0), (100.0, -100.0, 0.0, 0.0), (0.0, 3.0, 100.0, -0.5)]
    cases = over("nmos", mosfets, forward + bias, (size,), (27.0,)) + over("nmos", [short], forward, (size,), (27.0,))
    cases += over("nmos", [level_6], bias[1:], (size,), (27.0,))
    cases += over("d", [{}, {"is": 1e-9, "isr": 1e-12}], [(-100.0, 0.0), (0.0, 30.0)], celsius=(27.0,))
    bipolar = [{"vaf": 50.0, "var": 20.0}, {"ikf": 1e-2, "ikr": 1e-2, "rb": 100.0, "rbm": 10.0, "vaf": 80.0}]
    cases += over("npn", bipolar, [(100.0, 0.7, 0.0), (100.0, -100.0, 0.0), (-0.5, -100.0, 0.0)], celsius=(27.0,))
    # Forward voltages that are as large as an Early voltage.
    cases += over(
        "npn", [{"vaf": 0.5}, {"var": 0.5, "ikf": 1e-3}], [(0.0, 0.5, 0.0), (-0.1, 0.5, 0.0)], celsius=(27.0,)
    )
    cases += over("njf", JFETS[:3], [(100.0, -0.5, 0.0), (100.0, -100.0, 0.0)], celsius=(27.0,))
    gate = [(100.0, -20.0, 0.0), (100.0, 3.0, 0.0), (-0.5, -20.0, 0.0)]
    return cases + over("vdmos", [{"vto": 2.0, "kp": 5.0, "theta": 0.05, "lambda": 0.01}], gate, celsius=(27.0,))


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "cases",
    [
        diodes,
        mosfets,
        mosfets_of_level_2,
        mosfets_of_level_3,
        mosfets_of_level_6,
        power_mosfets,
        jfets,
        jfets_of_level_2,
        bjts,
        switches,
    ],
)
def test_terminal_currents(cases, ngspice, bias):
    by_temperature: dict[float, list] = {}
    for case in (bias(*case) for case in cases()):
        by_temperature.setdefault(case.celsius, []).append(case)
    compare(list(by_temperature.values()), ngspice)


@pytest.mark.ngspice
def test_terminal_currents_far_from_rest(ngspice, bias):
    compare([[bias(*case)] for case in far()], ngspice)


def compare(decks, ngspice):
    """Currents of biased devices, those of a deck at one temperature, against ngspice."""
    texts = [
        "\n".join(
            ["bias", *(line for k, case in enumerate(deck) for line in case.lines(k)), f".temp {deck[0].celsius}"]
        )
        for deck in decks
    ]
    wrong, count = [], 0
    for deck, theirs in zip(decks, ngspice.run_many(texts), strict=True):
        for k, case in enumerate(deck):
            expected = np.array([-theirs[f"i(v{k}_{t})"] for t in range(len(case.volts))])
            found = case.currents()
            # A source's current is a sum that ngspice rounds at the largest one's last digit.
            if np.any(np.abs(found - expected) > 1e-6 * np.abs(expected) + 1e-9 * np.abs(expected).max() + 1e-15):
                wrong.append(f"{case}\n  ngspice  {expected}\n  netlearn {found}")
            count += 1
    assert not wrong, f"{len(wrong)} of {count} differ:\n" + "\n".join(wrong[:12])
