"""Rows of text on their way into DuckDB: a temporary Parquet file, written batch by batch.

Belongs here: batching by rows and bytes, blanks trimmed and empty text turned into null.
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
        self.n_rows = 0
        self._is_trimmed = is_trimmed
        self._rows: list[list[str | None]] = []
        self._n_bytes = 0
        text = [pyarrow.field(name, pyarrow.string()) for name in (*columns, "_problem")]
        self._schema = pyarrow.schema([*text, pyarrow.field("_row_number", pyarrow.int64())])
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
        names = ", ".join(identifier(name) for name in (*self.columns, "_problem", "_row_number"))
        return f"(select {names}{', ' + extra if extra else ''} from read_parquet({literal(str(self.path))}))"

    def _flush(self) -> None:
        import pyarrow

        first = self.n_rows + 1
        self.n_rows += len(self._rows)
        columns = [self._text(column) for column in zip(*self._rows, strict=True)]
        numbers = pyarrow.array(range(first, self.n_rows + 1), pyarrow.int64())
        self._writer.write_table(pyarrow.table([*columns, numbers], schema=self._schema))
        self._rows.clear()
        self._n_bytes = 0

    def _text(self, values):
        import pyarrow
        from pyarrow import compute

        column = pyarrow.array(values, pyarrow.string())
        if not self._is_trimmed:
            return column
        column = compute.utf8_trim_whitespace(column)
        return compute.if_else(compute.equal(column, ""), pyarrow.scalar(None, pyarrow.string()), column)

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
