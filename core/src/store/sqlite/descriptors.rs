//! Lists the open files of this process.
//!
//! The functions return `None` if the system can't tell. They look at files without opening them, because closing a
//! file drops the locks that this process holds on it.

use std::collections::BTreeSet;
use std::path::Path;

/// The identity of a file under any path: device and number.
pub(super) type Inode = (u64, u64);

/// Returns the inode of a path.
#[cfg(unix)]
pub(super) fn inode_of(path: &Path) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Returns the descriptors of this process that are open on `inode`.
#[cfg(unix)]
pub(super) fn open_on(inode: Inode) -> Option<BTreeSet<u32>> {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let entries = std::fs::read_dir(folder).ok()?;
    let descriptors = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_on = |descriptor: &u32| inode_of(&Path::new(folder).join(descriptor.to_string())) == Some(inode);
    Some(descriptors.filter(is_on).collect())
}

/// Whether this process holds a POSIX lock, as SQLite takes it, on the file of the descriptor.
pub(super) fn holds_lock(descriptor: u32) -> bool {
    std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).is_ok_and(|info| info.contains(" POSIX "))
}

/// Locks belong to the handle on Windows, so there is nothing to look for.
#[cfg(not(unix))]
pub(super) fn inode_of(_path: &Path) -> Option<Inode> {
    None
}

#[cfg(not(unix))]
pub(super) fn open_on(_inode: Inode) -> Option<BTreeSet<u32>> {
    None
}
