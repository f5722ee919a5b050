//! Where data lies, and what a daemon may use.

use super::super::sound::{COMPOSE, DEPLOYMENT, GITHUB, GITLAB, JOB, KATA, ROOTLESS, STATEFUL};
use super::Case;

const DATA: &str = "            - {name: data, mountPath: /var/lib/docker}\n";

pub const BROKEN: &[Case] = &[
    (
        "data-directory-volume",
        JOB,
        &[(DATA, "")],
        "lost whenever the container restarts",
    ),
    (
        "data-directory-volume",
        DEPLOYMENT,
        &[(DATA, "")],
        "the container's own overlay",
    ),
    (
        "data-directory-volume",
        COMPOSE,
        &[("      - data:/var/lib/docker\n", "")],
        "anonymous volume",
    ),
    (
        "data-directory-volume",
        GITHUB,
        &[
            ("docker:29.7.2-dind@", "ci/dind:7@"),
            (" --health-cmd \"docker info\"", ""),
            ("tcp://docker:2376", "tcp://example.com:2376"),
        ],
        "overlay2 is refused",
    ),
    (
        "data-directory-volume",
        STATEFUL,
        &[("image: docker:29.7.2-dind", "image: ci/vmlc:7")],
        "/var/lib/containerd",
    ),
    (
        "virtiofs-data-directory",
        KATA,
        &[(
            "emptyDir: {medium: Memory, sizeLimit: 3Gi}",
            "emptyDir: {sizeLimit: 3Gi}",
        )],
        "an emptyDir",
    ),
    (
        "virtiofs-data-directory",
        KATA,
        &[(
            "emptyDir: {medium: Memory, sizeLimit: 3Gi}",
            "hostPath: {path: /mnt/x}",
        )],
        "a directory of the node",
    ),
    (
        "virtiofs-data-directory",
        KATA,
        &[("        - {name: data, mountPath: /var/lib/docker}\n", "")],
        "no volume of its own",
    ),
    (
        "virtiofs-data-directory",
        STATEFUL,
        &[(
            "    spec:\n      containers",
            "    spec:\n      runtimeClassName: kata\n      containers",
        )],
        "a claim's file system",
    ),
    (
        "shared-data-directory",
        DEPLOYMENT,
        &[("emptyDir: {}", "hostPath: {path: /mnt/docker}")],
        "has 3 pods",
    ),
    (
        "shared-data-directory",
        DEPLOYMENT,
        &[("emptyDir: {}", "persistentVolumeClaim: {claimName: x}")],
        "one claim",
    ),
    (
        "shared-data-directory",
        DEPLOYMENT,
        &[
            ("  replicas: 3\n", ""),
            ("emptyDir: {}", "persistentVolumeClaim: {claimName: x}"),
        ],
        "before the last one has ended",
    ),
    (
        "shared-data-directory",
        DEPLOYMENT,
        &[("emptyDir: {}", "hostPath: {path: /var/lib/docker}")],
        "the host's own daemon",
    ),
    (
        "shared-data-directory",
        ROOTLESS,
        &[("concurrencyPolicy: Forbid", "concurrencyPolicy: Allow")],
        "may still run",
    ),
    (
        "shared-data-directory",
        DEPLOYMENT,
        &[(
            "image: registry.example.com/ci/runner:7",
            "image: ci/dind:7@sha256:00\n          args: [dockerd]\n          securityContext: {privileged: true}\n          startupProbe: {exec: {command: [dindctl, ready]}}\n          resources: {limits: {cpu: 1, memory: 1Gi, ephemeral-storage: 1Gi}}\n          volumeMounts: [{name: data, mountPath: /var/lib/docker}]",
        )],
        "has the data directory of",
    ),
    (
        "shared-data-directory",
        COMPOSE,
        &[(
            "  client:\n",
            "  second:\n    <<: *common\n    image: ci/dind:7@sha256:00\n    privileged: true\n    volumes: ['data:/var/lib/docker']\n  client:\n",
        )],
        "service `daemon`",
    ),
    (
        "shared-data-directory",
        COMPOSE,
        &[(
            "    privileged: true\n",
            "    privileged: true\n    deploy: {replicas: 2}\n",
        )],
        "has 2 containers",
    ),
    (
        "shared-data-directory",
        GITHUB,
        &[(
            "volumes: [\"certs:/certs/client\"]",
            "volumes: [\"certs:/certs/client\", \"/var/lib/docker:/var/lib/docker\"]",
        )],
        "of its host",
    ),
    (
        "storage-vfs",
        KATA,
        &[("--storage-driver=overlay2", "--storage-driver=vfs")],
        "whole copy",
    ),
    (
        "storage-vfs",
        COMPOSE,
        &[(
            "      DOCKER_TLS_CERTDIR: /certs\n",
            "      DOCKER_TLS_CERTDIR: /certs\n      DOCKER_DRIVER: vfs\n",
        )],
        "vfs",
    ),
    (
        "storage-vfs",
        GITLAB,
        &[(
            "DOCKER_TLS_CERTDIR: \"/certs\"",
            "DOCKER_TLS_CERTDIR: \"/certs\"\n  DOCKER_DRIVER: vfs",
        )],
        "vfs",
    ),
    (
        "storage-vfs",
        GITHUB,
        &[(
            "        options: --priv",
            "        env: {DIND_STORAGE: vfs}\n        options: --priv",
        )],
        "vfs",
    ),
    (
        "missing-limits",
        JOB,
        &[("            limits: {memory: 4Gi}\n", "")],
        "no memory limit",
    ),
    (
        "missing-limits",
        JOB,
        &[("cpu: \"1\", ", "")],
        "asks for no cpu",
    ),
    (
        "missing-limits",
        COMPOSE,
        &[("  mem_limit: 4g\n", "")],
        "no memory limit",
    ),
    (
        "missing-storage-limit",
        JOB,
        &[("emptyDir: {sizeLimit: 20Gi}", "emptyDir: {}")],
        "fill the node's disk",
    ),
    (
        "missing-storage-limit",
        DEPLOYMENT,
        &[(", ephemeral-storage: 20Gi", "")],
        "fill the node's disk",
    ),
    (
        "memory-volume-limit",
        KATA,
        &[(", sizeLimit: 3Gi", "")],
        "has no size",
    ),
    (
        "memory-volume-limit",
        KATA,
        &[("        limits: {memory: 5Gi}\n", "")],
        "no memory limit",
    ),
    (
        "memory-volume-limit",
        KATA,
        &[("memory: 5Gi", "memory: 3Gi")],
        "before the volume is full",
    ),
    (
        "memory-volume-limit",
        COMPOSE,
        &[(
            "      - data:/var/lib/docker\n",
            "      - {type: tmpfs, target: /var/lib/docker}\n",
        )],
        "has no size",
    ),
];
