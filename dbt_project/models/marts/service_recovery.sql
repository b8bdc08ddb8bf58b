-- Service recovery by kind, per entity and window of receipt, where the export tells of it: offered, accepted, and how
-- satisfied the complainants were with the handling. Kind '(none)' are cases without an offer, '(not said)' offers
-- without a kind. Exports that say nothing of recovery have no rows.
with kept as (
    select unit_key, month_start_on,
        case when not is_recovery_offered then '(none)' else coalesce(recovery_kind_code, '(not said)') end as recovery_kind_code,
        is_recovery_offered, is_recovery_accepted, handling_satisfaction
    from {{ ref('fct_complaint') }} where is_valid_case and is_recovery_offered is not null
),

flagged as (
    select unit_key, month_start_on, recovery_kind_code,
        count(*) as n_cases,
        count(*) filter (is_recovery_offered) as n_offered,
        count(*) filter (is_recovery_offered and is_recovery_accepted) as n_accepted,
        count(handling_satisfaction) as n_handling_satisfaction,
        coalesce(sum(round(handling_satisfaction * 1000)::bigint), 0) as handling_points
    from kept group by all
),

total as (
    {{ sums_per_window('flagged', ['recovery_kind_code'], ['n_cases', 'n_offered', 'n_accepted', 'n_handling_satisfaction', 'handling_points']) }}
)

select
    {{ entity_period_columns('p') }},
    t.recovery_kind_code, t.n_cases, t.n_offered, t.n_accepted,
    {{ percent('t.n_accepted', 't.n_offered') }} as accepted_pct,
    t.n_handling_satisfaction,
    t.handling_points / 1000.0::double / nullif(t.n_handling_satisfaction, 0) as mean_handling_satisfaction,
    case when t.n_offered = 0 then 'NOTHING_OFFERED' end as reason
from total as t
inner join {{ entity_periods('total') }} as p using (window_number)
