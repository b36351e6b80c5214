{{/* The name of everything that is the operator's. */}}
{{- define "autosearch.name" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels by which the operator's pods are found; they never change. */}}
{{- define "autosearch.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Labels of every object. */}}
{{- define "autosearch.labels" -}}
{{ include "autosearch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: autosearch
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "autosearch.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "autosearch.name" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name must name an existing service account when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "autosearch.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "autosearch.sidecarImage" -}}
{{- default (include "autosearch.image" .) .Values.sidecar.image }}
{{- end }}

{{- define "autosearch.certificateSecret" -}}
{{- default (printf "%s-certificate" (include "autosearch.name" .)) .Values.certificate.existingSecret }}
{{- end }}

{{/* The subject of all the operator's bindings. */}}
{{- define "autosearch.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "autosearch.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
