"""Writes the data files beside the shipped netlists: scikit-learn's data sets, and what is asked of analog circuits.

Run it with `python netlists/make_data.py [FOLDER]` where the development dependencies are installed.
Features become source voltages in volts; the columns bear the names of sources and probes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
DIABETES_FEATURES = ("bmi", "bp", "s5", "sex", "s3", "s1")


def differential(voltages: NDArray[np.float64], names: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Each column twice, as it is and inverted: resistors alone cannot make a negative weight."""
    columns = [f"V{name}{sign}" for name in names for sign in "pn"]
    return columns, np.stack([voltages, -voltages], axis=-1).reshape(len(voltages), -1)


def scaled(features: NDArray[np.float64], train: NDArray[np.intp]) -> NDArray[np.float64]:
    """Features at -1 V to 1 V over the training samples; the test samples are not looked at."""
    low, high = features[train].min(axis=0), features[train].max(axis=0)
    return np.asarray(2 * (features - low) / (high - low) - 1)


def write(path: Path, header: Sequence[str], rows: NDArray[np.float64], last: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        # Adding zero turns -0 into 0.
        writer.writerows([*(f"{value:.6g}" for value in row + 0.0), end] for row, end in zip(rows, last, strict=True))


def diode_current(volts: NDArray[np.float64], celsius: NDArray[np.float64]) -> NDArray[np.float64]:
    """A switching diode: Shockley's law behind a series resistance, solved by Lambert's W function.

    IS = 2.7 nA, N = 1.8, RS = 0.6 ohms and EG = 1.1 eV at 27 degrees Celsius, with the temperature dependence of SPICE.
    """
    kelvin, nominal = celsius + 273.15, 300.15
    thermal = 1.380649e-23 / 1.602176634e-19 * kelvin
    ratio, slope, ohms = kelvin / nominal, 1.8, 0.6
    saturation = 2.7e-9 * np.exp((ratio - 1) * 1.1 / (slope * thermal) + 3 / slope * np.log(ratio))
    width = slope * thermal
    drive = saturation * ohms / width * np.exp((volts + saturation * ohms) / width)
    return np.asarray(width / ohms * lambertw(drive).real - saturation)


def diode(folder: Path) -> None:
    rng = np.random.default_rng(0)
    volts, celsius = (each.ravel() for each in np.meshgrid(np.linspace(0.2, 0.95, 26), [-20.0, 25.0, 85.0]))
    # An instrument reads to 2 %, and puts no more than four digits on its display.
    read = diode_current(volts, celsius) * np.exp(0.02 * rng.normal(size=len(volts)))
    rows = np.stack([volts, celsius], axis=1)
    write(folder / "diode_fit.csv", ["V1", "temp", "I(D1)"], rows, [f"{value:.4g}" for value in read])


def wanted(folder: Path, name: str, columns: Sequence[str], rows: Sequence[Sequence[float]], near: float) -> None:
    """Inputs, and in the last column of ``rows`` a target, which ``near`` on either side is near enough to."""
    table = np.array(rows, dtype=float)
    probe, target = columns[-1], table[:, -1:]
    bounds = np.hstack([table, target - near, target + near])
    last = [f"{value:.6g}" for value in bounds[:, -1] + 0.0]
    write(folder / name, [*columns, f"{probe} min", f"{probe} max"], bounds[:, :-1], last)


def converter(folder: Path) -> None:
    codes = [(*(3.3 * (code >> bit & 1) for bit in range(6)), 0.04 * code) for code in range(64)]
    wanted(folder, "dac_r2r.csv", [*(f"V{bit}" for bit in range(6)), "V(out)"], codes, 1e-3)


def thermometer(folder: Path) -> None:
    degrees = [(celsius, 0.01 * celsius) for celsius in range(0, 51, 5)]
    wanted(folder, "thermistor_bridge.csv", ["temp", "V(p,n)"], degrees, 7.5e-3)


def adder(folder: Path) -> None:
    sums = [(a, b, c, -(2 * a + b + c / 2)) for a, b, c in product((-1, 0, 1), (-2, 0, 2), (-2, 0, 2))]
    wanted(folder, "summing_amplifier.csv", ["V1", "V2", "V3", "V(out)"], sums, 2e-3)


def iris(folder: Path) -> None:
    data = load_iris()
    train, test = train_test_split(np.arange(len(data.target)), test_size=50, stratify=data.target, random_state=0)
    columns, volts = differential(scaled(data.data, train), ["sl", "sw", "pl", "pw"])
    for name, part in (("iris_train.csv", train), ("iris_test.csv", test)):
        write(folder / name, [*columns, "class"], volts[part], [str(data.target_names[k]) for k in data.target[part]])


def diabetes(folder: Path) -> None:
    data = load_diabetes(scaled=False)
    features = data.data[:, [data.feature_names.index(name) for name in DIABETES_FEATURES]]
    train, test = train_test_split(np.arange(len(data.target)), test_size=142, random_state=0)
    columns, volts = differential(scaled(features, train), list(DIABETES_FEATURES))
    wanted = data.target / 1000
    for name, part in (("diabetes_train.csv", train), ("diabetes_test.csv", test)):
        write(folder / name, [*columns, "V(out)"], volts[part], [f"{value:.6g}" for value in wanted[part]])


def digits(folder: Path) -> None:
    data = load_digits()
    train, test = train_test_split(np.arange(len(data.target)), test_size=360, stratify=data.target, random_state=0)
    names = [f"{row}{column}" for row in range(8) for column in range(8)]
    lit = data.data[train].max(axis=0) > 0
    columns, volts = differential(data.data[:, lit] / 8 - 1, [name for name, on in zip(names, lit, strict=True) if on])
    for name, part in (("digits_train.csv", train), ("digits_test.csv", test)):
        write(folder / name, [*columns, "class"], volts[part], [str(k) for k in data.target[part]])


def line(folder: Path) -> None:
    """Six points about a straight line."""
    points = [(0.25, 0.82), (0.34, 0.93), (0.41, 1.17), (0.52, 1.28), (0.67, 1.71), (0.78, 1.83)]
    write(folder / "onestep.csv", ["x", "y"], np.array(points)[:, :1], [f"{y:g}" for _, y in points])


def exclusive_or(folder: Path) -> None:
    """The four cases for a network of transistors."""
    volts = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    wanted = np.where(volts.sum(axis=1) == 1, 0.1, -0.1)
    write(folder / "transistor_xor.csv", ["Vx1", "Vx2", "V(yp,yn)"], volts, [f"{value:g}" for value in wanted])


def sensors(folder: Path) -> None:
    """Readings of three sensors, of which rows 9 and 17 were taken while the instrument had come loose."""
    rng = np.random.default_rng(5)
    volts = rng.uniform(-1.0, 1.0, (24, 3)).round(3)
    wanted = volts @ [0.8, 0.3, 1.1] + 0.25 + 0.01 * rng.normal(size=24)
    wanted[[8, 16]] = [-0.6, 0.9]
    write(folder / "sensor_readout.csv", ["V1", "V2", "V3", "V(out)"], volts, [f"{value:.4f}" for value in wanted])


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    iris(FOLDER)
    diabetes(FOLDER)
    digits(FOLDER)
    diode(FOLDER)
    converter(FOLDER)
    thermometer(FOLDER)
    adder(FOLDER)
    line(FOLDER)
    exclusive_or(FOLDER)
    sensors(FOLDER)
