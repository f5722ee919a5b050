//! The names of the audit's rules, so that a recipe's waivers are checked when it is read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::suggest;
use super::words::vocabulary;

vocabulary! {
    /// A rule of the audit.
    AuditRule, "a rule of the audit" {
        /// Programs with set-id bits.
        SetId = "set-id",
        /// Programs with capabilities of their file.
        FileCapabilities = "file-capabilities",
        /// Files that everybody may write.
        WorldWritable = "world-writable",
        /// Files of an owner or a group that has no name.
        UnownedFiles = "unowned-files",
        /// Programs that no package brings.
        UnpackagedPrograms = "unpackaged-programs",
        /// Databases of packages that cannot be read.
        UnreadablePackages = "unreadable-packages",
        /// Files that are not what their package has.
        AlteredFiles = "altered-files",
        /// Devices in layers.
        Devices = "devices",
        /// Keys and credentials.
        Secrets = "secrets",
        /// What should be of one machine alone.
        HostIdentity = "host-identity",
        /// Caches, logs and temporary files.
        Leftovers = "leftovers",
        /// A library that every program is made to load.
        PreloadLibrary = "preload-library",
        /// Directories of programs that others may write.
        SearchPath = "search-path",
        /// Accounts that let everybody in.
        EmptyPassword = "empty-password",
        /// Accounts with a password.
        Password = "password",
        /// Accounts that are root under another name.
        RootAccounts = "root-accounts",
        /// Accounts of services with a shell.
        LoginShells = "login-shells",
        /// Keys that let somebody in.
        AuthorizedKeys = "authorized-keys",
        /// A server that lets in by password.
        SshdPasswords = "sshd-passwords",
        /// Rules of sudo without a password.
        SudoWithoutPassword = "sudo-without-password",
        /// A package manager.
        PackageManager = "package-manager",
        /// Root as the user.
        RootUser = "root-user",
        /// No health check.
        HealthCheck = "health-check",
        /// The daemon's port without TLS.
        PlainPort = "plain-port",
        /// Registries without TLS.
        DaemonRegistries = "daemon-registries",
        /// A daemon without a firewall.
        DaemonIptables = "daemon-iptables",
        /// A daemon that logs everything.
        DaemonDebug = "daemon-debug",
        /// A daemon that listens without TLS.
        DaemonTcp = "daemon-tcp",
        /// Containers that reach each other.
        DaemonIcc = "daemon-icc",
        /// Containers that gain privileges.
        DaemonNewPrivileges = "daemon-new-privileges",
        /// Containers whose root is the daemon's.
        DaemonUserNamespaces = "daemon-user-namespaces",
        /// A process for each published port.
        DaemonUserlandProxy = "daemon-userland-proxy",
        /// Experimental features.
        DaemonExperimental = "daemon-experimental",
        /// Containers without a filter of system calls.
        DaemonSeccomp = "daemon-seccomp",
        /// Containers without a limit of open files.
        DaemonOpenFiles = "daemon-open-files",
        /// Drivers of storage that are not to be used.
        DaemonStorageDriver = "daemon-storage-driver",
        /// Logs without a limit.
        DaemonLogSize = "daemon-log-size",
    }
}
