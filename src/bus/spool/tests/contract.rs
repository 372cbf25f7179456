//! The contract of every carrier, over files: what one side writes out is what the other finds.

use super::*;
use crate::contract::Rig;

struct Files {
    a: Arc<SpoolBus>,
    b: Arc<SpoolBus>,
    _base: TempDir,
}

fn open(small: bool) -> Files {
    let base = tempfile::tempdir().expect("a folder");
    let (up, down) = (base.path().join("up"), base.path().join("down"));
    let side = |own: &str, peer: &str, out: &Path, incoming: &Path| {
        let folder = Folder::open(&base.path().join(own), Some(out), Some(incoming));
        let mut settings = Settings { poll: Duration::from_millis(10), ..quick() };
        settings.out_files_max = if small { 3 } else { 10_000 };
        let exchange = Arc::new(folder.expect("folders"));
        let (node, peer) = (node(own), node(peer));
        Arc::new(SpoolBus::new(vec![SpoolLink {
            node,
            peer,
            settings,
            closing: Closing::none(),
            exchange,
        }]))
    };
    Files { a: side("a", "b", &up, &down), b: side("b", "a", &down, &up), _base: base }
}

impl Rig for Files {
    async fn open(small: bool) -> Self {
        open(small)
    }

    fn bus(&self, short: &str) -> Arc<dyn Bus> {
        let side = if short == "a" { &self.a } else { &self.b };
        Arc::clone(side) as Arc<dyn Bus>
    }
}

mod suite {
    use super::Files;

    crate::contract::mount!(Files);
}
