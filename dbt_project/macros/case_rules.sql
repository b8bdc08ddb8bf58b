{# Rules about cases that several models read. #}

{# Why a row of complaint_case does not count whatever other cases say; null when it may. Withdrawn is told by the status or,
   as some systems have it, by the outcome. #}
{% macro own_exclusion() -%}
case
    when is_test then 'TEST'
    when is_deleted or status_code in ('opened_in_error', 'deleted') then 'OPENED_IN_ERROR'
    when status_code = 'withdrawn' or lower(trim(outcome_code)) = 'withdrawn' then 'WITHDRAWN'
    when merged_into_case_id is not null then 'MERGED'
    when coalesce(feedback_type_code, 'complaint') not in ('complaint', 'grievance') then 'NOT_A_COMPLAINT'
end
{%- endmacro %}
