package container_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/posture/check"
	"github.com/kubeassay/assay/posture/check/checktest"
	"github.com/kubeassay/assay/posture/check/container"
	"github.com/kubeassay/assay/workload"
)

// imageUser is what an image's configuration names as its user: a number, a
// name, or nothing.
type imageUser struct {
	uid  *int64
	name string
}

func (u imageUser) String() string {
	if u.uid != nil {
		return fmt.Sprint(*u.uid)
	}
	return fmt.Sprintf("%q", u.name)
}

// start plays the kubelet on a Linux node: whether it starts a container, and
// whether that then is root. What a name means only the image knows; here
// "root" is root, and no other is.
func start(pod *corev1.PodSecurityContext, own *corev1.SecurityContext, img imageUser) (starts, root bool) {
	var user *int64
	var nonRoot *bool
	if pod != nil {
		user, nonRoot = pod.RunAsUser, pod.RunAsNonRoot
	}
	if own != nil && own.RunAsUser != nil {
		user = own.RunAsUser
	}
	if own != nil && own.RunAsNonRoot != nil {
		nonRoot = own.RunAsNonRoot
	}
	guarded := nonRoot != nil && *nonRoot
	switch {
	case user != nil:
		return !guarded || *user != 0, *user == 0
	case img.uid != nil:
		return !guarded || *img.uid != 0, *img.uid == 0
	case img.name != "":
		return !guarded, img.name == "root" // the kubelet can't check a name, and refuses
	default:
		return !guarded, true
	}
}

// startWindows does the same for a Windows node. An image that names nobody
// runs as whatever its base has; here, as administrator.
func startWindows(pod *corev1.PodSecurityContext, own *corev1.SecurityContext, img imageUser) (starts, admin bool) {
	var user *string
	var nonRoot *bool
	for _, o := range []*corev1.WindowsSecurityContextOptions{optionsOfPod(pod), optionsOf(own)} {
		if o != nil && o.RunAsUserName != nil {
			user = o.RunAsUserName
		}
	}
	if pod != nil {
		nonRoot = pod.RunAsNonRoot
	}
	if own != nil && own.RunAsNonRoot != nil {
		nonRoot = own.RunAsNonRoot
	}
	name := img.name
	if user != nil {
		name = *user
	}
	admin = strings.EqualFold(name, "ContainerAdministrator")
	guarded := nonRoot != nil && *nonRoot
	return !guarded || !admin, admin || name == ""
}

func optionsOfPod(pod *corev1.PodSecurityContext) *corev1.WindowsSecurityContextOptions {
	if pod == nil {
		return nil
	}
	return pod.WindowsOptions
}

func optionsOf(c *corev1.SecurityContext) *corev1.WindowsSecurityContextOptions {
	if c == nil {
		return nil
	}
	return c.WindowsOptions
}

// TestRunAsRootAgreesWithTheKubelet tries every combination of the fields on
// both levels, with every sort of image, and holds the verdict against what
// the kubelet would do:
//
//	pass               with no image does it start as root
//	fail, high         with every image it starts as root
//	fail, may          there is an image with which it starts as root, and one with which not
//	fail, low          it starts with none
func TestRunAsRootAgreesWithTheKubelet(t *testing.T) {
	users := []*int64{nil, new(int64(0)), new(int64(10001))}
	flags := []*bool{nil, new(true), new(false)}
	images := []imageUser{{uid: new(int64(0))}, {uid: new(int64(10001))}, {name: "root"}, {name: "app"}, {}}
	for _, podUser := range users {
		for _, podFlag := range flags {
			for _, ownUser := range users {
				for _, ownFlag := range flags {
					pod := &corev1.PodSecurityContext{RunAsUser: podUser, RunAsNonRoot: podFlag}
					own := &corev1.SecurityContext{RunAsUser: ownUser, RunAsNonRoot: ownFlag}
					if podUser == nil && podFlag == nil {
						pod = nil
					}
					if ownUser == nil && ownFlag == nil {
						own = nil
					}
					agree(t, "", pod, own, images, start)
				}
			}
		}
	}
}

func TestRunAsRootAgreesWithTheKubeletOnWindows(t *testing.T) {
	names := []*string{nil, new("ContainerAdministrator"), new("containeradministrator"), new("ContainerUser")}
	flags := []*bool{nil, new(true), new(false)}
	images := []imageUser{{name: "ContainerAdministrator"}, {name: "ContainerUser"}, {}}
	for _, podName := range names {
		for _, podFlag := range flags {
			for _, ownName := range names {
				for _, ownFlag := range flags {
					pod := &corev1.PodSecurityContext{RunAsNonRoot: podFlag, RunAsUser: new(int64(0))}
					own := &corev1.SecurityContext{RunAsNonRoot: ownFlag}
					if podName != nil {
						pod.WindowsOptions = &corev1.WindowsSecurityContextOptions{RunAsUserName: podName}
					}
					if ownName != nil {
						own.WindowsOptions = &corev1.WindowsSecurityContextOptions{RunAsUserName: ownName}
					}
					agree(t, corev1.Windows, pod, own, images, startWindows)
				}
			}
		}
	}
}

func agree(t *testing.T, os corev1.OSName, sc *corev1.PodSecurityContext, own *corev1.SecurityContext, images []imageUser,
	kubelet func(*corev1.PodSecurityContext, *corev1.SecurityContext, imageUser) (bool, bool),
) {
	t.Helper()
	pod := &corev1.Pod{Spec: corev1.PodSpec{SecurityContext: sc, Containers: []corev1.Container{{Name: "app", SecurityContext: own}}}}
	if os != "" {
		pod.Spec.OS = &corev1.PodOS{Name: os}
	}
	var roots, others, refused int
	for _, img := range images {
		switch starts, root := kubelet(sc, own, img); {
		case !starts:
			refused++
		case root:
			roots++
		default:
			others++
		}
	}
	for c := range workload.Containers(&pod.Spec) {
		v := checktest.Judge(t, byID(t, "run-as-root"), pod, c)
		var ok bool
		switch {
		case v.Status == finding.Pass:
			ok = roots == 0 && others > 0
		case v.Status == finding.Fail && v.May:
			ok = roots > 0 && others > 0
		case v.Status == finding.Fail && v.Severity == finding.Low:
			ok = refused == len(images)
		case v.Status == finding.Fail:
			ok = roots == len(images)
		}
		if !ok {
			t.Errorf("pod %+v, container %+v: %s %s (may: %v), but of %d images %d start as root, %d as another user, %d don't start",
				sc, own, v.Status, v.Severity, v.May, len(images), roots, others, refused)
		}
	}
}

func byID(t *testing.T, id string) *check.Check {
	t.Helper()
	for _, c := range container.All() {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no check %s", id)
	return nil
}
