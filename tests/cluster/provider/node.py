"""The programs of a node beside etcd and the API server, and their configuration."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.provider.control_plane import ControlPlane
from tests.cluster.provider.network import POD_RANGE
from tests.cluster.provider.programs import LATE_COLLECTIONS

NODE = "node"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Node:
    """What the node's programs are started with. Paths under /var and /run are the node's own."""

    plane: ControlPlane
    coredns: Path
    cgroup: str
    pause: str

    def first_components(self) -> list[dict[str, Any]]:
        """What needs no more than the kernel: what runs containers, etcd, the API server."""
        more = {
            "advertise-address": self.plane.address,
            "enable-admission-plugins": "NodeRestriction",
            "kubelet-client-certificate": f"{self.plane.keys}/api-server-client.crt",
            "kubelet-client-key": f"{self.plane.keys}/api-server-client.key",
            "kubelet-preferred-address-types": "InternalIP",
            "allow-privileged": "true",
        }
        # It keeps three quarters of a gigabyte, and would look through them at every half that it fills.
        late = [f"{name}={value}" for name, value in (LATE_COLLECTIONS | {"GOMEMLIMIT": "3GiB"}).items()]
        return [
            containerd_component(self.plane.folder),
            _component("etcd", self.plane.etcd_command()),
            _component("kube-apiserver", ["env", *late, *self.plane.api_server_command(more=more)]),
        ]

    def other_components(self) -> list[dict[str, Any]]:
        """What needs the API server."""
        keys = self.plane.keys
        local = {"bind-address": "127.0.0.1", "leader-elect": "false", "profiling": "false"}
        return [
            self._kubernetes(
                "kube-controller-manager",
                kubeconfig=str(self.plane.kubeconfig("kube-controller-manager")),
                service_account_private_key_file=f"{keys}/service-accounts.key",
                root_ca_file=f"{keys}/ca.crt",
                use_service_account_credentials="true",
                cluster_signing_cert_file=f"{keys}/ca.crt",
                cluster_signing_key_file=f"{keys}/ca.key",
                **local,
            ),
            self._kubernetes("kube-scheduler", kubeconfig=str(self.plane.kubeconfig("kube-scheduler")), **local),
            self._kubernetes(
                "kubelet",
                config=str(self._path("kubelet.json")),
                kubeconfig=str(self.plane.kubeconfig("kubelet")),
                hostname_override=NODE,
                node_ip=self.plane.address,
            ),
            self._kubernetes("kube-proxy", config=str(self._path("kube-proxy.json"))),
            _component("coredns", [str(self.coredns), "-conf", str(self._path("Corefile"))]),
        ]

    def write_configuration(self) -> None:
        """Write the files that the programs read."""
        write_containerd_configuration(self.plane.folder, self.pause)
        self._path("kubelet.json").write_text(json.dumps(self._kubelet(), indent=1))
        self._path("kube-proxy.json").write_text(json.dumps(self._proxy(), indent=1))
        self._path("resolv.conf").write_text("")  # the machine's own name servers are out of a pod's reach
        self._path("Corefile").write_text(
            _COREFILE.format(address=self.plane.address, kubeconfig=self.plane.kubeconfig("coredns"), domain=_DOMAIN)
        )

    def _path(self, name: str) -> Path:
        return self.plane.folder / name

    def _kubernetes(self, name: str, **options: str) -> dict[str, Any]:
        flags = [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
        return _component(name, [str(self.plane.program), name, *flags])

    def _kubelet(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.plane.address,
            "healthzBindAddress": "127.0.0.1",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{self.plane.keys}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDomain": _DOMAIN,
            "clusterDNS": [self.plane.address],
            "resolvConf": str(self._path("resolv.conf")),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "volumePluginDir": "/var/lib/kubelet/volumeplugins",
            # Images come from a tar and can't be fetched again, so none is ever collected.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "syncFrequency": "10s",
            "nodeStatusUpdateFrequency": "2s",
            "nodeStatusReportFrequency": "1m",  # of a status that hasn't changed; each report wakes all that watch
            "serializeImagePulls": False,
        }

    def _proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "hostnameOverride": NODE,
            "bindAddress": self.plane.address,
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            "clusterCIDR": POD_RANGE,
            "clientConnection": {"kubeconfig": str(self.plane.kubeconfig("kube-proxy"))},
            # The kernel's table of connections is the whole machine's.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }


def containerd_component(folder: Path) -> dict[str, Any]:
    """containerd, with what `write_containerd_configuration` wrote into the folder."""
    return _component("containerd", ["containerd", f"--config={folder / 'containerd.toml'}"])


def write_containerd_configuration(folder: Path, pause: str) -> None:
    """Write what containerd reads into the folder; `pause` is the image that holds a pod together."""
    network = folder / "cni"
    network.mkdir(exist_ok=True)
    (network / "pods.conflist").write_text(json.dumps(_pod_network()))
    text = _CONTAINERD.format(pause=pause, cni=network, socket=CONTAINERD_SOCKET)
    (folder / "containerd.toml").write_text(text)


def _component(name: str, command: list[str]) -> dict[str, Any]:
    return {"name": name, "command": command}


def _pod_network() -> dict[str, Any]:
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": True,  # to this machine, where a test may have a server for pods
                "hairpinMode": True,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_RANGE}]], "routes": [{"dst": "0.0.0.0/0"}]},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


# `restrict_oom_score_adj`: without CAP_SYS_RESOURCE a score can't be lowered, and no container would start.
_CONTAINERD = """\
version = 2
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""

_COREFILE = """\
.:53 {{
    bind {address}
    errors
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        ttl 5
    }}
    cache 5
}}
"""
