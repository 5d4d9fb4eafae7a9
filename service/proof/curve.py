"""The loss of a training run as a drawing: an SVG that stands alone, in light and in dark."""

from collections.abc import Iterator, Sequence
from html import escape
from math import floor, log10
from typing import NamedTuple

_WIDTH, _HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 44, 44
_MOST_POINTS = 400
_COLOURS = 4

_STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:#1f2328}
.back{fill:#fff}.grid{stroke:#8a8577;stroke-opacity:.3}.small{font-size:11.5px;fill:#59606a}.big{font-size:16px;font-weight:600}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.c0{stroke:#0072b2}.c1{stroke:#d55e00}.c2{stroke:#009e73}.c3{stroke:#8a5a9e}
@media(prefers-color-scheme:dark){text{fill:#e6e6e6}.back{fill:#16181c}.grid{stroke:#9aa1ad}.small{fill:#a6adb8}
.c0{stroke:#56b4e9}.c1{stroke:#ff9e4a}.c2{stroke:#3ddc97}.c3{stroke:#c9a0dc}}
"""


class Point(NamedTuple):
    """The loss (nats per token for imitation, the method's own measure otherwise) at a step, and the method that was training."""

    step: int
    loss: float
    method: str = ""


def draw(points: Sequence[Point], title: str) -> str:
    """The curve, a line per method in the order in which they trained; the same points give the same text. Without points it says so."""
    shown = _thinned(points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img"'
        ' aria-labelledby="curve-title curve-description">',
        f'<title id="curve-title">{escape(title)}</title>',
        f'<desc id="curve-description">{escape(_describe(points))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="big" x="16" y="26">{escape(title)}</text>',
    ]
    if shown:
        parts += _Frame(shown).parts()
    else:
        parts.append(f'<text class="small" x="16" y="{_HEIGHT // 2}">No step was noted.</text>')
    return "\n".join([*parts, "</svg>", ""])


class _Frame:
    """The axes of a drawing."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points
        losses = [point.loss for point in points]
        self._step = _nice((max(losses) - min(losses)) / 4 or abs(max(losses)) / 4 or 0.25)
        self._low = floor(min(losses) / self._step) * self._step
        self._high = max(self._low + self._step, *losses)
        self._first, self._last = points[0].step, max(points[-1].step, points[0].step + 1)

    def parts(self) -> Iterator[str]:
        """Grid, numbers, lines and what they mean."""
        level = self._low
        while level <= self._high + self._step / 1000:
            y = self._y(level)
            yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
            yield f'<text class="small" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{level:.4g}</text>'
            level += self._step
        for step, anchor in ((self._first, "start"), (self._last, "end")):
            yield f'<text class="small" x="{self._x(step):.1f}" y="{_HEIGHT - 24}" text-anchor="{anchor}">step {step:,}</text>'
        x = float(_LEFT)
        for number, method in enumerate(dict.fromkeys(point.method for point in self._points)):
            line = [point for point in self._points if point.method == method]
            path = "L".join(f"{self._x(point.step):.1f} {self._y(point.loss):.1f}" for point in line)
            colour = f"c{number % _COLOURS}"
            yield f'<path class="line {colour}" d="M{path}{"h0.1" if len(line) == 1 else ""}"/>'
            yield f'<path class="line {colour}" d="M{x:.1f} {_HEIGHT - 8}h20"/>'
            name = method or "loss"
            yield f'<text class="small" x="{x + 26:.1f}" y="{_HEIGHT - 4}">{escape(name)}</text>'
            x += 50 + 7 * len(name)

    def _x(self, step: float) -> float:
        return _LEFT + (step - self._first) / (self._last - self._first) * (_WIDTH - _LEFT - _RIGHT)

    def _y(self, loss: float) -> float:
        return _TOP + (self._high - loss) / (self._high - self._low) * (_HEIGHT - _TOP - _BOTTOM)


def _describe(points: Sequence[Point]) -> str:
    """What the drawing shows, for those who do not see it."""
    if not points:
        return "No step was noted."
    first, last = points[0], points[-1]
    return f"The loss was {first.loss:.4g} at step {first.step:,} and {last.loss:.4g} at step {last.step:,}."


def _thinned(points: Sequence[Point]) -> list[Point]:
    """As many of the points as can be told apart, the last one always among them."""
    stride = -(-len(points) // _MOST_POINTS) or 1
    kept = list(points[::stride])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _nice(step: float) -> float:
    """1, 2 or 5 times a power of ten, the next above."""
    power: float = 10.0 ** floor(log10(step))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= step * 0.999)
