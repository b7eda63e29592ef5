// Command oracle is a real kube-apiserver, or the etcd under it, as the first argument says.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	role := os.Args[1]
	os.Args = append([]string{role}, os.Args[2:]...)
	if role == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
