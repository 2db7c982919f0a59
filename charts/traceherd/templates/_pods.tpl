{{/* What the pods of the release have in common. */}}

{{- define "traceherd.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Of both programs. */}}
{{- define "traceherd.commonArgs" -}}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- with .Values.ceilings.maxDuration }}
- --max-duration={{ . }}
{{- end }}
{{- with .Values.ceilings.maxArgsBytes }}
- --max-args-bytes={{ int64 . }}
{{- end }}
{{- if not .Values.ceilings.namespacedLog }}
- --deny-namespaced-log
{{- end }}
{{- end -}}

{{- define "traceherd.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}

{{/* Where health and metrics are served, and who asks: (list . "agent") */}}
{{- define "traceherd.probes" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
ports:
  - {name: metrics, containerPort: {{ include "traceherd.port" (index . 1) }}, protocol: TCP}
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  {{- toYaml $values.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  {{- toYaml $values.readinessProbe | nindent 2 }}
{{- end -}}

{{- define "traceherd.port" -}}
{{- if eq . "agent" }}8081{{ else }}8080{{ end -}}
{{- end -}}

{{/* Where pods of a component are placed: (list . "agent") */}}
{{- define "traceherd.placement" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- with (index . 0).Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
