#!/bin/sh
# Stands in for dockerd 18.09: its list of flags, and how it ends on a host with version 2 of control groups alone.
if [ "$*" != --help ]; then
  echo 'Error starting daemon: Devices cgroup isn'"'"'t mounted' >&2
  exit 1
fi
cat <<'END'

Usage:	dockerd [OPTIONS]

A self-sufficient runtime for containers.

Options:
      --add-runtime runtime
      --allow-nondistributable-artifacts list
      --api-cors-header string
      --authorization-plugin list
      --bip string
  -b, --bridge string
      --cgroup-parent string
      --cluster-advertise string
      --cluster-store string
      --cluster-store-opt map
      --config-file string
      --containerd string
      --cpu-rt-period int
      --cpu-rt-runtime int
      --cri-containerd
      --data-root string
  -D, --debug
      --default-address-pool pool-options
      --default-gateway ip
      --default-gateway-v6 ip
      --default-ipc-mode string
      --default-runtime string
      --default-shm-size bytes
      --default-ulimit ulimit
      --dns list
      --dns-opt list
      --dns-search list
      --exec-opt list
      --exec-root string
      --experimental
      --fixed-cidr string
      --fixed-cidr-v6 string
  -G, --group string
      --help
  -H, --host list
      --icc
      --init
      --init-path string
      --insecure-registry list
      --ip ip
      --ip-forward
      --ip-masq
      --iptables
      --ipv6
      --label list
      --live-restore
      --log-driver string
  -l, --log-level string
      --log-opt map
      --max-concurrent-downloads int
      --max-concurrent-uploads int
      --metrics-addr string
      --mtu int
      --network-control-plane-mtu int
      --no-new-privileges
      --node-generic-resource list
      --oom-score-adjust int
  -p, --pidfile string
      --raw-logs
      --registry-mirror list
      --seccomp-profile string
      --selinux-enabled
      --shutdown-timeout int
  -s, --storage-driver string
      --storage-opt list
      --swarm-default-advertise-addr string
      --tls
      --tlscacert string
      --tlscert string
      --tlskey string
      --tlsverify
      --userland-proxy
      --userland-proxy-path string
      --userns-remap string
  -v, --version
END
