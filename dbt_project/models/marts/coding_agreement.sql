-- How far coders agree on cases coded twice or more, per scheme and category: whether the category is present (Gwet's
-- AC1) and how severe it is (quadratic weighted kappa), over all valid and excluded cases alike.
-- A category that a coder of the case does not name is 0 (absent); one that the coder left blank is not coded.
-- AC1, Gwet 2008, for any number of coders: pa = mean over cases with two codings or more of agreeing pairs / pairs;
-- p = mean over all coded cases of the share of "present"; pe = 2 p (1 - p); AC1 = (pa - pe) / (1 - pe).
-- Kappa, Cohen 1968, is of two coders: the first two of each case by time. A third counts in AC1 alone.
-- With squared weights it is 1 - mean((a - b)^2) / (mean(a^2) + mean(b^2) - 2 mean(a) mean(b)).
-- Row '(all)' takes every case x category as one decision. Harm is read the same way; it is unreliable between coders.
with listed as (
    select scheme_id, scheme_version, category_code from {{ ref('complaint_scheme') }}
    union
    select scheme_id, coalesce(scheme_version, '1'), category_code
    from ({{ current_rows('complaint_scheme', ['scheme_id', 'scheme_version', 'category_code', 'dimension']) }})
    where coalesce(dimension, 'category') = 'category'
),

-- Of a scheme that nobody listed, the categories that were ever coded.
category as (
    select * from listed
    union
    select c.scheme_id, c.scheme_version, c.category_code
    from {{ ref('fct_complaint_coding') }} as c
    anti join listed as l on l.scheme_id = c.scheme_id and l.scheme_version = c.scheme_version
),

coded as (
    select scheme_id, scheme_version, feed, case_id, coder_id, max(coded_at) as coded_at
    from {{ ref('fct_complaint_coding') }} where severity_level is not null group by all
),

decision as (
    select scheme_id, scheme_version, category_code, feed, case_id, coder_id, severity_level, coded_at
    from {{ ref('fct_complaint_coding') }} where severity_level is not null
    union all
    select c.scheme_id, c.scheme_version, k.category_code, c.feed, c.case_id, c.coder_id, 0, c.coded_at
    from coded as c
    inner join category as k using (scheme_id, scheme_version)
    anti join {{ ref('fct_complaint_coding') }} as n
        on n.scheme_id = c.scheme_id and n.scheme_version = c.scheme_version and n.category_code = k.category_code and n.feed = c.feed
        and n.case_id = c.case_id and n.coder_id = c.coder_id
    union all
    -- One harm code per case and coder, said on one of the rows.
    select scheme_id, scheme_version, '(harm)', feed, case_id, coder_id, max(harm_level), max(coded_at)
    from {{ ref('fct_complaint_coding') }} where harm_level is not null group by all
),

ordered as (
    select
        *,
        count(*) over one_case as n_coders,
        row_number() over (one_case order by coded_at, coder_id) as nth
    from decision
    window one_case as (partition by scheme_id, scheme_version, category_code, feed, case_id)
),

per_case as (
    select scheme_id, scheme_version, category_code, feed, case_id,
        any_value(n_coders) as n_coders,
        count(*) filter (severity_level > 0) as n_present,
        max(severity_level) filter (nth = 1) as a,
        max(severity_level) filter (nth = 2) as b
    from ordered group by all
),

stacked as (
    select * from per_case
    union all
    select scheme_id, scheme_version, '(all)', feed, case_id || ' ' || category_code, n_coders, n_present, a, b
    from per_case where category_code <> '(harm)'
),

-- Shares are decimals, so that sums do not depend on their order.
summed as (
    select scheme_id, scheme_version, category_code,
        count(*) filter (n_coders > 1) as n_double_coded,
        sum(n_coders) as n_codings,
        (sum(((n_present * (n_present - 1) + (n_coders - n_present) * (n_coders - n_present - 1))::double
            / nullif(n_coders * (n_coders - 1), 0))::decimal(20, 18)) / count(*) filter (n_coders > 1))::double as pa,
        (sum((n_present::double / n_coders)::decimal(20, 18)) / count(*))::double as p,
        sum((a - b) * (a - b))::double / nullif(count(b), 0) as disagreement,
        sum(a * a) filter (b is not null)::double / nullif(count(b), 0) + sum(b * b)::double / nullif(count(b), 0)
            - 2 * (sum(a) filter (b is not null)::double / nullif(count(b), 0)) * (sum(b)::double / nullif(count(b), 0)) as by_chance
    from stacked group by all
    having count(*) filter (n_coders > 1) > 0
)

select
    scheme_id, scheme_version, category_code, n_double_coded, n_codings::bigint as n_codings,
    100 * pa as agreement_pct,
    case when category_code <> '(harm)' then (pa - 2 * p * (1 - p)) / nullif(1 - 2 * p * (1 - p), 0) end as gwet_ac1,
    1 - disagreement / nullif(by_chance, 0) as quadratic_weighted_kappa,
    case when by_chance = 0 then 'NO_VARIATION' when n_double_coded < (select max(below_n) from {{ ref('minimum_n_policy') }} where family = 'coding_agreement') then 'FEW_CASES' end as reason
from summed
