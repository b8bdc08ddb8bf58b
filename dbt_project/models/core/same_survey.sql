-- Surveys that two feeds delivered: the same questionnaire, facility and discharge date, and the same patient or, where a feed names
-- no patient, the same survey number. One feed counts, by its priority, then by the newer delivery; the rows of the others are
-- listed here and left out of the facts. Numbers of two vendors that differ cannot be told to be the same.
--
-- Wide text is touched only where something can be shared: first the facilities that two feeds name, then hashes of date and key
-- that occur in both. On 10 million surveys of facilities with one feed each that is one look at a table of codes.
{%- set families = [] %}
{%- for family in survey_families() if feeds_of_kind('survey', family) | length > 1 %}{% do families.append(family) %}{% endfor %}
{%- for family in families %}
{%- set feeds = feeds_of_kind('survey', family) %}
{{ 'with' if loop.first }} code_{{ family }} as (
    select distinct feed, facility_code
    from {{ ref('unit_lookup') }}
    where feed in ('{{ feeds | join("', '") }}') and facility_id in (
        select facility_id from {{ ref('unit_lookup') }}
        where feed in ('{{ feeds | join("', '") }}') and facility_id <> 'unassigned'
        group by facility_id having count(distinct feed) > 1
    )
),

hashed_{{ family }} as (
    {%- for feed in feeds %}
    {%- for key in ['patient_id', 'survey_id'] %}
    select {{ loop.index }} as key_number, {{ hash(['s.discharge_on', 's.' ~ key]) }} as key_hash, '{{ feed }}' as feed
    from {{ ref('stg_' ~ feed) }} as s
    inner join code_{{ family }} as c on c.feed = '{{ feed }}' and c.facility_code = coalesce(s.facility_code, '')
    where s.{{ key }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

shared_{{ family }} as (
    select key_number, key_hash from hashed_{{ family }} group by key_number, key_hash having min(feed) <> max(feed)
),

given_{{ family }} as (
    {%- for feed in feeds %}
    select s.feed, f.priority, s.delivery_id, s.row_number, s.survey_id, s.patient_id, s.facility_code, s.unit_code, s.discharge_on
    from {{ ref('stg_' ~ feed) }} as s
    inner join {{ source('warehouse', 'feed') }} as f on f.feed = '{{ feed }}'
    inner join code_{{ family }} as c on c.feed = f.feed and c.facility_code = coalesce(s.facility_code, '')
    {{ without_superseded(feed, 's') }}
        and (
            {{ hash(['s.discharge_on', 's.patient_id']) }} in (select key_hash from shared_{{ family }} where key_number = 1)
            or {{ hash(['s.discharge_on', 's.survey_id']) }} in (select key_hash from shared_{{ family }} where key_number = 2)
        )
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

placed_{{ family }} as (
    select g.feed, g.priority, g.delivery_id, g.row_number, g.survey_id, g.patient_id, g.discharge_on, u.facility_id
    from given_{{ family }} as g
    {{ join_unit('g', 'g.discharge_on', 'inner') }} and u.facility_id <> 'unassigned'
),

keyed_{{ family }} as (
    select *, 'SAME_PATIENT' as rule, patient_id as same_key from placed_{{ family }} where patient_id is not null
    union all
    select *, 'SAME_NUMBER', survey_id from placed_{{ family }}
),

same_{{ family }} as (
    select facility_id, discharge_on, rule, same_key
    from keyed_{{ family }}
    group by facility_id, discharge_on, rule, same_key
    having min(feed) <> max(feed) and (rule = 'SAME_PATIENT' or count(distinct patient_id) < 2)
),

ranked_{{ family }} as (
    select
        '{{ family }}' as family, k.feed, k.delivery_id, k.row_number, k.rule,
        first_value(k.feed) over same as counted_feed,
        first_value(k.delivery_id) over same as counted_delivery_id,
        first_value(k.row_number) over same as counted_row_number
    from keyed_{{ family }} as k
    inner join same_{{ family }} as s
        on s.facility_id = k.facility_id and s.discharge_on = k.discharge_on and s.rule = k.rule and s.same_key = k.same_key
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = k.delivery_id
    window same as (partition by k.facility_id, k.discharge_on, k.rule, k.same_key order by k.priority desc, d.delivery_order desc, k.feed, k.row_number)
){{ ',' if not loop.last }}
{%- endfor %}
{% for family in families %}
-- A survey can be the same by patient and by number, with two rows that count: the one of the same patient is told.
select family, feed, delivery_id, row_number, rule, counted_feed, counted_delivery_id, counted_row_number
from (
    select *, row_number() over (
        partition by feed, delivery_id, row_number order by rule desc, counted_feed, counted_delivery_id, counted_row_number
    ) as nth
    from ranked_{{ family }} where feed <> counted_feed
) as {{ family }}_told
where nth = 1
{{ 'union all' if not loop.last }}
{%- else %}
select cast(null as varchar) as family, cast(null as varchar) as feed, cast(null as varchar) as delivery_id, cast(null as bigint) as row_number,
    cast(null as varchar) as rule, cast(null as varchar) as counted_feed, cast(null as varchar) as counted_delivery_id, cast(null as bigint) as counted_row_number
where 1 = 0
{%- endfor %}
