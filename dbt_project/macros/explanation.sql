{# One or two sentences beside the number: what the chart says of the last point, and how far to trust it. Alerts send them, so no text that
   a person typed is in them: why a part began stands in part_reason. #}

{% macro explanation(v, s) -%}
case
    when {{ v }}.value is null then 'No publishable value in the last closed period (' || coalesce({{ v }}.reason, 'no data') || '): no judgement.'
    else
        case {{ v }}.variation
            when 'common_cause' then 'No signal: the last value varies as ' || case when {{ v }}.part_from_on is null then 'the series always did.'
                else 'the new part of the chart does.' end
            when 'improvement_high' then 'Signal, improvement: high values'
            when 'improvement_low' then 'Signal, improvement: low values'
            when 'concern_high' then 'Signal, concern: high values'
            when 'concern_low' then 'Signal, concern: low values'
            when 'neutral_high' then 'Signal: high values'
            when 'neutral_low' then 'Signal: low values'
            when 'runs_signal' then 'The ' || case when {{ v }}.part_from_on is null then 'series' else 'new part' end || ' is not random around its centre ('
                || case when {{ v }}.longest_run > {{ v }}.longest_run_max
                    then 'longest run ' || {{ v }}.longest_run || ', expected at most ' || {{ v }}.longest_run_max
                    else {{ v }}.n_crossings || ' crossings, expected at least ' || {{ v }}.n_crossings_min end
                || '), though the last point is inside the limits.'
        end
        || case when {{ v }}.signal = 'none' then '' else
            ' by rule ' || regexp_replace({{ v }}.signal, '_(high|low|up|down)$', '') || ' since ' || {{ v }}.signal_since_on || '.' end
        || coalesce(' The chart began a new part on ' || {{ v }}.part_from_on || case when {{ v }}.last_part_reason like '%DEFINITION_CHANGED:%' then ', as the definition changed' else ', by decision' end
            || '; the values before it are judged apart.', '')
        || case {{ v }}.assurance
            when 'consistent_pass' then ' The target will be met as long as nothing changes.'
            when 'consistent_fail' then ' The target will not be met unless the process changes.'
            when 'inconsistent' then ' The target will be met or missed by chance.'
            else '' end
        || case {{ v }}.limits_status
            when 'trial' then ' Limits on trial: ' || {{ v }}.n_base || ' base points of 12.'
            when 'run_only' then case when {{ v }}.n_base < 8 then ' Too few points for limits (' || {{ v }}.n_base || ' of 8).' else '' end
            else '' end
        || case {{ s }}.rule_set when 'western_electric' then ' Rule set unverified.' when 'ihi' then ' Rule set unverified.' else '' end
end
{%- endmacro %}
