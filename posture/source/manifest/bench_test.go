package manifest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	sigsyaml "sigs.k8s.io/yaml"
)

// The two benchmarks do the same files: ours through the source, theirs by
// only decoding every document. Compare their cpu-ms.

func BenchmarkItems(b *testing.B) {
	for _, n := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			file := streamFile(b, n)
			measured(b, func() {
				count := 0
				for item, err := range New([]string{file}, Options{}).Items(b.Context()) {
					if err != nil || item.Problem != nil {
						b.Fatal(err, item.Problem)
					}
					count++
				}
				if count != n {
					b.Fatalf("%d items of %d", count, n)
				}
			})
		})
	}
}

func BenchmarkDecodeOnly(b *testing.B) {
	file := streamFile(b, 10_000)
	measured(b, func() {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		for _, doc := range bytes.Split(text, []byte("\n---\n")) {
			var meta metav1.TypeMeta
			kind, _, _ := bytes.Cut(doc[bytes.Index(doc, []byte("kind: "))+6:], []byte{'\n'})
			var v any
			switch string(kind) {
			case "Deployment":
				v = &appsv1.Deployment{}
			case "StatefulSet":
				v = &appsv1.StatefulSet{}
			case "CronJob":
				v = &batchv1.CronJob{}
			case "Service":
				v = &corev1.Service{}
			case "ConfigMap":
				v = &corev1.ConfigMap{}
			default:
				b.Fatalf("kind %q %v", kind, meta)
			}
			if err := sigsyaml.Unmarshal(doc, v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func streamFile(b *testing.B, n int) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "all.yaml")
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	if err := writeStream(f, n); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return file
}

// measured adds the CPU time of all threads, which the wall time hides.
func measured(b *testing.B, once func()) {
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		once()
	}
	b.ReportMetric(float64((cpu(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
