//! Reading the kernel's type information: only structures, unions and enumerations, by name.
//!
//! The format is the kernel's `Documentation/bpf/btf.rst`. Nothing is kept but the bytes and where
//! each type starts: it is read once, when the programs are loaded.

use std::collections::HashMap;

use thiserror::Error;

/// Why bytes are no type information.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ParseError {
    /// The first bytes are others.
    #[error("this is no BTF of this machine's byte order")]
    Magic,
    /// Sections or types reach beyond the end.
    #[error("the BTF ends too early")]
    Truncated,
    /// A kind that was invented after this was written.
    #[error("the BTF has a type of the unknown kind {0}")]
    Kind(u32),
}

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: usize = 24;
const TYPE_BYTES: usize = 12;
const MEMBER_BYTES: usize = 12;
const ENUMERATOR_BYTES: usize = 8;
/// Malformed type information could go in circles.
const MOST_NESTED: u32 = 16;

mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// Parsed type information.
pub struct Btf {
    bytes: Vec<u8>,
    strings: usize,
    /// Where each type starts; the id is the place in this list, and the first is `void`.
    starts: Vec<usize>,
    /// Structures, unions and enumerations.
    named: HashMap<Vec<u8>, Vec<u32>>,
}

/// One type's fixed part.
#[derive(Clone, Copy)]
struct Header {
    name: u32,
    info: u32,
    /// A size, or another type's id.
    type_id: u32,
    /// Where what follows starts.
    rest: usize,
}

impl Header {
    fn kind(self) -> u32 {
        (self.info >> 24) & 0x1f
    }

    fn len(self) -> usize {
        (self.info & 0xffff) as usize
    }

    /// Whether members' offsets share their word with a bit field's size.
    fn packs_bit_fields(self) -> bool {
        self.info >> 31 != 0
    }
}

/// A member of a structure or union.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Bits from the start of what it is a member of.
    pub bit_offset: u32,
    /// Its type.
    pub type_id: u32,
}

impl Btf {
    /// Parses raw BTF, as in `/sys/kernel/btf/vmlinux`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ParseError> {
        let magic = bytes
            .first_chunk::<2>()
            .map(|magic| u16::from_ne_bytes(*magic));
        if magic != Some(MAGIC) {
            return Err(ParseError::Magic);
        }
        if bytes.len() < HEADER_BYTES {
            return Err(ParseError::Truncated);
        }
        let field = |at| {
            word(&bytes, at)
                .map(|word| word as usize)
                .ok_or(ParseError::Truncated)
        };
        let header = field(4)?;
        let (types, types_len) = (header + field(8)?, field(12)?);
        let (strings, strings_len) = (header + field(16)?, field(20)?);
        if types + types_len > bytes.len() || strings + strings_len > bytes.len() {
            return Err(ParseError::Truncated);
        }
        let mut btf = Self {
            bytes,
            strings,
            starts: vec![0],
            named: HashMap::new(),
        };
        let mut at = types;
        while at < types + types_len {
            let header = btf.header(at).ok_or(ParseError::Truncated)?;
            let id = btf.starts.len() as u32;
            btf.starts.push(at);
            if matches!(header.kind(), kind::STRUCT | kind::UNION | kind::ENUM) {
                let name = btf.text(header.name).to_vec();
                if !name.is_empty() {
                    btf.named.entry(name).or_default().push(id);
                }
            }
            at = header.rest + trailing(header)?;
        }
        Ok(btf)
    }

    /// Every structure, union and enumeration of that name.
    pub fn named(&self, name: &str) -> &[u32] {
        self.named.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// A member by name, looking through anonymous structures and unions; `None` too where the
    /// type has no members.
    pub fn member(&self, of: u32, name: &str) -> Option<Member> {
        self.member_within(of, name, MOST_NESTED)
    }

    fn member_within(&self, of: u32, name: &str, levels: u32) -> Option<Member> {
        let levels = levels.checked_sub(1)?;
        let header = self.type_header(self.unqualified(of)?)?;
        if !matches!(header.kind(), kind::STRUCT | kind::UNION) {
            return None;
        }
        (0..header.len()).find_map(|n| {
            let at = header.rest + n * MEMBER_BYTES;
            let offset = word(&self.bytes, at + 8)?;
            let member = Member {
                bit_offset: if header.packs_bit_fields() {
                    offset & 0xff_ffff
                } else {
                    offset
                },
                type_id: word(&self.bytes, at + 4)?,
            };
            match self.text(word(&self.bytes, at)?) {
                b"" => {
                    let inner = self.member_within(member.type_id, name, levels)?;
                    let bit_offset = member.bit_offset.checked_add(inner.bit_offset)?;
                    Some(Member {
                        bit_offset,
                        ..inner
                    })
                }
                found => (found == name.as_bytes()).then_some(member),
            }
        })
    }

    /// An enumerator's value.
    pub fn enumerator(&self, of: u32, name: &str) -> Option<u32> {
        let header = self
            .type_header(of)
            .filter(|header| header.kind() == kind::ENUM)?;
        (0..header.len()).find_map(|n| {
            let at = header.rest + n * ENUMERATOR_BYTES;
            let found = self.text(word(&self.bytes, at)?) == name.as_bytes();
            found.then(|| word(&self.bytes, at + 4))?
        })
    }

    /// Without `const`, `volatile`, `typedef` and the like.
    fn unqualified(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MOST_NESTED {
            let header = self.type_header(id)?;
            match header.kind() {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = header.type_id;
                }
                _ => return Some(id),
            }
        }
        None
    }

    fn type_header(&self, id: u32) -> Option<Header> {
        self.starts
            .get(id as usize)
            .filter(|_| id != 0)
            .and_then(|&at| self.header(at))
    }

    fn header(&self, at: usize) -> Option<Header> {
        Some(Header {
            name: word(&self.bytes, at)?,
            info: word(&self.bytes, at + 4)?,
            type_id: word(&self.bytes, at + 8)?,
            rest: at + TYPE_BYTES,
        })
    }

    fn text(&self, offset: u32) -> &[u8] {
        let rest = self
            .bytes
            .get(self.strings + offset as usize..)
            .unwrap_or_default();
        rest.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// Bytes that follow a type's header.
fn trailing(header: Header) -> Result<usize, ParseError> {
    Ok(match header.kind() {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION => header.len() * MEMBER_BYTES,
        kind::ENUM => header.len() * ENUMERATOR_BYTES,
        kind::FUNC_PROTO => header.len() * 8,
        kind::DATASEC | kind::ENUM64 => header.len() * 12,
        kind::PTR
        | kind::FWD
        | kind::TYPEDEF
        | kind::VOLATILE
        | kind::CONST
        | kind::RESTRICT
        | kind::FUNC
        | kind::FLOAT
        | kind::TYPE_TAG => 0,
        other => return Err(ParseError::Kind(other)),
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk::<4>()
        .map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct outer { int a; union { int b; const struct inner c; }; }`, `struct inner { int d; }`
    /// and `enum e { ZERO, SEVEN = 7 }`.
    fn sample() -> Vec<u8> {
        let strings = b"\0int\0outer\0a\0b\0c\0inner\0d\0e\0ZERO\0SEVEN\0";
        let name = |wanted: &str| {
            let wanted = format!("\0{wanted}\0");
            let found = strings
                .windows(wanted.len())
                .position(|at| at == wanted.as_bytes());
            found.unwrap() as u32 + 1
        };
        let info = |kind: u32, len: u32| kind << 24 | len;
        let words = [
            vec![name("int"), info(kind::INT, 0), 4, 32],
            vec![name("inner"), info(kind::STRUCT, 1), 4, name("d"), 1, 0],
            vec![0, info(kind::CONST, 0), 2],
            vec![0, info(kind::UNION, 2), 4, name("b"), 1, 0, name("c"), 3, 0],
            vec![
                name("outer"),
                info(kind::STRUCT, 2),
                8,
                name("a"),
                1,
                0,
                0,
                4,
                32,
            ],
            vec![
                name("e"),
                info(kind::ENUM, 2),
                4,
                name("ZERO"),
                0,
                name("SEVEN"),
                7,
            ],
        ]
        .concat();
        let types_len = words.len() as u32 * 4;
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for field in [24, 0, types_len, types_len, strings.len() as u32] {
            bytes.extend(u32::to_ne_bytes(field));
        }
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn members_are_found_through_anonymous_and_qualified_types() {
        let btf = Btf::parse(sample()).unwrap();
        let [outer] = btf.named("outer") else {
            panic!("no outer")
        };
        let offset = |name| btf.member(*outer, name).map(|member| member.bit_offset);
        assert_eq!(
            (offset("a"), offset("b"), offset("c")),
            (Some(0), Some(32), Some(32))
        );
        assert_eq!((offset("d"), offset("z")), (None, None));
        let c = btf.member(*outer, "c").unwrap();
        assert!(btf.member(c.type_id, "d").is_some());
        let [e] = btf.named("e") else { panic!("no e") };
        assert_eq!(
            (btf.enumerator(*e, "SEVEN"), btf.enumerator(*e, "EIGHT")),
            (Some(7), None)
        );
        assert_eq!(btf.enumerator(*outer, "a"), None);
        assert!(btf.named("int").is_empty() && btf.named("none").is_empty());
    }

    #[test]
    fn what_is_cut_or_garbled_is_refused_or_read_without_panic() {
        let whole = sample();
        for len in 0..whole.len() {
            assert!(Btf::parse(whole[..len].to_vec()).is_err(), "{len} bytes");
        }
        for at in 2..whole.len() {
            for value in [0, 0x1f, 0x7f, 0xff] {
                let mut garbled = whole.clone();
                garbled[at] = value;
                if let Ok(btf) = Btf::parse(garbled) {
                    for name in ["outer", "inner", "e"] {
                        for &id in btf.named(name) {
                            btf.member(id, "d");
                            btf.enumerator(id, "SEVEN");
                        }
                    }
                }
            }
        }
        assert_eq!(Btf::parse(b"ELF".to_vec()).err(), Some(ParseError::Magic));
    }
}
