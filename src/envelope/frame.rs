//! The parcel: one zstd frame with its content size declared, kept and passed as it is.

use zstd::zstd_safe;

use crate::Refuse;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Compresses a package; the frame declares its content size.
///
/// # Panics
/// Never for packages within [`crate::limits::PACKAGE_BYTES_MAX`]: compression into a buffer of
/// the bound's size cannot fail but for want of memory.
pub fn frame(package: &[u8], level: i32) -> Vec<u8> {
    zstd::bulk::compress(package, level).expect("compressing into a bound-sized buffer")
}

/// Decompresses a frame whose declared size is at most `max`. The size is checked before anything
/// is allocated; a frame without one, two frames, and bytes behind the frame are refused.
pub fn open_frame(frame: &[u8], max: usize) -> Result<Vec<u8>, Refuse> {
    if !frame.starts_with(&MAGIC) {
        return Err(Refuse::Frame { what: "no zstd frame at its start" });
    }
    let declared = zstd_safe::get_frame_content_size(frame)
        .map_err(|_| Refuse::Frame { what: "its header cannot be read" })?
        .ok_or(Refuse::Frame { what: "it declares no size" })?;
    if declared > max as u64 {
        return Err(Refuse::TooLarge { what: "package", size: declared, max: max as u64 });
    }
    let consumed = zstd_safe::find_frame_compressed_size(frame)
        .map_err(|_| Refuse::Frame { what: "it is cut off or damaged" })?;
    if consumed != frame.len() {
        return Err(Refuse::Frame { what: "bytes follow the frame" });
    }
    let size = usize::try_from(declared).unwrap_or(max);
    let package = zstd::bulk::decompress(frame, size)
        .map_err(|_| Refuse::Frame { what: "it does not decompress to its declared size" })?;
    if package.len() != size {
        return Err(Refuse::Frame { what: "it does not decompress to its declared size" });
    }
    Ok(package)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_frame_opens_to_its_bytes() {
        for package in [&b""[..], b"x", &[7; 100_000]] {
            assert_eq!(open_frame(&frame(package, 3), 100_000).unwrap(), package);
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_declared_size() {
        let bomb = frame(&vec![0; 10 << 20], 3);
        assert!(bomb.len() < 2_000);
        assert_eq!(open_frame(&bomb, 1 << 20).unwrap_err().code(), "envelope.too_large");
    }

    #[test]
    fn a_lie_about_the_size_is_refused() {
        let mut lie = frame(&[7; 300], 3);
        // Two-byte content size field behind magic and descriptor: 300 - 256.
        assert_eq!(lie[5..7], [44, 0]);
        lie[5] = 43;
        assert_eq!(open_frame(&lie, 1 << 20).unwrap_err().code(), "envelope.frame");
        lie[5] = 45;
        assert_eq!(open_frame(&lie, 1 << 20).unwrap_err().code(), "envelope.frame");
    }

    #[test]
    fn no_size_two_frames_a_cut_and_a_skippable_frame_are_refused() {
        let mut stream = zstd::Encoder::new(Vec::new(), 3).unwrap();
        stream.write_all(&[1; 4096]).unwrap();
        let unsized_frame = stream.finish().unwrap();
        let one = frame(b"one", 3);
        let two = [one.as_slice(), &one].concat();
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        for bad in [&unsized_frame[..], &two, &one[..one.len() - 1], &skippable, b"", b"<?xml"] {
            assert_eq!(open_frame(bad, 1 << 20).unwrap_err().code(), "envelope.frame");
        }
    }
}
