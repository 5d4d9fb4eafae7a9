"""Whether a version answers, through the very provider that will serve it: asked before it counts as hosted."""

from service.errors import HostingError, ProviderError
from service.hosting.base import Hosted
from service.personas.persona import Persona
from service.providers.base import Call, Turn
from service.providers.catalog import Providers, served_name
from service.settings import Settings

_MESSAGES = ("Hi.", "I had a long day.", "What should I do next?")


async def require_answers(settings: Settings, hosted: Hosted, persona: Persona) -> None:
    """Have it answer three messages under the persona's prompt; `HostingError` when a reply does not come or is empty."""
    providers = Providers(settings)
    try:
        for message in _MESSAGES:
            try:
                call = _call(served_name(hosted.provider, hosted.model, settings), persona, message)
                reply = "".join([piece.text async for piece in providers.get(hosted.provider).stream(call)])
            except ProviderError as error:
                raise HostingError(f"The version does not answer through its provider {hosted.provider}: {error.message}") from error
            if not reply.strip():
                raise HostingError(f"The version answered through its provider {hosted.provider} without a word.")
    finally:
        await providers.close()


def _call(model: str, persona: Persona, message: str) -> Call:
    sampling = persona.settings.sampling
    return Call(
        model=model,
        messages=[Turn("system", persona.prompt()), Turn("user", message)],
        max_tokens=min(sampling.max_tokens, 64),
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        seed=0,
        stop=sampling.stop,
        insist=True,
    )
