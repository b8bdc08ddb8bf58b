-- No row is lost or made: what the ledger says of a delivery is what its Parquet holds, what is staged and not
-- superseded is what the facts hold. A join that repeats or drops rows shows here.
with outcome as (
    select
        delivery_id,
        coalesce(sum(n_rows) filter (outcome = 'accepted' and rule = '(all)'), 0) as n_staged,
        coalesce(sum(n_rows) filter (outcome = 'quarantined' and rule = '(all)'), 0) as n_quarantined
    from {{ ref('delivery_rows') }}
    group by delivery_id
),

staged as (
    select feed, sum(n_rows) as n from {{ ref('delivery_rows') }} where outcome = 'accepted' and rule = '(all)' group by feed
),

superseded as (
    -- A survey that another feed brings too is left out like one that a newer row replaced; of two questionnaires the first, as below.
    select feed, count(*) as n, count(distinct delivery_id || ':' || row_number) as n_distinct
    from (
        select feed, delivery_id, row_number from {{ ref('superseded_row') }}
        union all
        select feed, delivery_id, row_number from {{ ref('same_survey') }}
        where family = case feed when '' then ''
            {%- for name in feeds_of_kind('survey') %} when '{{ name }}' then '{{ feeds()[name].families[0] }}'{% endfor %} else '' end
    ) as left_out
    group by feed
),

kept as (
    -- A feed with two questionnaires has a row in the facts of both families: it is counted in the first one.
    select feed, count(*) as n from {{ ref('fct_survey') }}
    where family = case feed when '' then ''
        {%- for name in feeds_of_kind('survey') %} when '{{ name }}' then '{{ feeds()[name].families[0] }}'{% endfor %} else '' end
    group by feed
    {%- for model in ['current_complaint', 'fct_encounter', 'current_benchmark', 'fct_answer_count', 'current_score', 'fct_metric', 'initiative', 'adjustment_coefficient'] %}
    union all
    select feed, count(*) from {{ ref(model) }}{{ ' where part_number = 1' if model == 'fct_encounter' }} group by feed
    {%- endfor %}
)

select 'delivered = staged + quarantined' as what, d.delivery_id as item, d.n_rows as expected, o.n_staged + o.n_quarantined as found
from {{ source('warehouse', 'delivery') }} as d
left join outcome as o using (delivery_id)
where d.status = 'accepted' and d.n_rows > 0
    and (d.n_rows, d.n_accepted, d.n_quarantined) is distinct from (o.n_staged + o.n_quarantined, o.n_staged, o.n_quarantined)
union all
select 'loaded deliveries are accepted ones', o.delivery_id, 0, o.n_staged
from outcome as o
left join {{ source('warehouse', 'delivery') }} as d using (delivery_id)
where d.status is distinct from 'accepted'
union all
select 'staged - superseded = facts', s.feed, s.n - coalesce(x.n, 0), coalesce(k.n, 0)
from staged as s
inner join {{ source('warehouse', 'feed') }} as f using (feed)
left join superseded as x using (feed)
left join kept as k using (feed)
-- Kinds whose rows are looked up or joined to cases have no fact of their own; rows without a case are in complaint_problem.
where f.kind not in ('org_unit', 'timeliness_rule', 'complaint_issue', 'complaint_person', 'complaint_coding', 'complaint_word',
        'complaint_scheme', 'complaint_link', 'star_cut_point') and s.n - coalesce(x.n, 0) <> coalesce(k.n, 0)
union all
select 'superseded rows are listed once', feed, n, n_distinct from superseded where n <> n_distinct
