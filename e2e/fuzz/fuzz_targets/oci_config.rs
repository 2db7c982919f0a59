#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| traceherd_containers::fuzz::config(bytes));
