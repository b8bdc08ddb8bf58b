"""The errors that are told to a person in a sentence, without a traceback.

Belongs here: their base class.
Does not belong here: the errors themselves, which stand where they are raised.
"""

from __future__ import annotations


class Told(Exception):
    """The message says what is wrong and what to do; `exit_code` is that of the command."""

    exit_code = 1
