//! The file that says whose directory this is. A directory without it is an unmounted disk or someone
//! else's, never an empty store.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Code, Result, StoreError};
use crate::format::u32_at;
use crate::lock::{LOCK_FILE, Lock};

/// Name of the file.
pub const MARKER_FILE: &str = "pangea-store";
const MAGIC: [u8; 4] = *b"PGST";
const VERSION: u16 = 1;
const MAX_OWNER_BYTES: usize = 256;
const FIXED_BYTES: usize = 28;

/// An opened, locked and identified directory.
pub struct Home {
    /// The directory.
    pub path: PathBuf,
    /// Random id of the volume set.
    pub set: [u8; 16],
    /// Held as long as the store is open.
    pub lock: Lock,
}

/// Opens a directory for its owner. With `create` a missing or empty one is made and marked.
pub fn open_home(path: &Path, create: bool, owner: &str) -> Result<Home> {
    if create {
        fs::create_dir_all(path).map_err(|error| StoreError::io("create", path, &error))?;
    } else if !path.is_dir() {
        return Err(StoreError::new(Code::Missing, format!("{} is not there: is its disk mounted?", path.display())));
    }
    if !path.join(MARKER_FILE).exists() {
        refuse_unmarked(path, create)?;
    }
    let lock = Lock::take(path)?;
    let marker = path.join(MARKER_FILE);
    if !marker.exists() {
        write_marker(path, owner)?;
    }
    let bytes = fs::read(&marker).map_err(|error| StoreError::io("read", &marker, &error))?;
    let (set, found) = decode(&bytes)?;
    if found != owner {
        return Err(StoreError::new(Code::Foreign, format!("{} belongs to {found}, not to {owner}", path.display())));
    }
    Ok(Home { path: path.to_path_buf(), set, lock })
}

fn refuse_unmarked(path: &Path, create: bool) -> Result<()> {
    if !create {
        return Err(StoreError::new(
            Code::Missing,
            format!("{} carries no {MARKER_FILE} file: is its disk mounted?", path.display()),
        ));
    }
    for entry in fs::read_dir(path).map_err(|error| StoreError::io("list", path, &error))? {
        let name = entry.map_err(|error| StoreError::io("list", path, &error))?.file_name();
        // What a fresh file system, or a start that was cut off before the marker stood, leaves behind.
        if name != "lost+found" && name != LOCK_FILE && name != format!("{MARKER_FILE}.tmp").as_str() {
            return Err(StoreError::new(
                Code::Foreign,
                format!("{} is not empty and carries no {MARKER_FILE} file", path.display()),
            ));
        }
    }
    Ok(())
}

fn write_marker(path: &Path, owner: &str) -> Result<()> {
    let mut set = [0; 16];
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut set))
        .map_err(|error| StoreError::io("read", source, &error))?;
    write_durably(path, MARKER_FILE, &encode(&set, owner)?)
}

fn encode(set: &[u8; 16], owner: &str) -> Result<Vec<u8>> {
    if owner.len() > MAX_OWNER_BYTES {
        return Err(StoreError::new(Code::Internal, "the owner's name is too long"));
    }
    let mut out = Vec::with_capacity(FIXED_BYTES + owner.len() + 4);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(set);
    out.extend_from_slice(&(owner.len() as u32).to_le_bytes());
    out.extend_from_slice(owner.as_bytes());
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    Ok(out)
}

fn decode(bytes: &[u8]) -> Result<([u8; 16], String)> {
    let damaged = || StoreError::new(Code::StoreCorrupt, format!("the file {MARKER_FILE} is damaged"));
    if bytes.len() < FIXED_BYTES + 4 || bytes[..4] != MAGIC {
        return Err(damaged());
    }
    let sum_at = bytes.len() - 4;
    if crc32c::crc32c(&bytes[..sum_at]) != u32_at(bytes, sum_at) {
        return Err(damaged());
    }
    if bytes[4..8] != [1, 0, 0, 0] {
        return Err(StoreError::new(Code::Foreign, format!("the file {MARKER_FILE} is of a newer version")));
    }
    if u32_at(bytes, 24) as usize != sum_at - FIXED_BYTES {
        return Err(damaged());
    }
    let mut set = [0; 16];
    set.copy_from_slice(&bytes[8..24]);
    let owner = String::from_utf8(bytes[FIXED_BYTES..sum_at].to_vec()).map_err(|_| damaged())?;
    Ok((set, owner))
}

/// Replaces a file so that after a power loss there is the old one or the new one.
pub fn write_durably(directory: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = directory.join(name);
    let draft = directory.join(format!("{name}.tmp"));
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    };
    write().map_err(|error| StoreError::io("write", &path, &error))?;
    sync_directory(directory)
}

/// Makes created, renamed and removed names durable.
pub fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| StoreError::io("fsync", directory, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_marker_reads_back(set: [u8; 16], owner in "[A-Za-z0-9]{0,64}") {
            prop_assert_eq!(decode(&encode(&set, &owner).unwrap()).unwrap(), (set, owner));
        }

        #[test]
        fn hostile_bytes_are_an_error(bytes: Vec<u8>, flip: u8, at in 0usize..60) {
            prop_assert!(decode(&bytes).is_err());
            let mut marker = encode(&[1; 16], "owner").unwrap();
            let at = at % marker.len();
            marker[at] ^= flip;
            prop_assert_eq!(decode(&marker).is_ok(), flip == 0);
        }
    }
}
