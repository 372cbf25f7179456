//! Machines that are lost and come back from an image or from nothing, and machines that are there
//! twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::Millis;
use edge::FilesSink;
use edge::file_drop::{Settings, take_back};
use exchange::Node;
use exchange::code_tables::CodeTables;
use exchange::deliver::Deliver;
use exchange::outlet::Outlet;
use exchange::restore::{Restoring, begin};

use super::platform;
use super::{Feed, PROVINCE, TIERS, TestNode, World, bulk, code, faults, feed, live};

impl World {
    /// Takes an image of a tier's store while it is at work, as `tiergate backup` does.
    pub async fn image(&self, tier: usize, name: &str) {
        self.stores.image(TIERS[tier], name).await;
        if tier == PROVINCE {
            copy(&self.kept_folder(), &self.sink_image(name));
        }
    }

    fn sink_image(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("sink image {name}"))
    }

    /// The machine of a tier is gone for good. Another takes its place, from an image or from
    /// nothing, and begins a new epoch, as `tiergate node restore` does. Gives the epoch.
    pub async fn lose(&mut self, tier: usize, image: Option<&str>, since: Millis) -> u32 {
        self.put_in_place(tier, image).await;
        self.restored(tier, since).await
    }

    /// Puts another store in a tier's place, and nothing else.
    pub async fn put_in_place(&mut self, tier: usize, image: Option<&str>) {
        drop(self.nodes.remove(tier));
        let code = self.parts[tier].code.clone();
        // The last handle must be gone before the file is.
        let nothing = store::MemoryStore::new(&code).shared();
        self.parts[tier].store = nothing;
        self.stores.replace(TIERS[tier], image).await;
        let inner = self.stores.open(TIERS[tier], &code).await;
        self.parts[tier].store = faults::guard(inner, &code, &self.faults);
        if tier == PROVINCE {
            self.sink += 1;
            if let Some(image) = image {
                copy(&self.sink_image(image), &self.kept_folder());
            }
        }
        let node = self.machine(tier, "test", self.folder.path());
        self.nodes.insert(tier, node);
    }

    /// `tiergate node restore` over the store that is there; files read since stand in their folder
    /// again.
    pub async fn restored(&mut self, tier: usize, since: Millis) -> u32 {
        let node = Arc::clone(&self.nodes[tier].node);
        let fed = self.setup.feeds.iter().any(|f| f.tier() == tier);
        let restoring = Restoring {
            links: &node.links,
            routes: if fed { vec![live(), bulk()] } else { Vec::new() },
            epoch: None,
            since: since.day(),
            who: "op-01".into(),
            from: "image".into(),
            now: self.now,
        };
        let epoch = begin(&node.store, restoring).await.expect("a new epoch");
        drop(self.nodes.remove(tier));
        drop(node);
        for feed in self.setup.feeds.iter().filter(|f| **f == Feed::Lines(tier)) {
            let adapt::Source::Files(source) = &feed.read().source else { continue };
            let settings = Settings::of("line", self.drop_folder(tier), source);
            take_back(&settings, since).expect("the folder");
        }
        let machine = self.machine(tier, "test", self.folder.path());
        self.nodes.insert(tier, machine);
        epoch
    }

    /// A second machine with a tier's key and a copy of its store as it is now; its sources are its
    /// own.
    pub async fn twin(&mut self, tier: usize) -> PathBuf {
        let name = format!("twin-{}", self.twins.len());
        self.stores.image(TIERS[tier], &name).await;
        self.stores.replace(&name, Some(&name)).await;
        let code = self.parts[tier].code.clone();
        let inner = self.stores.open(&name, &code).await;
        let own = faults::guard(inner, &code, &self.faults);
        let base = self.folder.path().join(&name);
        for feed in self.setup.feeds.iter().filter(|f| f.tier() == tier) {
            feed.prepare(&base).await;
        }
        let first = std::mem::replace(&mut self.parts[tier].store, own);
        let machine = self.machine(tier, "test", &base);
        self.parts[tier].store = first;
        self.twins.push(machine);
        feed::folder(&base, tier)
    }

    /// Every worker of every second machine takes a turn.
    pub(super) async fn twins_turn(&mut self) -> u64 {
        let mut done = 0;
        for twin in &mut self.twins {
            for worker in &mut twin.workers {
                let turn = exchange::work::turn(&mut **worker, self.now).await;
                done += turn.expect("a turn of a second machine").done;
            }
        }
        done
    }
}

impl World {
    pub(super) fn start(&mut self) {
        for tier in 0..TIERS.len() {
            let node = self.at_work(tier, Arc::new(self.node(tier, "test")));
            self.nodes.push(node);
        }
    }

    /// A machine of a tier with its workers; its sources stand below `base`.
    pub(super) fn machine(&self, tier: usize, holder: &str, base: &Path) -> TestNode {
        self.at_work_below(tier, Arc::new(self.node(tier, holder)), base)
    }

    /// A node with its workers.
    pub(super) fn at_work(&self, tier: usize, node: Arc<Node>) -> TestNode {
        self.at_work_below(tier, node, self.folder.path())
    }

    fn at_work_below(&self, tier: usize, node: Arc<Node>, base: &Path) -> TestNode {
        let mut workers = exchange::workers(&node);
        for feed in self.setup.feeds.iter().filter(|f| f.tier() == tier) {
            workers.insert(0, feed.collect(&node, base));
            workers.insert(0, feed.backfill(&node, base));
        }
        if let Some((_, from)) = self.setup.publisher.filter(|(reader, _)| *reader == tier) {
            let tables = CodeTables::new(Arc::clone(&node), code(TIERS[from]));
            workers.insert(0, Box::new(tables));
        }
        if let Some(there) = self.platform.as_ref().filter(|_| tier == PROVINCE) {
            let port = Box::new(there.port());
            let outlet = Outlet::new(Arc::clone(&node), platform::target(), port);
            let accept = workers.iter().position(|w| w.name() == "accept").expect("a worker");
            workers[accept] = Box::new(outlet);
        }
        if tier == PROVINCE {
            let sink = FilesSink::open("files", &self.kept_folder()).expect("a folder");
            workers.push(Box::new(Deliver::new(Arc::clone(&node), "files", Box::new(sink))));
        }
        TestNode { node, workers }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for (name, bytes) in super::files(from) {
        std::fs::write(to.join(name), bytes).expect("a file");
    }
}
