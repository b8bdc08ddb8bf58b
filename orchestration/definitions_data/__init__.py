"""Definitions are data: measures and KPIs from YAML and code tables, checked, tried and written for dbt.

Belongs here: the public functions of the package.
Does not belong here: the definitions themselves (dbt_project/measures, kpis, seeds), computing KPI values.

    codebook.py      code tables (seeds) in memory
    measure_file.py  keys of a measure file        kpis.py     keys and checks of a KPI file
    measures.py      files -> measures             scoring.py  the arithmetic of the worked examples
    tables.py        measures and KPIs -> Parquet
"""

from ingestion.strict_yaml import DefinitionError
from orchestration.definitions_data.kpis import Kpi, load_kpis
from orchestration.definitions_data.measure import Example, Measure
from orchestration.definitions_data.measures import load_measures
from orchestration.definitions_data.scoring import examples, rate_examples, score_example
from orchestration.definitions_data.tables import fingerprint, load, own_definition_folders, write

__all__ = [
    "DefinitionError",
    "Example",
    "Kpi",
    "Measure",
    "examples",
    "fingerprint",
    "load",
    "load_kpis",
    "load_measures",
    "own_definition_folders",
    "rate_examples",
    "score_example",
    "write",
]
