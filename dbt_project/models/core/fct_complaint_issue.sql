-- One row per subject of a case, in the vendor's words and in the scheme they are mapped to (complaint_word_map).
-- Never count these rows for a rate: a case with three subjects is one complaint.
select
    s.feed, s.delivery_id, s.row_number, s.row_feed, s.case_id, s.issue_number, s.category_text, s.subcategory_text, s.severity_text,
    k.scheme_id, k.scheme_version, k.category_code, k.subcategory,
    v.scheme_id as severity_scheme_id,
    v.level as severity_level,
    g.level as stage_level,
    h.level as harm_level,
    c.facility_id, c.unit_id, c.unit_key, c.month_start_on, c.is_valid_case, c.is_grievance
from {{ ref('complaint_subject') }} as s
inner join {{ ref('fct_complaint') }} as c on c.feed = s.feed and c.case_id = s.case_id
{%- for alias, dimension, text in [('k', 'category', 'category_text'), ('v', 'severity', 'severity_text'), ('g', 'stage', 'stage_text'), ('h', 'harm', 'harm_text')] %}
left join {{ ref('complaint_word_map') }} as {{ alias }}
    on {{ alias }}.feed = s.feed and {{ alias }}.dimension = '{{ dimension }}' and {{ alias }}.source_text = s.{{ text }} and {{ alias }}.is_primary
    {%- if dimension == 'category' %} and {{ alias }}.source_subtext = coalesce(s.subcategory_text, ''){% endif %}
{%- endfor %}
