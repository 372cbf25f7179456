//! Archive files on disk, and the time-stamping authority over their head.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use edge::http::{self, Client, Method, Request, Settings, Url};
use envelope::archive::ARCHIVE_BYTES_MAX;
use envelope::timestamp::{QUERY, TIMESTAMP_BYTES_MAX};
use exchange::archive::{StampFuture, Stamper, Vault};
use exchange::config::{Limits, Remote};

use crate::text::Failure;
use crate::{files, https};

/// How the name of an archive file ends.
const ENDS: &str = ".tga.zst";
/// Most archive files of one folder.
pub(crate) const ARCHIVE_FILES_MAX: usize = 1_000_000;

/// The folder of one identity's archive.
#[derive(Clone, Debug)]
pub(crate) struct FolderVault(pub(crate) PathBuf);

impl Vault for FolderVault {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.0.join(name);
        let failed = |e: std::io::Error| format!("{}: {e}", path.display());
        if path.exists() {
            // A death between the file and its fact: it is made again with what is closed by now.
            return match std::fs::read(&path).map_err(failed)? == bytes {
                true => Ok(()),
                false => Err(format!("{}: another file of that name is there", path.display())),
            };
        }
        std::fs::create_dir_all(&self.0).map_err(failed)?;
        let part = path.with_extension("part");
        let mut file = std::fs::File::create(&part).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&part, &path).map_err(failed)?;
        std::fs::File::open(&self.0).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, String> {
        bytes(&self.0.join(name)).map_err(|e| e.en)
    }
}

/// An archive file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    files::bytes(path, ARCHIVE_BYTES_MAX as u64)
}

/// The archive files of a folder, in the order of their numbers.
pub(crate) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| files::cannot(folder, &e))? {
        let path = entry.map_err(|e| files::cannot(folder, &e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(ENDS) && found.len() < ARCHIVE_FILES_MAX {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

/// A time-stamping authority on the network.
#[derive(Debug)]
pub(crate) struct Tsa {
    url: Url,
    client: Client,
}

impl Tsa {
    /// The authority of the configuration.
    pub(crate) fn new(remote: &Remote, limits: &Limits) -> Result<Self, Failure> {
        let settings = Settings {
            answer_bytes_max: TIMESTAMP_BYTES_MAX as u64,
            ..https::settings(remote, limits)?
        };
        let client = Client::new(settings)
            .map_err(|e| Failure::environment(e.to_string(), format!("时间戳服务不可用：{e}")))?;
        Ok(Self { url: https::address(&remote.url)?, client })
    }
}

impl Stamper for Tsa {
    fn ask(&self, question: Vec<u8>) -> StampFuture<'_> {
        Box::pin(async move {
            let mut request = Request::new(Method::POST, self.url.clone());
            request.header("content-type", QUERY).map_err(|e| e.to_string())?;
            request.body = question;
            let answer = self.client.send(request).await.map_err(|e| e.to_string())?;
            if answer.status != 200 {
                return Err(format!("{} answers {}", http::place(&self.url), answer.status));
            }
            Ok(answer.body)
        })
    }
}
