"""`attune keys`: API keys."""

import rich_click as click

from service.cli.output import as_json, database, show_json, show_rows
from service.db.engine import reading, transaction
from service.db.keys import SCOPES, create_key, revoke_key


@click.group()
def keys() -> None:
    """API keys: an app chats and rates with one, an operator runs the service with one."""


@keys.command()
@click.option("--name", default="app", show_default=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Once per scope.  [default: chat, rate]")
@as_json
def create(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key. It is shown once: only its hash is kept."""
    with database() as engine, transaction(engine) as session:
        key, secret = create_key(session, name, scopes or ("chat", "rate"))
    if as_json:
        show_json({"id": key.id, "key": secret, "scopes": key.scopes})
    else:
        click.echo(secret)
        click.echo(f"Key '{name}' ({', '.join(key.scopes)}). Keep it: it is not shown again.", err=True)


@keys.command("list")
@as_json
def list_keys(as_json: bool) -> None:
    """List the keys."""
    from sqlmodel import col, select  # noqa: PLC0415  # so that --help stays quick

    from service.db.tables import ApiKey  # noqa: PLC0415

    with database() as engine, reading(engine) as session:
        found = list(session.exec(select(ApiKey).order_by(col(ApiKey.id))))
    if as_json:
        show_json([{"id": key.id, "name": key.name, "scopes": key.scopes, "revoked": key.revoked_at is not None} for key in found])
    else:
        rows = [(key.id, key.name, ", ".join(key.scopes), "revoked" if key.revoked_at else "valid") for key in found]
        show_rows(("id", "name", "scopes", "state"), rows, "There is no key yet. Make one: attune keys create")


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key by its id; it is refused within a second."""
    with database() as engine, transaction(engine) as session:
        key = revoke_key(session, key_id)
    click.echo(f"Key '{key.name}' is revoked.", err=True)
