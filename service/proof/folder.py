"""The pages of a night on disk: `proofs/<persona>/<night>.md`, the same as JSON, and the curve of its loss."""

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from service.db.engine import reading
from service.db.tables import Night
from service.errors import NotFound, Unavailable
from service.proof.curve import Point, draw
from service.proof.page import write_page
from service.proof.record import record_of


def write_pages(engine: Engine, artifacts: Path, night_id: str) -> Path:
    """Write the night's pages, or write them anew after a trial; return where the Markdown lies.

    Raises `NotFound` when there is no such night, and `Unavailable` when the folder cannot be written.
    """
    with reading(engine) as session:
        night = session.get(Night, night_id)
        if night is None:
            raise NotFound("There is no such night. See: attune receipts list", code="night_not_found")
        record = record_of(session, artifacts, night)
    folder = artifacts / "proofs" / night.persona
    curve = draw_curve(record)
    pages = {f"{night.id}.json": msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"}
    pages[f"{night.id}.md"] = write_page(record, f"{night.id}.svg" if curve else "")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {**({f"{night.id}.svg": curve} if curve else {}), **pages}.items():
            _write_whole(folder / name, text)
    except OSError as error:
        raise Unavailable(f"The proof page in {folder} cannot be written: {error.strerror}.", code="storage") from error
    return folder / f"{night.id}.md"


def draw_curve(record: dict[str, Any]) -> str:
    """The drawing of the record's loss; empty where no step was noted."""
    points = [Point(**point) for point in (record["training"] or {}).get("curve", ())]
    name = record["version"]["name"] if record["version"] else "the night"
    return draw(points, f"The loss of {record['persona']} {name} in training") if points else ""


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
