-- Scores computed by others, newest versions.
{{ config(materialized='view') }}
select * from (
    {{ current_rows('score', kind_columns()['score'].keys() | list) }}
) as rows_of_all_feeds
