-- Codes that no row of the org_unit feeds maps: what to add there.
select *, false as is_suppressed from {{ ref('unmapped_code') }}
