"""Whether an account may train a base, what it costs, and what the vendor's errors mean, in sentences for a receipt."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import openai
from openai import OpenAI

from service.errors import TrainingError
from service.providers.prices import training_price

OPENAI = "api.openai.com"
_LAST_DAY = date(2027, 1, 6)  # from then on nobody can create a job at OpenAI itself (its page on deprecations, read 2026-11-20)
_SOON = timedelta(days=30)
_NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached"}


def price_of(base: str, tokens: int, host: str) -> float | None:
    """What training so many tokens costs, in dollars; None where nobody told us the price."""
    price = training_price(base)
    return tokens * price / 1_000_000 if price is not None and OPENAI in host else None


def check_account(client: OpenAI, base: str, today: date | None = None) -> None:
    """Ask for the base; raise `TrainingError` when the account cannot be reached, or the base will not be there to be served."""
    today = today or datetime.now(UTC).date()
    if OPENAI in str(client.base_url) and today >= _LAST_DAY:
        raise TrainingError(
            "OpenAI has closed its fine-tuning: nobody can create a job there since 2027-01-06. Set learning.trainer to local, or to a "
            "host that still trains."
        )
    with told(f"ask for the base model {base}"):
        try:
            model = client.models.retrieve(base)
        except openai.NotFoundError as error:
            raise TrainingError(
                f"There is no base model '{base}' for this account. Set learning.base to one that can be trained."
            ) from error
    ends = _date_of(getattr(model, "shutdown_date", None))
    if ends and ends <= today + _SOON:
        raise TrainingError(
            f"The base model {base} is shut down on {ends}, and what is trained on it with it. Set learning.base to one that stays."
        )


def is_passing(error: BaseException | None) -> bool:
    """Whether it is worth asking again: the host is away, ill or busy, and the account is in order."""
    if isinstance(error, openai.RateLimitError):
        return error.code not in _NO_MONEY
    return isinstance(error, openai.APIConnectionError | openai.InternalServerError)


@contextmanager
def told(what: str) -> Iterator[None]:
    """The client's errors in our words. What the vendor says of a job is quoted; what it says of a row is not."""
    try:
        yield
    except openai.PermissionDeniedError as error:
        if error.code == "training_not_available":
            raise TrainingError(
                "This account may not train any more: OpenAI is winding its fine-tuning down. Set learning.trainer to local, or to a host "
                "that still trains."
            ) from error
        raise TrainingError(
            f"The account is not allowed to {what} ({error.code or error.status_code}). Check the key's permissions."
        ) from error
    except openai.AuthenticationError as error:
        raise TrainingError(f"The key was refused, so it cannot {what}. Check OPENAI_API_KEY, or the provider's key_env.") from error
    except openai.RateLimitError as error:
        if error.code in _NO_MONEY:
            raise TrainingError(f"The account has no money left to {what}. Raise its limit, and run the night again.") from error
        raise TrainingError(f"The host is asked too often to {what} now. Run the night again later.") from error
    except openai.BadRequestError as error:
        raise TrainingError(f"The host refuses to {what}: {_sentence(error)}") from error
    except openai.NotFoundError as error:
        raise TrainingError(f"The host knows no way to {what}. Check the base URL, and that the host trains.") from error
    except openai.APIStatusError as error:
        raise TrainingError(f"The host failed to {what} ({error.status_code}). Run the night again later.") from error
    except openai.APIConnectionError as error:
        raise TrainingError(f"The host cannot be reached to {what}. Check the network and the base URL.") from error
    except openai.OpenAIError as error:
        raise TrainingError(f"The host was asked to {what} and gave no answer of this API ({type(error).__name__}).") from error


def _date_of(said: object) -> date | None:
    try:
        return date.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None


def _sentence(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return f"{str(body.get('message') or error.code or error.status_code).strip().rstrip('.')}."
