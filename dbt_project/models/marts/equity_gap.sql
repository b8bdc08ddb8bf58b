-- Scores of groups of patients less the score of their reference group, in the same entity and window, with the interval
-- of the difference: Newcombe's for shares, normal for means. A gap needs both groups to be large enough to publish.
with score as (
    select s.*, g.reference_value, g.standing as segment_standing
    from {{ ref('survey_score') }} as s
    inner join {{ ref('segment') }} as g using (segment_type)
    where s.adjustment = 'raw' and s.date_basis = 'discharge' and s.period_grain <> 'month' and s.segment_value <> 'unknown'
),

-- Service lines are the site's own words: capitals do not tell them apart, and of two spellings one is the reference.
reference as (
    select * from score
    where lower(segment_value) = lower(reference_value)
    qualify row_number() over (
        partition by measure_name, level, facility_id, period_grain, period_start_on, segment_type order by segment_value <> reference_value, segment_value
    ) = 1
),

paired as (
    select s.*, r.score_key as reference_key, r.score as reference_score, r.linear_mean as reference_linear_mean, r.linear_mean_se as reference_se,
        r.n as reference_n, r.is_publishable as is_reference_publishable,
        s.score / 100 as p1, r.score / 100 as p2,
        {%- for column in ['s', 'r'] %}
        {{ wilson('(' ~ column ~ '.score / 100)', column ~ '.n', -1) }} as low_{{ column }}, {{ wilson('(' ~ column ~ '.score / 100)', column ~ '.n', 1) }} as high_{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from score as s
    left join reference as r
        on r.measure_name = s.measure_name and r.level = s.level and r.facility_id is not distinct from s.facility_id
        and r.period_grain = s.period_grain and r.period_start_on = s.period_start_on and r.segment_type = s.segment_type
),

judged as (
    select *,
        case
            when reason is not null and reason <> 'BELOW_MINIMUM' then reason
            when reference_key is null then 'NO_REFERENCE_GROUP'
            when score_key = reference_key then 'REFERENCE_GROUP'
            when not is_publishable or not is_reference_publishable then 'BELOW_MINIMUM'
        end as gap_reason
    from paired
)

select
    score_key, measure_name, label, instrument_family, standing, level, facility_id, segment_type, segment_value, reference_value,
    period_grain, period_start_on, period_end_on, score_unit, score, n, reference_score, reference_n,
    case when gap_reason is null then score - reference_score end as gap,
    case when gap_reason is null and score_unit = 'percent' then 100 * {{ newcombe('p1', 'low_s', 'high_s', 'p2', 'low_r', 'high_r', -1) }} end as gap_ci_low,
    case when gap_reason is null and score_unit = 'percent' then 100 * {{ newcombe('p1', 'low_s', 'high_s', 'p2', 'low_r', 'high_r', 1) }} end as gap_ci_high,
    case when gap_reason is null then linear_mean - reference_linear_mean end as linear_gap,
    case when gap_reason is null then linear_mean - reference_linear_mean - {{ z95() }} * sqrt(power(linear_mean_se, 2) + power(reference_se, 2)) end as linear_gap_ci_low,
    case when gap_reason is null then linear_mean - reference_linear_mean + {{ z95() }} * sqrt(power(linear_mean_se, 2) + power(reference_se, 2)) end as linear_gap_ci_high,
    gap_reason as reason
from judged
