use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use mucura_runtime::{Disk, File, OpenMode, read_exact_at};
use mucura_types::{HASH_GROUP_BYTES, PlantedBug, is_planted};

use crate::shard::{HASH_BYTES, HEADER_BYTES_MAX, ShardHeader, ShardName};
use crate::shard_file::TRUSTED_BY_READING_BYTES;
use crate::trailer::FileLayout;

const GROUP: u64 = HASH_GROUP_BYTES as u64;

/// An open shard file whose header, hash table and trailer have been checked.
/// What it gives out has been checked against the table.
pub(crate) struct ShardReader {
    file: Arc<dyn File>,
    header: ShardHeader,
    layout: FileLayout,
    table: Vec<[u8; HASH_BYTES]>,
}

/// Why a shard cannot be read.
#[derive(Debug)]
pub(crate) enum ReadFault {
    /// There is no such file.
    Missing,
    /// What is there is not the shard; the text says what does not fit.
    Corrupt(&'static str),
    /// The disk.
    Disk(io::Error),
}

impl From<io::Error> for ReadFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::UnexpectedEof => Self::Corrupt("it ends too early"),
            _ => Self::Disk(error),
        }
    }
}

impl ShardReader {
    /// Opens the file at `path` as the shard `shard`: what is there must say
    /// that it is that one.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, shard: ShardName) -> Result<Self, ReadFault> {
        let file = disk.open(path, OpenMode::Read)?;
        let file_len = file.len()?;
        let mut head = vec![0; usize::try_from(file_len).unwrap_or(usize::MAX).min(HEADER_BYTES_MAX)];
        read_exact_at(&*file, &mut head, 0)?;
        let (header, header_len) = ShardHeader::decode(&head).map_err(ReadFault::Corrupt)?;
        if header.shard != shard {
            return Err(ReadFault::Corrupt("it is another shard"));
        }
        let layout = FileLayout { header_len, shard_len: header.layout.shard_len() };
        if layout.file_len() != file_len {
            return Err(ReadFault::Corrupt("it has not the length of its shard"));
        }
        let mut header_hash = [0; HASH_BYTES];
        header_hash.copy_from_slice(&head[header_len - HASH_BYTES..header_len]);
        let mut tail = vec![0; layout.tail_len()];
        read_exact_at(&*file, &mut tail, layout.table_at())?;
        let table = layout.decode_tail(&header_hash, &tail).map_err(ReadFault::Corrupt)?;
        Ok(Self { file, header, layout, table })
    }

    pub(crate) fn header(&self) -> &ShardHeader {
        &self.header
    }

    /// Bytes of the shard.
    pub(crate) fn shard_len(&self) -> u64 {
        self.layout.shard_len
    }

    /// Makes the contents survive a power cut, if they do not yet.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Checks what a trailer alone does not prove of a file that was found
    /// after an unclean stop: the system may have written it before the cells.
    pub(crate) fn check_unsynced(&self) -> Result<(), ReadFault> {
        if self.layout.shard_len > TRUSTED_BY_READING_BYTES {
            return Ok(());
        }
        let mut memory = vec![0; index(self.layout.shard_len)];
        self.read(&(0..self.layout.shard_len), &mut memory).map(drop)
    }

    /// Reads every group that `range` touches into the front of `memory` and
    /// checks it. Gives where in `memory` the bytes of `range` are. `range`
    /// must lie within the shard and `memory` hold its groups.
    pub(crate) fn read(&self, range: &Range<u64>, memory: &mut [u8]) -> Result<Range<usize>, ReadFault> {
        let touched = touched(range, self.layout.shard_len);
        let start = index(range.start - touched.start);
        let memory = &mut memory[..index(touched.end - touched.start)];
        read_exact_at(&*self.file, memory, self.layout.cells_at() + touched.start)?;
        let hashes = &self.table[index(touched.start / GROUP)..];
        for (group, hash) in memory.chunks(HASH_GROUP_BYTES).zip(hashes) {
            if blake3::hash(group).as_bytes() != hash && !is_planted(PlantedBug::UncheckedCells) {
                return Err(ReadFault::Corrupt("a cell does not match its checksum"));
            }
        }
        Ok(start..start + index(range.end - range.start))
    }
}

/// The bytes of a shard that must be read to check those of `range`.
pub(crate) fn touched(range: &Range<u64>, shard_len: u64) -> Range<u64> {
    range.start / GROUP * GROUP..range.end.next_multiple_of(GROUP).min(shard_len)
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
pub(crate) mod tests {
    use super::*;
    use crate::shard::tests::{header, name};
    use crate::shard_file::ShardFile;
    use mucura_runtime::RealDisk;
    use proptest::prelude::*;
    use tempfile::TempDir;

    fn cells(len: u64) -> Vec<u8> {
        (0..len).map(|i| (i * 7 % 253) as u8).collect()
    }

    /// A sealed file of a shard of a chunk of `chunk_len` bytes.
    pub(crate) fn sealed(dir: &TempDir, shard: ShardName, chunk_len: u64) -> std::path::PathBuf {
        let path = dir.path().join(shard.to_string());
        let header = header(shard, chunk_len);
        let file = RealDisk.open(&path, OpenMode::CreateNew).unwrap();
        let mut writer = ShardFile::begin(file, &header, &header.encode().unwrap()).ok().unwrap();
        for piece in cells(header.layout.shard_len()).chunks(50_000) {
            writer.write(piece).ok().unwrap();
        }
        writer.seal().ok().unwrap();
        path
    }

    fn bytes_of(path: &Path) -> Vec<u8> {
        mucura_runtime::read_file(&RealDisk, path, 1 << 24).unwrap()
    }

    fn put(path: &Path, bytes: &[u8]) {
        RealDisk.open(path, OpenMode::Truncate).unwrap().write_at(bytes, 0).unwrap();
    }

    fn read_all(path: &Path, shard: ShardName) -> Result<Vec<u8>, ReadFault> {
        let reader = ShardReader::open(&RealDisk, path, shard)?;
        let mut memory = vec![0; reader.shard_len() as usize];
        reader.read(&(0..reader.shard_len()), &mut memory)?;
        Ok(memory)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_range_reads_what_was_written(chunk_len in 1u64..400_000, from: u64, to: u64) {
            let dir = tempfile::tempdir().unwrap();
            let path = sealed(&dir, name(1, 0), chunk_len);
            let reader = ShardReader::open(&RealDisk, &path, name(1, 0)).unwrap();
            let len = reader.shard_len();
            let (from, to) = (from % (len + 1), to % (len + 1));
            let range = from.min(to)..from.max(to);
            let mut memory = vec![0; len as usize];
            let at = reader.read(&range, &mut memory).unwrap();
            prop_assert!(memory[at] == cells(len)[range.start as usize..range.end as usize]);
        }

        #[test]
        fn arbitrary_bytes_are_no_shard(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            put(&path, &bytes);
            prop_assert!(matches!(read_all(&path, name(1, 0)), Err(ReadFault::Corrupt(_))));
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = sealed(&dir, name(1, 0), 500);
        let good = bytes_of(&path);
        assert!(read_all(&path, name(1, 0)).is_ok());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            put(&path, &bad);
            assert!(matches!(read_all(&path, name(1, 0)), Err(ReadFault::Corrupt(_))), "byte {at}");
        }
    }

    #[test]
    fn a_cut_or_extended_file_is_no_shard() {
        let dir = tempfile::tempdir().unwrap();
        let path = sealed(&dir, name(1, 0), 500);
        let good = bytes_of(&path);
        for len in 0..good.len() {
            put(&path, &good[..len]);
            assert!(matches!(read_all(&path, name(1, 0)), Err(ReadFault::Corrupt(_))), "length {len}");
        }
        for extra in [1, 32, 64, good.len()] {
            put(&path, &[good.clone(), good[good.len() - extra..].to_vec()].concat());
            assert!(matches!(read_all(&path, name(1, 0)), Err(ReadFault::Corrupt(_))), "{extra} more");
        }
    }

    #[test]
    fn a_shard_under_the_wrong_name_is_not_taken_for_the_right_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = sealed(&dir, name(1, 0), 500);
        for wrong in [name(1, 1), name(2, 0)] {
            assert!(matches!(ShardReader::open(&RealDisk, &path, wrong), Err(ReadFault::Corrupt(_))));
        }
    }

    #[test]
    fn a_rotten_group_is_found_and_the_others_still_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = sealed(&dir, name(1, 0), 400_000);
        let file = RealDisk.open(&path, OpenMode::ReadWrite).unwrap();
        let reader = ShardReader::open(&RealDisk, &path, name(1, 0)).unwrap();
        file.write_at(&[0xff], reader.layout.cells_at() + GROUP + 5).unwrap();
        let mut memory = vec![0; reader.shard_len() as usize];
        assert!(reader.read(&(0..GROUP), &mut memory).is_ok());
        assert!(reader.read(&(2 * GROUP..2 * GROUP + 1), &mut memory).is_ok());
        assert!(matches!(reader.read(&(0..GROUP + 1), &mut memory), Err(ReadFault::Corrupt(_))));
    }
}
