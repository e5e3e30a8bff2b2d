package network

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// SourceRanges are the client addresses that a Service of type LoadBalancer is
// limited to, and the field that says so. Without any, every address is let in.
// The annotation counts where the field is empty.
func SourceRanges(svc *corev1.Service) (field string, ranges []string) {
	if len(svc.Spec.LoadBalancerSourceRanges) > 0 {
		return "spec.loadBalancerSourceRanges", svc.Spec.LoadBalancerSourceRanges
	}
	if a := strings.TrimSpace(svc.Annotations[corev1.AnnotationLoadBalancerSourceRangesKey]); a != "" {
		return AnnotationField(corev1.AnnotationLoadBalancerSourceRangesKey), strings.Split(a, ",")
	}
	return "spec.loadBalancerSourceRanges", nil
}

// FromAnywhere reports whether ranges let in every IPv4 or every IPv6 address.
// No range at all does.
func FromAnywhere(ranges []string) (bool, error) {
	if len(ranges) == 0 {
		return true, nil
	}
	var prefixes []netip.Prefix
	for _, r := range ranges {
		p, err := netip.ParsePrefix(strings.TrimSpace(r))
		if err != nil {
			return false, fmt.Errorf("%q is not an IP address range such as 10.0.0.0/8", r)
		}
		prefixes = append(prefixes, p)
	}
	return families(prefixes) != 0, nil
}

// anyValue: whatever the value is, but for none and "false".
const anyValue = "*"

// internalAnnotations are those by which cloud providers are asked for a load
// balancer that is not on the internet (kubernetes.io/docs, "Internal load
// balancer"), with the value that asks for it. The first has had several.
var internalAnnotations = [][2]string{
	{"service.beta.kubernetes.io/aws-load-balancer-internal", anyValue},
	{"service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"},
	{"service.beta.kubernetes.io/azure-load-balancer-internal", "true"},
	{"networking.gke.io/load-balancer-type", "internal"},
	{"cloud.google.com/load-balancer-type", "internal"},
	{"service.beta.kubernetes.io/openstack-internal-load-balancer", "true"},
	{"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type", "private"},
	{"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type", "intranet"},
	{"service.beta.kubernetes.io/oci-load-balancer-internal", "true"},
	{"service.beta.kubernetes.io/cce-load-balancer-internal-vpc", "true"},
	{"service.kubernetes.io/qcloud-loadbalancer-internal-subnetid", anyValue},
}

// Internal returns the annotation that asks for a load balancer that is not on
// the internet; "" where there is none.
func Internal(svc *corev1.Service) (annotation string) {
	for _, a := range internalAnnotations {
		value := strings.TrimSpace(svc.Annotations[a[0]])
		if strings.EqualFold(value, a[1]) || a[1] == anyValue && value != "" && !strings.EqualFold(value, "false") {
			return a[0]
		}
	}
	return ""
}

// What tells the AWS Load Balancer Controller about a Service.
const (
	awsType   = "service.beta.kubernetes.io/aws-load-balancer-type"
	awsScheme = "service.beta.kubernetes.io/aws-load-balancer-scheme"
)

// External returns the annotation that asks for a load balancer on the
// internet, of a controller whose own default is another; "" where there is none.
func External(svc *corev1.Service) (annotation string) {
	if is(svc.Annotations[awsScheme], "internet-facing") {
		return awsScheme
	}
	return ""
}

// OwnDefault says by which field a load balancer is one that is made by other
// rules than those of the cloud's usual ones: of a class, or by the AWS Load
// Balancer Controller, which makes internal ones unless it is told otherwise.
// Then nothing follows from what the Service leaves out.
func OwnDefault(svc *corev1.Service) (field, value string) {
	if c := svc.Spec.LoadBalancerClass; c != nil {
		return "spec.loadBalancerClass", *c
	}
	switch a := svc.Annotations[awsType]; strings.TrimSpace(a) {
	case "external", "nlb-ip":
		return AnnotationField(awsType), a
	}
	return "", ""
}

// WebAlone reports whether a Service has no ports but those of the web (80 and
// 443), which are what a load balancer is mostly for.
func WebAlone(svc *corev1.Service) bool {
	for i := range svc.Spec.Ports {
		if p := svc.Spec.Ports[i].Port; p != 80 && p != 443 {
			return false
		}
	}
	return len(svc.Spec.Ports) > 0
}

// Addresses are those that the load balancer got, as its status tells.
// Reachable from the internet is what has a name (nobody knows what it
// resolves to: named) or an address that is not private (public).
func Addresses(svc *corev1.Service) (private, public, named []string) {
	for _, in := range svc.Status.LoadBalancer.Ingress {
		switch {
		case in.IP == "":
			named = append(named, in.Hostname)
		case isPrivate(in.IP):
			private = append(private, in.IP)
		default:
			public = append(public, in.IP)
		}
	}
	return private, public, named
}

func isPrivate(ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10) // RFC 6598
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// NodePorts are the paths of the ports that a Service opens on every node.
// Those that the API server would allocate, of one that it has not seen yet, are the port's own path.
func NodePorts(svc *corev1.Service) []string {
	t := svc.Spec.Type
	if t != corev1.ServiceTypeNodePort && t != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	allocated := t == corev1.ServiceTypeNodePort || svc.Spec.AllocateLoadBalancerNodePorts == nil || *svc.Spec.AllocateLoadBalancerNodePorts
	// Of one that the server keeps, ports without a number have none.
	stored := svc.UID != ""
	var paths []string
	for i := range svc.Spec.Ports {
		if svc.Spec.Ports[i].NodePort != 0 || allocated && !stored {
			paths = append(paths, fmt.Sprintf("spec.ports[%d].nodePort", i))
		}
	}
	return paths
}

// NameKind says where an external name leads.
type NameKind string

// The kinds of external names.
const (
	LoopbackName NameKind = "loopback" // to whoever looks it up
	MetadataName NameKind = "metadata" // to the machine's metadata
	InternalName NameKind = "internal" // to another Service of the cluster
	AddressName  NameKind = "address"  // an IP address, which is no name
	OutsideName  NameKind = "outside"
)

// metadataNames resolve to the service by which a cloud provider tells a
// machine about itself.
var metadataNames = []string{"metadata.google.internal", "instance-data.ec2.internal", "metadata.goog"}

// ClassifyName says where an external name leads, as far as the name tells.
func ClassifyName(name string) NameKind {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		switch {
		case a.IsLoopback() || a.IsUnspecified():
			return LoopbackName
		case a.IsLinkLocalUnicast() || a == netip.MustParseAddr("fd00:ec2::254"):
			return MetadataName
		}
		return AddressName
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "localhost.localdomain" {
		return LoopbackName
	}
	for _, m := range metadataNames {
		if name == m {
			return MetadataName
		}
	}
	if strings.HasSuffix(name, ".svc") || strings.Contains(name, ".svc.") || strings.HasSuffix(name, ".cluster.local") {
		return InternalName
	}
	return OutsideName
}
