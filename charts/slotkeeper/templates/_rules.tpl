{{/*
What the operator may do in the namespaces that it watches, and why. Remove a rule together with the
code that needs it.
*/}}
{{- define "slotkeeper.rules" -}}
# The clusters to run, and their status.
- apiGroups: [slotkeeper.dev]
  resources: [redisclusters]
  verbs: [get, list, watch]
- apiGroups: [slotkeeper.dev]
  resources: [redisclusters/status]
  verbs: [patch]
# The objects of a Redis Cluster.
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Addresses, and whether a container has ended, which starts a failover.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# The password that a RedisCluster names. Secrets are never listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* A deleted pod proves that its process has ended only if its host is Ready. */}}
{{- define "slotkeeper.nodeRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
{{- end }}

{{- define "slotkeeper.subject" -}}
- kind: ServiceAccount
  name: {{ include "slotkeeper.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}
