"""Dagster's SQLite event log without a new connection and a flush to disk for every event.

Belongs here: how one process talks to the SQLite files of the instance.
Does not belong here: which instance and where (instance.py).

The stock class opens, flushes and closes a file several times per event; the last close also
merges the write-ahead log. 40 assets with 160 checks, 2 cores: 5.0 to 7.2 s CPU and 7 to 33 s by
the clock (the disk was busy with other work); with one connection per file 1.9 to 2.4 s CPU and
2 to 5 s. The files are the same, so the stock class reads them. Only `_connect` and `dispose` are
replaced; tests/orchestration/test_event_log.py holds that against the stock class.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

_KEPT_OPEN = 4  # index, events without a run, the run under way, the run somebody looks at
_MERGE_EVERY = 1.0  # seconds; the web page watches the .db file, which changes only when the log is merged


class OneConnectionEventLog(SqliteEventLogStorage):
    """SqliteEventLogStorage that keeps the files it uses open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._merged_at: dict[str, float] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> OneConnectionEventLog:
        """Called by Dagster with what stands in dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection:
                with connection.begin():
                    yield connection
                self._merge(shard, connection)

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard), poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _flush_when_merging)
        self._engines[shard] = engine
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        while len(self._engines) > _KEPT_OPEN:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _merge(self, shard: str, connection: Connection) -> None:
        if time.monotonic() - self._merged_at.get(shard, 0.0) < _MERGE_EVERY:
            return
        with suppress(SQLAlchemyError):  # somebody reads just now; the next second will do
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            connection.rollback()
        self._merged_at[shard] = time.monotonic()

    def dispose(self) -> None:
        """Close the files; closing merges what is left in their logs."""
        super().dispose()
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()


def _flush_when_merging(connection: Any, _: Any) -> None:
    """With a write-ahead log this keeps the file sound in a crash; a power cut may lose the last second of events."""
    connection.execute("PRAGMA synchronous = NORMAL")
