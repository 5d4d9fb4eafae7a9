"""One browser, one running Attune answered by a script, one site of somebody else: started once for all the tests of the widget."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from service.settings import Settings
from service.web.app import create_app
from tests.browser.line import Line
from tests.browser.site import Site
from tests.browser.speaker import Speaker
from tests.browser.visit import Visit
from tests.web.upstream import Served

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--force-color-profile=srgb"]
FRONTEND = Path(__file__).parents[2] / "service" / "web" / "frontend"
_UNLIMITED = dict.fromkeys(("limit_key", "limit_visitor", "limit_begin", "replies_key", "replies_visitor"), 0)
_PERSONA = """---
title: {title}
greeting: {greeting}
models: [script:speaker]
sampling: {{max_tokens: 16000}}
reply: {{strip_speaker: false, stop_at_other_speakers: false}}
ratings: {{up: [funny, caring], down: [misunderstood, mean, off_character, boring]}}
{more}
---
You are {title}.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser the tests of this folder are skipped, and say so."""
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="NO BROWSER: the widget was NOT tested. Install Debian's chromium"))


class Attune(NamedTuple):
    """A running service and what it speaks with."""

    url: str
    speaker: Speaker
    site: str
    personas: Path


def write_personas(folder: Path, site: str) -> Path:
    """Personas: `echo` for the site's pages, `anywhere` for all, `pair` that always gives two replies, `plain` that gives no reasons."""
    folder.mkdir(parents=True)
    widget = f'widget: {{origins: ["{site}"]}}'
    written = {
        "echo": ("Mira", "Good evening. How was your day?", widget),
        "anywhere": ("Anywhere", "Hello.", 'widget: {origins: ["*"]}'),
        "pair": ("Pair", "Hello.", f"{widget}\ncompare: {{share: 1}}"),
        "silent": ("Silent", "''", f"{widget}\nnotice: {{start: false}}"),
    }
    for name, (title, greeting, more) in written.items():
        (folder / f"{name}.md").write_text(_PERSONA.format(title=title, greeting=greeting, more=more))
    return folder


@pytest.fixture(scope="session")
def speaker() -> Iterator[tuple[Speaker, str]]:
    """The scripted model, and its base URL."""
    speaker = Speaker()
    with Served(speaker) as served:
        yield speaker, f"{served.url}/v1"


@pytest.fixture(scope="session")
def attune(speaker: tuple[Speaker, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attune]:
    """The service, and a site of somebody else (on another host name, so that a browser holds them for strangers)."""
    folder = tmp_path_factory.mktemp("browser")
    site = Site()
    (folder / "attune.toml").write_text(f'[providers.script]\nbase_url = "{speaker[1]}"\n')
    with Served(site) as served_site:
        address = f"http://localhost:{served_site.port}"
        personas = write_personas(folder / "personas", address)
        settings = Settings(home=folder / "data", personas=personas, providers=folder / "attune.toml", **_UNLIMITED)
        with Served(create_app(settings)) as served:
            site.attune = served.url
            yield Attune(served.url, speaker[0], address, personas)


@pytest.fixture
def limited(attune: Attune, speaker: tuple[Speaker, str], tmp_path: Path) -> Iterator[str]:
    """Another service, which lets a visitor say one thing a minute; its URL."""
    (tmp_path / "attune.toml").write_text(f'[providers.script]\nbase_url = "{speaker[1]}"\n')
    limits = {**_UNLIMITED, "limit_visitor": 1}
    settings = Settings(home=tmp_path / "data", personas=attune.personas, providers=tmp_path / "attune.toml", **limits)
    with Served(create_app(settings)) as served:
        yield served.url


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What drives browsers. It keeps an event loop running in this thread, so it ends with the module: other tests need their own."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser
    browser.close()


MakeVisit = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, attune: Attune) -> Iterator[MakeVisit]:
    """Visit a page as a new visitor (or, with `context`, in another tab of the same one).

    At the end, nothing may have been asked of any host but Attune and the site, no script of a reply may have run, and the browser may
    have complained of nothing; with `rough`, of nothing but connections.
    """
    visits: list[Visit] = []

    def make(address: str, context: BrowserContext | None = None, rough: bool = False, framed: bool = False, **options: Any) -> Visit:
        url = address if address.startswith("http") else attune.url + address
        known = (attune.url, attune.site, "/".join(url.split("/")[:3]))
        if context is None:
            options = {"viewport": {"width": 1000, "height": 760}, "reduced_motion": "reduce", "locale": "en-GB", **options}
            context = browser.new_context(**options)
            context.set_default_timeout(15_000)
        visits.append(Visit(context.new_page(), attune.speaker, known, rough))
        visits[-1].goto(url, framed)
        return visits[-1]

    yield make
    attune.speaker.go_on_everywhere()
    for made in visits:
        made.stop_looking()
    for context in {id(made.page.context): made.page.context for made in visits}.values():
        with suppress(Exception):
            context.close()
    for made in visits:
        made.check()


@pytest.fixture
def line(attune: Attune) -> Iterator[Line]:
    """A line to the service that can be cut."""
    with Line(int(attune.url.rpartition(":")[2])) as line:
        yield line


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe, which is installed where it is not there yet; skipped where there is no npm."""
    source = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
    with (Path(gettempdir()) / "attune-axe.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not source.is_file():
            if shutil.which("npm") is None:
                pytest.skip("NO NPM: the widget's accessibility was NOT tested. Install Debian's npm")
            subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=FRONTEND, check=True, capture_output=True, timeout=300)
    return source.read_text()
