-- What became of the rows of each delivery, by outcome and rule. A row with two faults of one rule counts once there.
with delivered as (
    {%- for feed in feeds() %}
    select '{{ feed }}' as feed, delivery_id, row_number, warnings, {{ is_accepted() }} as is_staged from {{ source('raw', feed) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

staged as (
    select feed, delivery_id, count(*) as n_rows from delivered where is_staged group by feed, delivery_id
),

warned as (
    select feed, delivery_id, rule, column_name, count(distinct row_number) as n_rows
    from ({{ unnest_faults('delivered', 'warnings', ['feed', 'delivery_id', 'row_number']) }}) as faults
    group by feed, delivery_id, rule, column_name
)

select feed, delivery_id, 'accepted' as outcome, '(all)' as rule, '(all)' as column_name, n_rows from staged
union all
select feed, delivery_id, 'quarantined', '(all)', '(all)', count(distinct row_number)
from {{ ref('quarantine') }} group by feed, delivery_id
union all
select feed, delivery_id, 'quarantined', rule, coalesce(column_name, '(row)'), count(distinct row_number)
from {{ ref('quarantine') }} group by feed, delivery_id, rule, coalesce(column_name, '(row)')
union all
select feed, delivery_id, 'warning', rule, coalesce(column_name, '(row)'), n_rows from warned
