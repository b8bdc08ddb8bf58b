{# z = (x - mean) / sample deviation over the rows of a partition that have x; 0 where they are all equal (1e-12 of the mean is rounding),
   null with fewer than two: methods.stars.standardise. #}
{% macro standardised(x, partition) -%}
case
    when {{ x }} is null or count({{ x }}) over (partition by {{ partition }}) < 2 then null
    when stddev_samp({{ x }}) over (partition by {{ partition }}) <= 1e-12 * abs(avg({{ x }}) over (partition by {{ partition }})) then 0.0
    else ({{ x }} - avg({{ x }}) over (partition by {{ partition }})) / stddev_samp({{ x }}) over (partition by {{ partition }})
end
{%- endmacro %}
