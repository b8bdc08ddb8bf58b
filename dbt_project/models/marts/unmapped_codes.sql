-- Codes that no row of the org_unit feeds maps: what to add there.
select * from {{ ref('unmapped_code') }}
