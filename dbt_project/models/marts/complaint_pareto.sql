-- Which categories cases are about, largest first, per entity, window and scheme. A case with subjects in two categories
-- counts in both, so categories add up to more than the cases: shares are of cases, the cumulative share is of the sum.
-- Basis words: the vendor's words through the maps. Basis coding: categories that a coder found present.
with case_category as (
    select distinct c.feed, c.case_id, c.unit_key, c.month_start_on, 'words' as basis, m.scheme_id, m.scheme_version, m.category_code
    from {{ ref('fct_complaint') }} as c
    inner join {{ ref('complaint_subject') }} as s using (feed, case_id)
    inner join {{ ref('complaint_word_map') }} as m
        on m.feed = s.feed and m.dimension = 'category' and m.source_text = s.category_text
        and m.source_subtext = coalesce(s.subcategory_text, '') and m.is_mapped
    where c.is_valid_case
    union all
    select distinct feed, case_id, unit_key, month_start_on, 'coding', scheme_id, scheme_version, category_code
    from {{ ref('fct_complaint_coding') }}
    where is_valid_case and severity_level > 0
),

-- Cases that a scheme says nothing of, in schemes that are used at all.
without_category as (
    select c.feed, c.case_id, c.unit_key, c.month_start_on, s.basis, s.scheme_id, s.scheme_version, 'unmapped' as category_code
    from {{ ref('fct_complaint') }} as c
    cross join (select distinct basis, scheme_id, scheme_version from case_category where basis = 'words') as s
    left join (select distinct feed, case_id, basis, scheme_id, scheme_version from case_category) as k
        on k.feed = c.feed and k.case_id = c.case_id and k.basis = s.basis and k.scheme_id = s.scheme_id
        and k.scheme_version = s.scheme_version
    where c.is_valid_case and k.case_id is null
),

per_month as (
    select unit_key, month_start_on, basis, scheme_id, scheme_version, category_code, count(*) as n_cases
    from (select * from case_category union all select * from without_category) group by all
),

-- Numbers stand for the long keys while windows are summed and ranked; they follow the order of the codes.
category as (
    select
        *,
        (row_number() over (order by basis, scheme_id, scheme_version, category_code))::integer as category_number,
        (dense_rank() over (order by basis, scheme_id, scheme_version))::integer as scheme_number
    from (select distinct basis, scheme_id, scheme_version, category_code from per_month)
),

counted as (
    select m.unit_key, m.month_start_on, k.scheme_number, k.category_number, m.n_cases
    from per_month as m
    inner join category as k
        on k.basis = m.basis and k.scheme_id is not distinct from m.scheme_id
        and k.scheme_version is not distinct from m.scheme_version and k.category_code is not distinct from m.category_code
),

total as (
    {{ sums_per_window('counted', ['scheme_number', 'category_number'], ['n_cases']) }}
),

valid as (
    select unit_key, month_start_on, count(*) as n_valid from {{ ref('fct_complaint') }} where is_valid_case group by all
),

all_cases as (
    {{ sums_per_window('valid', [], ['n_valid']) }}
),

-- Categories of site schemes have their labels in feeds of kind complaint_scheme.
label as (
    select scheme_id, scheme_version, category_code, category_label, 0 as is_shipped
    from ({{ current_rows('complaint_scheme', ['scheme_id', 'scheme_version', 'category_code', 'category_label', 'dimension']) }})
    where coalesce(dimension, 'category') = 'category'
    union all
    select scheme_id, scheme_version, category_code, category_label, 1 from {{ ref('complaint_scheme') }}
),

labelled as (
    select scheme_id, scheme_version, category_code, arg_min(category_label, (is_shipped, category_label)) as category_label
    from label group by all
),

named as (
    select
        k.*,
        case k.category_code when 'unmapped' then 'Not mapped to the scheme' else coalesce(l.category_label, k.category_code) end as category_label
    from category as k
    left join labelled as l
        on l.scheme_id = k.scheme_id and l.category_code = k.category_code and coalesce(l.scheme_version, '1') = k.scheme_version
),

compared as (
    select
        t.*,
        (rank() over (so_far order by t.n_cases desc))::integer as category_rank,
        sum(t.n_cases) over (so_far order by t.n_cases desc, t.category_number) as n_so_far,
        sum(t.n_cases) over so_far as n_together
    from total as t
    window so_far as (partition by t.window_number, t.scheme_number)
)

select
    {{ entity_period_columns('p') }},
    k.basis, k.scheme_id, k.scheme_version, k.category_code, k.category_label, t.category_rank, t.n_cases, a.n_valid as n_all_cases,
    {{ percent('t.n_cases', 'a.n_valid') }} as cases_pct,
    {{ percent('t.n_so_far', 't.n_together') }} as cumulative_pct,
    false as is_suppressed
from compared as t
inner join all_cases as a using (window_number)
inner join named as k using (category_number)
inner join {{ entity_periods('total') }} as p using (window_number)
