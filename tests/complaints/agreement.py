"""Agreement of coders by its definition: the yardstick of the mart.

Belongs here: coefficients in plain Python. Does not belong here: what they are compared with (test_*.py).
"""

from __future__ import annotations


def gwet_ac1(pairs: list[list[int]], q: int) -> float:
    """AC1 by its definition (Gwet 2008) for any number of raters and categories 0 .. q - 1."""
    agreeing = [sum(units.count(k) * (units.count(k) - 1) for k in range(q)) / (len(units) * (len(units) - 1)) for units in pairs if len(units) > 1]
    shares = [sum(units.count(k) / len(units) for units in pairs) / len(pairs) for k in range(q)]
    pa, pe = sum(agreeing) / len(agreeing), sum(share * (1 - share) for share in shares) / (q - 1)
    return (pa - pe) / (1 - pe)
