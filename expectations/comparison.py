"""What a new delivery is beside the accepted deliveries before it: the profile that expectations judge.

Belongs here: choosing the earlier deliveries that are a fair measure, and the numbers of the comparison.
Does not belong here: counting inside one delivery (measure.py), limits and verdicts (suite.py).

Input are the temporary tables `measured` (measure.py) and `judged` (delivery_id, place_in_order,
is_new, is_good, is_correction, delivered_at, delivery_sequence, place). Output is the table `profile`: per
new delivery one row with column_name '' for the file and one row per column. A number is null where
the check does not apply, and expectations pass over nulls.

Distance between two distributions p, q of codes is the total variation ½ Σ|p - q|. Two samples of n
and m values of one distribution with k codes differ by at most ½ √(k-1) √(1/n + 1/m) in expectation
(Jensen and Cauchy-Schwarz), and exceed that by t with a probability of at most exp(-2t²/(1/n + 1/m))
(McDiarmid). So (½ √(k-1) + 1) √(1/n + 1/m) is taken off as noise: at n = m = 200 what remains passes
the lower limit of 0.15 by chance with a probability below 4e-6, with more values even less. `reorder` is the part of the distance that vanishes when both distributions are sorted by
size: it grows when codes swap their shares, as after a changed code list, and is 0 for any drift that
keeps the rank of the codes. A changed code list shows there before the whole distance is alarming.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.settings import MIN_BAD_ROWS, MIN_MISSING_ROWS, MIN_SHIFT_ROWS, MIN_USUAL_ROWS
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from expectations.settings import FeedExpectations

# Two deliveries are comparable when at least half the facilities of the new one stood in the other.
_MIN_COMMON_PLACES = 0.5
# Earlier deliveries with fewer values than this would add noise to a usual distribution, not knowledge.
_MIN_BASE_VALUES = 30
# Whatever the usual missing share, a column must keep a tenth of its usual values if 20 or more are due.
_MIN_KEPT_SHARE, _MIN_DUE_VALUES = 0.1, 20


def compare(con: DuckDBPyConnection, settings: FeedExpectations) -> None:
    """Create the tables `base` (new delivery, earlier comparable delivery) and `profile`."""
    con.execute(_base(settings)).fetchall()
    con.execute(f"create or replace temp table distance as {_DISTANCE}").fetchall()
    con.execute(f"create or replace temp table usual_missing as {_USUAL_MISSING}").fetchall()
    con.execute(f"create or replace table profile as {_file_rows(settings)} union all by name {_column_rows(settings)}").fetchall()


def _base(settings: FeedExpectations) -> str:
    """The last comparable deliveries before each new one; resubmissions (version 2 and later) are no measure of volume."""
    common = f"len(list_intersect(mine.places, theirs.places)) >= {_MIN_COMMON_PLACES} * len(mine.places) and len(mine.places) > 0"
    return f"""
create or replace temp table base as
select n.delivery_id, b.delivery_id as base_id
from judged n join measured mine on mine.delivery_id = n.delivery_id
join judged b on b.place_in_order < n.place_in_order and b.is_good and b.delivery_sequence < 2
join measured theirs on theirs.delivery_id = b.delivery_id
where n.is_new and mine.n_rows > 0 and {common if settings.place_column else 'true'}
qualify row_number() over (partition by n.delivery_id order by b.place_in_order desc) <= {settings.history_window}"""


_COLUMNS = "(select delivery_id, unnest(columns, max_depth := 2) from measured)"

_USUAL_MISSING = f"""
select base.delivery_id, c.column_name, count(*) as n_base, 100 * median(c.n_missing / c.n_asked) as usual_missing_pct
from base join {_COLUMNS} c on c.delivery_id = base.base_id
where c.n_asked >= {_MIN_BASE_VALUES} group by all"""

_DISTANCE = f"""
with codes as (
  select delivery_id, column_name, n_valued, unnest(map_entries(codes)) as e from {_COLUMNS}
  where codes is not null and n_valued >= {_MIN_BASE_VALUES}),
mine as (
  select delivery_id, column_name, e.key as code, n_valued, e.value / n_valued as share from codes
  where n_valued >= {MIN_SHIFT_ROWS} and delivery_id in (select delivery_id from base)),
size as (
  select base.delivery_id, c.column_name, count(*) as n_base, sum(c.n_valued) as n_values
  from base join {_COLUMNS} c on c.delivery_id = base.base_id
  where c.codes is not null and c.n_valued >= {_MIN_BASE_VALUES} group by all),
theirs as (
  select base.delivery_id, c.column_name, c.e.key as code, sum(c.e.value / c.n_valued) as shares
  from base join codes c on c.delivery_id = base.base_id group by all),
compared as (
  select distinct m.delivery_id, m.column_name, m.n_valued, s.n_base, s.n_values
  from mine m join size s using (delivery_id, column_name) where s.n_values >= {MIN_SHIFT_ROWS}),
pair as (
  select c.delivery_id, c.column_name, c.n_valued, c.n_values, x.code,
    coalesce(mine.share, 0) as p, coalesce(theirs.shares / c.n_base, 0) as q
  from compared c
  join (select delivery_id, column_name, code from mine union select delivery_id, column_name, code from theirs) x using (delivery_id, column_name)
  left join mine using (delivery_id, column_name, code) left join theirs using (delivery_id, column_name, code)),
ranked as (
  select *, row_number() over (partition by delivery_id, column_name order by p desc, code) as rank_p,
    row_number() over (partition by delivery_id, column_name order by q desc, code) as rank_q from pair),
sorted as (
  select a.delivery_id, a.column_name, sum(abs(a.p - b.q)) / 2 as distance
  from ranked a join ranked b on a.delivery_id = b.delivery_id and a.column_name = b.column_name and a.rank_p = b.rank_q group by all)
select delivery_id, column_name, sum(abs(p - q)) / 2 as distance, any_value(sorted.distance) as sorted_distance,
  (sqrt(count(*) - 1) / 2 + 1) * sqrt(1 / any_value(n_valued) + 1 / any_value(n_values)) as noise,
  list({{'code': code, 'p': p, 'q': q}} order by abs(p - q) desc, code)[:3] as moved
from pair join sorted using (delivery_id, column_name) group by delivery_id, column_name"""


def _file_rows(settings: FeedExpectations) -> str:
    def share(part: str, whole: str) -> str:
        return f"case when {part} >= {MIN_BAD_ROWS} or {part} = {whole} then round(100 * {part} / nullif({whole}, 0), 2) end"

    def ratio(of: str, condition: str) -> str:
        return f"case when n_base >= {settings.min_history} and {condition} then round({of}, 3) end"

    return f"""
select judged.delivery_id, '' as column_name, n_rows, {share('n_quarantined', 'n_rows')} as quarantined_pct,
  {share('n_duplicate', 'n_rows')} as duplicate_pct, {share('n_repaired', 'n_rows')} as repaired_pct,
  usual_rows, usual_volume, usual_answered, n_base,
  {ratio('volume / usual_volume', f'usual_volume >= {MIN_USUAL_ROWS} and not is_correction')} as volume_ratio,
  {ratio(f'volume / greatest(usual_volume, {MIN_USUAL_ROWS})', 'volume is not null')} as volume_growth,
  {ratio('n_answered / usual_answered', f'usual_answered >= {MIN_USUAL_ROWS} and not is_correction')} as answered_ratio,
  {share('n_future', 'n_accepted')} as future_pct,
  judged.delivered_at::date - newest_on as age_days,
  judged.delivered_at::date - previous_at::date as gap_days,
  case when n_rows = 0 then (select max(b.n_accepted) from judged t join measured b using (delivery_id)
    where t.is_good and t.place = judged.place and t.place_in_order < judged.place_in_order) end as n_left_standing
from judged join measured using (delivery_id)
left join (select base.delivery_id, count(*) as n_base, median(n_rows) as usual_rows, median(volume) as usual_volume, median(n_answered) as usual_answered
  from base join measured on measured.delivery_id = base.base_id group by base.delivery_id) using (delivery_id)
left join (select n.delivery_id, max(b.delivered_at) as previous_at from judged n join judged b on b.place_in_order < n.place_in_order and b.is_good
  where n.is_new group by all) using (delivery_id)
where is_new"""


def _column_rows(settings: FeedExpectations) -> str:
    absolute = " ".join(f"when {literal(name)} then {limit}" for name, limit in settings.max_missing_pct.items())
    fixed = f"case c.column_name {absolute} end" if absolute else "null"
    rise = settings.max_missing_rise_pct
    kept = (f"case when n_asked * (100 - usual_missing_pct) / 100 >= {_MIN_DUE_VALUES} "
            f"then 100 - {_MIN_KEPT_SHARE} * (100 - usual_missing_pct) else 100 end")
    known = f"n_asked >= {MIN_MISSING_ROWS} and n_base >= case when is_item then 1 else {settings.min_history} end and not is_correction"
    relative = "null" if rise is None else f"case when {known} then least(usual_missing_pct + {rise}, {kept}) end"
    return f"""
select judged.delivery_id, c.column_name,
  case when n_asked > 0 and (n_missing >= {MIN_BAD_ROWS} or n_missing = n_asked) then round(100 * n_missing / n_asked, 2) end as missing_pct,
  usual_missing_pct, round(coalesce({fixed}, {relative}), 2)::double as missing_limit_pct,
  case when n_marked_missing >= {MIN_BAD_ROWS} then round(100 * n_marked_missing / nullif(n_asked, 0), 2) end as marked_missing_pct,
  case when not is_correction then round(greatest(0.0, distance - noise), 3) end as shift,
  case when not is_correction then round(greatest(0.0, distance - sorted_distance - noise), 3) end as reorder
from judged join {_COLUMNS} c using (delivery_id)
left join usual_missing u on u.delivery_id = c.delivery_id and u.column_name = c.column_name
left join distance d on d.delivery_id = c.delivery_id and d.column_name = c.column_name
where is_new"""
