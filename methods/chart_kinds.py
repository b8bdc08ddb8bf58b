"""Centre line and sigma of each kind of control chart, over rows of points.

Belongs here: one function per published chart, and the table of the kinds. Does not belong here: cutting series into rows, assembling
limits (charts.py), run rules.

Sources: Montgomery, Introduction to Statistical Quality Control (i, mr, c, u, p, g); Nelson 1982 (screening of moving ranges);
Laney 2002 (u', p'); Nelson 1994 (t); ip as in qicharts2. Constants are rounded as qicharts2 0.8.1 and Making Data Count round them.
"""
from dataclasses import dataclass

import numpy as np

from methods import arrays

D2 = 1.128              # mean range of two normal values, in sigma, rounded as qicharts2 rounds it
XMR = 2.66              # three sigma in mean ranges, as Making Data Count rounds it
IP_SCREEN = 3.2665      # the ip chart screens with one more digit
T_POWER = 3.6           # Nelson's transformation of an exponential time to a nearly normal one
G_MEDIAN = 0.693        # median of an exponential with mean 1


@dataclass(frozen=True)
class Points:
    """What a chart computes from. Arrays are time x rows; a row is one part of one series."""

    y: np.ndarray
    numerator: np.ndarray
    denominator: np.ndarray | None
    base: np.ndarray            # base set, points with a value only
    member: np.ndarray          # base set, null points as well: they void the ranges beside them
    given: np.ndarray           # (rows,) centre line given by the user, or null
    screen: bool
    laney_floor: bool

    def centre(self, estimate):
        return np.where(np.isnan(self.given), estimate, self.given)

    def range_sigma(self, values):
        """Sigma from the mean moving range of the base set."""
        return arrays.screened_mean(arrays.moving_ranges(values, self.member), self.screen) / D2


def run(p):
    return p.centre(arrays.median(p.y, p.base)), np.full(p.y.shape, np.nan)


def individuals(p):
    return p.centre(arrays.mean(p.y, p.base)), p.range_sigma(p.y)


def xmr(p):
    centre, sigma = individuals(p)
    return centre, sigma * D2 * XMR / 3


def moving_range(p):
    centre = p.centre(arrays.mean(p.y, p.base))
    return centre, arrays.SCREEN / 3 * centre


def counts(p):
    centre = p.centre(arrays.mean(p.y, p.base))
    return centre, np.sqrt(centre)


def rate(p):
    centre = p.centre(arrays.ratio(p.numerator, p.denominator, p.base))
    return centre, np.sqrt(centre / p.denominator)


def proportion(p):
    centre = p.centre(arrays.ratio(p.numerator, p.denominator, p.base))
    return centre, np.sqrt(centre * (1 - centre) / p.denominator)


def laney(plain):
    """Laney's prime version of a chart: its sigma times the sigma of its own z values over time (Laney 2002)."""
    def prime(p):
        centre, sigma = plain(p)
        spread = p.range_sigma((p.y - centre) / sigma)
        return centre, sigma * (np.maximum(spread, 1.0) if p.laney_floor else spread)
    return prime


def individuals_by_size(p):
    """ip chart: individuals weighted by their denominators. Its sigma uses all points of the part, not only the base set."""
    centre = p.centre(arrays.weighted_mean(p.y, p.denominator, p.base))
    s = np.full(p.y.shape, np.nan)
    s[1:] = np.sqrt(np.pi / 2) * np.abs(np.diff(p.y, axis=0)) / np.sqrt(1 / p.denominator[:-1] + 1 / p.denominator[1:])
    return centre, arrays.screened_mean(s, p.screen, IP_SCREEN) / np.sqrt(p.denominator)


def geometric(p):
    centre = p.centre(arrays.mean(p.y, p.base))
    return centre, np.sqrt(centre * (centre + 1))


@dataclass(frozen=True)
class Chart:
    """How a chart is computed: lines(points) -> centre (rows,) and sigma (rows,) or (time, rows), and the range of its values."""

    lines: object
    floor: float = -np.inf
    ceiling: float = np.inf
    needs_denominator: bool = False
    power: float = 1.0
    is_rate: bool = True        # y is numerator / denominator, and is shown times 1,000 or 100


CHARTS = {
    "run": Chart(run),
    "i": Chart(individuals),
    "xmr": Chart(xmr),
    "mr": Chart(moving_range, floor=0.0),
    "c": Chart(counts, floor=0.0, is_rate=False),
    "u": Chart(rate, floor=0.0, needs_denominator=True),
    "u'": Chart(laney(rate), floor=0.0, needs_denominator=True),
    "p": Chart(proportion, floor=0.0, ceiling=1.0, needs_denominator=True),
    "p'": Chart(laney(proportion), floor=0.0, ceiling=1.0, needs_denominator=True),
    "ip": Chart(individuals_by_size, needs_denominator=True),
    "g": Chart(geometric, floor=0.0, is_rate=False),
    "t": Chart(individuals, floor=0.0, power=T_POWER, is_rate=False),
}
ALIASES = {"up": "u'", "uprime": "u'", "pp": "p'", "pprime": "p'"}


def code(chart):
    """The one code of a chart; ValueError when there is no such chart."""
    name = ALIASES.get(chart, chart)
    if name not in CHARTS:
        raise ValueError(f"unknown chart {chart!r}; known: {', '.join(CHARTS)}")
    return name
