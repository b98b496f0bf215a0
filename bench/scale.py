"""Draws what bench/scale.sh printed: seconds and memory against the number of synthetic images, both axes logarithmic.

    bench/scale.sh | tee costs.txt && python3 bench/scale.py costs.txt docs/pictures/cost.svg
"""

import math
import re
import sys

LINE = re.compile(r"\s*(\d+) x (\d+) x (\d+): compare (\d+) s, audit's pass (\d+) s, peak (\d+) MiB")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 56, 16, 150, 44
SERIES = [("compare, s", 4, "#2563eb"), ("audit's pass, s", 5, "#d97706"), ("peak, MiB", 6, "#6b7280")]


def main(source, target):
    rows = [tuple(map(int, found.groups())) for found in map(LINE.match, open(source)) if found]
    assert rows, f"{source}: holds no line of bench/scale.sh"
    low, high = math.log10(rows[0][0]), math.log10(rows[-1][0])
    most = math.ceil(math.log10(max(max(row[3:]) for row in rows)))
    x = lambda count: LEFT + (math.log10(count) - low) / (high - low) * (WIDTH - LEFT - RIGHT)
    y = lambda value: HEIGHT - BOTTOM - math.log10(max(value, 1)) / most * (HEIGHT - TOP - BOTTOM)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for power in range(most + 1):
        at = y(10**power)
        out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    for row in rows:
        out.append(f'<text x="{x(row[0]):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{row[0]:,}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">synthetic images, against {rows[0][1]:,} real ones</text>')
    for name, place, colour in SERIES:
        points = [(x(row[0]), y(row[place - 1])) for row in rows]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        out.append(f'<text x="{points[-1][0] + 8:.1f}" y="{points[-1][1] + 4:.1f}" fill="{colour}">{name}</text>')
    with open(target, "w") as file:
        file.write("\n".join([*out, "</svg>", ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
