-- One row per subject of a case, as the newest export has it: from the rows of the case and from the files of subjects
-- that join to it. Exports repeat a subject for every person involved, and a cell may hold several parted by |; each
-- is kept once. A case without any subject keeps one row without words, so that every case has a subject.
with delivered as (
    select feed, delivery_id, row_number, feed as row_feed, case_id, issue_number,
        category_text, subcategory_text, severity_text, stage_text, harm_text
    from {{ ref('current_complaint') }}
    union all
    select i.case_feed, i.delivery_id, i.row_number, i.feed, i.case_id, i.issue_number,
        i.category_text, i.subcategory_text, i.severity_text, i.stage_text, i.harm_text
    from ({{ current_rows('complaint_issue', ['case_feed', 'case_id', 'issue_number', 'category_text', 'subcategory_text',
        'severity_text', 'stage_text', 'harm_text']) }}) as i
    inner join (select distinct feed, case_id from {{ ref('current_complaint') }}) as c
        on c.feed = i.case_feed and c.case_id = i.case_id
),

parted as (
    select
        feed, delivery_id, row_number, row_feed, case_id, issue_number, severity_text, stage_text, harm_text,
        {{ unnest_parts("coalesce(category_text, '')", '|') }} as category_text,
        {{ unnest_parts("coalesce(subcategory_text, '')", '|') }} as subcategory_text
    from delivered
),

cleaned as (
    select
        feed, delivery_id, row_number, row_feed, case_id, issue_number, severity_text, stage_text, harm_text,
        nullif(trim(category_text), '') as category_text,
        nullif(trim(subcategory_text), '') as subcategory_text
    from parted
),

ranked as (
    select
        *,
        row_number() over (
            partition by feed, case_id, coalesce(category_text, ''), coalesce(subcategory_text, '')
            order by coalesce(issue_number, 0), row_feed, delivery_id, row_number
        ) as repeat_number,
        max(case when category_text is not null or subcategory_text is not null then 1 else 0 end)
            over (partition by feed, case_id) as has_words
    from cleaned
)

select
    feed, delivery_id, row_number, row_feed, case_id,
    cast(row_number() over (
        partition by feed, case_id
        order by coalesce(issue_number, 0), row_feed, row_number, coalesce(category_text, ''), coalesce(subcategory_text, '')
    ) as integer) as issue_number,
    category_text, subcategory_text, severity_text, stage_text, harm_text
from ranked
where repeat_number = 1 and (has_words = 0 or category_text is not null or subcategory_text is not null)
