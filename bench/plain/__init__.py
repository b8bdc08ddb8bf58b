"""The plain DuckDB script that a whole run is compared with: the same files to the same KPI values.

    python -m bench.plain INBOX OUT.parquet [--skip NAME ...] [--definitions FOLDER]

Belongs here: what an analyst would write for this one answer, a module per step. No orchestration, checks, ledger, copies,
raw Parquet or provenance; no intervals, reasons, targets. Rows that cannot be read are dropped silently.
Does not belong here: project code. Only definitions (measures, KPIs, studies, code tables) are shared, so the values are
an independent recount of the published ones. OUT gets `kpi_key, value` of every KPI that has a value.

Forms chosen by measurement (DuckDB 2.0, 1 million surveys): answers typed by the CSV reader, not cast from text (a third
less CPU); a counter column per item and answer, kept as columns up to the KPI; units looked up per code and month, not per
survey; the regression in numpy over a year of respondents (the same from sums of products in SQL took longer). It relies on
what the samples hold: blanks only around unit codes, rows that repeat a key in one file are equal, no blank disposition, no
Tuva file, no unit that closed, every facility in the mapping by a row of its own and in the United States, no
feed of codings, links or rules of a site, nobody with two questionnaires about one stay.
"""
