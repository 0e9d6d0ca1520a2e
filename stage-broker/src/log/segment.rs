//! One file of a partition's log: batches one after the other, and where they are.

use super::batch::{self, Header};
use super::index::Index;
use super::place::Place;
use super::stretch::Stretch;
use bytes::{Bytes, BytesMut};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// Bytes that are read at once to look at headers.
const CHUNK: usize = 16 << 10;

/// Up to this many bytes are read and sent with the rest of an answer: one call of the system instead of three.
const FEW: usize = 16 << 10;

/// The extension of a segment's file that is to take the place of another.
pub(crate) const DRAFT: &str = "clean";

/// A segment: the records from `base` to before `end`.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) base: i64,
    pub(crate) end: i64,
    pub(crate) size: u32,
    pub(crate) index: Index,
    /// When its first record since it was opened was appended, by the broker's clock.
    pub(crate) begun: Option<i64>,
    /// When it was compacted first.
    pub(crate) cleaned: Option<i64>,
    /// It has tombstones or markers that may go some time after that.
    pub(crate) removable: bool,
    /// Its name, if it has one.
    pub(crate) path: Option<PathBuf>,
    /// Base offset and position of the newest batch: most readers are there.
    newest: Option<(i64, u32)>,
    /// Kept open while it grows, or if it has no name.
    file: Option<Arc<File>>,
    /// Of one that no longer grows, as long as somebody reads it: all of them share it.
    read: RefCell<Weak<File>>,
}

/// What was found to be read.
#[derive(Debug)]
pub(crate) enum Found {
    /// It has been read.
    Few(Bytes),
    /// It lies in a file.
    Many(Stretch),
}

impl Found {
    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Found::Few(bytes) => bytes.len(),
            Found::Many(stretch) => stretch.len(),
        }
    }

    /// The offset behind its last record, or a later one before the next record; none: nothing was found.
    pub(crate) fn next(&self) -> Option<i64> {
        match self {
            Found::Few(bytes) => batch::last_offset(bytes).map(|last| last + 1),
            Found::Many(stretch) => Some(stretch.next),
        }
    }
}

impl Segment {
    /// Begins a new one.
    pub(crate) fn create(place: &Place, base: i64) -> io::Result<Segment> {
        let name = file_name(base);
        let file = Some(Arc::new(place.create(&name)?));
        Ok(Segment { file, ..Segment::empty(place.path(&name), base) })
    }

    /// One to be written in the place of another.
    pub(crate) fn draft(place: &Place, old: &Segment) -> io::Result<Segment> {
        let name = format!("{:020}.{DRAFT}", old.base);
        let file = Some(Arc::new(place.create(&name)?));
        Ok(Segment { file, ..Segment::empty(place.path(&name), old.base) })
    }

    /// Takes the name of the one it was written for.
    pub(crate) fn replace(&mut self, old: &Segment) -> io::Result<()> {
        let (Some(draft), Some(path)) = (&self.path, &old.path) else { return Ok(()) };
        let index = path.with_extension("index");
        // The old index speaks of other positions.
        match std::fs::remove_file(&index) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::rename(draft, path)?,
        }
        self.path = Some(path.clone());
        self.seal();
        let known = self.index.encode(self.size, self.end);
        if let Err(error) = super::place::replace(&index, &known, false) {
            tracing::warn!(?index, %error, "not written; it will be made at the next start");
        }
        Ok(())
    }

    /// Removes one that was written for nothing; what belongs to the old one stays.
    pub(crate) fn discard(self) {
        if let Some(path) = self.path
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(?path, %error, "a file that is no longer needed stays until the next start");
        }
    }

    /// Whether it was compacted first before this time.
    pub(crate) fn is_cleaned_before(&self, time: i64) -> bool {
        self.cleaned.is_some_and(|cleaned| cleaned <= time)
    }

    fn empty(path: Option<PathBuf>, base: i64) -> Segment {
        Segment {
            base,
            end: base,
            size: 0,
            index: Index::default(),
            begun: None,
            cleaned: None,
            removable: false,
            path,
            newest: None,
            file: None,
            read: RefCell::default(),
        }
    }

    /// One that exists, as far as `index` describes it.
    pub(crate) fn known(path: PathBuf, base: i64, end: i64, size: u32, index: Index) -> Segment {
        Segment { end, size, index, ..Segment::empty(Some(path), base) }
    }

    /// Its file; opened, if it no longer grows and nobody reads it now.
    pub(crate) fn file(&self) -> io::Result<Arc<File>> {
        match (&self.file, &self.path) {
            (Some(file), _) => Ok(Arc::clone(file)),
            (None, Some(path)) => {
                let mut read = self.read.borrow_mut();
                if let Some(file) = read.upgrade() {
                    return Ok(file);
                }
                let file = Arc::new(File::open(path)?);
                *read = Arc::downgrade(&file);
                Ok(file)
            }
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Makes it ready to grow.
    pub(crate) fn open_to_append(&mut self) -> io::Result<()> {
        if let (None, Some(path)) = (&self.file, &self.path) {
            let file = File::options().read(true).write(true).open(path)?;
            file.set_len(u64::from(self.size))?;
            (&file).seek(SeekFrom::Start(u64::from(self.size)))?;
            self.file = Some(Arc::new(file));
        }
        Ok(())
    }

    /// It no longer grows.
    pub(crate) fn seal(&mut self) {
        if self.path.is_some() {
            self.file = None;
        }
    }

    /// Appends a whole batch as offset `base`; the batch's own base offset and leader epoch are the
    /// only bytes that change. After an error nothing of it is there.
    pub(crate) fn append(&mut self, header: &Header, batch: &[u8]) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let mut head: [u8; 16] = batch::at(batch, 0);
        head[..8].copy_from_slice(&header.base_offset.to_be_bytes());
        head[12..].copy_from_slice(&0_i32.to_be_bytes()); // leader epoch
        if let Err(error) = write_both(file, &head, &batch[16..header.size]) {
            let size = u64::from(self.size);
            file.set_len(size).and_then(|()| (&**file).seek(SeekFrom::Start(size)))?;
            return Err(error);
        }
        self.note(header);
        Ok(())
    }

    /// Notes a batch that stands at the end of what is known.
    pub(crate) fn note(&mut self, header: &Header) {
        self.index.push(header, self.size);
        self.newest = Some((header.base_offset, self.size));
        self.size += header.size as u32;
        self.end = header.last_offset() + 1;
    }

    /// Up to `length` bytes from `position`.
    pub(crate) fn bytes(&self, position: u32, length: usize) -> io::Result<Bytes> {
        let length = length.min((self.size - position.min(self.size)) as usize);
        let mut out = BytesMut::zeroed(length);
        self.file()?.read_exact_at(&mut out, u64::from(position))?;
        Ok(out.freeze())
    }

    /// Looks at the headers of the batches from `position` on, as long as `each` wants more.
    pub(crate) fn walk(
        &self,
        mut position: u32,
        mut each: impl FnMut(u32, &Header) -> bool,
    ) -> io::Result<()> {
        while position < self.size {
            let chunk = self.bytes(position, CHUNK)?;
            let mut at = 0;
            while let Some(header) = chunk.get(at..).and_then(|rest| Header::read(rest).ok()) {
                if !each(position + at as u32, &header) {
                    return Ok(());
                }
                at += header.size;
            }
            if at == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no batch where one was"));
            }
            position += at as u32;
        }
        Ok(())
    }

    /// Whole batches from the one that holds `from`, without those that begin at `to` or later:
    /// at most `limit` bytes, but at least one batch if there is one.
    pub(crate) fn find(&self, from: i64, to: i64, limit: usize) -> io::Result<Found> {
        let Some((position, size)) = self.first(from)? else { return Ok(Found::Few(Bytes::new())) };
        let limit = limit.max(size);
        let left = (self.size - position) as usize;
        if left.min(limit) <= FEW {
            let bytes = self.bytes(position, limit)?;
            return Ok(Found::Few(bytes.slice(..whole_before(&bytes, to))));
        }
        let (mut end, mut next) = (self.size, self.end);
        if to < self.end || left > limit {
            // All that comes before these places is part of it.
            let far = u32::try_from(position as usize + limit).unwrap_or(u32::MAX);
            let known = self.index.position_of(to).min(self.index.position_before(far));
            self.walk(known.max(position), |at, header| {
                let fits =
                    header.base_offset < to && (at - position) as usize + header.size <= limit;
                if !fits {
                    (end, next) = (at, header.base_offset);
                }
                fits
            })?;
        }
        let length = (end - position) as usize;
        Ok(Found::Many(Stretch::new(self.file()?, position, length, next)))
    }

    /// Where the batch is that holds `from`, or the first one after it, and its size.
    fn first(&self, from: i64) -> io::Result<Option<(u32, usize)>> {
        let begin = match self.newest {
            Some((offset, position)) if from >= offset => position,
            _ => self.index.position_of(from),
        };
        let mut found = None;
        self.walk(begin, |position, header| {
            found = (header.last_offset() >= from).then_some((position, header.size));
            found.is_none()
        })?;
        Ok(found)
    }
}

/// The bytes of the whole batches at the front that begin before `to`.
fn whole_before(bytes: &[u8], to: i64) -> usize {
    let mut end = 0;
    while let Some(header) = bytes.get(end..).and_then(|rest| Header::read(rest).ok())
        && end + header.size <= bytes.len()
        && header.base_offset < to
    {
        end += header.size;
    }
    end
}

/// The name of the segment that begins at an offset.
pub(crate) fn file_name(base: i64) -> String {
    format!("{base:020}.log")
}

fn write_both(mut file: &File, head: &[u8], rest: &[u8]) -> io::Result<()> {
    let written = file.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)])?;
    if written < head.len() {
        file.write_all(&head[written..])?;
        file.write_all(rest)
    } else {
        file.write_all(&rest[written - head.len()..])
    }
}
