"""The picture of a rehearsal: how well each version that served met the taste, with its interval, as an SVG."""

from collections.abc import Iterator
from html import escape

from service.rehearsal.rehearsal import Rehearsed
from service.rehearsal.satisfaction import Satisfaction

_WIDTH, _HEIGHT = 640, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 72, 48
_TASTE, _HOSTILE, _GREY = "#2a6f97", "#b5532a", "#6b7280"


def draw(title: str, rehearsed: Rehearsed) -> str:
    """The whole SVG: a point with its 95 % interval for each version, and a second line for a hostile taste."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="13">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            f'<text x="{_LEFT}" y="24" font-size="15" fill="#111827">{escape(title)}</text>',
            *_grid(),
            *_legend([("the people's taste", _TASTE), *([("the hostile taste", _HOSTILE)] if rehearsed.hostile else [])]),
            *_line(rehearsed.versions, _TASTE),
            *_line(rehearsed.hostile, _HOSTILE),
            *_names(rehearsed.versions),
            "</svg>",
            "",
        ]
    )


def _x(place: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (place + 0.5) / count


def _y(share: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)


def _grid() -> Iterator[str]:
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_GREY}">{tenth * 10} %</text>'


def _legend(lines: list[tuple[str, str]]) -> Iterator[str]:
    for place, (label, colour) in enumerate(lines):
        x = _LEFT + 150 * place
        yield f'<rect x="{x}" y="37" width="9" height="9" fill="{colour}"/>'
        yield f'<text x="{x + 14}" y="46" fill="{colour}">{label}</text>'


def _line(versions: list[Satisfaction], colour: str) -> Iterator[str]:
    """The points with their intervals, and over each of them its value, clear of the line."""
    points = [(_x(place, len(versions)), version) for place, version in enumerate(versions)]
    path = " ".join(f"{x:.1f},{_y(version.satisfaction):.1f}" for x, version in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, version in points:
        top, bottom, middle = _y(version.high), _y(version.low), _y(version.satisfaction)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}" stroke-width="2"/>'
        yield f'<circle cx="{x:.1f}" cy="{middle:.1f}" r="4" fill="{colour}"/>'
        yield f'<text x="{x:.1f}" y="{top - 7:.1f}" text-anchor="middle" fill="{colour}">{100 * version.satisfaction:.0f} %</text>'


def _names(versions: list[Satisfaction]) -> Iterator[str]:
    for place, version in enumerate(versions):
        x = _x(place, len(versions))
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 26}" text-anchor="middle" fill="#111827">{escape(version.version)}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{_HEIGHT - 8}" text-anchor="middle" fill="{_GREY}">versions in the order in which they served</text>'
