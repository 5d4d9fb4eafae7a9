"""How a reply is to be drawn, in the words of OpenAI's wire: what a model does not take is left out, and named."""

import re
from typing import Any

from service.providers.base import Call

PARAMETERS = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop")
OPTIONAL = frozenset({*PARAMETERS, "max_tokens", "max_completion_tokens", "stream_options"})
"""What a question can be asked without."""

_THINKING_TOKENS = 4_096
_NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0}
"""Values that change nothing: they need neither be sent to a model that takes no others, nor be missed."""

# OpenAI's models that think before they speak. Later ones are not guessed at: they refuse what they do not take, and that is remembered.
_THINKERS = re.compile(r"^(ft:)?(o[134]|gpt-5)(-mini|-nano|-pro)?(-\d{4}-\d{2}-\d{2})?(:|$)")
_THINKERS_TAKE_NO = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty", "stop", "max_tokens"})


def thinkers_take_no(model: str) -> frozenset[str]:
    """What OpenAI documents that its reasoning models do not take; nothing for any other model."""
    return _THINKERS_TAKE_NO if _THINKERS.match(model) else frozenset()


def engine_takes_no(call: Call) -> frozenset[str]:
    """What the embedded engine does not take: it passes a presence penalty over, and makes a repetition penalty of 1 + the frequency's."""
    penalty = call.frequency_penalty
    return frozenset({"presence_penalty", "frequency_penalty"} if penalty is not None and penalty <= -1 else {"presence_penalty"})


def in_words_of_openai(name: str, call: Call, left_out: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """The parameters of a question without those left out, and a warning for each that would have made a difference."""
    wanted = {one: getattr(call, one) for one in PARAMETERS}
    chosen = {one: value for one, value in wanted.items() if value is not None and value != []}
    parameters = {one: value for one, value in chosen.items() if one not in left_out}
    missed = [one for one, value in chosen.items() if one in left_out and value != _NEUTRAL.get(one)]
    warnings = [f"{name}: {one} is not taken by this model and was left out" for one in missed]
    if "max_tokens" not in left_out:
        parameters["max_tokens"] = call.max_tokens
    elif "max_completion_tokens" not in left_out:
        parameters["max_completion_tokens"] = call.max_tokens + _THINKING_TOKENS
        warnings.append(f"{name}: max_tokens would bound thoughts and reply together; {_THINKING_TOKENS} were added for the thoughts")
    else:
        warnings.append(f"{name}: max_tokens is not taken by this model and was left out")
    if "stream_options" not in left_out:
        parameters["stream_options"] = {"include_usage": True}
    return parameters, warnings
