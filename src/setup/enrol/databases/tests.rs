use super::*;

fn name(text: &str) -> AccountName {
    text.parse().expect("a name")
}

fn present() -> Databases {
    Databases {
        passwd: "root:x:0:0:root:/root:/bin/bash\n".to_owned(),
        group: "root:x:0:\nusers:x:100:\ndocker:x:101:\n".to_owned(),
        shadow: "root:*:20000:0:99999:7:::\n".to_owned(),
        gshadow: "root:*::\nusers:*::\ndocker:!::\n".to_owned(),
        ..Databases::default()
    }
}

fn content(users: &[(&str, User)], groups: &[(&str, Option<u32>)]) -> Content {
    Content {
        users: users
            .iter()
            .map(|(user, value)| (name(user), value.clone()))
            .collect(),
        groups: groups
            .iter()
            .map(|(group, gid)| {
                let group_value = Group {
                    gid: *gid,
                    system: false,
                };
                (name(group), group_value)
            })
            .collect(),
        ..Content::default()
    }
}

fn enrol(content: &Content) -> Result<(Databases, Enrolled), Refused> {
    let epoch = Epoch::from_seconds(20_778 * DAY).expect("in range");
    present().enrol(content, "/bin/bash", "/usr/sbin/nologin", epoch)
}

fn added(after: &str, before: &str) -> String {
    after.strip_prefix(before).expect("lines stay").to_owned()
}

#[test]
fn a_user_is_locked_has_a_home_and_joins_groups() {
    let ci = User {
        groups: vec![name("docker"), name("team")],
        comment: "Continuous integration".to_owned(),
        subordinate_ids: true,
        ..User::default()
    };
    let (after, enrolled) = enrol(&content(&[("ci", ci)], &[("team", None)])).expect("enrolled");
    assert_eq!(
        added(&after.passwd, &present().passwd),
        "ci:x:1000:1000:Continuous integration:/home/ci:/bin/bash\n"
    );
    assert_eq!(
        added(&after.shadow, &present().shadow),
        "ci:!:20778:0:99999:7:::\n"
    );
    assert_eq!(
        after.group,
        "root:x:0:\nusers:x:100:\ndocker:x:101:ci\nteam:x:1001:ci\nci:x:1000:\n"
    );
    assert_eq!(
        after.gshadow,
        "root:*::\nusers:*::\ndocker:!::ci\nteam:!::ci\nci:!::\n"
    );
    assert_eq!(after.subuid, "ci:100000:65536\n");
    assert_eq!(
        enrolled.homes,
        [Home {
            path: "/home/ci".to_owned(),
            uid: 1000,
            gid: 1000
        }]
    );
}

#[test]
fn named_numbers_are_taken_before_any_is_handed_out() {
    let fixed = User {
        uid: Some(1000),
        ..User::default()
    };
    let users = [("a", User::default()), ("b", fixed)];
    let (after, _) = enrol(&content(&users, &[])).expect("enrolled");
    assert_eq!(
        added(&after.passwd, &present().passwd),
        "a:x:1001:1001::/home/a:/bin/bash\nb:x:1000:1000::/home/b:/bin/bash\n"
    );
}

#[test]
fn a_system_user_has_no_home_no_shell_and_no_ageing() {
    let system = User {
        system: true,
        group: FirstGroup::Named(name("users")),
        ..User::default()
    };
    let (after, enrolled) = enrol(&content(&[("agent", system)], &[])).expect("enrolled");
    assert_eq!(
        added(&after.passwd, &present().passwd),
        "agent:x:100:100::/nonexistent:/usr/sbin/nologin\n"
    );
    assert_eq!(
        added(&after.shadow, &present().shadow),
        "agent:!:20778::::::\n"
    );
    assert!(enrolled.homes.is_empty());
}

#[test]
fn a_group_that_a_package_added_takes_the_recipes_number() {
    let (after, enrolled) = enrol(&content(&[], &[("docker", Some(998))])).expect("enrolled");
    assert!(after.group.ends_with("docker:x:998:\n"), "{}", after.group);
    assert_eq!(enrolled.renumbered, [(101, 998)]);
    let fixed = enrol(&content(&[], &[("users", Some(998))])).expect_err("fixed");
    assert!(fixed.1.contains("fixes the number"), "{fixed:?}");
}

#[test]
fn what_is_taken_or_unknown_is_refused_with_its_table() {
    let refused = |user: User| enrol(&content(&[("ci", user)], &[])).expect_err("refused");
    let (subject, message) = refused(User {
        uid: Some(0),
        ..User::default()
    });
    assert_eq!(
        (subject.as_str(), message.as_str()),
        ("[users.ci]", "uid 0 is root's")
    );
    let (_, message) = refused(User {
        group: FirstGroup::Own(Some(101)),
        ..User::default()
    });
    assert_eq!(message, "gid 101 is docker's");
    let (_, message) = refused(User {
        groups: vec![name("dokcer")],
        ..User::default()
    });
    assert!(
        message.contains("no group `dokcer`; did you mean `docker`?"),
        "{message}"
    );
    let twice = enrol(&content(&[("root", User::default())], &[])).expect_err("refused");
    assert!(twice.1.contains("a user of that name"), "{twice:?}");
    let group = enrol(&content(&[("docker", User::default())], &[])).expect_err("refused");
    assert!(group.1.contains("group = \"docker\""), "{group:?}");
}
