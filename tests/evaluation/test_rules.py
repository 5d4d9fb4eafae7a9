"""A persona's own rules for replies, and how much of a reply was learned by heart."""

import pytest

from service.evaluation.copying import TrainingText
from service.evaluation.rules import broken_rules, language_of, question_share
from service.personas.persona import ReplyExpectations


@pytest.mark.parametrize(
    ("rules", "reply", "broken"),
    [
        ({}, "Anything goes.", []),
        ({}, "", ["min_words"]),
        ({"min_words": 3}, "Too short.", ["min_words"]),
        ({"max_words": 3}, "This is too long.", ["max_words"]),
        ({"banned": ["as an AI language model"]}, "As an AI  language model, I cannot.", ["banned"]),
        ({"banned": ["don't"]}, "I don’t know.", ["banned"]),
        ({"language": "en"}, "Das ist nicht gut für dich, und ich bin da.", ["language"]),
        ({"language": "de"}, "Das ist nicht gut für dich, und ich bin da.", []),
        ({"language": "en"}, "Ja.", []),
        ({}, "Friend: Hello!\nBen: Hi.", ["other_speaker"]),
        ({}, "Friend: Hello!", []),
        ({}, "One thing: be kind.", []),
        ({"max_words": 2, "banned": ["moon"]}, "The moon is up.", ["max_words", "banned"]),
    ],
)
def test_each_rule_is_told_by_its_name(rules: dict[str, object], reply: str, broken: list[str]) -> None:
    """What a reply breaks is named; what cannot be told, such as the language of one word, is not held against it."""
    assert broken_rules(ReplyExpectations(**rules), reply, "Friend") == broken


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What do you want to do with it today?", "en"),
        ("Was willst du heute mit dem Hund machen?", "de"),
        ("Je ne sais pas ce que tu veux dire.", "fr"),
        ("No sé qué es lo que te pasa hoy.", "es"),
        ("Non so che cosa ti è successo, ma io sono qui.", "it"),
        ("Ik weet niet wat je met het brood hebt gedaan.", "nl"),
        ("Eu não sei o que você quer fazer com isso.", "pt"),
        ("Haha!", None),
        ("Tokyo Berlin Paris London Rome", None),
    ],
)
def test_a_language_is_told_by_its_small_words(text: str, language: str | None) -> None:
    """Seven languages are known; a name or a laugh is none."""
    assert language_of(text) == language


def test_questions_are_counted() -> None:
    """The share of replies that ask; of none, none."""
    assert question_share(["How?", "So.", "Why? Well.", "No."]) == 0.5
    assert question_share([]) == 0.0


def test_a_reply_learned_by_heart_is_copied() -> None:
    """Word for word, whatever the marks and capitals; a common phrase in a reply of one's own is not a copy, nor is a short one."""
    text = TrainingText(["My cat sleeps on the warm stove all day long.", "Go slowly, one step at a time, and rest."])

    assert text.is_copied("my cat sleeps on the warm stove all day long")
    assert text.is_copied("Sleeps on the warm stove all day")
    assert text.longest_run("Well, my cat sleeps on the warm stove.") == 7
    assert not text.is_copied("I think you should go slowly, one step at a time, and then tell me how it went with the others.")
    assert not text.is_copied("Go slowly.")
    assert text.longest_run("Nothing of this was ever said there.") == 0
