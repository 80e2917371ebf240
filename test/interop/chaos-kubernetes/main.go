// A real Kubernetes API server for custom resources: k8s.io/apiextensions-apiserver (the part of kube-apiserver that serves
// CustomResourceDefinitions and their objects), over etcd, both in this process. Prints `ready URL TOKEN`, and writes it to
// the file `ready`.
//
//	sender FOLDER
package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

func main() {
	folder := os.Args[1]
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	store := embed.NewConfig()
	store.Dir = filepath.Join(folder, "etcd")
	store.LogLevel = "error"
	client, peer := freeAddress(), freeAddress()
	store.ListenClientUrls, store.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	store.ListenPeerUrls, store.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	store.InitialCluster = store.InitialClusterFromName(store.Name)
	etcd, err := embed.StartEtcd(store)
	must(err)
	defer etcd.Close()
	<-etcd.Server.ReadyNotify()

	// It asks this (nobody) about users and rights that it does not know itself; its own token needs neither.
	nobody := filepath.Join(folder, "nobody")
	must(os.WriteFile(nobody, []byte(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"n","cluster":{"server":"http://127.0.0.1:9"}}],"contexts":[{"name":"n","context":{"cluster":"n"}}],"current-context":"n"}`), 0o600))

	settings := options.NewCustomResourceDefinitionsServerOptions(os.Stdout, os.Stderr)
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	settings.AddFlags(flags)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	settings.ServerRunOptions.ExternalHost = "127.0.0.1"
	settings.RecommendedOptions.SecureServing.Listener = listener
	settings.RecommendedOptions.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	settings.RecommendedOptions.SecureServing.ServerCert.CertDirectory = folder
	must(flags.Parse([]string{
		"--etcd-servers=" + client.String(),
		"--etcd-prefix=/traceo",
		"--authentication-skip-lookup",
		"--authentication-kubeconfig=" + nobody,
		"--authorization-kubeconfig=" + nobody,
		"--kubeconfig=" + nobody,
		"--disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy",
	}))
	must(settings.Complete())
	must(settings.Validate())
	config, err := settings.Config()
	must(err)
	server, err := config.Complete().New(genericapiserver.NewEmptyDelegate())
	must(err)
	ready := fmt.Sprintf("ready https://%s %s\n", listener.Addr(), server.GenericAPIServer.LoopbackClientConfig.BearerToken)
	must(os.WriteFile(filepath.Join(folder, "ready"), []byte(ready), 0o600))
	fmt.Print(ready)
	must(server.GenericAPIServer.PrepareRun().RunWithContext(ctx))
}

func freeAddress() url.URL {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer listener.Close()
	return url.URL{Scheme: "http", Host: listener.Addr().String()}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAILED", err)
		os.Exit(1)
	}
}
