-- Rows that another row of the same feed replaces: of an earlier delivery by a newer one, of a patient's second questionnaire by
-- the first. What core leaves out, and what a trace shows.
-- A key that occurs once needs no ranking, so keys that occur twice are found first by a narrow aggregate over
-- hashes; only their rows are ranked. Equal hashes of different keys do no harm: ranking uses the keys.
{%- set parts = [] %}
{%- for name, feed in feeds().items() %}
    {%- for columns in feed.scopes %}{% do parts.append(rows_of_replaced_scopes(name, columns)) %}{% endfor %}
    {%- if feed.business_key %}{% do parts.append(rows_of_older_versions(name, feed.business_key)) %}{% endif %}
{%- endfor %}
with replaced as (
{%- if parts %}
    {{ union_of_many(parts) }}
{%- else %}
    select cast(null as varchar) as feed, cast(null as varchar) as delivery_id, cast(null as bigint) as row_number,
        cast(null as varchar) as rule, cast(null as varchar) as superseded_by_delivery_id,
        cast(null as bigint) as superseded_by_row_number
    where 1 = 0
{%- endif %}
),

ranked as (
    select *, row_number() over (partition by feed, delivery_id, row_number order by rule) as nth
    from replaced
),

versioned as (
    select feed, delivery_id, row_number, rule, superseded_by_delivery_id, superseded_by_row_number from ranked where nth = 1
)

select * from versioned
{%- for name, feed in feeds().items() if feed.names_patient_and_day %}
{%- set items = [] %}
{%- for family in feed.families %}{% do items.extend(instrument_items()[family]) %}{% endfor %}
union all
{{ rows_of_duplicate_returns(name, items, 'versioned') }}
{%- endfor %}
