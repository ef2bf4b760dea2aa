{{/*
What the operator may do in the namespaces that it watches, and why. A rule goes where the code
that needs it goes.
*/}}
{{- define "slotkeeper.rules" -}}
# What it is told to run, and where it says how that goes.
- apiGroups: [slotkeeper.dev]
  resources: [redisclusters]
  verbs: [get, list, watch]
- apiGroups: [slotkeeper.dev]
  resources: [redisclusters/status]
  verbs: [patch]
# What a Redis Cluster is made of.
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
# Addresses, and how a container ended: what a failover begins with.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# The password, which a RedisCluster names. No Secret is listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* A pod that is gone proves the end of its process only where its machine is Ready. */}}
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
