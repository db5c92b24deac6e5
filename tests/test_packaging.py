"""The package works where no checkout is: installed from its wheel, and as an editable install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("netlearn-*.whl")
    return found


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A new environment that holds the dependencies, and nothing that leads to the checkout.

    Its one path file names the folder with the dependencies. Path files in that folder, such
    as that of an editable install, are not followed from there.
    """
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(
        _run(
            folder / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
        ).strip()
    )
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "dependencies.pth").write_text("\n".join(sorted(paths)) + "\n", encoding="utf-8")
    return folder


def _install(environment: Path, *what: str | Path) -> None:
    python = environment / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    _run(sys.executable, "-m", "pip", "--python", python, "install", *options, *what, cwd=environment)


def _train_elsewhere(environment: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name in ("iris.cir", "iris_train.csv", "iris_test.csv"):
        shutil.copy(ROOT / "netlists" / name, work)
    printed = _run(environment / "bin" / "netlearn", "train", "iris.cir", "--epochs", "3", cwd=work)
    assert "accuracy" in printed
    assert (work / "iris.trained.cir").read_text() != (work / "iris.cir").read_text()


def test_the_wheel_holds_the_grammars_and_the_licence_but_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for grammar in (ROOT / "grammars").glob("*.lark"):
        assert f"netlearn/grammars/{grammar.name}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "test" in name or name.endswith((".csv", ".pyc"))]


def test_an_installed_wheel_trains_in_another_folder(wheel: Path, environment: Path, tmp_path: Path) -> None:
    _install(environment, wheel)
    where = _run(environment / "bin" / "python", "-c", "import netlearn; print(netlearn.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
    assert re.search(r"version \d+\.\d+", _run(environment / "bin" / "netlearn", "--version", cwd=tmp_path))
    _train_elsewhere(environment, tmp_path)


def test_an_editable_install_trains_in_another_folder(environment: Path, tmp_path: Path) -> None:
    _install(environment, "--editable", ROOT)
    where = _run(environment / "bin" / "python", "-c", "import netlearn; print(netlearn.__file__)", cwd=tmp_path)
    assert Path(where.strip()) == ROOT / "netlearn" / "__init__.py"
    _train_elsewhere(environment, tmp_path)
