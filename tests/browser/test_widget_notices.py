"""What has to be said: that this is an AI, at the start and again after hours; and where help is."""

from playwright.sync_api import expect

from tests.browser.conftest import MakeVisit


def test_it_says_that_it_is_an_ai(visit: MakeVisit) -> None:
    """Before the first word, and above the conversation after it."""
    tab = visit("/?persona=echo")
    expect(tab.chat.get_by_text("Mira is an AI, not a person.")).to_be_visible()
    tab.say("Are you real?")
    expect(tab.chat.get_by_text("Mira is an AI, not a person.")).to_be_visible()


def test_a_persona_may_leave_the_first_notice_out(visit: MakeVisit) -> None:
    """`notice: {start: false}`: what is below the composer says it still."""
    tab = visit("/?persona=silent")
    expect(tab.chat.get_by_text("You are talking with an AI. Your ratings teach it.")).to_be_visible()
    expect(tab.chat.get_by_text("Silent is an AI, not a person.")).to_have_count(0)


def test_help_stands_beside_the_reply(visit: MakeVisit) -> None:
    """Who speaks of ending their life is shown where help is, with links that can be followed; also after a reload."""
    tab = visit("/?persona=echo")
    tab.say("I want to kill myself")
    for _ in range(2):
        card = tab.page.locator("attune-chat .card")
        expect(card).to_be_visible()
        expect(card.get_by_role("link").first).to_be_visible()
        links = card.get_by_role("link").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
        assert links
        assert all(link.startswith(("https://", "tel:", "sms:")) for link in links)
        tab.reload()
