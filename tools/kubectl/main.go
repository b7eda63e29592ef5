// The stock kubectl, built from its published module. Lateen's end-to-end tests need the real one of a known minor, and
// the kubectl on a machine's PATH may be another minor or a dispatcher that picks one by the server's version.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
		os.Exit(1)
	}
}
