//! Nested networks on an outer one: sizes of packets, names, addresses, backends of iptables.

use super::{Guest, Network, docker, engine, run, unique};
use crate::smoke::{apart, beside_others};

/// An outer container that serves 20 MB at port 8080, in segments as large as it is told it may
/// send; the outer network drops what is too large without a word.
fn server(network: &Network) -> (Guest, String) {
    let options = [&network.option(), "--entrypoint=sh", "--network-alias=far"].map(str::to_owned);
    let options = options.each_ref().map(String::as_str);
    let server = Guest::start(
        &options,
        &["-c", "mkdir /w; truncate -s 20M /w/file; exec sleep 600"],
    );
    let busybox = crate::peers::require(&["busybox"], "busybox-static").expect("busybox");
    let to = format!("{}:/usr/local/bin/busybox", server.name);
    engine().run(&["cp", busybox.to_str().expect("UTF-8"), &to]);
    server.sh("ip link set dev eth0 mtu 1500 gso_max_segs 1");
    docker(&[
        "exec",
        "-d",
        &server.name,
        "busybox",
        "httpd",
        "-f",
        "-p",
        "8080",
        "-h",
        "/w",
    ]);
    let address = server.sh("ip -4 -o addr show eth0 | sed 's/.*inet //; s,/.*,,'");
    (server, address)
}

#[test]
fn large_transfers_pass_an_outer_network_of_1400_bytes() {
    beside_others(|| {
        let network = Network::new(&["--opt=com.docker.network.driver.mtu=1400"]);
        let (_server, address) = server(&network);
        for suite in ["bookworm", "trixie"] {
            let guest = Guest::of(suite, &["--privileged", &network.option()], &[])
                .ready()
                .loaded();
            guest.sh("docker network create user");
            // What a volume or a file of compose brings along with a size of its own.
            guest.sh("docker network create --opt com.docker.network.driver.mtu=1500 fixed");
            for nested in ["bridge", "user", "fixed"] {
                let fetch = format!(
                    "docker run --rm --network {nested} t sh -c 'busybox timeout 20 \
                     busybox wget -q -O - http://{address}:8080/file | busybox wc -c'"
                );
                assert_eq!(guest.sh(&fetch), "20971520", "{suite} {nested}");
            }
            let size = |nested: &str| {
                guest.sh(&format!(
                    "docker run --rm --network {nested} t busybox cat /sys/class/net/eth0/mtu"
                ))
            };
            assert_eq!(size("bridge"), "1400", "{suite}");
            if suite == "trixie" {
                assert_eq!(size("user"), "1400");
            }
        }
    });
}

#[test]
fn names_of_the_outer_network_are_known_to_nested_ones_and_its_loopback_resolver_is_not() {
    beside_others(|| {
        let network = Network::new(&[]);
        let (server, address) = server(&network);
        let guest = Guest::start(&[&network.option()], &[]).ready().loaded();
        assert!(guest.sh("cat /etc/resolv.conf").contains("127.0.0.11"));
        guest.sh("docker network create user");
        let found = guest.sh("docker run --rm --network user t busybox nslookup far");
        assert!(found.contains(&address), "{found}");
        let plain = guest.sh("docker run --rm t busybox cat /etc/resolv.conf");
        assert!(!plain.contains("127."), "{plain}");
        assert!(guest.decision("network").to_string().contains("DIND_DNS"));
        drop(server);
        let guest = Guest::start(
            &[&network.option(), "--env=DIND_DNS=192.0.2.7 192.0.2.8"],
            &[],
        );
        let guest = guest.ready().loaded();
        let plain = guest.sh("docker run --rm t busybox cat /etc/resolv.conf");
        assert!(
            plain.contains("nameserver 192.0.2.7\nnameserver 192.0.2.8"),
            "{plain}"
        );
    });
}

#[test]
fn nested_networks_keep_off_what_is_reached_outside() {
    beside_others(|| {
        // One that the engine gives to no network of another test, and that dockerd would give to the third inside.
        let network = Network::new(&["--subnet=172.21.0.0/16"]);
        let options = [
            &network.option(),
            "--env=HTTP_PROXY=http://user:secret@172.17.0.9:3128",
            "--env=NO_PROXY=docker",
        ]
        .map(str::to_owned);
        let guest = Guest::start(&options.each_ref().map(String::as_str), &[]).ready();
        for name in ["a", "b", "c", "d"] {
            guest.sh(&format!("docker network create {name}"));
        }
        let subnets = guest.sh(
            "docker network inspect $(docker network ls -q --filter driver=bridge) \
             -f '{{(index .IPAM.Config 0).Subnet}}'",
        );
        assert_eq!(subnets.lines().count(), 5, "{subnets}");
        for taken in ["172.17.", "172.21."] {
            assert!(!subnets.contains(taken), "{subnets}");
        }
        // The daemon has the proxy, the report and the log have no password.
        assert!(
            guest
                .sh("docker info -f '{{.HTTPProxy}}'")
                .contains("172.17.0.9:3128")
        );
        let report = guest.sh("dindctl report");
        assert!(report.contains("http://***@172.17.0.9:3128"), "{report}");
        assert!(!report.contains("secret"), "{report}");
    });
}

#[test]
fn published_ports_answer_with_either_backend() {
    apart(|| {
        for backend in ["legacy", "nft", "auto"] {
            let guest = Guest::start(&[&format!("--env=DIND_IPTABLES={backend}")], &[]);
            let guest = guest.ready().loaded();
            let serve = "docker run -d -p 8080:80 t sh -c 'echo found >/index.html; exec busybox httpd -f -p 80 -h /'";
            guest.sh(serve);
            let address = guest.sh("hostname -i");
            let fetch = format!(
                "for try in 1 2 3 4 5; do curl -sf -m 2 http://{address}:8080/index.html && break; sleep 0.3; done"
            );
            let outside = run(&[], &["sh", "-c", &fetch]);
            assert_eq!(outside.stdout, "found\n", "{backend}: {}", outside.stderr);
            assert_eq!(guest.sh(&fetch), "found", "{backend}, from inside");
            let chosen = guest.choice("iptables");
            if backend != "auto" {
                assert_eq!(chosen, backend);
            }
            let version = guest.sh("iptables --version");
            assert!(
                version.contains(if chosen == "nft" {
                    "nf_tables"
                } else {
                    "legacy"
                }),
                "{version}"
            );
            // Every name of the family has the backend, or is a link to a program that is there.
            let broken = guest.sh("find /etc/alternatives -xtype l");
            assert_eq!(broken, "");
        }
        let wrong = Guest::start(&["--env=DIND_IPTABLES=ipchains"], &[]);
        assert_eq!(wrong.wait(), 1);
        assert!(
            wrong.log().contains("DIND_IPTABLES must be"),
            "{}",
            wrong.log()
        );
    });
}

/// The rules and chains of either iptables in the engine's network, in their order, each with its
/// backend and table; without the dates and counters that differ between any two times.
fn rules() -> Vec<String> {
    ["legacy", "nft"].into_iter().flat_map(rules_of).collect()
}

fn rules_of(backend: &str) -> Vec<String> {
    let program = format!("iptables-{backend}-save");
    let output = engine().inside(&program).output();
    let output = output.expect("iptables runs");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {complaint}");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut table = "";
    let mut rules = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let Some(rule) = rule(line) {
            rules.push(format!("{backend} {table} {rule}"));
        }
    }
    rules
}

/// A line of iptables-save(8) as the command that makes it: a rule, a chain, or the policy of a
/// chain that does not accept by default.
fn rule(line: &str) -> Option<String> {
    if line.starts_with("-A ") {
        return Some(line.to_owned());
    }
    let mut words = line.strip_prefix(':')?.split(' ');
    match (words.next()?, words.next()?) {
        (_, "ACCEPT") => None,
        (chain, "-") => Some(format!("-N {chain}")),
        (chain, policy) => Some(format!("-P {chain} {policy}")),
    }
}

/// The rules that are in `before`, and the others.
fn among(before: &[String], rules: Vec<String>) -> (Vec<String>, Vec<String>) {
    rules.into_iter().partition(|rule| before.contains(rule))
}

/// Whether a rule does nothing by itself: a chain, a jump to one, or the way back.
fn is_idle(rule: &str) -> bool {
    let target = rule.split_once(" -j ").map(|(_, target)| target);
    rule.contains(" -N ") || target.is_some_and(|to| to == "RETURN" || to.starts_with("DOCKER"))
}

#[test]
fn the_network_of_the_host_is_shared_without_harm() {
    apart(|| {
        // A published port of the outer engine, by the rules it made.
        let web = unique("web");
        let image = super::image(super::SUITE);
        engine().run(&[
            "run",
            "-d",
            "--name",
            &web,
            "-p",
            "18080:8080",
            "--entrypoint=sh",
            &image,
            "-c",
            "sleep 600",
        ]);
        let before = rules();
        let published = |rule: &String| rule.contains("--dport 18080");
        assert!(before.iter().any(published), "{before:#?}");
        for backend in ["legacy", "nft"] {
            let options = ["--network=host", "--env=DIND_LISTEN=unix"];
            let backend = format!("--env=DIND_IPTABLES={backend}");
            let guest = Guest::start(&[&options[..], &[&backend]].concat(), &[])
                .ready()
                .loaded();
            let address = guest.sh("docker run --rm t busybox ip -4 addr show eth0");
            assert!(!address.contains(" 172.17."), "{address}");
            // Nothing of the outer engine's rules is missing, in their order.
            let during = rules();
            assert!(
                during.iter().any(|rule| rule.contains("dind0")),
                "{backend}"
            );
            let (kept, _) = among(&before, during);
            assert_eq!(kept, before, "{backend}");
            assert!([0, 143].contains(&guest.stop(9)), "{}", guest.log());
            let (kept, added) = among(&before, rules());
            assert_eq!(kept, before, "{backend}");
            // Every dockerd leaves its chains, from which every packet returns.
            let acts: Vec<&String> = added.iter().filter(|rule| !is_idle(rule)).collect();
            assert_eq!(acts, [""; 0], "{backend}");
            let links = engine()
                .inside("ip")
                .args(["-brief", "link"])
                .output()
                .expect("ip runs");
            assert!(!String::from_utf8_lossy(&links.stdout).contains("dind0"));
        }
        docker(&["rm", "-f", &web]);
    });
}

#[test]
fn nested_containers_have_ipv6_where_the_outer_network_has_it() {
    beside_others(|| {
        let network = Network::new(&["--ipv6", "--subnet=fd42:d1:d2::/64"]);
        let (server, _) = server(&network);
        let address = server.sh(
            "ip -6 -o addr show dev eth0 scope global | sed 's/.*inet6 //; s,/.*,,' | head -n 1",
        );
        let guest = Guest::start(&[&network.option()], &[]).ready();
        let said = guest.decision("network").to_string();
        assert!(said.contains("set DIND_IPV6=on"), "{said}");
        drop(guest);

        let guest = Guest::start(&[&network.option(), "--env=DIND_IPV6=on"], &[]);
        let guest = guest.ready().loaded();
        let fetch = format!(
            "docker run --rm t sh -c \"busybox timeout 20 busybox wget -q -O - 'http://[{address}]:8080/file' | busybox wc -c\""
        );
        assert_eq!(guest.sh(&fetch), "20971520");
        let prefix = "docker network inspect bridge -f '{{(index .IPAM.Config 1).Subnet}}'";
        let before = guest.sh(prefix);
        assert!(before.starts_with("fd"), "{before}");
        engine().run(&["restart", "--time", "10", &guest.name]);
        guest.wait_ready();
        assert_eq!(guest.sh(prefix), before);

        let guest = Guest::start(&["--env=DIND_IPV6=on"], &[]);
        assert_eq!(guest.wait(), 1);
        let log = guest.log();
        assert!(log.contains("the outer network has none"), "{log}");
    });
}
