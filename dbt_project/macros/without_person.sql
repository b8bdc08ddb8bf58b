{# A short text of a feed, or words in its place where it names a person: a title before a name, an address, a telephone number. No rule
   knows every name; the kinds and docs ask for roles. The same pattern refuses reasons in definitions (orchestration/definitions_data/chart_settings.py). #}

{% macro without_person(text) -%}
case when regexp_matches({{ text }}, '(?i:\b(?:dr|mr|mrs|ms|prof)\b)\.?\s+[A-Z]|@|\b\d{3}[ .-]\d{4}\b') then '(withheld: it names a person)' else {{ text }} end
{%- endmacro %}
