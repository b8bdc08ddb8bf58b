select core.n, mart.n as mart_n
from (select sum(n_encounters) as n from {{ ref('encounters') }}) as core
cross join (select sum(n_encounters) as n from {{ ref('encounters_by_month') }}) as mart
where core.n is distinct from mart.n
