-- Every survey measure as scored: boxes, linear mean, interval, how many answered, what weighs and what is to be said of
-- it. Months, quarters and rolling four quarters for everybody, by date of receipt for facility and enterprise; quarters and
-- longer also per group of patients there. A number with few surveys stays, with its footnote; a row without a score has its reason.
with named as (
    select
        measure_name, any_value(instrument_family) as instrument_family, max(scale_factor) filter (statistic in ('weighted_mean', 'mean_score')) as scale_factor,
        coalesce(max(unit) filter (statistic in ('weighted_mean', 'mean_score')), 'percent') as score_unit,
        max(interval_method) filter (statistic in ('weighted_mean', 'mean_score', 'top_box')) as interval_method,
        regexp_replace(any_value(label order by measure_id), ', (bottom box|linear mean|middle box|top box)$', '') as label,
        any_value(standing order by case standing when 'unverified' then 0 when 'product-defined' then 1 when 'corroborated' then 2 else 3 end) as standing
    from {{ source('definition', 'measure') }} where source in ('answers', 'patient_means')
    group by measure_name
),

trend_break as (
    select m.measure_name, b.start_on as break_on, any_value(b.note order by b.note) as note
    from {{ source('definition', 'measure_break') }} as b
    inner join {{ source('definition', 'measure') }} as m using (measure_id)
    group by all
    union
    select measure_name, valid_from_on, coalesce(any_value(note order by measure_id), 'the measure begins here') from {{ source('definition', 'measure') }}
    where source = 'answers' and valid_from_on in (select i.valid_from_on from {{ ref('instrument') }} as i where i.family = instrument_family
        and i.valid_from_on > (select min(o.valid_from_on) from {{ ref('instrument') }} as o where o.family = i.family))
    group by measure_name, valid_from_on
),

newest_break as (
    select w.measure_name, w.n_months, w.first_month, max(b.break_on) as trend_break_on
    from (select distinct measure_name, n_months, first_month from {{ ref('score_window') }}) as w
    inner join trend_break as b on b.measure_name = w.measure_name and b.break_on <= last_day({{ month_of_number('(w.first_month + w.n_months - 1)') }})
    group by all
),

entity as (
    select distinct entity_number, level, entity_code, facility_id, unit_id, service_line from {{ ref('kpi_entity') }}
),

policy as (
    select *, coalesce(lag(below_n) over (partition by family order by below_n), 0) as from_n from {{ ref('minimum_n_policy') }}
),

valued as (
    select
        w.*, n.* exclude (measure_name, instrument_family), e.* exclude (entity_number, level),
        coalesce(n.scale_factor * w.own, 100 * w.top) as raw_score,
        coalesce(n.scale_factor * w.own_se, 100 * w.top_se) as raw_se,
        coalesce(w.own, w.top) as share,
        case w.n_months when 1 then 'month' when 3 then 'quarter' else 'rolling_4_quarters' end as period_grain,
        {{ month_of_number('w.first_month') }} as period_start_on,
        last_day({{ month_of_number('(w.first_month + w.n_months - 1)') }}) as period_end_on
    from {{ ref('score_window') }} as w
    inner join named as n using (measure_name)
    inner join entity as e using (entity_number)
),

raw_row as (
    select
        v.measure_name, v.label, v.instrument_family, v.standing,
        case when v.segment_type = 'provider' then 'provider' else v.level end as level, v.entity_code,
        v.facility_id, v.unit_id, v.service_line,
        case when v.segment_type = 'provider' then v.segment_value end as provider_id,
        case when v.segment_type = 'provider' then 'all' else v.segment_type end as segment_type,
        case when v.segment_type = 'provider' then 'all' else v.segment_value end as segment_value,
        v.date_basis, 'raw' as adjustment, v.period_grain, v.period_start_on, v.period_end_on,
        v.score_unit,
        case when v.reason is null then v.raw_score end as score,
        case when v.reason is not null then null
            when v.interval_method = 'wilson' and v.n_months < 12 then 100 * {{ wilson('v.share', 'v.n', -1) }}
            else greatest(v.raw_score - {{ z95() }} * v.raw_se, case v.score_unit when 'net_points' then -100.0 else 0.0 end) end as ci_low,
        case when v.reason is not null then null
            when v.interval_method = 'wilson' and v.n_months < 12 then 100 * {{ wilson('v.share', 'v.n', 1) }}
            else least(v.raw_score + {{ z95() }} * v.raw_se, 100.0) end as ci_high,
        {%- for column, score in {'top_box_pct': '100 * v.top', 'middle_box_pct': '100 * v.middle', 'bottom_box_pct': '100 * v.bottom',
            'linear_mean': 'v.linear', 'linear_mean_se': 'v.linear_se'}.items() %}
        case when v.reason is null then {{ score }} end as {{ column }},
        {%- endfor %}
        v.n, v.n_items, v.n_quarters, v.weighted_by, v.reason, null::varchar as adjustment_edition
    from valued as v
),

-- Coefficients that somebody published: known numbers, so a score keeps the standard error and interval of the raw one, moved.
published_row as (
    select
        r.* replace (
            case when p.standing is null or {{ standing_place('r.standing') }} < {{ standing_place('p.standing') }} then r.standing else p.standing end as standing,
            'adjusted_published' as adjustment,
            {%- for column, score in {'score': 'top', 'ci_low': 'top', 'ci_high': 'top', 'top_box_pct': 'top', 'middle_box_pct': 'middle',
                'bottom_box_pct': 'bottom', 'linear_mean': 'linear', 'linear_mean_se': 'linear * 0'}.items() %}
            r.{{ column }} - p.{{ score }} as {{ column }},
            {%- endfor %}
            coalesce(r.reason, p.reason) as reason, p.edition as adjustment_edition)
    from raw_row as r
    inner join {{ ref('score_published') }} as p
        on p.measure_name = r.measure_name and p.facility_id = r.facility_id and p.period_start_on = r.period_start_on
        and p.n_months = case r.period_grain when 'quarter' then 3 when 'rolling_4_quarters' then 12 end
    where r.level = 'facility' and r.segment_type = 'all' and r.date_basis = 'discharge'
),

-- Our own regression over the group. The headline is the adjusted top box where the study adjusts boxes.
adjusted_row as (
    select
        r.measure_name, any_value(n.label) as label, any_value(n.instrument_family) as instrument_family, any_value(d.standing) as standing, r.level,
        coalesce(r.facility_id, '') || coalesce('/' || r.unit_id, '') as entity_code, r.facility_id, r.unit_id, null as service_line, r.provider_id,
        'all' as segment_type, 'all' as segment_value, 'discharge' as date_basis, 'adjusted_internal' as adjustment,
        case r.n_months when 3 then 'quarter' else 'rolling_4_quarters' end as period_grain,
        {{ month_of_number('r.first_month') }} as period_start_on, last_day({{ month_of_number('(r.first_month + r.n_months - 1)') }}) as period_end_on,
        'percent' as score_unit,
        max(r.adjusted) filter (r.score = 'top_box') as score,
        max(r.adjusted - {{ z95() }} * sqrt(r.variance)) filter (r.score = 'top_box') as ci_low,
        max(r.adjusted + {{ z95() }} * sqrt(r.variance)) filter (r.score = 'top_box') as ci_high,
        max(r.adjusted) filter (r.score = 'top_box') as top_box_pct,
        max(r.adjusted) filter (r.score = 'middle_box') as middle_box_pct,
        max(r.adjusted) filter (r.score = 'bottom_box') as bottom_box_pct,
        max(r.adjusted) filter (r.score = 'linear_mean') as linear_mean,
        max(sqrt(r.variance)) filter (r.score = 'linear_mean') as linear_mean_se,
        max(r.n_usable)::bigint as n, null as n_items, (r.n_months / 3)::integer as n_quarters, null as weighted_by, max(r.reason_code) as reason, null as adjustment_edition
    from {{ ref('case_mix_result') }} as r
    inner join named as n using (measure_name)
    inner join {{ source('definition', 'case_mix') }} as d using (case_mix_id)
    where r.row_kind = 'entity'
        -- Several studies may adjust one measure; the mart case_mix shows them all, here the first by name stands.
        and r.case_mix_id = (select min(o.case_mix_id) from {{ ref('case_mix_result') }} as o where o.measure_name = r.measure_name and o.level = r.level)
    group by all
),

-- Months whose sample was drawn with unequal shares per stratum: answers stand for different numbers of patients and are not
-- weighted here (surveys.md section 7). What comes back in a month was discharged up to three months before.
disproportionate as (
    select distinct c.family, u.facility_id, c.month_start_on
    from {{ ref('survey_counts') }} as c inner join {{ ref('dim_unit') }} as u using (unit_key)
    where c.n_disproportionate > 0
),

stacked as (
    select * from raw_row
    union all
    select * from adjusted_row
    union all
    select * from published_row
),

unweighted as (
    select distinct w.instrument_family, w.place, w.date_basis, w.period_start_on, w.period_end_on
    from (select distinct instrument_family, coalesce(facility_id, '') as place, date_basis, period_start_on, period_end_on from stacked) as w
    inner join (
        select family, facility_id as place, month_start_on from disproportionate union all select family, '', month_start_on from disproportionate
    ) as d on d.family = w.instrument_family and d.place = w.place
        and d.month_start_on between case w.date_basis when 'received' then {{ add_months('w.period_start_on', -3) }} else w.period_start_on end and w.period_end_on
)

select
    s.measure_name || ':' || s.adjustment || ':' || s.date_basis || ':' || s.period_grain || ':' || s.period_start_on || ':' || s.level || ':' || s.entity_code
        || coalesce('/' || s.provider_id, '') || ':' || case s.segment_type when 'all' then 'all' else s.segment_type || '=' || s.segment_value end as score_key,
    s.measure_name, s.label, s.instrument_family, s.standing, s.level, s.facility_id, s.unit_id, s.service_line, s.provider_id,
    s.segment_type, s.segment_value, s.date_basis, s.adjustment, s.period_grain, s.period_start_on, s.period_end_on,
    s.score_unit, s.score,
    -- A standard error without variance is none at all; without an upper end there is no interval.
    case when s.ci_high is not null then s.ci_low end as ci_low, s.ci_high,
    s.top_box_pct, s.middle_box_pct, s.bottom_box_pct, s.linear_mean, s.linear_mean_se,
    s.n, s.n_items::integer as n_items, s.n_quarters::integer as n_quarters, s.weighted_by,
    s.adjustment_edition,
    s.reason is null and coalesce(p.is_publishable, true) and u.place is null as is_publishable,
    coalesce(s.reason, case when not p.is_publishable then 'BELOW_MINIMUM' when u.place is not null then 'DSRS_UNWEIGHTED' end) as reason,
    p.footnote_code,
    f.meaning as footnote,
    b.trend_break_on,
    t.note as trend_note
from stacked as s
left join policy as p on p.family = s.instrument_family and s.n >= p.from_n and s.n < p.below_n and s.reason is null
left join {{ ref('footnote') }} as f on f.file_family = p.footnote_family and f.footnote_code = p.footnote_code
left join unweighted as u
    on u.instrument_family = s.instrument_family and u.place = coalesce(s.facility_id, '') and u.date_basis = s.date_basis
    and u.period_start_on = s.period_start_on and u.period_end_on = s.period_end_on
left join newest_break as b
    on b.measure_name = s.measure_name and {{ month_of_number('b.first_month') }} = s.period_start_on
    and b.n_months = case s.period_grain when 'month' then 1 when 'quarter' then 3 else 12 end
left join trend_break as t on t.measure_name = s.measure_name and t.break_on = b.trend_break_on
