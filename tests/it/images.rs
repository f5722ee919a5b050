//! Images under test, one docker-archive a suite.

use std::path::PathBuf;

/// The docker-archive of the shipped recipe of `suite`.
pub fn built_image(suite: &str) -> PathBuf {
    let dir =
        std::env::var_os("DINDIMG_TEST_IMAGES").expect("DINDIMG_TEST_IMAGES names a directory");
    PathBuf::from(dir).join(format!("{suite}.tar"))
}
