-- Published reference values, newest version, with the measure of ours that they belong to where there is one.
with footnotes as (
    select footnote_code, any_value(meaning order by file_family) as meaning
    from {{ ref('footnote') }} where file_family = 'HCAHPS' group by footnote_code
)

select
    b.feed, b.delivery_id, b.row_number,
    b.benchmark_source, b.geography_level, b.geography_code, b.public_measure_id,
    m.measure_id, m.item_code, m.statistic_kind, m.box,
    b.value, b.value_reason, b.footnote,
    (
        select string_agg(f.meaning, '; ' order by f.footnote_code)
        from footnotes as f
        where list_contains(list_transform(string_split_regex(coalesce(b.footnote, ''), '[,; ]+'), lambda x: trim(x)), f.footnote_code)
    ) as footnote_meaning,
    b.period_start_on, b.period_end_on
from {{ ref('current_benchmark') }} as b
left join {{ ref('public_measure_map') }} as m on m.public_measure_id = b.public_measure_id
