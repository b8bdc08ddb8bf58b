"""Small cells: which counts a publication must not show, so that nobody can be counted out of it.

Belongs here: primary and complementary suppression over the finished marts of a build, and the select
that leaves the suppressed numbers out.
Does not belong here: which columns of a mart are counts (`meta.small_cells` in its .yml), what is said of the result
(suppression.py), writing the publication (publish.py). The build file is only read.

Rule (CMS cell-size policy, `verified` as summarised by ResDAC, 2024; the algorithm is `product-defined`):
1. primary: a count from 1 to smallest_shown - 1 is not shown; 0 is. Nor is what would give it back.
2. complementary: cells that add up to a total, and the total, make a line. A line must not have exactly
   one suppressed cell, and suppressed parts of a shown total must not add up to less than
   smallest_shown; else the smallest shown part that is not 0 goes too, or the total where there is none.
   This is repeated until every line holds.
Lines are looked at one by one: several lines taken together as equations are not solved.

`meta.small_cells` of a mart is `none`, or a list of:
  counts:      SQL expressions; the first is the number shown, each of them is protected
  each:        true where each of the counts adds up along the lines, not the first alone: a row of counts hidden together
  cell:        SQL text that names the cell; equal names in other marts are the same cell (default: the row). Needed
               with lines: between equal counts the name decides, and the place of a row may differ between builds
  scope:       SQL text; lines stay inside it
  lines:       [{part: SQL text, total: SQL text}]: the line a row is a part of, or the total of; `parts` instead of `part`
               for a list of lines; without `total` the total is taken to be shown elsewhere; `chain: true` is an equation
               of differences of four cells, where the sum of the suppressed ones says nothing (`sparse`: cells of nought
               may be absent); `across: NAME`: cells of other entries of the mart stand in
               the line, and scope is not looked at
  kpi_row:     SQL text, a kpi_key: hidden when that row of kpi_value is (instead of counts)
  kpi_series:  SQL text, kpi:window:level:entity: hidden when any row of kpi_value of that series is (instead of counts)
  together:    SQL text; rows with the same text are hidden together (a chart whose limits rest on all its points)
  hides:       columns that become null;  reason, publishable, flag: columns that say so; an entry that names none of the
               three hides a number beside the value, and the row counts as shown. Without counts an entry hides with the
               cell it names, which another entry or mart counts
  drops:       true where the row itself says too much: it is left out instead of emptied
Lines that marts share have names (small_cell_lines.py).
A mart that says nothing is left out of a publication with suppression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.home import Home
from ingestion.sql import identifier, literal
from orchestration.settings import load_settings
from orchestration.small_cell_lines import written_out
from orchestration.suppression import COMPLEMENTARY, PRIMARY, Suppression

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_KPI = "kpi_value"
_SAYS = {"reason", "publishable", "flag"}


def suppression_of(con: DuckDBPyConnection, home: Home, marts: Sequence[str]) -> Suppression:
    """What the settings of the home ask for. The connection has the build attached as `build`. Raises DefinitionError."""
    wanted = load_settings(home).small_cells
    if wanted is None:
        return Suppression()
    told = suppress(con, marts, declared(home.dbt), wanted.smallest_shown)
    _compare_with_published(con, home, told)
    return told


def _compare_with_published(con: DuckDBPyConnection, home: Home, told: Suppression) -> None:
    """A value shown in one publication and hidden in the other, with the same total, can be worked out by who has both."""
    before = home.published / "marts" / f"{_KPI}.parquet"
    if _KPI not in told.selects or not before.exists():
        return
    told.n_turned_hidden, told.n_turned_shown = con.execute(f"""
        select count(*) filter (now.reason like '{PRIMARY}%' and coalesce(was.reason, '') not like '{PRIMARY}%'),
            count(*) filter (was.reason like '{PRIMARY}%' and coalesce(now.reason, '') not like '{PRIMARY}%')
        from {told.select(_KPI)} as now inner join read_parquet({literal(str(before))}) as was using (kpi_key)""").fetchone()


def declared(project: Path) -> dict[str, Any]:
    """mart -> its `meta.small_cells`, from the models of a dbt project."""
    import yaml

    from ingestion.strict_yaml import LOADER

    found: dict[str, Any] = {}
    for path in sorted((project / "models" / "marts").rglob("*.yml")):
        for model in (yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {}).get("models", []):
            meta = model.get("config", {}).get("meta", {})
            if "small_cells" in meta:
                found[model["name"]] = [] if meta["small_cells"] == "none" else meta["small_cells"]
    return found


def suppress(con: DuckDBPyConnection, marts: Sequence[str], declarations: Mapping[str, Any], smallest_shown: int) -> Suppression:
    """Find the suppressed cells of `marts` (database `build` is attached) and the selects that leave them out."""
    told = Suppression(f"no count from 1 to {smallest_shown - 1} is shown, nor a number that gives one back", smallest_shown)
    told.left_out = sorted(mart for mart in marts if mart not in declarations)
    parts = [_Part(mart, number, one) for mart in marts for number, one in enumerate(written_out(declarations.get(mart, ())))]
    con.execute("create temp table cell (cell ubigint, n double, counts double[], is_primary boolean)")
    con.execute("create temp table member (line ubigint, cell ubigint, is_total boolean, is_chain boolean)")
    for part in parts:
        part.collect(con, smallest_shown)
    _settle(con, smallest_shown)
    by_mart: dict[str, list[_Part]] = {}
    for part in parts:
        by_mart.setdefault(part.mart, []).append(part)
    for mart in sorted(by_mart, key=lambda name: name != _KPI):  # other marts follow rows of kpi_value
        told.selects[mart] = _mask(con, mart, by_mart[mart])
        if any(part.spec.get("drops") for part in by_mart[mart]):
            told.dropped[mart] = con.execute(f"select (select count(*) from {by_mart[mart][0].table}) - (select count(*) from {told.selects[mart]})").fetchone()[0]
        told.counts[mart] = dict(con.execute(f"select state, count(*) from {_states(mart)} where state is not null group by state order by state").fetchall())
    return told


@dataclass
class _Part:
    """One entry of a mart's `small_cells`."""

    mart: str
    number: int
    spec: Mapping[str, Any]

    @property
    def table(self) -> str:
        return f"build.marts.{identifier(self.mart)}"

    @property
    def cell(self) -> str:
        name = self.spec.get("cell") or f"{literal(f'{self.mart}:{self.number}:')} || rowid"
        return f"md5_number_lower({name})"

    def collect(self, con: DuckDBPyConnection, smallest_shown: int) -> None:
        """Cells and lines of this entry."""
        if "counts" not in self.spec:
            return
        if "lines" in self.spec and "cell" not in self.spec:
            raise ValueError(f"small_cells of {self.mart}: lines need a 'cell' that names a row by its content")
        counts = ", ".join(f"({one})::double" for one in self.spec["counts"])
        con.execute(f"""
            insert into cell select cell, max(counts[1]), {'any_value(counts)' if self.spec.get('each') else 'null'}, bool_or(len(list_filter(counts, lambda c: c > 0 and c < {smallest_shown})) > 0)
            from (select {self.cell} as cell, [{counts}] as counts from {self.table}) where counts[1] is not null group by cell""").fetchall()
        for number, line in enumerate(self.spec.get("lines", ())):
            con.execute(self._members(number, line)).fetchall()

    def _members(self, number: int, line: Mapping[str, Any]) -> str:
        """Lines that have their total, or whose total stands elsewhere; of a chain, those with all four members."""
        name = line.get("across", f"{self.number}:{number}")
        scope = f"{literal(f'{self.mart}:{name}:')} || {literal('') if 'across' in line else self.spec.get('scope', literal(''))}"
        roles = [(names, role == "total") for role in ("parts", "part", "total") if role in line for names in [line[role] if role == "parts" else f"[{line[role]}]"]]
        rows = " union all ".join(
            f"select cell, unnest({names}) as name, {is_total} as is_total, {scope} as scope from placed" for names, is_total in roles)
        whole = "qualify bool_or(is_total) over (partition by line)" if "total" in line and "across" not in line else ""
        whole = "qualify count(*) over (partition by line) = 4" if line.get("chain") is True else whole
        return f"""
            insert into member
            with placed as (select *, {self.cell} as cell from {self.table} where ({self.spec['counts'][0]}) is not null)
            select md5_number_lower(scope || ':' || name) as line, cell, is_total, {bool(line.get('chain'))}
            from ({rows}) where name is not null {whole}"""

    def state(self) -> str:
        """Why this entry of a row is suppressed: null, or a reason."""
        own = f"s{self.number}.state"
        return f"(min({own}) over (partition by {self.spec['together']}))" if "together" in self.spec else own

    def join(self) -> str:
        alias = f"s{self.number}"
        if "kpi_series" in self.spec:
            return f"left join hidden_series as {alias} on {alias}.row_name = {self.spec['kpi_series']}"
        if "kpi_row" in self.spec:
            return f"left join {_states(_KPI)} as {alias} on {alias}.row_name = {self.spec['kpi_row']}"
        return f"left join suppressed as {alias} on {alias}.cell = {self.cell.replace('rowid', 'm.rowid') if 'cell' not in self.spec else self.cell}"


def _settle(con: DuckDBPyConnection, smallest_shown: int) -> None:
    """Table `suppressed`: primary cells, then complementary ones until every line holds."""
    con.execute("create temp table known as select cell, max(n) as n, any_value(counts) as counts, bool_or(is_primary) as is_primary from cell group by cell")
    # What the selects read are no temporary tables: those of a connection are unknown to its cursors, in which a publication writes side by side.
    con.execute(f"create table suppressed as select cell, {literal(PRIMARY)} as state from known where is_primary")
    con.execute("create temp table lined as select distinct m.*, k.n, k.counts from member as m join known as k using (cell)")
    con.execute("create temp table fresh as select cell from suppressed")  # only lines with a cell just hidden can have become weak
    while con.execute("select count(*) from fresh").fetchone()[0]:
        con.execute(f"""
            create or replace temp table fresh as
            with seen as (
                select l.*, s.state is not null as is_suppressed from lined as l left join suppressed as s using (cell)
                where l.line in (select line from lined semi join fresh using (cell))
            ),
            weak as (
                select line from seen group by line
                having count(*) filter (is_suppressed) = 1 or (
                    not bool_or(is_chain) and not bool_or(is_suppressed and is_total)
                    and sum(n) filter (is_suppressed and not is_total and n > 0) < {smallest_shown})
                union
                select line from (select line, is_suppressed, is_total, unnest(counts) as n, generate_subscripts(counts, 1) as nth from seen where not is_chain)
                group by line, nth
                having not bool_or(is_suppressed and is_total) and sum(n) filter (is_suppressed and not is_total and n > 0) < {smallest_shown}
            )
            select distinct cell from (
                select cell from seen join weak using (line) where not is_suppressed and n <> 0
                qualify row_number() over (partition by line order by is_total, n, cell) = 1)""").fetchall()
        con.execute(f"insert into suppressed select cell, {literal(COMPLEMENTARY)} from fresh").fetchall()


def _states(mart: str) -> str:
    return identifier(f"hidden_{mart}")


def _mask(con: DuckDBPyConnection, mart: str, parts: list[_Part]) -> str:
    """The select of a mart without its suppressed numbers; leaves a table of the states of its rows behind."""
    joins = " ".join(part.join() for part in parts)
    worst = _worst([part.state() for part in parts if part.spec.keys() & _SAYS] or [part.state() for part in parts])
    name = "m.kpi_key" if mart == _KPI else "null::varchar"
    con.execute(f"create table {_states(mart)} as select {name} as row_name, {worst} as state from {parts[0].table} as m {joins}")
    if mart == _KPI:
        con.execute(f"delete from {_states(mart)} where state is null")
        con.execute(f"create table hidden_series as select regexp_replace(row_name, '^([^:]+:[^:]+):[^:]+:(.*):all$', '\\1:\\2') as row_name, "
                    f"min(state) as state from {_states(mart)} group by 1")
    columns = ", ".join(f"{expression} as {identifier(column)}" for column, expression in _replaced(parts))
    kept = " and ".join(f"{part.state()} is null" for part in parts if part.spec.get("drops")) or "true"
    return f"(select m.* {f'replace ({columns}) ' * bool(columns)}from {parts[0].table} as m {joins} where {kept})"


def _worst(states: Sequence[str]) -> str:
    """The worst of several states: SUPPRESSED sorts before SUPPRESSED_COMPLEMENTARY."""
    return f"list_min(list_filter([{', '.join(states)}], lambda s: s is not null))"


def _replaced(parts: list[_Part]) -> Iterator[tuple[str, str]]:
    """Column -> what stands there: null for a hidden number, the reason, not publishable, the flag."""
    hidden: dict[str, list[str]] = {}
    told: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        for column in part.spec.get("hides", ()):
            hidden.setdefault(column, []).append(f"{part.state()} is not null")
        for says in _SAYS & part.spec.keys():
            told.setdefault((part.spec[says], says), []).append(part.state())
    for column, tests in hidden.items():
        yield column, f"case when not ({' or '.join(tests)}) then m.{identifier(column)} end"
    for (column, says), states in told.items():
        state = _worst(states)
        yield column, {"reason": f"coalesce({state}, m.{identifier(column)})", "publishable": f"({state} is null and m.{identifier(column)})",
                       "flag": f"({state} is not null)"}[says]
