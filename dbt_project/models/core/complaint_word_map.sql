-- What each delivered word means in each scheme it is mapped to. First match wins: the site's own map (feeds of kind
-- complaint_word) before the shipped one, the feed's own row before one for any feed, the finer word before none.
-- A word that nothing maps has one row without a scheme: it is listed, and what it stands for is not guessed.
with rows_of_maps as (
    select 0 as is_shipped, coalesce(source_feed, '*') as source_feed, lower(dimension) as dimension,
        {{ word_key('source_text') }} as word, {{ word_key("coalesce(source_subtext, '')") }} as subword,
        scheme_id, coalesce(scheme_version, '1') as scheme_version, category_code, subcategory, level, feed, delivery_id, row_number
    from ({{ current_rows('complaint_word', ['source_feed', 'dimension', 'source_text', 'source_subtext', 'scheme_id', 'scheme_version',
        'category_code', 'subcategory', 'level']) }})
    union all
    select 1, source_feed, dimension, source_text, coalesce(source_subtext, ''), scheme_id, scheme_version, category_code, subcategory,
        level, '', '', 0
    from {{ ref('complaint_word') }}
),

coded as (
    select case_feed as feed, category_text, subcategory_text, stage_text
    from ({{ current_rows('complaint_coding', ['case_feed', 'category_text', 'subcategory_text', 'stage_text']) }})
),

used as (
    select distinct feed, 'category' as dimension, category_text as source_text, coalesce(subcategory_text, '') as source_subtext
    from {{ ref('complaint_subject') }} where category_text is not null
    union
    select feed, 'category', category_text, coalesce(subcategory_text, '') from coded
    union
    select feed, 'severity', severity_text, '' from {{ ref('complaint_subject') }} where severity_text is not null
    union
    -- Where subjects come in a file of their own, the severity may stand on the case alone.
    select feed, 'severity', severity_text, '' from {{ ref('current_complaint') }} where severity_text is not null
    union
    select feed, 'stage', stage_text, '' from {{ ref('complaint_subject') }} where stage_text is not null
    union
    select feed, 'stage', stage_text, '' from coded where stage_text is not null
    union
    select feed, 'harm', harm_text, '' from {{ ref('complaint_subject') }} where harm_text is not null
),

ranked as (
    select
        u.feed, u.dimension, u.source_text, u.source_subtext, r.scheme_id, r.scheme_version, r.category_code, r.subcategory, r.level,
        row_number() over (
            partition by u.feed, u.dimension, u.source_text, u.source_subtext, r.scheme_id
            order by r.is_shipped, case when r.source_feed = '*' then 1 else 0 end, case when r.subword = '' then 1 else 0 end,
                r.feed, r.delivery_id, r.row_number, r.category_code, r.subcategory
        ) as nth,
        row_number() over (
            partition by u.feed, u.dimension, u.source_text, u.source_subtext
            order by r.is_shipped, case when r.source_feed = '*' then 1 else 0 end, case when r.subword = '' then 1 else 0 end,
                r.feed, r.delivery_id, r.row_number, r.scheme_id, r.category_code, r.subcategory
        ) as nth_of_all
    from used as u
    left join rows_of_maps as r
        on r.dimension = u.dimension and r.source_feed in (u.feed, '*')
        and r.word = {{ word_key('u.source_text') }} and r.subword in ({{ word_key('u.source_subtext') }}, '')
)

select feed, dimension, source_text, source_subtext, scheme_id, scheme_version, category_code, subcategory,
    cast(level as integer) as level,
    scheme_id is not null as is_mapped,
    nth_of_all = 1 as is_primary
from ranked
where nth = 1
