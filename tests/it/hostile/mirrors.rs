//! Mirrors that refuse, fail, and answer with something else, in front of the whole program.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Scene, assert_says};
use crate::fetch::server::{Reply, Request, Server};

const PAGE: &[u8] = b"<!DOCTYPE html><html><title>Sign in</title><p>Welcome to the network</html>";

/// What a mirror answers in place of `body`.
type Fault = fn(&[u8], &Request) -> Reply;

/// Serves the repository of `scene`; while it is ill, the paths that contain `part` get `fault`.
fn mirror(scene: &Scene, part: &'static str, fault: Fault, ill: &Arc<AtomicBool>) -> Server {
    let root: PathBuf = scene.repository.root();
    let ill = Arc::clone(ill);
    Server::start(move |request| {
        let name = request.path.trim_start_matches('/');
        let Ok(body) = std::fs::read(root.join(name)) else {
            return Reply::status("404 Not Found");
        };
        if ill.load(Ordering::SeqCst) && name.contains(part) {
            fault(&body, request)
        } else {
            Reply::ok(&body)
        }
    })
}

/// While the mirror is ill the build ends with `code` and says `words`, and nothing of what came
/// is kept; once it is well, the next run succeeds on the same cache.
fn refused(part: &'static str, fault: Fault, code: i32, words: &[&str]) {
    let Some(scene) = Scene::new() else { return };
    let ill = Arc::new(AtomicBool::new(true));
    let server = mirror(&scene, part, fault, &ill);
    scene.recipe(server.url("").trim_end_matches('/'));
    let said = scene.build().failed(code);
    assert_says(&said, words);
    assert_says(&said, &[&server.url(""), part]);
    ill.store(false, Ordering::SeqCst);
    scene.digest();
}

/// The same for the signed file, the index and the package.
fn refused_everywhere(fault: Fault, words: &[&str]) {
    std::thread::scope(|scope| {
        for part in ["InRelease", "Packages", "pool/"] {
            scope.spawn(move || refused(part, fault, 5, words));
        }
    });
}

#[test]
fn a_mirror_that_answers_404_is_named_with_what_it_lacks() {
    let gone: Fault = |_, _| Reply::status("404 Not Found");
    let index = "Packages of debian/bookworm main amd64";
    refused("Packages", gone, 5, &["no longer on the mirrors", index]);
    // Without any signed file, there is no such suite.
    let Some(scene) = Scene::new() else { return };
    let ill = Arc::new(AtomicBool::new(true));
    let server = mirror(&scene, "dists/", gone, &ill);
    scene.recipe(server.url("").trim_end_matches('/'));
    let said = scene.build().failed(2);
    assert_says(
        &said,
        &[
            "suite `bookworm` has no InRelease and no Release",
            &server.url(""),
        ],
    );
    ill.store(false, Ordering::SeqCst);
    scene.digest();
}

#[test]
fn a_mirror_that_answers_403_is_named() {
    refused_everywhere(|_, _| Reply::status("403 Forbidden"), &["HTTP status 403"]);
}

#[test]
fn a_mirror_that_answers_429_is_asked_again_and_then_named() {
    refused_everywhere(
        |_, _| Reply::new("429 Too Many Requests", &[("Retry-After", "0")], b""),
        &["HTTP status 429", "5 attempts"],
    );
}

#[test]
fn a_mirror_that_answers_500_is_asked_again_and_then_named() {
    refused_everywhere(
        |_, _| Reply::status("500 Internal Server Error"),
        &["HTTP status 500", "5 attempts"],
    );
}

#[test]
fn a_mirror_that_sends_half_a_body_is_asked_again_and_then_named() {
    refused_everywhere(
        |body, _| Reply::announcing(body.len(), "200 OK", &[], &body[..body.len() / 2]),
        &["the connection broke", "5 attempts"],
    );
}

#[test]
fn a_mirror_that_redirects_in_a_circle_is_named() {
    refused_everywhere(
        |_, request| Reply::new("302 Found", &[("Location", &request.path)], b""),
        &["redirected in a circle"],
    );
}

#[test]
fn a_mirror_with_a_file_of_the_wrong_length_is_not_believed() {
    let longer: Fault = |body, _| Reply::ok(&[body, b"and more"].concat());
    let shorter: Fault = |body, _| Reply::ok(&body[1..]);
    for fault in [longer, shorter] {
        for part in ["Packages", "pool/"] {
            refused(part, fault, 4, &["wrong size: expected"]);
        }
        refused("InRelease", fault, 4, &["clear-signed text"]);
    }
}

#[test]
fn a_page_with_status_200_in_place_of_a_file_is_not_believed() {
    let page: Fault = |_, _| Reply::new("200 OK", &[("Content-Type", "text/html")], PAGE);
    for part in ["Packages", "pool/"] {
        refused(part, page, 4, &["wrong size: expected"]);
    }
    refused("InRelease", page, 4, &["not one clear-signed text"]);
}
