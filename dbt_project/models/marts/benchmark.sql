-- Published reference values, newest version, with the measure of ours that they belong to where there is one.
with footnotes as (
    select file_family, footnote_code, any_value(meaning order by meaning) as meaning from {{ ref('footnote') }} group by all
)

select
    b.feed, b.delivery_id, b.row_number,
    b.benchmark_source, b.geography_level, b.geography_code, b.public_measure_id,
    m.measure_id, m.item_code, m.statistic_kind, m.box,
    b.value, b.value_reason, b.footnote,
    (
        select string_agg(f.meaning, '; ' order by f.footnote_code)
        from footnotes as f
        where {{ is_footnote_of('f', 'b', 'm') }}
    ) as footnote_meaning,
    {{ is_usable_value('b', 'm') }} as is_usable,
    b.n_surveys, b.n_surveys_high, b.response_rate_pct,
    b.period_start_on, b.period_end_on
from {{ ref('current_benchmark') }} as b
left join {{ ref('public_measure_map') }} as m on m.public_measure_id = b.public_measure_id
