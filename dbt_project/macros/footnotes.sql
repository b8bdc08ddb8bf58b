{# What footnotes say about the published value beside them (seed footnote). Codes come joined: 2;3 or 1, 2. #}

{# Condition: seed row `f` is among the footnotes of benchmark `b`, whose measure `m` may be null. #}
{% macro is_footnote_of(f, b, m) -%}
{{ f }}.file_family = coalesce({{ m }}.footnote_family, 'HCAHPS')
    and list_contains(list_transform(string_split_regex(coalesce({{ b }}.footnote, ''), '[,; ]+'), lambda x: trim(x)), {{ f }}.footnote_code)
{%- endmacro %}

{# Condition: no footnote says that there is no result, or no star. #}
{% macro is_usable_value(b, m) -%}
{{ b }}.value is not null and ({{ b }}.footnote is null or not exists (
    select 1 from {{ ref('footnote') }} as f
    where {{ is_footnote_of('f', b, m) }}
        and (f.value_presence = 'no' or (f.value_presence = 'no_star' and {{ m }}.statistic_kind = 'star'))
))
{%- endmacro %}
