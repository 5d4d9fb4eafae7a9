"""Reasoning and chat templates in a reply: what belongs to the model's machinery and to no conversation.

Blocks of reasoning (`<think> ... </think>` and their kin) are cut out. A lone closing tag goes too; what a model thought before it was
shown by then and stays, as no reader of a stream can know beforehand that a text without an opening tag is a thought.
A mark of a chat template (`<|im_end|>`, `[INST]`, `</s>`, a line `### Human:`) ends the reply, for the model has begun to play
the whole conversation. At the very beginning, marks that open the model's own turn (`<|im_start|>assistant`) are only taken off.
"""

import re

import regex

_CLOSINGS = {f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "reasoning")} | {"[think]": "[/think]"}
_FINAL = "<|channel|>final<|message|>"
_SPECIAL = (
    # Of ChatML, Llama 3, Phi, Granite, Command, gpt-oss and others; DeepSeek writes them with wide bars.
    r"<[|｜][\w▁]{1,40}[|｜]>",
    # Of Llama 2 and Mistral.
    r"</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]|\[TOOL_CALLS\]",
    # Of Gemma.
    r"<(?:start_of_turn|end_of_turn|bos|eos)>",
)
_HEADING = r"#{2,4}[ \t]?(?:Instruction|Human|User|Assistant|System)[ \t]?:"
_OWN_TURN = (
    r"<s>|<bos>|\[/INST\]|<\|begin_of_text\|>|<｜begin▁of▁sentence｜>",
    r"<\|(?:im_start|start)\|>assistant|<\|(?:start_header_id|start_of_role)\|>assistant<\|(?:end_header_id|end_of_role)\|>",
    r"<[|｜]assistant[|｜]>|<start_of_turn>model|<\|START_OF_TURN_TOKEN\|><\|CHATBOT_TOKEN\|>",
    r"#{2,4}[ \t]?(?:Response|Assistant)[ \t]?:",
    regex.escape(_FINAL),
)


def _compiled(**patterns: str) -> "regex.Pattern[str]":
    return regex.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items()), regex.IGNORECASE | regex.ASCII)


_AT_FIRST = _compiled(own="|".join(_OWN_TURN), analysis=r"<\|channel\|>(?:analysis|commentary)<\|message\|>", stop=_HEADING)
_WITHIN = _compiled(
    thought="|".join(regex.escape(tag) for tag in _CLOSINGS),
    lone="|".join(regex.escape(tag) for tag in _CLOSINGS.values()),
    stop="|".join((*_SPECIAL, rf"\n{_HEADING}")),
)
_ENDS = {tag: _compiled(end=regex.escape(tag)) for tag in (*_CLOSINGS.values(), _FINAL)}
_BLANK = re.compile(r"\s*")


class Machinery:
    """Takes its marks out of a reply; `stopped` says that one of them ended it. What comes out never depends on how the text was cut."""

    def __init__(self) -> None:
        self.stopped = False
        self._rest = ""
        self._end: regex.Pattern[str] | None = None
        self._fresh = True

    @property
    def idle(self) -> bool:
        """Whether words without `<`, `[` and a line break would pass as they are."""
        return not (self._rest or self._end or self._fresh)

    def feed(self, piece: str, *, ended: bool = False) -> str:
        """Take the next piece; return what is certainly no mark, no thought, and no beginning of either."""
        text, self._rest = self._rest + piece, ""
        said: list[str] = []
        at = 0
        while at < len(text) and not self.stopped:
            if self._fresh and self._end is None:
                at = _blank_end(text, at)
            found = self._find(text, at, ended)
            start = found.start() if found else len(text)
            if self._end is None and start > at:
                self._fresh = False
                said.append(text[at:start])
            if found is None:
                break
            if found.partial:
                self._rest = text[start:]
                break
            self._obey(found)
            at = found.end()
        return "".join(said)

    def _find(self, text: str, at: int, ended: bool) -> "regex.Match[str] | None":
        """The next mark, or at the end of the text what may become one."""
        # Not `concurrent`: to let other threads run for so short a look costs more than the look.
        if self._end is not None:
            return self._end.search(text, at, partial=not ended, concurrent=False)
        first = _AT_FIRST.match(text, at, partial=not ended, concurrent=False) if self._fresh else None
        return first or _WITHIN.search(text, at, partial=not ended, concurrent=False)

    def _obey(self, mark: "regex.Match[str]") -> None:
        if self._end is not None:
            self._end = None
        elif mark.lastgroup == "stop":
            self.stopped = True
        elif mark.lastgroup == "thought":
            self._end = _ENDS[_CLOSINGS[mark[0].lower()]]
        elif mark.lastgroup == "analysis":
            self._end = _ENDS[_FINAL]


def _blank_end(text: str, at: int) -> int:
    """Where blank space that begins at `at` ends."""
    found = _BLANK.match(text, at)
    return found.end() if found else at
