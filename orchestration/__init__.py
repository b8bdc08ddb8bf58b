"""Running the warehouse: the pipeline's steps, the Dagster graph over them, the `pxw` command.

Belongs here: order of steps, rendering and running dbt, publication, what a user types and sees.
Does not belong here: reading files (ingestion/), SQL (dbt_project/), statistics (methods/).
"""
