"""Redaction of any text: it never raises, settles, keeps placeholders, and takes time in proportion."""

import importlib.util
import pickle
import time
from collections.abc import Collection

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.curation.redaction.kinds import PLACEHOLDERS
from service.curation.redaction.reading import Reading
from service.curation.redaction.redactor import Redactor, given_names
from service.errors import CurationError

_PIECES = (
    "a", "Ann", "1", "07700 900461", "@", "example.com", "+1", "202-555-0123", "4111 1111 1111 1111", " ", "\n", ".", ":", "=", "://", "/",
    "password", "password is ", "my ssn ", "GB82 WEST 1234 5698 7654 32", "[email]", "[secret]", "[name]", "[", "]", "-", "192.168.1.1",
    "friend", "::1f", "eyJ", "-----BEGIN RSA PRIVATE KEY-----", "1 High Street", "my name is ", "١٢", "中", "ß", "İ", "\x00", "token=",
    "'s", "é",
)  # fmt: skip
_MADE = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)
_ANY = st.one_of(st.text(max_size=200), _MADE)
_NAMES = st.lists(
    st.sampled_from(["Ann", "Will", "Ann Lee", "lee ann", "friend", "李明", "José", "x", "", "1", "email", "a b"]), max_size=3
)
_NAME_PLACEHOLDERS = st.sampled_from(["[name]", "friend", "Ann Lee", "you", "x@example.com", "", "[", "1"])


@settings(max_examples=600, deadline=None)
@given(text=_ANY, names=_NAMES, placeholder=_NAME_PLACEHOLDERS)
def test_any_text_is_redacted_and_stays_so(redactor: Redactor, text: str, names: Collection[str], placeholder: str) -> None:
    """No text makes it raise; the same text gives the same result, and a redacted text is left alone, whatever the names are."""
    once = redactor.redact(text, names, placeholder)
    assert redactor.redact(text, names, placeholder) == once
    assert redactor.redact(once.text, names, placeholder) == (once.text, {})
    assert set(once.counts) <= set(PLACEHOLDERS)


@settings(max_examples=200, deadline=None)
@given(text=_ANY)
def test_names_can_be_looked_for_in_any_text(text: str) -> None:
    """No text makes it raise, and a name is never empty."""
    assert all(name.strip() for name in given_names([text]))


@settings(max_examples=200, deadline=None)
@given(text=_ANY)
def test_a_reading_is_as_long_as_its_text(text: str) -> None:
    """A place in what the finders read is the same place in the text."""
    reading = Reading(text)
    assert len(reading.plain) == len(reading.lower) == len(text)


def test_counts_say_how_many_of_each_kind(redactor: Redactor) -> None:
    """Counts are by kind and hold no words."""
    text = "a@example.com, b@example.com, +1 202-555-0123 and Ann. [email] stays."
    assert redactor.redact(text, {"Ann"}) == (
        "[email], [email], [phone] and [name]. [email] stays.",
        {"email": 2, "phone": 1, "name": 1},
    )


def test_placeholders_are_never_touched(redactor: Redactor) -> None:
    """Every placeholder stays, also beside words that make what follows a secret or an id, and as part of a value."""
    for placeholder in PLACEHOLDERS.values():
        for text in (
            placeholder,
            f"password: {placeholder}",
            f"my ssn {placeholder} 12/12/2020",
            f"call me {placeholder}",
            placeholder * 3,
        ):
            assert redactor.redact(text, {"email", "secret", "card", "Iban"}) == (text, {})
    assert redactor.redact("password: abc[email]def9").text == "password: [secret][email][secret]"


def test_the_name_becomes_the_word_of_the_persona(redactor: Redactor) -> None:
    """A persona that calls everybody "friend" goes on speaking naturally: possessive, any case, with the surname."""
    text = "Ann's tea, ANN! Dear Ms Smith, annex and Annabel stay."
    assert redactor.redact(text, {"Ann Smith"}, "friend").text == "friend's tea, friend! Dear Ms friend, annex and Annabel stay."


@pytest.mark.parametrize("name", ["user", "Guest", "you", "", " ", "-", "a", "Friend", "the"])
def test_an_account_without_a_real_name_changes_nothing(redactor: Redactor, name: str) -> None:
    """Names that are no names do not tear holes into the talk."""
    text = "You said the guest - a user - is a friend."
    assert redactor.redact(text, {name}) == (text, {})


def test_numbers_of_every_region_with_their_prefix(redactor: Redactor) -> None:
    """The example number that libphonenumber gives for each of its regions is found when it is written with the country's prefix."""
    missed = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number(region)
        assert number is not None
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        if written in redactor.redact(f"Write to {written} today").text:
            missed.append(region)
    assert len(missed) <= 0.02 * len(phonenumbers.SUPPORTED_REGIONS), missed


@pytest.mark.parametrize("region", ["US", "GB", "DE", "FR", "ES", "IT", "NL", "AU", "IN", "BR", "PL", "JP"])
def test_numbers_without_prefix_are_known_in_configured_regions(region: str) -> None:
    """A mobile number as it is written at home is found when its region is configured, without a word that announces it."""
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert number is not None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert written not in Redactor(regions=(region,)).redact(f"I think {written} was it").text


def test_an_unknown_region_is_named(redactor: Redactor) -> None:
    """A region that has no telephone numbers is a mistake in the settings, and is said to be one."""
    with pytest.raises(CurationError, match=r"regions.*XQ"):
        Redactor(regions=("US", "XQ"))


class _Broken(str):
    """A text that cannot be read: stands for any finder that fails."""

    def isascii(self) -> bool:
        raise RuntimeError(f"cannot read {str(self)!r}")

    def replace(self, *_: object) -> str:
        raise RuntimeError(f"cannot read {str(self)!r}")


def test_a_text_that_cannot_be_looked_through_is_not_given_back(redactor: Redactor) -> None:
    """Any failure is a `CurationError`; neither it nor what led to it quotes the text."""
    for call in (lambda: redactor.redact(_Broken("hush hush")), lambda: given_names([_Broken("hush hush")])):
        with pytest.raises(CurationError, match="RuntimeError") as caught:
            call()
        assert caught.value.code == "curation_failed"
        assert "hush" not in str(caught.value)
        assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_redactor_goes_to_another_process(redactor: Redactor) -> None:
    """Curation works on several cores: a redactor survives being sent there."""
    assert pickle.loads(pickle.dumps(redactor)).redact("a@example.com").text == "[email]"


_HOSTILE = (
    "a", "@", "a@b.", "eyJ1.", "://", "-----BEGIN PRIVATE KEY-----", "Abc 1 ", "password: ", "ssn ", "1 ", "GB82", "::", "my name is ",
    " dot ", "[email]", "token=", "aB3dE5gH7jK9mN2p.", "1.2.3.4 ", "1 rue de la ", "İ1", "call me ", "hi i'm A",
)  # fmt: skip


@pytest.mark.parametrize("piece", _HOSTILE)
def test_time_grows_in_proportion_to_the_text(redactor: Redactor, piece: str) -> None:
    """Eight times as much of what makes patterns backtrack takes about eight times as long, not sixty-four times."""

    def measure(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        taken = []
        for _ in range(3):
            begun = time.process_time()
            redactor.redact(text, {"Ann"}, "friend")
            given_names([text])
            taken.append(time.process_time() - begun)
        return min(taken)

    assert measure(80_000) <= 28 * max(measure(10_000), 0.004)


def test_a_line_of_a_megabyte(redactor: Redactor) -> None:
    """A line of 1 MB of talk with numbers takes seconds at most, and what it hides is found."""
    text = "so it went 12 times on " * 45_000 + "a@example.com"
    begun = time.process_time()
    redacted = redactor.redact(text)
    assert time.process_time() - begun < 10
    assert len(text) > 1_000_000 and redacted.counts == {"email": 1}


def test_kinds_by_precedence(redactor: Redactor) -> None:
    """What two kinds claim is replaced once, by the kind that takes precedence."""
    assert redactor.redact("mongodb://ann:pw@example.com/x").text == "mongodb://[secret]/x"
    assert redactor.redact("password: a@example.com").text == "password: [secret]"


def test_public_urls_stay_and_what_is_secret_in_them_goes(redactor: Redactor) -> None:
    """An address of the web is no personal data; tokens and credentials within it are."""
    assert redactor.redact("see https://example.com/a/b?q=1&page=2#top").counts == {}
    assert redactor.redact("https://example.com/a?q=1&access_token=abc&x=2").text == "https://example.com/a?q=1&access_token=[secret]&x=2"


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is not None, reason="Presidio is installed")
def test_presidio_that_is_not_installed_is_said_so() -> None:
    """Switched on without being installed there is no dataset, and the sentence says how to mend it."""
    with pytest.raises(CurationError, match=r"attune\[presidio\]"):
        Redactor(presidio=True)


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is None, reason="the presidio extra is not installed")
@pytest.mark.filterwarnings("ignore")
def test_presidio_finds_more() -> None:
    """With the extra, Presidio's recognizers with patterns find what nothing else does, also without a language model."""
    text = "send it to 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ please"
    redacted = Redactor(presidio=True).redact(text)
    assert redacted == ("send it to [secret] please", {"secret": 1})
    assert Redactor(presidio=True).redact("Hello there, how are you?").counts == {}
