-- The definitions of all measures, as built.
select
    measure_id, measure_version, label, unit, source, statistic, instrument_family, direction, standing, scale_factor,
    interval_method, numerator_rule, denominator_rule,
    i.items, c.encounter_classes,
    valid_from_on, valid_to_on, note, definition_sha256
from {{ source('definition', 'measure') }}
left join (
    select measure_id, string_agg(item_code, ', ' order by item_code) as items
    from {{ source('definition', 'measure_item') }} group by measure_id
) as i using (measure_id)
left join (
    select measure_id, string_agg(encounter_class, ', ' order by encounter_class) as encounter_classes
    from {{ source('definition', 'measure_encounter_class') }} group by measure_id
) as c using (measure_id)
