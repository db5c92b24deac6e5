"""The page for a colleague: what stands on it, that it needs nothing else, and how a browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

import netlearn
from netlearn.cli.group import main
from netlearn.errors import DataError
from netlearn.project import open_project
from netlearn.report.engineering import engineering
from netlearn.report.page import with_own_files
from netlearn.report.stress import stresses

STAGE = """The bias of a stage
*@tolerance R* 1%
*@tolerance Q1.bf 30%
*@rating R* 0.01
*@rating R3 20m
*@goal V(c) = 6 within=15%
*@goal I(R1) max=0.2m
*@corner V1=11,12,13
V1 in 0 12
R1 in b 47k
R2 b 0 10k
R3 in c 4.7k
R4 e 0 1k
Q1 c b e q
.model q npn(bf=150)
.end
"""


class Reader(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


TAGS = """html head meta link title style body h1 h2 p b ul li section div table thead tbody tr th td span i figure
figcaption svg rect circle line polyline text"""


def check_self_contained(html: str) -> None:
    """No script, no handler, and nothing that is fetched."""
    page = Reader(html)
    assert set(page.tags) <= set(TAGS.split())
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("src", "srcset", "xlink:href", "action", "data"), (tag, name)
        assert name != "href" or value == "data:,"
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    path = tmp_path / "stage.cir"
    path.write_text(STAGE)
    return path


def test_the_page_says_all_of_it(stage: Path, ngspice) -> None:
    del ngspice
    done = CliRunner().invoke(main, ["report", str(stage), "--draws", "300"])
    assert done.exit_code == 0, done.output
    html = stage.with_suffix(".html").read_text(encoding="utf-8")
    check_self_contained(html)
    text = Reader(html).text
    evaluation = netlearn.evaluate(stage)
    assert [goal.met for goal in evaluation.goals] == [True, False]
    result = netlearn.tolerance(stage, draws=300)
    assert result.passing is not None
    for said in (
        "The bias of a stage",
        "1 of 2 goals met",
        "V(c) = 6.0 within=15%",
        f"no , by {engineering(evaluation.goals[1].missed, 'A')} in 2 of 3 samples",
        "sample 2 (row 1 at v1=12)",
        f"Yield {100 * result.passing:.4g} %",
        engineering(result.worst[0].value, "V"),
        "finds the same",
        "Circuit 6 elements, 4 nodes",
        "r3 4.7 kΩ",
    ):
        assert said in text, said
    assert html.count("<figure>") == 3
    # V(c) has a band on both sides, which is drawn.
    assert html.count('<rect class="band"') >= 1


def test_powers_and_ratings_by_hand() -> None:
    netlist = netlearn.parse(STAGE.replace("*@corner", "* "))
    point = netlearn.operating_point(netlist)
    from netlearn.project import open_project

    ratings = open_project(netlist).settings.rating
    resistor, transistor = stresses(point, ratings, ["s"])
    volts = {name: point.voltage(name)[0] for name in "bce"}
    watts = {
        "r1": (12 - volts["b"]) ** 2 / 47e3,
        "r2": volts["b"] ** 2 / 10e3,
        "r3": (12 - volts["c"]) ** 2 / 4.7e3,
        "r4": volts["e"] ** 2 / 1e3,
    }
    limits = {"r1": 0.01, "r2": 0.01, "r3": 0.02, "r4": 0.01}
    worst = max(watts, key=lambda name: watts[name] / limits[name])
    assert (resistor.element, resistor.rating) == (worst, limits[worst])
    assert resistor.watts == pytest.approx(watts[worst])
    assert resistor.part == pytest.approx(watts[worst] / limits[worst])
    assert resistor.over == 0
    given = 12 * -point.measure("I(V1)")[0, 0]
    assert transistor.watts == pytest.approx(given - sum(watts.values()), rel=1e-9)
    assert np.isnan(transistor.rating)


def test_an_element_beyond_its_rating_is_marked(stage: Path) -> None:
    stage.write_text(STAGE.replace("*@rating R3 20m", "*@rating R3 1m\n*@rating R4 1u"))
    html = netlearn.write_report(stage, ngspice=False, draws=10).html
    assert '<span class="missed">' in html
    assert "(2 beyond theirs)" in html


def test_a_training_is_shown_with_values_before_and_after_and_its_loss(stage: Path, tmp_path: Path) -> None:
    text = STAGE.replace("*@goal I(R1) max=0.2m\n", "").replace("within=15%", "within=1%")
    text = text.replace("*@corner V1=11,12,13\n", "")
    stage.write_text(text.replace("*@tolerance R* 1%\n*@tolerance Q1.bf 30%\n", ""))
    written, trained = tmp_path / "t.html", tmp_path / "t.cir"
    words = ["train", str(stage), "--optimizer", "lbfgs", "--report", str(written), "-o", str(trained)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    page = Reader(written.read_text(encoding="utf-8"))
    assert "Values before and after" in page.text
    assert "Training" in page.text
    assert "polyline" in page.tags
    assert "1 of 1 goals met" in page.text
    again = netlearn.write_report(tmp_path / "t.cir", before=stage, ngspice=False)
    check_self_contained(again.html)
    after = netlearn.read(tmp_path / "t.cir").find("R3")[0].value
    assert isinstance(after, float)
    assert engineering(after, "ohm", 6) in Reader(again.html).text
    assert "47 kΩ" in Reader(again.html).text
    result = netlearn.train(stage, optimizer="lbfgs")
    result.save_run(tmp_path / "run")
    loaded = netlearn.write_report(tmp_path / "run", ngspice=False)
    assert "Values before and after" in Reader(loaded.html).text
    assert netlearn.write_report(result, ngspice=False).html.count("polyline class") == 1


def test_classes_and_data_are_shown(tmp_path: Path) -> None:
    netlists = Path(netlearn.__file__).parents[1] / "netlists"
    page = Reader(netlearn.write_report(netlists / "iris.cir", ngspice=False).html)
    assert "accuracy" in page.text
    assert "taken for" in page.text
    assert "virginica" in page.text
    page = Reader(netlearn.write_report(netlists / "voltage_division.cir", ngspice=False).html)
    assert "circle" in page.tags
    assert "V(n4): got" in page.text


HOSTILE = "<script>alert(1)</script>\"'><img/src=x/onerror=alert(1)>&amp;{{7*7}}"


def test_names_of_strangers_are_words_and_no_markup(tmp_path: Path) -> None:
    node = "<script>alert</script>"
    netlist = (
        f"{HOSTILE}\u202e\n*@goal V({node}) = 2 within=1%\n*@goal I(R<b>) max=3\n*@tolerance R* 1%\n*@rating R* 1\n"
        f"V1 in 0 5\nR<b> in {node} 1k\nR2&lt {node} 0 1k\n.end\n"
    )
    path = tmp_path / "a<img src=x onerror=alert(1)>.cir"
    path.write_text(netlist, encoding="utf-8")
    html = netlearn.write_report(path, draws=50, ngspice=False).html
    check_self_contained(html)
    page = Reader(html)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert HOSTILE in page.text
    assert "7*7" in page.text
    assert "\u202e" not in html
    assert "r<b>" in page.text


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("*@rating R9 1", "2:10", "'R9' matches no element"),
        ("*@rating R1 0", "2:3", "above 0"),
        ("*@rating R1 10%", "2:3", "in watts"),
        ("*@rating R1", "2:3", "needs an amount"),
        ("*@rating R1 0,25", "2:15", "a decimal point is written as one: 0.25"),
        ("*@tolerance R9 1%", "2:13", "'R9' matches nothing"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands_and_nothing_is_written(
    tmp_path: Path, line: str, place: str, message: str
) -> None:
    (tmp_path / "x.cir").write_text(f"d\n{line}\n*@goal V(out) = 1\nV1 in 0 2\nR1 in out 1k\nR2 out 0 1k\n")
    done = CliRunner().invoke(main, ["report", str(tmp_path / "x.cir"), "--no-ngspice"])
    assert done.exit_code == 2, done.output
    assert f"x.cir:{place}" in done.output
    assert message in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["x.cir"]


def test_a_pdf_takes_weasyprint(stage: Path, monkeypatch) -> None:
    pytest.importorskip("weasyprint", reason="weasyprint is not installed (pip install netlearn[pdf])")
    found = netlearn.write_report(stage, pdf=stage.with_suffix(".pdf"), draws=50, ngspice=False)
    assert [path.name for path in found.written] == ["stage.pdf"]
    assert stage.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    stage.with_suffix(".pdf").unlink()
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(netlearn.OptionError, match="takes weasyprint"):
        netlearn.write_report(stage, stage.with_suffix(".html"), pdf=stage.with_suffix(".pdf"), ngspice=False)
    assert sorted(path.name for path in stage.parent.iterdir()) == ["stage.cir"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4700.0, "ohm", "4.7 kΩ"),
        (999.9996, "V", "1 kV"),
        (-1.5e-5, "A", "-15 µA"),
        (0.0, "W", "0 W"),
        (float("inf"), "V", "∞ V"),
        (float("-inf"), "", "-∞"),
        (float("nan"), "V", "–"),
        (1e-20, "A", "1e-20 A"),
        (0.25, "", "0.25"),
    ],
)
def test_numbers_as_engineers_write_them(value: float, unit: str, text: str) -> None:
    assert engineering(value, unit) == text


def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        if shutil.which(name):
            return name
    pytest.skip("no browser to look at the page with (sudo apt-get install chromium)")


def seen(name: str, page: Path, picture: Path, *options: str) -> list[str]:
    """Take a picture of a page; what the browser's console said."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
    folder = f"--user-data-dir={picture.parent / 'browser'}"
    done = subprocess.run(
        [name, *flags, folder, *options, f"--screenshot={picture}", page.as_uri()],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert picture.exists(), done.stderr
    return re.findall(r".*CONSOLE.*", done.stderr)


def test_a_browser_shows_it_in_light_and_dark_without_a_word_on_its_console(stage: Path, tmp_path: Path) -> None:
    name = browser()
    page = tmp_path / "page.html"
    netlearn.write_report(stage, page, draws=100, ngspice=False)
    brightness = []
    for mode in ("1", "0"):
        picture = tmp_path / f"{mode}.png"
        options = ("--window-size=500,1200", f"--blink-settings=preferredColorScheme={mode}")
        assert seen(name, page, picture, *options) == []
        image = imread(picture)[..., :3]
        assert image.std() > 0.05
        brightness.append(float(image.mean()))
    light, dark = brightness
    assert light > 0.8
    assert dark < 0.3
    # That the console would be heard: a script that the page's own policy refuses.
    spoiled = tmp_path / "spoiled.html"
    html = page.read_text(encoding="utf-8").replace("</body>", "<script>x()</script></body>")
    spoiled.write_text(html, encoding="utf-8")
    assert any("script" in line for line in seen(name, spoiled, tmp_path / "spoiled.png"))


def test_a_saved_run_is_reported_with_the_data_that_it_names_from_its_folder(tmp_path, monkeypatch):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "d.csv").write_text("Vin,V(p)\n1,0.5\n2,1\n")
    (tmp_path / "nets" / "p.csv").write_text("value\n1k\n2k2\n")
    text = "t\n*@data d.csv\n*@hardware parts=p.csv\n*@output V(p)\nVin in 0 1\nR1 in p 1k\nR2 p 0 2k\n"
    (tmp_path / "nets" / "a.cir").write_text(text)
    monkeypatch.chdir(tmp_path)
    result = netlearn.train("nets/a.cir", epochs=1)
    result.save_run("run1")
    with pytest.raises(DataError, match="outside the netlist's folder"):
        netlearn.write_report("run1", ngspice=False)
    page = netlearn.write_report("run1", ngspice=False, allow=["nets"])
    assert page.html == netlearn.write_report(result, ngspice=False).html.replace("nets/a.cir", "run1/trained.cir")
    # A run in memory names them from where it was read.
    loaded = netlearn.load_run("run1", ["nets"])
    own = open_project(loaded.netlist).settings
    assert own.hardware is not None
    assert with_own_files(loaded.settings, own).hardware == own.hardware
    assert own.hardware.parts == "../nets/p.csv"
    assert with_own_files(result.settings, own) is result.settings
