-- One row per subject of a case. Exports repeat a subject for every person involved; it is kept once.
-- Never count these rows for a rate: a case with three subjects is one complaint.
with ranked as (
    select
        *,
        row_number() over (
            partition by feed, case_id, coalesce(category_text, ''), coalesce(subcategory_text, '')
            order by coalesce(issue_number, 0), row_number
        ) as repeat_number
    from {{ ref('current_complaint') }}
)

select
    i.feed, i.delivery_id, i.row_number, i.case_id,
    cast(row_number() over (
        partition by i.feed, i.case_id order by coalesce(i.issue_number, 0), i.row_number
    ) as integer) as issue_number,
    i.category_text, i.subcategory_text, i.severity_text,
    c.facility_id, c.unit_id, c.unit_key, c.month_start_on, c.is_valid_case, c.is_grievance
from ranked as i
inner join {{ ref('fct_complaint') }} as c on c.feed = i.feed and c.case_id = i.case_id
where i.repeat_number = 1
