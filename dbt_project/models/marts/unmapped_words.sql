-- Words of feedback systems that no map leads to a scheme: what to add to a feed of kind complaint_word.
select
    m.feed, m.dimension, m.source_text, m.source_subtext,
    count(s.case_id) as n_issues,
    min(c.received_on) as first_used_on,
    max(c.received_on) as last_used_on
from {{ ref('complaint_word_map') }} as m
left join {{ ref('complaint_subject') }} as s
    on s.feed = m.feed
    and case m.dimension when 'category' then s.category_text when 'severity' then s.severity_text when 'stage' then s.stage_text
        else s.harm_text end = m.source_text
    and (m.dimension <> 'category' or coalesce(s.subcategory_text, '') = m.source_subtext)
left join {{ ref('fct_complaint') }} as c on c.feed = s.feed and c.case_id = s.case_id
where not m.is_mapped
group by all
