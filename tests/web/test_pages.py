"""What a browser opens: the page, a persona in a frame, the widget's files; and what is said where the widget was never built."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.web.assets import Assets
from tests.web.conftest import MakeHome, Run, Service
from tests.web.reading import complaint

SCRIPT = b"'widget';"
FILES = {
    "widget.js": SCRIPT,
    "highlight.js": b"export const highlighter = 1;",
    "locales/de.json": b'{"dir": "ltr", "send": "Senden"}',
    "locales/ar.json": '{"dir": "rtl", "send": "إرسال"}'.encode(),
    "locales/pt-br.json": b'{"dir": "ltr"}',
    "THIRD_PARTY_LICENSES": b"none",
}


def integrity(body: bytes) -> str:
    """The hash of a file as a script tag has it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


def write_dist(folder: Path) -> Path:
    """A small widget as the build leaves it."""
    parts = {"widget.js": "first", "highlight.js": "lazy"}
    listed = {}
    for name, body in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
        if name.endswith((".js", ".json")):
            listed[name] = {"part": parts.get(name, "locale"), "bytes": len(body), "integrity": integrity(body)}
    (folder / "manifest.json").write_text(json.dumps({"files": listed}))
    return folder


@pytest.fixture(scope="module")
def pages(make_home: MakeHome, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a small widget, whose persona `names` may be framed by two sites, and `silent` by all."""
    folder = tmp_path_factory.mktemp("pages")
    with make_home(folder / "home", personas=["echo", "names", "silent"]) as home:
        for name, origins in (("names", '["https://a.example", "http://b.example:8080"]'), ("silent", '["*"]')):
            file = home.settings.personas / f"{name}.md"
            file.write_text(file.read_text().replace("greeting:", f"widget: {{origins: {origins}}}\ngreeting:"))
        with run(home, assets=Assets(write_dist(folder / "dist"))) as service:
            yield service


@pytest.fixture
def browser(pages: Service) -> Iterator[httpx.Client]:
    """Anybody."""
    with pages.client() as anybody:
        yield anybody


def policy_of(answer: httpx.Response) -> dict[str, str]:
    """The page's Content Security Policy by directive."""
    return dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))


@pytest.mark.parametrize("path", ["/", "/?persona=echo", "/embed/echo"])
def test_a_page_may_do_nothing_but_run_its_widget(browser: httpx.Client, path: str) -> None:
    """Its own script, style and service, nothing inline, text into markup by two named policies only; and its address stays here."""
    page = browser.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = policy_of(page)
    assert {name: policy[name] for name in ("default-src", "base-uri", "form-action")} == dict.fromkeys(
        ("default-src", "base-uri", "form-action"), "'none'"
    )
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "lit-html dompurify"
    assert "unsafe" not in page.headers["content-security-policy"] and "http" not in policy["script-src"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in page.headers
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page.text)


@pytest.mark.parametrize("path", ["/", "/embed/echo"])
def test_everything_a_page_asks_for_is_there_and_its_own(browser: httpx.Client, path: str) -> None:
    """Script and style exist under the address that the page gives, may be kept for a year there, and the script has the promised hash."""
    page = browser.get(path).text
    wanted = [name for name in re.findall(r'(?:src|href)="([^"]+)"', page) if not name.startswith("data:")]
    assert [name.partition("?")[0] for name in wanted] == ["/assets/page.css", "/widget.js"]
    for name in wanted:
        found = browser.get(name)
        assert found.status_code == 200 and found.headers["cache-control"] == "public, max-age=31536000, immutable", name
    assert re.findall(r'integrity="([^"]+)"', page) == [integrity(SCRIPT)]


def test_the_page_offers_all_personas_or_the_one_asked_for(browser: httpx.Client) -> None:
    """Without a name the element has the choice; with one the page is that persona's, and an unknown one is a 404 in words."""
    assert '<attune-chat mode="page"' in browser.get("/").text
    named = browser.get("/?persona=names").text
    assert '<attune-chat persona="names" mode="page"' in named and "<title>Names · Attune</title>" in named
    assert "no persona 'ghost'" in complaint(browser.get("/?persona=ghost"), 404)
    assert "no persona 'ghost'" in complaint(browser.get("/embed/ghost"), 404)


@pytest.mark.parametrize(
    ("path", "ancestors"),
    [
        ("/", "'none'"),
        ("/embed/echo", "'self'"),
        ("/embed/names", "'self' https://a.example http://b.example:8080"),
        ("/embed/silent", "*"),
    ],
)
def test_only_allowed_sites_may_frame_a_persona(browser: httpx.Client, path: str, ancestors: str) -> None:
    """The page at `/` is framed by nobody, a persona by the service itself and by the sites of its file."""
    assert policy_of(browser.get(path))["frame-ancestors"] == ancestors


@pytest.mark.parametrize(
    ("query", "accepted", "language", "direction"),
    [
        ("", "", "en", "ltr"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de", "ltr"),
        ("", "fr,en;q=0.5,de;q=0.3", "en", "ltr"),
        ("?lang=ar", "de", "ar", "rtl"),
        ("?lang=pt-BR", "", "pt-br", "ltr"),
        ("?lang=xx", "de", "en", "ltr"),
        ('?lang="><script>', "", "en", "ltr"),
    ],
)
def test_a_page_speaks_the_readers_language(browser: httpx.Client, query: str, accepted: str, language: str, direction: str) -> None:
    """The language asked for, else the first of the browser's that the widget knows, else English; with its direction."""
    for path in ("/", "/embed/echo"):
        page = browser.get(f"{path}{query}", headers={"accept-language": accepted})
        assert f'<html lang="{language}" dir="{direction}"' in page.text
        assert f'lang="{language}"></attune-chat>' in page.text
        assert page.headers["vary"] == "Accept-Language"


def test_a_page_is_light_or_dark_as_asked(browser: httpx.Client) -> None:
    """`theme` goes to the element and to the page around it; another word is refused with those there are."""
    page = browser.get("/embed/echo?theme=dark").text
    assert 'data-theme="dark"' in page and 'theme="dark"' in page
    assert 'theme="auto"' in browser.get("/").text
    assert "theme" in complaint(browser.get("/?theme=pink"), 400)


def test_files_are_open_to_every_site_and_kept_for_a_while(browser: httpx.Client) -> None:
    """Under its plain name a file may be kept for five minutes and then asked for again by its tag; no browser guesses at its type."""
    for name, kind in (
        ("/widget.js", "text/javascript; charset=utf-8"),
        ("/assets/highlight.js", "text/javascript; charset=utf-8"),
        ("/assets/locales/de.json", "application/json"),
    ):
        first = browser.get(name, headers={"origin": "https://elsewhere.example"})
        assert first.headers["content-type"] == kind
        assert first.headers["cache-control"] == "public, max-age=300"
        assert first.headers["access-control-allow-origin"] == "*"
        assert first.headers["cross-origin-resource-policy"] == "cross-origin"
        assert first.headers["x-content-type-options"] == "nosniff"
        again = browser.get(name, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert browser.get(name, headers={"if-none-match": '"other"'}).status_code == 200
        assert browser.head(name).headers["etag"] == first.headers["etag"]


def test_only_the_present_content_is_kept_for_long(browser: httpx.Client) -> None:
    """`?v=` with the content's mark, or its first 8 characters, is kept for a year; any other is served, and kept for minutes."""
    mark = hashlib.sha256(SCRIPT).hexdigest()[:16]
    lasting = {
        version: "immutable" in browser.get(f"/widget.js?v={version}").headers["cache-control"]
        for version in (mark, mark[:8], "0" * 16, "", mark[:4])
    }
    assert lasting == {mark: True, mark[:8]: True, "0" * 16: False, "": False, mark[:4]: False}


def test_files_are_packed_for_who_can_unpack_them(browser: httpx.Client, pages: Service) -> None:
    """With gzip the same bytes come smaller, under another tag; caches are told that there are two."""
    plain = browser.get("/assets/page.css", headers={"accept-encoding": "identity"})
    with browser.stream("GET", "/assets/page.css", headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content and len(raw) < len(plain.content)
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


def test_no_file_outside_the_folder_is_served(browser: httpx.Client) -> None:
    """What is not built into the folder is a 404 in words, however it is asked for."""
    for name in ("/assets/other.js", "/assets/../pages.py", "/assets/%2e%2e/pages.py", "/assets//etc/passwd", "/assets/"):
        assert browser.get(name).status_code == 404, name
    assert "/assets/manifest.json" in complaint(browser.get("/assets/other.js"), 404)


def test_a_widget_that_was_never_built_is_said_in_words(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """The service starts and talks without it; page and script say what is missing and how to make it."""
    (tmp_path / "dist").mkdir()
    with (
        make_home(tmp_path / "home", personas=["echo"]) as home,
        run(home, assets=Assets(tmp_path / "dist")) as service,
        service.client() as anybody,
    ):
        for path in ("/", "/embed/echo", "/widget.js", "/assets/highlight.js"):
            answer = anybody.get(path)
            assert "make widget" in complaint(answer, 503)
            assert answer.json()["error"]["code"] == "widget_missing"
        assert anybody.post("/api/conversations", json={"persona": "echo"}).status_code == 201


def test_the_widget_that_comes_along_is_as_its_manifest_says() -> None:
    """Every file of `service/web/dist` that the manifest lists is there, with the size and the hash that it lists."""
    assets = Assets()
    listed = json.loads(assets.get("manifest.json").body)["files"]
    assert listed["widget.js"]["part"] == "first"
    for name, entry in listed.items():
        asset = assets.get(name)
        assert (len(asset.body), asset.integrity) == (entry["bytes"], entry["integrity"]), name
    assert b"lit" in assets.get("THIRD_PARTY_LICENSES").body
