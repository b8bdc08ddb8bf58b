{# Tables and views made in place, held against their contracts, their keys and comments in one statement.

   Every build goes into a new file that takes the old one's name when it is whole (orchestration/dbt_run.py), so nothing
   has to be swapped inside the file. The stock materializations build under another name, rename, and ask the database
   for the columns twice: each of these calls sets up a macro context anew, together 40 ms of Python for every model.
   They also plan every statement once more to compare its columns with the contract; the table that was made tells the
   same, before it is committed. A key is added when the rows are there, which is cheaper than keeping it row by row. #}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
  {%- set target = this.incorporate(type='table') -%}
  {{ drop_relation_if_exists(load_cached_relation(this)) }}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main', language=model['language']) -%}
    {%- if model['language'] == 'python' -%}
      {{- create_table_as(False, target, compiled_code, 'python') }}
    {%- else -%}
      create table {{ target }} as (
{{ compiled_code }}
      )
    {%- endif -%}
  {%- endcall %}
  {% do keep_contract(target) %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do persist_docs(target, model) %}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
  {%- set target = this.incorporate(type='view') -%}
  {{ drop_relation_if_exists(load_cached_relation(this)) }}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') -%}
    create view {{ target }} as (
{{ sql }}
    )
  {%- endcall %}
  {% do keep_contract(target) %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do persist_docs(target, model) %}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# Names, types and order of the columns as the contract has them, types as DuckDB writes them; then the key. #}
{% macro keep_contract(relation) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced -%}
    {%- set made = [] -%}
    {%- for column in adapter.get_column_schema_from_query('from ' ~ relation) -%}
      {%- do made.append({'name': column.name, 'data_type': column.dtype}) -%}
    {%- endfor -%}
    {%- set promised = [] -%}
    {%- for column in model.columns.values() -%}
      {%- do promised.append({'name': column.name, 'data_type': column.data_type | upper}) -%}
    {%- endfor -%}
    {%- if made | sort(attribute='name') != promised | sort(attribute='name') -%}
      {%- do exceptions.raise_contract_error(promised, made) -%}
    {%- elif made != promised -%}
      {%- do exceptions.raise_compiler_error('the contract of ' ~ model.name ~ ' has its columns in another order: ' ~ made | map(attribute='name') | join(', ')) -%}
    {%- endif -%}
    {%- if model.constraints | rejectattr('type', 'in', ['primary_key', 'unique']) | list or model.columns.values() | selectattr('constraints') | list -%}
      {%- do exceptions.raise_compiler_error(model.name ~ ': a contract keeps primary_key and unique under `constraints` of the model; write anything else as a test') -%}
    {%- endif -%}
    {%- for constraint in model.constraints -%}
      {%- do run_query('alter table ' ~ relation ~ ' add ' ~ constraint.type | replace('_', ' ') ~ ' (' ~ constraint.columns | join(', ') ~ ')') -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{# A contract that is enforced has compared the columns already; elsewhere a described column may be missing. #}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- set comments = [] -%}
  {%- if for_relation and config.persist_relation_docs() and model.description -%}
    {%- do comments.append('comment on ' ~ relation.type ~ ' ' ~ relation ~ ' is ' ~ duckdb_escape_comment(model.description)) -%}
  {%- endif -%}
  {%- if for_columns and config.persist_column_docs() and model.columns -%}
    {%- set contract = config.get('contract') -%}
    {%- set present = none if contract and contract.enforced else adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- for name, column in model.columns.items() if present is none or name in present -%}
      {%- do comments.append('comment on column ' ~ relation ~ '.' ~ (adapter.quote(name) if column['quote'] else name) ~ ' is '
          ~ duckdb_escape_comment(column['description'])) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- if comments -%}{%- do run_query(comments | join(';\n')) -%}{%- endif -%}
{%- endmacro %}
