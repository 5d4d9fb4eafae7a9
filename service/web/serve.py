"""`attune serve`: the web process."""

import os

import rich_click as click
import uvicorn

from service.logs import configure_logs
from service.settings import read_settings
from service.web.app import create_app


@click.command()
def serve() -> None:
    """Serve the chat page and the API. Part of `attune up`.

    One process: the writer of the database and the replies in the making live here.
    """
    configure_logs()
    settings = read_settings(os.environ)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=35,
    )
