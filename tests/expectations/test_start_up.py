"""Importing the room is cheap, and a process that judged ends quietly."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_importing_the_room_imports_nothing_heavy():
    done = _python("""
        import sys, expectations
        from pathlib import Path
        assert expectations.judge({}, [], [], Path("nowhere"), Path("nowhere")) == []
        heavy = {"great_expectations", "duckdb", "pandas", "pyarrow", "numpy", "sqlalchemy", "jinja2", "pydantic"}
        print(sorted(heavy & set(sys.modules)), Path("nowhere").exists())""")
    assert (done.stdout.strip(), done.stderr) == ("[] False", "")


def test_a_process_that_judged_ends_without_noise(tmp_path):
    done = _python(f"""
        from pathlib import Path
        from tests.expectations.conftest import Workshop, survey_feed
        shop, feed = Workshop(Path({str(tmp_path)!r})), survey_feed()
        print(shop.judge(feed, [shop.delivery(feed, 0)])[0].is_ok)""")
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("True", "", 0)
