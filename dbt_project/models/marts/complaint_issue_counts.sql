-- Subjects of valid cases, counted one by one: per entity, window, category, subcategory and severity of the subject.
-- These counts never feed a rate: a case with three subjects is three here and one in every rate.
with counted as (
    select unit_key, month_start_on,
        coalesce(scheme_id, 'unmapped') as scheme_id,
        coalesce(category_code, 'unmapped') as category_code,
        coalesce(subcategory, '') as subcategory,
        severity_level,
        count(*) as n_issues
    from {{ ref('fct_complaint_issue') }}
    where is_valid_case and (category_text is not null or subcategory_text is not null)
    group by all
),

total as (
    {{ sums_per_window('counted', ['scheme_id', 'category_code', 'subcategory', 'severity_level'], ['n_issues']) }}
)

select
    {{ entity_period_columns('p') }},
    t.scheme_id, t.category_code, t.subcategory, t.severity_level, t.n_issues, false as is_suppressed
from total as t
inner join {{ entity_periods('total') }} as p using (window_number)
