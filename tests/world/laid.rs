//! What a story lays down for its sources to find.

use std::time::{Duration, UNIX_EPOCH};

use super::{TOWN, World, input};

impl World {
    /// Lays a file of old lines where the township's back-fill finds it.
    pub fn lay_old(&self, name: &str, lines: &[input::Line]) {
        let folder = self.drop_folder(TOWN).with_extension("history");
        std::fs::create_dir_all(&folder).expect("a folder");
        input::drop_file(&folder, name, lines);
    }

    /// Drops a file of old lines at the township.
    pub fn drop_history(&self, name: &str, lines: &[input::Line]) {
        input::drop_file(&self.drop_folder(TOWN).with_extension("old"), name, lines);
    }

    /// Drops a file of lines at the township.
    pub fn drop_lines(&self, name: &str, lines: &[input::Line]) {
        self.drop_lines_at(TOWN, name, lines);
    }

    /// Drops a file of lines at a tier.
    pub fn drop_lines_at(&self, tier: usize, name: &str, lines: &[input::Line]) {
        input::drop_file(&self.drop_folder(tier), name, lines);
        let path = self.drop_folder(tier).join(name);
        let at = UNIX_EPOCH + Duration::from_millis(self.now.0.unsigned_abs());
        let file = std::fs::File::options().write(true).open(path).expect("the file");
        file.set_modified(at).expect("the file");
    }
}
