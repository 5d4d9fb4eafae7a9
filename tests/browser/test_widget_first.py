"""First."""
from playwright.sync_api import expect
from tests.browser.conftest import Attune, MakeVisit

def test_first(visit: MakeVisit, attune: Attune) -> None:
    v = visit(f"{attune.site}/blog.html")
    v.open()
    r = v.say("hello there")
    expect(r).to_have_text("You said: hello there")
    v.page.screenshot(path="/tmp/w3-first.png")
    p = visit("/?persona=echo")
    p.say("Hi", "**bold** and `code`\n\n", "```python\nprint(1)\n```\n")
    p.page.screenshot(path="/tmp/w3-page.png")
