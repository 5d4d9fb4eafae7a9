"""The dartboard: a drawing of how the samples lie over the topics, as an SVG without scripts or fonts of its own.

Every topic is a sector of the same width, every sample a dart in the sector of its topic: the nearer the middle, the more typical of the
topic it is. The radius goes by the rank of the distance among all darts, so that each ring holds a quarter of them: in 64 dimensions
nearly all distances are about the same, and drawn as they are would leave most of the board empty. Where a dart stands across its sector
means nothing. Liked, disliked and seeds differ in shape and in colour (the palette of Okabe and Ito 2008, which the colour-blind can
tell apart).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from math import cos, pi, sin, sqrt

import numpy as np

from service.curation.coverage import Coverage, Dots, Kind, TopicCoverage
from service.curation.text import make_whole

_WIDTH, _HEIGHT = 1160, 840
_X, _Y, _RADIUS = 580.0, 436.0, 290.0
_LABEL_GAP = 22.0
_LINE = 16.0
_LETTERS = 27
_RIM = 6.0
_RINGS = 4
_GOLDEN = (sqrt(5) - 1) / 2
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: tuple[tuple[Kind, str], ...] = (("liked", "liked"), ("disliked", "disliked"), ("seed", "seeds"))

_STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:#1f2328}
.sector{stroke:#8a8577;stroke-opacity:.35}.back{fill:#fff}.odd{fill:#f4f1ea}.even{fill:#e9e4d8}.crowded{fill:#d9d0bb}.line{fill:none;stroke:#8a8577;stroke-opacity:.45}
.edge{fill:none;stroke:#8a8577;stroke-width:1.5}.leader{fill:none;stroke:#8a8577;stroke-opacity:.7}
.hatch{stroke:#b3261e;stroke-width:1.5;stroke-opacity:.45}.thin{fill:url(#dartboard-thin)}
.small{font-size:11.5px;fill:#59606a}.big{font-size:20px;font-weight:600}.count{fill:#59606a}
.warn{fill:#b3261e;font-weight:600}.much{fill:#7a5c00;font-weight:600}
.liked{fill:none;stroke:#0072b2;stroke-linecap:round}.disliked{fill:none;stroke:#d55e00;stroke-linecap:round}
.seed{fill:#009e73;stroke:#fff;stroke-width:.8}
@media(prefers-color-scheme:dark){
text{fill:#e6e6e6}.back{fill:#16181c}.odd{fill:#22252b}.even{fill:#2c3038}.crowded{fill:#3d4350}.line{stroke:#9aa1ad;stroke-opacity:.35}
.sector,.edge,.leader{stroke:#9aa1ad}.hatch{stroke:#ff8a80}.small,.count{fill:#a6adb8}.warn{fill:#ff8a80}.much{fill:#f0c75e}
.liked{stroke:#56b4e9}.disliked{stroke:#ff9e4a}.seed{fill:#3ddc97;stroke:#16181c}}
"""


def draw(coverage: Coverage, dots: Dots) -> str:
    """The drawing as SVG; the same coverage and dots give the same text. Of what people said it has the names of the topics, no more."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img"'
            ' aria-labelledby="dartboard-title dartboard-description">',
            '<title id="dartboard-title">How the samples lie over the topics</title>',
            f'<desc id="dartboard-description">{escape(_describe(coverage))}</desc>',
            f"<style>{_STYLE}</style>",
            '<defs><pattern id="dartboard-thin" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<path class="hatch" d="M0 0V7"/></pattern></defs>',
            f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>',
            *_heading(coverage),
            *(_sector(topic, place, len(coverage.topics)) for place, topic in enumerate(coverage.topics)),
            *_rings(),
            *_darts(dots, len(coverage.topics)),
            *_labels(coverage.topics),
            *_legend(dots),
            "</svg>",
            "",
        ]
    )


def _describe(coverage: Coverage) -> str:
    """What the drawing shows, for those who do not see it."""
    said = [f"{_counted(coverage)}. Each topic is a sector, each sample a dart; the nearer the middle, the more typical of its topic."]
    for state, topics in (("Thin", coverage.thin), ("Crowded", coverage.crowded)):
        if topics:
            said.append(f"{state}: {'; '.join(map(_clean, topics))}.")
    return " ".join(said)


def _counted(coverage: Coverage) -> str:
    count = len(coverage.topics)
    topics = "1 topic" if count == 1 else f"{count} topics"
    return f"{coverage.samples:,} rated samples and {coverage.seeds:,} seeds on {topics}, evenness {coverage.evenness:.2f}"


def _heading(coverage: Coverage) -> Iterator[str]:
    yield '<text class="big" x="24" y="36">How the samples lie over the topics</text>'
    yield f'<text class="small" x="24" y="56">{_counted(coverage)} (1: as many on each)</text>'
    yield '<text class="small" x="24" y="74">Nearer the middle: more typical of its topic. Each ring holds a quarter of the darts.</text>'


def _sector(topic: TopicCoverage, place: int, count: int) -> str:
    """A sector; one that is thin is hatched."""
    tint = "crowded" if topic.state == "crowded" else "even" if place % 2 else "odd"
    if count == 1:
        shape = f'<circle class="{{}}" cx="{_X:g}" cy="{_Y:g}" r="{_RADIUS:g}"/>'
    else:
        (x, y), (end_x, end_y) = (_point(_RADIUS, edge / count) for edge in (place, place + 1))
        shape = f'<path class="{{}}" d="M{_X:g} {_Y:g}L{x} {y}A{_RADIUS:g} {_RADIUS:g} 0 0 1 {end_x} {end_y}Z"/>'
    told = f"{topic.name}: {topic.liked:,} liked, {topic.disliked:,} disliked, {topic.seeds:,} seeds; there were {topic.there:,}"
    classes = [f"sector {tint}", "thin"] if topic.state == "thin" else [f"sector {tint}"]
    return f"<g><title>{escape(_clean(told))}</title>{''.join(shape.format(each) for each in classes)}</g>"


def _rings() -> Iterator[str]:
    for ring in range(1, _RINGS):
        yield f'<circle class="line" cx="{_X:g}" cy="{_Y:g}" r="{_reach(ring / _RINGS):.1f}"/>'
    yield f'<circle class="edge" cx="{_X:g}" cy="{_Y:g}" r="{_RADIUS:g}"/>'


def _darts(dots: Dots, count: int) -> Iterator[str]:
    """The darts of each kind as one path: thousands of elements would make the drawing slow."""
    size = min(4.2, max(1.7, 95 / sqrt(max(1, len(dots.kind)))))
    steps: dict[Kind, list[str]] = {kind: [] for kind, _ in _KINDS}
    drawn = Counter[int]()
    for rank, row in enumerate(np.argsort(dots.distance, kind="stable").tolist()):
        topic = int(dots.topic[row])
        drawn[topic] += 1
        # Steps of the golden section fill the width evenly, however many darts there are.
        across = 0.06 + 0.88 * (drawn[topic] * _GOLDEN % 1)
        x, y = _point(_reach((rank + 0.5) / len(dots.kind)), (topic + across) / count)
        steps[dots.kind[row]].append(_dart(dots.kind[row], x, y, size))
    width = {"liked": f"{2 * size:.1f}", "disliked": f"{max(1.2, size * 0.7):.1f}"}
    for kind, _ in _KINDS:
        stroke = f' stroke-width="{width[kind]}"' if kind in width else ""
        opacity = ' opacity=".85"' if kind == "liked" else ""
        yield f'<path class="{kind}"{stroke}{opacity} d="{"".join(steps[kind])}"/>'


def _dart(kind: Kind, x: str, y: str, size: float) -> str:
    """A round one, a cross, or a diamond."""
    if kind == "liked":
        return f"M{x} {y}h0"
    arm = round(size * (0.95 if kind == "disliked" else 1.6), 1)
    if kind == "disliked":
        return f"M{float(x) - arm:.1f} {float(y) - arm:.1f}l{2 * arm:.1f} {2 * arm:.1f}m{-2 * arm:.1f} 0l{2 * arm:.1f} {-2 * arm:.1f}"
    return f"M{x} {float(y) - arm:.1f}l{arm} {arm}l{-arm} {arm}l{-arm} {-arm}z"


def _labels(topics: Sequence[TopicCoverage]) -> Iterator[str]:
    """The names around the board, each on a line of its own, with a leader to its sector."""
    middles = [(place + 0.5) / len(topics) for place in range(len(topics))]
    for right in (True, False):
        side = [place for place, middle in enumerate(middles) if (middle <= 0.5) == right]
        side = side if right else side[::-1]
        heights = _apart([_Y - (_RADIUS + _LABEL_GAP) * cos(2 * pi * middles[place]) for place in side])
        for place, y in zip(side, heights, strict=True):
            yield _label(topics[place], middles[place], y, right)


def _label(topic: TopicCoverage, middle: float, y: float, right: bool) -> str:
    # The name keeps close to the circle, at the height where it found room.
    reach = sqrt(max(0.0, (_RADIUS + _LABEL_GAP) ** 2 - (y - _Y) ** 2))
    x = _X + (max(reach, 14) if right else -max(reach, 14))
    (edge_x, edge_y), (knee_x, knee_y) = (_point(_RADIUS + gap, middle) for gap in (1, 9))
    near = x - 4 if right else x + 4
    state = {"thin": ' <tspan class="warn">thin</tspan>', "crowded": ' <tspan class="much">crowded</tspan>', "even": ""}[topic.state]
    count = f'<tspan class="count">{topic.liked + topic.disliked:,}</tspan>'
    name = escape(_shortened(_clean(topic.name)))
    anchor = "" if right else ' text-anchor="end"'
    return (
        f'<path class="leader" d="M{edge_x} {edge_y}L{knee_x} {knee_y}L{near:.1f} {y:.1f}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}"{anchor}>{name} {count}{state}</text>'
    )


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights at least a line apart, in their order, and as near to the wanted ones as that allows (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for place, height in enumerate(heights):
        mean, size = height - place * _LINE, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), size + count
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    return [height + place * _LINE for place, height in enumerate(flat)]


def _legend(dots: Dots) -> Iterator[str]:
    x, y = 24.0, _HEIGHT - 22
    sample = {"liked": ' stroke-width="8"', "disliked": ' stroke-width="2.2"', "seed": ""}
    for kind, name in _KINDS:
        words = f"{name} {dots.kind.count(kind):,}"
        yield f'<path class="{kind}"{sample[kind]} d="{_dart(kind, f"{x + 6:.1f}", f"{y - 4:.1f}", 4)}"/>'
        yield f'<text x="{x + 18:g}" y="{y}">{words}</text>'
        x += 48 + 7.2 * len(words)
    for tint in ("odd", "thin"):
        yield f'<rect class="{tint}" x="{x:g}" y="{y - 12}" width="18" height="14"/>'
    yield f'<text x="{x + 25:g}" y="{y}">thin: less than half of an even share</text>'
    x += 285
    yield f'<rect class="crowded" x="{x:g}" y="{y - 12}" width="18" height="14"/>'
    yield f'<text x="{x + 25:g}" y="{y}">crowded: more than twice an even share</text>'


def _reach(share: float) -> float:
    """The radius within which this share of the board lies, by area; a rim stays free."""
    return (_RADIUS - _RIM) * sqrt(share)


def _point(radius: float, turn: float) -> tuple[str, str]:
    """A place on the board; turns go clockwise from the top, from 0 to 1."""
    return f"{_X + radius * sin(2 * pi * turn):.1f}", f"{_Y - radius * cos(2 * pi * turn):.1f}"


def _clean(text: str) -> str:
    """The text without what XML forbids."""
    return _NO_XML.sub("", make_whole(text))


def _shortened(name: str) -> str:
    """As much of a name as has room; the letters of some scripts are twice as wide."""
    room = _LETTERS
    for place, letter in enumerate(name):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 0:
            kept = name[: place - 1]
            whole = kept.rpartition(" ")[0]
            return (whole if len(whole) > len(kept) / 3 else kept).rstrip(" ,") + "…"
    return name
