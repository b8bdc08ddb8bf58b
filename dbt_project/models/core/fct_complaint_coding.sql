-- What coders decided: one row per case, coder, scheme version and category, newest of each coder. A category that a
-- coder did not identify is severity 0, not null; null is not coded yet. Codings without a case are listed by complaint_problem.
select
    n.case_feed as feed, n.case_id, n.coder_id, n.scheme_id, n.scheme_version, n.category_code, n.subcategory, n.severity_level,
    n.stage_level, n.harm_level, n.coded_at, n.coded_on, n.is_newest_coder,
    n.feed as coding_feed, n.delivery_id, n.row_number,
    c.unit_key, c.month_start_on, c.is_valid_case
from {{ ref('complaint_coding') }} as n
inner join {{ ref('fct_complaint') }} as c on c.feed = n.case_feed and c.case_id = n.case_id
