module traceo.example/interop/chaos-kubernetes

go 1.26.0

require (
	go.etcd.io/etcd/server/v3 v3.6.5
	k8s.io/apiextensions-apiserver v0.37.1
	k8s.io/apiserver v0.37.1
)
