-- Every initiative with its result: before and after, and whether a chart with the baseline frozen at its start shows a change.
-- Computed by methods/ (step initiative_change). It tells what happened, not why.
with effect as (
    select
        c.*, s.kpi_id, s.period_grain, s.facility_id, s.unit_id, s.direction, s.unit, s.kpi_label,
        case c.effect_kind
            when 'rate_ratio' then s.scale_factor * c.numerator_before / nullif(c.denominator_before, 0)
            when 'difference' then s.scale_factor * c.numerator_before / nullif(c.denominator_before, 0) else c.mean_before
        end as value_before,
        case c.effect_kind
            when 'rate_ratio' then s.scale_factor * c.numerator_after / nullif(c.denominator_after, 0)
            when 'difference' then s.scale_factor * c.numerator_after / nullif(c.denominator_after, 0) else c.mean_after
        end as value_after,
        case c.effect_kind when 'rate_ratio' then 1 else 0 end as no_effect
    from {{ ref('initiative_change') }} as c
    inner join {{ ref('kpi_series') }} as s on s.series_number = c.series_number
)

select
    i.initiative_id || ':' || coalesce(i.kpi_id, i.source_kpi_id) || ':' || coalesce(i.source_facility_code, 'all') || ':'
        || coalesce(i.source_unit_code, 'all') || ':' || i.feed as effect_key,
    i.initiative_id, i.initiative_name, coalesce(i.kpi_id, i.source_kpi_id) as kpi_id, i.facility_id, i.unit_id, i.start_on, i.end_on,
    i.owner_role, i.action_code, e.period_grain,
    e.before_from_on, e.before_to_on, coalesce(e.n_before, 0) as n_before, e.after_from_on, e.after_to_on, coalesce(e.n_after, 0) as n_after,
    e.numerator_before, e.denominator_before, e.value_before, e.numerator_after, e.denominator_after, e.value_after,
    e.effect_kind, e.effect, e.effect_low, e.effect_high,
    case
        when e.effect_low is null or e.direction = 'neutral' then null
        when e.effect_low > e.no_effect then case e.direction when 'increase' then 'better' else 'worse' end
        when e.effect_high < e.no_effect then case e.direction when 'decrease' then 'better' else 'worse' end
        else 'undecided'
    end as verdict,
    case when e.n_base >= 8 and e.n_after > 0 then coalesce(e.n_signals, 0) > 0 end as is_signal_on_chart,
    case when e.n_base >= 8 then e.first_signal end as chart_signal,
    case when e.n_base >= 8 then e.first_signal_on end as chart_signal_on,
    case when e.n_base >= 8 then e.last_type end as chart_point_type,
    case
        when i.fault is not null then i.fault
        when e.initiative_id is null then 'NO_SERIES'
        when e.is_cut and least(e.n_before, e.n_after) = 0 then 'DEFINITION_CHANGED'
        when e.n_before = 0 then 'NOTHING_BEFORE'
        when e.n_after = 0 then 'NOTHING_AFTER'
        when e.n_base < 8 then 'BASELINE_TOO_SHORT_FOR_CHART'
        when e.effect is null then 'NO_EVENTS_BEFORE'
    end as reason
from {{ ref('initiative') }} as i
left join effect as e
    on e.initiative_id = i.initiative_id and e.kpi_id = i.kpi_id and i.fault is null
    and e.facility_id is not distinct from i.facility_id and e.unit_id is not distinct from i.unit_id
