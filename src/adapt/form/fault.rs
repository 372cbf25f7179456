//! What can be wrong with a whole file.

use std::io;

/// A file that cannot be used, in words for its sender. Holds nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{en}")]
pub struct FileFault {
    /// Stable code.
    pub code: &'static str,
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The file is wrong: reading it again gives the same.
    #[error(transparent)]
    Wrong(#[from] FileFault),
    /// Reading failed: it may succeed later.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for FormError {
    fn from(e: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof, Unsupported};
        match e.get_ref().and_then(|inner| inner.downcast_ref::<FileFault>()) {
            Some(fault) => Self::Wrong(fault.clone()),
            // What unpackers and parsers say of bytes that make no sense.
            None => match e.kind() {
                InvalidData | InvalidInput | UnexpectedEof | Unsupported | Other => {
                    Self::Wrong(damaged(&e.to_string()))
                }
                _ => Self::Io(e),
            },
        }
    }
}

impl FileFault {
    /// A limit was passed.
    pub fn limit(name: &str, max: u64) -> Self {
        limit(name, max)
    }
}

impl From<FileFault> for io::Error {
    fn from(fault: FileFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// The bytes make no sense.
pub(super) fn damaged(detail: &str) -> FileFault {
    FileFault {
        code: "source.file_damaged",
        zh: format!("文件已损坏或不完整（{detail}），请重新导出并传送"),
        en: format!("the file is damaged or not whole ({detail}); export and deliver it again"),
    }
}

/// The file is of another form than the package says.
pub(super) fn not_this(form: &str) -> FileFault {
    FileFault {
        code: "source.form_wrong",
        zh: format!("文件不是 {form} 格式，请按约定格式导出"),
        en: format!("the file is not {form}; export it in the agreed form"),
    }
}

/// A limit was passed.
pub(super) fn limit(name: &str, max: u64) -> FileFault {
    FileFault {
        code: "source.file_limit",
        zh: format!("文件超过限制 {name} = {max}，已拒绝读取"),
        en: format!("the file passes the limit {name} = {max}; it was not read"),
    }
}

/// The file can only be opened with a password.
pub(super) fn encrypted() -> FileFault {
    FileFault {
        code: "source.file_encrypted",
        zh: "文件设有打开密码，无法读取；请去掉密码后重新传送".into(),
        en: "the file opens only with a password; remove the password and deliver it again".into(),
    }
}

/// No sheet has the name.
pub(super) fn no_sheet(wanted: &str) -> FileFault {
    FileFault {
        code: "source.sheet_missing",
        zh: format!("工作簿中没有工作表『{wanted}』"),
        en: format!("the workbook has no sheet `{wanted}`"),
    }
}

/// An XML file brings its own document type or entities.
pub(super) fn document_type() -> FileFault {
    FileFault {
        code: "source.form_wrong",
        zh: "XML 含有 DTD 或自定义实体，不予读取；请去掉后重新导出".into(),
        en: "the XML has a document type or entities of its own; export it without".into(),
    }
}
