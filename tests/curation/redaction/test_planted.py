"""The planted list: what has to go goes, what only looks like it stays."""

from types import ModuleType

from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.redaction.kinds import PLACEHOLDERS
from service.curation.redaction.redactor import Redactor, given_names

_TALK = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="-"), max_size=60)


def test_the_list_is_wide_enough(planted: ModuleType) -> None:
    """At least 200 values of ten countries or more, and 200 harmless texts."""
    rows = planted.load_planted()
    assert len({(row.kind, row.value, row.text) for row in rows}) >= 200
    assert len({row.country for row in rows}) >= 10
    assert len(set(planted.load_harmless())) >= 200
    assert {row.kind for row in rows} == set(PLACEHOLDERS) - {"name", "person"}


def test_recall_and_precision_of_every_kind(planted: ModuleType, redactor: Redactor) -> None:
    """At least 95 of 100 values of each kind are found, and at least 98 of 100 replacements were needed."""
    for kind, found in planted.measure(redactor).items():
        assert found.recall >= 0.95, kind
        assert found.precision >= 0.98, kind


def test_a_planted_value_is_replaced_by_its_placeholder_and_the_rest_stays(planted: ModuleType, redactor: Redactor) -> None:
    """What stood around the value stands around its placeholder, whatever the kind: nothing else is touched."""
    exact = [redactor.redact(row.text).text == row.text.replace(row.value, PLACEHOLDERS[row.kind]) for row in planted.load_planted()]
    assert sum(exact) >= 0.95 * len(exact)


def test_redacting_twice_changes_nothing(planted: ModuleType, redactor: Redactor) -> None:
    """A redacted text stays as it is, and nothing is counted in it."""
    for row in planted.load_planted():
        once = redactor.redact(row.text)
        assert redactor.redact(once.text) == (once.text, {}), row.kind


def test_names_in_conversations(planted: ModuleType, redactor: Redactor) -> None:
    """A name that was given goes from the reply, in any case, with and without its accents; the same word with another sense stays."""
    for row in planted.load_named():
        names = given_names([row.said])
        assert redactor.redact(row.reply, names).text == row.expected


@settings(max_examples=150, deadline=None)
@given(data=st.data(), before=_TALK, after=_TALK)
def test_a_planted_value_never_survives_among_other_talk(
    planted: ModuleType, redactor: Redactor, data: st.DataObject, before: str, after: str
) -> None:
    """Whatever stands on the lines around it, a planted value is not in the result."""
    row = data.draw(st.sampled_from([row for row in planted.load_planted() if len(row.value) > 6]))
    text = f"{before}\n{row.text}\n{after}"
    redacted = redactor.redact(text)
    assert row.value not in redacted.text
    assert redactor.redact(redacted.text) == (redacted.text, {})
