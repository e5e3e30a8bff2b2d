// Command bare does what a scan can't do without, and nothing else. It is what
// assay is measured against.
//
//	bare list KUBECONFIG CHUNK   list what a scan lists, with client-go, and drop it
//	bare decode FILE             decode every document to its type, and drop it
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 4 && os.Args[1] == "list":
		check(list(os.Args[2], os.Args[3]))
	case len(os.Args) == 3 && os.Args[1] == "decode":
		check(decode(os.Args[2]))
	default:
		log.Fatal("usage: bare list KUBECONFIG CHUNK | bare decode FILE")
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// pages is a list of any kind.
type pages interface {
	runtime.Object
	GetContinue() string
}

// list lists all kinds at once, each page by page.
func list(kubeconfig, chunk string) error {
	limit, err := strconv.ParseInt(chunk, 10, 64)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	config.DisableCompression = true // as assay does on this machine
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, rbacv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, admissionv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	client := func(gv schema.GroupVersion, api string) (*rest.RESTClient, error) {
		c := rest.CopyConfig(config)
		c.GroupVersion, c.APIPath = &gv, api
		return rest.RESTClientForConfigAndClient(c, httpClient)
	}
	clients := map[schema.GroupVersion]*rest.RESTClient{}
	for _, gv := range scheme.PrioritizedVersionsAllGroups() {
		api := "/apis"
		if gv.Group == "" {
			api = "/api"
		}
		if clients[gv], err = client(gv, api); err != nil {
			return err
		}
	}
	core, apps, batch := clients[corev1.SchemeGroupVersion], clients[appsv1.SchemeGroupVersion], clients[batchv1.SchemeGroupVersion]
	rbac, networking := clients[rbacv1.SchemeGroupVersion], clients[networkingv1.SchemeGroupVersion]
	policy, admission := clients[policyv1.SchemeGroupVersion], clients[admissionv1.SchemeGroupVersion]
	var group errgroup.Group
	one := func(c *rest.RESTClient, resource string, fresh func() pages) {
		group.Go(func() error {
			token := ""
			for {
				page := fresh()
				err := c.Get().Resource(resource).VersionedParams(&metav1.ListOptions{Limit: limit, Continue: token}, metav1.ParameterCodec).Do(context.Background()).Into(page)
				if err != nil {
					return err
				}
				if token = page.GetContinue(); token == "" {
					return nil
				}
			}
		})
	}
	one(core, "namespaces", func() pages { return new(corev1.NamespaceList) })
	one(core, "nodes", func() pages { return new(corev1.NodeList) })
	one(core, "pods", func() pages { return new(corev1.PodList) })
	one(core, "replicationcontrollers", func() pages { return new(corev1.ReplicationControllerList) })
	one(core, "podtemplates", func() pages { return new(corev1.PodTemplateList) })
	one(apps, "deployments", func() pages { return new(appsv1.DeploymentList) })
	one(apps, "replicasets", func() pages { return new(appsv1.ReplicaSetList) })
	one(apps, "statefulsets", func() pages { return new(appsv1.StatefulSetList) })
	one(apps, "daemonsets", func() pages { return new(appsv1.DaemonSetList) })
	one(batch, "jobs", func() pages { return new(batchv1.JobList) })
	one(batch, "cronjobs", func() pages { return new(batchv1.CronJobList) })
	// What checks ask about besides pods.
	one(core, "serviceaccounts", func() pages { return new(corev1.ServiceAccountList) })
	one(core, "services", func() pages { return new(corev1.ServiceList) })
	one(core, "resourcequotas", func() pages { return new(corev1.ResourceQuotaList) })
	one(core, "limitranges", func() pages { return new(corev1.LimitRangeList) })
	one(core, "persistentvolumes", func() pages { return new(corev1.PersistentVolumeList) })
	one(rbac, "roles", func() pages { return new(rbacv1.RoleList) })
	one(rbac, "rolebindings", func() pages { return new(rbacv1.RoleBindingList) })
	one(rbac, "clusterroles", func() pages { return new(rbacv1.ClusterRoleList) })
	one(rbac, "clusterrolebindings", func() pages { return new(rbacv1.ClusterRoleBindingList) })
	one(networking, "networkpolicies", func() pages { return new(networkingv1.NetworkPolicyList) })
	one(networking, "ingresses", func() pages { return new(networkingv1.IngressList) })
	one(policy, "poddisruptionbudgets", func() pages { return new(policyv1.PodDisruptionBudgetList) })
	one(admission, "validatingwebhookconfigurations", func() pages { return new(admissionv1.ValidatingWebhookConfigurationList) })
	one(admission, "mutatingwebhookconfigurations", func() pages { return new(admissionv1.MutatingWebhookConfigurationList) })
	return group.Wait()
}

var kindLine = regexp.MustCompile(`(?m)^kind: (\w+)$`)

// decode decodes one document after the other.
func decode(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	types := map[string]func() any{
		"Pod": func() any { return new(corev1.Pod) }, "Deployment": func() any { return new(appsv1.Deployment) },
		"StatefulSet": func() any { return new(appsv1.StatefulSet) }, "DaemonSet": func() any { return new(appsv1.DaemonSet) },
		"CronJob": func() any { return new(batchv1.CronJob) }, "Job": func() any { return new(batchv1.Job) },
		"Service": func() any { return new(corev1.Service) }, "ConfigMap": func() any { return new(corev1.ConfigMap) },
		"ServiceAccount": func() any { return new(corev1.ServiceAccount) },
	}
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		kind := kindLine.FindSubmatch(doc)
		if len(kind) == 0 || types[string(kind[1])] == nil {
			return fmt.Errorf("a document of an unknown kind: %.100s", doc)
		}
		if err := yaml.Unmarshal(doc, types[string(kind[1])]()); err != nil {
			return err
		}
	}
	return nil
}
