"""A flame graph as SVG: where the time of a run went, from the whole at the top to single calls at the bottom."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, ROW, GAP, CHARACTER, NARROWEST = 1200, 22, 1, 7, 0.5  # pixels
_COLOURS = ("#8d6e63", "#d9773c", "#e39a4b", "#efc16b")

Path = tuple[str, ...]


def flame_svg(seconds: Mapping[Path, float], title: str) -> str:
    """The graph of self times by path (name of the whole, of the part, ...). A frame is as wide as its time with everything below it,
    children in the order in which they first occur; its tooltip gives name, seconds and share."""
    totals = _totals(seconds)
    whole = sum(total for path, total in totals.items() if len(path) == 1)
    height = (max(map(len, totals), default=0) + 1) * ROW
    frames = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="monospace" font-size="12">',
        f'<text x="4" y="15">{escape(title)}: {whole:.2f} s</text>',
    ]
    starts: dict[Path, float] = {(): 0.0}
    for path, total in totals.items():
        left = starts[path[:-1]]
        starts[path[:-1]] = left + total
        starts[path] = left
        frames += _frame(path, left, total, whole)
    return "\n".join([*frames, "</svg>", ""])


def _totals(seconds: Mapping[Path, float]) -> dict[Path, float]:
    """Times with everything below, each path after its parent."""
    totals: dict[Path, float] = {}
    for path, own in seconds.items():
        for depth in range(1, len(path) + 1):
            totals[path[:depth]] = totals.get(path[:depth], 0.0) + own
    return totals


def _frame(path: Path, left: float, total: float, whole: float) -> list[str]:
    scale = WIDTH / whole if whole else 0.0
    x, width, y = left * scale, total * scale, len(path) * ROW
    if width < NARROWEST:
        return []
    share = 100 * total / whole
    shown = path[-1][: int((width - 6) / CHARACTER)]
    return [
        f"<g><title>{escape(' / '.join(path))}: {total:.3f} s, {share:.1f} %</title>",
        f'<rect x="{x:.2f}" y="{y}" width="{max(width - GAP, NARROWEST):.2f}" height="{ROW - GAP}" '
        f'fill="{_COLOURS[min(len(path), len(_COLOURS)) - 1]}"/>',
        f'<text x="{x + 3:.2f}" y="{y + 15}">{escape(shown)}</text></g>',
    ]
