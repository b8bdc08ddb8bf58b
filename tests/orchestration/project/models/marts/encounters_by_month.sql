with total as (
    select month_start_on, sum(n_encounters) as n_encounters from {{ ref('encounters') }} group by month_start_on
)
select total.month_start_on, cast(total.n_encounters as bigint) as n_encounters, run.run_id
from total
cross join {{ source('warehouse', 'run') }} as run
