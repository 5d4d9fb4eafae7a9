"""A persona: the settings of its front matter, its system prompt, and the fingerprint of every text it speaks under."""

import hashlib
import traceback
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from jinja2 import TemplateSyntaxError

from service.errors import PersonaError
from service.personas.lorebook import Lorebook
from service.personas.sandbox import render

UNRENDERABLE = "prompt_unrenderable"
"""The code of the one complaint that may quote from the prompt."""

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_Model = Annotated[str, msgspec.Meta(pattern=r"^[^:\s]+:\S+$")]
_Origin = Annotated[str, msgspec.Meta(pattern=r"^(\*|https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?)$")]
_Link = Annotated[str, msgspec.Meta(pattern=r"^(https://|tel:|sms:)\S+$")]
_Region = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
_Words = Annotated[str, msgspec.Meta(min_length=1)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mapping of the front matter: unknown keys are refused."""


class Sampling(_Section, frozen=True, kw_only=True):
    """How replies are drawn; `max_tokens` bounds the reply."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: _Share | None = None
    max_tokens: _Positive = 256
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    seed: int | None = None
    stop: list[str] = []


class Memory(_Section, frozen=True, kw_only=True):
    """How much of the conversation the model is shown, in tokens; a running summary of what fell out; facts a person asked to keep."""

    max_tokens: _Positive = 2000
    summary: bool = False
    facts: bool = True


class ReplyRules(_Section, frozen=True, kw_only=True):
    """What is cleaned out of a reply."""

    strip_speaker: bool = True
    stop_at_other_speakers: bool = True
    stage_directions: Literal["keep", "cut"] = "keep"


class RatingReasons(_Section, frozen=True, kw_only=True):
    """The stable keys a person may give as reasons."""

    up: list[str] = []
    down: list[str] = []


class Minimum(_Section, frozen=True, kw_only=True):
    """How many samples a night needs: `liked` for training at all, `each_label` for learning from both thumbs."""

    liked: _Count = 50
    each_label: _Count = 20


class Budget(_Section, frozen=True, kw_only=True):
    """What a night may cost: `samples` is the most rows trained on, `tokens` the most of one row, `dollars` what a paid trainer may ask."""

    minutes: Annotated[float, msgspec.Meta(gt=0)] = 120
    samples: _Positive = 4_000
    tokens: Annotated[int, msgspec.Meta(ge=16)] = 1_024
    dollars: Annotated[float, msgspec.Meta(ge=0)] = 10


class Caps(_Section, frozen=True, kw_only=True):
    """The most samples of one person, of one conversation, of one person in one day, and of one cluster of near-duplicates; 0 is no cap.

    `opening` is the largest share of liked replies that may begin with the same words, `word` that may have the same word in them, the
    commonest words of a language aside.
    """

    person: _Count = 200
    conversation: _Count = 20
    day: _Count = 50
    alike: _Count = 3
    opening: _Share = 0.25
    word: _Share = 0.5


class Trust(_Section, frozen=True, kw_only=True):
    """Whose ratings wait for the owner: of people with fewer than `new_person` rated exchanges, `burst` or more by one person within a
    minute, of one person who gave more than the share `sweep` of all likes or of all dislikes, and of one who likes so little of what
    others like that chance would have it with the odds `contrary` at most. 0 switches a rule off.
    """

    new_person: _Count = 3
    burst: _Count = 30
    sweep: _Share = 0.5
    contrary: _Share = 0.001


class Mix(_Section, frozen=True, kw_only=True):
    """Shares of the rows trained on. `seeds`, `imported` and `synthetic` are upper bounds, `replay` and `safety` are aimed at."""

    seeds: _Share = 0.4
    imported: _Share = 0.5
    replay: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.1
    safety: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.03
    synthetic: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.0


class Redaction(_Section, frozen=True, kw_only=True):
    """How personal data is found: the countries whose telephone numbers are known without a prefix, and whether Presidio looks too."""

    regions: Annotated[tuple[_Region, ...], msgspec.Meta(min_length=1)] = ("US", "GB", "DE")
    presidio: bool = False


Quantization = Literal["auto", "none", "8bit", "4bit"]
"""How the base's weights are held while training; `auto` is as they are if the machine has the memory, and smaller if not."""


class Tuning(_Section, frozen=True, kw_only=True):
    """Hyper-parameters; what is not set follows from the size of the base and of the dataset. `rank`, `alpha` and `dropout` are LoRA's,
    `beta` is KTO's and DPO's; `batch` is rows per step.
    """

    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=0.1)] | None = None
    epochs: Annotated[int, msgspec.Meta(ge=1, le=50)] | None = None
    batch: Annotated[int, msgspec.Meta(ge=2, le=1024)] | None = None
    rank: Annotated[int, msgspec.Meta(ge=1, le=512)] | None = None
    alpha: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] | None = None
    beta: Annotated[float, msgspec.Meta(gt=0, le=2)] | None = None
    quantization: Quantization = "auto"
    gradient_checkpointing: bool | None = None


class Learning(_Section, frozen=True, kw_only=True):
    """Who trains, from what, where it is served, on what, and when there is enough to train on.

    `trainer` is `local`, `openai` or a provider of attune.toml that speaks OpenAI's fine-tuning API; `host` is `engine`, `ollama`, or a
    provider of attune.toml that can be given adapters. `sweep` lists settings to try instead of `tuning`: the one that tells the holdout's
    liked from disliked replies best is kept.
    `system_prompt` is the prompt a sample is trained with; `holdout` the share of openings that is never trained on; `surprise` how far
    (in median absolute deviations) a reply may be less likely to the base than most before it waits for review, 0 is any; `amplifier`
    the model (`provider:model`) that paraphrases messages for `mix.synthetic`.
    """

    trainer: str = "local"
    base: str = "starter"
    host: str = "engine"
    method: Literal["auto", "sft", "kto", "dpo"] = "auto"
    tuning: Tuning = Tuning()
    sweep: Annotated[list[Tuning], msgspec.Meta(max_length=12)] = []
    system_prompt: Literal["in_force", "current", "none"] = "in_force"
    minimum: Minimum = Minimum()
    budget: Budget = Budget()
    caps: Caps = Caps()
    trust: Trust = Trust()
    mix: Mix = Mix()
    redaction: Redaction = Redaction()
    holdout: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.2
    surprise: Annotated[float, msgspec.Meta(ge=0)] = 8
    amplifier: _Model | None = None


Language = Literal["en", "de", "fr", "es", "it", "nl", "pt"]


class ReplyExpectations(_Section, frozen=True, kw_only=True):
    """What every reply of the persona is to be like: its length in words (`max_words` 0 is no bound), its language, phrases that never
    stand in it, and at least which share of the replies asks something.
    """

    min_words: _Count = 1
    max_words: _Count = 0
    language: Language | None = None
    banned: list[_Words] = []
    asks: _Share = 0.0


class GateRules(_Section, frozen=True, kw_only=True):
    """What a candidate must show. `canary` is the share of new conversations that try it first; 0 promotes at once. A canary lasts
    `canary_hours` at most, the watch after a promotion `watch_hours`; 0 hours watch nothing.

    `judge` is a model (`provider:model`) that chooses between replies. `worse_p` is how unlikely a loss must be by chance before it counts
    against a candidate; `margin` the share of probes, and `nats` the nats per token, by which it may be worse all the same. `codes` are
    strings planted in the persona's material to see that no version ever says them.
    """

    canary: _Share = 0.0
    canary_hours: Annotated[float, msgspec.Meta(gt=0, le=720)] = 72
    watch_hours: Annotated[float, msgspec.Meta(ge=0, le=720)] = 72
    judge: _Model | None = None
    worse_p: Annotated[float, msgspec.Meta(gt=0, lt=0.5)] = 0.05
    margin: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.05
    nats: Annotated[float, msgspec.Meta(ge=0, le=5)] = 1.0
    replies: ReplyExpectations = ReplyExpectations()
    codes: list[_Words] = []


class WidgetRules(_Section, frozen=True, kw_only=True):
    """Which sites may put the widget on their pages: `https://example.org`, as a browser writes an origin, or `*` for every site."""

    origins: list[_Origin] = []


class Notice(_Section, frozen=True, kw_only=True):
    """When the widget says that this is an AI: at the start of a conversation, and again after so many hours of it."""

    start: bool = True
    hours: Annotated[float, msgspec.Meta(gt=0, le=24)] = 3


class CompareRules(_Section, frozen=True, kw_only=True):
    """The share of visitors' messages that get two replies, side by side, to choose from."""

    share: _Share = 0.0


class CrisisLink(_Section, frozen=True, kw_only=True):
    """Where help is: a page (`https://`), a telephone (`tel:`) or a text message (`sms:`)."""

    label: _Words
    href: _Link


class Crisis(_Section, frozen=True, kw_only=True):
    """The card that is shown to somebody who speaks of harming themselves; what is empty here is said in words of our own."""

    title: str = ""
    text: str = ""
    links: list[CrisisLink] = []


class PersonaSettings(_Section, frozen=True, kw_only=True):
    """The whole front matter of a persona file."""

    title: Annotated[str, msgspec.Meta(min_length=1)]
    greeting: str = ""
    models: Annotated[list[_Model], msgspec.Meta(min_length=1)]
    variables: dict[str, str] = {}
    sampling: Sampling = Sampling()
    memory: Memory = Memory()
    examples: _Count = 0
    reply: ReplyRules = ReplyRules()
    ratings: RatingReasons = RatingReasons()
    learning: Learning = Learning()
    gate: GateRules = GateRules()
    widget: WidgetRules = WidgetRules()
    notice: Notice = Notice()
    compare: CompareRules = CompareRules()
    crisis: Crisis = Crisis()


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """A persona as read from its file: `name` is the file's, `template` the body, which begins in `line` of `origin`.

    `text` is the whole file; `safety` the text that the folder's personas are served with, and never trained with;
    `lorebook` what it knows about its world.
    """

    name: str
    settings: PersonaSettings
    template: str
    origin: str = ""
    line: int = 1
    text: str = ""
    safety: str = ""
    lorebook: Lorebook | None = None

    @property
    def revision(self) -> str:
        """The fingerprint of the file's text."""
        return fingerprint(self.text)

    def prompt(self, variables: Mapping[str, Any] | None = None) -> str:
        """Render the system prompt; raise `PersonaError` when the template is wrong or asks for a variable that nobody gives."""
        values = {"char": self.settings.title, **self.settings.variables, **(variables or {})}
        try:
            return render(self.template, values).strip()
        except Exception as error:  # a template can raise anything: {{ 1 / 0 }}
            line = self.line + _template_line(error) - 1
            raise PersonaError(f"{self.origin or self.name}:{line}: the prompt cannot be rendered: {error}", code=UNRENDERABLE) from error


def _template_line(error: Exception) -> int:
    """The line of the template, counted from 1, where the error came up: Jinja puts templates into the traceback as files."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return (lines[-1] if lines else None) or 1


def fingerprint(prompt: str) -> str:
    """The name of a rendered prompt: the first 16 hexadecimal characters of its SHA-256."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]
