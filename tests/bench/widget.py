"""The widget's figures, for `make check`: what is in `dist` is what the manifest says, within its bounds, and what the sources build.

The first two need no Node. Where there is none the third is left out, and that is said.
"""

import filecmp
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from service.web.assets import DIST, Assets, read_manifest

FRONTEND = Path(__file__).parents[2] / "service" / "web" / "frontend"
FIRST = "widget.js"
FIRST_MOST = 45_000
LAZY_MOST = 30_000
"""Bytes with gzip: of what every visitor loads, and of all that some visitors load later. A visitor loads one language at most."""


def main() -> int:
    """Say what is wrong; 1 if anything is."""
    wrong = [*_unlike_manifest(DIST)] or [*_too_large(DIST), *_unlike_sources(DIST)]
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


def _too_large(folder: Path) -> Iterator[str]:
    """What weighs more than it may. Sizes are measured here, not believed."""
    assets, entries = Assets(folder), read_manifest((folder / "manifest.json").read_bytes())
    sizes = {name: len(assets.get(name).packed) for name in entries}
    lazy = [name for name, entry in entries.items() if entry.part == "lazy"]
    languages = [sizes[name] for name, entry in entries.items() if entry.part == "locale"]
    later = sum(sizes[name] for name in lazy) + max(languages, default=0)
    print(f"widget: first load {sizes[FIRST]:,} of {FIRST_MOST:,} bytes with gzip, later at most {later:,} of {LAZY_MOST:,}")
    if sizes[FIRST] > FIRST_MOST:
        yield f"{FIRST} has {sizes[FIRST]:,} bytes with gzip; it may have {FIRST_MOST:,}"
    if later > LAZY_MOST:
        yield f"{', '.join(lazy)} and a language have {later:,} bytes with gzip; they may have {LAZY_MOST:,}"


def _unlike_sources(folder: Path) -> Iterator[str]:
    """Build into an empty folder and compare byte by byte."""
    node, npm, packages = shutil.which("node"), shutil.which("npm"), FRONTEND / "node_modules"
    if node is None or npm is None:
        print("widget: NO NODE on this machine. Whether the sources build what is in dist was NOT checked.")
        return
    if not packages.is_dir():
        print("widget: installing what builds it ...")
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        if subprocess.run(command, cwd=FRONTEND, check=False).returncode:
            yield "what builds it could not be installed, see above; so whether the sources build what is in dist was not checked"
            return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "frontend"
        shutil.copytree(FRONTEND, copy, ignore=shutil.ignore_patterns("node_modules", ".tests"))
        (copy / "node_modules").symlink_to(packages, target_is_directory=True)
        built = subprocess.run([node, "build.mjs"], cwd=copy, capture_output=True, text=True, check=False)
        if built.returncode:
            yield f"the build fails: {built.stderr.strip()[-2000:]}"
            return
        fresh = Path(place) / "dist"
        names = _files(fresh)
        same, other, missing = filecmp.cmpfiles(fresh, folder, names, shallow=False)
    yield from (f"{name} is not what the sources build. Build it: make widget" for name in (*other, *missing))
    yield from (f"{name} is in {folder}, and nothing builds it. Remove it" for name in _files(folder) if name not in names)
    print(f"widget: the sources build {len(same)} of {len(names)} files of dist to the byte")


def _files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
