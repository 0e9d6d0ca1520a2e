//! Looks over a request before it is decoded: a length that promises more than the frame holds
//! would otherwise have memory set aside for it.

use super::shapes::SHAPES;
use kafka_protocol::messages::ApiKey;

/// The most items a request may have in all its lists.
const MOST_ITEMS: usize = 1_000_000;

/// What a field is on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// So many bytes.
    Fixed(usize),
    Text,
    Bytes,
    /// Things without fields.
    List(&'static Kind),
    Struct(&'static [Field]),
    Structs(&'static [Field]),
}

/// A field, and the versions it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    kind: Kind,
    first: i16,
    last: i16,
    /// Its tag, if it may be left out.
    tag: Option<u32>,
}

pub(super) const fn within(first: i16, last: i16, kind: Kind) -> Field {
    Field { kind, first, last, tag: None }
}

pub(super) const fn all(kind: Kind) -> Field {
    within(0, i16::MAX, kind)
}

pub(super) const fn since(first: i16, kind: Kind) -> Field {
    within(first, i16::MAX, kind)
}

pub(super) const fn until(last: i16, kind: Kind) -> Field {
    within(0, last, kind)
}

/// A field that may be left out, since the version that knows it.
pub(super) const fn tagged(tag: u32, first: i16, kind: Kind) -> Field {
    Field { tag: Some(tag), ..since(first, kind) }
}

/// Whether a request's body holds what its lengths promise.
pub(super) fn holds(key: ApiKey, version: i16, body: &[u8]) -> bool {
    let Some((_, flexible, fields)) = SHAPES.iter().find(|shape| shape.0 == key) else {
        return false;
    };
    let mut walk = Walk { left: body, version, compact: version >= *flexible, items: 0 };
    walk.structure(fields).is_some()
}

struct Walk<'b> {
    left: &'b [u8],
    version: i16,
    compact: bool,
    items: usize,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &[Field]) -> Option<()> {
        let version = self.version;
        let known = |field: &&Field| (field.first..=field.last).contains(&version);
        for field in fields.iter().filter(known).filter(|field| field.tag.is_none()) {
            self.value(&field.kind)?;
        }
        if self.compact {
            for _ in 0..self.varint()? {
                let (tag, size) = (self.varint()?, self.varint()? as usize);
                let after = self.left.len().checked_sub(size)?;
                // What is decoded of one that is known is not bounded by the size it is given.
                match fields.iter().filter(known).find(|field| field.tag == Some(tag)) {
                    Some(field) => self.value(&field.kind)?,
                    None => self.skip(size)?,
                }
                if self.left.len() != after {
                    return None;
                }
            }
        }
        Some(())
    }

    fn value(&mut self, kind: &Kind) -> Option<()> {
        match kind {
            Kind::Fixed(size) => self.skip(*size),
            Kind::Text => {
                let size = if self.compact { self.compact_length()? } else { self.length::<2>()? };
                self.skip(size)
            }
            Kind::Bytes => {
                let size = if self.compact { self.compact_length()? } else { self.length::<4>()? };
                self.skip(size)
            }
            Kind::List(item) => {
                for _ in 0..self.count()? {
                    self.value(item)?;
                }
                Some(())
            }
            Kind::Struct(fields) => self.structure(fields),
            Kind::Structs(fields) => {
                for _ in 0..self.count()? {
                    self.structure(fields)?;
                }
                Some(())
            }
        }
    }

    /// How many items follow; each takes a byte at least.
    fn count(&mut self) -> Option<usize> {
        let count = if self.compact { self.compact_length()? } else { self.length::<4>()? };
        self.items += count;
        (count <= self.left.len() && self.items <= MOST_ITEMS).then_some(count)
    }

    /// A length in two or four bytes; negative is none, and nothing follows.
    fn length<const N: usize>(&mut self) -> Option<usize> {
        let (bytes, rest) = self.left.split_first_chunk::<N>()?;
        self.left = rest;
        let negative = bytes[0] & 0x80 != 0;
        let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        Some(if negative { 0 } else { length })
    }

    fn compact_length(&mut self) -> Option<usize> {
        Some((self.varint()? as usize).saturating_sub(1))
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let (byte, rest) = self.left.split_first()?;
            self.left = rest;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, size: usize) -> Option<()> {
        self.left = self.left.get(size..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_promises_more_than_there_is_is_refused() {
        assert!(holds(ApiKey::Metadata, 4, &[0, 0, 0, 1, 0, 1, b'a', 1]));
        assert!(!holds(ApiKey::Metadata, 4, &[0x7f, 0xff, 0xff, 0xff, 0, 1, b'a', 1]));
        assert!(!holds(ApiKey::Metadata, 9, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]));
        assert!(holds(ApiKey::Metadata, 4, &[0xff, 0xff, 0xff, 0xff, 1]));
    }

    #[test]
    fn a_tagged_field_is_as_long_as_it_says() {
        // Nothing is asked for; then the tags of the request: one, and it is number 1.
        let fetch = |size: u8| {
            let fields = [&[0; 21][..], &[1, 1, 1, 1, 1, size], &[0; 13]].concat();
            holds(ApiKey::Fetch, 15, &fields)
        };
        assert!(fetch(13));
        assert!(!fetch(12) && !fetch(14) && !fetch(0));
    }

    #[test]
    fn every_api_that_is_served_has_a_shape() {
        for served in super::super::SERVED {
            assert!(SHAPES.iter().any(|shape| shape.0 as i16 == served.key), "{}", served.key);
        }
    }
}
