-- Cases that may be one, and those declared one: what to look at, by the rows they came in. A suspicion changes no number;
-- it is settled by a feed of kind complaint_link or by the source systems.
select
    p.feed_a, p.delivery_id_a, p.row_number_a, p.feed_b, p.delivery_id_b, p.row_number_b, p.basis, p.is_declared,
    abs(p.received_on_b - p.received_on_a)::integer as days_apart,
    a.exclusion_reason as exclusion_reason_a,
    b.exclusion_reason as exclusion_reason_b
from {{ ref('complaint_pair') }} as p
inner join {{ ref('fct_complaint') }} as a on a.feed = p.feed_a and a.case_id = p.case_a
inner join {{ ref('fct_complaint') }} as b on b.feed = p.feed_b and b.case_id = p.case_b
