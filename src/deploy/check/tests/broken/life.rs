//! How a daemon is used: clients, start and end, its image.

use super::super::sound::{COMPOSE, DEPLOYMENT, GITHUB, GITLAB, JOB, STATEFUL};
use super::Case;

pub const BROKEN: &[Case] = &[
    (
        "tls-directory",
        JOB,
        &[("tcp://localhost:2376", "tcp://localhost:2375")],
        "2376 with TLS",
    ),
    (
        "tls-directory",
        JOB,
        &[(
            "            - {name: certs, mountPath: /certs/client}\n",
            "",
        )],
        "in no volume",
    ),
    (
        "tls-directory",
        JOB,
        &[
            (
                "            - {name: certs, mountPath: /certs/client, readOnly: true}\n",
                "            - {name: other, mountPath: /certs/client}\n",
            ),
            (
                "        - name: certs\n",
                "        - {name: other, emptyDir: {}}\n        - name: certs\n",
            ),
        ],
        "does not have the volume",
    ),
    (
        "tls-directory",
        JOB,
        &[(
            "DOCKER_CERT_PATH, value: /certs/client",
            "DOCKER_CERT_PATH, value: /certs",
        )],
        "looks for certificates in",
    ),
    (
        "tls-directory",
        DEPLOYMENT,
        &[(
            "value: tcp://127.0.0.1:2375",
            "value: \"tcp://localhost:2376\"",
        )],
        "2375 without TLS",
    ),
    (
        "tls-directory",
        COMPOSE,
        &[(
            "DOCKER_HOST=tcp://docker:2376",
            "DOCKER_HOST=tcp://docker:2375",
        )],
        "2376 with TLS",
    ),
    (
        "tls-directory",
        COMPOSE,
        &[("      - certs:/certs/client\n", "")],
        "in no volume",
    ),
    (
        "tls-directory",
        COMPOSE,
        &[("        source: certs\n", "        source: ca\n")],
        "does not have the volume",
    ),
    (
        "tls-directory",
        GITHUB,
        &[(
            "DOCKER_HOST: tcp://docker:2376",
            "DOCKER_HOST: tcp://docker:2375",
        )],
        "2376 with TLS",
    ),
    (
        "tls-name",
        COMPOSE,
        &[("tcp://docker:2376", "tcp://daemon:2376")],
        "`daemon`",
    ),
    (
        "tls-name",
        GITHUB,
        &[
            ("      docker:\n", "      dind:\n"),
            ("tcp://docker:", "tcp://dind:"),
        ],
        "`dind`",
    ),
    (
        "tls-name",
        GITLAB,
        &[(
            "alias: docker\n  variables:\n    DOCKER_HOST: tcp://docker:2376",
            "alias: engine\n  variables:\n    DOCKER_HOST: tcp://engine:2376",
        )],
        "`engine`",
    ),
    (
        "gitlab-variables",
        GITLAB,
        &[("tcp://docker:2376", "tcp://docker:2375")],
        "2376 with TLS",
    ),
    (
        "gitlab-variables",
        GITLAB,
        &[("      alias: docker\n", "")],
        "registry.example.com__ci__dind",
    ),
    (
        "gitlab-variables",
        GITLAB,
        &[
            ("  DOCKER_TLS_CERTDIR: \"/certs\"\n", "  A: b\n"),
            ("registry.example.com/ci/dind:7", "docker:29-dind"),
            ("tcp://docker:2376", "tcp://docker:2375"),
        ],
        "2376 with TLS",
    ),
    (
        "stop-timeout",
        JOB,
        &[(
            "terminationGracePeriodSeconds: 30",
            "terminationGracePeriodSeconds: 0",
        )],
        "at once",
    ),
    (
        "stop-timeout",
        JOB,
        &[(
            "terminationGracePeriodSeconds: 30",
            "terminationGracePeriodSeconds: 5",
        )],
        "5 seconds",
    ),
    (
        "stop-timeout",
        COMPOSE,
        &[("stop_grace_period: 20s", "stop_grace_period: 1s500ms")],
        "1.5 seconds",
    ),
    (
        "sidecar-ends-job",
        JOB,
        &[
            ("          restartPolicy: Always\n", ""),
            (
                "      initContainers:\n",
                "      containers:\n        - {name: work, image: 'alpine:3'}\n",
            ),
            (
                "      containers:\n        - name: work\n",
                "      initContainers:\n        - name: other\n",
            ),
            ("tcp://localhost:2376", "unix:///x"),
        ],
        "the pod never ends",
    ),
    (
        "sidecar-ends-job",
        JOB,
        &[("          restartPolicy: Always\n", "")],
        "never start",
    ),
    (
        "no-readiness",
        JOB,
        &[(
            "          startupProbe:\n            exec:\n              command: [docker, info]\n            failureThreshold: 60\n",
            "",
        )],
        "no startup probe",
    ),
    (
        "no-readiness",
        STATEFUL,
        &[(
            "          readinessProbe:\n            exec: {command: [docker, info]}\n",
            "",
        )],
        "no readiness probe",
    ),
    (
        "no-readiness",
        COMPOSE,
        &[(
            "      daemon:\n        condition: service_healthy\n",
            "      - daemon\n",
        )],
        "seconds before it answers",
    ),
    (
        "no-readiness",
        COMPOSE,
        &[("    healthcheck:\n      test: [CMD, docker, info]\n", "")],
        "refuses to start",
    ),
    (
        "mutable-tag",
        JOB,
        &[("dind@sha256:0000", "dind")],
        "by its tag",
    ),
    (
        "mutable-tag",
        COMPOSE,
        &[("docker:29.7.2-dind@sha256:0000", "docker:dind")],
        "of no version",
    ),
    (
        "mutable-tag",
        GITLAB,
        &[("ci/dind:7@sha256:0000", "ci/dind")],
        "of no version",
    ),
    (
        "mutable-tag",
        GITHUB,
        &[("docker:29.7.2-dind@sha256:0000", "docker:dind")],
        "of no version",
    ),
    (
        "tls-directory",
        COMPOSE,
        &[
            ("certs:/certs/client\n", "certs:/certs\n"),
            ("      - ca:/certs/ca\n", ""),
            (
                "DOCKER_CERT_PATH=/certs/client",
                "DOCKER_CERT_PATH=/certs/client",
            ),
            (
                "        target: /certs/client\n        read_only: true\n",
                "        target: /certs\n",
            ),
        ],
        "the key of the authority",
    ),
];
