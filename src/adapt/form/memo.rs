//! Memo files of DBF tables: long texts that lie beside the table (`.dbt` of dBASE III and IV, `.fpt` of
//! FoxPro). A field gives the number of a block, the block gives the text.
//!
//! Nothing that such a file claims is believed: a number beyond its end, a length beyond it or beyond
//! the limits is one row's fault, and what all texts come to is limited as unpacked archives are.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use super::fault::{FileFault, FormError, damaged, limit};
use super::{FileDyn, FormLimits};
use crate::text::{ROW_BYTES_MAX, RowFault};

/// Endings of memo files.
pub(crate) const ENDINGS: [&str; 2] = ["dbt", "fpt"];

/// What ends a text of dBASE III.
const END: u8 = 0x1a;
/// A block of dBASE III, and of dBASE IV where its file does not say; FoxPro's header.
const BLOCK: u64 = 512;
/// Begins a block in use of dBASE IV.
const USED: [u8; 4] = [0xff, 0xff, 0x08, 0x00];
/// The text kind of a FoxPro block; others are pictures and objects.
const TEXT: u32 = 1;

/// Whether a file of this name is the memo file of a table.
pub fn is_memo(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|e| ENDINGS.iter().any(|m| m.eq_ignore_ascii_case(e)))
}

/// Where the memo file of a table may lie: beside it under its name, in capitals or not, as the programs
/// and copies of many years have left it.
pub fn memo_paths(table: &Path) -> Vec<PathBuf> {
    let Some(stem) = table.file_stem().and_then(|stem| stem.to_str()) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = Vec::new();
    for stem in [stem.to_owned(), stem.to_lowercase(), stem.to_uppercase()] {
        for ending in ENDINGS {
            for ending in [ending.to_owned(), ending.to_ascii_uppercase()] {
                let path = table.with_file_name(format!("{stem}.{ending}"));
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
    }
    paths
}

/// How a memo file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Texts from block to end mark.
    Three,
    /// A length in each block.
    Four,
    /// A length in each block, the other way round, and a kind.
    FoxPro,
}

impl Kind {
    /// By the table's own first byte.
    const fn of(version: u8) -> Self {
        match version {
            0x30..=0x32 | 0xf5 | 0xfb => Self::FoxPro,
            0x43 | 0x63 | 0x8b | 0x8e | 0xcb => Self::Four,
            _ => Self::Three,
        }
    }
}

/// An open memo file.
pub(super) struct Memo<'a> {
    file: &'a mut dyn FileDyn,
    kind: Kind,
    block: u64,
    size: u64,
    /// Bytes that may still be read of it, over all rows.
    budget: u64,
    budget_max: u64,
}

impl<'a> Memo<'a> {
    /// The file that lies beside a table of this version.
    pub(super) fn open(
        file: &'a mut dyn FileDyn,
        version: u8,
        limits: &FormLimits,
    ) -> Result<Self, FormError> {
        let kind = Kind::of(version);
        let size = file.seek(SeekFrom::End(0))?;
        let mut head = [0; 32];
        if size < head.len() as u64 {
            return Err(damaged("the memo file has no header").into());
        }
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut head)?;
        let block = match kind {
            Kind::Three => BLOCK,
            Kind::Four => match u16::from_le_bytes([head[20], head[21]]) {
                0 => BLOCK,
                n => n.into(),
            },
            Kind::FoxPro => u16::from_be_bytes([head[6], head[7]]).max(1).into(),
        };
        let budget = limits.unpacked_bytes_max;
        Ok(Self { file, kind, block, size, budget, budget_max: budget })
    }

    /// The text that a field points at, into `out`; nothing where the field is empty.
    pub(super) fn text(
        &mut self,
        field: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Result<(), RowFault>, FormError> {
        out.clear();
        let number = match number(field) {
            Ok(0) => return Ok(Ok(())),
            Ok(number) => number,
            Err(fault) => return Ok(Err(fault)),
        };
        // Before this is the file's own header.
        let first = if self.kind == Kind::FoxPro { BLOCK } else { self.block };
        let at = number.checked_mul(self.block).filter(|at| (first..self.size).contains(at));
        let Some(at) = at else { return Ok(Err(RowFault::CutOff)) };
        self.file.seek(SeekFrom::Start(at))?;
        let read = match self.kind {
            Kind::Three => self.until_end(at, out)?,
            Kind::Four | Kind::FoxPro => self.counted(at, out)?,
        };
        let left = self.budget.checked_sub(out.len() as u64);
        self.budget = left.ok_or_else(|| limit("unpacked_bytes_max", self.budget_max))?;
        Ok(read)
    }

    /// A text with its length before it.
    fn counted(&mut self, at: u64, out: &mut Vec<u8>) -> io::Result<Result<(), RowFault>> {
        let mut head = [0; 8];
        if self.size - at < head.len() as u64 {
            return Ok(Err(RowFault::CutOff));
        }
        self.file.read_exact(&mut head)?;
        let [a, b, c, d, e, f, g, h] = head;
        let length = if self.kind == Kind::FoxPro {
            if u32::from_be_bytes([a, b, c, d]) != TEXT {
                return Ok(Err(RowFault::Undecodable));
            }
            u64::from(u32::from_be_bytes([e, f, g, h]))
        } else {
            // The length counts its own eight bytes.
            let length = u64::from(u32::from_le_bytes([e, f, g, h]));
            match length.checked_sub(8).filter(|_| [a, b, c, d] == USED) {
                Some(length) => length,
                None => return Ok(Err(RowFault::Undecodable)),
            }
        };
        if length > self.size - at - 8 {
            return Ok(Err(RowFault::CutOff));
        }
        if length > ROW_BYTES_MAX as u64 {
            return Ok(Err(RowFault::TooLong));
        }
        out.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.file.read_exact(out)?;
        Ok(Ok(()))
    }

    /// A text up to its end mark.
    fn until_end(&mut self, at: u64, out: &mut Vec<u8>) -> io::Result<Result<(), RowFault>> {
        let mut left = self.size - at;
        let mut piece = [0; 512];
        while left > 0 {
            let take = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Some(piece) = piece.get_mut(..take) else { break };
            self.file.read_exact(piece)?;
            left -= take as u64;
            if let Some(end) = piece.iter().position(|b| *b == END) {
                out.extend_from_slice(piece.get(..end).unwrap_or_default());
                return Ok(Ok(()));
            }
            out.extend_from_slice(piece);
            if out.len() > ROW_BYTES_MAX {
                return Ok(Err(RowFault::TooLong));
            }
        }
        Ok(Err(RowFault::CutOff))
    }
}

/// The number of a block: ten digits, or four bytes in tables of Visual FoxPro. 0 is no text.
fn number(field: &[u8]) -> Result<u64, RowFault> {
    if let Ok(four) = <[u8; 4]>::try_from(field) {
        return Ok(u32::from_le_bytes(four).into());
    }
    let digits = field.trim_ascii();
    let digits = std::str::from_utf8(digits).map_err(|_| RowFault::Undecodable)?;
    match digits.trim_matches('\0') {
        "" => Ok(0),
        digits => digits.parse().map_err(|_| RowFault::Undecodable),
    }
}

/// The table has memo fields among the columns, and no memo file came with it.
pub(super) fn missing(name: &str) -> FileFault {
    FileFault {
        code: "source.header_wrong",
        zh: format!(
            "字段『{name}』的内容在备注文件（.dbt、.fpt）中，未见同名备注文件；请把两个文件一同放入，或补传备注文件后重新放入本文件"
        ),
        en: format!(
            "field `{name}` is kept in a memo file (.dbt, .fpt), and none of the same name lies beside the table; deliver both, or the memo file and then the table again"
        ),
    }
}

/// The field holds pictures or objects, which are no text.
pub(super) fn no_text(name: &str) -> FileFault {
    FileFault {
        code: "source.header_wrong",
        zh: format!(
            "字段『{name}』不是普通文本（图像、对象、二进制或变长字段）；请改导出为文本字段"
        ),
        en: format!(
            "field `{name}` holds no plain text (picture, object, binary, varying); export it as text"
        ),
    }
}
