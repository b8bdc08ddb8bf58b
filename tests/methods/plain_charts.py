"""The rules of control charts written a second time: one series, plain lists, no arrays, None for null.

Belongs here: the slow, obvious version that the batched code is compared with, and a generator of awkward series.
Does not belong here: anything taken over from methods/.
"""

import math
import statistics
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

CHARTS = ("run", "i", "xmr", "mr", "c", "u", "u'", "p", "p'", "ip", "g", "t")
LINES = ("lcl", "lcl95", "ucl95", "ucl")


def as_float(rows):
    """Lists with None as an array with NaN."""
    return np.array([[float("nan") if v is None else v for v in row] for row in rows], float)


def parts_of(n_points, parts):
    """[(first, end), ...] of 0-based half-open parts; `parts` are the last points, from 1."""
    edges = [0, *sorted({p for p in parts if 0 < p < n_points}), n_points]
    return list(pairwise(edges))


def chart(name, c, n, parts=(), freeze=None, exclude=(), screen=True):
    """[(y, centre, {line: value})] of one series."""
    out = []
    cuts = parts_of(len(c), parts)
    for first, end in cuts:
        if name == "xmr":
            last_base = first + freeze if freeze else end
        else:
            last_base = freeze if freeze and len(cuts) == 1 else end
        base = [i for i in range(first, end) if i < last_base and i + 1 not in exclude]
        out += one_part(name, c[first:end], n[first:end], [i - first for i in base], screen)
    return out


def one_part(name, c, n, base, screen):
    y = values(name, c, n)
    if name == "t":
        y = [None if v is None else v ** (1 / 3.6) for v in y]
    known = [i for i in base if y[i] is not None]
    centre, sigma = middle_and_sigma(name, y, c, n, base, known, screen)
    rows = []
    for i, v in enumerate(y):
        lines = {line: limit(name, centre, sigma[i], k) for line, k in zip(LINES, (-3, -2, 2, 3), strict=True)}
        shown = centre
        if name == "g" and known:
            shown = statistics.median(y[j] for j in known)
        if name == "t":
            v, shown = (values(name, c, n)[i], None if centre is None else centre**3.6)
        rows.append((v, shown, lines))
    return rows


def values(name, c, n):
    if name in ("c", "g"):
        return c
    if name == "t":
        return [0.5 if v == 0 else v for v in c]
    y = [None if a is None or not b else a / b for a, b in zip(c, n, strict=True)]
    return [None, *ranges(y)] if name == "mr" else y


def ranges(y):
    return [None if a is None or b is None else abs(b - a) for a, b in pairwise(y)]


def mean(v):
    v = [x for x in v if x is not None]
    return math.fsum(v) / len(v) if v else None


def screened(mr, screen, limit=3.267):
    mr = [x for x in mr if x is not None]
    if screen and mr:
        top = limit * mean(mr)
        mr = [x for x in mr if x < top]
    return mean(mr)


def middle_and_sigma(name, y, c, n, base, known, screen):
    nothing = [None] * len(y)
    if not known:
        return None, nothing
    of_base = [y[i] for i in base]
    if name == "run":
        return statistics.median(y[i] for i in known), nothing
    if name in ("i", "t", "xmr", "mr", "c", "g"):
        centre = mean(of_base)
        amr = screened(ranges(of_base), screen)
        sigma = {
            "c": math.sqrt(centre),
            "g": math.sqrt(centre * (centre + 1)) if centre >= 0 else None,
            "mr": 1.089 * centre,
            "xmr": None if amr is None else amr * 2.66 / 3,
        }.get(name, None if amr is None else amr / 1.128)
        return centre, [sigma] * len(y)
    weight = [n[i] if y[i] is not None else None for i in range(len(y))]
    centre = math.fsum(c[i] for i in known) / math.fsum(n[i] for i in known)
    if name == "ip":
        s = [
            None if a is None or b is None else math.sqrt(math.pi / 2) * abs(b - a) / math.sqrt(1 / p + 1 / q)
            for a, b, p, q in zip(y, y[1:], weight, weight[1:], strict=False)
        ]
        size = screened(s, screen, 3.2665)
        return centre, [None if w is None or size is None else size / math.sqrt(w) for w in weight]
    spread = centre if name[0] == "u" else centre * (1 - centre)
    sigma = [None if w is None else math.sqrt(spread / w) for w in weight]
    if name.endswith("'"):
        z = [None if y[i] is None or not sigma[i] else (y[i] - centre) / sigma[i] for i in base]
        amr = screened(ranges(z), screen)
        sigma = [None if s is None or amr is None else s * amr / 1.128 for s in sigma]
    return centre, sigma


def limit(name, centre, sigma, k):
    if centre is None or sigma is None:
        return None
    v = (0 if name == "mr" else centre) + k * sigma
    if name == "t":
        return max(v, 0) ** 3.6
    if name in ("mr", "c", "u", "u'", "p", "p'", "g"):
        v = max(v, 0)
    return min(v, 1) if name in ("p", "p'") else v


def anhoej(y, centre, excluded=()):
    """(signal, n_useful, longest, longest_max, crossings, crossings_min) of one part, positions from 1 in `excluded`."""
    signs = [
        (v > centre) - (v < centre) for i, v in enumerate(y, 1) if v is not None and centre is not None and i not in excluded
    ]
    signs = [s for s in signs if s]
    if not signs:
        return (False, 0, 0, 0, 0, 0)
    text = "".join("+" if s > 0 else "-" for s in signs)
    longest = max(len(run) for run in text.replace("+-", "+ -").replace("-+", "- +").split())
    crossings = text.count("+-") + text.count("-+")
    most = round(math.log2(len(signs))) + 3
    tosses = len(signs) - 1
    least = next(q for q in range(tosses + 1) if sum(math.comb(tosses, i) for i in range(q + 1)) / 2**tosses >= 0.05)
    return (longest > most or crossings < least, len(signs), longest, most, crossings, least)


def making_data_count(rows, shift=7, trend=7):
    """Labels of one part from rows of `chart`, None for null points; every window is tried literally."""
    y = [r[0] for r in rows]
    count = len(y)

    def side(i):
        return 0 if y[i] is None or rows[i][1] is None else (y[i] > rows[i][1]) - (y[i] < rows[i][1])

    def beyond(i, low, high):
        lines = rows[i][2]
        if y[i] is None or lines[low] is None:
            return 0
        return (y[i] > lines[high]) - (y[i] < lines[low])

    def step(i):
        return 0 if y[i] is None or y[i - 1] is None else (y[i] > y[i - 1]) - (y[i] < y[i - 1])

    outside = [beyond(i, "lcl", "ucl") for i in range(count)]
    near = [0 if outside[i] else beyond(i, "lcl95", "ucl95") for i in range(count)]
    flagged = {"shift": set(), "trend": set(), "two": set()}
    for i in range(count - shift + 1):
        if abs(sum(side(j) for j in range(i, i + shift))) == shift:
            flagged["shift"].update(range(i, i + shift))
    for i in range(count - trend + 1):
        if abs(sum(step(j) for j in range(i + 1, i + trend))) == trend - 1:
            flagged["trend"].update(range(i, i + trend))
    for i in range(count - 2):
        window = range(i, i + 3)
        if abs(sum(side(j) for j in window)) == 3 and sum(near[j] != 0 for j in window) >= 2:
            flagged["two"].update(j for j in window if near[j])
    return [label(i, y, outside, flagged, side, step, shift, trend) for i in range(count)]


def label(i, y, outside, flagged, side, step, shift, trend):
    where = "Above" if side(i) > 0 else "Below"
    if outside[i]:
        return "Above UCL" if outside[i] > 0 else "Below LCL"
    if i in flagged["trend"]:
        rises = step(i + 1) > 0 if i + 1 in flagged["trend"] else step(i) > 0
        return f"{trend} Point Trend ({'In' if rises else 'De'}creasing)"
    if i in flagged["two"]:
        return f"2 in 3 {where} CL"
    return f"{shift} Points {where} CL" if i in flagged["shift"] else "Common Cause"


@st.composite
def batches(draw, max_series=5, max_points=30):
    """A batch of awkward series: numerators and denominators as lists of lists with None, all of one length.

    Some are flat, some are zero, some have holes or end early in nulls; numerators never exceed denominators.
    """
    n_points = draw(st.integers(1, max_points))
    c, n = [], []
    for _ in range(draw(st.integers(1, max_series))):
        kind = draw(st.sampled_from(["any", "any", "any", "flat", "zero", "rising"]))
        size = draw(st.lists(st.one_of(st.none(), st.integers(0, 60), st.integers(50, 4000)), min_size=n_points, max_size=n_points))
        size = [40 if kind in ("flat", "rising") and v is not None else v for v in size]
        made = {"flat": lambda i: 7, "zero": lambda i: 0, "rising": lambda i: i + 1}.get(kind)
        n.append(size)
        c.append([None if v is None else min(v, made(i) if made else draw(st.integers(0, 40))) for i, v in enumerate(size)])
    return c, n


@st.composite
def options(draw, n_points):
    """Parts, freeze and excluded points that may or may not matter for a series of n_points."""
    position = st.integers(1, n_points + 1)
    return {
        "parts": draw(st.lists(position, max_size=2)),
        "freeze": draw(st.one_of(st.none(), position)),
        "exclude": draw(st.lists(position, max_size=4)),
        "screen_mr": draw(st.booleans()),
    }
