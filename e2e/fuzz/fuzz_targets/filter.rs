#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| traceherd_tracers::fuzz::filter(bytes));
