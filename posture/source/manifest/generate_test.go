package manifest

import (
	"bytes"
	"fmt"
	"io"
)

// The kinds of things that a repository of manifests, or a cluster, holds.
const (
	deploymentText = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%[1]d
  namespace: shop-%[2]d
  labels:
    app.kubernetes.io/name: web
    app.kubernetes.io/instance: web-%[1]d
    app.kubernetes.io/version: "1.2.%[1]d"
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web-%[1]d
  template:
    metadata:
      labels:
        app: web-%[1]d
      annotations:
        prometheus.io/scrape: "true"
    spec:
      serviceAccountName: web
      # kept apart from the others
      containers:
      - name: app
        image: registry.example.com/shop/web:1.2.%[1]d
        imagePullPolicy: IfNotPresent
        ports:
        - containerPort: 8080
          name: http
        resources:
          requests: {cpu: 100m, memory: 128Mi}
          limits:
            cpu: "1"
            memory: 256Mi
        env:
        - name: LOG_LEVEL
          value: info
        - name: POD
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        livenessProbe:
          httpGet: {path: /healthz, port: http}
          periodSeconds: 10
        securityContext:
          runAsNonRoot: true
          allowPrivilegeEscalation: false
          capabilities:
            drop: [ALL]
      - name: proxy
        image: registry.example.com/proxy
`
	serviceText = `apiVersion: v1
kind: Service
metadata:
  name: web-%[1]d
  namespace: shop-%[2]d
spec:
  selector: {app: web-%[1]d}
  type: ClusterIP
  ports:
  - name: http
    port: 80
    targetPort: http
    protocol: TCP
  - name: metrics
    port: 9090
    targetPort: 9090
`
	configMapText = `apiVersion: v1
kind: ConfigMap
metadata:
  name: web-%[1]d
  namespace: shop-%[2]d
data:
  log.level: info
  nginx.conf: |
    worker_processes 2;
    events { worker_connections 1024; }
    http {
      server {
        listen 8080;
        location / { root /usr/share/nginx/html; }
        # ---
        location /api { proxy_pass http://api-%[1]d; }
      }
    }
`
	statefulSetText = `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db-%[1]d
  namespace: shop-%[2]d
spec:
  serviceName: db
  replicas: 1
  selector:
    matchLabels: {app: db-%[1]d}
  template:
    metadata:
      labels: {app: db-%[1]d}
    spec:
      securityContext:
        runAsUser: 999
        fsGroup: 999
      initContainers:
      - name: init
        image: busybox:1.36
        command: ["sh", "-c", "chown -R 999 /var/lib/data"]
        securityContext:
          runAsUser: 0
      containers:
      - name: db
        image: postgres:16@sha256:0000000000000000000000000000000000000000000000000000000000000000
        args:
        - -c
        - max_connections=200
        volumeMounts:
        - name: data
          mountPath: /var/lib/data
        resources:
          requests:
            cpu: 500m
            memory: 1Gi
  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      resources:
        requests:
          storage: 10Gi
`
	cronJobText = `apiVersion: batch/v1
kind: CronJob
metadata:
  name: report-%[1]d
  namespace: shop-%[2]d
spec:
  schedule: "*/5 * * * *"
  jobTemplate:
    spec:
      backoffLimit: 2
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: report
            image: registry.example.com/report:v%[1]d
            command:
            - /bin/report
            - --since=5m
            envFrom:
            - secretRef:
                name: report
            volumeMounts:
            - name: out
              mountPath: /out
          volumes:
          - name: out
            emptyDir: {}
`
)

var mixed = []string{deploymentText, serviceText, configMapText, deploymentText, statefulSetText, cronJobText, serviceText}

// writeStream writes n documents.
func writeStream(w io.Writer, n int) error {
	for i := range n {
		if _, err := fmt.Fprintf(w, "---\n"+mixed[i%len(mixed)], i, i%50); err != nil {
			return err
		}
	}
	return nil
}

// podDump is one pod of `kubectl get pods -A -o yaml`, below "items:".
const podDump = `- apiVersion: v1
  kind: Pod
  metadata:
    annotations:
      checksum/config: 6a1e5d3f4b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{},"name":"web-%[1]d"}}
    creationTimestamp: "2026-01-02T03:04:05Z"
    generateName: web-5d9f8c7b6-
    labels:
      app: web
      pod-template-hash: 5d9f8c7b6
    name: web-5d9f8c7b6-%[1]d
    namespace: shop-%[2]d
    ownerReferences:
    - apiVersion: apps/v1
      blockOwnerDeletion: true
      controller: true
      kind: ReplicaSet
      name: web-5d9f8c7b6
      uid: 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed
    resourceVersion: "12345%[1]d"
    uid: 9b1deb4d-3b7d-4bad-9bdd-%012[1]d
  spec:
    containers:
    - args:
      - --listen=:8080
      image: registry.example.com/shop/web:latest
      imagePullPolicy: Always
      name: app
      resources:
        limits:
          cpu: "1"
          memory: 256Mi
      terminationMessagePath: /dev/termination-log
      volumeMounts:
      - mountPath: /var/run/secrets/kubernetes.io/serviceaccount
        name: kube-api-access
        readOnly: true
    dnsPolicy: ClusterFirst
    nodeName: node-%[2]d
    tolerations:
    - effect: NoExecute
      key: node.kubernetes.io/not-ready
      operator: Exists
      tolerationSeconds: 300
    volumes:
    - name: kube-api-access
      projected:
        defaultMode: 420
        sources:
        - serviceAccountToken:
            expirationSeconds: 3607
            path: token
  status:
    conditions:
    - lastProbeTime: null
      lastTransitionTime: "2026-01-02T03:04:05Z"
      status: "True"
      type: Ready
    containerStatuses:
    - containerID: containerd://0000000000000000000000000000000000000000000000000000000000000000
      image: registry.example.com/shop/web:latest
      imageID: registry.example.com/shop/web@sha256:0000000000000000000000000000000000000000000000000000000000000000
      name: app
      ready: true
      restartCount: 0
      user:
        linux:
          gid: 0
          supplementalGroups:
          - 0
          uid: 0
    phase: Running
    podIP: 10.42.%[2]d.17
    qosClass: Burstable
`

// dumpYAML and dumpJSON give a dump of so many pods, made while it is read.
func dumpYAML(pods int) io.Reader {
	return dump("apiVersion: v1\nitems:\n", podDump, "", "kind: List\nmetadata:\n  resourceVersion: \"\"\n", pods)
}

func dumpJSON(pods int) io.Reader {
	const pod = `{"apiVersion": "v1", "kind": "Pod",
      "metadata": {"name": "web-%[1]d", "namespace": "shop-%[2]d", "labels": {"app": "web"}, "annotations": {"note": "a \"quoted\" } ] brace"}},
      "spec": {"containers": [{"name": "app", "image": "registry.example.com/shop/web:latest", "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
        "ports": [{"containerPort": 8080, "protocol": "TCP"}], "securityContext": {"runAsUser": 1000, "runAsNonRoot": true}}], "nodeName": "node-%[2]d"},
      "status": {"phase": "Running", "containerStatuses": [{"name": "app", "image": "registry.example.com/shop/web:latest", "ready": true,
        "imageID": "registry.example.com/shop/web@sha256:0000000000000000000000000000000000000000000000000000000000000000", "restartCount": 0}]}}`
	return dump("{\"apiVersion\": \"v1\", \"items\": [\n", pod, ",\n", "], \"kind\": \"List\"}\n", pods)
}

func dump(head, pod, between, tail string, pods int) io.Reader {
	next := -1
	return &made{next: func(b *bytes.Buffer) bool {
		switch next++; {
		case next == 0:
			b.WriteString(head)
		case next <= pods:
			if next > 1 {
				b.WriteString(between)
			}
			fmt.Fprintf(b, pod, next-1, (next-1)%50)
		case next == pods+1:
			b.WriteString(tail)
		default:
			return false
		}
		return true
	}}
}

// made is a reader of text that is made piece by piece.
type made struct {
	buf  bytes.Buffer
	next func(*bytes.Buffer) bool
}

func (m *made) Read(p []byte) (int, error) {
	for m.buf.Len() == 0 {
		m.buf.Reset()
		if !m.next(&m.buf) {
			return 0, io.EOF
		}
	}
	return m.buf.Read(p)
}
