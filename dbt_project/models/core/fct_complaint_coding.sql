-- What coders decided: one row per case, coder, scheme version and category, newest of each coder. A category that a
-- coder did not identify is severity 0, not null; null is not coded yet. Codings without a case are listed by complaint_problem.
with delivered as (
    {{ current_rows('complaint_coding', ['case_feed', 'case_id', 'coder_id', 'coded_at', 'coded_on', 'scheme_id', 'scheme_version',
        'category_text', 'subcategory_text', 'severity_level', 'stage_text', 'harm_level']) }}
),

coded as (
    select
        d.*,
        coalesce(k.category_code, {{ word_key('d.category_text') }}) as category_code,
        coalesce(k.subcategory, d.subcategory_text) as subcategory,
        g.level as stage_level
    from delivered as d
    left join {{ ref('complaint_word_map') }} as k
        on k.feed = d.case_feed and k.dimension = 'category' and k.source_text = d.category_text
        and k.source_subtext = coalesce(d.subcategory_text, '') and k.scheme_id = d.scheme_id
    left join {{ ref('complaint_word_map') }} as g
        on g.feed = d.case_feed and g.dimension = 'stage' and g.source_text = d.stage_text and g.scheme_id = d.scheme_id
),

newest as (
    select
        *,
        row_number() over (
            partition by case_feed, case_id, coder_id, scheme_id, coalesce(scheme_version, ''), category_code
            order by coded_at desc, delivery_id desc, row_number desc
        ) as nth
    from coded
)

select
    n.case_feed as feed, n.case_id, n.coder_id, n.scheme_id,
    coalesce(n.scheme_version, '') as scheme_version,
    n.category_code, n.subcategory, n.severity_level, n.stage_level, n.harm_level, n.coded_at, n.coded_on,
    n.feed as coding_feed, n.delivery_id, n.row_number,
    c.unit_key, c.month_start_on, c.is_valid_case
from newest as n
inner join {{ ref('fct_complaint') }} as c on c.feed = n.case_feed and c.case_id = n.case_id
where n.nth = 1
