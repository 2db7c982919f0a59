//! What the fuzzer calls.

use crate::manifest::Manifest;

/// A manifest for `run -f`.
pub fn manifest(bytes: &[u8]) {
    if let Err(error) = Manifest::parse("trace.yaml", bytes) {
        let said = error.to_string();
        assert!(said.starts_with("trace.yaml:"), "{said}");
    }
}
