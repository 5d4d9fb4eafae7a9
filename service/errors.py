"""Every error that a person may see.

AttuneError
├── SettingsError       a setting is unknown or wrong                    exit 2
├── PersonaError        a persona file does not say what it must          exit 2
├── Invalid             a request that cannot be understood   400        exit 2
├── NotAuthenticated    no key, or a wrong one                401        exit 4
├── NotPermitted        the key may not do this               403        exit 4
├── NotFound            no such persona, version, exchange    404        exit 3
├── Conflict            it clashes with what is there         409        exit 7
├── Reused              a name given to another request       422        exit 7
├── RateLimited         too much in too short a time          429        exit 5
├── Unavailable         storage or service cannot answer now  503        exit 5
├── ProviderError       no provider could answer              502        exit 5
├── CurationError       a dataset could not be made                      exit 1
├── TrainingError       a training run failed                            exit 1
├── HostingError        a version could not be made servable             exit 1
├── ScoringError        candidate and champion could not be compared     exit 1
└── ArtifactError       weights or a dataset could not be kept or fetched exit 1

Messages are sentences that say what was wrong and, where there is one, the way out. They never hold a person's words or a secret.
"""

from collections.abc import Sequence


class AttuneError(Exception):
    """The root of the tree. `code` is stable and meant for programs, the message for people."""

    code = "internal_error"
    status = 500
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code:
            self.code = code


class SettingsError(AttuneError):
    """Shown at start: the service does not run on settings it does not understand."""

    code = "settings_invalid"
    exit_code = 2


class PersonaError(AttuneError):
    """Shown at start or by `attune persona check`, with file and line; `further` are the other mistakes of the same file."""

    code = "persona_invalid"
    exit_code = 2

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, further: Sequence[str] = ()) -> None:
        super().__init__(message, code=code, param=param)
        self.further = list(further)


class Invalid(AttuneError):
    """Shown to the caller of the API: the request must be changed before it is sent again."""

    code = "invalid_request"
    status = 400
    exit_code = 2


class NotAuthenticated(AttuneError):
    """Shown to a caller without a valid key or conversation token."""

    code = "invalid_api_key"
    status = 401
    exit_code = 4


class NotPermitted(AttuneError):
    """Shown to a caller whose key is valid but may not do this."""

    code = "not_permitted"
    status = 403
    exit_code = 4


class NotFound(AttuneError):
    """Shown when the thing named does not exist."""

    code = "not_found"
    status = 404
    exit_code = 3


class Conflict(AttuneError):
    """Shown when the request clashes with the present state."""

    code = "conflict"
    status = 409
    exit_code = 7


class Reused(AttuneError):
    """Shown to a caller who gave one `Idempotency-Key` to two different requests."""

    code = "idempotency_key_reused"
    status = 422
    exit_code = 7


class RateLimited(AttuneError):
    """Shown to a caller who asked for too much; after `wait` seconds there is room again."""

    code = "rate_limited"
    status = 429
    exit_code = 5

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, wait: float = 1.0) -> None:
        super().__init__(message, code=code, param=param)
        self.wait = wait


class Unavailable(AttuneError):
    """Shown when the service cannot answer now but may soon."""

    code = "unavailable"
    status = 503
    exit_code = 5


class ProviderError(AttuneError):
    """Shown when whoever should have answered did not."""

    code = "provider_failed"
    status = 502
    exit_code = 5


class CurationError(AttuneError):
    """Written into a receipt: no dataset was made, for example because personal data could not be looked for."""

    code = "curation_failed"


class TrainingError(AttuneError):
    """Written into a receipt: the training run ended without an adapter."""

    code = "training_failed"


class TrainingStopped(TrainingError):
    """A person asked to end the training run for good."""

    code = "training_stopped"


class HostingError(AttuneError):
    """Written into a receipt: the trained version could not be made servable."""

    code = "hosting_failed"


class ScoringError(AttuneError):
    """Written into a receipt: candidate and champion could not be compared on the held-out replies."""

    code = "scoring_failed"


class ArtifactError(AttuneError):
    """Written into a receipt, or shown by `attune artifacts`: weights or a dataset could not be kept, or came back other than they went."""

    code = "artifact_failed"
