package stream
import ("testing";"context";"os";"bytes";"time";"github.com/kubeassay/assay/kube";"k8s.io/client-go/tools/clientcmd")
var _ = clientcmd.ConfigOverrides{}
func TestProbe(t *testing.T){
 if os.Getenv("PROBE")=="" {t.Skip()}
 o:=kube.Options{Kubeconfig: os.Getenv("PROBE")}
 c,err:=kube.Connect(o); if err!=nil{t.Fatal(err)}
 for _,spdy:=range []bool{false,true}{
 s:=New(c); s.plain.Store(spdy)
 for _,x:=range []Command{
  {Pod:"busybox",Container:"busybox",Argv:[]string{"echo","hi"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"nope"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"/nope"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"/etc/passwd"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"/tmp"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"/tmp/bad"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"/tmp/bad2"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"sh","-c","exit 7"}},
  {Pod:"busybox",Container:"busybox",Argv:[]string{"sh","-c","kill -9 $$"}},
  {Pod:"busybox",Container:"nope",Argv:[]string{"echo"}},
  {Pod:"nope",Container:"nope",Argv:[]string{"echo"}},
  {Pod:"distroless",Container:"distroless",Argv:[]string{"sh"}},
  {Pod:"done",Container:"done",Argv:[]string{"sh"}},
  {Pod:"waiting",Container:"waiting",Argv:[]string{"sh"}},
  {Pod:"restarting",Container:"restarting",Argv:[]string{"sh"}},
 }{
  x.Namespace="part-exec"; var b bytes.Buffer; x.Stdout=&b
  ctx,cancel:=context.WithTimeout(context.Background(),20*time.Second)
  r,err:=s.Run(ctx,x); cancel()
  t.Logf("%v %v -> %+v %q\n   err %T %v", spdy, x.Argv, r, b.String(), err, err)
 }}
}
