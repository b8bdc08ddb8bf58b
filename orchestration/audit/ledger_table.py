"""The ledger as a table: for DuckDB, BI tools and auditors.

Belongs here: the columns of the export, and the view over the JSON lines.
Does not belong here: writing entries (ingestion/ledger.py).

`ledger/ledger.jsonl` is the original; VIEW reads it in place. `at` is a word of SQL, so the moment is `written_at` here.
"""

from __future__ import annotations

from pathlib import Path

from ingestion.home import Home, replacing
from ingestion.ledger import Ledger
from ingestion.sql import literal

# Every entry has these keys; the others differ by kind, so they stay JSON.
VIEW = """
select
    (line ->> 'entry')::bigint as entry,
    (line ->> 'at')::timestamptz at time zone 'UTC' as written_at,
    line ->> 'kind' as kind,
    line ->> 'delivery_id' as delivery_id,
    line ->> 'feed' as feed,
    line ->> 'run_id' as run_id,
    line ->> 'user' as user_name,
    line as facts,
    line ->> 'previous' as previous_sha256
from (select column0::json as line from read_csv({path}, header = false, columns = {{'column0': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
    auto_detect = false, max_line_size = 100000000) where json_valid(column0))
"""


def view_sql(home: Home) -> str:
    """The ledger as a SELECT, read in place."""
    return VIEW.format(path=literal(str(home.ledger / "ledger.jsonl")))


def export(home: Home, file: Path) -> int:
    """Check the chain and write it out; the number of entries. Raises LedgerBroken."""
    import duckdb

    n = Ledger(home.ledger).verify()
    with replacing(file) as part:
        if file.suffix != ".parquet":
            part.write_bytes((home.ledger / "ledger.jsonl").read_bytes())
        else:
            with duckdb.connect() as con:
                con.execute("set TimeZone = 'UTC'")
                con.execute(f"copy ({view_sql(home)} order by entry) to {literal(str(part))} (format parquet, compression zstd)").fetchall()
    return n
