import { mistakes } from "./mistakes.ts";

/** One kubectl command that both servers are asked. */
export interface Step {
	readonly args: readonly string[];
	/** Sent to kubectl's standard input. */
	readonly input?: string;
	/** Why the texts may differ; the exit codes may not. */
	readonly differs?: string;
	/** Replaces the usual normalisation. */
	readonly normalise?: (text: string) => string;
}

/** A command line as in a shell, single quotes included. */
function step(command: string, input?: object | string, differs?: string): Step {
	const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
	const text = typeof input === "object" ? JSON.stringify(input) : input;
	return { args, ...(text === undefined ? {} : { input: text }), ...(differs === undefined ? {} : { differs }) };
}

const GO_VALUE = "kube-apiserver prints the value as a Go literal";
const PATCH_TEXT = "kube-apiserver prints the whole object, or says less";

const container = { name: "web", image: "web:1", ports: [{ containerPort: 80 }] };
const template = { metadata: { labels: { app: "web" } }, spec: { containers: [container] } };
const deployment = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "web", labels: { app: "web" } },
	spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template },
};
const service = {
	apiVersion: "v1",
	kind: "Service",
	metadata: { name: "web" },
	spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80 }] },
};
const both = { apiVersion: "v1", kind: "List", items: [deployment, service] };

const workloads: Step[] = [
	step("apply -f -", both),
	step("apply -f -", both),
	step("get deploy web -o yaml"),
	step("get svc web -o yaml"),
	step("get deploy,svc -o wide -l app!=none"),
	step("get deploy web --show-labels -L app"),
	step("create cm c1 --from-literal=x=y --from-literal=a=b"),
	step("get cm c1 -o yaml"),
	step("create secret generic s1 --from-literal=p=q"),
	step("create secret docker-registry dr --docker-server=x.io --docker-username=u --docker-password=p"),
	step("get secret"),
	step("create deployment d1 --image=nginx --port=80 --replicas=0"),
	step("get deploy d1 -o yaml"),
	step("create job j1 --image=busybox -- echo hi"),
	step("get job j1 -o yaml", undefined, "selector and labels of Jobs are not generated yet"),
	step("get job"),
	step("create cronjob cj --image=busybox '--schedule=*/5 * * * *' -- date"),
	step("get cronjob cj -o yaml"),
	step("get cronjob -o wide"),
	step("create sa sa1"),
	step("create role r1 --verb=get,list --resource=pods,deployments.apps"),
	step("create rolebinding rb1 --role=r1 --serviceaccount=default:sa1"),
	step("create clusterrole cr1 --verb=* --resource=*"),
	step("create clusterrolebinding crb1 --clusterrole=cr1 --user=bob --group=g"),
	step("get role,rolebinding -o wide"),
	step("get rolebinding rb1 -o yaml"),
	step("get clusterrole cr1 -o yaml"),
	step("get clusterrolebinding crb1 -o wide"),
	step("create ingress in1 --rule=foo.com/bar=svc1:8080,tls=my-cert"),
	step("get ing in1 -o yaml"),
	step("get ing"),
	step("create service clusterip sc --tcp=80:8080"),
	step("create service nodeport sn --tcp=80:8080"),
	step("create service loadbalancer sl --tcp=80"),
	step("create service externalname se --external-name=x.com"),
	step("get svc sc sn sl se -o wide"),
	step("get svc sn -o yaml"),
	step("get svc sl -o yaml"),
	step("get svc se -o yaml"),
	step("create pdb p1 --selector=app=web --min-available=1"),
	step("get pdb p1 -o yaml"),
	step("get pdb"),
	step("create priorityclass pc --value=100 --description=x"),
	step("get pc pc"),
	step("get pc pc -o yaml"),
	step("create quota q --hard=cpu=1,pods=2"),
	step("get quota q -o yaml"),
	step("get quota"),
	step("delete quota q"),
	step("autoscale deploy web --min=1 --max=3"),
	step("get hpa"),
	step("get hpa web -o yaml", undefined, "kube-apiserver writes an empty status out"),
	step(
		`run p1 --image=nginx --port=80 --labels=a=b --env=X=Y --restart=Never --overrides={"spec":{"serviceAccountName":"default"}}`,
	),
	step("get pod p1 -o yaml"),
	step("get pods -o wide"),
	step("describe pod p1"),
	step("describe deploy web"),
	step("describe svc web"),
	step("create cm c2 --from-literal=x=y"),
	step("describe cm c2"),
	step("describe secret s1"),
	step("get events"),
	step("get all -l app=web"),
];

const changes: Step[] = [
	step(`patch deploy web -p '{"spec":{"replicas":1}}'`),
	step(`patch deploy web -p '{"spec":{"replicas":1}}'`),
	step(
		`patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"b"}]},{"name":"two","image":"y"}]}}}}'`,
	),
	step(`patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"two","$patch":"delete"}]}}}}'`),
	step(`patch deploy web -p '{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}'`),
	step("get deploy web -o jsonpath={.spec.strategy}{.spec.template.spec.containers}{.metadata.generation}"),
	step(`patch deploy web --type=json -p '[{"op":"remove","path":"/metadata/labels/q"}]'`, undefined, PATCH_TEXT),
	step(`patch deploy web --type=json -p '[{"op":"test","path":"/spec/replicas","value":9}]'`, undefined, PATCH_TEXT),
	step(
		`patch deploy web --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"z","image":"z"}}]'`,
	),
	step(`patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'`),
	step("get deploy web --subresource=scale -o yaml"),
	step("get deploy web --subresource=scale"),
	step(`patch deploy web --subresource=status --type=merge -p '{"status":{"replicas":2,"readyReplicas":1}}'`),
	step("get deploy web -o wide"),
	step("patch deploy nope -p {}"),
	step("patch deploy web -p '{bad'", undefined, PATCH_TEXT),
	step(`patch deploy web -p '{"spec":{"replicas":"x"}}'`, undefined, PATCH_TEXT),
	step(`patch deploy web --type=merge -p '{"spec":{"replicas":"x"}}'`, undefined, PATCH_TEXT),
	step(`patch deploy web -p '{"spec":{"foo":1}}'`),
	step("patch deploy web --subresource=nope -p {}"),
	step(`patch deploy web -p '{"spec":{"selector":{"matchLabels":{"x":"y"}}}}'`),
	step(`patch deploy web -p '{"metadata":{"name":"x"}}'`),
	step(`patch deploy web --type=merge -p '{"metadata":{"uid":"x"}}'`),
	step(`patch deploy web --type=merge -p '{"metadata":{"resourceVersion":"1"}}'`),
	step(`patch svc web -p '{"spec":{"clusterIP":"1.2.3.4"}}'`, undefined, GO_VALUE),
	step(`patch svc web -p '{"spec":{"type":"NodePort"}}'`),
	step("get svc web -o yaml"),
	step(`patch svc web -p '{"spec":{"type":"ClusterIP"}}'`),
	step("get svc web -o yaml"),
	step(`patch svc web -p '{"spec":{"type":"ExternalName","externalName":"x.y"}}'`),
	step("get svc web -o yaml"),
	step(`patch svc web -p '{"spec":{"type":"ClusterIP","externalName":null}}'`),
	step(`patch pod p1 -p '{"spec":{"restartPolicy":"Always"}}'`, undefined, GO_VALUE),
	step(`patch pod p1 -p '{"spec":{"containers":[{"name":"p1","image":"nginx:2"}]}}'`),
	step(`patch pod p1 -p '{"spec":{"activeDeadlineSeconds":10}}'`),
	step(`patch pod p1 -p '{"spec":{"activeDeadlineSeconds":20}}'`),
	step(`patch cm c1 -p '{"data":{"x":null,"n":"m"}}'`),
	step("get cm c1 -o jsonpath={.data}"),
	step(`patch cm c1 -p '{"immutable":true}'`),
	step(`patch cm c1 -p '{"data":{"a":"c"}}'`),
	step("label deploy web a=b"),
	step("label deploy web a=c"),
	step("label deploy web a=c --overwrite"),
	step("label deploy web a-"),
	step("label deploy web 'bad key=1'"),
	step("annotate deploy web x/y/z=1"),
	step("annotate svc web x=1"),
	step("annotate svc web x-"),
	step("scale deploy web --replicas=3"),
	step("scale deploy web --current-replicas=3 --replicas=2"),
	step("scale deploy web --current-replicas=3 --replicas=2"),
	step("scale deploy nope --replicas=2"),
	step("set image deploy/web web=web:8"),
	step("set env deploy/web K=V"),
	step("set resources deploy web --limits=cpu=1,memory=64Mi"),
	step("set serviceaccount deploy web sa1"),
	step("set selector svc web app=web2"),
	step("rollout pause deploy/web"),
	step("rollout pause deploy/web"),
	step("rollout resume deploy/web"),
	step("rollout history deploy/web"),
	step("get deploy web -o yaml"),
	step("apply -f -", both),
	step("diff -f -", { ...deployment, spec: { ...deployment.spec, replicas: 5 } }),
	step("replace -f -", { ...service, spec: { ...service.spec, ports: [{ name: "http", port: 81 }] } }),
	step("replace -f -", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "nope" } }),
	step("create -f -", both),
	step("apply --dry-run=server -f -", both),
];

const schema = {
	openAPIV3Schema: {
		type: "object",
		properties: {
			spec: {
				type: "object",
				required: ["name"],
				properties: {
					size: { type: "integer", default: 3, minimum: 1 },
					name: { type: "string" },
					mode: { type: "string", enum: ["A", "B"] },
					list: { type: "array", items: { type: "string" }, maxItems: 2 },
				},
			},
			status: { type: "object", properties: { size: { type: "integer" } } },
		},
	},
};
const subresources = {
	status: {},
	scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" },
};
const definition = (extra: object = {}) => ({
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	metadata: { name: "foos.x.io" },
	spec: {
		group: "x.io",
		names: { plural: "foos", kind: "Foo", shortNames: ["fo"], categories: ["all"] },
		scope: "Namespaced",
		versions: [
			{
				name: "v1",
				served: true,
				storage: true,
				additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
				subresources,
				schema: withProperties(extra),
			},
			{ name: "v1beta1", served: true, storage: false, deprecated: true, schema, subresources },
			{
				name: "v1alpha1",
				served: true,
				storage: false,
				deprecated: true,
				deprecationWarning: "Foo of x.io/v1alpha1 goes away",
				schema,
				subresources,
			},
		],
	},
});

function withProperties(extra: object): object {
	const copy = structuredClone(schema);
	Object.assign(copy.openAPIV3Schema.properties.spec.properties, extra);
	return copy;
}

const foo = (spec: unknown, version = "v1", more: object = {}) => ({
	apiVersion: `x.io/${version}`,
	kind: "Foo",
	metadata: { name: "f1" },
	spec,
	...more,
});

const customResources: Step[] = [
	step("apply -f -", definition()),
	step("wait --for=condition=established crd/foos.x.io"),
	step("apply -f -", definition()),
	step("get crd foos.x.io -o yaml", undefined, "Lateen sets the finalizer at once"),
	step("apply -f -", foo({ name: "x" })),
	step("get foos"),
	step("get fo f1 -o yaml"),
	step("get foos.v1beta1.x.io"),
	step("get foos.v1alpha1.x.io f1 -o yaml"),
	step("apply -f -", foo({ name: "x" }, "v1alpha1")),
	step("scale foo f1 --replicas=5"),
	step("get foo f1 --subresource=scale -o yaml"),
	step("get foo f1 --subresource=status"),
	...[{ name: 1 }, {}, { name: "x", size: 0 }, { name: "x", mode: "C" }, { name: "x", list: ["a", "b", "c"] }].map(
		(spec) => step("create -f -", { ...foo(spec), metadata: { name: "f2" } }),
	),
	step(
		"create -f -",
		{ ...foo({ name: "x", size: "a" }), metadata: { name: "f2" } },
		"the scale's path is checked too",
	),
	step("create -f -", { ...foo({ name: "x", zzz: 1 }), metadata: { name: "f2" } }),
	step("create -f -", { ...foo({ name: "x" }), metadata: { name: "f2", labels: { a: 5 } } }),
	step("apply -f -", foo({ name: "x", size: null })),
	step("patch foo f1 -p {}", undefined, "server-side apply is not there yet"),
	step(`patch foo f1 --type=merge -p '{"status":{"size":4}}'`),
	step(`patch foo f1 --type=merge --subresource=status -p '{"status":{"size":4}}'`),
	step("get foo f1 -o yaml"),
	step("replace -f -", foo({ name: "x" }, "v1", { foo: "bar" })),
	step("replace -f -", foo({ name: "y" })),
	step("apply -f -", definition({ color: { type: "string", default: "red" } })),
	step("get foo f1 -o jsonpath={.spec}"),
	step("get foo -o jsonpath={.items[0].spec}"),
	step("explain foo.spec", undefined, "kube-apiserver publishes changed schemas later"),
	step("delete crd foos.x.io --wait=false"),
];

const reading: Step[] = [
	step("delete deploy web --dry-run=server"),
	step("delete deploy web --wait=false"),
	step("delete pod p1"),
	step("delete pod p1 --grace-period=0 --force"),
	step("delete cm c1 nope"),
	step("delete svc -l nope=1"),
	step("delete secret s1 dr"),
	step("get pods --field-selector=spec.foo=1"),
	step("get pods -l a=b=c"),
	step("get pods -l 'a in b'"),
	step("get deploy --field-selector=status.x=1"),
	step("get nope"),
	step("get pods/nope svc/nope"),
	step("get --raw /nope"),
	step("get --raw /api/v1/namespaces/default/pods/nope"),
	step("get --raw /apis/apps/v1/nope"),
	step("get --raw /apis/nope/v1"),
	step("get --raw /healthz"),
	step("create ns Bad"),
	step("create ns n1"),
	step("create ns n1"),
	step("get ns n1 -o yaml"),
	step("describe ns n1"),
	step("delete ns default"),
	step("delete ns kube-system"),
	step("delete ns nope"),
	step("logs nope"),
	step("exec nope -- ls"),
	step("top pods"),
	step("cluster-info"),
	step("auth can-i create pods"),
	step("explain deploy.spec.strategy.type", undefined, "the prose of the published schemas is not shipped"),
	step("api-resources --api-group=apps -o wide"),
	step("api-resources --api-group=batch -o wide"),
	step("api-resources --api-group=policy -o wide"),
	step("version"),
];

/** Commands in order; later chapters build on what earlier ones left. */
export const chapters: readonly (readonly [title: string, steps: readonly Step[]])[] = [
	["workloads, services and their friends", workloads],
	["changes", changes],
	["custom resources", customResources],
	[
		"mistakes in manifests",
		mistakes.map(({ object, differs }) => step("create --dry-run=server -f -", object, differs)),
	],
	["reading, deleting and what is not there", reading],
];
