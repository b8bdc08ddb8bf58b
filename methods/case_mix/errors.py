"""The one error of case-mix adjustment.

Belongs here: the exception for a request that cannot be computed as asked (a missing column, text where
numbers belong, an impossible option).
Does not belong here: what the data lack. Entities that drop out, items nobody answered and adjusters without
spread are results with reasons, not errors.
"""


class CaseMixError(ValueError):
    """A request that cannot be computed as asked; the message says what to change. Never holds cell values."""
