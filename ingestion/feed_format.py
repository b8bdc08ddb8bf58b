"""How the bytes of a feed are laid out: the keys one may write under `format:`.

Belongs here: the strict models of a layout and their checks.
Does not belong here: reading (readers/), columns and codes (feed_columns.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

as_list = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Responses(Strict):
    """Long form inside an XML record: `blocks` of `element`, each with the name of a variable and its value.

    Sources are then written BLOCK/VARIABLE, or BLOCK/SERVICE|VARIABLE where the same name means another
    thing in another service; `service` is the record's own element. `questions` is the path of the
    question map below the header: what it lists counts as asked even when nobody answered it.
    """

    blocks: list[str] = Field(min_length=1)
    element: Annotated[list[str], as_list] = ["RESPONSE"]
    name: str = "VARNAME"
    value: str = "VALUE"
    service: str | None = None
    questions: str | None = None


class Pivot(Strict):
    """Long form in a table: rows with the same `key` become one; each value goes to the column its `name` says.

    With several name columns the source is written with | between them: IN|CMS_1. Of the other columns
    the first value of the group counts; a name with two different values is a problem of the row, or the
    first value counts.
    """

    key: Annotated[list[str], as_list] = Field(min_length=1)
    name: Annotated[list[str], as_list] = Field(min_length=1)
    value: str
    repeated: Literal["problem", "first"] = "problem"


class Unpivot(Strict):
    """Wide form whose columns are one number each: every listed column becomes a row of its own.

    `columns` is label -> header, or the headers it has had. The label stands in the column `name`, the
    cell in the column `value`. A listed column the file does not have is refused, or with `optional` noted;
    a blank cell is a row too, unless `blank` says to skip it.
    """

    name: str
    value: str
    optional: bool = False
    blank: Literal["keep", "skip"] = "keep"
    columns: dict[str, Annotated[list[str], as_list]] = Field(min_length=1)


class Format(Strict):
    """How the bytes are laid out; the reader named by `type` understands the keys of its kind."""

    type: Literal["delimited", "workbook", "xml", "ndjson", "fixed_width", "hl7v2"]
    delimiter: str = ","
    quote: str | None = '"'
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = "utf-8"
    headers: Literal["plain", "import_id", "question_and_choice"] = "plain"
    header_row: int | Literal["auto"] | None = None
    skip_rows_before: int = 0
    sheet: str | int | list[str | int] | None = None
    layout: Literal["table", "months_as_columns"] = "table"
    id_columns: list[str] = Field(default_factory=list)
    repeated: list[str] = Field(default_factory=list)  # headers a file may have more than once: the first filled cell counts
    fill_down: list[str] = Field(default_factory=list)
    skip_rows: str | None = None
    ignore_columns: str | None = None
    partial_marker: str | None = None
    month_formats: list[str] = Field(default_factory=list)
    record: str | None = None
    header: str | None = None
    header_lists: list[str] = Field(default_factory=list)  # blocks of the header that repeat: their texts come parted by |
    responses: Responses | None = None
    fields: dict[str, tuple[int, int]] = Field(default_factory=dict)
    record_length: int | None = Field(default=None, ge=1)
    pivot: Pivot | None = None
    unpivot: Unpivot | None = None
    max_uncompressed_bytes: int = 20_000_000_000

    @model_validator(mode="after")
    def _is_whole(self) -> Format:
        if (self.type == "fixed_width") != bool(self.fields):
            raise ValueError("'fields' (name: [first, last position]) belongs to type fixed_width, which needs it")
        for name, (first, last) in self.fields.items():
            if not 1 <= first <= last:
                raise ValueError(f"fields: {name}: positions count from 1, the last one is included; got [{first}, {last}]")
        if self.responses and self.type != "xml":
            raise ValueError("'responses' belongs to type xml")
        if self.responses and self.responses.questions and not self.header:
            raise ValueError("responses.questions lies below the header: name it in 'header'")
        if self.pivot and self.unpivot:
            raise ValueError("give either 'pivot' or 'unpivot'")
        return self
