"""The wheel: everything a browser needs is in it, and nothing else is needed to serve it."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.processes import ROOT, answers, environment, free_port, running, until


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and nothing else of ours; what it depends on is lent by the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    place = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
    with ZipFile(wheel) as archive:
        archive.extractall(place)
    # A path in a .pth file: what is there is found, but no .pth file that is there, such as the one of the working tree.
    (place / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture(scope="module")
def served(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service as installed, on a machine without Node, started away from the working tree."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    env = {**environment(home, ATTUNE_PORT=str(port)), "PATH": str(installed / "bin"), "PYTHONSAFEPATH": "1"}
    env.pop("PYTHONPATH", None)
    url = f"http://127.0.0.1:{port}"
    with running([str(installed / "bin" / "python"), "-m", "service", "serve"], env, home / "serve.log") as process:
        until(lambda: answers(f"{url}/health/live") or process.poll() is not None, 60, "answer")
        assert process.poll() is None, (home / "serve.log").read_text()
        yield url


def test_the_wheel_holds_what_is_built_and_not_what_builds_it(wheel: Path) -> None:
    """Every file of `dist` is in it; the sources of the widget and their packages are not."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    dist = ROOT / "service" / "web" / "dist"
    wanted = {f"service/web/dist/{file.relative_to(dist).as_posix()}" for file in dist.rglob("*") if file.is_file()}
    assert wanted | {"service/web/page.html", "service/web/page.css"} <= names
    assert not [name for name in names if "node_modules" in name or name.startswith("service/web/frontend/")]


def test_the_installed_service_is_not_the_working_tree(installed: Path) -> None:
    """What the tests of this file run lies in its own environment, where there is no Node."""
    command = [str(installed / "bin" / "python"), "-P", "-c", "import service, shutil; print(service.__file__, shutil.which('node'))"]
    env = {**os.environ, "PATH": str(installed / "bin")}
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=installed, timeout=60).stdout
    assert said.startswith(str(installed)) and said.rstrip().endswith("None")


def test_the_page_and_its_widget_come_from_the_wheel(served: str) -> None:
    """Without Node there are the page, its script and all that the manifest lists, each with the hash that manifest and page promise."""
    with httpx.Client(base_url=served, timeout=30) as anybody:
        page = anybody.get("/").text
        script, promised = re.findall(r'<script src="([^"]+)" integrity="([^"]+)"', page)[0]
        listed = anybody.get("/assets/manifest.json").json()["files"]
        assert listed["widget.js"]["integrity"] == promised
        for name, path in [(name, f"/assets/{name}") for name in listed] + [("widget.js", script), ("widget.js", "/widget.js")]:
            body = anybody.get(path).content
            assert listed[name]["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode(), path
            assert listed[name]["bytes"] == len(body), path
