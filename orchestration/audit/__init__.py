"""Proving numbers: trace, explain, verify, restatements, the state on a date, lineage, the report for an auditor.

Belongs here: reading what was delivered, built, published and written to the ledger, and saying how it hangs together.
Does not belong here: computing KPI values for publication (dbt_project/), arguments of commands (orchestration/commands/).

    evidence.py   the evidence view, cut to one KPI row         recompute.py  the value from the evidence
    trace.py      one KPI row down to the rows of the files     original.py   records as delivered
    pages.py      HTML that opens without a network
"""
