{# Rows of `relation` with z = (x - mean) / sample deviation of column x among the rows of the same keys that have x; 0 where they are
   all equal (1e-12 of the mean is rounding), null with fewer than two: methods.stars.standardise. The values are listed in one
   order: sums of floating point numbers then end in the same last digit in every build. #}
{% macro standardised(relation, x, keys, order_by) -%}
select
    r.*,
    case when r.{{ x }} is null or m.n < 2 then null when m.deviation <= 1e-12 * abs(m.mean) then 0.0 else (r.{{ x }} - m.mean) / m.deviation end as z
from {{ relation }} as r
left join (
    select {{ keys | join(', ') }}, len(listed) as n, list_avg(listed) as mean, list_stddev_samp(listed) as deviation
    from (
        select {{ keys | join(', ') }}, list({{ x }}::double order by {{ order_by }}) filter ({{ x }} is not null) as listed from {{ relation }} group by all
    ) as whole
) as m using ({{ keys | join(', ') }})
{%- endmacro %}
