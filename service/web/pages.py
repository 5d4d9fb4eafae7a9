"""What a browser opens: the hosted chat page at `/`, a persona alone for a frame at `/embed/{persona}`, and the widget's files.

Both pages hold nothing but the element, `<attune-chat>`, which a host page may use as well. They run no script but the widget's, load
nothing from elsewhere, and turn text into markup in two places only, which are named as Trusted Types policies.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from jinja2 import Environment, FileSystemLoader
from litestar import HttpMethod, MediaType, Request, Response, Router, route
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter

from service.personas.persona import Persona
from service.web.assets import Assets, served
from service.web.state import Desk

AnyRequest = Request[Any, Any, Any]
Theme = Literal["auto", "light", "dark"]
_HERE = Path(__file__).parent
_TEMPLATES = Environment(loader=FileSystemLoader(_HERE), autoescape=True)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types lit-html dompurify; frame-ancestors {ancestors}"
)
_READ = [HttpMethod.GET, HttpMethod.HEAD]


def page_routes(assets: Assets) -> Router:
    """The routes of the pages and of these files."""
    given = {"assets": Provide(lambda: assets, sync_to_thread=False)}
    return Router("/", route_handlers=[home, embed, widget, asset], dependencies=given, include_in_schema=False)


@route("/", http_method=_READ, media_type=MediaType.HTML)
async def home(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    assets: NamedDependency[Assets],
    persona: FromQuery[str] = "",
    lang: Annotated[str, QueryParameter(max_length=35)] = "",
    theme: FromQuery[Theme] = "auto",
) -> Response[str]:
    """The hosted chat page, with the persona asked for, or with all of them to choose from. Nobody may frame it."""
    return _page(request, assets, desk.personas.get(persona) if persona else None, lang, theme, "'none'")


@route("/embed/{name:str}", http_method=_READ, media_type=MediaType.HTML)
async def embed(
    request: AnyRequest,
    name: FromPath[str],
    desk: NamedDependency[Desk],
    assets: NamedDependency[Assets],
    lang: Annotated[str, QueryParameter(max_length=35)] = "",
    theme: FromQuery[Theme] = "auto",
) -> Response[str]:
    """A persona alone, for a frame on the pages of the sites that its file allows."""
    persona = desk.personas.get(name)
    origins = persona.settings.widget.origins
    ancestors = "*" if "*" in origins else " ".join(["'self'", *origins])
    return _page(request, assets, persona, lang, theme, ancestors)


@route("/widget.js", http_method=_READ)
async def widget(request: AnyRequest, assets: NamedDependency[Assets]) -> Response[bytes]:
    """The one script that a host page needs."""
    return served(request, assets.get("widget.js"))


@route("/assets/{path:path}", http_method=_READ)
async def asset(request: AnyRequest, path: FromPath[Path], assets: NamedDependency[Assets]) -> Response[bytes]:
    """A file that the widget or a page asks for later."""
    return served(request, assets.get(path.as_posix().lstrip("/")))


def _page(request: AnyRequest, assets: Assets, persona: Persona | None, lang: str, theme: Theme, ancestors: str) -> Response[str]:
    language = _language(lang or request.headers.get("accept-language", ""), assets)
    content = _TEMPLATES.get_template("page.html").render(
        persona=persona,
        language=language,
        direction=assets.languages.get(language, "ltr"),
        theme=theme,
        script=assets.address("widget.js"),
        integrity=assets.get("widget.js").integrity,
        style=assets.address("page.css"),
    )
    headers = {
        "content-security-policy": _POLICY.format(ancestors=ancestors),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
        "vary": "Accept-Language",
    }
    return Response(content, media_type=MediaType.HTML, headers=headers)


def _language(wanted: str, assets: Assets) -> str:
    """The first language of an `Accept-Language` that the widget speaks: `pt-BR` as `pt-br` or else as `pt`; English when there is none."""
    for tag in wanted.lower().split(",")[:20]:
        name = tag.partition(";")[0].strip()
        for candidate in (name, name.partition("-")[0]):
            if candidate == "en" or candidate in assets.languages:
                return candidate
    return "en"
