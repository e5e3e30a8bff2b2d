package permission

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubeassay/assay/kube"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestManifest(t *testing.T) {
	var scan []Want
	for _, r := range kube.Resources() {
		if r != kube.Nodes {
			scan = append(scan, Want{Verb: "list", Resource: r})
		}
	}
	exec := Want{Verb: "create", Resource: kube.Pods, Subresource: "exec", Namespace: "shop"}
	get := Want{Verb: "get", Resource: kube.Pods, Namespace: "shop"}
	for _, tt := range []struct {
		name  string
		wants []Want
		names Names
	}{
		{"cluster", scan, Names{Name: "assay-scan"}},
		{"namespaces", append(lists("shop", kube.Pods, kube.Deployments), lists("back", kube.Pods)...), Names{Name: "assay-scan", ServiceAccount: "scanner", Namespace: "security"}},
		{"both", append(append(lists("", kube.Namespaces, kube.Pods), lists("shop", kube.Pods, kube.Jobs)...), lists("back", kube.Pods)...), Names{Name: "assay-scan"}},
		{"verbs", append(lists("shop", kube.Pods, kube.PodTemplates), get, exec, get), Names{Name: "assay-inspect"}},
		{"nodes in a namespace", lists("shop", kube.Nodes), Names{Name: "assay-scan"}},
		{"a namespace itself", []Want{{Verb: "get", Resource: kube.Namespaces, Namespace: "shop"}}, Names{Name: "assay-scan"}},
		{"nothing", nil, Names{Name: "assay-scan"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Manifest(tt.wants, tt.names)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", tt.name+".yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			for range 20 {
				rand.Shuffle(len(tt.wants), func(i, j int) { tt.wants[i], tt.wants[j] = tt.wants[j], tt.wants[i] })
				if again, err := Manifest(tt.wants, tt.names); err != nil || !bytes.Equal(again, got) {
					t.Fatalf("another order gives another text: %v\n%s", err, again)
				}
			}
		})
	}
}
