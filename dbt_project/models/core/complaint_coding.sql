-- What coders decided, before it meets the case: newest of each coder, scheme version and category, in the scheme's codes.
-- A blank version is the one the scheme is shipped with. is_newest_coder: nobody coded the case in this scheme later.
{{ config(materialized='view') }}
with delivered as (
    {{ current_rows('complaint_coding', ['case_feed', 'case_id', 'coder_id', 'coded_at', 'coded_on', 'scheme_id', 'scheme_version',
        'category_text', 'subcategory_text', 'severity_level', 'stage_text', 'harm_level']) }}
),

shipped as (
    select scheme_id, min(scheme_version) as scheme_version from {{ ref('complaint_scheme') }} group by scheme_id
),

coded as (
    select
        d.case_feed, d.case_id, d.coder_id, d.coded_at, d.coded_on, d.scheme_id,
        coalesce(d.scheme_version, h.scheme_version, '1') as scheme_version,
        coalesce(k.category_code, {{ word_key('d.category_text') }}) as category_code,
        coalesce(k.subcategory, d.subcategory_text) as subcategory,
        d.severity_level,
        g.level as stage_level,
        d.harm_level, d.feed, d.delivery_id, d.row_number
    from delivered as d
    left join shipped as h on h.scheme_id = d.scheme_id
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
            partition by case_feed, case_id, coder_id, scheme_id, scheme_version, category_code
            order by coded_at desc, delivery_id desc, row_number desc
        ) as nth
    from coded
)

select
    case_feed, case_id, coder_id, coded_at, coded_on, scheme_id, scheme_version, category_code, subcategory, severity_level,
    stage_level, harm_level, feed, delivery_id, row_number,
    coder_id = first_value(coder_id) over (
        partition by case_feed, case_id, scheme_id
        order by case when severity_level is null then 1 else 0 end, coded_at desc, coder_id
    ) as is_newest_coder
from newest
where nth = 1
