"""Flame graphs: weights of nested names as folded text or as an SVG that needs no script."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

Stack = tuple[str, ...]

WIDTH, ROW, MARGIN = 1200, 18, 10
_NARROWEST = 0.3  # rectangles below this many pixels are left out
_CHARACTER = 6.6  # pixels of a character of the label


def folded(weights: Mapping[Stack, int]) -> str:
    """One line a stack, outermost name first: the format of flame graph tools. A stack of weight 0 has no line."""
    lines = (";".join(name.replace(";", ",") for name in stack) + f" {w}" for stack, w in sorted(weights.items()) if w)
    return "".join(f"{line}\n" for line in lines)


def flame_graph(weights: Mapping[Stack, int], title: str, unit: str) -> str:
    """An SVG: width is weight with everything inside, callers below their callees, siblings in the order of their names."""
    root = _Box("all")
    for stack, weight in weights.items():
        box = root
        box.weight += weight
        for name in stack:
            box = box.children.setdefault(name, _Box(name))
            box.weight += weight
    height = ROW * (root.depth() + 2) + 2 * MARGIN
    scale = (WIDTH - 2 * MARGIN) / max(root.weight, 1)
    shapes = "\n".join(_shapes(root, float(MARGIN), height - MARGIN - ROW, scale, root.weight, unit))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="monospace" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fdfdf8"/>\n'
        f'<text x="{MARGIN}" y="{MARGIN + 12}" font-size="13">{escape(title)}</text>\n{shapes}\n</svg>\n'
    )


@dataclass(slots=True)
class _Box:
    name: str
    weight: int = 0
    children: dict[str, _Box] = field(default_factory=dict)

    def depth(self) -> int:
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def _shapes(box: _Box, x: float, y: int, scale: float, total: int, unit: str) -> Iterator[str]:
    width = box.weight * scale
    if width < _NARROWEST:
        return
    share = 100 * box.weight / max(total, 1)
    label = escape(box.name[: int((width - 4) / _CHARACTER)]) if width > 3 * _CHARACTER else ""
    yield (
        f"<g><title>{escape(box.name)}: {box.weight:,} {unit}, {share:.2f} %</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{ROW - 1}" rx="1" fill="{_colour(box.name)}"/>'
        f'<text x="{x + 3:.2f}" y="{y + ROW - 6}">{label}</text></g>'
    )
    for child in sorted(box.children.values(), key=lambda child: child.name):
        yield from _shapes(child, x, y - ROW, scale, total, unit)
        x += child.weight * scale


def _colour(name: str) -> str:
    """A warm colour that depends on the name alone."""
    code = zlib.crc32(name.encode())
    return f"hsl({code % 50},{70 + code // 64 % 25}%,{62 + code // 4096 % 16}%)"
