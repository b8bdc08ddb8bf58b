-- Rows of every delivery by what became of them. Totals stand under rule '(all)'; rows by rule do not add up to them,
-- a row can break two rules. Good rows of a held delivery are not accepted, they wait: outcome held.
-- rows delivered = accepted + quarantined + held is tested. Surveys that another feed delivered too, or the
-- patient returned twice, and counts that a file of a finer level brings too, are accepted and counted there.
with told as (
    select delivery_id, outcome, '(all)' as rule, '(all)' as column_name, n_rows
    from (
        select delivery_id, n_rows as delivered, n_accepted as accepted, n_quarantined as quarantined
        from {{ source('warehouse', 'delivery') }}
    )
    unpivot (n_rows for outcome in (delivered, accepted, quarantined))
    union all
    select delivery_id, outcome, rule, column_name, n_rows
    from {{ ref('delivery_rows') }}
    where rule <> '(all)'
    union all
    select delivery_id, 'counted_elsewhere', rule, '(row)', count(distinct row_number)
    from {{ ref('same_survey') }} group by delivery_id, rule
    union all
    select delivery_id, 'counted_elsewhere', rule, '(row)', count(*)
    from {{ ref('superseded_row') }} where rule = 'DUPLICATE_RETURN' group by delivery_id, rule
    union all
    select delivery_id, 'counted_elsewhere', rule, '(row)', count(*)
    from {{ ref('fct_answer_count') }} where rule = 'FINER_LEVEL_COUNTED' group by delivery_id, rule
)

select
    d.delivery_id, d.feed, d.kind, d.status, d.reason, d.delivered_at,
    case when t.outcome = 'accepted' and d.status <> 'accepted' then d.status else t.outcome end as outcome,
    t.rule, t.column_name, t.n_rows,
    false as is_suppressed
from told as t
inner join {{ source('warehouse', 'delivery') }} as d using (delivery_id)
