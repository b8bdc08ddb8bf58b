-- The months of every series, and how whole the windows are that end in them. A series has no gaps: from the first
-- month with data of its kind to the newest one, at most 20 years (a date typed wrongly must not make centuries).
-- Metrics that others keep have series of their own, like surveys: whole when anything came for the month.
-- Surveys of each instrument family have series of their own: a hospital without a questionnaire has no rows for it.
-- Months are numbered year x 12 + month - 1.
with data_month as (
    select concat_ws(':', 'survey', family) as kind, unit_key, {{ month_number('month_start_on') }} as month_number
    from {{ ref('survey_counts') }} where n_sampled > 0
    union
    select 'survey:' || family, unit_key, {{ month_number('month_start_on') }} from {{ ref('fct_answer_count') }} where rule = 'ANSWERED'
    union
    select 'complaint', unit_key, {{ month_number('month_start_on') }} from {{ ref('fct_complaint') }} where is_valid_case
    union
    -- Measures of handling need no encounters: a month is whole once complaints were delivered for it.
    select 'complaint:handled', unit_key, {{ month_number('month_start_on') }} from {{ ref('fct_complaint') }} where is_valid_case
    union
    -- Encounters before the first case ever delivered say nothing: no complaints known is not no complaints.
    select 'complaint', unit_key, {{ month_number('month_start_on') }} from {{ ref('fct_encounter_count') }}
    where month_start_on >= (select min(c.month_start_on) from {{ ref('fct_complaint') }} as c)
    union
    select 'metric:' || m.measure_id, f.unit_key, {{ month_number('f.month_start_on') }}
    from {{ ref('fct_metric') }} as f
    inner join {{ source('definition', 'measure') }} as m on m.source = 'metrics' and m.numerator_rule = f.metric_code
),

-- Nothing dated later than the newest delivery of its kind is believed. Counted answers are a kind of their own.
newest_delivery as (
    select kind, {{ month_number('max(delivered_at)') }} as month_number
    from (
        select kind, delivered_at from {{ source('warehouse', 'delivery') }} where status = 'accepted'
        union all
        select 'survey:' || c.family, d.delivered_at
        from (select distinct family, delivery_id from {{ ref('fct_answer_count') }}) as c
        inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = c.delivery_id
    )
    group by kind
),

span as (
    select
        d.kind, e.entity_number,
        min(d.month_number) as first_month, max(d.month_number) as last_month,
        max({{ month_number("coalesce(e.closed_on, date '9999-12-31')") }}) as closing_month
    from data_month as d
    inner join newest_delivery as n on n.kind in (d.kind, split_part(d.kind, ':', 1)) and d.month_number <= n.month_number
    inner join {{ ref('kpi_entity') }} as e using (unit_key)
    group by all
),

series as (
    select
        s.kind, s.entity_number, s.first_month,
        unnest(range(greatest(s.first_month, l.last_month - 239), greatest(s.last_month, least(l.last_month, s.closing_month)) + 1)) as month_number
    from span as s
    inner join (select kind, max(last_month) as last_month from span group by kind) as l using (kind)
),

-- Whole months per measure: for rates all expected encounters of the measure's classes, for surveys any sampled
-- survey or counted answer. Units and service lines are as whole as their facility; facility null is the enterprise.
whole as (
    select 'complaint' as kind, m.measure_id, c.facility_id, {{ month_number('c.month_start_on') }} as month_number
    from {{ ref('encounter_completeness') }} as c
    inner join {{ source('definition', 'measure_encounter_class') }} as m using (encounter_class)
    group by grouping sets ((m.measure_id, c.facility_id, c.month_start_on), (m.measure_id, c.month_start_on))
    having bool_and(c.is_complete)
    union all
    select concat_ws(':', 'survey', s.family), null, u.facility_id, {{ month_number('s.month_start_on') }}
    from (
        select family, unit_key, month_start_on from {{ ref('survey_counts') }} where n_sampled > 0
        union
        select family, unit_key, month_start_on from {{ ref('fct_answer_count') }} where rule = 'ANSWERED'
    ) as s
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    group by grouping sets ((s.family, u.facility_id, s.month_start_on), (s.family, s.month_start_on))
    union all
    select 'metric:' || m.measure_id, null, u.facility_id, {{ month_number('f.month_start_on') }}
    from {{ ref('fct_metric') }} as f
    inner join {{ source('definition', 'measure') }} as m on m.source = 'metrics' and m.numerator_rule = f.metric_code
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    group by grouping sets ((m.measure_id, u.facility_id, f.month_start_on), (m.measure_id, f.month_start_on))
),

entity as (
    select distinct entity_number, facility_id from {{ ref('kpi_entity') }}
),

marked as (
    select s.kind, k.measure_id, s.entity_number, s.first_month, s.month_number, w.month_number is not null or s.kind = 'complaint:handled' as is_whole
    from series as s
    inner join entity as e using (entity_number)
    left join (select distinct measure_id from {{ source('definition', 'measure_encounter_class') }}) as k on s.kind = 'complaint'
    left join whole as w
        on w.kind = s.kind and w.measure_id is not distinct from k.measure_id and w.facility_id is not distinct from e.facility_id
        and w.month_number = s.month_number
)

select
    m.kind, m.measure_id, m.entity_number, m.month_number::integer as month_number,
    m.is_whole,
    m.first_month <= m.month_number // 3 * 3 and count(*) filter (m.is_whole) over quarter = 3 as is_quarter_whole,
    m.first_month <= m.month_number - 11 and count(*) filter (m.is_whole) over twelve = 12 as is_rolling_whole
from marked as m
window
    quarter as (partition by m.kind, m.measure_id, m.entity_number, m.month_number // 3),
    twelve as (
        partition by m.kind, m.measure_id, m.entity_number order by m.month_number range between 11 preceding and current row
    )
