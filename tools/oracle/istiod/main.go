// Command istio is a real istiod, or the agent that runs beside each of its proxies, as the first argument says.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	meshconfig "istio.io/api/mesh/v1alpha1"
	agent "istio.io/istio/pilot/cmd/pilot-agent/app"
	discovery "istio.io/istio/pilot/cmd/pilot-discovery/app"
	istioagent "istio.io/istio/pkg/istio-agent"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

func main() {
	roles := map[string]func() *cobra.Command{"pilot-discovery": discovery.NewRootCommand, "pilot-agent": agentCommand}
	role, known := roles[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "unknown role %q\n", os.Args[1])
		os.Exit(2)
	}
	os.Args = os.Args[1:]
	log.EnableKlogWithCobra()
	if err := role().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func agentCommand() *cobra.Command {
	return agent.NewRootCommand(
		func(options *security.Options, secrets security.SecretManager, keys *meshconfig.PrivateKeyProvider) istioagent.SDSService {
			return sds.NewServer(options, secrets, keys)
		})
}
