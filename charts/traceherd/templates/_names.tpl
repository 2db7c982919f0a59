{{/* What things are called, and the labels by which they are found. */}}

{{- define "traceherd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 44 bytes: with what is added behind, it stays a label's value. */}}
{{- define "traceherd.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- else if contains (include "traceherd.name" .) .Release.Name -}}
{{- .Release.Name | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "traceherd.name" .) | trunc 44 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of a component: (list . "agent") */}}
{{- define "traceherd.componentName" -}}
{{- printf "%s-%s" (include "traceherd.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{- define "traceherd.serviceAccountName" -}}
{{- $account := (index (index . 0).Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (include "traceherd.componentName" .) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* As the API server calls the account. */}}
{{- define "traceherd.userName" -}}
{{- printf "system:serviceaccount:%s:%s" (index . 0).Release.Namespace (include "traceherd.serviceAccountName" .) -}}
{{- end -}}

{{- define "traceherd.selectorLabels" -}}
app.kubernetes.io/name: {{ include "traceherd.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "traceherd.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: traceherd
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of a component's pods: nothing that a new version of the chart alone would change. */}}
{{- define "traceherd.podLabels" -}}
{{ include "traceherd.selectorLabels" . }}
app.kubernetes.io/part-of: traceherd
{{- with mustMergeOverwrite (dict) (index . 0).Values.commonLabels (index (index . 0).Values (index . 1)).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of an object that belongs to a component. */}}
{{- define "traceherd.labels" -}}
{{ include "traceherd.selectorLabels" . }}
{{ include "traceherd.commonLabels" (index . 0) }}
{{- end -}}

{{/* Of an object that belongs to the release as a whole. */}}
{{- define "traceherd.releaseLabels" -}}
app.kubernetes.io/name: {{ include "traceherd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{ include "traceherd.commonLabels" . }}
{{- end -}}
