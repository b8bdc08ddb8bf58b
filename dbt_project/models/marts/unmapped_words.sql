-- Words of feedback systems and of coders that no map leads to a scheme: what to add to a feed of kind complaint_word.
-- Words of encounter classes that no row of seed encounter_class_map knows: their encounters count in no class.
with word as (
    select * from {{ ref('complaint_word_map') }} where not is_mapped
),

coding as (
    {{ current_rows('complaint_coding', ['case_feed', 'case_id', 'category_text', 'subcategory_text', 'stage_text']) }}
),

used as (
    {%- for dimension in ['category', 'severity', 'stage', 'harm'] %}
    select feed, case_id, '{{ dimension }}' as dimension, {{ dimension }}_text as source_text,
        {{ "coalesce(subcategory_text, '')" if dimension == 'category' else "''" }} as source_subtext
    from {{ ref('complaint_subject') }} where {{ dimension }}_text is not null
    union all
    {%- endfor %}
    -- A severity that stands on the case alone, because its subjects come in a file of their own.
    select distinct c.feed, c.case_id, 'severity', c.severity_text, ''
    from {{ ref('current_complaint') }} as c
    anti join {{ ref('complaint_subject') }} as s on s.feed = c.feed and s.case_id = c.case_id and s.severity_text = c.severity_text
    where c.severity_text is not null
    union all
    select case_feed, case_id, 'category', category_text, coalesce(subcategory_text, '') from coding
    union all
    select case_feed, case_id, 'stage', stage_text, '' from coding where stage_text is not null
)

select
    m.feed, m.dimension, m.source_text, m.source_subtext,
    count(u.case_id) as n_issues,
    min(c.received_on) as first_used_on,
    max(c.received_on) as last_used_on
from word as m
left join used as u using (feed, dimension, source_text, source_subtext)
left join {{ ref('fct_complaint') }} as c on c.feed = u.feed and c.case_id = u.case_id
group by all
union all
select feed, 'encounter_class', coalesce(source_class_code, '(none)'), '', count(*), min(counted_on), max(counted_on)
from {{ ref('fct_encounter') }}
where encounter_class = 'unassigned' and rule in ('COUNTED', 'OTHER_FEED_PREFERRED')
    and coalesce(lower(trim(source_class_code)), '') not in (select lower(source_code) from {{ ref('encounter_class_map') }})
group by feed, source_class_code
