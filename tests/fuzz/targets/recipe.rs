//! Recipes: every text loads or is an error that shows where.
#![no_main]

use dindimg::recipe::load;
use dindimg_fuzz::scratch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let directory = tempfile::tempdir_in(scratch()).expect("a temporary directory");
    let path = directory.path().join("recipe.toml");
    std::fs::write(&path, data).expect("written");
    if let Err(error) = load(&path) {
        assert!(!error.to_string().is_empty());
    }
});
