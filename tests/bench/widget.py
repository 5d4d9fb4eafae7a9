"""The widget's figures, for `make check`: what is in `dist` is what the manifest says, within its bounds, and what the sources build.

The first two need no Node. Where there is none, or its packages are not installed, the third is left out and that is said.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from service.web.assets import DIST, Assets, Entry, read_manifest

FRONTEND = Path(__file__).parents[2] / "service" / "web" / "frontend"
FIRST = "widget.js"
FIRST_MOST = 45_000
LAZY_MOST = 30_000
"""Bytes with gzip: of what every visitor loads, and of all that some visitors load later. A visitor loads one language at most."""


def main() -> int:
    """Say what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="install the packages that the build needs, if they are not there")
    install = parser.parse_args().install
    wrong = [*_unlike_manifest(DIST), *(_too_large(read_manifest((DIST / "manifest.json").read_bytes())) if _built(DIST) else [])]
    if not wrong:
        wrong = list(_unlike_sources(install))
    for words in wrong:
        print(f"widget: {words}")
    return 1 if wrong else 0


def _built(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / FIRST).is_file()


def _unlike_manifest(folder: Path) -> Iterator[str]:
    """What is not as the manifest says."""
    if not _built(folder):
        yield f"{folder} has no {FIRST} or no manifest.json. Build them: make widget"
        return
    assets = Assets(folder)
    for name, entry in read_manifest((folder / "manifest.json").read_bytes()).items():
        if not (folder / name).is_file():
            yield f"{name} is in the manifest and not in {folder}. Build it: make widget"
            continue
        asset = assets.get(name)
        if (asset.integrity, len(asset.body)) != (entry.integrity, entry.bytes):
            yield f"{name} is not the file that the manifest lists. Build it: make widget"


def _too_large(entries: dict[str, Entry]) -> Iterator[str]:
    """What weighs more than it may. Sizes are measured here, not believed."""
    assets = Assets(DIST)
    sizes = {name: len(assets.get(name).packed) for name in entries}
    lazy = [name for name, entry in entries.items() if entry.part == "lazy"]
    languages = [sizes[name] for name, entry in entries.items() if entry.part == "locale"]
    later = sum(sizes[name] for name in lazy) + max(languages, default=0)
    print(f"widget: first load {sizes[FIRST]:,} of {FIRST_MOST:,} bytes with gzip, later at most {later:,} of {LAZY_MOST:,}")
    if sizes[FIRST] > FIRST_MOST:
        yield f"{FIRST} has {sizes[FIRST]:,} bytes with gzip; it may have {FIRST_MOST:,}"
    if later > LAZY_MOST:
        yield f"{', '.join(lazy)} and a language have {later:,} bytes with gzip; they may have {LAZY_MOST:,}"


def _unlike_sources(install: bool) -> Iterator[str]:
    """Build into an empty folder and compare byte by byte."""
    node, packages = shutil.which("node"), FRONTEND / "node_modules"
    if node is None:
        print("widget: NO NODE on this machine. That dist is what the sources build was NOT checked.")
        return
    if not packages.is_dir():
        if not install:
            print("widget: NO PACKAGES for Node (make widget installs them). That dist is what the sources build was NOT checked.")
            return
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FRONTEND, check=True, stdout=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "frontend"
        shutil.copytree(FRONTEND, copy, ignore=shutil.ignore_patterns("node_modules", ".tests"))
        (copy / "node_modules").symlink_to(packages, target_is_directory=True)
        built = subprocess.run(
            [node, "build.mjs"], cwd=copy, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
        )
        if built.returncode:
            yield f"the build fails: {built.stderr.strip()[-2000:]}"
            return
        yield from _differences(Path(folder) / "dist")
        print("widget: dist is what the sources build")


def _differences(fresh: Path) -> Iterable[str]:
    names = sorted(file.relative_to(fresh).as_posix() for file in fresh.rglob("*") if file.is_file())
    _, other, missing = filecmp.cmpfiles(fresh, DIST, names, shallow=False)
    return [f"{name} is not what the sources build. Build it: make widget" for name in (*other, *missing)]


if __name__ == "__main__":
    sys.exit(main())
