"""The crisis card: who gets one, who does not, in whose words, and what is counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from service.chat.crisis import count_referrals, crisis_card, note_referral
from service.chat.crisis_phrases import language_of
from service.chat.crisis_words import WORDS
from service.chat.messages import LONGEST_MESSAGE
from service.db.tables import Referral
from service.personas.persona import Crisis, CrisisLink, Persona
from tests.fakes.house import House

SPOKEN = {
    "en": """
        I want to kill myself
        i wanna die
        I just want to die.
        I don't want to live anymore
        I dont want to be alive.
        Honestly I wish I was dead
        I’ve been thinking about killing myself lately
        I keep thinking about suicide
        I'm feeling suicidal tonight
        I have suicidal thoughts every day
        everyone would be better off without me
        I'd be better off dead
        I'm going to end my life
        I am ready to end it all
        I've been cutting myself again on purpose
        I have the urge to hurt myself
        I started self-harming again
        I have no reason to live
        i want to take all my pills
        im gonna kms
        There is nothing left to live for
        I tried to hang myself last year
        I  WANT\tTO   DIE
        Hi, how are you? Work was bad. I want to kill myself.
    """,
    "de": """
        Ich will mich umbringen
        ich möchte einfach sterben
        Ich will nicht mehr leben.
        Manchmal denke ich, dass ich mich umbringe
        Ich denke oft an Selbstmord
        Ich habe Suizidgedanken
        Ich überlege, mich umzubringen
        Ich will mir das Leben nehmen
        Ich wäre lieber tot
        Ich ritze mich wieder
        Alle wären ohne mich besser dran
        ich moechte mich umbringen
    """,
    "es": """
        Quiero morir
        Me quiero morir
        quiero suicidarme
        He pensado en quitarme la vida
        Ya no quiero vivir.
        Tengo pensamientos suicidas
        Tengo ganas de morirme
        Ojalá estuviera muerta
        Voy a matarme
        Todos estarían mejor sin mí
        Me hago daño a mí misma
    """,
    "fr": """
        Je veux mourir
        J’ai envie de me tuer
        Je veux me suicider
        Je ne veux plus vivre.
        J'ai des pensées suicidaires
        Je pense souvent au suicide
        Je voudrais être mort
        Je veux mettre fin à mes jours
        Je me scarifie
        Tout le monde serait mieux sans moi
    """,
    "ja": """
        死にたい
        もう死にたいです。
        自殺したい
        自殺を考えています
        自分を傷つけたい
        消えてしまいたい
        生きるのに疲れました
        リストカットしてしまいました
        首を吊りたい
        私なんか死んだほうがいい
    """,
    "zh": """
        我想死
        我想自杀
        我想自殺
        我真的不想活了
        我有自杀的念头
        我不如死了算了
        好想死
        活着没意思
        我想结束自己的生命
        我活不下去了
    """,
    "ar": """
        أريد أن أموت
        أريد أن أقتل نفسي
        أفكر في الانتحار
        سأنتحر
        لا أريد أن أعيش.
        أتمنى الموت
        ليتني لم أولد
        لدي أفكار انتحارية
        عايز أموت
        أُرِيدُ أَنْ أَمُوتَ
    """,
}
NOT_SPOKEN = """
    this traffic kills me
    I killed it at work today!
    My boss is going to kill me
    My phone died
    I'm dying to see you
    I could kill for a coffee
    I nearly killed myself laughing
    I cut myself shaving
    I want to cut myself some slack
    I cut myself off from sugar
    I hurt myself at the gym
    I don't want to die
    I wanted to die of embarrassment
    How do I kill a process in Linux?
    Suicide Squad is a great film
    What is the suicide rate in Japan?
    I wrote an essay on suicide prevention
    I read an article about self-harm
    Did Hemingway commit suicide?
    I want to dye my hair
    My plant wants to die on me
    I don't want to live in Ohio
    We use AWS KMS for the keys
    I want to KMS-encrypt the disk
    The deadline is killing me
    I need to hang my coat
    Hang on, I need to shoot a message to my team
    It is a matter of life and death
    I will die on this hill
    There is no reason to live in the city
    I want to end my subscription
    You kill me, that joke was great
    Das bringt mich um den Verstand
    Meine Mutter wird mich umbringen
    Ich sterbe vor Hunger
    Ich könnte mich umbringen vor Scham
    Der Akku ist tot
    Ich will nicht sterben
    Ich will mich umziehen
    Ich schreibe über Suizidprävention
    Ich will nicht mehr in Berlin leben
    Me muero de hambre
    Me muero de risa
    No quiero morir
    El tráfico me mata
    Quiero matar el tiempo
    Voy a morir de calor
    Quiero morirme de risa
    Ya no quiero vivir aquí
    Je meurs de faim
    Tu me tues, c'est trop drôle
    Je veux mourir de rire
    Je ne veux pas mourir
    Ce bruit me tue
    Je ne veux plus vivre ici
    死ぬほど疲れた
    死にたくない
    笑い死ぬ
    このゲームで死んだ
    自殺という本を読んだ
    ビルが消えた
    想死你了
    我不想死
    笑死我了
    累死了
    热死我了
    他演的角色自杀了
    我想你
    أموت من الضحك
    بموت فيك
    لا أريد أن أموت
    أريد أن أموت من الضحك
    مات هاتفي
    الطقس يقتلني
"""


def lines(text: str) -> list[str]:
    """The lines of a text, without the space around them."""
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("language", "message"), [(language, line) for language, text in SPOKEN.items() for line in lines(text)])
def test_who_speaks_of_harming_themselves_gets_a_card(persona: Callable[..., Persona], language: str, message: str) -> None:
    """Every one of these is understood, in its own language, and answered with the card of that language."""
    assert language_of(message) == language
    assert crisis_card(persona(), message) == WORDS[language]


@pytest.mark.parametrize("message", lines(NOT_SPOKEN))
def test_a_manner_of_speaking_is_no_crisis(persona: Callable[..., Persona], message: str) -> None:
    """Jokes, idioms, other people and other things give no card."""
    assert crisis_card(persona(), message) is None


def test_every_card_says_what_to_do(persona: Callable[..., Persona]) -> None:
    """In each of the seven languages there are words, emergency numbers, and a page that knows the helplines of every country."""
    assert set(WORDS) == {"en", "de", "es", "fr", "ja", "zh", "ar"}
    for card in WORDS.values():
        assert card.kind == "crisis" and card.title and all(number in card.text for number in ("112", "911", "988"))
        assert [link.href for link in card.links] == ["https://findahelpline.com", "tel:988", "tel:112", "tel:911"]
        assert len({link.label for link in card.links}) == 4


def test_the_owners_words_come_before_ours(persona: Callable[..., Persona]) -> None:
    """What the persona's file says is said; what it leaves open is in our words."""
    own = Crisis(text="Call Ann.", links=[CrisisLink(label="Ann", href="tel:+123")])
    card = crisis_card(persona(crisis=own), "ich will sterben")
    assert card is not None
    assert (card.title, card.text, [link.href for link in card.links]) == (WORDS["de"].title, "Call Ann.", ["tel:+123"])


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """No text, however odd, makes the reading fail; and words that say it are found behind it."""
    language_of(text)
    assert language_of(f"{text}.\nI want to kill myself") is not None


def test_a_message_of_any_making_is_read_at_once() -> None:
    """A message made to be slow, at the longest that is accepted, is read like any other."""
    for part in (
        "i want to ",
        "i am have been keep ",
        "ich will nur noch ",
        "我好好好",
        "想死",
        "ا ",
        "i wish i ",
        " ",
        "suicidal thoughts in ",
    ):
        language_of((part * LONGEST_MESSAGE)[:LONGEST_MESSAGE])


def test_cards_are_counted_by_persona_and_time_and_nothing_else(house: House) -> None:
    """The owner can say how many cards were shown in a year; the rows know no person, no exchange and no word."""
    for name in ("friend", "friend", "mentor"):
        house.do(note_referral, name)
    today = datetime.now(UTC)
    day, year = timedelta(days=1), timedelta(days=365)

    assert house.do(count_referrals, today - day, today + day) == {"friend": 2, "mentor": 1}
    assert house.do(count_referrals, today - year, today - day) == {}
    assert {column.name for column in Referral.__table__.columns} == {"id", "persona", "created_at"}  # type: ignore[attr-defined]
    assert len(house.ask(lambda session: session.exec(select(Referral)).all())) == 3
