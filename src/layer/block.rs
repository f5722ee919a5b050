//! Cuts the tar bytes of a segment into blocks.

use std::io;

use crate::tree::{Content, Kind, TreePath};

use super::codec::{self, Block};
use super::compression::Compression;
use super::segment::Segment;
use super::tar;

/// Why a segment was not cut to its end.
pub(super) enum CutError<'a> {
    /// The content of the file at this path could not be read.
    Read(&'a TreePath, io::Error),
    /// Whoever takes the blocks wants no more.
    Stopped,
}

/// Cuts the `length` tar bytes of `segment` into blocks and hands each to `take`, which returns
/// whether it wants more. Every segment starts a block of its own.
pub(super) fn cut<'a>(
    segment: &'a Segment,
    length: u64,
    compression: Compression,
    take: &mut dyn FnMut(Block) -> bool,
) -> Result<(), CutError<'a>> {
    let mut cutter = Cutter::new(length, compression, take);
    for (path, node) in &segment.entries {
        // The plan has encoded every header before.
        let header = tar::header(path, node)
            .map_err(|reason| CutError::Read(path, io::Error::other(reason)))?;
        cutter.bytes(&header)?;
        if let Kind::File(content) = &node.kind {
            cutter.content(path, content)?;
            cutter.bytes(&[0; tar::RECORD][..tar::padding(content.len())])?;
        }
    }
    cutter.finish()
}

struct Cutter<'t> {
    take: &'t mut dyn FnMut(Block) -> bool,
    compression: Compression,
    /// Bytes of the segment that no block has been made for yet.
    left: u64,
    /// The block being filled: priming, what is filled, space up to the block's end.
    buffer: Vec<u8>,
    primed: usize,
    filled: usize,
}

impl<'t> Cutter<'t> {
    fn new(left: u64, compression: Compression, take: &'t mut dyn FnMut(Block) -> bool) -> Self {
        let mut cutter = Self {
            take,
            compression,
            left,
            buffer: Vec::new(),
            primed: 0,
            filled: 0,
        };
        cutter.start(Vec::new());
        cutter
    }

    /// Starts the next block, primed with `tail`.
    fn start(&mut self, tail: Vec<u8>) {
        let size = self.left.min(codec::block_size(self.compression) as u64) as usize;
        self.left -= size as u64;
        self.primed = tail.len();
        self.filled = tail.len();
        self.buffer = tail;
        self.buffer.resize(self.primed + size, 0);
    }

    /// Hands over the block, which is full.
    fn emit<'a>(&mut self) -> Result<(), CutError<'a>> {
        let block = Block::new(std::mem::take(&mut self.buffer), self.primed, false);
        self.start(block.tail(self.compression).to_vec());
        if (self.take)(block) {
            Ok(())
        } else {
            Err(CutError::Stopped)
        }
    }

    /// The space for the next bytes, at most `wanted` of them.
    fn space<'a>(&mut self, wanted: u64) -> Result<&mut [u8], CutError<'a>> {
        if self.filled == self.buffer.len() {
            self.emit()?;
        }
        let room = (self.buffer.len() - self.filled) as u64;
        let start = self.filled;
        self.filled += wanted.min(room) as usize;
        Ok(&mut self.buffer[start..self.filled])
    }

    fn bytes<'a>(&mut self, mut bytes: &[u8]) -> Result<(), CutError<'a>> {
        while !bytes.is_empty() {
            let space = self.space(bytes.len() as u64)?;
            let (now, later) = bytes.split_at(space.len());
            space.copy_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn content<'a>(&mut self, path: &'a TreePath, content: &Content) -> Result<(), CutError<'a>> {
        let mut position = 0;
        while position < content.len() {
            let space = self.space(content.len() - position)?;
            content
                .read_exact_at(space, position)
                .map_err(|error| CutError::Read(path, error))?;
            position += space.len() as u64;
        }
        Ok(())
    }

    fn finish<'a>(mut self) -> Result<(), CutError<'a>> {
        if self.filled > self.primed {
            self.emit()?;
        }
        Ok(())
    }
}
