-- Published reference values, newest versions.
{{ config(materialized='view') }}
select * from (
    {{ current_rows('benchmark', kind_columns()['benchmark'].keys() | list) }}
) as rows_of_all_feeds
