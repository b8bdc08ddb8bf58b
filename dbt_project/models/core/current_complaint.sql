-- One row per exported row of the newest delivery of each case: a case with several subjects has several.
{{ config(materialized='view') }}
select * from (
    {{ current_rows('complaint', kind_columns()['complaint'].keys() | list) }}
) as rows_of_all_feeds
