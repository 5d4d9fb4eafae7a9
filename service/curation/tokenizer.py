"""The tokenizer of the base that is trained. Apart from what is counted with it: it brings the providers, which take a while to load."""

from service.providers.tokens import TokenCounter, TokenCounters
from service.settings import Settings


def counter_of(base: str, settings: Settings) -> TokenCounter | None:
    """The tokenizer of a base model that lies on this machine, None where it does not."""
    found = TokenCounters(settings).get(f"local:{base}")
    return None if type(found) is TokenCounter else found
