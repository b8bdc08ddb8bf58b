-- Comments of the newest version of every survey. Restricted: never published, never joined into marts.
{%- set listed = [] %}
{%- for feed in feeds_of_kind('survey') if feeds()[feed].has_free_text %}
{%- do listed.append(feed) %}
{{ 'union all' if listed | length > 1 }}
select
    s.feed, s.delivery_id, s.row_number, s.survey_id, t.column_name, t.text,
    cast(length(t.text) as integer) as n_characters,
    coalesce(s.comment_language_code, s.language_code) as language_code,
    s.comment_label_code as label_code, s.comment_label_model as label_model
from {{ ref('stg_' ~ feed) }} as s
inner join {{ source('restricted', feed) }} as t on t.delivery_id = s.delivery_id and t.row_number = s.row_number
{{ without_superseded(feed, 's') }}
{%- endfor %}
{%- if not listed %}
select
    feed, delivery_id, row_number, survey_id, cast(null as varchar) as column_name, cast(null as varchar) as text,
    cast(null as integer) as n_characters, language_code, comment_label_code as label_code, comment_label_model as label_model
from ({{ no_rows('survey', ['survey_id', 'language_code', 'comment_label_code', 'comment_label_model']) }}) as nothing
{%- endif %}
