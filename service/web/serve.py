"""`attune serve`: the web process."""

import contextlib
import gc

import rich_click as click
from click.exceptions import Exit

from service.cli.output import database, settings
from service.logs import configure_logs


def _spare_the_collector() -> None:
    # What was loaded up to here stays to the end: the garbage collector need not look at it again and again. And it need not look so often:
    # hardly anything that a stream leaves behind is a cycle. Together that is a sixth of the processor time of a stream.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _allow_many_connections() -> None:
    # Each stream has two: one to its reader, one to the model. The usual soft limit is 1,024.
    with contextlib.suppress(ImportError, ValueError, OSError):  # A system without such a limit, or one that is not ours to raise.
        import resource  # noqa: PLC0415  # there is none on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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
    _spare_the_collector()
    _allow_many_connections()
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
