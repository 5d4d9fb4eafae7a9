"""The prompt of a persona that came as a Character Card: one section for each field, under a comment that names it.

    {# card: description -#}
    A retired lighthouse keeper ...

So an edited prompt finds its way back into the fields of the card.
"""

import re

from service.personas.card import Card
from service.personas.card_macros import ORIGINAL, as_template

SECTIONS = ("system_prompt", "description", "personality", "scenario", "post_history_instructions")
_LABELS = {"personality": "Personality: ", "scenario": "Scenario: "}
_OWN_WORDS = {"system_prompt": "You are {{char}}. You talk with {{user}}. Write only what {{char}} says and does."}
"""What stands in for a field that is empty, and where a field asks for {{original}}."""

_MARK = re.compile(rf"^\{{# card: ({'|'.join(SECTIONS)}) -#\}}$", re.MULTILINE)


def card_prompt(card: Card) -> str:
    """The template of the persona's prompt."""
    sections = {field: card_section(card, field) for field in SECTIONS}
    return "\n\n".join(f"{{# card: {field} -#}}\n{_LABELS.get(field, '')}{text}" for field, text in sections.items() if text)


def card_section(card: Card, field: str) -> str:
    """The template of one section without its label; empty when the card has nothing to say there."""
    own = _OWN_WORDS.get(field, "")
    return as_template(ORIGINAL.sub(lambda _: own, getattr(card, field))).strip() or as_template(own)


def read_sections(template: str) -> dict[str, str]:
    """The template of each section, without its label, as the prompt has them now.

    What stands before the first comment, or without any, belongs to the description.
    """
    before, *parts = _MARK.split(template)
    sections: dict[str, str] = {}
    for field, text in zip(("description", *parts[::2]), (before, *parts[1::2]), strict=True):
        told = text.strip().removeprefix(_LABELS.get(field, "").strip()).strip() if field in _LABELS else text.strip()
        sections[field] = "\n\n".join(filter(None, (sections.get(field), told)))
    return sections
