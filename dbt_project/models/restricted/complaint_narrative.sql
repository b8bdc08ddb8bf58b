-- Free text of the newest version of every complaint row. Restricted: never published, never joined into marts.
{%- set listed = [] %}
{%- for feed in feeds_of_kind('complaint') if feeds()[feed].has_free_text %}
{%- do listed.append(feed) %}
{{ 'union all' if listed | length > 1 }}
select
    c.feed, c.delivery_id, c.row_number, c.case_id, t.column_name, t.text
from {{ ref('current_complaint') }} as c
inner join {{ source('restricted', feed) }} as t on t.delivery_id = c.delivery_id and t.row_number = c.row_number
where c.feed = '{{ feed }}'
{%- endfor %}
{%- if not listed %}
select feed, delivery_id, row_number, case_id, cast(null as varchar) as column_name, cast(null as varchar) as text
from {{ ref('current_complaint') }} where 1 = 0
{%- endif %}
