"""From delivered files to typed raw Parquet, in plain Python.

Belongs here: feeds, landing, the ledger, readers, conforming, synthetic samples.
Does not belong here: Dagster, Great Expectations, dbt, or any judgement about a delivery as a whole.
"""
