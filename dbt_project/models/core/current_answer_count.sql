-- Answers counted by others, newest versions.
{{ config(materialized='view') }}
select * from (
    {{ current_rows('answer_count', kind_columns()['answer_count'].keys() | list) }}
) as rows_of_all_feeds
