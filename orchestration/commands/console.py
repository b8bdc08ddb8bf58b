"""How tables look on a terminal, the same in every command.

Belongs here: width, borders.
Does not belong here: content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPE_WIDTH = 140  # where the output is not a terminal nobody wants lines folded at 80


def console() -> Console:
    """The console of this process: as wide as the terminal, wide where there is none."""
    from rich.console import Console

    plain = Console(highlight=False, soft_wrap=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def table(title: str, *headings: str, n_text: int = 1) -> Table:
    """A table whose first `n_text` columns are words and whose other columns are numbers."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="left" if number < n_text else "right", no_wrap=number < n_text)
    return made
