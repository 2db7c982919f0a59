//! The terminal that standard output goes to.

use terminal_size::{Width, terminal_size_of};

/// How many cells wide the terminal on standard output is at this moment; none where standard
/// output is not a terminal, or one that does not say.
pub fn terminal_width() -> Option<usize> {
    let (Width(width), _) = terminal_size_of(std::io::stdout())?;
    (width > 0).then(|| usize::from(width))
}
