{{/*
What the operator may do where it runs searches. Nothing on Secrets, ConfigMaps, logs or exec: it sees no user's data.
The cluster tests compare this list with the requests that the operator makes.
*/}}
{{- define "autosearch.rules" -}}
# Searches: read (delete is for ttlSecondsAfterFinished).
- apiGroups: [autosearch.dev]
  resources: [autosearchjobs]
  verbs: [get, list, watch, delete]
- apiGroups: [autosearch.dev]
  resources: [autosearchjobs/status]
  verbs: [patch]
- apiGroups: [autosearch.dev]
  resources: [trials]
  verbs: [get, list, watch, create]
- apiGroups: [autosearch.dev]
  resources: [trials/status]
  verbs: [patch]
# Owner references that block deletion are refused without these on clusters that check them.
- apiGroups: [autosearch.dev]
  resources: [autosearchjobs/finalizers, trials/finalizers]
  verbs: [update]
# One pod for each attempt at a trial. Pods are never changed.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
# Listed to find out why a pod waits: unschedulable, image, mount.
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
# The access mode of the claim that outputs are written to, for a warning.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
{{- end }}
