package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// writeManifests writes n resources to one multi-document file, about 1 KB
// each, as charts and teams write them: 1 in 10 has something to find.
func writeManifests(file string, n int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range n {
		if i > 0 {
			fmt.Fprint(w, "\n---\n")
		}
		writeManifest(w, i)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func writeManifest(w *bufio.Writer, i int) {
	meta := func(apiVersion, kind string) {
		fmt.Fprintf(w, `apiVersion: %s
kind: %s
metadata:
  name: app-%d
  namespace: team-%d
  labels:
    app.kubernetes.io/name: app-%d
    app.kubernetes.io/instance: release-%d
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: app-1.%d.0
  annotations:
    example.com/owner: "team %d: on call by rota"
    example.com/checksum: "%064x"
`, apiVersion, kind, i, i%50, i, i, i%20, i%50, i)
	}
	switch i % 10 {
	case 0:
		meta("v1", "Service")
		fmt.Fprintf(w, "spec:\n  type: ClusterIP\n  selector: {app.kubernetes.io/name: app-%d}\n  ports:\n  - {name: http, port: 80, targetPort: http, protocol: TCP}\n", i)
	case 1:
		meta("v1", "ConfigMap")
		fmt.Fprint(w, "data:\n  application.yaml: |\n")
		for k := range 15 {
			fmt.Fprintf(w, "    key%d: value %d of the application's settings\n", k, i*k)
		}
	case 2:
		meta("v1", "ServiceAccount")
		fmt.Fprint(w, "automountServiceAccountToken: false\n")
	case 3:
		meta("batch/v1", "CronJob")
		fmt.Fprint(w, "spec:\n  schedule: \"*/5 * * * *\"\n  concurrencyPolicy: Forbid\n  jobTemplate:\n    spec:\n      template:\n")
		writePod(w, "        ", i)
	case 4:
		meta("apps/v1", "StatefulSet")
		writeTemplate(w, i)
		fmt.Fprint(w, "  serviceName: db\n")
	case 5:
		meta("apps/v1", "DaemonSet")
		writeTemplate(w, i)
	default:
		meta("apps/v1", "Deployment")
		writeTemplate(w, i)
		fmt.Fprint(w, "  replicas: 3\n  revisionHistoryLimit: 5\n")
	}
}

func writeTemplate(w *bufio.Writer, i int) {
	fmt.Fprintf(w, "spec:\n  selector:\n    matchLabels: {app.kubernetes.io/name: app-%d}\n  template:\n", i)
	writePod(w, "    ", i)
}

func writePod(w *bufio.Writer, in string, i int) {
	tag, user := fmt.Sprintf("1.%d.%d", i%30, i%7), "10001"
	if i%17 == 3 {
		tag = "latest"
	}
	if i%23 == 4 {
		user = "0"
	}
	lines := []string{
		"metadata:",
		"  labels: {app.kubernetes.io/name: app-NUMBER, team: team-NUMBER}",
		"spec:",
		"  serviceAccountName: app-NUMBER",
		"  securityContext:",
		"    runAsUser: " + user,
		"    seccompProfile: {type: RuntimeDefault}",
		"  containers:",
		"  - name: app",
		"    image: registry.example/team/app-NUMBER:" + tag,
		"    args: [\"--listen=:8080\", \"--log-level=info\"]",
		"    env:",
		"    - name: DATABASE_URL",
		"      value: postgres://db.team-NUMBER.svc:5432/app",
		"    - name: POD_NAME",
		"      valueFrom: {fieldRef: {fieldPath: metadata.name}}",
		"    ports:",
		"    - {name: http, containerPort: 8080}",
		"    resources:",
		"      requests: {cpu: 100m, memory: 128Mi}",
		"      limits: {memory: 256Mi}",
		"    readinessProbe:",
		"      httpGet: {path: /healthz, port: http}",
		"      periodSeconds: 10",
		"    securityContext:",
		"      allowPrivilegeEscalation: false",
		"      readOnlyRootFilesystem: true",
		"      capabilities: {drop: [ALL]}",
		"    volumeMounts:",
		"    - {name: tmp, mountPath: /tmp}",
		"  volumes:",
		"  - {name: tmp, emptyDir: {}}",
	}
	for _, l := range lines {
		fmt.Fprintln(w, in+strings.ReplaceAll(l, "NUMBER", strconv.Itoa(i)))
	}
	if i%10 == 3 {
		fmt.Fprint(w, in+"  restartPolicy: OnFailure\n")
	}
}
