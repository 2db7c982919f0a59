//! A process's arguments, as far as they could be recorded.

use std::borrow::Cow;

use traceherd_columns::{ColumnValue, Kind, Value};
use traceherd_ebpf_common::PAGE_BYTES;

use super::options::{ArgsMode, ExecOptions};

/// One argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Argument<'a> {
    /// What there is of it. Any bytes but NUL; where a part could not be read, NULs stand for it.
    pub bytes: &'a [u8],
    /// Whether its end was not recorded. A failed exec's is not looked at beyond 4,095 bytes.
    pub cut: bool,
    /// Whether a part of it could not be read.
    pub unreadable: bool,
}

/// The arguments of an exec.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Arguments {
    count: u32,
    bytes: Vec<u8>,
    /// Where each ends in `bytes`, and its marks.
    ends: Vec<(u32, Marks)>,
    missing: u32,
    cut_bytes: Option<u32>,
    list: ArgumentList,
}

/// How far the list of a failed exec's arguments could be followed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ArgumentList {
    /// To its end: the count is right.
    #[default]
    Whole,
    /// There are more than are counted.
    Cut,
    /// The list itself could not be read further: there may be more.
    Unreadable,
    /// Nothing of it was asked for ([`ArgsMode::None`](super::ArgsMode::None)): the count says
    /// nothing.
    Unasked,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Marks {
    cut: bool,
    unreadable: bool,
}

impl Arguments {
    /// How many the process was given, recorded or not; 0 where nothing was asked for.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the argument block that are not here: the limit was reached. The NUL behind each
    /// argument counts. None of a failed exec, of whose arguments the lengths are not known, and
    /// where they were not asked for.
    pub fn cut_bytes(&self) -> Option<u32> {
        self.cut_bytes
    }

    /// How many of those that are counted are not here at all: the limit was reached. 0 where they
    /// were not asked for, and where a part could not be read, so that nobody knows.
    pub fn missing(&self) -> u32 {
        self.missing
    }

    /// How far the list could be followed; always whole for a successful exec, if it was asked for.
    pub fn list(&self) -> ArgumentList {
        self.list
    }

    /// Those that were recorded.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Argument<'_>> {
        self.ends.iter().enumerate().map(|(n, (end, marks))| {
            let start = n
                .checked_sub(1)
                .map_or(0, |before| self.ends[before].0 as usize);
            Argument {
                bytes: &self.bytes[start..*end as usize],
                cut: marks.cut,
                unreadable: marks.unreadable,
            }
        })
    }

    /// The places of those whose end was not recorded ([`Argument::cut`]).
    pub fn truncated(&self) -> Vec<u32> {
        self.places(|argument| argument.cut)
    }

    /// The places of those that could not be read, or not whole.
    pub fn unreadable(&self) -> Vec<u32> {
        self.places(|argument| argument.unreadable)
    }

    /// From the start of an argument block: strings closed by NUL, `total` bytes in all.
    /// `absent`: bit n stands for the n-th page touched, `offset` is where in its page the block
    /// starts. The memory of `room` is used again.
    pub(crate) fn from_block(
        room: Self,
        block: &[u8],
        count: u32,
        total: u32,
        offset: u32,
        absent: u32,
    ) -> Self {
        let cut_bytes = total.saturating_sub(block.len() as u32);
        let mut arguments = Self {
            count,
            cut_bytes: Some(cut_bytes),
            ..room.emptied()
        };
        arguments.bytes.reserve_exact(block.len());
        arguments.ends.reserve_exact(count.min(64) as usize);
        let is_absent = |at: usize| {
            let page = (offset as usize + at) / PAGE_BYTES;
            page < 32 && absent & (1 << page) != 0
        };
        let mut start = 0;
        let mut at = 0;
        let mut marks = Marks::default();
        while at < block.len() {
            if absent != 0 && is_absent(at) {
                // The NULs of what is absent end nothing.
                marks.unreadable = true;
            } else if block[at] == 0 {
                arguments.push(&block[start..at], marks);
                marks = Marks::default();
                start = at + 1;
            }
            at += 1;
        }
        if start < block.len() {
            marks.cut = cut_bytes > 0;
            arguments.push(&block[start..], marks);
        }
        // Where a page is absent some of them may have run together.
        if cut_bytes > 0 && absent == 0 {
            arguments.missing = count.saturating_sub(arguments.ends.len() as u32);
        }
        arguments
    }

    /// From a failed exec's record: each behind its length, the NUL counted; 0 for one that could
    /// not be read. A malformed rest is dropped. The memory of `room` is used again.
    pub(crate) fn from_vector(
        room: Self,
        mut vector: &[u8],
        count: u32,
        list: ArgumentList,
    ) -> Self {
        let mut arguments = Self {
            count,
            list,
            ..room.emptied()
        };
        while let Some((len, rest)) = vector.split_first_chunk::<4>() {
            let len = u32::from_le_bytes(*len) as usize;
            let Some((bytes, rest)) = rest.split_at_checked(len) else {
                break;
            };
            arguments.push(
                bytes.strip_suffix(&[0]).unwrap_or(bytes),
                Marks {
                    cut: len == PAGE_BYTES,
                    unreadable: len == 0,
                },
            );
            vector = rest;
        }
        arguments.missing = count.saturating_sub(arguments.ends.len() as u32);
        arguments
    }

    /// As a trace with these options has them; none where they are so already. The kernel may have
    /// recorded more.
    pub(crate) fn as_asked(&self, options: &ExecOptions) -> Option<Self> {
        match options.args {
            ArgsMode::Full => {
                let most = options.recorded_bytes() as usize;
                (self.recorded_bytes() > most).then(|| self.limited(most))
            }
            ArgsMode::Count => Some(self.counted()),
            ArgsMode::None => Some(Self::unasked()),
        }
    }

    /// What a trace with a smaller limit would have recorded.
    fn limited(&self, most: usize) -> Self {
        let mut limited = Self {
            count: self.count,
            missing: self.missing,
            cut_bytes: self.cut_bytes,
            list: self.list,
            ..Self::default()
        };
        let mut left = most;
        for (argument, (_, marks)) in self.iter().zip(&self.ends) {
            let bytes = argument.bytes.len() + usize::from(self.has_nul(*marks));
            if left == 0 {
                limited.missing += 1;
            } else if bytes <= left {
                limited.push(argument.bytes, *marks);
            } else {
                let kept = left.min(argument.bytes.len());
                let cut = Marks {
                    cut: true,
                    ..*marks
                };
                limited.push(&argument.bytes[..kept], cut);
            }
            limited.cut_bytes = limited
                .cut_bytes
                .map(|cut| cut + bytes.saturating_sub(left) as u32);
            left = left.saturating_sub(bytes);
        }
        limited
    }

    /// Bytes that were recorded, as a limit counts them.
    pub(crate) fn recorded_bytes(&self) -> usize {
        let nuls = self.ends.iter().filter(|(_, marks)| self.has_nul(*marks));
        self.bytes.len() + nuls.count()
    }

    /// Whether a NUL was recorded behind an argument with these marks. Of a failed exec's the kernel
    /// puts one even where it cuts.
    fn has_nul(&self, marks: Marks) -> bool {
        !marks.cut || self.cut_bytes.is_none()
    }

    /// Only how many there were.
    fn counted(&self) -> Self {
        Self {
            list: self.list,
            count: self.count,
            ..Self::default()
        }
    }

    /// Nothing of them.
    fn unasked() -> Self {
        Self {
            list: ArgumentList::Unasked,
            ..Self::default()
        }
    }

    /// The memory alone.
    fn emptied(self) -> Self {
        let (mut bytes, mut ends) = (self.bytes, self.ends);
        bytes.clear();
        ends.clear();
        Self {
            bytes,
            ends,
            ..Self::default()
        }
    }

    fn push(&mut self, bytes: &[u8], marks: Marks) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push((self.bytes.len() as u32, marks));
    }

    fn places(&self, which: impl Fn(&Argument<'_>) -> bool) -> Vec<u32> {
        (0..)
            .zip(self.iter())
            .filter(|(_, argument)| which(argument))
            .map(|(n, _)| n)
            .collect()
    }
}

/// Arguments that were recorded whole: for events that a program makes up to try what it does with
/// them.
impl<'a> FromIterator<&'a [u8]> for Arguments {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(all: I) -> Self {
        let mut arguments = Self {
            cut_bytes: Some(0),
            ..Self::default()
        };
        for bytes in all {
            arguments.push(bytes, Marks::default());
            arguments.count += 1;
        }
        arguments
    }
}

impl ColumnValue for Arguments {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::List(
            self.iter()
                .map(|argument| Value::Bytes(Cow::Borrowed(argument.bytes)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another event's, in whose place they come.
    fn used() -> Arguments {
        Arguments {
            count: 9,
            bytes: b"old".to_vec(),
            ends: vec![(3, Marks::default())],
            missing: 7,
            cut_bytes: Some(5),
            list: ArgumentList::Unasked,
        }
    }

    fn texts(arguments: &Arguments) -> Vec<&[u8]> {
        arguments.iter().map(|argument| argument.bytes).collect()
    }

    /// As the kernel side records a failed exec's.
    fn vector(texts: &[&[u8]]) -> Vec<u8> {
        let mut vector = Vec::new();
        for text in texts {
            vector.extend((text.len() as u32).to_le_bytes());
            vector.extend(*text);
        }
        vector
    }

    #[test]
    fn a_block_is_split_at_its_nuls() {
        let cases: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b"\0", &[b""]),
            (b"true\0", &[b"true"]),
            (b"a\0\0b\0", &[b"a", b"", b"b"]),
            (b"a\0\0", &[b"a", b""]),
            (b"\xff\n\x1b[2J\0", &[b"\xff\n\x1b[2J"]),
        ];
        for (block, expected) in cases {
            let found = Arguments::from_block(
                used(),
                block,
                expected.len() as u32,
                block.len() as u32,
                0,
                0,
            );
            assert_eq!(texts(&found), expected, "{block:?}");
            assert_eq!(
                (found.cut_bytes(), found.unreadable()),
                (Some(0), vec![]),
                "{block:?}"
            );
            assert_eq!(
                (found.missing(), found.truncated()),
                (0, vec![]),
                "{block:?}"
            );
        }
    }

    #[test]
    fn a_cut_block_says_how_much_is_missing() {
        let found = Arguments::from_block(used(), b"echo\0long", 2, 100, 0, 0);
        assert_eq!(found.cut_bytes(), Some(91));
        assert_eq!((found.truncated(), found.missing()), (vec![1], 0));
        let last = found.iter().last().unwrap();
        assert_eq!((last.bytes, last.cut), (&b"long"[..], true));
        // Cut just behind an argument: none is half.
        let found = Arguments::from_block(used(), b"echo\0", 2, 100, 0, 0);
        assert_eq!(found.cut_bytes(), Some(95));
        assert_eq!((found.truncated(), found.missing()), (vec![], 1));
    }

    #[test]
    fn an_absent_page_marks_the_argument_it_is_in_and_no_other() {
        let mut block = vec![b'a'; 2 * PAGE_BYTES];
        block[10] = 0;
        block[PAGE_BYTES..].fill(0);
        block.extend(b"tail\0last\0");
        let found = Arguments::from_block(used(), &block, 3, block.len() as u32, 0, 0b10);
        assert_eq!(found.iter().len(), 3);
        assert_eq!(found.unreadable(), [1]);
        assert_eq!(texts(&found)[2], b"last");
        assert!(texts(&found)[1].ends_with(b"\0tail"));
        // The same bytes where the block starts in the middle of a page.
        let found = Arguments::from_block(used(), &block[96..], 2, 9000, 96, 0b10);
        assert_eq!(found.unreadable(), [0]);
    }

    #[test]
    fn a_vector_marks_what_could_not_be_read_and_what_goes_on() {
        let vector = vector(&[&b"sh\0"[..], b"", &[b'x'; PAGE_BYTES]]);
        let found = Arguments::from_vector(used(), &vector, 5, ArgumentList::Whole);
        assert_eq!(found.count(), 5);
        assert_eq!((found.unreadable(), found.truncated()), (vec![1], vec![2]));
        assert_eq!((found.missing(), found.cut_bytes()), (2, None));
        assert_eq!(texts(&found)[0], b"sh");
        for len in 0..vector.len() {
            Arguments::from_vector(used(), &vector[..len], 5, ArgumentList::Whole); // none panics
        }
    }

    #[test]
    fn a_smaller_limit_gives_what_it_would_have_recorded() {
        let block = b"echo\0hello\0\0world\0";
        let recorded = |bytes: usize| Arguments::from_block(used(), &block[..bytes], 4, 100, 0, 0);
        for bytes in 0..=block.len() {
            let all = recorded(bytes);
            assert_eq!(all.recorded_bytes(), bytes);
            for most in 0..=bytes {
                assert_eq!(all.limited(most), recorded(most), "{bytes} cut to {most}");
            }
        }
    }
}
