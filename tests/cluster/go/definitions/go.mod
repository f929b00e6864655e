// Modules whose custom resource definitions the test clusters have. Nothing of them is built or imported,
// so `go mod tidy` would empty this file; `go mod download` with their names keeps go.sum.
module mlopsctl.test/definitions

go 1.26.0

require (
	github.com/kubeflow/trainer/v2 v2.0.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.4.0
	sigs.k8s.io/kueue v0.15.0
)
