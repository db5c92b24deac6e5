"""Writes the shipped netlists that have too many resistors to write by hand, with random start values.

Run it with `python netlists/make_netlists.py [FOLDER]`. The same seed gives the same files.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import netlearn

HERE = Path(__file__).parent


def layer(rng: np.random.Generator, rows: Sequence[str], columns: Sequence[str], low: float, high: float) -> list[str]:
    """A resistor from every row node to every column node, log-uniform in [low, high] ohms."""
    ohms = np.exp(rng.uniform(np.log(low), np.log(high), (len(rows), len(columns))))
    return [
        f"R{row}_{column} {row} {column} {ohms[i, j]:.4g}"
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    ]


def inputs(data: str) -> list[str]:
    """The names of the input nodes of a data file, whose columns are named V<node>."""
    with (HERE / data).open(encoding="utf-8", newline="") as file:
        return [name[1:] for name in next(csv.reader(file)) if name.startswith("V") and "(" not in name]


def sources(nodes: Sequence[str]) -> list[str]:
    """A source for every input, and the two of the bias, which no data changes."""
    return [f"V{node} {node} 0 0" for node in nodes] + ["Vbiasp biasp 0 1", "Vbiasn biasn 0 -1"]


IRIS = """\
* Iris flowers on a linear resistor network
*
* Four measurements of a flower (sepal length and width, petal length and width) drive the
* network as voltages between -1 V and 1 V. Each comes twice, upright (slp) and inverted (sln):
* a resistor can only make a positive weight, and the inverted copy stands for the negative one.
* The bias is a pair of constant sources. Four hidden nodes connect the inputs to one output
* node per species; the species whose node has the highest voltage is the answer.
*
* A resistor network gives voltages that lie between those of its sources and differ little,
* so the loss takes 20 times the voltages as the logarithms of the odds.
*
*   netlearn train iris.cir
*
* gets at least 95 % of the 50 flowers right that it was not trained on. Data: R. A. Fisher,
* "The use of multiple measurements in taxonomic problems", 1936, from scikit-learn.
*
*@data      iris_train.csv test=iris_test.csv
*@output    V(setosa) V(versicolor) V(virginica)
*@loss      cross_entropy scale=20
*@train     R* min=100 max=1meg
*@optimizer adam lr=0.05
*@options   epochs=100 batch=16 seed=0
"""


def iris() -> list[str]:
    rng = np.random.default_rng(0)
    nodes = inputs("iris_train.csv")
    hidden = [f"h{k}" for k in range(1, 5)]
    return [
        "",
        "* Inputs, set by the data, and the bias",
        *sources(nodes),
        "",
        "* From the inputs to the hidden nodes",
        *layer(rng, [*nodes, "biasp", "biasn"], hidden, 1e3, 1e4),
        "",
        "* From the hidden nodes to the outputs",
        *layer(rng, hidden, ["setosa", "versicolor", "virginica"], 1e3, 1e4),
    ]


DIABETES = """\
* Progression of diabetes on a linear resistor network
*
* Six measurements of a patient (body mass index, blood pressure, sex and three blood values)
* drive the network as voltages between -1 V and 1 V, upright and inverted, and the voltage of
* the one output is trained towards the progression of the disease after a year: 0.1 V stands
* for 100 on its scale of 25 to 346. What a linear network can do at best is a linear least
* squares fit, which has a mean square error of 3.12e-3 V^2 on the 142 patients kept for the
* test.
*
*   netlearn train diabetes.cir
*
* comes to within 1 % of that. Data: Efron, Hastie, Johnstone and Tibshirani, "Least angle
* regression", 2004, from scikit-learn.
*
*@data      diabetes_train.csv test=diabetes_test.csv
*@output    V(out)
*@loss      mse
*@train     R* min=100 max=1meg
*@optimizer lbfgs
*@options   epochs=200
"""


def diabetes() -> list[str]:
    rng = np.random.default_rng(0)
    nodes = inputs("diabetes_train.csv")
    hidden = ["h1", "h2", "h3"]
    return [
        "",
        "* Inputs, set by the data, and the bias",
        *sources(nodes),
        "",
        "* From the inputs to the hidden nodes",
        *layer(rng, [*nodes, "biasp", "biasn"], hidden, 1e3, 1e4),
        "",
        "* From the hidden nodes to the output",
        *layer(rng, hidden, ["out"], 1e3, 1e4),
    ]


DIGITS = """\
* Handwritten digits on a nonlinear resistor network with bidirectional amplifiers
*
* The 8 x 8 pixels of a digit drive the network as voltages between -1 V and 1 V, upright (34p:
* row 3, column 4) and inverted (34n). Fifty hidden nodes each have a pair of antiparallel
* diodes to ground, which lets their voltage grow only as the logarithm of the current, and a
* bidirectional amplifier: the voltage passes on four times as large (E) and a quarter of the
* current that is drawn comes back (F), so that outputs act on hidden nodes too. Each digit has
* two output nodes, and the voltage between them is its score.
*
*   netlearn train digits.cir
*
* takes ten seconds, and gets at least 97 % of the 360 digits right that it was not trained on. The
* kind of network is that of Kendall, Pantone, Manickavasagam, Bengio and Scellier, "Training
* end-to-end analog neural networks with equilibrium propagation", arXiv 2006.01981, 2020. Data:
* Alpaydin and Kaynak, "Optical recognition of handwritten digits", 1998, from scikit-learn.
* Pixels that are never lit have no source.
*
*@data      digits_train.csv test=digits_test.csv
*@output    {outputs}
*@loss      cross_entropy scale=10
*@train     R* min=1k max=100meg
*@optimizer adam lr=0.1
*@schedule  exponential gamma=0.85
*@options   epochs=20 batch=64 seed=0
"""

AMPLIFIER = """\
* A bidirectional amplifier with diodes at its input
.subckt amplifier in out
D1 in 0 clamp
D2 0 in clamp
E1 out 0 in 0 4
F1 0 in E1 0.25
.ends
.model clamp d(is=1u)"""


def digits() -> list[str]:
    rng = np.random.default_rng(0)
    nodes = inputs("digits_train.csv")
    count = 50
    hidden, amplified = [f"h{k}" for k in range(count)], [f"a{k}" for k in range(count)]
    scores = [f"d{k}{sign}" for k in range(10) for sign in "pn"]
    return [
        "",
        "* Inputs, set by the data, and the bias",
        *sources(nodes),
        "",
        AMPLIFIER,
        *(f"X{k} h{k} a{k} amplifier" for k in range(count)),
        "",
        "* From the inputs to the hidden nodes",
        *layer(rng, [*nodes, "biasp", "biasn"], hidden, 1e5, 1e6),
        "",
        "* From the amplifiers to the outputs",
        *layer(rng, amplified, scores, 1e5, 1e6),
    ]


ONE_STEP = """\
* One-step regression: a straight line through six points, at the operating point
*
* Two crosspoint arrays hold the data, 100 uS standing for 1: a column of the six x and one of ones. The amplifiers of
* the rows give the residuals y - w_x x - w_intercept. The second array sums them into the amplifiers of the columns,
* which drive the first array with whatever brings these sums to zero. That is least squares, and nothing is trained.
*
*   netlearn op onestep.cir --outputs
*   netlearn check onestep.cir
*
* reads the slope {0:.5f} and the intercept {1:.5f}, and ngspice the same. Least squares has {2:.5f} and {3:.5f}: the
* difference comes of the amplifiers' gain of 1e5. 'netlearn new onestep FILE' makes such a circuit of any table.
*
* Z. Sun, G. Pedretti, A. Bricalli, D. Ielmini, "One-step regression and classification with cross-point resistive
* memory arrays", Science Advances 6, eaay2378, 2020.
*
"""


def one_step() -> tuple[str, list[str]]:
    """Its head with what it comes to, and the rest of its lines."""
    made = netlearn.new_onestep(HERE / "onestep.csv", scale=False)
    lines = made.netlist.splitlines()
    first = next(k for k, each in enumerate(lines) if each.startswith("*@"))
    found = netlearn.operating_point(netlearn.parse(made.netlist)).measure(*made.outputs)[0]
    return ONE_STEP.format(*found, *made.solution[:, 0]) + lines[first], lines[first + 1 : -1]


TRANSISTOR_XOR = """\
* XOR on a network of transmission gates
*
* The voltage between yp and yn is to be 0.1 V where one input is high and -0.1 V where both or
* none are. Inputs are 0 V or 1 V, and a third source is the bias. Each edge is a transmission
* gate, an nmos beside a pmos, and all that is trained is the voltage of each gate. What bends the
* network is that transistors saturate and that they cut off.
*
* Coupled learning trains it, as boards of transistors train themselves: the output is held half of
* the way to where it should be, and each gate's voltage moves by what its transistor's channel
* compares between that state and the free one.
*
*   netlearn train transistor_xor.cir
*
* takes ten seconds, and gives all four cases their sign with an error of less than 1 mV. As a
* channel's current depends on the gate's voltage against its ends, the network has no co-content,
* and coupled learning descends without being the gradient, which netlearn says. After S. Dillavou,
* B. D. Beyer, M. Stern, A. J. Liu, M. Z. Miskin, D. J. Durian, "Machine learning without a processor:
* Emergent learning in a nonlinear analog network", PNAS 121, e2319718121, 2024, whose edges are
* single transistors.
*
*@data      transistor_xor.csv
*@output    V(yp,yn)
*@loss      mse
*@train     Vn* min=0 max=6
*@train     Vp* min=-6 max=0
*@rule      cl beta=0.5
*@optimizer adam lr=0.1
*@options   epochs=200 seed=0
"""


def transistor_xor() -> list[str]:
    rng = np.random.default_rng(0)
    inputs, hidden, outputs = ["x1", "x2", "bias"], [f"h{k}" for k in range(1, 7)], ["yp", "yn"]
    return [
        "",
        "* Inputs, set by the data, the bias, and the supplies at the bulks",
        "Vx1 x1 0 0",
        "Vx2 x2 0 0",
        "Vbias bias 0 1",
        "Vsub sub 0 -3",
        "Vsup sup 0 3",
        "",
        ".model nch nmos(vto=0.7 kp=100u lambda=0.02 gamma=0.4)",
        ".model pch pmos(vto=-0.7 kp=100u lambda=0.02 gamma=0.4)",
        "",
        "* From the inputs to the hidden nodes",
        *transmission_gates(rng, inputs, hidden),
        "",
        "* From the hidden nodes to the outputs",
        *transmission_gates(rng, hidden, outputs),
        "",
        "* From all of these to ground",
        *transmission_gates(rng, [*hidden, *outputs], ["0"]),
    ]


def transmission_gates(rng: np.random.Generator, rows: Sequence[str], columns: Sequence[str]) -> list[str]:
    """An edge from every row node to every column node, its gates between 2 V and 4 V from ground."""
    lines = []
    for row in rows:
        for column in columns:
            edge, (n, p) = f"{row}_{column}", rng.uniform(2.0, 4.0, 2)
            lines += [
                f"Mn{edge} {row} gn{edge} {column} sub nch",
                f"Mp{edge} {row} gp{edge} {column} sup pch",
                f"Vn{edge} gn{edge} 0 {n:.2f}",
                f"Vp{edge} gp{edge} 0 {-p:.2f}",
            ]
    return lines


def write(path: Path, head: str, body: Sequence[str]) -> None:
    path.write_text("\n".join([head.rstrip("\n"), *body, ".end", ""]), encoding="utf-8")


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    write(FOLDER / "iris.cir", IRIS, iris())
    write(FOLDER / "diabetes.cir", DIABETES, diabetes())
    write(FOLDER / "onestep.cir", *one_step())
    write(FOLDER / "digits.cir", DIGITS.format(outputs=" ".join(f"V(d{k}p,d{k}n)" for k in range(10))), digits())
    write(FOLDER / "transistor_xor.cir", TRANSISTOR_XOR, transistor_xor())
