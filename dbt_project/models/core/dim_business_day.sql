-- Every day of the snapshot's years per calendar, numbered by the business days up to it: business days from a to b are
-- number(b) - number(a). A business day is no Saturday, no Sunday and no holiday of seed holiday.
with calendar as (
    select
        calendar_code,
        cast({{ dbt.date_trunc('year', 'min(holiday_on)') }} as date) as first_on,
        {{ add_days(add_months("cast(" ~ dbt.date_trunc('year', 'max(holiday_on)') ~ " as date)", 12), -1) }} as last_on
    from {{ ref('holiday') }}
    group by calendar_code
),

listed as (
    {{ days_between('calendar', 'calendar_code', 'first_on', 'last_on') }}
),

judged as (
    select d.calendar_code, d.day_on, h.label as holiday_label,
        h.holiday_on is null and {{ iso_weekday('d.day_on') }} <= 5 as is_business_day
    from listed as d
    left join {{ ref('holiday') }} as h on h.calendar_code = d.calendar_code and h.holiday_on = d.day_on
)

select
    calendar_code, day_on, is_business_day, holiday_label,
    cast(sum(case when is_business_day then 1 else 0 end)
        over (partition by calendar_code order by day_on rows unbounded preceding) as integer) as business_day_number
from judged
