"""The personas of a running service follow their files."""

import asyncio
from functools import partial

import anyio.to_thread
import structlog

from service.chat.revision import introduce
from service.db.journal import Journal
from service.errors import AttuneError
from service.personas.reload import Watch

log = structlog.get_logger()


async def follow_folder(watch: Watch, journal: Journal, seconds: float) -> None:
    """Look at the folder every so many seconds, and let what is new serve once its text is kept. Ends when it is cancelled."""
    trouble = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            await _take_over(watch, journal)
            trouble = ""
        except Exception as error:  # whatever it is: the personas that serve go on, and the next look tries again
            code = error.code if isinstance(error, AttuneError) else type(error).__name__
            if code != trouble:
                log.warning("personas_not_reloaded", code=code)
            trouble = code


async def _take_over(watch: Watch, journal: Journal) -> None:
    reading = await anyio.to_thread.run_sync(watch.look)
    if reading is not None:
        await journal.write(partial(introduce, personas=list(reading.personas)))
        watch.accept(reading)
