-- How bad: valid cases by severity, per entity, window and scheme. Severity of a case for triage is the highest severity
-- among its subjects or coded categories (product-defined; HCAT itself defines none). Basis words: the feedback system's
-- own word. Basis coding: of the newest coding of the case. Cases without a level are counted beside, never as level 0.
with coded as (
    select feed, case_id, scheme_id, max(severity_level) as severity_level
    from {{ ref('fct_complaint_coding') }} where is_newest_coder and severity_level is not null
    group by all
),

levelled as (
    select unit_key, month_start_on, 'words' as basis, worded_severity_scheme_id as scheme_id, worded_severity_level as severity_level
    from {{ ref('fct_complaint') }} where is_valid_case and worded_severity_level is not null
    union all
    select c.unit_key, c.month_start_on, 'coding', k.scheme_id, k.severity_level
    from coded as k inner join {{ ref('fct_complaint') }} as c using (feed, case_id) where c.is_valid_case
),

counted as (
    select unit_key, month_start_on, basis, scheme_id, severity_level, count(*) as n_cases from levelled group by all
),

total as (
    {{ sums_per_window('counted', ['basis', 'scheme_id', 'severity_level'], ['n_cases']) }}
),

valid as (
    select unit_key, month_start_on, count(*) as n_valid from {{ ref('fct_complaint') }} where is_valid_case group by all
),

all_cases as (
    {{ sums_per_window('valid', [], ['n_valid']) }}
),

label as (
    select scheme_id, level, min(label) as label from ({{ scheme_levels() }}) as levels where dimension = 'severity' group by all
),

compared as (
    select t.*, l.label as severity_label, a.n_valid, (sum(t.n_cases) over whole)::bigint as n_levelled
    from total as t
    inner join all_cases as a using (window_number)
    left join label as l on l.scheme_id = t.scheme_id and l.level = t.severity_level
    window whole as (partition by t.window_number, t.basis, t.scheme_id)
)

select
    {{ entity_period_columns('p') }},
    t.basis, t.scheme_id, t.severity_level, t.severity_label, t.n_cases, t.n_levelled,
    {{ percent('t.n_cases', 't.n_levelled') }} as levelled_pct,
    t.n_valid - t.n_levelled as n_without_level,
    false as is_suppressed
from compared as t
inner join {{ entity_periods('total') }} as p using (window_number)
