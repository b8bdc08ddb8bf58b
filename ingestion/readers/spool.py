"""Rows of text on their way into DuckDB: a temporary Parquet file, written batch by batch.

Belongs here: batching by rows and bytes, numbering, blanks trimmed and empty text turned into null.
Does not belong here: where the rows come from.

A file and not a stream of batches, because a stream can be read once only: a second read of it
finds no rows and says nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ingestion.sql import identifier, literal

_BATCH_ROWS = 5_000
_BATCH_BYTES = 32 << 20


class Spool:
    """Context manager; inside it `add` rows, after it `path` is complete. An error removes the file."""

    def __init__(self, columns: list[str], *, is_trimmed: bool = True) -> None:
        import pyarrow
        import pyarrow.parquet

        self.columns = columns
        self._is_trimmed = is_trimmed
        self._rows: list[list[str | None]] = []
        self._n_bytes = 0
        self._schema = pyarrow.schema([pyarrow.field(name, pyarrow.string()) for name in (*columns, "_problem")])
        with tempfile.NamedTemporaryFile(prefix="pxw-", suffix=".parquet", delete=False) as made:
            self.path = Path(made.name)
        self._writer = pyarrow.parquet.ParquetWriter(self.path, self._schema, compression="lz4")

    def add(self, row: list[str | None], problem: str | None = None, n_bytes: int = 0) -> None:
        """One record in the order of `columns`; `n_bytes` is its size in the source, to bound memory."""
        row.append(problem)
        self._rows.append(row)
        self._n_bytes += n_bytes
        if len(self._rows) >= _BATCH_ROWS or self._n_bytes >= _BATCH_BYTES:
            self._flush()

    def relation(self, extra: str = "") -> str:
        """SQL for a FROM clause over the complete file; `extra` are further select items."""
        names = map(identifier, self.columns)
        items = [*(f"nullif({name}, '') as {name}" if self._is_trimmed else name for name in names), "_problem", "file_row_number + 1 as _row_number", *([extra] if extra else [])]
        return f"(select {', '.join(items)} from read_parquet({literal(str(self.path))}, file_row_number=true))"

    def _flush(self) -> None:
        import pyarrow
        from pyarrow import compute

        *columns, problems = [_array(column) for column in zip(*self._rows, strict=True)]
        if self._is_trimmed:
            columns = [compute.utf8_trim(column, " \t\r\n") for column in columns]
        self._writer.write_table(pyarrow.table([*columns, problems], schema=self._schema))
        self._rows.clear()
        self._n_bytes = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._rows:
                self._flush()
            self._writer.close()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        if kind is not None:
            self.path.unlink(missing_ok=True)


def _array(values: tuple[str | None, ...]):
    """A column of text. `pyarrow.array` would do the same, but imports pandas on its first call (1 s)."""
    from pyarrow.lib import StringBuilder

    builder = StringBuilder()
    builder.append_values(values)
    return builder.finish()
