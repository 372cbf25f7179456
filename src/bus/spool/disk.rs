//! A disk carried by hand: outgoing files go onto it with a signed list, and from it into `in/`.
//!
//! An export is a folder of its own on the disk; it is finished when its list stands in it. Both ways
//! may be broken off anywhere and begun again, and a disk may be brought twice.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use canon::{Digest, DigestAlg, Millis, NodeCode};
use envelope::{Refuse, SignError, Signer, Trust};
use serde::{Deserialize, Serialize};

use super::folder::{Folder, sync_folder};
use super::form::{Reading, read};
use super::{FILE_BYTES_MAX, Outside};

/// Name of the list in an export's folder.
pub const LIST: &str = "LIST.tiergate";
/// Largest list, bytes.
pub const LIST_BYTES_MAX: usize = 64 << 20;
/// Most exports looked at on one disk.
pub const EXPORTS_MAX: u32 = 10_000;

/// The edition of the written list.
const EDITION: u32 = 1;

/// Why a disk could not be worked with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// A file or folder did not do its part.
    #[error("{path}: {source}; what was done stays done, begin again")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The list could not be signed.
    #[error("the list could not be signed: {0}")]
    Sign(#[from] SignError),
    /// The disk is full of exports.
    #[error("the disk has more than {EXPORTS_MAX} exports; take an empty one")]
    Full,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_path_buf();
    move |source| DiskError::Io { path, source }
}

/// One file on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in the export's folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Digest of the file.
    pub digest: String,
    /// The envelope it brings, or a part of it.
    pub envelope: String,
    /// Kind word.
    pub kind: String,
}

/// What lies in one export: signed, so that a missing file is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskList {
    /// Edition of this form.
    pub disk: u32,
    /// Who exported.
    pub from: String,
    /// For whom.
    pub to: String,
    /// When.
    pub at: String,
    /// The files.
    pub files: Vec<Listed>,
}

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The folder on the disk; none if there was nothing to carry.
    pub folder: Option<String>,
    /// Files in it.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files of an export that was broken off after its list was written.
    pub resumed: usize,
    /// Files that did not fit and wait for the next disk.
    pub left: usize,
    /// Outgoing files that are none of ours; left where they are.
    pub foreign: Vec<String>,
}

/// Which two nodes a disk goes between, seen from one side.
#[derive(Clone, Debug)]
pub struct Ends {
    /// This node.
    pub own: NodeCode,
    /// The neighbour.
    pub peer: NodeCode,
}

/// Carries what lies in `out/` onto a disk, at most `max_bytes` of it, and puts it into `carried/`.
pub fn export(
    folder: &Folder,
    disk: &Path,
    ends: &Ends,
    signer: &dyn Signer,
    max_bytes: u64,
    now: Millis,
) -> Result<Exported, DiskError> {
    let mut done = Exported::default();
    let stem = format!("tiergate-{}-to-{}", ends.own, ends.peer);
    fs::create_dir_all(disk).map_err(at(disk))?;
    let (finished, place) = exports(disk, &stem)?;
    let mut files = Vec::new();
    for name in names(folder.out())? {
        let path = folder.out().join(&name);
        let Some(bytes) = plain_file(&path)? else { continue };
        match read(&bytes) {
            Reading::Piece(piece) => files.push((piece.outside, name, bytes.len() as u64)),
            _ => done.foreign.push(name),
        }
    }
    files.sort_by(|(a, an, _), (b, bn, _)| order(a).cmp(&order(b)).then_with(|| an.cmp(bn)));
    let (mut listed, mut taken) = (Vec::new(), Vec::new());
    for (outside, name, size) in files {
        let path = folder.out().join(&name);
        let Some(bytes) = plain_file(&path)? else { continue };
        if finished.iter().any(|one| fs::read(one.join(&name)).is_ok_and(|there| there == bytes)) {
            done.resumed += 1;
            taken.push(name);
            continue;
        }
        if done.left > 0 || done.bytes + size > max_bytes {
            done.left += 1;
            continue;
        }
        fs::create_dir_all(&place).map_err(at(&place))?;
        write_new(&place, &name, &bytes)?;
        done.bytes += size;
        listed.push(Listed {
            bytes: size,
            digest: DigestAlg::Sha256.of(&[&bytes]).to_string(),
            envelope: outside.id.to_string(),
            kind: outside.kind.to_string(),
            name: name.clone(),
        });
        taken.push(name);
    }
    done.files = listed.len();
    if !listed.is_empty() {
        let (from, to) = (ends.own.to_string(), ends.peer.to_string());
        let list = DiskList { disk: EDITION, from, to, at: now.to_string(), files: listed };
        write_new(&place, LIST, &signed(&list, signer)?)?;
        sync_folder(disk).map_err(at(disk))?;
        done.folder = Some(place.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    // Only what stands on the disk under a signed list leaves `out/`.
    for name in taken {
        let from = folder.out().join(&name);
        fs::rename(&from, folder.carried().join(&name)).map_err(at(&from))?;
    }
    sync_folder(folder.out()).map_err(at(folder.out()))?;
    Ok(done)
}

/// The order of carrying: control parcels first, then by envelope.
fn order(outside: &Outside) -> (canon::Lane, canon::EnvelopeId, u32) {
    (outside.lane, outside.id.clone(), outside.part)
}

/// Finished exports of this name on the disk, and the folder that the next one goes into.
fn exports(disk: &Path, stem: &str) -> Result<(Vec<PathBuf>, PathBuf), DiskError> {
    let mut finished = Vec::new();
    for n in 1..=EXPORTS_MAX {
        let place = disk.join(format!("{stem}-{n:04}"));
        if !place.join(LIST).is_file() {
            return Ok((finished, place));
        }
        finished.push(place);
    }
    Err(DiskError::Full)
}

fn signed(list: &DiskList, signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    let text = serde_json::to_string(list).expect("texts and numbers always have a JSON form");
    let signature = envelope::sign_text(text.as_bytes(), signer)?;
    Ok([text.as_bytes(), b"\n", &signature, b"\n"].concat())
}

/// What became of one file of a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Path on the disk.
    pub path: String,
    /// `taken`, `known`, or the stable code of what is wrong.
    pub what: String,
    /// More.
    pub detail: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Lists that were verified.
    pub lists: usize,
    /// Files laid into `in/`.
    pub taken: usize,
    /// Files that were here already.
    pub known: usize,
    /// What became of every file.
    pub files: Vec<FileReport>,
}

impl Imported {
    /// Whether every file on the disk for this link is here, and every list was good.
    pub fn is_right(&self) -> bool {
        self.files.iter().all(|f| matches!(f.what.as_str(), "taken" | "known"))
    }

    fn say(&mut self, path: &Path, what: &str, detail: impl Into<String>) {
        let path = path.display().to_string();
        self.files.push(FileReport { path, what: what.into(), detail: detail.into() });
    }
}

/// Lays what a disk brought for one link into `in/`. Nothing on the disk is changed; what is not right
/// is named and left.
pub fn import(
    folder: &Folder,
    disk: &Path,
    ends: &Ends,
    trust: &Trust,
    now: Millis,
) -> Result<Imported, DiskError> {
    let mut done = Imported::default();
    let mut places = vec![disk.to_path_buf()];
    for entry in fs::read_dir(disk).map_err(at(disk))? {
        let path = entry.map_err(at(disk))?.path();
        // Never through a link.
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
            places.push(path);
        }
    }
    places.sort();
    for place in places {
        if fs::symlink_metadata(place.join(LIST)).is_ok() {
            listed_place(folder, &place, ends, trust, now, &mut done)?;
        } else {
            unlisted_place(folder, &place, ends, &mut done)?;
        }
    }
    sync_folder(folder.incoming()).map_err(at(folder.incoming()))?;
    Ok(done)
}

fn listed_place(
    folder: &Folder,
    place: &Path,
    ends: &Ends,
    trust: &Trust,
    now: Millis,
    done: &mut Imported,
) -> Result<(), DiskError> {
    let path = place.join(LIST);
    let list = match verified(&path, trust, now)? {
        Ok(list) => list,
        Err(refuse) => {
            done.say(&path, "spool.list_invalid", refuse);
            return Ok(());
        }
    };
    // Another link's: none of this one's business.
    if list.to != ends.own.as_str() || list.from != ends.peer.as_str() {
        return Ok(());
    }
    done.lists += 1;
    let mut known: Vec<&str> = vec![LIST];
    for file in &list.files {
        known.push(&file.name);
        let path = place.join(&file.name);
        if Path::new(&file.name).file_name() != Some(file.name.as_ref()) {
            done.say(&path, "spool.not_a_file", "a name with a path in it");
            continue;
        }
        let Some(bytes) = plain_file(&path)? else {
            done.say(&path, "spool.file_missing", format!("on the list, with {}", file.envelope));
            continue;
        };
        let digest: Option<Digest> = file.digest.parse().ok();
        if digest.is_none_or(|d| d.alg.of(&[&bytes]) != d) {
            done.say(&path, "spool.damaged", "not the bytes that the list signs");
            continue;
        }
        one(folder, &path, &file.name, &bytes, ends, done)?;
    }
    for name in names(place)?.iter().filter(|name| !known.contains(&name.as_str())) {
        done.say(&place.join(name), "spool.not_listed", "left where it is");
    }
    Ok(())
}

/// Files that somebody copied without their list: each says itself what it is and is judged by its
/// own signature in the inbox; that none is missing, nobody can say.
fn unlisted_place(
    folder: &Folder,
    place: &Path,
    ends: &Ends,
    done: &mut Imported,
) -> Result<(), DiskError> {
    for name in names(place)? {
        let path = place.join(&name);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
            continue;
        }
        match plain_file(&path)? {
            Some(bytes) => one(folder, &path, &name, &bytes, ends, done)?,
            None => done.say(&path, "spool.not_a_file", "a link, a device, or too large"),
        }
    }
    Ok(())
}

/// One good file into `in/`, unless it is there or was there.
fn one(
    folder: &Folder,
    path: &Path,
    name: &str,
    bytes: &[u8],
    ends: &Ends,
    done: &mut Imported,
) -> Result<(), DiskError> {
    let outside = match read(bytes) {
        Reading::Piece(piece) => piece.outside,
        Reading::Incomplete(why) => {
            done.say(path, "spool.incomplete", why);
            return Ok(());
        }
        Reading::Damaged(why) => {
            done.say(path, "spool.damaged", why);
            return Ok(());
        }
        Reading::Foreign(why) => {
            done.say(path, "spool.not_a_parcel", why);
            return Ok(());
        }
    };
    let said = !outside.issue.is_empty();
    if said && (outside.from != ends.peer || outside.hop != ends.own) {
        done.say(path, "spool.wrong_link", format!("from {} for {}", outside.from, outside.hop));
        return Ok(());
    }
    let same = |place: &Path| fs::read(place).is_ok_and(|there| there == bytes);
    let mut there = folder.incoming().join(name);
    if same(&there) || same(&folder.done().join(name)) {
        done.known += 1;
        done.say(path, "known", outside.id.to_string());
        return Ok(());
    }
    if fs::symlink_metadata(&there).is_ok() {
        let digest = DigestAlg::Sha256.of(&[bytes]).to_string();
        let other: String = digest.chars().rev().take(12).collect();
        there = folder.incoming().join(format!("{other}-{name}"));
    }
    let to = there.file_name().unwrap_or_default().to_string_lossy().into_owned();
    write_new(folder.incoming(), &to, bytes)?;
    done.taken += 1;
    done.say(path, "taken", format!("{} {}", outside.kind, outside.id));
    Ok(())
}

fn verified(
    path: &Path,
    trust: &Trust,
    now: Millis,
) -> Result<Result<DiskList, String>, DiskError> {
    let mut bytes = Vec::new();
    let meta = fs::symlink_metadata(path).map_err(at(path))?;
    if !meta.is_file() || meta.len() > LIST_BYTES_MAX as u64 {
        return Ok(Err("no plain file, or too large".into()));
    }
    let file = File::open(path).map_err(at(path))?;
    file.take(LIST_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(at(path))?;
    let end = bytes.iter().position(|b| *b == b'\n');
    let Some((text, signature)) = end.and_then(|end| bytes.split_at_checked(end)) else {
        return Ok(Err("cut off".into()));
    };
    let checked = envelope::verify_text(text, signature.trim_ascii(), trust, now);
    let signer = match checked {
        Ok(signer) => signer,
        Err(refuse) => return Ok(Err(worded(&refuse))),
    };
    match serde_json::from_slice::<DiskList>(text) {
        Ok(list) if list.disk != EDITION => Ok(Err("of another edition".into())),
        Ok(list) if list.from == signer.node.as_str() => Ok(Ok(list)),
        Ok(list) => Ok(Err(format!("signed by `{}`, not by `{}`", signer.node, list.from))),
        Err(_) => Ok(Err("no list".into())),
    }
}

fn worded(refuse: &Refuse) -> String {
    format!("{refuse} [{}]", refuse.code())
}

/// Names in a folder without those that begin with a dot, sorted.
fn names(folder: &Path) -> Result<Vec<String>, DiskError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        if let Ok(name) = entry.map_err(at(folder))?.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The bytes of a plain file of a parcel's size; none for anything else.
fn plain_file(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() <= FILE_BYTES_MAX as u64 => {}
        Ok(_) => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(at(path)(e)),
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(at(path))?;
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(at(path))?;
    Ok(Some(bytes))
}

/// Whole under its name, durable, or not there.
fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let (part, whole) = (folder.join(format!(".{name}.part")), folder.join(name));
    if fs::read(&whole).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, &whole)?;
        sync_folder(folder)
    };
    write().map_err(at(&whole))
}
