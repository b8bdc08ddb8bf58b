"""The example of docs/control_charts.md runs and prints what it says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "control_charts.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says():
    code, printed = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", PAGE, re.DOTALL).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "control_charts.md", "exec"), {})
    assert out.getvalue() == printed
