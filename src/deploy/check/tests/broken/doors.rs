//! Ways to a daemon and from it, and privileges.

use super::super::sound::{
    COMPOSE, COMPOSE_ROOTLESS, DEPLOYMENT, GITHUB, GITLAB, JOB, KATA, ROOTLESS, STATEFUL, SYSBOX,
};
use super::Case;

pub const BROKEN: &[Case] = &[
    (
        "both-ports",
        JOB,
        &[(
            "            - containerPort: 2376",
            "            - containerPort: 2376\n            - containerPort: 2375",
        )],
        "both 2375 and 2376",
    ),
    (
        "both-ports",
        COMPOSE,
        &[("    ports:\n", "    expose: [2375]\n    ports:\n")],
        "both 2375 and 2376",
    ),
    (
        "both-ports",
        GITHUB,
        &[(
            "        options: --priv",
            "        ports: ['127.0.0.1:2376:2376', '127.0.0.1:2375:2375']\n        options: --priv",
        )],
        "both 2375 and 2376",
    ),
    (
        "plain-port",
        DEPLOYMENT,
        &[("--host=tcp://127.0.0.1:2375", "--host=tcp://0.0.0.0:2375")],
        "the pod's address",
    ),
    (
        "plain-port",
        DEPLOYMENT,
        &[("targetPort: 8080", "targetPort: 2375")],
        "Service `runner`",
    ),
    (
        "plain-port",
        DEPLOYMENT,
        &[(
            "          readinessProbe:",
            "          ports: [{containerPort: 2375, hostPort: 2375}]\n          readinessProbe:",
        )],
        "publishes port 2375",
    ),
    (
        "plain-port",
        COMPOSE,
        &[("127.0.0.1:2376:2376", "2375:2375")],
        "publishes port 2375",
    ),
    (
        "plain-port",
        COMPOSE_ROOTLESS,
        &[(
            "    devices:",
            "    environment: [DOCKER_TLS_CERTDIR=]\n    devices:",
        )],
        "every network of the service",
    ),
    (
        "plain-port",
        GITHUB,
        &[(
            "        options: --priv",
            "        ports: ['2375:2375']\n        options: --priv",
        )],
        "publishes port 2375",
    ),
    (
        "plain-port",
        GITLAB,
        &[
            ("CERTDIR: \"/certs\"", "CERTDIR: \"\""),
            ("tcp://docker:2376", "tcp://docker:2375"),
        ],
        "the job's network",
    ),
    (
        "plain-port",
        GITLAB,
        &[
            ("CERTDIR: \"/certs\"", "CERTDIR: \"\""),
            (
                "      alias: docker",
                "      alias: docker\n      command: [--tls=false]",
            ),
            ("tcp://docker:2376", "tcp://docker:2375"),
        ],
        "the job's network",
    ),
    (
        "host-socket",
        DEPLOYMENT,
        &[
            (
                "          env:\n",
                "          volumeMounts: [{name: sock, mountPath: /var/run/docker.sock, readOnly: true}]\n          env:\n",
            ),
            (
                "emptyDir: {}}",
                "emptyDir: {}}\n        - {name: sock, hostPath: {path: /run/docker.sock, type: Socket}}",
            ),
        ],
        "/run/docker.sock",
    ),
    (
        "host-socket",
        COMPOSE,
        &[(
            "        read_only: true\n",
            "        read_only: true\n      - /var/run/docker.sock:/var/run/docker.sock:ro\n",
        )],
        "no limit counts it",
    ),
    (
        "host-socket",
        GITHUB,
        &[(
            "[\"certs:/certs/client:ro\"]",
            "[\"certs:/certs/client:ro\", \"/var/run/docker.sock:/var/run/docker.sock\"]",
        )],
        "root there",
    ),
    (
        "host-socket",
        DEPLOYMENT,
        &[
            (
                "image: registry.example.com/ci/runner:7",
                "image: docker:29-cli\n          volumeMounts: [{name: run, mountPath: /var/run}]",
            ),
            (
                "emptyDir: {}}",
                "emptyDir: {}}\n        - {name: run, hostPath: {path: /var/run}}",
            ),
        ],
        "has /var/run of its host",
    ),
    (
        "host-network",
        STATEFUL,
        &[(
            "      containers:",
            "      hostNetwork: true\n      containers:",
        )],
        "packet filter",
    ),
    (
        "host-network",
        COMPOSE_ROOTLESS,
        &[
            ("-rootless@", "@"),
            ("/home/rootless/.local/share", "/var/lib"),
            (
                "    devices: [/dev/net/tun]",
                "    privileged: true\n    network_mode: host",
            ),
        ],
        "packet filter",
    ),
    (
        "host-network",
        GITHUB,
        &[("--privileged", "--privileged --network=host")],
        "packet filter",
    ),
    (
        "host-pid",
        STATEFUL,
        &[(
            "      containers:",
            "      hostPID: true\n      containers:",
        )],
        "processes",
    ),
    (
        "host-pid",
        COMPOSE,
        &[(
            "    privileged: true",
            "    privileged: true\n    ipc: host",
        )],
        "message queues",
    ),
    (
        "host-pid",
        GITHUB,
        &[("--privileged", "--privileged --pid host")],
        "processes",
    ),
    (
        "cgroup-mount",
        DEPLOYMENT,
        &[(
            "      volumes:\n        - {name: data, emptyDir: {}}",
            "            - {name: cg, mountPath: /sys/fs/cgroup}\n      volumes:\n        - {name: data, emptyDir: {}}\n        - {name: cg, hostPath: {path: /sys/fs/cgroup/}}",
        )],
        "control groups",
    ),
    (
        "cgroup-mount",
        COMPOSE,
        &[(
            "      - data:/var/lib/docker\n",
            "      - data:/var/lib/docker\n      - /sys/fs/cgroup:/sys/fs/cgroup:rw\n",
        )],
        "control groups",
    ),
    (
        "cgroup-mount",
        GITHUB,
        &[(
            "--privileged",
            "--privileged -v /sys/fs/cgroup:/sys/fs/cgroup",
        )],
        "control groups",
    ),
    (
        "privileged-without-need",
        SYSBOX,
        &[(
            "      readinessProbe",
            "      securityContext: {privileged: true}\n      readinessProbe",
        )],
        "Sysbox",
    ),
    (
        "privileged-without-need",
        JOB,
        &[(
            "          command: [sh,",
            "          securityContext: {privileged: true}\n          command: [sh,",
        )],
        "a client only",
    ),
    (
        "privileged-without-need",
        ROOTLESS,
        &[("procMount: Unmasked", "privileged: true")],
        "needs less",
    ),
    (
        "privileged-without-need",
        COMPOSE,
        &[(
            "    image: docker:29.7.2-cli",
            "    privileged: yes\n    image: docker:29.7.2-cli",
        )],
        "a client only",
    ),
    (
        "privileged-without-need",
        COMPOSE_ROOTLESS,
        &[("    devices", "    privileged: true\n    devices")],
        "needs less",
    ),
    (
        "privileged-without-need",
        GITHUB,
        &[(
            "      image: docker:29.7.2-cli",
            "      image: docker:29.7.2-cli\n      options: --privileged",
        )],
        "a client only",
    ),
    (
        "daemon-without-privilege",
        STATEFUL,
        &[("privileged: true", "privileged: false")],
        "does not start",
    ),
    (
        "daemon-without-privilege",
        KATA,
        &[("      securityContext: {privileged: true}\n", "")],
        "does not start",
    ),
    (
        "daemon-without-privilege",
        COMPOSE,
        &[("    privileged: true\n", "")],
        "does not start",
    ),
    (
        "daemon-without-privilege",
        COMPOSE_ROOTLESS,
        &[("\"seccomp=unconfined\", ", "")],
        "system calls",
    ),
    (
        "daemon-without-privilege",
        GITHUB,
        &[("--privileged ", "")],
        "does not start",
    ),
];
