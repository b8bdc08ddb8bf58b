-- Cases and encounters of every entity and window, by encounter class and segment: what complaint_rate divides.
-- Denominators: each class by itself, and `total`, the classes that measure complaints_per_1000_encounters declares.
-- Cases and grievances stand against every class and the total, severity bands against the total. Of categories only
-- those rows are kept that have a case: one without a row had none.
-- Entities with the same units have the same counts: rows are those of twin_number in kpi_entity.
with declared as (
    select encounter_class from {{ source('definition', 'measure_encounter_class') }} where measure_id = '{{ rate_measure() }}'
),

entity as (
    select entity_number, unit_key, facility_id from {{ ref('kpi_entity') }} where entity_number = twin_number
),

month as (
    select m.entity_number, m.month_number, e.facility_id, min(m.month_number) over (partition by m.entity_number) as first_month
    from {{ ref('kpi_month') }} as m
    inner join (select distinct entity_number, facility_id from entity) as e using (entity_number)
    where m.kind = 'complaint' and m.measure_id = '{{ rate_measure() }}'
),

encounter as (
    select e.entity_number, {{ month_number('c.month_start_on') }}::integer as month_number, d.rate_class, sum(c.n_encounters)::bigint as n
    from {{ ref('fct_encounter_count') }} as c
    inner join entity as e using (unit_key)
    inner join (select encounter_class, encounter_class as rate_class from declared union all select encounter_class, 'total' from declared) as d
        using (encounter_class)
    group by all
),

-- Months of a class are whole as those of the total are: every expected facility and class must have come.
whole as (
    select c.facility_id, d.rate_class, {{ month_number('c.month_start_on') }}::integer as month_number,
        max(c.last_delivered_at) as delivered_at
    from {{ ref('encounter_completeness') }} as c
    inner join (select encounter_class, encounter_class as rate_class from declared union all select encounter_class, 'total' from declared) as d
        using (encounter_class)
    group by grouping sets ((c.facility_id, d.rate_class, c.month_start_on), (d.rate_class, c.month_start_on))
    having bool_and(c.is_complete)
),

valid_case as (
    select c.feed, c.case_id, c.unit_key, {{ month_number('c.month_start_on') }}::integer as month_number, c.is_grievance,
        coalesce(t.tag_value, 'unassigned') as encounter_class
    from {{ ref('fct_complaint') }} as c
    left join {{ ref('case_tag') }} as t on t.feed = c.feed and t.case_id = c.case_id and t.tag_type = 'encounter_class'
    where c.is_valid_case
),

segment as (
    select unit_key, month_number, encounter_class, 'all' as segment_type, 'all' as segment_value from valid_case
    union all
    select unit_key, month_number, encounter_class, 'grievance', 'grievance' from valid_case where is_grievance
    union all
    select v.unit_key, v.month_number, v.encounter_class, t.tag_type, t.tag_value
    from valid_case as v
    inner join {{ ref('case_tag') }} as t on t.feed = v.feed and t.case_id = v.case_id and t.tag_type in ('severity', 'category')
),

-- Cases by class for cases and grievances only; everything else against the total.
counted as (
    select e.entity_number, s.month_number, s.segment_type, s.segment_value, r.rate_class, count(*) as n
    from segment as s
    inner join entity as e using (unit_key)
    inner join (select distinct encounter_class, encounter_class as rate_class from valid_case
        union all select distinct encounter_class, 'total' from valid_case) as r
        on r.encounter_class = s.encounter_class and (r.rate_class = 'total' or s.segment_type in ('all', 'grievance'))
    group by all
),

-- The series to fill: cases and grievances of every class an entity has, every severity band against the total.
series as (
    select *, row_number() over (order by entity_number, rate_class, segment_type, segment_value) as series_number
    from (
        select entity_number, rate_class, segment_type, segment_value
        from (select distinct entity_number, rate_class from encounter union select distinct entity_number, 'total' from month)
        cross join (values ('all', 'all'), ('grievance', 'grievance')) as s (segment_type, segment_value)
        union
        select entity_number, 'total', 'severity', segment_value
        from (select distinct entity_number from month)
        cross join (select distinct segment_value from segment where segment_type = 'severity')
        union
        select distinct entity_number, rate_class, segment_type, segment_value from counted where segment_type in ('all', 'grievance', 'category')
    )
),

monthly as (
    select
        s.series_number, m.month_number, m.first_month,
        coalesce(c.n, 0)::bigint as numerator,
        coalesce(x.n, 0)::bigint as denominator,
        w.rate_class is not null as is_whole,
        w.delivered_at
    from series as s
    inner join month as m using (entity_number)
    left join counted as c using (entity_number, rate_class, segment_type, segment_value, month_number)
    left join encounter as x using (entity_number, rate_class, month_number)
    left join whole as w
        on w.facility_id is not distinct from m.facility_id and w.rate_class = s.rate_class and w.month_number = m.month_number
),

windowed as (
    select series_number, 1 as n_months, month_number as end_month, numerator, denominator,
        is_whole::integer as n_whole, delivered_at, first_month
    from monthly
    union all
    select series_number, 3, month_number // 3 * 3 + 2, sum(numerator)::bigint, sum(denominator)::bigint,
        count(*) filter (is_whole)::integer, max(delivered_at), min(first_month)
    from monthly group by series_number, month_number // 3
    union all
    select series_number, 12, month_number, (sum(numerator) over twelve)::bigint,
        (sum(denominator) over twelve)::bigint, (count(*) filter (is_whole) over twelve)::integer, max(delivered_at) over twelve, first_month
    from monthly
    window twelve as (partition by series_number order by month_number range between 11 preceding and current row)
),

judged as (
    select *, n_whole = n_months and (n_months = 1 or end_month - n_months + 1 >= first_month) as is_whole
    from windowed
)

select
    s.entity_number, s.rate_class, s.segment_type, s.segment_value, k.n_months, k.end_month, k.numerator, k.denominator, k.delivered_at, k.is_whole,
    p.numerator as last_year_numerator, p.denominator as last_year_denominator,
    coalesce(p.is_whole, false) as is_last_year_whole
from judged as k
inner join series as s using (series_number)
left join judged as p
    on p.series_number = k.series_number and p.n_months = k.n_months and p.end_month = k.end_month - 12
where s.segment_type <> 'category' or k.numerator > 0
