-- Answers that others have counted, newest versions, placed in our units and months; the rule says whether a row enters
-- the cube. A share of which one part is withheld is no share: then no count of that place, period and item is used.
-- Counts of wards, of sites and of organisations may come in files of their own, and hold the same answers: the finest level counts.
with counted as (
    select
        feed, delivery_id, row_number, lower(trim(instrument_family)) as family, facility_code, unit_code,
        upper(facility_code) as facility, upper(coalesce(organisation_code, facility_code)) as organisation, service_code, period_start_on,
        lower(trim(coalesce(period_grain, 'month'))) as period_grain, lower(trim(item_code)) as item_code, answer, n_answers, n_answers_reason
    from ({{ current_rows('answer_count', ['instrument_family', 'facility_code', 'unit_code', 'organisation_code', 'service_code', 'period_start_on', 'period_grain', 'item_code',
        'answer', 'n_answers', 'n_answers_reason']) }}) as rows_of_all_feeds
),

-- 3 for units, 2 for facilities of an organisation, 1 for what has neither; rows without a unit in a file of units are its own.
place as (
    select feed, delivery_id, family, item_code, period_grain, period_start_on, facility, organisation, service_code,
        max(case when unit_code is not null then 3 when facility <> organisation then 2 else 1 end) as level
    from counted
    group by feed, delivery_id, family, item_code, period_grain, period_start_on, facility, organisation, service_code
),

-- A file that names no service may be of any.
told_finer as (
    select distinct c.feed, c.delivery_id, c.family, c.item_code, c.period_grain, c.period_start_on, c.facility, c.service_code
    from place as c
    inner join place as f
        on f.feed = c.feed and f.family = c.family and f.item_code = c.item_code and f.period_grain = c.period_grain
        and f.period_start_on = c.period_start_on and f.level > c.level and c.facility in (f.facility, f.organisation)
        and (f.service_code = c.service_code or f.service_code is null or c.service_code is null)
    where f.delivery_id <> c.delivery_id
),

judged as (
    select
        c.*,
        u.facility_id, u.unit_id, u.unit_key, i.instrument_id,
        {{ month_start('c.period_start_on') }} as month_start_on,
        s.answer is not null as is_on_scale,
        t.feed is not null as is_told_finer,
        max(case when s.answer is not null and c.n_answers is null then 1 else 0 end) over (
            partition by c.feed, c.facility_code, c.unit_code, c.service_code, c.period_grain, c.period_start_on, c.family, c.item_code
        ) = 1 as is_partly_withheld
    from counted as c
    {{ join_unit('c', 'c.period_start_on') }}
    left join told_finer as t
        on t.feed = c.feed and t.delivery_id = c.delivery_id and t.family = c.family and t.item_code = c.item_code and t.period_grain = c.period_grain
        and t.period_start_on = c.period_start_on and t.facility = c.facility and t.service_code is not distinct from c.service_code
    left join {{ ref('instrument') }} as i
        on i.family = c.family and c.period_start_on >= i.valid_from_on and c.period_start_on <= coalesce(i.valid_to_on, date '9999-12-31')
    left join {{ ref('instrument_item') }} as q on q.instrument_id = i.instrument_id and q.item_code = c.item_code
    left join {{ ref('scale_answer') }} as s on s.scale_id = q.scale_id and s.answer = c.answer
)

select
    feed, delivery_id, row_number, family, instrument_id,
    facility_code as source_facility_code,
    unit_code as source_unit_code,
    service_code,
    facility_id, unit_id, unit_key, period_start_on, month_start_on, item_code, answer,
    cast(n_answers as bigint) as n_answers,
    case
        when period_grain not in ('day', 'daily', 'month', 'monthly') then 'LONGER_THAN_A_MONTH'
        when instrument_id is null then 'NO_INSTRUMENT'
        when not is_on_scale then 'NOT_AN_ANSWER'
        when is_told_finer then 'FINER_LEVEL_COUNTED'
        when n_answers is null then coalesce(n_answers_reason, 'NOT_REPORTED')
        when n_answers < 0 then 'NEGATIVE'
        when is_partly_withheld then 'PARTLY_WITHHELD'
        else 'ANSWERED'
    end as rule
from judged
