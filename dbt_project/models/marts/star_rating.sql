-- Stars of each facility and four quarters, by cut points that a site brings (feed star_cut_points): one star per measure
-- from its rounded linear mean, the summary star, and the group score of the Overall Star Rating. Means are adjusted where published coefficients are delivered for them
-- (adjustment says so); else raw, a guide and not the stars of CMS.
with cut_point as (
    {{ current_rows('star_cut_point', ['edition', 'measure_name', 'star', 'lower_bound', 'valid_from_on', 'standing']) }}
),

measure as (
    select distinct measure_name, instrument_family from {{ source('definition', 'measure') }} where instrument_family is not null
),

edition as (
    select m.instrument_family, c.edition, max(c.valid_from_on) as valid_from_on
    from cut_point as c inner join measure as m using (measure_name)
    group by all
),

cut as (
    select edition, measure_name, list(star order by star, lower_bound) as stars, list(lower_bound order by star, lower_bound) as bounds,
        any_value(standing order by {{ standing_place('standing') }}) as standing
    from cut_point group by all
),

rated as (
    select * from {{ ref('survey_score') }}
    where level = 'facility' and period_grain = 'rolling_4_quarters' and date_basis = 'discharge' and segment_type = 'all' and adjustment in ('raw', 'adjusted_published')
        and (measure_name in (select measure_name from {{ ref('summary_star_part') }}) or measure_name in (select measure_name from cut_point))
    qualify row_number() over (
        partition by measure_name, facility_id, period_start_on order by adjustment = 'adjusted_published' and linear_mean is not null desc, adjustment = 'raw' desc
    ) = 1
),

complete as (
    {{ completed_surveys('rated') }}
),

in_force as (
    select c.*, max_by(e.edition, e.valid_from_on || ' ' || e.edition) as edition
    from complete as c
    left join edition as e on e.instrument_family = c.instrument_family and e.valid_from_on <= c.period_end_on
    group by all
),

measured as (
    select
        f.*, r.score_key, r.measure_name, r.label, r.linear_mean, r.adjustment,
        -- Halves up on the fraction, as methods.scoring.round_half_up.
        floor(r.linear_mean) + case when r.linear_mean - floor(r.linear_mean) >= 0.5 then 1 else 0 end as rounded_mean,
        c.bounds,
        case
            when r.linear_mean is null then coalesce(r.reason, 'NO_LINEAR_MEAN')
            when r.reason = 'DSRS_UNWEIGHTED' then r.reason
            when f.n_complete < 100 then 'BELOW_MINIMUM'
            when c.bounds is null then 'NO_CUT_POINTS'
            when c.stars <> [2, 3, 4, 5] or not (c.bounds[1] < c.bounds[2] and c.bounds[2] < c.bounds[3] and c.bounds[3] < c.bounds[4]) then 'CUT_POINTS_INVALID'
        end as reason,
        c.standing
    from rated as r
    inner join in_force as f using (instrument_family, facility_id, period_start_on, period_end_on)
    left join cut as c on c.edition = f.edition and c.measure_name = r.measure_name
),

starred as (
    select *, case when reason is null then (1{% for star in range(1, 5) %} + case when rounded_mean >= bounds[{{ star }}] then 1 else 0 end{% endfor %})::integer end as star from measured
),

part as (
    select f.instrument_family, f.facility_id, f.period_start_on, f.period_end_on, f.n_complete, f.edition, p.part,
        case when count(s.star) = count(*) then avg(s.star) end as star,
        min(coalesce(s.reason, 'MEASURE_MISSING')) filter (s.star is null) as reason_low, max(coalesce(s.reason, 'MEASURE_MISSING')) filter (s.star is null) as reason_high,
        bool_or(coalesce(s.reason, case when s.star is null then 'MEASURE_MISSING' end, '') in ('MEASURE_MISSING', 'DEFINITION_CHANGED')) as is_missing,
        any_value(p.standing order by {{ standing_place('p.standing') }}) as standing,
        any_value(s.standing order by {{ standing_place('s.standing') }}) as cut_standing,
        min(s.adjustment) as adjustment_low, max(s.adjustment) as adjustment_high
    from in_force as f
    inner join {{ ref('summary_star_part') }} as p using (instrument_family)
    left join starred as s using (instrument_family, facility_id, period_start_on, period_end_on, measure_name)
    group by all
),

summary as (
    select instrument_family, facility_id, period_start_on, period_end_on, n_complete, edition,
        case when min(adjustment_low) = max(adjustment_high) then min(adjustment_low) else 'mixed' end as adjustment,
        case when count(star) = count(*) then floor(avg(star) + 0.5)::integer end as star,
        case when count(star) = count(*) then null when min(reason_low) = max(reason_high) then min(reason_low)
            when any_value(n_complete) < 100 then 'BELOW_MINIMUM' when bool_or(is_missing) then 'MEASURE_MISSING'
            else 'MEASURE_WITHOUT_STAR' end as reason,
        list_min(list_concat(list({{ standing_place('standing') }}),
            list({{ standing_place('cut_standing') }}))) as standing_rank
    from part group by all
),

-- Patient-experience group score as methods.stars: each part standardised over the facilities that have it, the mean of what a
-- facility has, standardised again. The facilities are ours, those of CMS all hospitals.
part_place as (
    {{ standardised('part', 'star', ['instrument_family', 'period_start_on', 'part'], 'facility_id') }}
),

facility_mean as (
    select instrument_family, facility_id, period_start_on, period_end_on, (sum(z::decimal(38, 18)) / count(z))::double as mean_z from part_place group by all
),

group_score as (
    select *, count(mean_z) over (partition by instrument_family, period_start_on) as n_facilities
    from ({{ standardised('facility_mean', 'mean_z', ['instrument_family', 'period_start_on'], 'facility_id') }}) as among_ours
)

select
    instrument_family || ':' || measure_name || ':' || period_start_on || ':' || facility_id as star_key,
    'measure' as star_kind, instrument_family, measure_name, label, facility_id, period_start_on, period_end_on, score_key,
    edition, linear_mean, rounded_mean, bounds[1] as star_2_from, bounds[2] as star_3_from, bounds[3] as star_4_from, bounds[4] as star_5_from,
    n_complete, star, null::double as group_score, reason, adjustment, standing
from starred
union all
select
    instrument_family || ':summary:' || period_start_on || ':' || facility_id, 'summary', instrument_family, null, 'Summary star', facility_id, period_start_on, period_end_on, null,
    edition, null, null, null, null, null, null,
    n_complete, star, null, reason, adjustment, case when star is not null then (['unverified', 'product-defined', 'corroborated', 'verified'])[standing_rank] end
from summary
union all
select
    s.instrument_family || ':pe_group:' || s.period_start_on || ':' || s.facility_id, 'pe_group', s.instrument_family, null,
    'Patient-experience group score among our facilities', s.facility_id, s.period_start_on, s.period_end_on, null,
    s.edition, null, null, null, null, null, null,
    s.n_complete, null, g.z,
    case when g.z is not null then null when g.n_facilities = 1 then 'ONE_FACILITY' else coalesce(s.reason, 'MEASURE_WITHOUT_STAR') end,
    s.adjustment, case when g.z is not null then (['unverified', 'product-defined', 'corroborated', 'verified'])[least(s.standing_rank, 2)] end
from summary as s
inner join group_score as g using (instrument_family, facility_id, period_start_on)
