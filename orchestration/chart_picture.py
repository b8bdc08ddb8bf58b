"""A control chart as one HTML page: inline SVG, no scripts, nothing from elsewhere.

Belongs here: from published rows to a picture and the words beside it. Does not belong here: asking the marts (commands/chart.py),
any statistic. Values are rounded here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1080, 400, 64, 136, 46, 34
_COLOURS = {"common_cause": "#6b7280", "special_cause_improvement": "#1565c0", "special_cause_concern": "#d9730d",
            "special_cause_neutral_high": "#6a3fa0", "special_cause_neutral_low": "#6a3fa0"}
_VARIATION = {
    "common_cause": ("#6b7280", "~", "Common cause"), "improvement_high": ("#1565c0", "H", "Improvement, high"),
    "improvement_low": ("#1565c0", "L", "Improvement, low"), "concern_high": ("#d9730d", "H", "Concern, high"),
    "concern_low": ("#d9730d", "L", "Concern, low"), "neutral_high": ("#6a3fa0", "H", "Signal, high"), "neutral_low": ("#6a3fa0", "L", "Signal, low"),
    "runs_signal": ("#6a3fa0", "?", "Not random"),
}
_ASSURANCE = {"consistent_pass": ("#1565c0", "P", "Target will be met"), "consistent_fail": ("#d9730d", "F", "Target will be missed"),
              "inconsistent": ("#6b7280", "?", "Hit or miss")}
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;color:#1f2937;max-width:1120px;margin:24px auto;padding:0 16px}
h1{font-size:22px;margin:0}.sub{color:#6b7280;margin:2px 0 14px}.head{display:flex;gap:28px;align-items:center;flex-wrap:wrap;margin-bottom:8px}
.value{font-size:34px;font-weight:600}.value small{font-size:16px;font-weight:400;color:#6b7280}.icon{display:flex;align-items:center;gap:8px}.words{max-width:640px}
table{border-collapse:collapse;margin-top:10px;font-size:13px}td,th{padding:3px 10px;text-align:right;border-bottom:1px solid #e5e7eb}
th{font-weight:600;color:#374151}td:first-child,th:first-child,td.t{text-align:left}svg text{font:12px system-ui,sans-serif;fill:#4b5563}
td:first-child{white-space:nowrap}.wide{overflow-x:auto}.chart svg{min-width:760px}
@media print{body{margin:0}.chart svg{min-width:0}}"""


def page(title: str, subtitle: str, unit: str, points: Sequence[dict[str, Any]], now: dict[str, Any], target: dict[str, Any] | None) -> str:
    """The page of one series. points: rows of kpi_trend in time order; now: its row of kpi_signal; target: of kpi_target_status."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1><p class="sub">{escape(subtitle)}</p>
<div class="head">{_value(now, unit)}{_icon(_VARIATION.get(now["variation"]))}{_icon(_ASSURANCE.get(now["assurance"]))}
<div class="words">{escape(now["explanation"])}{_target_words(target, unit)}</div></div>
<div class="wide chart">{svg(title, unit, points)}</div>
{_notes(points)}
{_table(points, unit)}
</body></html>
"""


def svg(title: str, unit: str, points: Sequence[dict[str, Any]]) -> str:
    """The chart: value, centre, limits per part, target, signals, excluded points, notes."""
    points = [_within_reach(point, unit) for point in points]
    x, y, ticks = _scales(points)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" aria-label="{escape(title)}">']
    for at in ticks:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(at):.1f}" y2="{y(at):.1f}" stroke="#eef0f3"/>'
                     f'<text x="{LEFT - 8}" y="{y(at) + 4:.1f}" text-anchor="end">{_number(at)}</text>')
    every = max(1, -(-len(points) // 12))
    for i, point in enumerate(points):
        if i % every == 0:
            parts.append(f'<text x="{x(i):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{_period(point)}</text>')
    for name, colour, dash in (("ucl", "#9ca3af", "6 4"), ("lcl", "#9ca3af", "6 4"), ("ucl95", "#d1d5db", "2 4"), ("lcl95", "#d1d5db", "2 4"),
                               ("centre", "#374151", "")):
        parts += _line(points, name, x, y, f'stroke="{colour}" fill="none" stroke-width="1.4"' + (f' stroke-dasharray="{dash}"' if dash else ""), by_part=True)
    parts += _line(points, "target", x, y, 'stroke="#2e7d32" fill="none" stroke-width="1.6" stroke-dasharray="8 3"')
    parts += _line(points, "value", x, y, 'stroke="#9ca3af" fill="none" stroke-width="1.6"')
    parts += _markers(points, x, y)
    parts += _ends(points, y)
    parts += [_dot(point, x(i), y(point["value"]), unit) for i, point in enumerate(points) if point["value"] is not None]
    return "\n".join([*parts, "</svg>"])


def _within_reach(point: dict[str, Any], unit: str) -> dict[str, Any]:
    """The point with its limits drawn no farther than its measure can reach; the table beside shows them as computed."""
    low, high = {"%": (0.0, 100.0), "points 0-100": (0.0, 100.0), "per 1,000 encounters": (0.0, float("inf"))}.get(unit, (float("-inf"), float("inf")))
    return point | {name: min(max(point[name], low), high) for name in ("lcl", "lcl95", "ucl95", "ucl") if point[name] is not None}


def _scales(points: Sequence[dict[str, Any]]) -> tuple[Callable[[int], float], Callable[[float], float], list[float]]:
    shown = [point[name] for point in points for name in ("value", "centre", "ucl", "lcl", "target") if point[name] is not None] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    margin = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    low, high = (max(0.0, low - margin) if low >= 0 else low - margin), high + margin
    step = _nice((high - low) / 6)
    first = int(low / step) * step
    ticks = [first + i * step for i in range(12) if low <= first + i * step <= high]
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return (lambda i: LEFT + wide * (i + 0.5) / max(len(points), 1)), (lambda v: TOP + tall * (high - v) / (high - low)), ticks


def _nice(rough: float) -> float:
    scale = 10.0 ** len(str(int(rough))) / 10 if rough >= 1 else 0.1
    while scale > rough:
        scale /= 10
    return next((scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough), rough)


def _line(points: Sequence[dict[str, Any]], name: str, x: Callable, y: Callable, style: str, by_part: bool = False) -> list[str]:
    """Polylines that break at nulls and, for lines of the chart, where a new part begins."""
    runs: list[list[tuple[float, float]]] = [[]]
    for i, point in enumerate(points):
        if point[name] is None or (by_part and i and point["phase"] != points[i - 1]["phase"]):
            runs.append([])
        if point[name] is not None:
            runs[-1].append((x(i), y(point[name])))
    whole = [run if len(run) > 1 else [(run[0][0] - 6, run[0][1]), (run[0][0] + 6, run[0][1])] for run in runs if run]
    return [f'<polyline points="{" ".join(f"{across:.1f},{down:.1f}" for across, down in run)}" {style}/>' for run in whole]


def _markers(points: Sequence[dict[str, Any]], x: Callable, y: Callable) -> list[str]:
    """Vertical marks: new parts, initiatives, the end of a frozen baseline, missing periods."""
    found = []
    for i, point in enumerate(points):
        at = x(i) - (x(1) - x(0)) / 2 if len(points) > 1 else x(i)
        if point["part_reason"] or point["annotation"]:
            colour = "#6a3fa0" if point["part_reason"] else "#2e7d32"
            found.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 12}" y2="{HEIGHT - BOTTOM}" stroke="{colour}" stroke-dasharray="3 3"/>'
                         f'<text x="{at + 4:.1f}" y="{TOP - 16}">{_number_of_note(points, i)}</text>')
        if point["is_frozen"] and (i + 1 == len(points) or not points[i + 1]["is_frozen"]):
            edge = x(i) + (x(1) - x(0)) / 2 if len(points) > 1 else x(i)
            found.append(f'<rect x="{LEFT}" y="{TOP}" width="{edge - LEFT:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="#1565c0" opacity="0.05"/>'
                         f'<text x="{LEFT + 6}" y="{TOP + 14}">baseline</text>')
        if point["value"] is None:
            found.append(f'<text x="{x(i):.1f}" y="{HEIGHT - BOTTOM - 6}" text-anchor="middle">&#215;<title>{escape(_period(point))}: '
                         f'{escape((point["reason"] or "no value").lower().replace("_", " "))}</title></text>')
    return found


def _ends(points: Sequence[dict[str, Any]], y: Callable) -> list[str]:
    """Names of the lines at their right ends."""
    names = (("ucl", "upper limit"), ("centre", "centre"), ("lcl", "lower limit"), ("target", "target"))
    ends = []
    for name, text in names:
        last = next((point[name] for point in reversed(points) if point[name] is not None), None)
        if last is not None:
            ends.append([y(last) + 4, f"{text} {_number(last)}"])
    ends.sort()
    for before, after in zip(ends, ends[1:], strict=False):
        after[0] = max(after[0], before[0] + 13)
    return [f'<text x="{WIDTH - RIGHT + 4}" y="{at:.1f}">{text}</text>' for at, text in ends]


def _dot(point: dict[str, Any], x: float, y: float, unit: str) -> str:
    colour = _COLOURS.get(point["point_type"] or "common_cause", "#6b7280")
    fill = "#ffffff" if point["is_excluded"] else colour
    words = f"{_period(point)}: {_number(point['value'])} {unit}, {(point['signal'] or 'none').replace('_', ' ')}"
    if point["is_excluded"]:
        words += f", left out: {point['exclusion_reason'] or ''}"
    radius = 5 if point["signal"] != "none" else 4
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{colour}" stroke-width="1.6"><title>{escape(words)}</title></circle>'


def _noted(points: Sequence[dict[str, Any]]) -> list[int]:
    return [i for i, point in enumerate(points) if point["part_reason"] or point["annotation"]]


def _number_of_note(points: Sequence[dict[str, Any]], i: int) -> int:
    return _noted(points).index(i) + 1


def _notes(points: Sequence[dict[str, Any]]) -> str:
    lines = [f"<li>{_period(points[i])}: {escape('; '.join(text for text in (points[i]['part_reason'] and 'new part, ' + points[i]['part_reason'], points[i]['annotation']) if text))}</li>"
             for i in _noted(points)]
    return f"<ol>{''.join(lines)}</ol>" if lines else ""


def _value(now: dict[str, Any], unit: str) -> str:
    shown = "no value" if now["value"] is None else f"{_number(now['value'])} <small>{escape(unit)}</small>"
    return f'<div><div class="value">{shown}</div><div class="sub">{now["period_start_on"]} to {now["period_end_on"]}</div></div>'


def _icon(known: tuple[str, str, str] | None) -> str:
    if known is None:
        return ""
    colour, letter, words = known
    return (f'<div class="icon"><svg viewBox="0 0 44 44" width="44" height="44" role="img" aria-label="{words}"><circle cx="22" cy="22" r="19" fill="#fff" '
            f'stroke="{colour}" stroke-width="4"/><text x="22" y="29" text-anchor="middle" style="font-size:20px;font-weight:700;fill:{colour}">{letter}</text>'
            f"</svg>{words}</div>")


def _target_words(target: dict[str, Any] | None, unit: str) -> str:
    if target is None:
        return ""
    words = f"Target {_number(target['target'])} {unit} ({target['target_reason']}): "
    if target["is_met"]:
        words += f"met by {_number(target['distance'])}, in every period since {target['met_since_on']}."
    else:
        words += f"missed by {_number(-target['distance'])}, {target['n_missed_running']} in a row."
    return f"<br>{escape(words)}"


def _table(points: Sequence[dict[str, Any]], unit: str) -> str:
    last = points[-1]
    facts = [f"chart {last['chart']}", f"rules {last['rule_set']}", *([f"part {last['phase']} of the chart"] if last["phase"] > 1 else []), f"base {last['base_from_on']} to {last['base_to_on']}, {last['n_base']} points",
             f"limits {last['limits_status'].replace('_', ' ')}", f"moving ranges {'screened' if last['screen_mr'] else 'not screened'}",
             f"excluded {last['n_excluded']}", f"data of run {last['run_id']}"]
    rows = "".join(
        f'<tr><td>{_period(p)}</td><td>{_number(p["numerator"])}</td><td>{_number(p["denominator"])}</td><td>{_number(p["value"])}</td><td>{_number(p["centre"])}</td>'
        f'<td>{_number(p["lcl"])}</td><td>{_number(p["ucl"])}</td><td class="t">{escape((p["signal"] or "").replace("_", " ").replace("none", ""))}</td>'
        f'<td class="t">{escape((p["reason"] or "").lower().replace("_", " "))}</td></tr>' for p in points)
    return (f'<p class="sub">{escape(" · ".join(facts))}</p><div class="wide"><table><tr><th>period</th><th>numerator</th><th>denominator</th><th>{escape(unit)}</th><th>centre</th>'
            f"<th>lower</th><th>upper</th><th>signal</th><th>note</th></tr>{rows}</table></div>")


def _period(point: dict[str, Any]) -> str:
    on = point["period_start_on"]
    return {"month": f"{on:%Y-%m}", "quarter": f"{on:%Y}-Q{(on.month + 2) // 3}"}.get(point["period_grain"], str(on))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.2f}" if abs(value) < 100 else f"{value:.1f}"
