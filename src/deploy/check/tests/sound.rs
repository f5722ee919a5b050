//! Manifests that no rule has a word against.

/// A native sidecar with TLS, in a job, and its namesake without TLS on the loopback interface.
pub const JOB: &str = r#"apiVersion: batch/v1
kind: Job
metadata:
  name: build
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 30
      initContainers:
        - name: dind
          image: docker:29.7.2-dind@sha256:0000
          restartPolicy: Always
          env:
            - name: DOCKER_TLS_CERTDIR
              value: /certs
          securityContext:
            privileged: true
          startupProbe:
            exec:
              command: [docker, info]
            failureThreshold: 60
          resources:
            requests: {cpu: "1", memory: 2Gi}
            limits: {memory: 4Gi}
          ports:
            - containerPort: 2376
          volumeMounts:
            - {name: data, mountPath: /var/lib/docker}
            - {name: certs, mountPath: /certs/client}
      containers:
        - name: work
          image: docker:29.7.2-cli
          command: [sh, -c, "docker build ."]
          env:
            - {name: DOCKER_HOST, value: "tcp://localhost:2376"}
            - {name: DOCKER_TLS_VERIFY, value: "1"}
            - {name: DOCKER_CERT_PATH, value: /certs/client}
          volumeMounts:
            - {name: certs, mountPath: /certs/client, readOnly: true}
      volumes:
        - name: data
          emptyDir: {sizeLimit: 20Gi}
        - name: certs
          emptyDir: {}
"#;

/// The daemon on the loopback interface of a Deployment, and a Service of something else.
pub const DEPLOYMENT: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: runner}
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: runner
          image: registry.example.com/ci/runner:7
          env:
            - {name: DOCKER_HOST, value: tcp://127.0.0.1:2375}
        - name: dind
          image: registry.example.com/ci/dind:7@sha256:0000
          args: [dockerd, --host=unix:///var/run/docker.sock, "--host=tcp://127.0.0.1:2375"]
          securityContext: {privileged: true}
          readinessProbe:
            exec: {command: [dindctl, ready]}
          resources:
            requests: {cpu: 500m}
            limits: {memory: 4Gi, ephemeral-storage: 20Gi}
          volumeMounts:
            - {name: data, mountPath: /var/lib/docker}
      volumes:
        - {name: data, emptyDir: {}}
---
apiVersion: v1
kind: Service
metadata: {name: runner}
spec:
  ports:
    - {port: 80, targetPort: 8080}
"#;

/// A claim for each pod.
pub const STATEFUL: &str = r#"apiVersion: apps/v1
kind: StatefulSet
metadata: {name: builder}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: dind
          image: docker:29.7.2-dind@sha256:0000
          securityContext: {privileged: true}
          readinessProbe:
            exec: {command: [docker, info]}
          resources:
            requests: {cpu: "2"}
            limits: {memory: 8Gi}
          volumeMounts:
            - {name: data, mountPath: /var/lib/docker}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
"#;

/// Memory for the data directory of a virtual machine.
pub const KATA: &str = r#"apiVersion: v1
kind: Pod
metadata: {name: kata}
spec:
  runtimeClassName: kata-qemu
  containers:
    - name: dind
      image: docker:29.7.2-dind@sha256:0000
      args: [--storage-driver=overlay2]
      securityContext: {privileged: true}
      readinessProbe:
        exec: {command: [docker, info]}
      resources:
        requests: {cpu: "2"}
        limits: {memory: 5Gi}
      volumeMounts:
        - {name: data, mountPath: /var/lib/docker}
        - {name: run, mountPath: /var/run}
  volumes:
    - {name: data, emptyDir: {medium: Memory, sizeLimit: 3Gi}}
    - {name: run, emptyDir: {}}
"#;

/// A user's daemon in a CronJob that never overlaps, within a list.
pub const ROOTLESS: &str = r#"apiVersion: v1
kind: List
items:
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: nightly, namespace: ci}
    spec:
      schedule: "0 3 * * *"
      concurrencyPolicy: Forbid
      jobTemplate:
        spec:
          template:
            spec:
              restartPolicy: Never
              containers:
                - name: work
                  image: registry.example.com/ci/dind-rootless:7@sha256:0000
                  args: [docker, compose, up]
                  env: [{name: DIND_WAIT, value: "1"}]
                  securityContext:
                    seccompProfile: {type: Unconfined}
                    procMount: Unmasked
                  resources:
                    requests: {cpu: "1"}
                    limits: {memory: 2Gi}
                  volumeMounts:
                    - {name: data, mountPath: /home/rootless/.local/share/docker}
              volumes:
                - name: data
                  persistentVolumeClaim: {claimName: nightly}
"#;

/// Sysbox gives what a daemon needs, and a directory for it.
pub const SYSBOX: &str = r#"apiVersion: v1
kind: Pod
metadata: {name: sysbox}
spec:
  runtimeClassName: sysbox-runc
  hostUsers: false
  containers:
    - name: dind
      image: docker:29.7.2-dind@sha256:0000
      readinessProbe:
        exec: {command: [docker, info]}
      resources:
        requests: {cpu: "1"}
        limits: {memory: 2Gi}
"#;

/// A network alias `docker`, and volumes for data and certificates.
pub const COMPOSE: &str = r#"x-common: &common
  mem_limit: 4g
  stop_grace_period: 20s
services:
  daemon:
    <<: *common
    image: docker:29.7.2-dind@sha256:0000
    privileged: true
    environment:
      DOCKER_TLS_CERTDIR: /certs
    healthcheck:
      test: [CMD, docker, info]
    ports:
      - "127.0.0.1:2376:2376"
    networks:
      default:
        aliases: [docker]
    volumes:
      - data:/var/lib/docker
      - ca:/certs/ca
      - certs:/certs/client
  client:
    image: docker:29.7.2-cli
    depends_on:
      daemon:
        condition: service_healthy
    environment:
      - DOCKER_HOST=tcp://docker:2376
      - DOCKER_TLS_VERIFY=1
      - DOCKER_CERT_PATH=/certs/client
    volumes:
      - type: volume
        source: certs
        target: /certs/client
        read_only: true
volumes:
  data:
  ca:
  certs:
"#;

/// A user's daemon with what it needs and no more.
pub const COMPOSE_ROOTLESS: &str = r#"services:
  docker:
    image: docker:29.7.2-dind-rootless@sha256:0000
    security_opt: ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"]
    devices: [/dev/net/tun]
    deploy:
      resources:
        limits: {memory: 2G}
    volumes: ["data:/home/rootless/.local/share/docker"]
volumes: {data: {}}
"#;

/// A service with TLS, in a job that extends a template.
pub const GITLAB: &str = r#"stages: [build]
variables:
  DOCKER_TLS_CERTDIR: "/certs"
.docker:
  image: docker:29.7.2-cli
  services:
    - name: registry.example.com/ci/dind:7@sha256:0000
      alias: docker
  variables:
    DOCKER_HOST: tcp://docker:2376
build:
  extends: .docker
  script:
    - docker build .
"#;

/// A service without TLS, for a job in a container.
pub const GITHUB: &str = r#"on: push
jobs:
  build:
    runs-on: ubuntu-latest
    container:
      image: docker:29.7.2-cli
      env:
        DOCKER_HOST: tcp://docker:2376
        DOCKER_TLS_VERIFY: "1"
        DOCKER_CERT_PATH: /certs/client
      volumes: ["certs:/certs/client:ro"]
    services:
      docker:
        image: docker:29.7.2-dind@sha256:0000
        options: --privileged --health-cmd "docker info"
        volumes: ["certs:/certs/client"]
    steps:
      - run: docker build .
"#;

/// All of them, by name.
pub const SOUND: &[(&str, &str)] = &[
    ("job", JOB),
    ("deployment", DEPLOYMENT),
    ("stateful", STATEFUL),
    ("kata", KATA),
    ("rootless", ROOTLESS),
    ("sysbox", SYSBOX),
    ("compose", COMPOSE),
    ("compose-rootless", COMPOSE_ROOTLESS),
    ("gitlab", GITLAB),
    ("github", GITHUB),
];

/// Manifests that look like what rules find, and are not.
pub const HARMLESS: &[(&str, &str)] = &[
    (
        "a collector reads the host's containers",
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: cadvisor}\nspec:\n  template:\n    spec:\n      containers:\n        - name: cadvisor\n          image: gcr.io/cadvisor/cadvisor:v1\n          securityContext: {privileged: true}\n          volumeMounts: [{name: d, mountPath: /var/lib/docker, readOnly: true}]\n      volumes: [{name: d, hostPath: {path: /var/lib/docker}}]\n",
    ),
    (
        "an image of a daemon used as a client",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      image: docker:dind\n      command: [cat]\n",
    ),
    (
        "a daemon that nobody can tell anything of",
        "services:\n  daemon:\n    image: docker:29-dind@sha256:00\n    extends: {file: common.yml, service: dind}\n    volumes: ['d:/var/lib/docker']\n  c:\n    image: docker:cli\n    env_file: .env\n    environment: {DOCKER_HOST: 'tcp://docker:2375'}\n",
    ),
    (
        "a pipeline whose variables come from elsewhere",
        "include: [{local: a.yml}]\nbuild:\n  image: docker:29\n  services: ['docker:29-dind@sha256:00']\n  variables: {DOCKER_HOST: 'tcp://docker:2375'}\n  script: [docker info]\n",
    ),
    (
        "a pipeline whose variables are made of others",
        "variables: {DOCKER_HOST: 'tcp://$DOCKER_NAME:2375', DOCKER_TLS_CERTDIR: $DIRECTORY}\nbuild:\n  services: ['docker:29-dind@sha256:00']\n  script: [docker info]\n",
    ),
    (
        "a loop file of the container's own in Kata, as the how-to has it",
        "apiVersion: v1\nkind: Pod\nspec:\n  runtimeClassName: kata\n  containers:\n    - name: dind\n      image: docker:29-dind@sha256:00\n      command: [sh, -c, 'truncate -s 20G /d && mkfs.ext4 /d && mount -o loop /d /var/lib/docker && dockerd-entrypoint.sh']\n      securityContext: {privileged: true}\n      readinessProbe: {exec: {command: [docker, info]}}\n      resources: {limits: {memory: 3Gi, cpu: 2}}\n",
    ),
    (
        "agents that wait for work",
        "apiVersion: v1\nkind: Pod\nspec:\n  restartPolicy: Never\n  containers:\n    - {name: work, image: 'alpine:3', command: [sleep, infinity]}\n    - name: dind\n      image: docker:29-dind@sha256:00\n      securityContext: {privileged: true}\n      readinessProbe: {exec: {command: [docker, info]}}\n      resources: {limits: {memory: 3Gi, cpu: 2}}\n      volumeMounts: [{name: d, mountPath: /var/lib/docker}]\n  volumes: [{name: d, ephemeral: {volumeClaimTemplate: {}}}]\n",
    ),
    (
        "a database and an object that has no pods",
        "services:\n  db: {image: 'postgres:17', ports: ['5432:5432'], privileged: true}\n---\nkind: ConfigMap\napiVersion: v1\n",
    ),
    (
        "a claim that one pod at a time has, and another that is handed over",
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: d}\nspec: {accessModes: [ReadWriteOncePod]}\n---\napiVersion: apps/v1\nkind: Deployment\nspec: &spec\n  template: &template\n    spec:\n      containers:\n        - name: dind\n          image: docker:29-dind@sha256:00\n          securityContext: {privileged: true}\n          readinessProbe: {exec: {command: [docker, info]}}\n          resources: {limits: {memory: 3Gi, cpu: 2}}\n          volumeMounts: [{name: d, mountPath: /var/lib/docker}]\n      volumes: [{name: d, persistentVolumeClaim: {claimName: d}}]\n",
    ),
    (
        "a privileged container whose script may start a daemon of its own",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      image: ci/tests:1\n      command: [./run.sh]\n      env: [{name: DOCKER_HOST, value: 'tcp://localhost:2375'}]\n      securityContext: {privileged: true}\n",
    ),
];
