-- Two cases that are, or may be, one. Declared: by the export (linked_case_id) or by a feed of kind complaint_link; only
-- these are counted as one (fct_complaint), also over a case that itself never counts or never came. Suspect: the same
-- patient within 7 days in two systems, or in one system by
-- two complainants (7 days: product-defined), or the same matter written again within 60 days where the export does not
-- tell both the person and the patient; listed for somebody to decide, never merged.
with able as (
    select feed, case_id, delivery_id, row_number, received_on, patient_id, complainant_id,
        case when category_text is not null then {{ word_key('category_text') }} || '/' || {{ word_key("coalesce(subcategory_text, '')") }} end as matter
    from {{ ref('complaint_case') }}
    where {{ own_exclusion() }} is null
),

named as (
    select feed as feed_1, case_id as case_1, linked_feed as feed_2, linked_case_id as case_2, 1 as rank_of_basis, 'DECLARED_BY_EXPORT' as basis
    from {{ ref('complaint_case') }} where linked_feed is not null and linked_case_id is not null
    union all
    select feed_a, case_a, feed_b, case_b, 2, 'DECLARED_BY_LIST'
    from ({{ current_rows('complaint_link', ['feed_a', 'case_a', 'feed_b', 'case_b']) }})
    union all
    select a.feed, a.case_id, b.feed, b.case_id, 3,
        case when a.feed = b.feed then 'SAME_PATIENT_TWO_COMPLAINANTS' else 'SAME_PATIENT_TWO_SYSTEMS' end
    from able as a
    inner join able as b
        on b.patient_id = a.patient_id
        and a.feed || '/' || a.case_id < b.feed || '/' || b.case_id
        and b.received_on between {{ add_days('a.received_on', -7) }} and {{ add_days('a.received_on', 7) }}
        and (a.feed <> b.feed or a.complainant_id <> b.complainant_id)
    {%- for who, other in [('complainant', 'patient'), ('patient', 'complainant')] %}
    union all
    select a.feed, a.case_id, b.feed, b.case_id, 4, 'SAME_{{ 'PERSON' if who == 'complainant' else 'PATIENT' }}_SAME_MATTER'
    from able as a
    inner join able as b
        on b.feed = a.feed and b.{{ who }}_id = a.{{ who }}_id and b.matter = a.matter and a.case_id < b.case_id
        and b.received_on between {{ add_days('a.received_on', -60) }} and {{ add_days('a.received_on', 60) }}
        and (a.{{ other }}_id is null or b.{{ other }}_id is null)
    {%- endfor %}
),

ordered as (
    select
        case when feed_1 || '/' || case_1 <= feed_2 || '/' || case_2 then feed_1 else feed_2 end as feed_a,
        case when feed_1 || '/' || case_1 <= feed_2 || '/' || case_2 then case_1 else case_2 end as case_a,
        case when feed_1 || '/' || case_1 <= feed_2 || '/' || case_2 then feed_2 else feed_1 end as feed_b,
        case when feed_1 || '/' || case_1 <= feed_2 || '/' || case_2 then case_2 else case_1 end as case_b,
        rank_of_basis, basis
    from named
),

ranked as (
    select *, row_number() over (partition by feed_a, case_a, feed_b, case_b order by rank_of_basis, basis) as nth from ordered
)

select
    r.feed_a, r.case_a, a.delivery_id as delivery_id_a, a.row_number as row_number_a, a.received_on as received_on_a,
    r.feed_b, r.case_b, b.delivery_id as delivery_id_b, b.row_number as row_number_b, b.received_on as received_on_b,
    r.basis,
    r.rank_of_basis < 3 as is_declared
from ranked as r
left join {{ ref('complaint_case') }} as a on a.feed = r.feed_a and a.case_id = r.case_a
left join {{ ref('complaint_case') }} as b on b.feed = r.feed_b and b.case_id = r.case_b
where r.nth = 1
