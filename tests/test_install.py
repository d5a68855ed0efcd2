"""The scripts behind `make`: what is there already costs nothing, what is missing is named with its command."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from swarm_ui.config import ROOT

TOOLS = ("sh", "dirname", "cat", "head", "grep", "rm", "flock", "env")


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the scripts and pins alone, and a PATH with the fewest tools; `program` adds to it."""
    folder = tmp_path / "check out"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return folder


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(checkout: Path, script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(checkout.parent / "bin"), "HOME": os.environ.get("HOME", "/"), **environ}
    command = [checkout / "scripts" / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=20)


def python(version: str, *, has_venv: bool) -> str:
    """A stand-in for Python that answers what install.sh asks."""
    minor = int(version.partition(".")[2])
    return f"""
case "$2" in
    *%d.%d*) echo {version} ;;
    *"< (3, 11)"*) exit {int(minor < 11)} ;;
    *ensurepip*) exit {int(not has_venv)} ;;
esac
"""


def test_no_python_is_named(checkout):
    done = run(checkout, "install.sh", "requirements.txt")
    assert done.returncode == 1
    assert "sudo apt-get install python3 python3-venv" in done.stderr


def test_an_old_python_is_named(checkout):
    program(checkout.parent / "bin" / "python3", python("3.9", has_venv=True))
    done = run(checkout, "install.sh", "requirements.txt")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is 3.9" in done.stderr


def test_a_missing_venv_module_is_named(checkout):
    program(checkout.parent / "bin" / "python3", python("3.12", has_venv=False))
    done = run(checkout, "install.sh", "requirements.txt")
    assert done.returncode == 1
    assert "  sudo apt-get install python3-venv\n" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.fixture
def installed(checkout):
    """As if .venv were there; each call of its python is noted in `calls`."""
    program(checkout / ".venv/bin/python", f'echo "$*" >>"{checkout}/calls"' + python("3.11", has_venv=True))
    (checkout / ".venv/bin/pip").write_text(f"#!{checkout}/.venv/bin/python\n")
    return checkout


def calls(checkout: Path) -> str:
    text = (checkout / "calls").read_text()
    (checkout / "calls").unlink()
    return text


def test_a_second_run_installs_nothing(installed):
    assert run(installed, "install.sh", "requirements.txt").returncode == 0
    assert "-m pip install" in calls(installed)
    assert run(installed, "install.sh", "requirements.txt").returncode == 0
    assert "pip" not in calls(installed)


def test_another_pin_installs_again(installed):
    run(installed, "install.sh", "requirements-dev.txt")
    calls(installed)
    with (installed / "requirements.txt").open("a") as pins:
        pins.write("another==1.0\n")
    assert run(installed, "install.sh", "requirements-dev.txt").returncode == 0
    assert "-r requirements-dev.txt" in calls(installed)


def test_an_installation_that_failed_is_not_taken_for_done(installed):
    script = (installed / ".venv/bin/python").read_text()
    program(installed / ".venv/bin/python", 'case "$*" in *"pip install"*) exit 1 ;; esac\n' + script)
    done = run(installed, "install.sh", "requirements.txt")
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert not (installed / ".venv/.installed").exists()


def test_a_browser_that_is_there_is_used(checkout):
    program(checkout.parent / "bin" / "chromium-browser", "echo 'install the snap' >&2; exit 1")
    program(checkout.parent / "bin" / "google-chrome", "echo Chrome 150")
    done = run(checkout, "browser.sh")
    assert (done.returncode, done.stdout) == (0, f"{checkout.parent}/bin/google-chrome\n")


def test_a_named_browser_is_preferred(checkout):
    program(checkout.parent / "bin" / "chromium", "echo Chromium 150")
    program(checkout.parent / "mine", "echo Chromium 151")
    done = run(checkout, "browser.sh", CHROMIUM=f"{checkout.parent}/mine")
    assert done.stdout == f"{checkout.parent}/mine\n"


def test_root_installs_a_browser(checkout):
    program(checkout.parent / "bin" / "id", "echo 0")
    browser = checkout.parent / "bin" / "chromium"
    program(checkout.parent / "made" / "chromium", "echo Chromium 150")
    program(
        checkout.parent / "bin" / "apt-get",
        f'case "$*" in *install*chromium) /bin/cp "{checkout.parent}/made/chromium" "{browser}" ;; esac',
    )
    done = run(checkout, "browser.sh")
    assert (done.returncode, done.stdout) == (0, f"{browser}\n")


def test_a_browser_that_cannot_be_had_is_named(checkout):
    program(checkout.parent / "bin" / "id", "echo 1000")
    program(checkout / ".venv/bin/python", "exit 1")
    done = run(checkout, "browser.sh")
    assert (done.returncode, done.stdout) == (1, "")
    assert "  sudo apt-get install -y chromium\n" in done.stderr


@pytest.mark.parametrize("pins", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_can_be_had_on_the_oldest_python(pins):
    """A package may ask for a later one than its 3.11.0: Debian 12 stays at 3.11.2."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = f"{project['requires-python'].removeprefix('>=')}.0"
    names = re.findall(r"^([\w.-]+)(?:\[\w+\])?==", (ROOT / pins).read_text(), re.MULTILINE)
    asked = {name: metadata(name).get("Requires-Python") or "" for name in names}
    assert names
    assert {name: said for name, said in asked.items() if oldest not in SpecifierSet(said)} == {}
