//! The file of the store: frames of length, checksum and JSON.

use super::Key;
use crate::log::place::Place;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

const NAME: &str = "state";

/// A file that changes are appended to.
#[derive(Debug)]
pub(super) struct StateFile {
    file: Arc<File>,
    pub(super) size: u64,
    /// Something that was not written whole is at its end.
    torn: bool,
}

type Change = (Key, Option<Box<str>>);

impl StateFile {
    /// Opens it, or makes it; gives the changes in it, and cuts what is torn.
    pub(super) fn open(place: &Place) -> io::Result<(StateFile, Vec<Vec<Change>>)> {
        let Some(path) = place.path(NAME).filter(|path| path.exists()) else {
            let file = Arc::new(place.create(NAME)?);
            return Ok((StateFile { file, size: 0, torn: false }, Vec::new()));
        };
        let bytes = std::fs::read(&path)?;
        let (mut left, mut all) = (&bytes[..], Vec::new());
        while let Some((changes, rest)) = frame(left) {
            all.push(changes);
            left = rest;
        }
        let size = (bytes.len() - left.len()) as u64;
        if !left.is_empty() {
            tracing::warn!(?path, torn = left.len(), "the end of this file was torn and is cut");
        }
        let mut file = File::options().read(true).write(true).open(&path)?;
        file.set_len(size)?;
        file.seek(SeekFrom::End(0))?;
        Ok((StateFile { file: Arc::new(file), size, torn: false }, all))
    }

    /// Replaces it by a new one with these changes only, which is on the disk when this returns; until its
    /// directory is forced, a crash may bring back the old one.
    pub(super) fn rewrite<K: Serialize, V: Serialize>(
        place: &Place,
        changes: impl Iterator<Item = (K, V)>,
    ) -> io::Result<StateFile> {
        const DRAFT: &str = "state.draft";
        let file = place.create(DRAFT)?;
        let mut out = io::BufWriter::new(&file);
        let mut size = 0;
        for change in changes {
            let frame = encode(&[change])?;
            out.write_all(&frame)?;
            size += frame.len() as u64;
        }
        out.flush()?;
        drop(out);
        if let (Some(draft), Some(path)) = (place.path(DRAFT), place.path(NAME)) {
            file.sync_all()?;
            std::fs::rename(draft, path)?;
        }
        Ok(StateFile { file: Arc::new(file), size, torn: false })
    }

    /// Appends changes; after an error none of them is there.
    pub(super) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let frame = encode(changes)?;
        if self.torn {
            self.cut()?;
        }
        if let Err(error) = (&*self.file).write_all(&frame) {
            self.torn = true;
            let _ = self.cut();
            return Err(error);
        }
        self.size += frame.len() as u64;
        Ok(())
    }

    /// Takes away what was written in part; what came after it could not be read.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.size)?;
        (&*self.file).seek(SeekFrom::Start(self.size))?;
        self.torn = false;
        Ok(())
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

fn encode(changes: &(impl Serialize + ?Sized)) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 8];
    serde_json::to_writer(&mut frame, changes)?;
    let length = (frame.len() - 8) as u32;
    let crc = crc32c::crc32c(&frame[8..]);
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame[4..8].copy_from_slice(&crc.to_be_bytes());
    Ok(frame)
}

/// The changes at the front, and what comes after them.
fn frame(bytes: &[u8]) -> Option<(Vec<Change>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (json, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    if crc32c::crc32c(json) != u32::from_be_bytes(*crc) {
        return None;
    }
    Some((serde_json::from_slice(json).ok()?, rest))
}
