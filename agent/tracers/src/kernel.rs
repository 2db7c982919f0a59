//! The kernel's side of it: requirements, type information, programs, maps and the ring.

pub mod btf;
pub mod memory;
pub mod offsets;
pub mod patience;
pub mod programs;
pub mod registers;
pub mod requirements;
pub mod ring;
