{{- define "biovlm.name" -}}
{{ .Values.fullnameOverride | default .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "biovlm.labels" -}}
app: {{ include "biovlm.name" . }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "biovlm.image" -}}
{{- $name := .Values.image.repository }}
{{- with .Values.image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end }}
{{- if .Values.image.digest }}{{ $name }}@{{ .Values.image.digest }}{{ else }}{{ $name }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "biovlm.account" -}}
{{ .Values.serviceAccount.name | default (include "biovlm.name" .) }}
{{- end }}

{{- define "biovlm.container" }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- /* a probe over HTTP, or HTTPS where the server has a certificate: the kubelet asks no name of it */}}
{{- define "biovlm.get" -}}
httpGet: { path: {{ .path }}, port: http{{ if .root.Values.tlsSecret }}, scheme: HTTPS{{ end }} }
{{- end }}

{{- /* what fits the types, and cannot work */}}
{{- define "biovlm.check" }}
{{- if and .Values.tlsSecret .Values.grpc.enabled .Values.grpc.readiness }}
{{- fail "grpc.readiness — Kubernetes' gRPC probes speak without TLS, got tlsSecret. Leave grpc.readiness out: /readyz says the same." }}
{{- end }}
{{- if and .Values.model.claim .Values.model.bundleClaim .Values.autoscaling.enabled }}
{{- fail "model.claim with model.bundleClaim — every new pod would import the bundle into the store that the others read. Leave out one of the two, or autoscaling." }}
{{- end }}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) }}
{{- fail "gateway.parentRefs — expected the Gateway that routes attach to, got none: gateway.parentRefs[0].name=NAME." }}
{{- end }}
{{- range .Values.gateway.grpcHostnames }}
{{- if or (not $.Values.gateway.hostnames) (has . $.Values.gateway.hostnames) }}
{{- fail (printf "gateway.grpcHostnames — of two kinds of routes a Gateway takes one for a name, got %s for both. Give gRPC a name of its own, and gateway.hostnames those of HTTP." .) }}
{{- end }}
{{- end }}
{{- $needed := add .Values.preStopSeconds 15 }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "terminationGracePeriodSeconds — expected at least %d (preStopSeconds, and 15 in which the server drains), got %d." (int $needed) (int .Values.terminationGracePeriodSeconds)) }}
{{- end }}
{{- end }}
