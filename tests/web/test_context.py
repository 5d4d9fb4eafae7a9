"""Over HTTP too, what the model sees keeps to its window."""

from pathlib import Path

from sqlmodel import select

from service.db.tables import Exchange
from tests.web.conftest import MakeHome, Run
from tests.web.reading import complaint


def test_a_message_beyond_the_models_window_is_refused(make_home: MakeHome, run: Run, tmp_path: Path) -> None:
    """On both surfaces a message that leaves the model no room for a reply is a bad request, with the numbers, and opens nothing."""
    with make_home(tmp_path / "own", personas=["echo"]) as home:
        file = home.settings.personas / "echo.md"
        file.write_text(file.read_text().replace("models: [test:echo]", "models: [local:starter, test:echo]"))
        with run(home) as service, service.client(home.key()) as app:
            message = "tea? " * 1500
            begun = app.post("/api/conversations", json={"persona": "echo"}).json()
            refused = [
                app.post(f"/api/conversations/{begun['id']}/exchanges", json={"message": message}),
                app.post("/v1/chat/completions", json={"model": "echo", "messages": [{"role": "user", "content": message}]}),
            ]
        for each in refused:
            assert "of the 1024 that the model can see" in complaint(each, 400)
            assert each.json()["error"]["code"] == "message_too_long"
        assert home.ask(lambda session: session.exec(select(Exchange)).all()) == []
