"""`attune db`: where the database is, its schema, its search index."""

import pytest
from sqlalchemy import delete
from sqlmodel import func, select

from service.db.engine import reading, transaction
from service.db.tables import LikedExchange
from service.personas.persona import Persona, PersonaSettings
from tests.cli.conftest import Shell
from tests.rated import add_rated_exchanges


def test_the_path_is_printed_without_its_password(bare: Shell) -> None:
    """`path` says which database is used, makes none, and keeps a password to itself."""
    shown = bare("db", "path")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == f"sqlite:///{bare.home / 'attune.sqlite'}\n"
    assert not bare.home.exists()
    hidden = bare("db", "path", ATTUNE_DATABASE_URL="postgresql://me:geheim@db.example/attune")
    assert hidden.out == "postgresql://me:***@db.example/attune\n"


def test_the_schema_is_brought_up_to_date(here: Shell) -> None:
    """`upgrade` makes the database and says at which schema it is; a second time changes nothing."""
    first, second = here("db", "upgrade"), here("db", "upgrade")
    assert (first.code, first.out) == (second.code, second.out) == (0, "")
    assert first.err == second.err
    assert first.err.startswith("The database is at schema 0")


def test_the_search_index_is_rebuilt_from_the_ratings(here: Shell) -> None:
    """`reindex` says how many liked exchanges can be found; however often, and also after the index was lost."""
    assert here("db", "reindex").err == "0 liked exchanges can be shown as examples.\n"
    with here.database() as engine:
        add_rated_exchanges(engine, Persona(name="friend", settings=PersonaSettings(title="Friend", models=["a:b"]), template="Hi."), 8)
        with transaction(engine) as session:
            kept = session.exec(select(func.count()).select_from(LikedExchange)).one()
            session.execute(delete(LikedExchange))
    assert kept > 1
    first, second = here("db", "reindex"), here("db", "reindex")
    assert (first.code, first.out, first.err) == (0, "", f"{kept} liked exchanges can be shown as examples.\n")
    assert (second.code, second.err) == (0, first.err)
    with here.database() as engine, reading(engine) as session:
        assert session.exec(select(func.count()).select_from(LikedExchange)).one() == kept


def test_a_database_of_a_newer_attune_is_left_alone(here: Shell) -> None:
    """A schema that this version does not know is exit 5, and what is there stays as it was."""
    with here.database() as engine, transaction(engine) as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    refused = here("keys", "create", "--json")
    assert (refused.code, refused.out) == (5, "")
    assert "made by a newer Attune (schema 9999)" in refused.err


@pytest.mark.parametrize("kind", ["a text", "nobody listens"])
def test_a_database_that_cannot_be_opened_is_exit_5(bare: Shell, kind: str) -> None:
    """Whatever is wrong with it, the command says so in a sentence with the driver's reason, and no traceback."""
    bare.home.mkdir()
    url = {
        "a text": f"sqlite:///{bare.home / 'notes.txt'}",
        "nobody listens": "postgresql://me:geheim@127.0.0.1:9/attune",
    }[kind]
    (bare.home / "notes.txt").write_text("This is no database. " * 100)
    refused = bare("model", "list", "--json", ATTUNE_DATABASE_URL=url)
    assert (refused.code, refused.out) == (5, "")
    assert refused.err.startswith("attune: The database cannot be opened: ")
    assert refused.err.endswith(" See: attune db path\n")
    assert refused.err.count("\n") == 1
    assert "geheim" not in refused.err


def test_a_home_that_cannot_be_made_is_exit_2(here: Shell) -> None:
    """A home behind a file is a wrong setting, and is called by its name."""
    (here.folder / "file").write_text("")
    refused = here("keys", "list", ATTUNE_HOME=str(here.folder / "file" / "home"))
    assert (refused.code, refused.out) == (2, "")
    assert "ATTUNE_HOME" in refused.err
