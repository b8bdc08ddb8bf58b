-- Rows that were not accepted, one line per fault. Text is masked; the original line stays in landing.
{%- for feed in feeds() %}
select
    '{{ feed }}' as feed, delivery_id, row_number, cast(fault_number as integer) as fault_number, rule, column_name, masked
from ({{ unnest_faults(source('raw', feed), 'problems', ['delivery_id', 'row_number']) }})
{{ 'union all' if not loop.last }}
{%- endfor %}
