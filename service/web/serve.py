"""`attune serve`: the web process."""

import rich_click as click
from click.exceptions import Exit

from service.cli.output import database, settings
from service.logs import configure_logs


@click.command()
def serve() -> None:
    """Serve the chat page and the API. Part of `attune up`.

    One process: the writer of the database and the replies in the making live here.
    """
    import uvicorn  # noqa: PLC0415  # so that `attune --help` does not wait for the framework

    from service.web.app import create_app  # noqa: PLC0415

    configure_logs()
    with database():  # One that cannot be used is said in a sentence here, before the server starts.
        app = create_app(settings())
    try:
        uvicorn.run(
            app,
            host=settings().host,
            port=settings().port,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=35,
        )
    except SystemExit as error:  # A start that failed, such as on a taken port; uvicorn's own 3 means 'not found' here.
        raise Exit(1) from error
